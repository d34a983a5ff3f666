"""Networks for tables of data: reads and encodes a table, and searches networks that predict one of its columns (PyTorch)."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pliant.values.packages import require

if TYPE_CHECKING:
    from .encoded import Encoded
    from .task import Task

__all__ = ["Encoded", "Task"]

_HOMES = {"Encoded": "encoded", "Task": "task"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("pliant.tabular", "torch")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
