"""Search after training: an algorithm proposes networks of a trained super-network, which judges them by inherited weights.

That shared weights rank networks as their own weights would is an assumption; ``training.report`` tests it.
"""

from __future__ import annotations

import math
import statistics
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import torch

from pliant.algorithms import Algorithm, Deduplicate, Exhausted
from pliant.algorithms.base import check_algorithm
from pliant.algorithms.evolution import Either, Evolution, Mutate, RandomPick, Top, UniformCrossover
from pliant.algorithms.objectives import Reject
from pliant.algorithms.options import check_count, check_number, refuse_unknown
from pliant.space import Decisions
from pliant.space.mutation import mutate
from pliant.values.errors import FieldValueError, RewardError, SpaceError, quote

from ..choices.evaluation import evaluating
from ..normalization import Normalization, Recalibrated, mean_quality
from ..sampler import Sampler, Step

PARENTS = 10  # so many of the best networks are made larger, where the limit is not used


def make_evolution(*, population_size: int = 50, parents: int = 10, seed: int = 0) -> Algorithm:
    """Returns the evolution of SPOS: half mutants, half children of two parents, of the ten best so far.

    Guo et al., ECCV 2020, section 3.4 and algorithm 1; a mutant here differs from its parent in one decision; theirs
    differs in each with probability 0.1.  Each network is judged once.
    """
    reproduce = Either(RandomPick() >> Mutate(), RandomPick(2) >> UniformCrossover())
    return Deduplicate(Evolution(reproduce, population_size=population_size, survive=Top(parents), seed=seed))


