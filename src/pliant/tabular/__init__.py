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
    from .entry import Entry
    from .estimators import TabularSearchClassifier, TabularSearchRegressor
    from .plot.picture import SearchPlot
    from .predictor import TablePredictor
    from .reading.read import read_table
    from .search import search_table
    from .settings import Settings
    from .table import Table
    from .target import Target
    from .task import Task

__all__ = [
    "Encoded",
    "Encoder",
    "Entry",
    "SearchPlot",
    "Settings",
    "Table",
    "TablePredictor",
    "TabularSearchClassifier",
    "TabularSearchRegressor",
    "Target",
    "Task",
    "encode",
    "fit_encoder",
    "read_table",
    "search_table",
]

_HOMES = {
    "Encoded": "encoded",
    "Encoder": "encoding",
    "Entry": "entry",
    "SearchPlot": "plot.picture",
    "Settings": "settings",
    "Table": "table",
    "TablePredictor": "predictor",
    "TabularSearchClassifier": "estimators",
    "TabularSearchRegressor": "estimators",
    "Target": "target",
    "Task": "task",
    "encode": "encoding",
    "fit_encoder": "encoding",
    "read_table": "reading.read",
    "search_table": "search",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("pliant.tabular", "torch")
    if _HOMES[name] == "estimators":
        require(f"pliant.tabular.{name}", "sklearn", instead="use search_table")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
