"""Adam, with a state that is JSON.  PyTorch's own would do, but its first step imports the compiler stack (seconds).

Kingma and Ba (2015), "Adam: A Method for Stochastic Optimization", algorithm 1.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor

from .arrays import tensor_from_json, tensor_to_json


@final
class Adam:
    """Changes weights along their gradients, each by about ``learning_rate`` a step.

    Args:
      parameters: the weights by name; changed in place.
      learning_rate: the size of a step.
      betas: how slowly the running means of gradients and of their squares forget.
      epsilon: added to the root of the mean square.
    """

    def __init__(
        self,
        parameters: dict[str, Tensor],
        learning_rate: float,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        self.parameters, self.learning_rate, self.betas, self.epsilon = (
            parameters,
            learning_rate,
            betas,
            epsilon,
        )
        self.steps = 0
        self._means = {name: torch.zeros_like(weight).detach() for name, weight in parameters.items()}
        self._squares = {name: torch.zeros_like(weight).detach() for name, weight in parameters.items()}

    def step(self, loss: Tensor) -> None:
        """Takes one step down the gradient of ``loss``, a scalar."""
        gradients = torch.autograd.grad(loss, list(self.parameters.values()))
        self.steps += 1
        first, second = self.betas
        rate = self.learning_rate / (1.0 - first**self.steps)
        correction = 1.0 - second**self.steps
        with torch.no_grad():
            for name, gradient in zip(self.parameters, gradients):
                mean, square = self._means[name], self._squares[name]
                mean.mul_(first).add_(gradient, alpha=1.0 - first)
                square.mul_(second).addcmul_(gradient, gradient, value=1.0 - second)
                scale = (square / correction).sqrt_().add_(self.epsilon)
                self.parameters[name].addcdiv_(mean, scale, value=-rate)

    def state(self) -> dict[str, Any]:
        """Returns the step count and the running means as JSON."""
        return {
            "steps": self.steps,
            "means": {name: tensor_to_json(mean) for name, mean in self._means.items()},
            "squares": {name: tensor_to_json(square) for name, square in self._squares.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what ``state`` returned.

        Raises:
          ValueError: a tensor is missing or of another shape.
        """
        self.steps = int(state["steps"])
        for own, stored in ((self._means, state["means"]), (self._squares, state["squares"])):
            for name, tensor in own.items():
                tensor.copy_(tensor_from_json(stored[name], tuple(tensor.shape)))
