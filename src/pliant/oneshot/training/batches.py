"""Batch reader ``Feed``: reads batches again and again, and continues from the same place after a restart.

If the order of the data is random, as in a shuffling ``DataLoader``, the state of the generators at the start of the pass
(the global ones and the ``DataLoader``'s own) is a part of the place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, final

import torch
from torch.utils.data import BatchSampler, DataLoader, IterableDataset

from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, PliantError, quote_typed

from ..choices.nested import change_leaves, describe_leaves
from ..normalization import count_examples
from .randomness import kept_random, read_random, write_random

CALIBRATION_SEED = (
    0  # of a pass apart (shuffling, augmentation): all networks are calibrated on the same batches
)


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
      name: what messages call it.
      to_device: moves a batch to the device of the network.

    Raises:
      FieldTypeError: it can be iterated once only, or not at all.
      FieldValueError: it is empty.
    """

    def __init__(
        self, batches: Iterable[Any], name: str, to_device: Callable[[Any], Any] | None = None
    ) -> None:
        if not hasattr(batches, "__iter__") or isinstance(batches, (Iterator, str)):
            raise FieldTypeError(
                f"{name} takes batches that can be iterated again and again, such as a DataLoader or a list; got {quote_typed(batches, 60)}. "
                "Make a list of a generator, or a DataLoader of a dataset."
            )
        self.batches, self.name = batches, name
        self._generator: Any = getattr(batches, "generator", None)  # of a DataLoader
        if not isinstance(self._generator, torch.Generator):
            self._generator = None
        self._to_device = to_device or _same
        self._iterator: Iterator[Any] | None = None
        self._start: Any = None  # the generators' states when the present pass began
        self._read = 0  # in the present pass, or in the last one
        self._is_known = False  # whether a batch was ever read
        if self.length == 0:
            raise self._explain_none()

    @property
    def length(self) -> int | None:
        """How many batches a pass has; None for a stream of unknown length."""
        try:
            return len(self.batches)  # type: ignore[arg-type]  # if it has one
        except (TypeError, NotImplementedError):
            return None

    @property
    def read(self) -> int:
        """How many batches were read in the present pass; between two passes, in the last one."""
        return self._read

    def next(self) -> Any:
        """Returns the next batch; after the last one, the first of a new pass.

        Raises:
          FieldValueError: the data is empty.
        """
        found = self.next_in_pass()
        return self.next_in_pass() if found is None else found

    def next_in_pass(self) -> Any:
        """Returns the next batch of the present pass, or None at its end; then a new one begins.

        Raises:
          FieldValueError: a pass has no batches at all.
        """
        if self._iterator is None:
            self._start, self._read = {**read_random(), "own": self._read_own()}, 0
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
        """Yields all batches once, apart from the present pass and in the same order each time; restores all generators."""
        own = self._read_own()
        try:
            with kept_random(CALIBRATION_SEED):
                if self._generator is not None:
                    self._generator.manual_seed(CALIBRATION_SEED)
                for batch in self.batches:
                    yield self._to_device(batch)
        finally:
            self._write_own(own)

    def read_examples(self, count: int) -> list[Any]:
        """Returns batches with at least ``count`` examples, or all there are; always the same ones."""
        found, seen = [], 0
        for batch in self.pass_over():
            found.append(batch)
            seen += count_examples(batch)
            if seen >= count:
                break
        return found

    def find_single(self) -> Any:
        """Returns a batch of one example, if a pass has one; None if it has none, or if that is unknown before reading."""
        if isinstance(self.batches, (list, tuple)):
            found = next((batch for batch in self.batches if count_examples(batch) == 1), None)
            return None if found is None else self._to_device(found)
        loader: Any = self.batches
        is_stream = not isinstance(loader, DataLoader) or isinstance(loader.dataset, IterableDataset)
        if is_stream or type(loader.batch_sampler) is not BatchSampler:
            return None
        size, count = loader.batch_sampler.batch_size, len(loader.sampler)
        if size != 1 and (loader.drop_last or count % size != 1):
            return None
        with kept_random():
            return self._to_device(loader.collate_fn([loader.dataset[0]]))

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
        """Goes to a place; the batches before it in its pass are read again and dropped.

        Raises:
          LoadError: the data has fewer batches than were read.
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
                    f"{self.name} has {done} batches, and {read} of them had been read when the checkpoint was written. Continue with "
                    "the data and the batch size of the checkpoint, or start a new search with another checkpoint file."
                ) from None
        self._read = read

    def _read_own(self) -> Any:
        return None if self._generator is None else self._generator.get_state()

    def _write_own(self, state: Any) -> None:
        if self._generator is not None and state is not None:
            self._generator.set_state(state)

    def _explain_none(self) -> FieldValueError:
        if self._is_known:
            return FieldValueError(
                f"{self.name} has no more batches: an earlier pass had some, so it can be iterated once only, and a search needs several "
                "passes. Let its __iter__ make a new iterator at each call, or make a list of it."
            )
        return FieldValueError(
            f"{self.name} has no batches; at least one is needed. A DataLoader with drop_last=True has none if there are fewer "
            "examples than one batch takes."
        )


def mover(device: torch.device) -> Callable[[Any], Any]:
    """Returns a function that moves the tensors in a batch to a device."""

    def move(leaf: object) -> Any:
        return leaf.to(device, non_blocking=True) if isinstance(leaf, torch.Tensor) else leaf

    return lambda batch: change_leaves(batch, move)


@contextmanager
def noted(batch: Any, name: str) -> Iterator[None]:
    """A context in which errors of other packages get a note with the shapes and types of a batch."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError, LookupError) as error:
        if not isinstance(error, PliantError):
            error.add_note(
                f"Raised on a batch of {name} ({describe_leaves(batch)}). Give batches that the networks and the loss take; `loss=` takes "
                "a network and a batch."
            )
        raise


def _same(batch: Any) -> Any:
    return batch
