"""What samplers share that train a super-network first, and search it when its weights are trained.

How it is trained is a subclass's to say; how it is searched, ``trained``'s.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pliant.algorithms import Algorithm
from pliant.algorithms.policy.options import refuse_unknown
from pliant.space import Decisions

from ..normalization import Normalization, Recalibrated
from ..sampler import Sampler, Step
from .trained import TrainedSearch, make_evolution


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
