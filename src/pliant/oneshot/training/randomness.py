"""The global random numbers of a process, as a part of a training's state: PyTorch's, Python's, and NumPy's where it is loaded.

Samplers draw from generators of their own.  What draws from global ones is the loop's surroundings: dropout, shuffling,
augmentation.  Nothing here seeds them.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


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
    found: dict[str, Any] = {"torch": torch.get_rng_state(), "python": [version, list(words), normal]}
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]  # torch's own
        found["cuda"] = torch.cuda.get_rng_state_all()
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:  # without it, nothing can have drawn from it
        name, keys, *rest = numpy.random.get_state()
        found["numpy"] = [name, keys.tolist(), *rest]
    return found


def write_random(state: dict[str, Any]) -> None:
    """Goes back to what ``read_random`` returned; what is not in there, or not loaded here, stays as it is."""
    torch.set_rng_state(state["torch"])
    version, words, normal = state["python"]
    random.setstate((version, tuple(words), normal))
    if torch.cuda.is_available():
        for device, words in enumerate(state.get("cuda", [])[: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(words, device)
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and "numpy" in state:
        numpy.random.set_state(tuple(state["numpy"]))


@contextmanager
def kept_random() -> Iterator[None]:
    """A context after which the global generators are as they were."""
    before = read_random()
    try:
        yield
    finally:
        write_random(before)
