"""Open-ended evolution: programs changed by edits, with no space laid down before.

``evolve`` is the loop, ``edits`` are what it changes programs by.  A search over a program with holes is ``sample``.
"""

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
