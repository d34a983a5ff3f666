"""Which traced program is running, if any: the link between the hole functions and ``trace``.

A context variable, so that threads and nested programs each see their own.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol


class Recorder(Protocol):
    """What a running traced program does with each hole that it meets."""

    def decide(self, hole: Any) -> Any:
        """Returns the value that the hole has in this run, or the hole itself to leave it open."""


class Traced:
    """The base class of what ``pg.trace`` returns: a program whose holes are met by running it.

    Attributes:
      space: the holes that it meets, as a program with holes.
    """

    __slots__ = ("space",)
    space: Any


current: ContextVar[Recorder | None] = ContextVar("pliant_running_program", default=None)


def decide(hole: Any) -> Any:
    """Returns the hole, or its value when a traced program is running."""
    recorder = current.get()
    return hole if recorder is None else recorder.decide(hole)


def run_apart(function: Callable[[], Any]) -> Any:
    """Returns what a function returns when no traced program is running, whatever runs around it."""
    token = current.set(None)
    try:
        return function()
    finally:
        current.reset(token)
