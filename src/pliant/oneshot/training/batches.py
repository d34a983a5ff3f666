"""Batches with a place in them: what a training loop reads can be read again from the same place, after a restart.

A feed knows no networks.  Where the order of the data is drawn at random, as in a shuffling ``DataLoader``, the state of
the generators at the start of the pass (the global ones, and a ``DataLoader``'s own) is a part of the place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, final

import torch

from pliant.values.errors import FieldTypeError, FieldValueError, LoadError

from .randomness import kept_random, read_random, write_random


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
      batches: can be iterated several times: a ``DataLoader``, also of a stream without a length, or a list of batches.
      name: what to call it in messages.
      to_device: moves a batch to where the network is.

    Raises:
      FieldTypeError: it can be iterated once only, or not at all.
      FieldValueError: there are no batches in it.
    """

    def __init__(
        self, batches: Iterable[Any], name: str, to_device: Callable[[Any], Any] | None = None
    ) -> None:
        if not hasattr(batches, "__iter__") or isinstance(batches, Iterator):
            raise FieldTypeError(
                f"{name} takes batches that can be iterated again and again, such as a DataLoader or a list; got {batches!r:.60} of "
                f"type {type(batches).__name__}. Of a generator, make a list; of a dataset, a DataLoader."
            )
        self.batches, self.name = batches, name
        self._generator: Any = getattr(batches, "generator", None)  # of a DataLoader
        if not isinstance(self._generator, torch.Generator):
            self._generator = None
        self._to_device = to_device or _same
        self._iterator: Iterator[Any] | None = None
        self._start: Any = None  # the generators' states when the present pass began
        self._read = 0  # in the present pass, or in the last one
        self._is_known = False  # to have batches
        if self.length == 0:
            raise self._explain_none()

    @property
    def length(self) -> int | None:
        """How many batches a pass has; None for a stream that does not say."""
        try:
            return len(self.batches)  # type: ignore[arg-type]  # if it has one
        except (TypeError, NotImplementedError):
            return None

    @property
    def read(self) -> int:
        """How many batches were read in the present pass; between two, in the one that ended."""
        return self._read

    def next(self) -> Any:
        """Returns the next batch; after the last one, the first of a new pass.

        Raises:
          FieldValueError: there are no batches.
        """
        found = self.next_in_pass()
        return self.next_in_pass() if found is None else found

    def next_in_pass(self) -> Any:
        """Returns the next batch of the present pass, or None at its end; then a new one begins.

        Raises:
          FieldValueError: a pass has no batches at all.
        """
        if self._iterator is None:
            self._start, self._read = self._read_random(), 0
            self._iterator = iter(self.batches)
        try:
            batch = next(self._iterator)
        except StopIteration:
            self._iterator = None
            if not self._read:
                raise self._explain_none() from None
            return None
        self._read, self._is_known = self._read + 1, True
        return self._to_device(batch)

    def pass_over(self) -> Iterator[Any]:
        """Yields all batches once, apart from the present pass; the generators are as they were afterwards."""
        own = self._read_own()
        try:
            with kept_random():
                for batch in self.batches:
                    yield self._to_device(batch)
        finally:
            self._write_own(own)

    def state(self) -> dict[str, Any]:
        """Returns the place."""
        inside = self._iterator is not None
        return {
            "read": self._read if inside else None,
            "start": self._start if inside else None,
            "own": self._read_own(),
            "known": self._is_known,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes to a place; what was read before it in its pass is read once more, and thrown away.

        Raises:
          LoadError: there are fewer batches than were read.
        """
        self._iterator, self._read, self._is_known = None, 0, bool(state["known"])
        if state["read"] is not None:
            with kept_random():
                self._go_to(state["start"], int(state["read"]))
        self._write_own(state["own"])

    def _go_to(self, start: dict[str, Any], read: int) -> None:
        self._start = start
        write_random(start)
        self._write_own(start["own"])
        self._iterator = iter(self.batches)
        for done in range(read):
            try:
                next(self._iterator)
            except StopIteration:
                raise LoadError(
                    f"{self.name} has {done} batches, and {read} of them were read when the search was written down. Go on with the "
                    "data and the batch size that it was begun with, or start anew."
                ) from None
        self._read = read

    def _read_random(self) -> dict[str, Any]:
        return {**read_random(), "own": self._read_own()}

    def _read_own(self) -> Any:
        return None if self._generator is None else self._generator.get_state()

    def _write_own(self, state: Any) -> None:
        if self._generator is not None and state is not None:
            self._generator.set_state(state)

    def _explain_none(self) -> FieldValueError:
        if self._is_known:
            return FieldValueError(
                f"{self.name} has no more batches: there were some in an earlier pass, so it can be iterated once only, and a search goes "
                "through it again and again. Let its __iter__ make a new iterator at each call, or make a list of it."
            )
        return FieldValueError(
            f"{self.name} has no batches; give it one at least. A DataLoader with drop_last=True has none when there are fewer examples "
            "than a batch takes."
        )


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
