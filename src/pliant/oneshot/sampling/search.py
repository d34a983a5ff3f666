"""Search after training: an algorithm proposes networks of a trained super-network, which judges them by inherited weights.

That shared weights rank networks as their own weights would is an assumption; ``training.report`` tests it.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from pliant.algorithms import Algorithm, Deduplicate, Exhausted
from pliant.algorithms.base import check_algorithm
from pliant.algorithms.evolution import Either, Evolution, Mutate, RandomPick, Top, UniformCrossover
from pliant.algorithms.objectives import Reject
from pliant.algorithms.options import check_count, refuse_unknown
from pliant.space import Decisions
from pliant.values.errors import FieldValueError, RewardError, SpaceError, quote

from ..choices.evaluation import evaluating
from ..normalization import Normalization, Recalibrated, mean_quality
from ..sampler import Sampler, Step


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

    Raises:
      FieldValueError: a cost without a limit, or no evaluations or batches.
    """

    search: Algorithm | None = None
    evaluations: int = 1000
    batches: int = 10
    normalization: Normalization | None = None
    cost: Callable[[Decisions], float] | None = None
    limit: float | None = None

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
        failed = 0
        with evaluating(self.supernet):
            for _ in range(self.evaluations):
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
        if not self.results and failed:
            raise RewardError(
                f"all {failed} networks that were judged have a quality that is not finite. Diverged weights are a usual reason: "
                "train with a lower learning rate, or clip gradients."
            )
        if not self.results:
            raise SpaceError(
                "no network of this space is within the limit, so none was judged. Raise the limit, or add cheaper candidates."
            )
        self._best = max(self.results, key=self.results.__getitem__)

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
