"""``Selection``: the current decision for each key of a super-network.

All choices and elastic modules of a super-network read one ``Selection``; mutators and ``Supernet.activate`` write it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, final

from torch import Tensor

from pliant.values.errors import DecisionError, PliantError, listing, suggest


class ThreadError(PliantError, RuntimeError):
    """Two threads that use one super-network at once: one of them would run what the other selected."""


@final
class _Turns:
    """Which thread selected last, and the lock around selecting and running.  A copy starts without either."""

    def __init__(self) -> None:
        self.lock, self.last, self._mine = threading.RLock(), 0, threading.local()

    def __reduce__(self) -> Any:
        return _Turns, ()

    @property
    def mine(self) -> int | None:
        """The turn in which this thread selected last; None if it never did."""
        return getattr(self._mine, "turn", None)

    def take(self) -> None:
        self.last += 1
        self._mine.turn = self.last

    def put_back(self, last: int, mine: int | None) -> None:
        self.last, self._mine.turn = last, mine


@final
class Selection:
    """The current decision for each key of a super-network.

    Attributes:
      values: by key: the index of a candidate, a number, or for an input choice a list of indices.
      weights: by key, a weight per candidate, if a mixture of the candidates runs instead.
      owner: the mutator that selects: a list with its name, compared by identity; None without a mutator.
    """

    __slots__ = ("_numbers", "_turns", "owner", "values", "weights")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.weights: dict[str, Tensor] = {}
        self.owner: list[str] | None = None
        self._numbers: dict[str, tuple[Tensor, int, list[float]]] = {}
        self._turns = _Turns()

    def replace(self, values: Mapping[str, Any]) -> None:
        """Sets the decisions of some keys and removes all mixtures; other keys keep their decisions."""
        with self._turns.lock:
            self.values.update(values)
            self.weights.clear()
            self._turns.take()

    def mix(self, weights: Mapping[str, Tensor], numbers: Mapping[str, list[float]]) -> None:
        """Selects mixtures, by key: the weights of the candidates, as a tensor and as numbers."""
        with self._turns.lock:
            self.weights.clear()
            self.weights.update(weights)
            self._numbers = {key: (row, row._version, numbers[key]) for key, row in weights.items()}
            self._turns.take()

    @contextmanager
    def running(self) -> Iterator[None]:
        """A context in which a network runs what is selected; other threads wait.

        Raises:
          ThreadError: another thread has selected something since this thread did.
        """
        with self._turns.lock:
            self.check_turn()
            yield

    def check_turn(self) -> None:
        """Raises ThreadError if another thread has selected something since this thread did."""
        if self._turns.mine not in (None, self._turns.last):
            raise ThreadError(
                "another thread has selected another network of this super-network since this thread did; a super-network "
                "runs one selection at a time. Give each thread a copy, `copy.deepcopy(net)`, or hold one lock around "
                "`activate` (or `reset` of a mutator) and the forward pass."
            )

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """A context for this thread alone, after which the old selection is back."""
        with self._turns.lock:
            kept = dict(self.values), dict(self.weights), self._turns.last, self._turns.mine
            try:
                yield
            finally:
                self.values, self.weights = kept[:2]
                self._turns.put_back(*kept[2:])

    def value(self, key: str) -> Any:
        """Returns the current decision of ``key``.

        Raises:
          DecisionError: nothing is selected for this key.
        """
        try:
            return self.values[key]
        except KeyError:
            raise DecisionError(
                f"nothing is selected for {key!r} yet{suggest(key, self.values) or '.'} Call `supernet.activate(decisions)` "
                f"or a mutator's `reset()` before the forward pass. Selected: {listing(self.values) or 'nothing'}."
            ) from None

    def numbers(self, key: str) -> list[float]:
        """Returns the weights of ``key`` as Python numbers; cached, so that they are copied from the device once."""
        weights = self.weights[key]
        known = self._numbers.get(key)
        if known is None or known[0] is not weights or known[1] != weights._version:
            known = self._numbers[key] = (weights, weights._version, weights.tolist())
        return known[2]
