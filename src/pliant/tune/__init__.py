"""Searches: ``sample`` is a loop over programs, ``search`` evaluates programs in parallel; progress and results of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .feedback import Feedback, Metrics, Reward, check_reward
from .loop import Search, sample
from .result import Result

if TYPE_CHECKING:
    from .parallel import search
    from .prior import derive_prior
    from .stopping import CostLimit, NoImprovement, RegretBound

__all__ = ["CostLimit", "Feedback", "Metrics", "NoImprovement", "RegretBound", "Result", "Reward", "Search",
           "check_reward", "derive_prior", "sample", "search"]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Loads ``search``, which needs the launchers, and the rules that stop a search when they are first used."""
    if name == "search":
        from .parallel import search

        return search
    if name == "derive_prior":
        from .prior import derive_prior

        return derive_prior
    if name in ("CostLimit", "NoImprovement", "RegretBound"):
        from . import stopping

        return getattr(stopping, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
