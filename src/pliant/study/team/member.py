"""``Member``: a process of a team that runs one search, and ``join``, which makes it leader or follower.

The leader has the right to write the study, runs the algorithm and answers the requests of the others.  When it ends, the
next process that needs it takes over: it reads the events of the study, and so continues exactly.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar, final

from pliant.algorithms import Algorithm
from pliant.algorithms.rewards import check_number, check_step, check_told
from pliant.space import Space
from pliant.values.errors import FeedbackError, NoStudyError, StudyError, StudyInUseError

from ..serve import LEASE_SECONDS, Server, serve
from ..store.location import Location, Place
from ..store.lock import name_process
from ..store.opening import open_store
from ..store.store import Check, LostConnection
from ..study import Study
from ..trials.check import check_reason, to_id
from ..trials.constraint import check_metrics
from ..trials.trial import MAX_ATTEMPTS, RUNNING, Cause, Trial
from ..wire import trial_from_json
from ..writable import Writable
from .link import Away, Link, SocketLink
from .mailbox import Mailbox, Unled
from .mounts import find_network
from .post import Post
from .session import check_pooler
from .terms import Terms

Result = TypeVar("Result")
AWAY = (Away, Unled, LostConnection)  # no process leads, or the server restarts
JOIN_SECONDS = 2.0  # the time for a process that writes the study to serve it as well
PATIENCE = 600.0  # seconds without a leader after which a search ends
SERVER_SECONDS = 60.0  # the time for a server to start again
FIRST_SECONDS = 5.0  # the same at the first contact, where its address may be wrong
NOTICE = 10.0  # seconds after which that is said
PAUSES = (
    0.05,
    1.0,
)  # seconds between requests while other processes have all remaining trials; the least and the most
FOREVER = 1e9  # seconds; the lease of a trial of the leader's own process


@final
class Member(Writable):
    """A study that several processes continue together; made by ``join``.  One thread uses it.

    Attributes:
      leads: whether this process is the leader now.
    """

    def __init__(
        self, terms: Terms, *, check: Check, worker: str, lease: float, attempts: int | None
    ) -> None:
        store, settings = open_store(terms.location, writes=False, check=check)
        super().__init__(store, settings, terms.space)
        self._terms, self._worker, self._lease, self._attempts = terms, worker, lease, attempts
        self._held: dict[int, int] = {}  # the token of each trial of this process
        self._study: Study | None = None  # where this process leads
        self._server: Server | Post | None = None  # likewise: what answers the others
        self._link: Link | None = None  # where it follows
        self._since: float | None = None  # since when no process leads
        self._has_said = self._is_closed = False
        self._pause, self._rest = PAUSES[0], 0.0

    @property
    def leads(self) -> bool:
        """Whether this process is the leader now."""
        return self._study is not None

    @property
    def waits(self) -> bool:
        return not self.is_complete

    @property
    def exhaustion(self) -> str | None:
        return None if self._study is None else self._study.exhaustion

    def ask(
        self,
        *,
        attempts: int | None = MAX_ATTEMPTS,
        on_end: Callable[[Trial], object] = lambda trial: None,
    ) -> Trial | None:
        if monotonic() < self._rest:
            return None

        def here(study: Study) -> Trial | None:
            if self._server is not None and not self._server.answers.may_ask():
                return None
            return study.ask(worker=self._worker, attempts=attempts, on_end=on_end)

        trial = self._do({"do": "ask"}, here, self._read)
        if trial is None:
            self._rest, self._pause = monotonic() + self._pause, min(2 * self._pause, PAUSES[1])
            return None
        self._rest, self._pause = 0.0, PAUSES[0]
        self._held[trial.id] = trial.token
        return trial

    def report(
        self,
        trial_id: int,
        reward: float,
        *,
        step: float,
        token: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> bool:
        """Records an intermediate reward; returns whether the trial should stop, also because another process has it now."""
        numbers, told, at = (
            check_metrics(trial_id, metrics or {}),
            check_number(reward),
            check_step(step) + 0.0,
        )
        key, mine = self._find_token(trial_id, token)
        request = {"do": "report", "id": key, "token": mine, "reward": told, "step": at, "metrics": numbers}

        def here(study: Study) -> bool:
            return study.report(key, told, step=at, token=mine, metrics=numbers)

        try:
            return self._do(request, here, lambda answer: bool(answer["stop"]))
        except FeedbackError:
            if not self._is_late(key, mine):
                raise
            return True

    def tell(
        self,
        trial_id: int,
        reward: float | tuple[float, ...],
        *,
        token: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> Trial:
        """Records the reward of a running trial; returns it as it is now.

        A result that comes too late, as another process has the trial or has ended it, changes nothing.
        """
        numbers, told = check_metrics(trial_id, metrics or {}), check_told(reward, trial=trial_id)
        key, mine = self._find_token(trial_id, token)
        request = {"do": "tell", "id": key, "token": mine, "reward": told, "metrics": numbers}
        return self._end(request, lambda study: study.tell(key, told, token=mine, metrics=numbers))

    def fail(
        self,
        trial_id: int,
        reason: str,
        *,
        cause: Cause = "error",
        token: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> Trial:
        numbers, why = check_metrics(trial_id, metrics or {}), check_reason(trial_id, reason)
        key, mine = self._find_token(trial_id, token)
        request = {"do": "fail", "id": key, "token": mine, "reason": why, "cause": cause, "metrics": numbers}
        return self._end(
            request, lambda study: study.fail(key, why, cause=cause, token=mine, metrics=numbers)
        )

    def put_back(
        self, trial_id: int, reason: str, *, token: int | None = None, attempts: int | None = MAX_ATTEMPTS
    ) -> Trial:
        why, (key, mine) = check_reason(trial_id, reason), self._find_token(trial_id, token)
        request = {"do": "put_back", "id": key, "token": mine, "reason": why, "interrupted": attempts is None}
        return self._end(request, lambda study: study.put_back(key, why, token=mine, attempts=attempts))

    def note(self, trial_id: int | None, text: str) -> None:
        request = {"do": "note", "id": trial_id, "text": text}
        self._do(request, lambda study: study.note(trial_id, text), lambda answer: None)

    def close(self) -> None:
        """Leaves the team: another process leads, and trials of this one are handed out again.  A second call does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._leave()
        finally:
            self._store.close()

    def __enter__(self) -> Member:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ------------------------------------------------------------------ private

    def _read(self, answer: dict[str, Any]) -> Trial | None:
        return None if answer["trial"] is None else self._read_trial(answer)

    def _read_trial(self, answer: dict[str, Any]) -> Trial:
        return self._with_files(trial_from_json(self.space, answer["trial"]))

    def _find_token(self, trial_id: int, token: int | None) -> tuple[int, int | None]:
        key = to_id(trial_id)
        return key, self._held.get(key) if token is None else to_id(token)

    def _end(self, request: dict[str, Any], here: Callable[[Study], Trial]) -> Trial:
        key = request["id"]
        try:
            ended = self._do(request, here, self._read_trial)
        except FeedbackError:
            if not self._is_late(key, request["token"]):
                raise
            ended = self.trial(key)
        self._held.pop(key, None)
        return ended

    def _is_late(self, trial_id: int, token: int | None) -> bool:
        """Returns whether another process has ended a trial, or has it as a later attempt."""
        found = self.trial(trial_id)
        return found.status != RUNNING or (token is not None and found.attempts != token)

    def _do(
        self,
        request: dict[str, Any],
        here: Callable[[Study], Result],
        read: Callable[[dict[str, Any]], Result],
    ) -> Result:
        """Does a step of the study: here, where this process leads, else by a request; after a change of leaders again."""
        while True:
            try:
                if self._study is not None:
                    found = here(self._study)
                else:
                    assert self._link is not None
                    found = read(self._link.call(request))
            except (*AWAY, StudyInUseError) as error:
                answer = self._change(error)
                if answer is not None:
                    return read(answer)
                continue
            self._since, self._has_said = None, False
            return found

    def _change(self, error: StudyError) -> dict[str, Any] | None:
        """Takes over, or waits a moment for another leader; returns the answer that the last one gave to the open request."""
        self._since = monotonic() if self._since is None else self._since
        silent = monotonic() - self._since
        if silent > NOTICE and not self._has_said:
            self._has_said = True
            sys.stderr.write(f"search: waiting for a process that leads the search of {self.path}\n")
        if silent > PATIENCE:
            raise StudyError(
                f"for {PATIENCE:g} s no process could lead the search of {str(self.path)!r}: {error} Run the same command "
                "again: what was told before is kept."
            ) from error
        if self._study is not None:  # another process took over while this one was stopped or cut off
            self._leave()
        try:
            return self._take_over()
        except StudyInUseError:
            sleep(PAUSES[0])
            if self._link is None:
                self._try_to_follow()
        except StudyError as fault:
            if not _may_return(fault, self._terms) or silent > SERVER_SECONDS:
                raise
            sleep(PAUSES[1])  # the server starts again
        return None

    def _take_over(self) -> dict[str, Any] | None:
        """Leads from now on; returns the answer that the last leader gave to the open request."""
        study, answer = self._terms.resume(), None
        try:
            if self._link is not None:
                answer = self._link.settle()
                self._link.close()
                self._link = None
            self._lead(study)
        except BaseException:
            study.close()
            raise
        return answer

    def _lead(self, study: Study) -> None:
        """Starts to lead, with the trials that this process has."""
        kept = study._writer().renew_all(self._held, FOREVER)
        for gone in [key for key in self._held if key not in kept]:
            del self._held[gone]
        self._server = open_server(
            study, self._terms, self._worker, lease=self._lease, attempts=self._attempts
        )
        self._study = study

    def _try_to_follow(self) -> None:
        """Connects to the leader, if it can be reached."""
        try:
            self._link = connect_to(self._terms, self._worker, self._held, self._lease)
        except AWAY:
            sleep(PAUSES[0])

    def _leave(self) -> None:
        """Ends leading or following."""
        server, self._server = self._server, None
        study, self._study = self._study, None
        link, self._link = self._link, None
        try:
            if link is not None:
                link.close()
            if server is not None:
                server.close()
        finally:
            if study is not None:
                study.close()


