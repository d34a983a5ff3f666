"""Batches with a place in them: what a training loop reads can be read again from the same place, after a restart.

A feed knows no networks.  Where the order of the data is drawn from PyTorch's generator, as in a shuffling
``DataLoader``, the generator's state at the start of the pass is a part of the place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, final

import torch

from pliant.values.errors import FieldTypeError, FieldValueError


@final
class Feed:
    """Reads an iterable of batches again and again.

    >>> feed = Feed([1, 2, 3], "train")
    >>> [feed.next() for _ in range(4)]
    [1, 2, 3, 1]
    >>> again = Feed([1, 2, 3], "train")
    >>> again.restore(feed.state())
    >>> again.next()
    2

    Args:
      batches: can be iterated several times: a ``DataLoader``, or a list of batches.
      name: what to call it in messages.
      to_device: moves a batch to where the network is.

    Raises:
      FieldTypeError: it can be iterated once only, or not at all.
    """

    def __init__(
        self, batches: Iterable[Any], name: str, to_device: Callable[[Any], Any] | None = None
    ) -> None:
        if not hasattr(batches, "__iter__") or isinstance(batches, Iterator):
            raise FieldTypeError(
                f"{name} takes batches that can be iterated again and again, such as a DataLoader or a list; got {batches!r:.60} of "
                f"type {type(batches).__name__}. Of a generator, make a list."
            )
        self.batches, self.name = batches, name
        self._to_device = to_device or _same
        self._iterator: Iterator[Any] | None = None
        self._start: Any = None  # the generator's state when the present pass began
        self._read = 0  # in the present pass

    def next(self) -> Any:
        """Returns the next batch; after the last one, the first of a new pass.

        Raises:
          FieldValueError: there are no batches.
        """
        found = self.next_in_pass()
        if found is None:
            found = self.next_in_pass()
        if found is None:
            raise FieldValueError(f"{self.name} has no batches; give it one at least.")
        return found

    def next_in_pass(self) -> Any:
        """Returns the next batch of the present pass, or None at its end; then a new one begins."""
        if self._iterator is None:
            self._start, self._read = torch.get_rng_state(), 0
            self._iterator = iter(self.batches)
        try:
            batch = next(self._iterator)
        except StopIteration:
            self._iterator = None
            return None
        self._read += 1
        return self._to_device(batch)

    def pass_over(self) -> Iterator[Any]:
        """Yields all batches once, apart from the present pass; PyTorch's generator is as it was afterwards."""
        before = torch.get_rng_state()
        try:
            for batch in self.batches:
                yield self._to_device(batch)
        finally:
            torch.set_rng_state(before)

    def state(self) -> dict[str, Any]:
        """Returns the place."""
        return {"read": self._read if self._iterator is not None else None, "start": self._start}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes to a place; what was read before it in its pass is read once more, and thrown away."""
        self._iterator, self._read = None, 0
        if state["read"] is None:
            return
        before = torch.get_rng_state()
        torch.set_rng_state(state["start"])
        self._start = state["start"]
        self._iterator = iter(self.batches)
        for _ in range(int(state["read"])):
            next(self._iterator)
        self._read = int(state["read"])
        torch.set_rng_state(before)


def mover(device: torch.device) -> Callable[[Any], Any]:
    """Returns a function that moves the tensors in a batch to a device."""

    def move(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.to(device, non_blocking=True)
        if isinstance(value, dict):
            return {key: move(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(map(move, value))
        return value

    return move


def _same(batch: Any) -> Any:
    return batch
