"""A search over a super-network whose weights are trained: any algorithm proposes, the super-network answers.

No weights change here.  That shared weights rank networks as weights of their own would is an assumption, which
``training.report`` puts to the test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, final

import torch

from pliant.algorithms import Algorithm, Deduplicate, Exhausted
from pliant.algorithms.base import check_algorithm, check_count
from pliant.algorithms.evolution import Either, Evolution, Mutate, RandomPick, Top, UniformCrossover
from pliant.algorithms.objectives import Reject
from pliant.space import Decisions
from pliant.values.errors import FieldValueError, RewardError, SpaceError

from ..normalization import Normalization
from ..rewrite.network import Supernet
from ..sampler import Step


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
            return sum(map(step.quality, data)) / len(data)

    def state(self) -> list[Any]:
        """Returns the results as JSON."""
        return [[decisions.to_json(), quality] for decisions, quality in self.results.items()]

    def restore(self, supernet: Supernet, state: list[Any]) -> None:
        """Takes back what ``state`` returned."""
        self.results.clear()
        self.results.update((Decisions.from_json(supernet.space, one), float(value)) for one, value in state)