def _may_return(fault: StudyError, terms: Terms) -> bool:
    """Returns whether the study may be there again in a moment: its server restarts."""
    is_away = isinstance(fault, LostConnection) or type(fault) is StudyError
    return is_away and not isinstance(terms.location, Path)


def connect_to(terms: Terms, worker: str, held: dict[int, int], lease: float) -> Link:
    """Returns the link to the leader of a search; raises an error of ``AWAY`` where none can be reached."""
    if isinstance(terms.location, Path):
        return SocketLink(terms.location, worker, held)
    return Mailbox(terms.location, worker, held, lease=lease)


def open_server(
    study: Study, terms: Terms, worker: str, *, lease: float, attempts: int | None
) -> Server | Post:
    """Starts what answers the other members of the team."""
    if isinstance(terms.location, Path):
        return serve(study, lease=lease, attempts=attempts)
    return Post(study, terms.location, worker, lease=lease, attempts=attempts)


def join(
    place: Place,
    space: Space,
    algorithm: Algorithm,
    *,
    trials: int | None = None,
    seed: int | None = None,
    maximize: bool = True,
    constraints: Iterable[str] = (),
    reuse: bool = False,
    worker: str | None = None,
    lease: float = LEASE_SECONDS,
    attempts: int | None = MAX_ATTEMPTS,
) -> Writable:
    """Opens or creates a study to continue it together with all other processes that do the same.

    >>> import tempfile
    >>> from pliant.algorithms import Random
    >>> from pliant.space import flatten, integer
    >>> space = flatten([integer("x", 0, 9)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with join(f"{folder}/a.db", space, Random(), trials=4) as first:
    ...         with join(f"{folder}/a.db", space, Random(), trials=4) as second:  # in any process
    ...             for member in (first, second, second, first):
    ...                 trial = member.ask()
    ...                 _ = member.tell(trial.id, trial.decisions["x"])
    ...             first.leads, second.leads, second.is_complete
    (True, False, True)

    Args:
      place: as for ``Study.create``; several machines need a study on a server.
      space: what to search; equal in all processes, as are the next six.
      algorithm: proposes the trials.
      trials: how many in all; another number than that of a running study becomes the number of it.
      seed: replaces the algorithm's seed.
      maximize: whether higher rewards are better.
      constraints: limits on the metrics of trials.
      reuse: as for ``Study.create``.
      worker: the name of this process, for readers of the study.
      lease: seconds that a process may be silent before its trials are handed out again.
      attempts: the largest number of attempts of a trial whose process is lost; None for no limit.

    Returns:
      A ``Member``; on a system without Unix sockets, a ``Study`` that only this process continues.

    Raises:
      StudyError, SpaceChangedError: as ``Study.open_or_create``; or a process writes the study, and shares it with none.
    """
    given: Any = {
        "trials": trials,
        "seed": seed,
        "maximize": maximize,
        "constraints": constraints,
        "reuse": reuse,
    }
    terms = Terms.make(place, space, algorithm, **given)
    return _enter(terms, {"worker": worker or name_process(), "lease": lease, "attempts": attempts})


