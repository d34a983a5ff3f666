"""SPOS: train single paths drawn uniformly, then search the trained super-network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, final

from pliant.algorithms import Algorithm
from pliant.space import Decisions

from ..capability import NEEDS
from ..normalization import Normalization, Recalibrated
from ..sampler import Sampler, Step
from .trained import TrainedSearch, make_evolution


@final
class SPOS(Sampler):
    """Single path one-shot: uniform paths while training, evolution afterwards.

    Guo et al., "Single path one-shot neural architecture search with uniform sampling", ECCV 2020.  Each training
    step draws every decision uniformly; when training ends, evolution looks for the best network by its inherited
    weights, with batch normalization recalibrated for each.

    Args:
      search: what searches the trained super-network; the paper's evolution when None, from this sampler's seed. Any
        algorithm of ``pg.generators`` will do.
      evaluations: how many networks are judged then (the paper: 20 generations of 50).
      batches: on how many validation batches each is judged.
      normalization: which statistics are used then.
      cost: a cost of decisions, such as ``MultiplyAdds``.
      limit: what it must not exceed (the paper: 330M multiply-adds).

    Raises:
      FieldValueError: a cost without a limit, or no evaluations or batches.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset(NEEDS)

    def __init__(
        self,
        *,
        search: Algorithm | None = None,
        evaluations: int = 1000,
        batches: int = 10,
        normalization: Normalization | None = None,
        cost: Callable[[Decisions], float] | None = None,
        limit: float | None = None,
    ) -> None:
        super().__init__()
        self._is_ours = search is None
        self._best: Decisions | None = None
        self._search = TrainedSearch(
            make_evolution() if search is None else search,
            evaluations=evaluations,
            batches=batches,
            normalization=Recalibrated() if normalization is None else normalization,
            cost=cost,
            limit=limit,
        )

    @property
    def results(self) -> dict[Decisions, float]:
        """The networks that were judged after training, and their qualities."""
        return self._search.results

    def _bind(self) -> None:
        """Starts from nothing: there is nothing to learn."""

    def before_weights(self, step: Step) -> None:
        self.supernet.activate(self.supernet.space.sample(self.random))

    def finish(self, step: Step) -> None:
        seed = self.random.getrandbits(32) if self._is_ours else None
        self._best = self._search.run(self.supernet, step, seed=seed)

    def decisions(self) -> Decisions:
        """Returns the best network that was judged; before that, a random one."""
        space = self.supernet.space
        return space.sample(0) if self._best is None else self._best

    def _state(self) -> dict[str, Any]:
        best = None if self._best is None else self._best.to_json()
        return {"best": best, "results": self._search.state()}

    def _restore(self, state: dict[str, Any]) -> None:
        best = state["best"]
        self._best = None if best is None else Decisions.from_json(self.supernet.space, best)
        self._search.restore(self.supernet, state["results"])
