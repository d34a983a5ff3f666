"""The LSTM networks of ``LSTMPredictor``, an ensemble in one batch, and their training (PyTorch)."""

from __future__ import annotations

import math
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import embedding

from ..adam import Adam

_ROWS = 1024  # sequences per batch of predictions


@final
class Readers:
    """Ensemble of LSTMs, each with embeddings and a sigmoid output.

    Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 1997, with forget gates (Gers, Schmidhuber and
    Cummins, 2000) whose biases start at 1.  All members take a step by one ``baddbmm``.

    Token 0 always has a zero embedding.  ``seed`` is of the first weights, and of the order of examples in training.
    """

    def __init__(self, members: int, tokens: int, width: int, hidden: int, *, seed: int) -> None:
        self.members, self.tokens, self.width, self.hidden = members, tokens, width, hidden
        self.generator = torch.Generator().manual_seed(seed)
        edge = 1 / math.sqrt(hidden)
        self.table = self._draw(members * tokens, width, reach=1.0)
        self.directions = self._draw(members * tokens, width, reach=1.0)
        for weights in (self.table, self.directions):
            weights[::tokens] = 0
        self.inner = self._draw(members, width, 4 * hidden, reach=edge)
        self.recurrent = self._draw(members, hidden, 4 * hidden, reach=edge)
        self.bias = torch.zeros(members, 1, 4 * hidden)
        self.bias[..., hidden : 2 * hidden] = 1
        self.last = self._draw(members, hidden, 1, reach=edge)
        self.last_bias = torch.zeros(members, 1, 1)

    @property
    def parameters(self) -> list[torch.Tensor]:
        """All trainable weights."""
        return [self.table, self.directions, self.inner, self.recurrent, self.bias, self.last, self.last_bias]

    def logits(self, steps: torch.Tensor) -> torch.Tensor:
        """Returns the logits ``[members, N]`` for steps ``[members, N, length, 3]``."""
        members, count, length, _ = steps.shape
        offsets = torch.arange(members).mul(self.tokens)[:, None, None]
        tokens = steps[..., 0].long() + offsets
        # Rows of token 0 stay zero: they get no gradient.
        known = steps[..., :1] > 0
        read = embedding(tokens, self.table) + steps[..., 1:2] * embedding(tokens, self.directions)
        read = (read * known).transpose(1, 2).reshape(members, length * count, -1)
        inputs = torch.baddbmm(self.bias, read, self.inner).view(members, length, count, -1)
        state = cell = inputs.new_zeros(members, count, self.hidden)
        for at in range(length):
            gates = torch.baddbmm(inputs[:, at], state, self.recurrent)
            enter, forget, leave, content = gates.chunk(4, dim=2)
            cell = forget.sigmoid() * cell + enter.sigmoid() * content.tanh()
            # Padding is at the end, so it is enough to keep the state.
            state = torch.where(steps[:, :, at, 2:] > 0, leave.sigmoid() * cell.tanh(), state)
        return torch.baddbmm(self.last_bias, state, self.last)[..., 0]

    @torch.no_grad()
    def predict(self, steps: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns numbers between 0 and 1, ``[members, N]``, for sequences ``[N, length, 3]``."""
        given = torch.from_numpy(steps)
        parts = [
            self.logits(given[at : at + _ROWS].expand(self.members, -1, -1, -1)).double().sigmoid()
            for at in range(0, len(given), _ROWS)
        ]
        found: NDArray[np.float64] = (torch.cat(parts, 1) if parts else torch.zeros(self.members, 0)).numpy()
        return found

    def _draw(self, *shape: int, reach: float) -> torch.Tensor:
        return torch.empty(*shape).uniform_(-reach, reach, generator=self.generator)


def train(
    readers: Readers,
    steps: NDArray[np.float32],
    targets: NDArray[np.float64],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    clip: float,
) -> None:
    """Trains the ensemble on targets by mean squared error.

    ``targets`` are from 0 to 1.  Each member has its own order of examples, and ``clip`` limits the norm of its gradients.
    """
    x, y = torch.from_numpy(steps), torch.from_numpy(targets).float()
    count, members = len(x), readers.members
    size = min(batch_size, count)
    parameters = [weights.requires_grad_() for weights in readers.parameters]
    arrays = {str(at): weights.detach().view(members, -1).numpy() for at, weights in enumerate(parameters)}
    adam = Adam(arrays, learning_rate, epsilon=1e-7)
    for _ in range(epochs):
        order = torch.rand(members, count, generator=readers.generator).argsort(1)
        order = torch.cat([order, order[:, : -count % size]], 1)
        for at in range(0, order.shape[1], size):
            rows = order[:, at : at + size]
            loss = ((readers.logits(x[rows]).sigmoid() - y[rows]) ** 2).mean(1).sum()
            slopes = [slope.view(members, -1) for slope in torch.autograd.grad(loss, parameters)]
            sizes = torch.stack([slope.square().sum(1) for slope in slopes]).sum(0).sqrt()
            scale = (clip / (sizes + 1e-6)).clamp(max=1)[:, None]
            adam.step([(slope * scale).numpy() for slope in slopes])
    for weights in parameters:
        weights.requires_grad_(False)
