"""A search over a super-network whose weights are trained: any algorithm proposes, the super-network answers.

No weights change here.  That shared weights rank networks as weights of their own would is an assumption, which
``training.report`` puts to the test.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch

from pliant.algorithms import Algorithm, Deduplicate, Exhausted
from pliant.algorithms.base import check_algorithm
from pliant.algorithms.evolution import Either, Evolution, Mutate, RandomPick, Top, UniformCrossover
from pliant.algorithms.objectives import Reject
from pliant.algorithms.options import check_count, refuse_unknown
from pliant.space import Decisions
from pliant.values.errors import FieldValueError, RewardError, SpaceError

from ..normalization import Normalization, Recalibrated, mean_quality
from ..rewrite.network import Supernet
from ..sampler import Sampler, Step


def make_evolution(*, population_size: int = 50, parents: int = 10, seed: int = 0) -> Algorithm:
    """Returns the evolution that SPOS searches with: half mutants, half children of two, of the ten best so far.

    Guo et al., ECCV 2020, section 3.4 and algorithm 1; a mutant here differs from its parent in one decision, where
    theirs differs in each with probability 0.1.  Nothing is judged twice.
    """
    reproduce = Either(RandomPick() >> Mutate(), RandomPick(2) >> UniformCrossover())
    return Deduplicate(Evolution(reproduce, population_size=population_size, survive=Top(parents), seed=seed))


@final
class TrainedSearch:
    """Searches a trained super-network.

    Args:
      algorithm: what proposes.
      evaluations: how many networks are judged.
      batches: on how many batches of the validation data, the same for all.
      normalization: which statistics are used.
      cost: a cost of decisions, such as multiply-adds.
      limit: what it must not exceed.

    Raises:
      FieldValueError: a cost without a limit, or no evaluations or batches.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        *,
        evaluations: int,
        batches: int,
        normalization: Normalization,
        cost: Callable[[Decisions], float] | None = None,
        limit: float | None = None,
    ) -> None:
        check_algorithm(algorithm, "a search over a trained super-network (search=...)")
        check_count(evaluations, "evaluations", "a search over a trained super-network")
        check_count(batches, "batches", "a search over a trained super-network")
        if (cost is None) is not (limit is None):
            raise FieldValueError(
                f"a search keeps a cost under a limit; got cost={cost!r:.60} and limit={limit!r}. Give both, or none."
            )
        self.algorithm = algorithm if cost is None else Reject(algorithm, cost, high=limit)
        self.evaluations, self.batches, self.normalization = evaluations, batches, normalization
        self.results: dict[Decisions, float] = {}

    def run(self, supernet: Supernet, step: Step, *, seed: int | None = None) -> Decisions:
        """Judges ``evaluations`` networks, and returns the best.

        A network that gives no finite quality counts as failed.

        Args:
          supernet: what they are networks of.
          step: of the loop that trained it.
          seed: of the algorithm; its own when None.

        Raises:
          SpaceError: nothing could be judged, because no candidate keeps to the limit.
          RewardError: all that were judged failed.
        """
        data = [step.next_valid() for _ in range(self.batches)]
        self.results.clear()  # what was judged before has other weights by now
        self.algorithm.setup(supernet.space, seed=seed)
        was_training, failed = supernet.training, 0
        supernet.eval()
        try:
            for _ in range(self.evaluations):
                try:
                    decisions = self.algorithm.propose()
                except Exhausted:
                    break
                quality = self.results.get(decisions)
                if quality is None:
                    quality = self.judge(supernet, decisions, data, step)
                if math.isfinite(quality):
                    self.results[decisions] = quality
                    self.algorithm.feedback(decisions, quality)
                else:
                    failed += 1
                    self.algorithm.feedback(decisions, None)
        finally:
            supernet.train(was_training)
        if not self.results and failed:
            raise RewardError(
                f"none of the {failed} networks that were judged has a finite quality. Weights that diverged give none: "
                "train with a lower learning rate, or clip gradients."
            )
        if not self.results:
            raise SpaceError(
                "no network of this space keeps to the limit, so none was judged. Raise the limit, or add cheaper candidates."
            )
        return max(self.results, key=self.results.__getitem__)

    def judge(self, supernet: Supernet, decisions: Decisions, data: list[Any], step: Step) -> float:
        """Returns the mean quality of a network on some batches."""
        supernet.activate(decisions)
        with self.normalization.applied(supernet, step.train_batches, step.loss), torch.no_grad():
            return mean_quality(step.quality, data)

    def state(self) -> list[Any]:
        """Returns the results as JSON."""
        return [[decisions.to_json(), quality] for decisions, quality in self.results.items()]

    def restore(self, supernet: Supernet, state: list[Any]) -> None:
        """Takes back what ``state`` returned."""
        self.results.clear()
        self.results.update((Decisions.from_json(supernet.space, one), float(value)) for one, value in state)


@refuse_unknown
@dataclass(kw_only=True, eq=False)
class SearchedSampler(Sampler):
    """Abstract: when training ends, an algorithm proposes networks, and the best by inherited weights is the answer.

    A subclass is a dataclass like it, whose fields are its options; it writes what a ``Sampler`` writes for training.

    Args:
      search: what searches; that of ``_make_search`` when None, from this sampler's seed.
      evaluations: how many networks are judged then.
      batches: on how many validation batches each is judged.
      normalization: which statistics are used then; recalibrated ones when None.
      cost: any function of decisions to a number: ``MultiplyAdds(net, example)``, or one of your own.
      limit: what it must not exceed.

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
        self._best: Decisions | None = None
        self._search = TrainedSearch(
            self._make_search() if self.search is None else self.search,
            evaluations=self.evaluations,
            batches=self.batches,
            normalization=Recalibrated() if self.normalization is None else self.normalization,
            cost=self.cost,
            limit=self.limit,
        )

    def _make_search(self) -> Algorithm:
        """Returns what searches when nothing else was given."""
        return make_evolution()

    @abstractmethod
    def _guess(self) -> Decisions:
        """Returns the answer before anything was judged."""

    @property
    def results(self) -> dict[Decisions, float]:
        """The networks that were judged after training, and their qualities."""
        return self._search.results

    def finish(self, step: Step) -> None:
        seed = self.random.getrandbits(32) if self.search is None else None
        self._best = self._search.run(self.supernet, step, seed=seed)

    def decisions(self) -> Decisions:
        """Returns the best network that was judged; before that, what the subclass guesses."""
        return self._guess() if self._best is None else self._best

    def _state(self) -> dict[str, Any]:
        best = None if self._best is None else self._best.to_json()
        return {"best": best, "results": self._search.state()}

    def _restore(self, state: dict[str, Any]) -> None:
        best = state["best"]
        self._best = None if best is None else Decisions.from_json(self.supernet.space, best)
        self._search.restore(self.supernet, state["results"])
