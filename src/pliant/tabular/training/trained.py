"""``Trained``: a network for tables after its training, with the weights of its best epoch (PyTorch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.symbolic.edit.clone import clone
from pliant.values.errors import FieldValueError

from ..encoded import Encoded

CHUNK = 4096  # rows that are predicted at once


@final
@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A network after its training.

    Attributes:
      program: the ``TableModel`` that was trained.
      seed: of its weights, batches and dropout.
      state: the weights and buffers of its best epoch, by name; empty without a score.
      score: of these weights on the validation rows; None if no epoch gave finite outputs, or none was trained.
      curve: the score on the validation rows after each epoch.
      losses: the mean loss of the training rows in each epoch.
      best_epoch: the number of epochs after which it had these weights, from 1; 0 without a score.
      reason: why it ended; ``"epochs"``, ``"patience"``, ``"stopped"`` or ``"not finite"``.
    """

    program: Any
    seed: int
    state: Mapping[str, Tensor] = field(default_factory=dict)
    score: float | None = None
    curve: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    best_epoch: int = 0
    reason: str = "epochs"

    def network(self) -> nn.Module:
        """Returns the network with the weights of its best epoch, ready to predict.

        Raises:
          FieldValueError: it has no score, so it has no weights.
        """
        if self.score is None:
            raise FieldValueError(
                f"this network has no weights, because its training ended without a score ({self.reason}). Use one with a score."
            )
        network = make_network(self.program, self.seed)
        network.load_state_dict(self.state)
        return network.eval()

    def predict(self, rows: Encoded) -> Tensor:
        """Returns the outputs of the network (rows, outputs); ``Task.probabilities`` makes probabilities of them.

        Raises:
          FieldValueError: it has no score, so it has no weights.
        """
        return run(self.network(), torch.from_numpy(rows.numbers), torch.from_numpy(rows.categories))


def make_network(program: Any, seed: int) -> nn.Module:
    """Returns the network of a program with initial weights that depend on the seed; keeps torch's global random state."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed % 2**63)
        network: nn.Module = clone(program.network, deep=True)
        next(network.parameters(), None)  # makes its layers
    return network


@torch.no_grad()
def run(network: nn.Module, numbers: Tensor, categories: Tensor) -> Tensor:
    """Returns the outputs of a network in evaluation mode, some rows at a time."""
    starts = range(0, len(numbers), CHUNK)
    return torch.cat([network(numbers[i : i + CHUNK], categories[i : i + CHUNK]) for i in starts])
