"""Selectors: which elements go on, at random, by weight, by fitness, by age."""

from __future__ import annotations

import math
from typing import Any

from pliant.values.errors import quote

from .. import typing as pg_typing
from ..geno import DNA
from ..scalars import scalar_spec, scalar_value
from ..scalars.randoms import make_random
from ..symbolic import members
from .individuals import get_fitness
from .operation import Selector, make_operation_compatible, operation_spec


def num_output_spec() -> Any:
    """Returns the type of a number of elements to select: an int, a share from 0.0 to 1.0, a scalar, or None for all."""
    size = pg_typing.Union([pg_typing.Int(min_value=0), pg_typing.Float(min_value=0.0, max_value=1.0)])
    return scalar_spec(size).noneable()


def compute_num_output(n: Any, num_inputs: int, step: int) -> int:
    """Returns how many elements to select.

    >>> compute_num_output(3, 10, 0), compute_num_output(0.25, 10, 0), compute_num_output(None, 10, 0)
    (3, 3, 10)

    Args:
      n: a number, a share from 0.0 to 1.0 (rounded up), a scalar of either, or None for as many as there are.
      num_inputs: how many there are.
      step: the step, for scalars.
    """
    value = scalar_value(n, step)
    if value is None:
        return num_inputs
    return math.ceil(value * num_inputs) if isinstance(value, float) else int(value)


def _n() -> Any:
    return (
        "n",
        num_output_spec(),
        "How many: an int, a share (a float), a scalar of either, or None for as many as there are.",
    )


def _seed() -> Any:
    return ("seed", pg_typing.Int().noneable(), "The seed; None for Python's `random`.")


def _weights() -> Any:
    spec = operation_spec(pg_typing.Any(), pg_typing.Float(min_value=0.0))
    return ("weights", spec, "From the elements to their weights.")


@members(
    [
        _n(),
        ("replacement", pg_typing.Bool(default=False), "Whether an element may be selected again."),
        _seed(),
    ]
)
class Random(Selector):
    """Selects n elements at random.

    >>> Random(2, seed=1)(list(range(10)))
    [2, 1]

    Args:
      n: how many.
      replacement: whether an element may be selected more than once.
      seed: the seed; None for Python's ``random``.
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._random = make_random(self.seed)

    def select(self, inputs: list[Any], step: int) -> list[Any]:  # type: ignore[override]
        n = compute_num_output(self.n, len(inputs), step)
        if self.replacement:
            return [self._random.choice(inputs) for _ in range(n)]
        selected: list[Any] = self._random.sample(inputs, min(n, len(inputs)))
        return selected


@members([_n(), _weights(), _seed()])
class Sample(Selector):
    """Draws n elements with replacement, with probabilities that are proportional to weights.

    >>> Sample(4, lambda xs: [1.0, 0.0, 0.0])(["a", "b", "c"])
    ['a', 'a', 'a', 'a']

    Args:
      n: how many.
      weights: a function from the elements to their weights.
      seed: the seed; None for Python's ``random``.
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._random = make_random(self.seed)
        self._weigh = make_operation_compatible(self.weights)

    def select(self, inputs: list[Any], global_state: Any, step: int) -> list[Any]:
        n = compute_num_output(self.n, len(inputs), step)
        weights = self._weigh(inputs, global_state=global_state, step=step)
        selected: list[Any] = self._random.choices(inputs, weights=weights, k=n)
        return selected


