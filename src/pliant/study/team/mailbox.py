"""``Mailbox``: the link of a member to its leader through a database: a row with its request, and the answer to it.

The leader answers in the transaction that does what was asked, so that a request is done once, whatever breaks.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from time import monotonic, sleep
from typing import Any, final
from uuid import uuid4

from pliant.values.errors import StudyError

from ..store.location import Server
from ..wire import error_from_json
from .link import Link
from .session import LEADER_SESSION, Gone, NoTable, Session

LOOK = 0.5  # seconds between checks of the leader
SILENCE = (
    10.0  # seconds after which a leader that has the right to write, but is stopped or cut off, loses it
)
PATIENCE = 60.0  # seconds that a server may be unreachable
ENTER = """
INSERT INTO workers (key, name, held) VALUES (%(key)s, %(name)s, %(held)s)
ON CONFLICT (key) DO UPDATE SET seen = clock_timestamp() RETURNING id
"""
ASK = """
UPDATE workers SET number = %(number)s, request = %(request)s, seen = clock_timestamp() WHERE key = %(key)s
RETURNING pg_notify(%(channel)s, '')
"""
READ = "SELECT answered, answer FROM workers WHERE key = %(key)s"
LEADER = f"""
SELECT ({LEADER_SESSION}),
  (SELECT extract(epoch FROM clock_timestamp() - max(seen)) FROM workers WHERE leads AND session = ({LEADER_SESSION}))
"""  # noqa: S608  # of constants
ALIVE = "UPDATE workers SET seen = clock_timestamp() WHERE key = %(key)s"
LEAVE = "UPDATE workers SET gone = true WHERE key = %(key)s RETURNING pg_notify(%(channel)s, '')"


class Unled(StudyError):
    """No process leads the search now."""


@final
class Mailbox(Link):
    """Requests through the database of a study.

    Args:
      server: the study.
      worker: the name of this process, for readers of the study.
      held: the token of each trial that this process has; the leader receives it.
      lease: seconds that this process may be silent.

    Raises:
      Unled: no process leads the search.
      StudyError: the database cannot be reached.
    """

    def __init__(self, server: Server, worker: str, held: dict[int, int], *, lease: float) -> None:
        self._server, self._worker, self._held = server, worker, held
        self._key, self._number = uuid4().hex, 0
        self._open: str | None = None  # the request without an answer
        self._closed = threading.Event()
        self._session = self._enter()
        self._beat = threading.Thread(target=self._live, args=(min(lease / 4, 5.0),), daemon=True)
        self._beat.start()

    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(request)
        if text != self._open:
            self._number, self._open = self._number + 1, text
        end = None
        while True:
            try:
                answer = self._say(text)
                break
            except Gone as error:
                end = monotonic() + PATIENCE if end is None else end
                self._reconnect(end, error)
        self._open = None
        if "error" in answer:
            raise error_from_json(answer, request.get("id", 0))
        return answer

    def settle(self) -> dict[str, Any] | None:
        if self._open is None:
            return None
        try:
            found = self._read()
            self._session.run("DELETE FROM workers WHERE key = %(key)s", {"key": self._key})
        except (Gone, NoTable):  # the new leader reads the row when it begins
            return None
        self._open = None
        return None if found is None or "error" in found else found

    def close(self) -> None:
        self._closed.set()
        with suppress(Gone, NoTable):
            self._session.run(LEAVE, {"key": self._key, "channel": self._session.channel})
        self._session.close()

    # ------------------------------------------------------------------ private

    def _enter(self) -> Session:
        """Connects, and writes the row of this process, which a lock of the session marks as alive."""
        session = Session(self._server)
        try:
            try:
                self._check_leader(session)
                held = json.dumps(self._held)
                row = {"key": self._key, "name": self._worker[:200], "held": held}
                ((number,),) = session.run(ENTER, row)
            except NoTable:
                raise Unled(f"no process leads the search of {str(self._server)!r} yet.") from None
            lock = {"class": session.worker_class, "id": number}
            session.run("SELECT pg_advisory_lock_shared(%(class)s::int, %(id)s::int)", lock)
            session.listen(f"{session.channel}_{number}")
        except BaseException:
            session.close()
            raise
        return session

    def _say(self, text: str) -> dict[str, Any]:
        """Writes a request, unless it is there; waits for the answer, and returns it."""
        given = {"number": self._number, "request": text, "key": self._key, "channel": self._session.channel}
        session = self._session
        if (found := self._read()) is not None:
            return found
        if not session.run(ASK, given):  # the leader took this process for lost
            self._session.close()
            self._session = self._enter()
            return self._say(text)
        while True:
            session.wait(LOOK)
            if (found := self._read()) is not None:
                return found
            self._check_leader(session)

    def _read(self) -> dict[str, Any] | None:
        """Returns the answer to the open request, if it is there."""
        rows = self._session.run(READ, {"key": self._key})
        if not rows or rows[0][0] < self._number or rows[0][1] is None:
            return None
        answer: dict[str, Any] = json.loads(rows[0][1])
        return answer

    def _check_leader(self, session: Session) -> None:
        """Raises Unled where no process leads; ends the session of a leader that is stopped or cut off."""
        ((process, silent),) = session.run(LEADER, session.leader_lock)
        if process is None:
            raise Unled(f"no process leads the search of {str(self._server)!r}.")
        if silent is None:
            raise Unled(f"the process that writes {str(self._server)!r} does not share it yet.")
        if silent > SILENCE:
            session.run("SELECT pg_terminate_backend(%(process)s)", {"process": process})
            raise Unled(f"the leader of {str(self._server)!r} was silent for {silent:.0f} s.")

    def _reconnect(self, end: float, error: Gone) -> None:
        self._session.close()
        while True:
            sleep(0.2)
            try:
                self._session = self._enter()
                return
            except Gone:
                pass
            except Unled:
                raise
            except StudyError:
                if monotonic() > end:
                    raise StudyError(
                        f"the server of {str(self._server)!r} was unreachable for {PATIENCE:g} s. Start it, and run again: what "
                        f"was told before is kept. (PostgreSQL: {error}.)"
                    ) from error

    def _live(self, seconds: float) -> None:
        """Thread: sends signs of life."""
        while not self._closed.wait(seconds):
            with suppress(Gone, NoTable):
                self._session.run(ALIVE, {"key": self._key})
