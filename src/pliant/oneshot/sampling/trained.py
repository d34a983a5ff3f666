"""A search over a super-network whose weights are trained: any algorithm proposes, the super-network answers.

No weights change here.  That shared weights rank networks as weights of their own would is an assumption, which
``training.report`` puts to the test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import torch

from pliant.algorithms import Algorithm, Deduplicate, Exhausted
from pliant.algorithms.evolution import Either, Evolution, Mutate, RandomPick, Top, UniformCrossover
from pliant.algorithms.objectives import Reject
from pliant.space import Decisions
from pliant.values.errors import SpaceError

from ..normalization import Normalization
from ..sampler import Step
from ..supernet import Supernet


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
        self.algorithm = algorithm if cost is None or limit is None else Reject(algorithm, cost, high=limit)
        self.evaluations, self.batches, self.normalization = evaluations, batches, normalization
        self.results: dict[Decisions, float] = {}

    def run(self, supernet: Supernet, step: Step) -> Decisions:
        """Judges ``evaluations`` networks, and returns the best.

        Raises:
          SpaceError: nothing could be judged, because no candidate keeps to the limit.
        """
        data = [step.next_valid() for _ in range(self.batches)]
        self.algorithm.setup(supernet.space)
        was_training = supernet.training
        supernet.eval()
        try:
            for _ in range(self.evaluations):
                try:
                    decisions = self.algorithm.propose()
                except Exhausted:
                    break
                quality = self.judge(supernet, decisions, data, step)
                self.results[decisions] = quality
                self.algorithm.feedback(decisions, quality)
        finally:
            supernet.train(was_training)
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
