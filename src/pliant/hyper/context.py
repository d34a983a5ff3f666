"""Context of the running traced program: connects the hole functions with ``trace``.

A context variable, so that threads and nested programs each have their own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol


class Recorder(Protocol):
    """Decides the holes of a running traced program."""

    def decide(self, hole: object) -> Any:
        """Returns the value of the hole in this run, or the hole itself to leave it open."""


class Traced:
    """Base class of ``Trace``: a program whose holes are found by running it.

    Attributes:
      space: the holes that were found, as a program with holes.
    """

    __slots__ = ("space",)
    space: Any


current: ContextVar[Recorder | None] = ContextVar("pliant_running_program", default=None)


def decide(hole: object) -> Any:
    """Returns the hole, or its value when a traced program is running."""
    recorder = current.get()
    return hole if recorder is None else recorder.decide(hole)


def run_apart(function: Callable[[], Any]) -> Any:
    """Calls a function outside of any traced program that is running."""
    token = current.set(None)
    try:
        return function()
    finally:
        current.reset(token)
