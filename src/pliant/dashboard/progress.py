"""Progress of a study in numbers: its state, rate and remaining time, the best reward so far.  Pure functions over a snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, final

from pliant.study.places import describe
from pliant.study.trials.trial import FAILED, RUNNING, Trial

from .reader import Snapshot

_RECENT: Final = 60  # trials from which the rate follows
_POINTS: Final = 60  # of a small curve
_REASONS: Final = 12


@final
@dataclass(frozen=True, slots=True)
class Progress:
    """How far a study is.

    Attributes:
      state: ``new``, ``running``, ``paused``, ``unfinished`` (no process works on it) or ``complete``.
      ended: the number of trials that ended.
      rate: trials that end in a second, lately; None before the second one.
      seconds_left: the remaining time at this rate; None where it is not known.
      median_seconds: the time of the median trial; None without.
      curve: the best reward so far, at most 60 numbers.
      reasons: causes and reasons of failed trials with their numbers, the most frequent first.
    """

    state: str
    ended: int
    rate: float | None
    seconds_left: float | None
    median_seconds: float | None
    curve: tuple[float, ...]
    reasons: tuple[tuple[str, str, int], ...]


def measure(snapshot: Snapshot) -> Progress:
    """Returns the progress of a study."""
    info, counts = snapshot.info, snapshot.counts
    ended = sum(counts.values()) - counts[RUNNING]
    if info.is_complete:
        state = "complete"
    elif info.paused is not None:
        state = "paused"
    elif snapshot.is_live:
        state = "running"
    else:
        state = "unfinished" if info.proposed else "new"
    trials = snapshot.source.trials
    rate = find_rate(trials)
    left = None
    if state == "running" and rate and info.budget is not None:
        left = max(info.budget - ended, 0) / rate
    seconds = sorted(trial.seconds for trial in trials[-2000:] if trial.seconds is not None)
    median = seconds[len(seconds) // 2] if seconds else None
    curve, reasons = find_curve(trials, snapshot.source.sign), count_reasons(trials)
    return Progress(state, ended, rate, left, median, tuple(curve), tuple(reasons))


def find_rate(trials: Sequence[Trial]) -> float | None:
    """Returns how many trials end in a second, from the last ones that ended."""
    ends = sorted(
        datetime.fromisoformat(trial.ended).timestamp() for trial in trials[-3 * _RECENT :] if trial.ended
    )
    recent = ends[-_RECENT:]
    span = recent[-1] - recent[0] if recent else 0.0
    return (len(recent) - 1) / span if span > 0 else None


def find_curve(trials: Sequence[Trial], sign: float) -> list[float]:
    """Returns the best reward so far over the trials with a reward, the first of several rewards, at few places."""
    best: list[float] = []
    for trial in trials:
        reward = trial.reward if trial.rewards is None else trial.rewards[0]
        if reward is not None:
            best.append(reward if not best or sign * reward > sign * best[-1] else best[-1])
    places = sorted({place * (len(best) - 1) // (_POINTS - 1) for place in range(_POINTS)}) if best else []
    return [best[place] for place in places]


def count_reasons(trials: Sequence[Trial]) -> list[tuple[str, str, int]]:
    """Returns the causes and reasons of failed trials with their numbers, the most frequent first."""
    found = Counter(
        (str(trial.cause or ""), (trial.reason or "no reason").splitlines()[0][:300])
        for trial in trials
        if trial.status == FAILED
    )
    return [(cause, reason, count) for (cause, reason), count in found.most_common(_REASONS)]


def to_data(snapshot: Snapshot, progress: Progress) -> dict[str, Any]:
    """Returns a study as JSON data."""
    return {
        **describe(snapshot.view),
        "state": progress.state,
        "is_read": snapshot.is_whole,
        "trials_per_minute": None if progress.rate is None else progress.rate * 60,
        "seconds_left": progress.seconds_left,
        "median_seconds": progress.median_seconds,
        "curve": list(progress.curve),
        "version": snapshot.version,
    }
