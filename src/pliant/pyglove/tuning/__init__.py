"""The search loop and what it reports to, as PyGlove's ``pg.tuning``."""

from __future__ import annotations

from typing import Any

from .backend import (
    Backend,
    add_backend,
    available_backends,
    default_backend,
    poll_result,
    set_default_backend,
)
from .early_stopping import EarlyStoppingPolicy
from .local_backend import MemoryBackend
from .protocols import Feedback, Measurement, RaceConditionError, Result, Trial
from .sample import sample

ROOT_NAMES: dict[str, Any] = {"sample": sample, "poll_result": poll_result}

__all__ = [
    "Backend",
    "EarlyStoppingPolicy",
    "Feedback",
    "Measurement",
    "MemoryBackend",
    "RaceConditionError",
    "Result",
    "Trial",
    "add_backend",
    "available_backends",
    "default_backend",
    "poll_result",
    "sample",
    "set_default_backend",
]
