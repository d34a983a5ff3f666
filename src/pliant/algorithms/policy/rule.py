"""``Rule``, the interface of update rules: how rewards change the weights of a policy."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random
from typing import Any, Self, final

import torch
from torch import Tensor

from pliant.space import Decisions, Space

from ..adam import Adam
from ..options import check_count, check_number, show
from .policy import Policy, array_to_json, fill_from_json


@final
@dataclass(frozen=True, slots=True)
class Told:
    """An example for a rule: decisions, their reward, and their log-probability when they were drawn."""

    decisions: Decisions
    reward: float
    log_prob: float

    def to_json(self) -> list[Any]:
        """Returns this as JSON, without the space."""
        return [self.decisions.to_json(), self.reward, self.log_prob]

    @classmethod
    def from_json(cls, space: Space, data: Any) -> Told:
        """Reads what ``to_json`` returned."""
        values, reward, log_prob = data
        return cls(Decisions.from_json(space, values), float(reward), float(log_prob))


class Rule(ABC):
    """Updates a policy by batches of rewards; base class of update rules, with the options that all have.

    A subclass writes ``update`` and, where it remembers more than weights, ``_start``, ``_state`` and ``_restore``.

    Args:
      batch_size: number of rewards per update.
      learning_rate: the step size of Adam.
      entropy: the weight of the policy's entropy in the objective, in units of the advantage per nat.
      smallest_batch: the smallest ``batch_size`` that is allowed.
    """

    def __init__(
        self, batch_size: int, learning_rate: float, entropy: float, *, smallest_batch: int = 1
    ) -> None:
        self.batch_size = check_count(batch_size, "batch_size", self, least=smallest_batch)
        self.learning_rate = check_number(learning_rate, "learning_rate", self, above=0.0)
        self.entropy = check_number(entropy, "entropy", self)

    def __repr__(self) -> str:
        return show(self)

    policy: Policy
    optimizer: Adam
    waiting: list[Told]

    @final
    def begin(self, policy: Policy) -> Self:
        """Returns a fresh copy of this rule that changes ``policy``."""
        own = copy.copy(self)
        own.policy, own.waiting = policy, []
        own.optimizer = Adam(policy.arrays, own.learning_rate)
        own._start()
        return own

    @final
    def learn(self, told: Told, random: Random) -> None:
        """Records one reward; updates the policy when a batch is full."""
        self.waiting.append(told)
        if len(self.waiting) >= self.batch_size:
            batch, self.waiting = self.waiting, []
            self.update(batch, random)
            self.policy.refresh()

    @abstractmethod
    def update(self, told: list[Told], random: Random) -> None:
        """Changes the weights of ``self.policy``, by ``self.descend``.

        Args:
          told: a batch, in the order in which rewards arrived.
          random: for shuffles.
        """

    @final
    def descend(self, loss: Tensor) -> None:
        """Takes one step of Adam down the gradient of ``loss``, a scalar."""
        gradients = torch.autograd.grad(loss, list(self.policy.parameters.values()))
        self.optimizer.step([gradient.numpy() for gradient in gradients])

    def _start(self) -> None:  # noqa: B027 - a hook that may stay empty
        """Initializes the memory between updates."""

    def _state(self) -> dict[str, Any]:
        """Returns the memory between updates, as JSON."""
        return {}

    def _restore(self, state: dict[str, Any]) -> None:  # noqa: B027 - a hook that may stay empty
        """Restores what ``_state`` returned."""

    @final
    def state(self) -> dict[str, Any]:
        """Returns the optimizer, the incomplete batch and the memory as JSON."""
        adam = self.optimizer
        return {
            "optimizer": {
                "steps": adam.steps,
                "means": {name: array_to_json(array) for name, array in adam.means.items()},
                "squares": {name: array_to_json(array) for name, array in adam.squares.items()},
            },
            "waiting": [told.to_json() for told in self.waiting],
            "memory": self._state(),
        }

    @final
    def restore(self, state: dict[str, Any]) -> None:
        """Restores what ``state`` returned."""
        adam, stored = self.optimizer, state["optimizer"]
        adam.steps = int(stored["steps"])
        for name in adam.weights:
            fill_from_json(adam.means[name], stored["means"][name])
            fill_from_json(adam.squares[name], stored["squares"][name])
        self.waiting = [Told.from_json(self.policy.space, one) for one in state["waiting"]]
        self._restore(state["memory"])
