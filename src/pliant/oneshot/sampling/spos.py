"""SPOS: trains single paths that are drawn uniformly, then searches the trained super-network."""

from __future__ import annotations

from typing import ClassVar, final

from pliant.space import Decisions

from ..capability import DECISION_KINDS
from ..sampler import Step
from .search import SearchedSampler


@final
class SPOS(SearchedSampler):
    """Single path one-shot: uniform paths during training, evolution afterwards.

    Guo et al., "Single path one-shot neural architecture search with uniform sampling", ECCV 2020.  Each training
    step draws every decision uniformly.  After training, evolution searches for the best network by inherited weights,
    with batch normalization recalibrated for each.  ``results`` are the networks that were judged and their qualities,
    ``decisions()`` is the best of them; before that, a random one.

    Args:
      search: the algorithm that searches, any of ``pg.generators``; the paper's evolution with the sampler's seed when None.
      evaluations: the number of networks that it judges (the paper: 20 generations of 50).
      batches: the number of validation batches.
      normalization: the statistics of normalization layers; recalibrated ones when None.
      cost: a function of decisions, such as ``MultiplyAdds(net, example)``.
      limit: the largest cost (the paper: 330M multiply-adds).
      fill: the share of the limit that the network should cost at least, where that costs no quality; see ``SearchedSampler``.

    Raises:
      FieldValueError: a cost without a limit, or no evaluations or batches.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset(DECISION_KINDS)

    def _bind(self) -> None:
        """Does nothing: uniform sampling has no state."""

    def before_weights(self, step: Step) -> None:
        self.supernet.activate(self.supernet.space.sample(self.random))

    def _guess(self) -> Decisions:
        return self.supernet.space.sample(0)
