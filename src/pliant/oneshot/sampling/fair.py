"""FairNAS: every candidate is trained equally often, in every step; a search over the trained super-network follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

from pliant.algorithms.policy.draw import draw_decisions
from pliant.space import Choice, Decisions, from_unit

from ..capability import DECISION_KINDS
from ..sampler import Step
from .extremes import rank
from .search import SearchedSampler


@final
class FairNAS(SearchedSampler):
    """FairNAS: a step trains as many networks as a choice has candidates, so that each candidate is in exactly one of them.

    Chu, Zhang and Xu, "FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural Architecture Search", ICCV 2021
    (strict fairness): for each decision a random order of its candidates, the networks of a step take them in
    turn, and the step of the weights has the mean of their gradients (the sum in the paper).  Where decisions have different numbers of candidates, the
    order of the shorter ones repeats.  Then a search as in ``SPOS``, with the same options.

    A step costs as much as that many steps of ``SPOS``: divide the number of epochs by it for equal cost.

    >>> sampler = FairNAS(evaluations=200)

    Args: as of ``SPOS``.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset(DECISION_KINDS)

    def _bind(self) -> None:
        points = self.supernet.space.points
        counts = [len(rank(point)) for point in points if isinstance(point, Choice)]
        self._count, self._turn = max(counts, default=1), 0
        self._orders: dict[int, list[int]] = {}

    @property
    def networks_per_step(self) -> int:
        """The largest number of candidates of a choice."""
        return self._count if self.is_bound else 1

    def before_weights(self, step: Step) -> None:
        if self._turn % self._count == 0:
            self._orders = {}
            for at, point in enumerate(self.supernet.space.points):
                if isinstance(point, Choice):
                    order = list(range(point.count))
                    self.random.shuffle(order)
                    self._orders[at] = order
        self.supernet.activate(draw_decisions(self.supernet.space, self._take))
        self._turn += 1

    def _take(self, at: int, allowed: Sequence[int] | None) -> int | float:
        point, turn = self.supernet.space.points[at], self._turn % self._count
        if not isinstance(point, Choice):
            return from_unit(point, self.random.random())
        order = [index for index in self._orders[at] if allowed is None or index in allowed]
        return order[turn % len(order)]

    def _guess(self) -> Decisions:
        return self.supernet.space.sample(0)

    def _state(self) -> dict[str, Any]:
        orders = [[at, order] for at, order in self._orders.items()]
        return {**super()._state(), "turn": self._turn, "orders": orders}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self._turn = int(state["turn"])
        self._orders = {int(at): list(order) for at, order in state["orders"]}