def _enter(terms: Terms, given: dict[str, Any]) -> Writable:
    """Returns a member that leads, where no other process does, or that follows."""
    if isinstance(terms.location, Path) and not hasattr(os, "getuid"):
        return terms.create_or_open()
    used: float | None = None  # since when another process writes the study without sharing it
    lost: float | None = None  # since when its server cannot be reached
    was_reached, has_failed = False, False
    while True:
        try:
            if not was_reached:
                _refuse_poolers(terms.location)
                was_reached = True
            return _found(terms, terms.create_or_open(), given)
        except StudyInUseError as error:
            member = _follow(terms, given)
            if member is not None:
                return member
            used, lost = used or monotonic(), None
            if monotonic() > used + JOIN_SECONDS:
                raise _explain(terms, error) from error
            sleep(PAUSES[0])
        except LostConnection:
            used, lost, has_failed = None, lost or monotonic(), False
            if monotonic() > lost + (SERVER_SECONDS if was_reached else FIRST_SECONDS):
                raise
            sleep(PAUSES[1])  # the server starts, or starts again
        except StudyError as error:
            if has_failed or type(error) is not StudyError:
                raise
            has_failed = True  # such as a file that another process made at the same moment
            sleep(PAUSES[0])


def _refuse_poolers(location: Location) -> None:
    if not isinstance(location, Path) and (fault := check_pooler(location)):
        raise StudyError(fault)


