"""Searches: ``sample`` is a loop over programs, ``search`` evaluates programs in parallel; progress and results of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .feedback import Feedback, Metrics, Reward, check_reward
from .loop import Search, sample
from .result import Result

if TYPE_CHECKING:
    from .parallel import search

__all__ = ["Feedback", "Metrics", "Result", "Reward", "Search", "check_reward", "sample", "search"]


def __getattr__(name: str) -> Any:
    """Loads ``search`` when it is first used: it needs the launchers."""
    if name == "search":
        from .parallel import search

        return search
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
