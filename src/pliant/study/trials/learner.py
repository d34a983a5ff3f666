"""Keeps an algorithm in step with the record of a study: snapshots of its state, and replay of later events.

The record holds every event and a few snapshots.  The present state is the last snapshot with the later events replayed,
which the contract of ``Algorithm`` makes exact.  The distance between snapshots keeps the cost of a trial independent of
the size of the state.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import NamedTuple, final

from pliant.algorithms import Algorithm
from pliant.space import Decisions
from pliant.values.errors import LoadError, StudyError
from pliant.values.lines import read_json

from .constraint import Constraint, measure_excess

MIN_EVENTS = 64  # between snapshots
BYTES_PER_EVENT = 256  # of a snapshot, at most: a larger one is written less often
MAX_REPLAY_SECONDS = 1.0  # of events since the last snapshot; then one is written, for a quick resume

ASK, GIVE, REPORT, TELL, PRIOR = "ask", "give", "report", "tell", "prior"

Reward = float | tuple[float, ...] | None


class Event(NamedTuple):
    """An event of a study, in the order of the search.

    - ``ASK``: the algorithm proposed a trial.
    - ``GIVE``: an enqueued trial started; the algorithm receives it at its ``TELL``.
    - ``REPORT``: a trial reported an intermediate reward, at ``step``, answered by ``stop``.
    - ``TELL``: a trial ended with a reward, or None where it failed.
    - ``PRIOR``: the algorithm received the reward of a trial of another study.
    """

    seq: int
    kind: str
    trial: int
    decisions: Decisions
    reward: Reward
    step: float | None = None
    stop: bool | None = None
    seconds: float | None = None  # how long a trial that ended took, as recorded
    metrics: Mapping[str, float] | None = None  # of a trial that ended


@final
class Learner:
    """Passes rewards to an algorithm so that higher is better, and saves its state as text.

    Args:
      algorithm: set up for the space.
      maximize: whether a higher reward of the study is better.
      constraints: of the study; the algorithm receives by how much a trial breaks them.
    """

    def __init__(
        self, algorithm: Algorithm, *, maximize: bool, constraints: tuple[Constraint, ...] = ()
    ) -> None:
        self._algorithm = algorithm
        self._constraints = constraints
        self._sign = 1.0 if maximize else -1.0
        self._events = 0  # since the last snapshot
        self._seconds = 0.0  # that they took
        self._interval = MIN_EVENTS

    @property
    def is_due(self) -> bool:
        """Whether a snapshot should be written now."""
        return self._events >= self._interval or self._seconds >= MAX_REPLAY_SECONDS

    @property
    def has_moved(self) -> bool:
        """Whether events happened since the last snapshot."""
        return self._events > 0

    @property
    def continues(self) -> bool:
        """Whether the algorithm may propose trials that continue earlier ones."""
        return type(self._algorithm)._parent is not Algorithm._parent

    def propose(self) -> Decisions:
        """Returns the algorithm's next decisions."""
        start = perf_counter()
        decisions = self._algorithm.propose()
        self._count(start)
        return decisions

    def parent(self, decisions: Decisions) -> Decisions | None:
        """Returns the decisions of the trial that newly proposed decisions continue, or None."""
        return self._algorithm.parent(decisions)

    def report(self, decisions: Decisions, reward: float, step: float) -> bool:
        """Passes an intermediate reward to the algorithm; returns whether the trial should stop."""
        start = perf_counter()
        stop = self._algorithm.report(decisions, self._sign * reward, step=step)
        self._count(start)
        return bool(stop)

    def feedback(
        self,
        decisions: Decisions,
        reward: Reward,
        seconds: float | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Passes a reward to the algorithm, or None for a failed trial; before it, how long the trial took and its excess."""
        start = perf_counter()
        excess = measure_excess(self._constraints, metrics)
        if excess is not None:
            self._algorithm.note_limits(excess)
        if reward is not None and seconds is not None:
            self._algorithm.note_time(seconds)
        if isinstance(reward, tuple):
            self._algorithm.feedback(decisions, tuple([self._sign * one for one in reward]))
        else:
            self._algorithm.feedback(decisions, None if reward is None else self._sign * reward)
        self._count(start)

    def save(self) -> str:
        """Returns a snapshot, as JSON text.

        Raises:
          StudyError: the state of the algorithm is not JSON.
        """
        state = self._algorithm.state()
        try:
            text = json.dumps(state, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise StudyError(
                f"the state of {type(self._algorithm).__name__} cannot be stored: {error}. Make `_state()` "
                "return dicts with text keys, lists, finite numbers, text, booleans and None only."
            ) from error
        self._rest(text)
        return text

    def resume(self, snapshot: str, events: Iterable[Event]) -> int:
        """Restores the algorithm from ``snapshot`` and replays the later ``events``; returns their number.

        Raises:
          StudyError: the snapshot is damaged, or the algorithm does not repeat itself.
        """
        name = type(self._algorithm).__name__
        try:
            self._algorithm.restore(read_json(snapshot))
        except (LoadError, ValueError) as error:
            raise StudyError(f"the stored state of {name} is damaged: {error}") from error
        self._rest(snapshot)
        for event in events:
            if event.kind in (TELL, PRIOR):
                self.feedback(event.decisions, event.reward, event.seconds, event.metrics)
            elif event.kind == REPORT:
                assert isinstance(event.reward, float)
                assert event.step is not None
                if self.report(event.decisions, event.reward, event.step) != event.stop:
                    said = "stop" if event.stop else "continue"
                    raise _unlike(
                        name,
                        f"it asked trial {event.trial} to {said} at step {event.step:g}",
                        "it now asks for the opposite",
                    )
            elif event.kind == ASK and (again := self.propose()) != event.decisions:
                was = f"it proposed trial {event.trial} as {event.decisions!r}"
                raise _unlike(name, was, f"it now proposes {again!r}")
        return self._events

    def _rest(self, snapshot: str) -> None:
        self._events, self._seconds = 0, 0.0
        self._interval = max(MIN_EVENTS, len(snapshot) // BYTES_PER_EVENT)

    def _count(self, start: float) -> None:
        self._events += 1
        self._seconds += perf_counter() - start


def _unlike(name: str, was: str, now: str) -> StudyError:
    return StudyError(
        f"{name} did not repeat itself: {was}, and from the same state {now}. Its code has changed since, or it "
        "uses random numbers other than `self.random`, or its `_state()` is incomplete. The study is unchanged: read it by "
        "Study.open(path), and continue it with the code that made it."
    )
