"""Figures of a search over its trials: rewards and the best so far, throughput, and hypervolume."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate, pairwise

from pliant.algorithms.objectives import hypervolume as volume_of
from pliant.values.errors import FieldValueError, StudyError, quote

from ..trials.trial import FAILED, Trial
from .figure import Axis, Dots, Figure, Layer, Line
from .source import Source, is_whole_run, say, say_trial, thin, was_stopped

_PLACES = 200  # at which curves are computed
_LEAST = 1e-9  # share of a sum that is left out
_BLOCKED, _ALONE = (
    5000,
    32,
)  # rewards from which near ones are joined; a block has this part of those above it


def history(source: Source) -> Figure:
    """Returns the rewards over the trials, the best so far, and the best that the same trials give in a random order.

    The last curve is the expected best of ``k`` of the ``n`` rewards, drawn without replacement:
    ``sum over i of r[i] * C(i - 1, k - 1) / C(n, k)``, with the rewards ``r[1] <= ... <= r[n]``.  A search that learned is above
    it early and below it late, as its good trials came late; one that did not follows it.

    Raises:
      StudyError: the trials have several rewards each.
    """
    _require_one(source, "history")
    told = [trial for trial in source.told if trial.reward is not None]
    improved = _improve(told, source.sign)
    kept = {trial.id for trial in improved}
    layers: list[Layer] = []
    if len(told) > 2:
        places, expected = expect_best([source.sign * float(trial.reward or 0.0) for trial in told])
        ids = [told[place - 1].id for place in places]
        layers.append(
            Line(ids, [source.sign * one for one in expected], "same trials in random order", "reference")
        )
    shown = thin(told, kept)
    whole, stopped = list(filter(is_whole_run, shown)), list(filter(was_stopped, shown))
    layers.append(_make_dots(whole, "trial", "trial"))
    if stopped:
        layers.append(_make_dots(stopped, "stopped early", "stopped"))
    failed = [trial for trial in source.trials if trial.status == FAILED]
    rewards = [float(trial.reward or 0.0) for trial in told]
    if failed and rewards:
        floor = min(rewards) if source.maximize else max(rewards)
        few = thin(failed)
        notes = [f"trial {trial.id} failed: {trial.reason or trial.cause}"[:200] for trial in few]
        layers.append(Dots([trial.id for trial in few], [floor] * len(few), "failed", "failed", notes))
    if improved:
        x, y = [t.id for t in improved], [float(t.reward or 0.0) for t in improved]
        layers.append(Line([*x, source.trials[-1].id], [*y, y[-1]], "best so far", "best", is_step=True))
    notes = [f"{len(failed)} of {len(source.trials)} trials failed."] if failed else []
    if len(shown) < len(told):
        notes.append(f"{len(shown):,} of {len(told):,} trials are shown as dots.")
    better = "higher is better" if source.maximize else "lower is better"
    return Figure(
        "Reward of each trial",
        Axis("trial", is_whole=True),
        Axis(f"reward ({better})"),
        tuple(layers),
        tuple(notes),
    )


def _require_one(source: Source, name: str) -> None:
    if source.objectives > 1:
        raise StudyError(
            f"the trials have {source.objectives} rewards each, and {name}() shows one. "
            "`plot.tradeoff()` and `plot.hypervolume()` show several."
        )


def _make_dots(trials: Sequence[Trial], label: str, role: str) -> Dots:
    x, y = [trial.id for trial in trials], [float(trial.reward or 0.0) for trial in trials]
    return Dots(x, y, label, role, [say_trial(trial) for trial in trials])  # type: ignore[arg-type]  # a role


def _improve(trials: Sequence[Trial], sign: float) -> list[Trial]:
    """Returns the trials that were the best when they were proposed."""
    found: list[Trial] = []
    for trial in trials:
        if not found or sign * float(trial.reward or 0.0) > sign * float(found[-1].reward or 0.0):
            found.append(trial)
    return found


def expect_best(rewards: Sequence[float]) -> tuple[list[int], list[float]]:
    """Returns counts of trials, and the expected largest of so many of the rewards, drawn without replacement.

    >>> places, expected = expect_best([1.0, 2.0, 3.0])
    >>> places, [round(one, 3) for one in expected]
    ([1, 2, 3], [2.0, 2.667, 3.0])
    """
    ordered, count = sorted(rewards), len(rewards)
    places = sorted({max(1, round(count ** (one / _PLACES))) for one in range(1, _PLACES + 1)} | {1, count})
    if count > _BLOCKED:
        return places, _expect_by_blocks(ordered, places)
    found = []
    for k in places:
        weight, left, total = k / count, 1.0, 0.0
        for i in range(count, k - 1, -1):  # ordered[i - 1] is the largest of k with the probability `weight`
            total += weight * ordered[i - 1]
            left -= weight
            if left < _LEAST or i == k:
                break
            weight *= (i - k) / (i - 1)
        found.append(total + max(left, 0.0) * ordered[max(k, 1) - 1] if left >= _LEAST else total)
    return places, found


def _expect_by_blocks(ordered: Sequence[float], places: Sequence[int]) -> list[float]:
    """Returns the expected best of many sorted rewards, of which near ones count as their mean: the best ones are alone.

    The largest of ``k`` is one of the ``i`` smallest with the probability ``C(i, k) / C(n, k)``.
    """
    count, sums = len(ordered), [0.0, *accumulate(ordered)]
    edges = [count]
    while edges[-1] > 0:
        edges.append(max(edges[-1] - max(1, (count - edges[-1]) // _ALONE), 0))
    found = []
    for k in places:
        ways = math.lgamma(count + 1) - math.lgamma(count - k + 1)
        total, upper = 0.0, 1.0
        for high, low in pairwise(edges):
            lower = math.exp(math.lgamma(low + 1) - math.lgamma(low - k + 1) - ways) if low >= k else 0.0
            total += (upper - lower) * (sums[high] - sums[low]) / (high - low)
            upper = lower
            if upper < _LEAST:
                break
        found.append(total)
    return found


def throughput(source: Source) -> Figure:
    """Returns how many trials had ended over time, and how many of them had failed."""
    ends = sorted(
        (datetime.fromisoformat(trial.ended).timestamp(), trial.status == FAILED)
        for trial in source.trials
        if trial.ended
    )
    starts = [datetime.fromisoformat(trial.started).timestamp() for trial in source.trials]
    layers: list[Layer] = []
    notes: list[str] = []
    unit, size = "s", 1.0
    if ends and starts:
        first = min(*starts, ends[0][0]) if len(starts) > 1 else min(starts[0], ends[0][0])
        span = ends[-1][0] - first
        unit, size = next(
            (u, s) for u, s in (("h", 3600.0), ("min", 60.0), ("s", 1.0)) if span >= 2 * s or s == 1.0
        )
        places = thin(list(range(len(ends))))
        x = [(ends[place][0] - first) / size for place in places]
        layers.append(Line([0.0, *x], [0, *(place + 1 for place in places)], "ended", "best", is_step=True))
        failures = [end for end, is_failed in ends if is_failed]
        if failures:
            few = thin(list(range(len(failures))))
            layers.append(
                Line(
                    [0.0, *((failures[place] - first) / size for place in few)],
                    [0, *(place + 1 for place in few)],
                    "failed",
                    "failed",
                    is_step=True,
                )
            )
        seconds = sorted(trial.seconds for trial in source.trials if trial.seconds is not None)
        if seconds:
            notes.append(f"The median trial took {say(seconds[len(seconds) // 2])} s.")
        if span > 0:
            notes.append(f"{say(len(ends) / span * 60)} trials a minute.")
    return Figure(
        "Trials over time",
        Axis(f"time since the first trial [{unit}]"),
        Axis("trials"),
        tuple(layers),
        tuple(notes),
    )


def hypervolume(source: Source, reference: Sequence[float] | None = None) -> Figure:
    """Returns the hypervolume of the Pareto front over the trials.

    Args:
      source: trials with several rewards.
      reference: the corner from which volumes are measured; by default the worst of each reward that was told.

    Raises:
      StudyError: the trials have one reward each.
      FieldValueError: the reference has another number of rewards.
    """
    told = [trial for trial in source.told if trial.rewards is not None]
    if source.objectives < 2:
        raise StudyError("the trials have one reward each; `plot.history()` shows it.")
    points = [tuple(source.sign * one for one in trial.rewards or ()) for trial in told]
    if reference is None:
        corner = tuple(min(column) for column in zip(*points))
    else:
        if len(reference) != source.objectives or not all(map(math.isfinite, reference)):
            raise FieldValueError(
                f"hypervolume(reference=...) takes {source.objectives} finite numbers, one for each reward; got {quote(reference)}."
            )
        corner = tuple(source.sign * one for one in reference)
    ids = [trial.id for trial in told]
    places = sorted(
        {max(1, round(place * len(told) / _PLACES)) for place in range(1, _PLACES + 1)} | {1, len(told)}
    )
    x, y = [], []
    front: list[tuple[float, ...]] = []
    done = 0
    for place in places:
        front = _front([*front, *points[done:place]])
        done = place
        x.append(ids[place - 1])
        y.append(volume_of([one for one in front if all(a >= b for a, b in zip(one, corner))], corner))
    shown = ", ".join(say(source.sign * one) for one in corner)
    return Figure(
        "Hypervolume of the front",
        Axis("trial", is_whole=True),
        Axis("hypervolume"),
        (Line(x, y, "hypervolume", "best", is_step=True),),
        (f"Measured from ({shown}){', the worst rewards that were told' if reference is None else ''}.",),
    )


def _front(points: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """Returns the points that no other point beats."""
    if points and len(points[0]) == 2:
        best: list[tuple[float, ...]] = []
        for point in sorted(set(points), reverse=True):
            if not best or point[1] > best[-1][1]:
                best.append(point)
        return best
    unique = list(set(points))
    return [
        one
        for one in unique
        if not any(other != one and all(b >= a for a, b in zip(one, other)) for other in unique)
    ]
