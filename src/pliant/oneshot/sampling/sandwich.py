"""Sandwich rule of BigNAS: each step trains the largest network, the smallest one, and some random ones between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from pliant.algorithms.options import check_count, check_number, refuse_unknown
from pliant.space import Decisions
from pliant.values.errors import FieldValueError

from ..capability import DECISION_KINDS
from ..sampler import Step
from .extremes import largest, smallest
from .search import SearchedSampler


@final
@refuse_unknown
@dataclass(kw_only=True, eq=False)
class Sandwich(SearchedSampler):
    """Sandwich rule: the largest network learns from the labels and teaches the smallest and random ones, in the same step.

    Yu et al., "BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models", ECCV 2020, after Yu and Huang,
    "Universally Slimmable Networks", ICCV 2019.  A step of the weights has the mean of the gradients of its networks.  The soft labels are
    the outputs of the largest network in the same step, so that no second network runs.  Difference: here the other networks have the
    loss of the labels as well, as in Once-for-all.  Largest and smallest are taken by value, or for modules by their order: list
    candidates from small to large.

    Then a search as in ``SPOS``, with the same options.

    >>> sampler = Sandwich(random_networks=2)

    Args:
      random_networks: how many random networks a step trains.
      distillation: the weight of the soft labels; 0 for no distillation.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset(DECISION_KINDS)

    random_networks: int = 2
    distillation: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.random_networks = check_count(self.random_networks, "random_networks", self)
        self.distillation = check_number(self.distillation, "distillation", self)

    def _bind(self) -> None:
        space = self.supernet.space
        self._ends, self._turn = (largest(space), smallest(space)), 0
        self._soft: Tensor | None = None

    @property
    def networks_per_step(self) -> int:
        """The largest, the smallest, and the random ones."""
        return 2 + self.random_networks

    def before_weights(self, step: Step) -> None:
        turn = self._turn % self.networks_per_step
        self._turn += 1
        self.supernet.activate(self._ends[turn] if turn < 2 else self.supernet.space.sample(self.random))

    def auxiliary_loss(self, step: Step, outputs: Tensor) -> Tensor | None:
        """Returns for all but the largest network the cross-entropy with its outputs as soft labels, weighted."""
        if not self.distillation:
            return None
        if outputs.dim() < 2 or outputs.shape[-1] < 2:
            raise FieldValueError(
                f"Sandwich distils class probabilities, and the network returns shape {tuple(outputs.shape)}, one number per "
                "example. Write Sandwich(distillation=0)."
            )
        if self._turn % self.networks_per_step == 1:  # the largest network
            self._soft = torch.softmax(outputs.detach(), dim=-1)
            return None
        if self._soft is None:
            return None
        return self.distillation * -(self._soft * torch.log_softmax(outputs, dim=-1)).sum(-1).mean()

    def _guess(self) -> Decisions:
        return largest(self.supernet.space)

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "turn": self._turn}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        self._turn, self._soft = int(state["turn"]), None  # the next step sets them
