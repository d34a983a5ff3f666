"""``Post``: the leader's part of a team on a server: reads the requests of the others in their rows, and answers them.

A request, what it does to the study, and its answer are one transaction of the leader.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, final
from uuid import uuid4

import sqlalchemy as sa

from pliant.values.errors import PliantError, StudyError

from ..answers import Answers
from ..store.location import Server
from ..store.store import LostConnection
from ..study import Study
from .session import LEADER_SESSION, TABLE, Gone, NoTable, Session

BEAT = 1.0  # seconds between signs of life of the leader, and between checks of the others
WAIT = 0.25  # seconds of a wait for requests
GRACE = 3.0  # seconds after which a process without a session has died
MANY = 200  # requests of one transaction

_PENDING = sa.text(
    "SELECT id, name, held, number, request FROM workers WHERE number > answered AND NOT gone ORDER BY id "
    "LIMIT :many FOR UPDATE SKIP LOCKED"
)
_ANSWER = sa.text(
    "UPDATE workers SET answered = number, answer = :answer, held = :held, seen = clock_timestamp() WHERE id = :id "
    "RETURNING pg_notify(:channel, '')"
)
_OTHERS = sa.text(
    "SELECT id, name, held, gone, extract(epoch FROM seen), EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND "
    "database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND classid = :class AND "
    "objid = workers.id AND objsubid = 2) FROM workers WHERE NOT leads ORDER BY id"
)
_REMOVE = sa.text("DELETE FROM workers WHERE id = :id")
_LEAD = (
    f"INSERT INTO workers (key, name, leads, session) VALUES (%(key)s, %(name)s, true, ({LEADER_SESSION}))"  # noqa: S608  # of constants
)
_ALIVE = f"UPDATE workers SET seen = clock_timestamp(), session = ({LEADER_SESSION}) WHERE key = %(key)s"  # noqa: S608  # likewise


@final
@dataclass(eq=False)
class Mate:
    """Another process of the team, as its leader knows it."""

    id: int
    name: str
    tokens: dict[int, int] = field(default_factory=dict)
    is_gone: bool = False
    seen: float = 0.0  # when it was last seen, by the clock of the server
    lost: float | None = None  # since when it has no session


@final
class Post:
    """Answers the requests of a team in the database of its study: two threads of the leader, until it is closed.

    Args:
      study: open for writing.
      server: its place.
      worker: the name of this process, for readers of the study.
      lease: seconds that a process may be silent.
      attempts: the largest number of attempts of a trial; None for no limit.

    Attributes:
      answers: answers the requests.
    """

    def __init__(
        self, study: Study, server: Server, worker: str, *, lease: float, attempts: int | None
    ) -> None:
        self._study, self._place, self._worker = study, server, worker
        self._mates: dict[int, Mate] = {}
        self._key, self._looked = uuid4().hex, 0.0
        self.answers = Answers(study, self._mates.values, lease=lease, attempts=attempts)
        self._closing = threading.Event()
        self._bell = self._enter(is_first=True)
        with study.together():
            self._look(is_first=True)
        self.answers.begin(patience=0.0)  # the rows say which processes have which trials
        self._threads = [
            threading.Thread(target=work, name="pliant-team", daemon=True)
            for work in (self._serve, self._live)
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stops answering; the other processes keep their trials, and one of them leads.  A second call does nothing."""
        self._closing.set()
        for thread in self._threads:
            thread.join()
        self.answers.end()
        with suppress(Gone, NoTable):
            self._bell.run("DELETE FROM workers WHERE key = %(key)s", {"key": self._key})
        self._bell.close()

    # ------------------------------------------------------------------ the threads

    def _serve(self) -> None:
        """Answers requests until the post is closed, or another process leads."""
        while not self._closing.is_set():
            try:
                self._bell.wait(WAIT)
            except Gone:
                if not self._ring():
                    continue
            try:
                self._turn()
            except (
                PliantError
            ):  # another process leads, or the server is gone for good: the next step here says so
                return

    def _live(self) -> None:
        """Sends signs of life, also while a long step is done."""
        while not self._closing.wait(BEAT):
            with suppress(Gone, NoTable):
                self._bell.run(_ALIVE, {"key": self._key, **self._bell.leader_lock})

    def _turn(self) -> None:
        while True:
            try:
                with self._study.together():
                    while self._answer_pending() == MANY:
                        pass
                    if monotonic() - self._looked >= BEAT:
                        self._look()
                return
            except LostConnection:
                self._study.counts()  # waits for the server

    def _enter(self, *, is_first: bool = False) -> Session:
        bell = Session(self._place)
        try:
            bell.run(TABLE)
            bell.listen(bell.channel)
            if is_first:
                bell.run("DELETE FROM workers WHERE leads")
                bell.run(_LEAD, {"key": self._key, "name": self._worker[:200], **bell.leader_lock})
        except BaseException:
            bell.close()
            raise
        return bell

    def _ring(self) -> bool:
        """Connects again after a lost connection; returns whether it did."""
        self._bell.close()
        try:
            self._bell = self._enter()
        except (Gone, StudyError):
            self._closing.wait(WAIT)
            return False
        return True

    # ------------------------------------------------------------------ in a transaction of the leader

    def _run(self, statement: Any, **values: Any) -> Any:
        return self._study._store.record.connection.execute(statement, values)

    def _answer_pending(self) -> int:
        """Answers requests; returns their number."""
        rows = self._run(_PENDING, many=MANY).all()
        for row in rows:
            mate = self._find(row.id, row.name, row.held)
            mate.tokens = _read_tokens(row.held)  # what was changed in a transaction that failed is not true
            answer = self.answers.answer(mate, json.loads(row.request))
            channel = f"{self._bell.channel}_{row.id}"
            values = {"answer": json.dumps(answer), "held": json.dumps(mate.tokens)}
            self._run(_ANSWER, id=row.id, channel=channel, **values)
        return len(rows)

    def _find(self, number: int, name: str, held: str) -> Mate:
        """Returns a process by the number of its row; a new one gets the trials back that it has."""
        mate = self._mates.get(number)
        if mate is None:
            mate = self._mates[number] = Mate(number, name)
            self.answers.welcome(mate, _read_tokens(held).items())
        return mate

    def _look(self, *, is_first: bool = False) -> None:
        """Renews the leases of the processes that were seen, and puts back the trials of those that have died."""
        present = self._looked = monotonic()
        found = self._run(_OTHERS, **{"class": self._bell.worker_class & 0xFFFFFFFF}).all()
        for number, name, held, is_gone, seen, is_alive in found:
            mate = self._find(number, name, held)
            if is_alive:
                mate.lost = None
            elif mate.lost is None:
                mate.lost = present
            if is_gone or (mate.lost is not None and present - mate.lost > (0.0 if is_first else GRACE)):
                self.answers.lose(mate, "its process left the search" if is_gone else None)
                del self._mates[number]
                self._run(_REMOVE, id=number)
            elif float(seen) != mate.seen:
                mate.seen = float(seen)
                self.answers.renew(mate)


def _read_tokens(text: str) -> dict[int, int]:
    return {int(key): int(token) for key, token in json.loads(text).items()}
