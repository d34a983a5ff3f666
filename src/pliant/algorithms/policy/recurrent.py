"""``Recurrent``, the LSTM policy: each decision depends on those before it.

Sampling runs in NumPy, step by step, on the memory of the weights; evaluation runs in PyTorch, on whole batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import final

import numpy as np
import torch
from torch import Tensor

from pliant.space import Decisions, Float, Int, to_unit

from ..options import check_count
from .batch import Batch
from .distributions import entropies, log_probs, sum_discounted
from .draw import draw_decisions, draw_index, draw_number, log_softmax, pick_best
from .heads import Head
from .policy import Policy

_SPREAD = 0.1  # initial weights are uniform in [-0.1, 0.1], as in ENAS


@final
class Recurrent(Policy):
    """LSTM policy over the active decisions, as in NAS (Zoph and Le 2017, section 3.1) and ENAS.

    The input of a step is the embedding of the next decision point plus that of the last value (linear in the unit
    value of a number); its outputs are the logits of the point, masked to valid values.  Inactive points are skipped.
    As the output weights start at zero, a new policy samples like a new ``Factorized``; ENAS instead bounds logits by
    a tanh and starts with random weights.

    >>> from random import Random
    >>> from pliant.space import choice, flatten
    >>> policy = Recurrent(hidden=16)
    >>> policy.setup(flatten([choice("op", 4), choice("act", 2)]), Random(0))
    >>> decisions, log_prob = policy.sample(Random(1))
    >>> bool(abs(policy.log_prob([decisions])[0] - log_prob) < 1e-12)
    True

    Args:
      hidden: the width of the LSTM.
      embedding: the width of the embeddings.
    """

    def __init__(self, *, hidden: int = 64, embedding: int = 32) -> None:
        self.hidden = check_count(hidden, "hidden", self)
        self.embedding = check_count(embedding, "embedding", self)

    def _setup(self, random: Random) -> dict[str, Tensor]:
        points, outputs = len(self.heads), sum(head.width for head in self.heads)
        generator = torch.Generator().manual_seed(random.getrandbits(63))

        def uniform(*shape: int) -> Tensor:
            drawn = torch.rand(shape, dtype=torch.float64, generator=generator)
            return ((2 * drawn - 1) * _SPREAD).requires_grad_()

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(shape, dtype=torch.float64, requires_grad=True)

        masks = self.encoder.masks
        starts = torch.tensor([head.start for head in self.heads] or [0], dtype=torch.long)
        self._starts = starts
        self._rows = torch.where(masks, starts.unsqueeze(1) + torch.arange(masks.shape[1]), 0)
        self._first = outputs  # the embedding before the first decision
        return {
            "points": uniform(points, self.embedding),
            "values": uniform(outputs + 1, self.embedding),
            "input": uniform(4 * self.hidden, self.embedding),
            "state": uniform(4 * self.hidden, self.hidden),
            "bias": uniform(4 * self.hidden),
            "output": zeros(outputs, self.hidden),
            "output_bias": zeros(outputs),
        }

    def sample(self, random: Random) -> tuple[Decisions, float]:
        total = 0.0

        def decide(head: Head, outputs: list[float], allowed: Sequence[int] | None) -> int | float:
            nonlocal total
            if not head.is_categorical:
                assert isinstance(head.point, (Int, Float))
                value, log_prob = draw_number(head.point, outputs, random.random())
                total += log_prob
                return value
            columns = range(head.width) if allowed is None else allowed
            logs = log_softmax([outputs[column] for column in columns])
            place = draw_index(logs, random.random())
            total += logs[place]
            return head.values[columns[place]]

        return self._unroll(decide), total

    def mode(self) -> Decisions:
        return self._unroll(pick_best)

    def evaluate(self, batch: Batch, *, entropy: bool = True, discount: float = 1.0) -> tuple[Tensor, Tensor]:
        weights = self.parameters
        nothing = torch.zeros(len(batch), dtype=torch.float64)
        if not batch.points.shape[1]:
            return nothing, nothing
        tokens = self._starts[batch.points] + batch.columns
        decided = weights["values"][tokens]
        if self.numbers is not None:
            slope = torch.sigmoid(batch.low) + torch.sigmoid(batch.high) - 1.0  # from -1 to 1
            slope = slope.masked_fill(~self.numbers[batch.points], 0.0)
            decided = decided + slope.unsqueeze(-1) * weights["values"][(tokens + 1).clamp(max=self._first)]
        first = weights["values"][self._first].expand(len(batch), 1, -1)
        inputs = torch.cat([first, decided[:, :-1]], 1) + weights["points"][batch.points]
        start = torch.zeros(1, len(batch), self.hidden, dtype=torch.float64)
        flat = [weights["input"], weights["state"], weights["bias"], torch.zeros_like(weights["bias"])]
        hidden = torch.lstm(inputs, [start, start], flat, True, 1, 0.0, True, False, True)[0]
        every = hidden @ weights["output"].T + weights["output_bias"]
        outputs = every.gather(-1, self._rows[batch.points])
        log_prob = sum_discounted(log_probs(outputs, batch, self.numbers), batch, discount)
        if not entropy:
            return log_prob, nothing
        return log_prob, entropies(outputs, batch, self.numbers).sum(-1)

    def _unroll(self, decide: Callable[[Head, list[float], Sequence[int] | None], int | float]) -> Decisions:
        """Runs the LSTM, with values that ``decide`` chooses from the outputs of each head; returns the decisions."""
        weights = self.arrays
        values, size = weights["values"], self.hidden
        decided, hidden, cell = values[self._first], np.zeros(size), np.zeros(size)

        def step(index: int, allowed: Sequence[int] | None) -> int | float:
            nonlocal decided, hidden, cell
            head = self.heads[index]
            gates = weights["input"] @ (decided + weights["points"][index])
            gates += weights["state"] @ hidden + weights["bias"]
            squashed = 0.5 + 0.5 * np.tanh(0.5 * gates)  # sigmoid without overflow
            candidate = np.tanh(gates[2 * size : 3 * size])
            cell = squashed[size : 2 * size] * cell + squashed[:size] * candidate
            hidden = squashed[3 * size :] * np.tanh(cell)
            rows = slice(head.start, head.start + head.width)
            outputs = (weights["output"][rows] @ hidden + weights["output_bias"][rows]).tolist()
            value = decide(head, outputs, allowed)
            if head.is_categorical:
                decided = values[head.start + head.index(value)]
            else:
                assert isinstance(head.point, (Int, Float))
                slope = 2.0 * to_unit(head.point, value) - 1.0
                decided = values[head.start] + slope * values[head.start + 1]
            return value

        return draw_decisions(self.space, step)
