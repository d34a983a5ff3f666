"""``Policy``, the interface of policies: distributions over the decisions of a space, with weights that rules change."""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pliant.space import Decisions, Space

from ..options import show
from .batch import Batch, Encoder
from .heads import Head, make_heads


class Policy(ABC):
    """A distribution over the decisions of one space; every decision vector of the space is possible.

    A subclass makes its weights in ``_setup``, as float64 tensors that need gradients, and writes ``sample``,
    ``mode`` and ``evaluate``.  Decisions are drawn with Python's random numbers, not with those of torch;
    conditional points count only where they are active.
    """

    space: Space
    heads: tuple[Head, ...]
    numbers: Tensor | None
    parameters: dict[str, Tensor]
    has_weights: bool

    def __repr__(self) -> str:
        return show(self)

    @final
    def setup(self, space: Space, random: Random) -> None:
        """Initializes the policy for ``space``.  ``random`` draws the initial weights."""
        self.space = space
        self.heads = make_heads(space)
        self.encoder = Encoder(self.heads)
        """Makes batches; has the outputs of each point."""
        has_numbers = [not head.is_categorical for head in self.heads]
        self.numbers = torch.tensor(has_numbers) if any(has_numbers) else None
        """``[P]``, which points have a number head; None if none has."""
        self.parameters = self._setup(random)
        """The weights by name."""
        self.has_weights = bool(self.heads)
        """Whether the policy has weights: False for a space without points."""
        self.refresh()

    @abstractmethod
    def _setup(self, random: Random) -> dict[str, Tensor]:
        """Returns new weights by name: float64 tensors with ``requires_grad``."""

    @abstractmethod
    def sample(self, random: Random) -> tuple[Decisions, float]:
        """Draws decisions; returns them and their log-probability (a density where the space has floats)."""

    @abstractmethod
    def mode(self) -> Decisions:
        """Returns the greedy decisions: each is the most likely one given those before it."""

    @abstractmethod
    def evaluate(self, batch: Batch, *, entropy: bool = True, discount: float = 1.0) -> tuple[Tensor, Tensor]:
        """Returns log-probabilities and entropies, both ``[B]`` and differentiable.

        With a ``discount``, the logarithm of each decision counts ``discount ** n`` times, n the number of decisions after it, as
        ``sum_discounted`` does.

        The mean of the entropies over decisions drawn from this policy is its entropy: each is the exact entropy if
        the policy can compute it, otherwise the sum of the entropies of the row's decisions, each given those before
        it.  Zeros if ``entropy`` is False.
        """

    def refresh(self) -> None:  # noqa: B027 - a hook that may stay empty
        """Called after the weights changed; clears values that are computed from them."""

    @final
    def encode(self, decisions: Sequence[Decisions]) -> Batch:
        """Returns decisions of the space as a batch for ``evaluate``."""
        return self.encoder(decisions)

    @final
    def log_prob(self, decisions: Sequence[Decisions]) -> Tensor:
        """Returns the log-probabilities of decisions, ``[B]``; for floats the log-density."""
        return self.evaluate(self.encode(decisions), entropy=False)[0]

    @property
    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """The weights by name as arrays that share their memory."""
        return {name: weight.detach().numpy() for name, weight in self.parameters.items()}

    @final
    def state(self) -> dict[str, Any]:
        """Returns the weights as JSON."""
        return {name: array_to_json(array) for name, array in self.arrays.items()}

    @final
    def restore(self, state: dict[str, Any]) -> None:
        """Restores what ``state`` returned, after ``setup``; raises ValueError if a weight is missing or of another shape."""
        for name, array in self.arrays.items():
            fill_from_json(array, state[name])
        self.refresh()


def array_to_json(array: NDArray[np.float64]) -> str:
    """Returns the numbers of an array as base64 text, little-endian, in row-major order.

    >>> array_to_json(np.array([1.0]))
    'AAAAAAAA8D8='
    """
    return base64.b64encode(array.astype("<f8").tobytes()).decode("ascii")


def fill_from_json(array: NDArray[np.float64], text: str) -> None:
    """Fills an array with the numbers that ``array_to_json`` wrote.

    Raises:
      ValueError: the text holds another number of doubles, or numbers that are not finite.

    >>> array = np.zeros((1, 1))
    >>> fill_from_json(array, "AAAAAAAA8D8=")
    >>> array
    array([[1.]])
    """
    found = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f8")
    if found.size != array.size:
        raise ValueError(f"{found.size} weights were stored where this policy has {array.size}.")
    if not np.isfinite(found).all():
        raise ValueError("a stored weight is not finite.")
    array[...] = found.reshape(array.shape)
