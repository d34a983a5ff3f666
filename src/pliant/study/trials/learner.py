"""An algorithm kept in step with a record of what it proposed and was told.  Knows no database.

The record holds snapshots of the algorithm's state, far between, and every event.  The present state is
the last snapshot with the events since then replayed, which the contract of ``Algorithm`` makes exact.
How far between is chosen so that a trial costs the same however large the state is.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable
from time import perf_counter
from typing import Any, NamedTuple, final

from pliant.algorithms import Algorithm
from pliant.space import Decisions
from pliant.values.errors import LoadError, StudyError

MIN_EVENTS = 64  # between snapshots
BYTES_PER_EVENT = 256  # a snapshot is written when so many of its bytes fall on each event: a bounded cost
MAX_REPLAY_SECONDS = 1.0  # ... or when the events since the last one took so long: a quick resume

ASK, GIVE, REPORT, TELL, PRIOR = "ask", "give", "report", "tell", "prior"

Reward = float | tuple[float, ...] | None


class Event(NamedTuple):
    """A trial that was proposed (``ASK``), said how good it is on its way (``REPORT``), or ended (``TELL``).

    Or one that somebody wanted to be tried, so that the algorithm hears of it when it is told (``GIVE``); or the reward
    of a trial of another study (``PRIOR``).
    The reward is what the trial reported, or ended with: None where it failed, and of no meaning for ``ASK``.
    Step and stop are those of a report.
    """

    seq: int
    kind: str
    trial: int
    decisions: Decisions
    reward: Reward
    step: float | None = None
    stop: bool | None = None


@final
class Learner:
    """``algorithm``, told rewards so that higher is better, with a state that is kept as text.

    Args:
      algorithm: one that was set up.
      maximize: whether a higher reward of the study is better.
    """

    def __init__(self, algorithm: Algorithm, *, maximize: bool) -> None:
        self._algorithm = algorithm
        self._sign = 1.0 if maximize else -1.0
        self._events = 0  # since the last snapshot
        self._seconds = 0.0  # that they took
        self._interval = MIN_EVENTS

    @property
    def is_due(self) -> bool:
        """Whether a snapshot is worth its cost now."""
        return self._events >= self._interval or self._seconds >= MAX_REPLAY_SECONDS

    @property
    def has_moved(self) -> bool:
        """Whether anything happened since the last snapshot."""
        return self._events > 0

    def propose(self) -> Decisions:
        """Returns the algorithm's next decisions."""
        start = perf_counter()
        decisions = self._algorithm.propose()
        self._count(start)
        return decisions

    def parent(self, decisions: Decisions) -> Decisions | None:
        """Returns what the algorithm wants decisions that it just proposed to go on from."""
        return self._algorithm.parent(decisions)

    def report(self, decisions: Decisions, reward: float, step: float) -> bool:
        """Tells the algorithm an intermediate reward of the study; returns whether the trial should stop."""
        start = perf_counter()
        stop = self._algorithm.report(decisions, self._sign * reward, step=step)
        self._count(start)
        return bool(stop)

    def feedback(self, decisions: Decisions, reward: Reward) -> None:
        """Tells the algorithm a reward of the study, or None for a trial that failed."""
        start = perf_counter()
        if isinstance(reward, tuple):
            self._algorithm.feedback(decisions, tuple([self._sign * one for one in reward]))
        else:
            self._algorithm.feedback(decisions, None if reward is None else self._sign * reward)
        self._count(start)

    def save(self) -> str:
        """Returns a snapshot, as JSON text.

        Raises:
          StudyError: the algorithm's state is not JSON.
        """
        state = self._algorithm.state()
        try:
            text = json.dumps(state, allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError) as error:
            raise StudyError(
                f"the state of {type(self._algorithm).__name__} cannot be stored: {error}. What `_state()` "
                "returns is made of dicts with text keys, lists, finite numbers, text, booleans and None."
            ) from error
        self._rest(text)
        return text

    def resume(self, snapshot: str, events: Iterable[Event]) -> int:
        """Brings the algorithm to where it was after ``events``, which followed ``snapshot``.

        Returns:
          How many events there were.

        Raises:
          StudyError: the snapshot is damaged, or the algorithm does not repeat itself.
        """
        name = type(self._algorithm).__name__
        try:
            self._algorithm.restore(json.loads(snapshot))
        except (LoadError, ValueError) as error:
            raise StudyError(f"the stored state of {name} is damaged: {error}") from error
        self._rest(snapshot)
        for event in events:
            if event.kind in (TELL, PRIOR):
                self.feedback(event.decisions, event.reward)
            elif event.kind == REPORT:
                assert isinstance(event.reward, float)
                assert event.step is not None
                if self.report(event.decisions, event.reward, event.step) != event.stop:
                    said = "stop" if event.stop else "go on"
                    raise _unlike(
                        name,
                        f"trial {event.trial} was told to {said} at step {event.step:g}",
                        "it now says the opposite",
                    )
            elif event.kind == ASK and (again := self.propose()) != event.decisions:
                was = f"trial {event.trial} was proposed as {event.decisions!r}"
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
        f"{name} did not repeat itself: {was}, and from the same state {now}. Its code was changed since, or it "
        "uses random numbers other than `self.random`, or its state leaves something out. "
        "The record is unharmed: read it with Study.open(path), go on with the code that made it."
    )


def describe(algorithm: Algorithm) -> dict[str, Any]:
    """Returns an algorithm's name and the text of each argument of its constructor, as far as it keeps them.

    >>> from pliant.algorithms import Random
    >>> describe(Random(seed=3))
    {'name': 'Random', 'options': {'seed': '3', 'replace': 'True', 'uniform': 'False'}}
    """
    names = [name for name in inspect.signature(type(algorithm)).parameters if hasattr(algorithm, name)]
    return {
        "name": type(algorithm).__name__,
        "options": {name: _text(getattr(algorithm, name)) for name in names},
    }


def to_text(description: dict[str, Any]) -> str:
    """Returns what ``describe`` returned as a line.

    >>> from pliant.algorithms import Deduplicate, Sweep
    >>> to_text(describe(Deduplicate(Sweep())))
    'Deduplicate(algorithm=Sweep(seed=0), attempts=100)'
    """
    options = ", ".join(f"{name}={text}" for name, text in description["options"].items())
    return f"{description['name']}({options})"


def differences(recorded: dict[str, Any], given: dict[str, Any]) -> list[str]:
    """Returns in what two descriptions differ, as text; options that only one of them knows left aside.

    They come and go as an algorithm's code grows; their defaults keep what it did before.
    """
    if recorded["name"] != given["name"]:
        return [f"a {recorded['name']} against a {given['name']}"]
    old, new = recorded["options"], given["options"]
    return [
        f"{name}={old[name]} against {new[name]}" for name in old if name in new and old[name] != new[name]
    ]


def _text(value: Any) -> str:
    if isinstance(value, Algorithm):
        return to_text(describe(value))
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))  # an address is another one in every process