@refuse_unknown
@dataclass(kw_only=True, eq=False)
class SearchedSampler(Sampler):
    """Base class of samplers that train first and search the trained super-network afterwards.

    A subclass is a dataclass whose fields are its options; it implements what a ``Sampler`` implements for training.

    Args:
      search: the algorithm; that of ``_make_search`` with the sampler's seed when None.
      evaluations: the number of networks that it judges.
      batches: the number of validation batches, the same ones for all networks.
      normalization: the statistics of normalization layers; recalibrated ones when None.
      cost: a function of decisions, such as ``MultiplyAdds(net, example)``.
      limit: the largest cost.
      fill: the share of the limit that the network should cost at least.  A fifth of the evaluations are of larger networks
        around the best one, and one of them is chosen if its quality is as good, within the standard error.

    Raises:
      FieldValueError: a cost without a limit, no evaluations or batches, or a share above 1.
    """

    search: Algorithm | None = None
    evaluations: int = 1000
    batches: int = 10
    normalization: Normalization | None = None
    cost: Callable[[Decisions], float] | None = None
    limit: float | None = None
    fill: float = 0.9

    def __post_init__(self) -> None:
        super().__init__()
        found = self._make_search() if self.search is None else self.search
        check_algorithm(found, f"{type(self).__name__}(search=...)")
        self.evaluations = check_count(self.evaluations, "evaluations", self)
        self.batches = check_count(self.batches, "batches", self)
        if (self.cost is None) is not (self.limit is None):
            raise FieldValueError(
                f"{type(self).__name__} keeps a cost under a limit; got cost={quote(self.cost, 60)} and limit={quote(self.limit)}. Give both "
                "or neither."
            )
        self.fill = check_number(self.fill, "fill", self, most=1.0)
        self._algorithm = found if self.cost is None else Reject(found, self.cost, high=self.limit)
        self._normalization = Recalibrated() if self.normalization is None else self.normalization
        self._best: Decisions | None = None
        self.results: dict[Decisions, float] = {}
        """The networks that were judged after training, and their qualities."""

    def _make_search(self) -> Algorithm:
        """Returns the default search."""
        return make_evolution()

    @abstractmethod
    def _guess(self) -> Decisions:
        """Returns the network that is best before any was judged."""

    def finish(self, step: Step) -> None:
        """Judges ``evaluations`` networks; one without a finite quality counts as failed.

        Raises:
          SpaceError: no candidate is within the limit.
          RewardError: all networks failed.
        """
        data = [step.next_valid() for _ in range(self.batches)]
        self.results.clear()  # earlier results are of other weights
        seed = self.random.getrandbits(32) if self.search is None else None
        self._algorithm.setup(self.supernet.space, seed=seed)
        filling = 0 if self.limit is None or not self.fill else self.evaluations // 5
        with evaluating(self.supernet):
            failed = self._explore(self.evaluations - filling, data, step)
            if not self.results and failed:
                raise RewardError(
                    f"all {failed} networks that were judged have a quality that is not finite. Diverged weights are a usual reason: "
                    "train with a lower learning rate, or clip gradients."
                )
            if not self.results:
                raise SpaceError(
                    "no network of this space is within the limit, so none was judged. Raise the limit, or add cheaper candidates."
                )
            best = max(self.results, key=self.results.__getitem__)
            if filling and self._measure_share(best) >= self.fill:
                self._explore(filling, data, step)
            elif filling:
                self._explore_larger(filling, data, step)
            self._best = self._choose(data, step)

    def _explore(self, count: int, data: list[Any], step: Step) -> int:
        """Judges networks that the algorithm proposes; returns how many failed."""
        failed = 0
        for _ in range(count):
            try:
                decisions = self._algorithm.propose()
            except Exhausted:
                break
            quality = self.results.get(decisions)
            if quality is None:
                quality = self._judge(decisions, data, step)
            if math.isfinite(quality):
                self.results[decisions] = quality
                self._algorithm.feedback(decisions, quality)
            else:
                failed += 1
                self._algorithm.feedback(decisions, None)
        return failed

    def _explore_larger(self, count: int, data: list[Any], step: Step) -> None:
        """Judges networks around the best ones that use the limit."""
        random = Random(self.random.getrandbits(32))
        ranked = sorted(self.results, key=self.results.__getitem__, reverse=True)[:PARENTS]
        for turn in range(count):
            larger = self._enlarge(ranked[turn % len(ranked)], random)
            if larger is not None and larger not in self.results:
                quality = self._judge(larger, data, step)
                if math.isfinite(quality):
                    self.results[larger] = quality

    def _enlarge(self, decisions: Decisions, random: Random) -> Decisions | None:
        """Returns decisions with random changes, each of which costs more, that use the limit; None if none are found."""
        share = self._measure_share(decisions)
        for _ in range(20 * len(decisions.space.points)):
            if share >= self.fill:
                return decisions
            other = mutate(decisions, random)
            raised = self._measure_share(other)
            if share < raised <= 1:
                decisions, share = other, raised
        return decisions if share >= self.fill else None

    def _measure_share(self, decisions: Decisions) -> float:
        """Returns the cost as a share of the limit."""
        assert self.cost is not None
        assert self.limit is not None
        cost: Any = self.cost(decisions)  # None to reject them
        return math.inf if cost is None else cost / self.limit if self.limit > 0 else 1.0

    def _choose(self, data: list[Any], step: Step) -> Decisions:
        """Returns the best network; of those as good within the standard error, the best one that uses the limit."""
        best = max(self.results, key=self.results.__getitem__)
        if self.limit is None or not self.fill or self._measure_share(best) >= self.fill:
            return best
        filled = [one for one in self.results if self._measure_share(one) >= self.fill]
        if not filled:
            return best
        largest = max(filled, key=self.results.__getitem__)
        found = [self._judge(best, [batch], step) for batch in data]
        error = statistics.stdev(found) / math.sqrt(len(found)) if len(found) > 1 else 0.0
        return largest if self.results[largest] >= self.results[best] - error else best

    def _judge(self, decisions: Decisions, data: list[Any], step: Step) -> float:
        self.supernet.activate(decisions)
        applied = self._normalization.applied(self.supernet, step.train_batches, step.loss)
        with applied, torch.no_grad():
            return mean_quality(step.quality, data)

    def decisions(self) -> Decisions:
        """Returns the best network that was judged; before that, a guess of the subclass."""
        return self._guess() if self._best is None else self._best

    def _state(self) -> dict[str, Any]:
        return {
            "best": None if self._best is None else self._best.to_json(),
            "results": [[decisions.to_json(), quality] for decisions, quality in self.results.items()],
        }

    def _restore(self, state: dict[str, Any]) -> None:
        space, best = self.supernet.space, state["best"]
        self._best = None if best is None else Decisions.from_json(space, best)
        self.results = {Decisions.from_json(space, one): float(value) for one, value in state["results"]}