@members([_n(), _weights()])
class Proportional(Selector):
    """Selects n elements, each as often as its share of the weights says, without random draws.

    >>> Proportional(4, lambda xs: [3.0, 1.0, 0.0])(["a", "b", "c"])
    ['a', 'a', 'a', 'b']

    Args:
      n: how many.
      weights: a function from the elements to their weights.
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._weigh = make_operation_compatible(self.weights)

    def select(self, inputs: list[Any], global_state: Any, step: int) -> list[Any]:
        n = compute_num_output(self.n, len(inputs), step)
        counts = self._partition(self._weigh(inputs, global_state=global_state, step=step), n)
        return [one for one, count in zip(inputs, counts) for _ in range(count)]

    def _partition(self, weights: list[float], n: int) -> list[int]:
        """Splits n into whole numbers that are about proportional to weights.

        Each share is rounded to the nearest number.  What is then missing goes to the largest weights, and what is too much is
        taken from the smallest ones, one by one.
        """
        total = sum(weights)
        if not total:
            raise ValueError(
                f"selectors.Proportional: all weights are 0: {quote(weights)}. At least one must be larger; add a constant to them."
            )
        counts = [int(n * weight / total + 0.5) for weight in weights]
        missing = n - sum(counts)
        order = sorted(
            (i for i, weight in enumerate(weights) if weight > 0),
            key=weights.__getitem__,
            reverse=missing > 0,
        )
        while missing:
            for i in order:
                if missing > 0:
                    counts[i] += 1
                    missing -= 1
                elif missing < 0 < counts[i]:
                    counts[i] -= 1
                    missing += 1
        return counts


def _ranking() -> list[Any]:
    key = pg_typing.Callable([pg_typing.Any()], returns=pg_typing.Any()).noneable()
    return [
        _n(),
        ("key", key, "What is compared; for DNA, their fitness by default."),
        ("cluster", pg_typing.Bool(default=False), "Whether n counts groups of equal keys."),
    ]


def _rank(selector: Selector, inputs: list[Any], step: int, *, descending: bool) -> list[Any]:
    """Returns the first elements of a selector's ranking."""
    key = selector.key
    if key is None:
        key = get_fitness if inputs and isinstance(inputs[0], DNA) else lambda one: one
    n = compute_num_output(selector.n, len(inputs), step)
    ranked = sorted(inputs, key=key, reverse=descending)
    if not selector.cluster:
        return ranked[:n]
    best = sorted({key(one) for one in inputs}, reverse=descending)[:n]
    return [one for one in ranked if key(one) in best]


@members(_ranking())
class Top(Selector):
    """Selects the n largest elements, by their fitness or a key, the largest first; of equals, the earlier.

    >>> Top(2)([3, 9, 4]), Top(1, key=lambda word: len(word), cluster=True)(["ab", "c", "de"])
    ([9, 4], ['ab', 'de'])

    Args:
      n: how many.
      key: a function from an element to what is compared; for DNA, their fitness by default.
      cluster: whether n counts groups of elements with equal keys.
    """

    def select(self, inputs: list[Any], step: int) -> list[Any]:  # type: ignore[override]
        return _rank(self, inputs, step, descending=True)


@members(_ranking())
class Bottom(Selector):
    """Selects the n smallest elements, by their fitness or a key, the smallest first; of equals, the earlier.

    >>> Bottom(2)([3, 9, 4])
    [3, 4]

    Args:
      n: how many.
      key: a function from an element to what is compared; for DNA, their fitness by default.
      cluster: whether n counts groups of elements with equal keys.
    """

    def select(self, inputs: list[Any], step: int) -> list[Any]:  # type: ignore[override]
        return _rank(self, inputs, step, descending=False)


@members([_n()])
class First(Selector):
    """Selects the first n elements.

    >>> First(2)([3, 9, 4])
    [3, 9]
    """

    def select(self, inputs: list[Any], step: int) -> list[Any]:  # type: ignore[override]
        return inputs[: compute_num_output(self.n, len(inputs), step)]


@members([_n()])
class Last(Selector):
    """Selects the last n elements.

    >>> Last(2)([3, 9, 4])
    [9, 4]
    """

    def select(self, inputs: list[Any], step: int) -> list[Any]:  # type: ignore[override]
        return inputs[max(0, len(inputs) - compute_num_output(self.n, len(inputs), step)) :]
