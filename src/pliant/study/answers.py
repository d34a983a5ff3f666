"""``Answers``: answers the requests of workers that share a study, many in one transaction.

``serve`` brings the requests over a socket, ``team.post`` through a database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol, final

from pliant.algorithms.rewards import check_told
from pliant.values.errors import FeedbackError, PliantError, StaleError, StudyError, quote

from .store.store import LostConnection
from .study import Study
from .trials.check import check_arguments, to_plain
from .trials.trial import RUNNING, Trial
from .wire import error_to_json, trial_to_json

CHUNK = 500  # trials that are put back in one transaction
RETURN_SECONDS = 2.0  # the time for workers of an earlier server to report which trials they have

Request = dict[str, Any]
Answer = dict[str, Any]


class Caller(Protocol):
    """A worker that sends requests.

    Attributes:
      name: its name, for readers of the study.
      tokens: the token of each of its trials.
      is_gone: whether it sends no more requests.
    """

    name: str
    tokens: dict[int, int]
    is_gone: bool


@final
class Answers:
    """Answers requests to a study, for the thread of a server.

    Args:
      study: open for writing.
      callers: returns all workers that are connected.
      lease: seconds that a worker may be silent.
      attempts: the largest number of attempts of a trial; None for no limit.
    """

    def __init__(
        self, study: Study, callers: Callable[[], Collection[Caller]], *, lease: float, attempts: int | None
    ) -> None:
        self.study = study
        self._callers = callers
        self._lease, self._attempts = lease, attempts
        self._loop = study._writer()
        self._before: set[int] = set()
        self._patience = 0.0

    def begin(self, patience: float = RETURN_SECONDS) -> None:
        """Starts the clock of the leases.

        Args:
          patience: seconds in which workers of an earlier server may come back with their trials, before others get these.
        """
        held = {trial.id for trial in self._loop.leases.granted()}  # of this process
        self._before = {trial.id for trial in self.study.trials("running")} - held
        self._loop.leases.now()
        self._loop.leases.beat = self._lease / 4
        self._patience = self.time() + patience

    def end(self) -> None:
        """Stops the clock of the leases."""
        self._loop.leases.beat = None

    def time(self) -> float:
        """Returns the time, without the time for which this process was stopped."""
        with self.study._store.lock:
            return self._loop.leases.now() - self._loop.leases.paused

    def may_ask(self) -> bool:
        """Returns whether trials may be handed out: workers of an earlier server have come back, or had the time to."""
        if self._before and self.time() < self._patience:
            return False
        self._before.clear()
        return True

    def answer_all(self, requests: Sequence[tuple[Caller, Request]]) -> list[Answer]:
        """Returns the answers, all of one transaction, after their results are on the disk."""
        before = [(caller, dict(caller.tokens)) for caller, _ in requests]
        answers = self._try(requests)
        while answers is None:
            for caller, tokens in before:
                caller.tokens = dict(tokens)
            answers = self._wait(requests) or self._try(requests)
        return answers

    def answer(self, caller: Caller, request: Request) -> Answer:
        """Returns the answer to one request, in the present transaction."""
        work = self._WORK.get(str(request.get("do")))
        try:
            if work is None:
                raise StudyError(
                    f"the requests to a study are {', '.join(self._WORK)}; got {quote(request.get('do'))}."
                )
            found: Answer = work(self, caller, request)
        except LostConnection:
            raise
        except PliantError as error:
            return error_to_json(error)
        except Exception as error:  # noqa: BLE001  # a bad request of one worker must not end the server
            return error_to_json(StudyError(f"a malformed request: {type(error).__name__}: {error!s:.200}"))
        return found

    def welcome(self, caller: Caller, tokens: Iterable[Any]) -> None:
        """Gives a worker the trials back that it says it has: pairs of an id and a token; not those of others."""
        others = [other for other in self._callers() if other is not caller]
        theirs = {key for other in others if not other.is_gone for key in other.tokens}
        held = {
            trial_id: token
            for trial_id, token in tokens
            if trial_id.__class__ is int and trial_id not in theirs
        }
        caller.tokens |= (taken := self._loop.renew_all(held, self._lease))
        self._before -= taken.keys()
        for other in others:  # that are gone: the worker has come back by another connection
            other.tokens = {key: token for key, token in other.tokens.items() if key not in taken}

    def renew(self, caller: Caller) -> None:
        """Extends the leases of a worker's trials, as it is alive."""
        caller.tokens = self._loop.renew_all(caller.tokens)

    def lose(self, caller: Caller, why: str | None = None) -> None:
        """Puts back the trials of a worker that disconnected; with ``why``, they were only interrupted."""
        held = list(caller.tokens.items())
        for start in range(0, len(held), CHUNK):
            with (
                suppress(Exception),
                self.study.together(),
            ):  # a closed study hands them out when it is opened
                for trial_id, token in held[start : start + CHUNK]:
                    with suppress(FeedbackError):  # the trial has ended
                        self.study.put_back(
                            trial_id,
                            why or f"{caller.name} disconnected",
                            token=token,
                            attempts=None if why else self._attempts,
                        )

    # ------------------------------------------------------------------ private

    def _try(self, requests: Sequence[tuple[Caller, Request]]) -> list[Answer] | None:
        """Returns the answers, all of one transaction; None after a lost connection to the database."""
        try:
            with self.study.together():
                return [self.answer(caller, request) for caller, request in requests]
        except LostConnection:
            return None
        except Exception as error:  # noqa: BLE001  # such as a full disk: nothing was done, and the next requests may succeed
            return [error_to_json(error)] * len(requests)

    def _wait(self, requests: Sequence[tuple[Caller, Request]]) -> list[Answer] | None:
        """Waits until the database is reachable; returns the answers if it stays unreachable."""
        try:
            self.study.counts()
        except Exception as error:  # noqa: BLE001  # likewise
            return [error_to_json(error)] * len(requests)
        return None

    def _hello(self, caller: Caller, request: Request) -> Answer:
        caller.name = to_plain(str(request["worker"])[:200])
        self.welcome(caller, request.get("held", ()))
        return {
            "space": self.study.space.to_json(),
            "lease": self._lease,
            "name": self.study.name,
            "complete": self.study.is_complete,
        }

    def _ask(self, caller: Caller, request: Request) -> Answer:
        if not self.may_ask():
            return {"trial": None, "complete": False}  # the worker asks again
        trial = self.study.ask(worker=caller.name, lease=self._lease, attempts=self._attempts)
        if trial is None:
            return {"trial": None, "complete": self.study.is_complete}
        caller.tokens[trial.id] = trial.token
        return {"trial": trial_to_json(trial)}

    def _report(self, caller: Caller, request: Request) -> Answer:
        given = {name: request[name] for name in ("step", "metrics")} | {"token": _read_token(request)}
        return {"stop": self.study.report(request["id"], request["reward"], **given)}

    def _tell(self, caller: Caller, request: Request) -> Answer:
        reward = request["reward"]
        reward = tuple(reward) if isinstance(reward, list) else reward
        given = {"token": _read_token(request), "metrics": request["metrics"]}
        return self._end(caller, request, lambda: self.study.tell(request["id"], reward, **given))

    def _fail(self, caller: Caller, request: Request) -> Answer:
        given = {name: request[name] for name in ("metrics", "cause")} | {"token": _read_token(request)}
        return self._end(caller, request, lambda: self.study.fail(request["id"], request["reason"], **given))

    def _put_back(self, caller: Caller, request: Request) -> Answer:
        limit = None if request.get("interrupted") is True else self._attempts
        trial = self.study.put_back(
            request["id"], request["reason"], token=_read_token(request), attempts=limit
        )
        caller.tokens.pop(trial.id, None)
        return {"trial": trial_to_json(trial)}

    def _renew(self, caller: Caller, request: Request) -> Answer:
        self.renew(caller)
        return {}

    def _note(self, caller: Caller, request: Request) -> Answer:
        self.study.note(request["id"], request["text"])
        return {}

    def _extend(self, caller: Caller, request: Request) -> Answer:
        """Sets the number of trials, as opening the study with it does."""
        count = check_arguments(None, None, request["trials"])
        if count is not None:
            self._loop.step(lambda record: record.change_settings(budget=count))
        return {}

    def _end(self, caller: Caller, request: Request, end: Callable[[], Trial]) -> Answer:
        """Ends a trial; the same result a second time succeeds."""
        try:
            ended = end()
        except (LostConnection, StaleError):
            raise
        except FeedbackError as error:
            before = self._find(request["id"])
            if before is None or before.status == RUNNING or not _is_same(before, request):
                if before is not None and before.status != RUNNING:
                    self.study.note(before.id, str(error))
                raise
            ended = before
        caller.tokens.pop(ended.id, None)
        self._before.discard(ended.id)
        return {"trial": trial_to_json(ended)}

    def _find(self, trial_id: Any) -> Trial | None:
        try:
            return self.study.trial(trial_id)
        except FeedbackError:
            return None

    _WORK = {  # noqa: RUF012  # a table of methods
        "hello": _hello,
        "ask": _ask,
        "report": _report,
        "tell": _tell,
        "fail": _fail,
        "put_back": _put_back,
        "renew": _renew,
        "note": _note,
        "extend": _extend,
    }


def _read_token(request: Request) -> int:
    """Returns the token of a request; without one, any worker could end the trials of others by mistake."""
    token = request["token"]
    if token.__class__ is not int:
        raise FeedbackError(f"the token of a trial is an integer, `trial.token`; got {quote(token)}.")
    return token


def _is_same(trial: Trial, request: Request) -> bool:
    """Returns whether a trial ended with the result of a request, by the same attempt."""
    if request["token"] != trial.attempts:
        return False
    metrics = request["metrics"]
    if request["do"] == "fail":
        return trial.reason == to_plain(request["reason"]) and trial.metrics == metrics
    told = check_told(request["reward"], trial=trial.id)
    if trial.told is not None:
        return told == trial.told and trial.metrics == metrics
    kept = tuple([value for name, value in trial.metrics.items() if name not in metrics])
    return trial.cause == "constraint" and kept == (told if isinstance(told, tuple) else (told,))
