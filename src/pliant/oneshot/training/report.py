"""What a search found, beside what chance finds: no score without a baseline, no mixture without its discretization."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import final

from pliant.space import Decisions
from pliant.values.errors import FieldValueError

from ..normalization import BatchStatistics, Normalization
from .session import Session, evaluating


@final
@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a search, by inherited weights on validation data.

    The search chose its network by the same validation data, the random ones were chosen by nothing: that it beats them
    says that the search worked, not how good the network is.  Test that on data that the search never saw.

    Attributes:
      decisions: the network that was found.
      quality: of it.
      mixture: the quality of the mixture that was trained and of which the network was derived; None with samplers that train
        single networks (all but DARTS, SNAS and FBNet).
      random: the qualities of networks drawn at random, the baseline.
      skips: the share of its decisions that picked a candidate which does nothing (identity, zero).
      metrics: the sampler's last.
    """

    decisions: Decisions
    quality: float
    mixture: float | None
    random: tuple[float, ...]
    skips: float
    metrics: dict[str, float]

    @property
    def gap(self) -> float | None:
        """The discretization gap: by how much the network is worse than the mixture it was derived from; None without one."""
        return None if self.mixture is None else self.mixture - self.quality

    @property
    def percentile(self) -> float:
        """The share of random networks that it is better than, in percent."""
        return 100.0 * sum(other < self.quality for other in self.random) / max(len(self.random), 1)

    def __str__(self) -> str:
        mean = statistics.fmean(self.random) if self.random else float("nan")
        spread = statistics.pstdev(self.random) if self.random else float("nan")
        gap = (
            ""
            if self.gap is None
            else f"gap        {self.gap:+.4f} from the mixture to the discretized network\n"
        )
        return (
            f"found      quality {self.quality:.4f}, better than {self.percentile:.0f} % of {len(self.random)} random networks, "
            "on validation data that it was chosen by\n"
            f"random     quality {mean:.4f} +- {spread:.4f}\n"
            f"{gap}"
            f"skips      {100 * self.skips:.0f} % of the decisions pick a candidate that does nothing\n"
            f"decisions  {self.decisions.to_params_str()}"
        )


def make_report(
    session: Session,
    *,
    batches: int = 4,
    baseline: int = 32,
    normalization: Normalization | None = None,
    seed: int = 0,
) -> Report:
    """Judges what a search found, and networks drawn at random, on the same validation batches.

    Args:
      session: of the search that ended.
      batches: on how many batches.
      baseline: how many random networks.
      normalization: which statistics are used; those of the batch when None.
      seed: of the random networks.
    """
    if baseline < 1 or batches < 1:
        raise FieldValueError(
            f"a report needs one batch and one random network at least; got batches={batches}, baseline={baseline}."
        )
    net, statistics_ = session.supernet, normalization or BatchStatistics()
    data = [session.step.next_valid() for _ in range(batches)]
    train = session.step.train_batches

    def judge() -> float:
        with evaluating(net), statistics_.applied(net, train, session.loss):
            return statistics.fmean(map(session.quality, data))

    mixture = judge() if session.sampler.select_mixture() else None
    best = session.sampler.decisions()
    draw = Random(seed)
    net.activate(best)
    quality = judge()
    found = []
    for _ in range(baseline):
        net.activate(net.space.sample(draw))
        found.append(judge())
    net.activate(best)
    return Report(best, quality, mixture, tuple(found), count_skips(best), session.sampler.metrics())


def count_skips(decisions: Decisions) -> float:
    """Returns the share of the choices among decisions that picked a candidate which does nothing, by its name."""
    points = decisions.space.points
    picked: list[str] = [
        points[index].literals[int(value)]  # type: ignore[union-attr]  # a choice has literals
        for index, value in zip(decisions.active, decisions.values)
        if points[index].kind == "choice"
    ]
    idle = ("identity", "zero", "skip", "none")
    return float(sum(text.lower().startswith(idle) for text in picked)) / max(len(picked), 1)


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Returns Kendall's rank correlation (tau-b) of two lists of numbers: 1 for the same order, -1 for the reverse.

    The measure of how well inherited weights rank networks: of inherited and of stand-alone qualities.  Kendall,
    "The treatment of ties in ranking problems", Biometrika 1945.

    >>> kendall_tau([1, 2, 3], [10, 30, 20])
    0.3333333333333333

    Raises:
      FieldValueError: the lists are of different length, or hold fewer than two numbers, or equal ones only.
    """
    if len(first) != len(second) or len(first) < 2:
        raise FieldValueError(
            f"a rank correlation takes two lists of the same length, 2 at least; got {len(first)} and {len(second)} numbers."
        )
    agree = tied_first = tied_second = pairs = 0
    for (a, x), (b, y) in combinations(zip(first, second), 2):
        pairs += 1
        agree += _sign(a - b) * _sign(x - y)
        tied_first += a == b
        tied_second += x == y
    scale = ((pairs - tied_first) * (pairs - tied_second)) ** 0.5
    if scale == 0:
        raise FieldValueError("all numbers of one list are equal, so nothing is ranked.")
    return float(agree / scale)


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)
