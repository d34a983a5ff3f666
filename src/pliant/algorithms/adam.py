"""The Adam optimizer on NumPy arrays.  ``torch.optim`` takes seconds to import; a CPU tensor's ``.numpy()`` shares its memory.

Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, Algorithm 1, with the bias corrections in the
learning rate (the end of their section 2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@final
class Adam:
    """Changes weights in place along their gradients, each by about ``learning_rate`` a step.

    ``betas`` are the decay rates of ``means`` and ``squares``, the running means of gradients and of their squares.
    """

    def __init__(
        self,
        weights: Mapping[str, Array],
        learning_rate: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        self.weights, self.learning_rate, self.betas, self.epsilon = weights, learning_rate, betas, epsilon
        self.steps = 0
        self.means, self.squares, self._work = (
            {name: np.zeros_like(weight) for name, weight in weights.items()} for _ in range(3)
        )

    def step(self, gradients: Sequence[Array]) -> None:
        """Takes one step down the gradients, which are in the order of the weights and of their shapes."""
        self.steps += 1
        first, second = self.betas
        rate = self.learning_rate * math.sqrt(1 - second**self.steps) / (1 - first**self.steps)
        for (name, weight), gradient in zip(self.weights.items(), gradients, strict=True):
            mean, square, work = self.means[name], self.squares[name], self._work[name]
            mean *= first
            np.multiply(gradient, 1 - first, out=work)
            mean += work
            square *= second
            np.multiply(gradient, gradient, out=work)
            work *= 1 - second
            square += work
            np.sqrt(square, out=work)
            work += self.epsilon
            np.divide(mean, work, out=work)
            work *= rate
            weight -= work
