"""State of the global random generators: PyTorch's, Python's, and NumPy's if it is loaded.

Samplers draw from generators of their own.  Dropout, shuffling and augmentation draw from global ones.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import torch

from pliant.algorithms.base import check_seed

_LOCK = threading.RLock()  # held by the training that uses the generators


def read_random() -> dict[str, Any]:
    """Returns the state of the global generators: tensors, numbers, text and lists, fit for a checkpoint.

    >>> import random
    >>> state = read_random()
    >>> first = random.random()
    >>> write_random(state)
    >>> random.random() == first
    True
    """
    version, words, normal = random.getstate()
    found: dict[str, Any] = {**_read_torch(), "python": [version, list(words), normal]}
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:  # without it, nothing can have drawn from it
        name, keys, *rest = numpy.random.get_state()
        found["numpy"] = [name, keys.tolist(), *rest]
    return found


def write_random(state: dict[str, Any]) -> None:
    """Restores what ``read_random`` returned; generators that are missing there or not loaded here keep their state."""
    if "torch" in state:
        torch.set_rng_state(state["torch"])
    if "python" in state:
        version, words, normal = state["python"]
        random.setstate((version, tuple(words), normal))
    if torch.cuda.is_available():
        for device, words in enumerate(state.get("cuda", [])[: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(words, device)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and "numpy" in state:
        numpy.random.set_state(tuple(state["numpy"]))


@contextmanager
def kept_random(seed: int | None = None) -> Iterator[None]:
    """A context after which the global generators have their old state; with a seed, all of them start from it."""
    before = read_random()
    try:
        if seed is not None:
            _seed_torch(check_seed(seed))
            random.seed(seed)
            numpy: Any = sys.modules.get("numpy")
            if numpy is not None:
                numpy.random.seed(seed % 2**32)
        yield
    finally:
        write_random(before)


@final
class PrivateRandom:
    """PyTorch's global generators as one training uses them: swapped in while it runs, out of the caller's way otherwise.

    They belong to the process, so trainings in other threads wait.

    >>> private = PrivateRandom(0)
    >>> before = torch.get_rng_state()
    >>> with private.used():
    ...     _ = torch.rand(3)
    >>> torch.equal(torch.get_rng_state(), before)
    True

    Args:
      seed: where they start.
    """

    def __init__(self, seed: int) -> None:
        with _LOCK:
            before = _read_torch()
            _seed_torch(check_seed(seed))
            self._state: dict[str, Any] = _read_torch()
            write_random(before)
        self._is_used = False

    @contextmanager
    def used(self) -> Iterator[None]:
        """A context in which the global generators are these; it can be nested."""
        with _LOCK:
            if self._is_used:
                yield
                return
            before = _read_torch()
            self._is_used = True
            write_random(self._state)
            try:
                yield
            finally:
                self._state, self._is_used = _read_torch(), False
                write_random(before)

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from what ``read_random`` returned; Python's and NumPy's generators follow at the next use."""
        self._state = state


def _read_torch() -> dict[str, Any]:
    found: dict[str, Any] = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch's own
        found["cuda"] = torch.cuda.get_rng_state_all()
    return found


def _seed_torch(seed: int) -> None:
    """Seeds the generators that ``_read_torch`` reads: ``torch.manual_seed`` would seed devices that nothing restores."""
    if not -(1 << 63) <= seed < 1 << 64:  # PyTorch takes 64 bits
        seed %= 1 << 63
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch's own
        torch.cuda.manual_seed_all(seed)
