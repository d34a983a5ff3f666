"""Exports the trials of a study as rows, CSV, JSON, Parquet or a pandas DataFrame.

There is one row per trial; reports are a second table.  pandas and pyarrow are imported by the functions that need them.
"""

from __future__ import annotations

import importlib
import io
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Protocol, TextIO

from pliant.space import Choice, Space
from pliant.space.formats import Indices, check_index
from pliant.values.errors import StudyError
from pliant.values.packages import require
from pliant.values.text import rows_to_csv

from ..trials.trial import Trial
from ..view import View
from .columns import FIELDS, Row, decided, find_columns, make_row, plain_texts
from .table import read_pages, write_csv, write_data, write_whole

PAGE = 10_000  # rows that are written at once


class Tried(Protocol):
    """What has trials of a space: a study, or the result of ``pg.sample`` or ``pg.search``."""

    space: Space

    @property
    def trials(self) -> Any:
        """The trials, or a method that returns them."""


def trials_of(study: Tried) -> Iterable[Trial]:
    """Returns the trials of a study or of the result of a search."""
    found: Iterable[Trial] = study.trials() if callable(study.trials) else study.trials
    return found


def to_rows(study: Tried, trials: Iterable[Trial] | None = None) -> list[Row]:
    """Returns one row per trial, of all trials or those given; all rows have the same columns, None where empty.

    The columns are ``id``, ``status``, ``reward`` (``reward 1``, ``reward 2``, ... of several), a ``decisions.NAME`` for
    each point of the space (its path where it has no name), a ``metrics.NAME`` for each metric that any trial has, ``reason``, ``cause``, ``attempts``,
    ``started``, ``ended``, ``seconds``, ``worker``, ``origin`` and ``copied_from``, as in ``Trial``.  A decision is the
    candidate if that is a number, else its text, after ``index/count`` where several have the same; None where the point does
    not apply.

    >>> import tempfile
    >>> from pliant.algorithms import Random
    >>> from pliant.space import choice, flatten
    >>> from pliant.study import Study
    >>> space = flatten([choice("op", 1, literals=["conv"]), choice("size", 1, values=[64])])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Study.create(f"{folder}/a.db", space, Random(), trials=1) as study:
    ...         _ = study.tell(study.ask().id, 0.5, metrics={"latency": 9})
    ...         row = to_rows(study)[0]
    >>> row["decisions.op"], row["decisions.size"], row["reward"], row["metrics.latency"]
    ('conv', 64, 0.5, 9.0)
    """
    found = list(trials_of(study) if trials is None else trials)
    columns = find_columns(study.space, found)
    return [make_row(trial, columns) for trial in found]


def to_report_rows(study: Tried) -> list[Row]:
    """Returns one row per report of a trial: ``trial``, ``step``, ``reward``, ``stop``, ``metrics.NAME``."""
    reports = [(trial.id, report) for trial in trials_of(study) for report in trial.reports]
    names = sorted({name for _, report in reports for name in report.metrics or ()})
    return [
        {
            "trial": trial_id,
            "step": report.step,
            "reward": report.reward,
            "stop": report.stop,
            **{f"metrics.{name}": (report.metrics or {}).get(name) for name in names},
        }
        for trial_id, report in reports
    ]


def to_csv(study: Tried, trials: Iterable[Trial] | None = None, *, reports: bool = False) -> str:
    """Returns all trials, or those given, as CSV with a header line; with ``reports``, all reports instead.

    A cell that a spreadsheet would run as a formula begins with an apostrophe here, as texts may come from elsewhere.
    ``pliant.study.export.write_csv`` writes the same into a file, in memory that does not grow with the number of trials.
    """
    if isinstance(study, View) and trials is None:
        text = io.StringIO(newline="")
        write_csv(study, text, reports=reports)
        return text.getvalue()
    rows = to_report_rows(study) if reports else to_rows(study, trials)
    empty = ["trial", "step", "reward", "stop"] if reports else [*find_columns(study.space, [])]
    names = list(rows[0]) if rows else empty
    return rows_to_csv(names, ([row[name] for name in names] for row in rows))


def to_json(study: View) -> str:
    """Returns the study as JSON text: its settings, and ``trials`` with nested decisions, metrics and reports."""
    text = io.StringIO(newline="")
    write_json(study, text)
    return text.getvalue()


