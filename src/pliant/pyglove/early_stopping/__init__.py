"""Rules that give up trials before their end, as PyGlove's ``pg.early_stopping``."""

from __future__ import annotations

from .base import And, EarlyStopingPolicyBase, Not, Or
from .step_wise import StepWise, early_stop_by_rank, early_stop_by_value

__all__ = [
    "And",
    "EarlyStopingPolicyBase",
    "Not",
    "Or",
    "StepWise",
    "early_stop_by_rank",
    "early_stop_by_value",
]
