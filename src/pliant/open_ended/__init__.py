"""Open-ended evolution: ``evolve`` searches programs by edits, without a search space; ``edits`` has ready-made edits."""

from __future__ import annotations

from . import edits
from .edits import Crossover, Delete, Edit, Insert, Replace, Rewire, Swap
from .file import RecordError, read_records
from .loop import Evolving, Feedback
from .record import Record
from .search import evolve

__all__ = [
    "Crossover",
    "Delete",
    "Edit",
    "Evolving",
    "Feedback",
    "Insert",
    "Record",
    "RecordError",
    "Replace",
    "Rewire",
    "Swap",
    "edits",
    "evolve",
    "read_records",
]