def _found(terms: Terms, study: Study, given: dict[str, Any]) -> Member:
    """Returns a member that leads, with the study that it opened for writing."""
    try:
        member = Member(terms, check=lambda settings: None, **given)
        member._lead(study)
    except BaseException:
        study.close()
        raise
    return member


def _follow(terms: Terms, given: dict[str, Any]) -> Member | None:
    """Returns a member that follows the leader; None where none can be reached yet.

    Raises:
      StudyError, SpaceChangedError: the study has another space, algorithm or other settings than given.
    """
    try:
        member = Member(terms, check=terms.check, **given)
    except (NoStudyError, LostConnection):  # it is being made, or its server restarts
        return None
    try:
        member._link = connect_to(terms, given["worker"], member._held, given["lease"])
        if terms.trials is not None and terms.trials != member.info().budget:
            member._link.call({"do": "extend", "trials": terms.trials})
    except AWAY:
        member.close()
        return None
    except BaseException:
        member.close()
        raise
    return member


def _explain(terms: Terms, error: StudyInUseError) -> StudyError:
    """Returns the error for a study that a process writes without sharing it."""
    kind = find_network(terms.location) if isinstance(terms.location, Path) else None
    if kind is None:
        return error
    return StudyError(
        f"{error.fault} The file is on a network file system ({kind}), where only processes of one machine can share a study. "
        "For several machines, use a database: start one by `pliant study server FOLDER`, and give the address that it "
        "prints as `study`, such as study='postgresql://user@host/database?study=digits'."
    )
