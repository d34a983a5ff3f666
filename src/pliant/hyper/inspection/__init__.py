"""The inspector: what a designer needs to know about a search space, as frozen data, as text and as HTML."""

from __future__ import annotations

from .collect import inspect
from .facts import Advice, Candidate, Decision, Inspection, Programs

__all__ = ["Advice", "Candidate", "Decision", "Inspection", "Programs", "inspect"]
