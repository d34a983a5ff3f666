"""Report of a search: the network found beside random networks, the discretization gap, and Kendall's rank correlation."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Any, final

from pliant.space import Choice, Decisions
from pliant.values.errors import FieldValueError, check_items

from ..choices.evaluation import evaluating
from ..normalization import (
    BatchStatistics,
    Normalization,
    Recalibrated,
    count_examples,
    find_norm_layers,
    mean_quality,
)
from .session import Session


@final
@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a search, by inherited weights on validation data.

    The search chose its network by the same validation data, and the random ones were not chosen: a better quality shows
    that the search worked, not how good the network is.  Test that on data that the search never saw.

    Attributes:
      decisions: the network that was found.
      quality: its quality.
      mixture: the quality of the trained mixture that the network is derived from; None for samplers that train single
        networks (all but DARTS, SNAS and FBNet).
      random: the qualities of networks drawn at random, the baseline.
      skips: the share of its decisions that picked a candidate which does nothing (identity, zero).
      metrics: the sampler's last.
      examples: the number of validation examples that the qualities are taken on.
      statistics: how normalization layers were calibrated; empty without such layers.
      recalibrated: the quality of the network that ``Trainer.network`` returns, if ``quality`` is not that already.
    """

    decisions: Decisions
    quality: float
    mixture: float | None
    random: tuple[float, ...]
    skips: float
    metrics: dict[str, float]
    examples: int = 0
    statistics: str = ""
    recalibrated: float | None = None

    @property
    def gap(self) -> float | None:
        """The discretization gap: the quality of the mixture minus that of the network derived from it; None without a mixture."""
        return None if self.mixture is None else self.mixture - self.quality

    @property
    def percentile(self) -> float:
        """The share of random networks with a lower quality, in percent."""
        return 100.0 * sum(other < self.quality for other in self.random) / max(len(self.random), 1)

    def __str__(self) -> str:
        mean = statistics.fmean(self.random) if self.random else float("nan")
        spread = statistics.pstdev(self.random) if self.random else float("nan")
        beaten = sum(other < self.quality for other in self.random)
        against = f"beats {beaten} of {len(self.random)} random networks"
        lines = [
            f"found      quality {self.quality:.4f}, {against}, on {self.examples} examples of the validation data used to select it",
            f"random     quality {mean:.4f} +- {spread:.4f}",
        ]
        if self.gap is not None:
            lines.append(f"gap        {self.gap:+.4f} from the mixture to the discretized network")
        if self.statistics:
            lines.append(f"BatchNorm  {self.statistics}")
        if self.recalibrated is not None:
            lines.append(f"           Trainer.network() recalibrates them: quality {self.recalibrated:.4f}")
        lines.append(
            f"skips      {100 * self.skips:.0f} % of the decisions pick a candidate that does nothing"
        )
        return "\n".join([*lines, f"decisions  {self.decisions.to_params_str()}"])


def make_report(
    session: Session,
    *,
    batches: int = 4,
    data: Sequence[Any] | None = None,
    baseline: int = 32,
    normalization: Normalization | None = None,
    seed: int = 0,
) -> Report:
    """Judges the network that a search found, and networks drawn at random, on the same validation batches.

    Args:
      session: of the search that ended.
      batches: the number of validation batches.
      data: the validation batches; the next ones of the session when None.
      baseline: the number of random networks.
      normalization: the statistics of normalization layers; when None, recalibrated ones, or those of each batch if the session
        has no training batches.
      seed: of the random networks.
    """
    if baseline < 1 or batches < 1:
        raise FieldValueError(
            f"a report needs one batch and one random network at least; got batches={batches}, baseline={baseline}."
        )
    net, chosen = session.supernet, normalization
    if chosen is None:
        chosen = Recalibrated() if session.has_train_batches else BatchStatistics()
    data = [session.step.next_valid() for _ in range(batches)] if data is None else data

    def judge(statistics_: Normalization = chosen) -> float:
        with calibrated(session, statistics_):
            return mean_quality(session.quality, data)

    mixture = judge() if session.sampler.select_mixture() else None
    best = session.sampler.decisions()
    draw = Random(seed)
    net.activate(best)
    quality, said, recalibrated = judge(), "", None
    if find_norm_layers(net):
        said = describe_statistics(chosen)
        if isinstance(chosen, BatchStatistics) and session.has_train_batches:
            recalibrated = judge(Recalibrated())
    found = []
    for _ in range(baseline):
        net.activate(net.space.sample(draw))
        found.append(judge())
    net.activate(best)
    return Report(
        best,
        quality,
        mixture,
        tuple(found),
        count_skips(best),
        session.sampler.metrics(),
        examples=sum(map(count_examples, data)),
        statistics=said,
        recalibrated=recalibrated,
    )


@contextmanager
def calibrated(session: Session, normalization: Normalization) -> Iterator[None]:
    """A context in which the selected network is in evaluation mode, with the statistics of a ``Normalization``."""
    net = session.supernet
    with evaluating(net), normalization.applied(net, session.step.train_batches, session.loss):
        yield


def describe_statistics(normalization: Normalization) -> str:
    """Returns in words which statistics normalization layers had."""
    if isinstance(normalization, Recalibrated):
        return f"statistics recalibrated for each network on {normalization.images} training examples (fewer if there are fewer)"
    if isinstance(normalization, BatchStatistics):
        return "statistics of each batch, which a network has in training mode only"
    return f"statistics by {type(normalization).__name__}"


def count_skips(decisions: Decisions) -> float:
    """Returns the share of the choices among decisions that picked a candidate which does nothing, by its name."""
    points = decisions.space.points
    pairs = [(points[index], value) for index, value in zip(decisions.active, decisions.values)]
    picked = [point.literals[int(value)] for point, value in pairs if isinstance(point, Choice)]
    idle = ("identity", "zero", "skip", "none")
    return float(sum(text.lower().startswith(idle) for text in picked)) / max(len(picked), 1)


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Returns Kendall's rank correlation (tau-b) of two lists of numbers: 1 for the same order, -1 for the reverse.

    Applied to inherited and stand-alone qualities, it measures how well inherited weights rank networks.  Kendall, "The
    treatment of ties in ranking problems", Biometrika 1945.

    >>> kendall_tau([1, 2, 3], [10, 30, 20])
    0.3333333333333333

    Raises:
      FieldValueError: the lists are of different length, or hold fewer than two numbers, or equal ones only.
    """
    example = "[0.5, 0.7]"
    first, second = check_items(first, "kendall_tau", example), check_items(second, "kendall_tau", example)
    if len(first) != len(second) or len(first) < 2:
        raise FieldValueError(
            f"a rank correlation takes two lists of the same length, 2 at least; got {len(first)} and {len(second)} numbers."
        )
    agree = in_first = in_second = 0
    for (a, x), (b, y) in combinations(zip(first, second), 2):
        agree += ((a > b) - (a < b)) * ((x > y) - (x < y))
        in_first, in_second = in_first + (a != b), in_second + (x != y)
    if not in_first or not in_second:
        raise FieldValueError("all numbers of one list are equal, so nothing is ranked.")
    return float(agree / (in_first * in_second) ** 0.5)
