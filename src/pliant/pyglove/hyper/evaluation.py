"""What evaluates hyper primitives when they are made: one function for each thread, or one for the process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Evaluate = Callable[[Any], Any] | None


class _Thread(threading.local):
    """The function of a thread."""

    evaluate: Evaluate = None


_thread = _Thread()
_process: list[Evaluate] = [None]


def find_evaluator() -> Evaluate:
    """Returns the function that evaluates hyper primitives that this thread makes; None where they stay as they are."""
    return _thread.evaluate if _thread.evaluate is not None else _process[0]


def is_process_wide() -> bool:
    """Returns whether the function in use is that of the process."""
    return _thread.evaluate is None and _process[0] is not None


@contextmanager
def evaluating(evaluate: Evaluate, *, per_thread: bool = True) -> Iterator[None]:
    """Sets the function inside a ``with`` block."""
    before = _thread.evaluate if per_thread else _process[0]
    _set(evaluate, per_thread)
    try:
        yield
    finally:
        _set(before, per_thread)


def _set(evaluate: Evaluate, per_thread: bool) -> None:
    if per_thread:
        _thread.evaluate = evaluate
    else:
        _process[0] = evaluate
