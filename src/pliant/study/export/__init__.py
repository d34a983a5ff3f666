"""The trials of a study for other programs: as rows, CSV, JSON, Parquet or a pandas DataFrame, and as a study of Optuna."""

from __future__ import annotations

from .columns import decided
from .formats import (
    Tried,
    read_decided,
    to_csv,
    to_json,
    to_pandas,
    to_parquet,
    to_report_rows,
    to_rows,
    trial_to_json,
    trials_of,
    write_json,
)
from .optuna import to_optuna
from .table import write_csv

__all__ = [
    "Tried",
    "decided",
    "read_decided",
    "to_csv",
    "to_json",
    "to_optuna",
    "to_pandas",
    "to_parquet",
    "to_report_rows",
    "to_rows",
    "trial_to_json",
    "trials_of",
    "write_csv",
    "write_json",
]
