"""Exports the trials of a study as rows, CSV, JSON, Parquet or a pandas DataFrame.

There is one row per trial; reports are a second table.  pandas and pyarrow are imported by the functions that need them.
"""

from __future__ import annotations

import importlib
import json
from ast import literal_eval
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from pliant.space import Choice, Float, Space
from pliant.space.formats import Indices, check_index
from pliant.space.literals import number_equal
from pliant.values.errors import StudyError
from pliant.values.packages import require
from pliant.values.text import rows_to_csv

from .trials.trial import Trial
from .view import View

Row = dict[str, Any]


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


_FIELDS: dict[str, type[Any]] = {
    "reason": str,
    "cause": str,
    "attempts": int,
    "started": str,
    "ended": str,
    "seconds": float,
    "worker": str,
    "origin": str,
    "copied_from": int,
}  # of a trial: the last columns


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
    return _rows(found, _columns(study, found))


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
    """
    rows = to_report_rows(study) if reports else to_rows(study, trials)
    names = _names(study, rows, reports=reports)
    return rows_to_csv(names, ([row[name] for name in names] for row in rows))


def to_json(study: View) -> str:
    """Returns the study as JSON text: its settings, and ``trials`` with nested decisions, metrics and reports."""
    info = study.info()
    return json.dumps(
        {
            "name": info.name,
            "algorithm": info.algorithm,
            "algorithm_description": info.description,
            "fingerprint": info.fingerprint,
            "maximize": info.maximize,
            "constraints": list(info.constraints),
            "budget": info.budget,
            "created": info.created,
            "trials": [trial_to_json(trial) for trial in study.trials()],
        },
        indent=1,
        allow_nan=False,
    )


def to_pandas(study: Tried) -> Any:
    """Returns the rows as a ``pandas.DataFrame`` with the trial ids as index.

    Raises:
      StudyError: pandas is not installed.
    """
    pandas = _import("pandas", "use to_rows(study), which gives the same as a list of dicts")
    trials = list(trials_of(study))
    columns = _columns(study, trials)
    frame = pandas.DataFrame(_rows(trials, columns), columns=list(columns))
    dtypes = {float: "float64", int: "Int64", str: "object"}  # Int64: integers that may be missing
    return frame.astype({name: dtypes[kind] for name, kind in columns.items()}).set_index("id")


def to_parquet(study: Tried, path: Path | str) -> None:
    """Writes the rows into a Parquet file.

    Raises:
      StudyError: pyarrow is not installed, or the file cannot be written.
    """
    arrow = _import("pyarrow", "use to_csv or to_json")
    parquet = importlib.import_module("pyarrow.parquet")
    trials = list(trials_of(study))
    columns = _columns(study, trials)
    kinds = {float: arrow.float64(), int: arrow.int64(), str: arrow.string()}
    schema = arrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    rows = _rows(trials, columns)
    for name, kind in columns.items():
        for row in rows:
            if row[name] is not None:
                row[name] = kind(row[name])  # as pyarrow does not convert integers to floats
    try:
        parquet.write_table(arrow.Table.from_pylist(rows, schema=schema), str(path))
    except OSError as error:
        raise StudyError(f"{str(path)!r} cannot be written: {error}.") from error


def trial_to_json(trial: Trial) -> dict[str, Any]:
    """Returns a trial as JSON data, without empty entries."""
    data: dict[str, Any] = {name: getattr(trial, name) for name in ("id", "status", "reward", *_FIELDS)}
    data["rewards"] = None if trial.rewards is None else list(trial.rewards)
    data["decisions"], data["metrics"] = decided(trial), dict(trial.metrics)
    data["reports"] = [
        {name: value for name, value in report._asdict().items() if value is not None}
        for report in trial.reports
    ]
    return {name: value for name, value in data.items() if value is not None and value not in ({}, [])}


def decided(trial: Trial) -> dict[str, Any]:
    """Returns the decisions of a trial by name or path: numbers, and candidates as the space shows them."""
    found: dict[str, Any] = {}
    labels = name_points(trial.decisions.space)
    for index, value in zip(trial.decisions.active, trial.decisions.values, strict=True):
        point = trial.decisions.space.points[index]
        if isinstance(point, Choice):
            found[labels[index]] = list_candidates(point)[int(value)]
        else:
            found[labels[index]] = value
    return found


def list_candidates(point: Choice) -> Sequence[Any]:
    """Returns the candidates of a choice as ``decided`` has them: numbers, or texts that differ."""
    return point.values or _plain(point.literals)


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
        names: Sequence[Any] = [str(one) for one in point.values] or _plain(point.literals)
    else:
        names = point.values
    found = [index for index, name in enumerate(names) if name == value and not isinstance(value, bool)]
    if len(found) != 1:
        return value
    if isinstance(value, int) and 0 <= value < point.count:
        check_index(point, value)
    return found[0]


def _columns(study: Tried, trials: Sequence[Trial]) -> dict[str, type[Any]]:
    """Returns the names of the columns, and the types of their non-empty cells."""
    count = max((len(trial.rewards or ()) for trial in trials), default=0)
    names = sorted({name for trial in trials for name in trial.metrics})
    return {
        "id": int,
        "status": str,
        **({f"reward {i}": float for i in range(1, count + 1)} or {"reward": float}),
        **{
            f"decisions.{label}": _kind(point)
            for label, point in zip(name_points(study.space), study.space.points)
        },
        **{f"metrics.{name}": float for name in names},
        **_FIELDS,
    }


@lru_cache(maxsize=16)
def name_points(space: Space) -> tuple[str, ...]:
    """Returns the name of each point: that of its hole, or its path where it has none of its own."""
    names = Counter([one for point in space.points for one in {point.name, point.path}])
    return tuple([p.name if p.name and names[p.name] == 1 else p.path for p in space.points])


def _kind(point: Any) -> type[Any]:
    if isinstance(point, Float):
        return float
    if isinstance(point, Choice) and not point.values:
        return str
    values = point.values if isinstance(point, Choice) else (point.min_value, point.max_value)
    return int if all(isinstance(value, int) and abs(value) < 1 << 63 for value in values) else float


@lru_cache(maxsize=256)
def _plain(literals: tuple[str, ...]) -> tuple[str, ...]:
    """Returns candidates as text, without the quotes of texts, unless two would then be equal; equal ones numbered."""
    plain = tuple([_unquote(text) for text in literals])
    return number_equal(plain if len(set(plain)) == len(set(literals)) else literals, literals)


def _unquote(text: str) -> str:
    try:
        return str(literal_eval(text)) if text[:1] in ("'", '"') else text
    except (SyntaxError, ValueError):
        return text


def _rows(trials: Iterable[Trial], columns: Iterable[str]) -> list[Row]:
    found = []
    for trial in trials:
        cells = {name: getattr(trial, name) for name in ("id", "status", "reward", *_FIELDS)}
        cells |= {f"reward {i}": reward for i, reward in enumerate(trial.rewards or (), 1)}
        cells |= {f"decisions.{path}": value for path, value in decided(trial).items()}
        cells |= {f"metrics.{name}": value for name, value in trial.metrics.items()}
        found.append({name: cells.get(name) for name in columns})
    return found


def _names(study: Tried, rows: Sequence[Row], *, reports: bool) -> list[str]:
    if rows:
        return list(rows[0])
    return ["trial", "step", "reward", "stop"] if reports else list(_columns(study, []))


def _import(name: str, instead: str) -> Any:
    require("this export", name, instead=instead, kind=StudyError)
    return importlib.import_module(name)