def write_json(study: View, file: TextIO) -> None:
    """Writes what ``to_json`` returns into a text file, in memory that does not grow with the number of trials."""
    info = study.info()
    head = {
        "name": info.name,
        "algorithm": info.algorithm,
        "algorithm_description": info.description,
        "fingerprint": info.fingerprint,
        "maximize": info.maximize,
        "constraints": list(info.constraints),
        "budget": info.budget,
        "created": info.created,
    }
    write_data(study, file, head, trial_to_json)


def to_pandas(study: Tried) -> Any:
    """Returns the rows as a ``pandas.DataFrame`` with the trial ids as index.

    Raises:
      StudyError: pandas is not installed.
    """
    pandas = _import("pandas", "use to_rows(study), which gives the same as a list of dicts")
    trials = list(trials_of(study))
    columns = find_columns(study.space, trials)
    frame = pandas.DataFrame([make_row(trial, columns) for trial in trials], columns=list(columns))
    dtypes = {float: "float64", int: "Int64", str: "object"}  # Int64: integers that may be missing
    return frame.astype({name: dtypes[kind] for name, kind in columns.items()}).set_index("id")


def to_parquet(study: Tried, path: Path | str) -> None:
    """Writes the rows into a Parquet file; those of a study some thousand at a time.

    Raises:
      StudyError: pyarrow is not installed, or the file cannot be written.
    """
    arrow = _import("pyarrow", "use to_csv or to_json")
    parquet = importlib.import_module("pyarrow.parquet")
    kinds = {float: arrow.float64(), int: arrow.int64(), str: arrow.string()}

    def write() -> None:
        writer = None
        try:
            for columns, rows in _list_pages(study):
                schema = arrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
                for row in rows:
                    for name, kind in columns.items():  # as pyarrow does not convert integers to floats
                        row[name] = None if row[name] is None else kind(row[name])
                writer = writer or parquet.ParquetWriter(whole, schema)
                writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
        finally:
            if writer is not None:
                writer.close()

    try:
        with TemporaryFile() as whole:
            write_whole(whole, write)
            whole.seek(0)
            with open(path, "wb") as file:
                shutil.copyfileobj(whole, file)
    except OSError as error:
        raise StudyError(f"{str(path)!r} cannot be written: {error}.") from error


def _list_pages(study: Tried) -> Iterable[tuple[dict[str, type[Any]], list[Row]]]:
    if isinstance(study, View):
        return read_pages(study, PAGE)
    trials = list(trials_of(study))
    columns = find_columns(study.space, trials)
    return [(columns, [make_row(trial, columns) for trial in trials])]


def trial_to_json(trial: Trial) -> dict[str, Any]:
    """Returns a trial as JSON data, without empty entries."""
    data: dict[str, Any] = {name: getattr(trial, name) for name in ("id", "status", "reward", *FIELDS)}
    data["rewards"] = None if trial.rewards is None else list(trial.rewards)
    data["decisions"], data["metrics"] = decided(trial), dict(trial.metrics)
    data["reports"] = [
        {name: value for name, value in report._asdict().items() if value is not None}
        for report in trial.reports
    ]
    return {name: value for name, value in data.items() if value is not None and value not in ({}, [])}


def read_decided(space: Space, given: object) -> Any:
    """Returns decisions in the form of ``decided``, with indices instead of candidates, for ``space.parse``.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("op", 2, literals=["'conv'", "'pool'"]), choice("size", 2, values=[32, 64])])
    >>> read_decided(space, {"op": "pool", "size": 32})
    {'op': 1, 'size': 0}

    Other forms, such as indices, stay as they are.

    Raises:
      DecisionError: a number is both a candidate and the index of another.
    """
    if not isinstance(given, Mapping):
        return given
    holes: dict[Any, Choice] = {}
    for point in space.points:
        if isinstance(point, Choice):
            for key in (point.path, point.name, point.hole):
                holes.setdefault(key, point)
    return Indices(
        (key, _to_index(holes[key], value) if key in holes else value) for key, value in given.items()
    )


def _to_index(point: Choice, value: object) -> Any:
    if isinstance(value, list):
        return [_to_index(point, one) for one in value]
    if isinstance(value, str):
        names: Sequence[Any] = [str(one) for one in point.values] or plain_texts(point.literals)
    else:
        names = point.values
    found = [index for index, name in enumerate(names) if name == value and not isinstance(value, bool)]
    if len(found) != 1:
        return value
    if isinstance(value, int) and 0 <= value < point.count:
        check_index(point, value)
    return found[0]


def _import(name: str, instead: str) -> Any:
    require("this export", name, instead=instead, kind=StudyError)
    return importlib.import_module(name)
