"""SPOS: train single paths drawn uniformly, then search the trained super-network."""

from __future__ import annotations

from typing import ClassVar, final

from pliant.space import Decisions

from ..capability import DECISION_KINDS
from ..sampler import Step
from .search import SearchedSampler


@final
class SPOS(SearchedSampler):
    """Single path one-shot: uniform paths while training, evolution afterwards.

    Guo et al., "Single path one-shot neural architecture search with uniform sampling", ECCV 2020.  Each training
    step draws every decision uniformly; when training ends, evolution looks for the best network by its inherited
    weights, with batch normalization recalibrated for each.  ``results`` are the networks that were judged and their
    qualities, ``decisions()`` is the best of them; before that, a random one.

    Args:
      search: what searches the trained super-network; the paper's evolution when None, from this sampler's seed. Any
        algorithm of ``pg.generators`` will do.
      evaluations: how many networks are judged then (the paper: 20 generations of 50).
      batches: on how many validation batches each is judged.
      normalization: which statistics are used then.
      cost: any function of decisions to a number: ``MultiplyAdds(net, example)``, or one of your own.
      limit: what it must not exceed (the paper: 330M multiply-adds).

    Raises:
      FieldValueError: a cost without a limit, or no evaluations or batches.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset(DECISION_KINDS)

    def _bind(self) -> None:
        """Starts from nothing: there is nothing to learn."""

    def before_weights(self, step: Step) -> None:
        self.supernet.activate(self.supernet.space.sample(self.random))

    def _guess(self) -> Decisions:
        return self.supernet.space.sample(0)
