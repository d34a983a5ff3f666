"""Networks for tables of data: reads and encodes a table, and searches networks that predict one of its columns (PyTorch).

The names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pliant.values.packages import require

if TYPE_CHECKING:
    from .encoded import Encoded
    from .encoding import Encoder, encode, fit_encoder
    from .reading.read import read_table
    from .table import Table
    from .task import Task

__all__ = ["Encoded", "Encoder", "Table", "Task", "encode", "fit_encoder", "read_table"]

_HOMES = {
    "Encoded": "encoded",
    "Encoder": "encoding",
    "Table": "table",
    "Task": "task",
    "encode": "encoding",
    "fit_encoder": "encoding",
    "read_table": "reading.read",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("pliant.tabular", "torch")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
