"""Writes all trials of a study as CSV, JSON or Parquet, some hundred at a time, in memory that does not grow with them.

CSV is made of the rows of the database, without objects of their own for trials.  What ends while a table is written may
have a new metric: then the table is begun again.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import IO, Any, TextIO

from pliant.space import Choice, Float, Space
from pliant.space.points import Point
from pliant.values.text import to_cell

from ..store.reading import find_columns, read_trial_rows
from ..store.record import Record
from ..store.tables import DIGESTED
from ..trials.trial import Trial
from ..view import View
from .columns import FIELDS, Row, list_candidates, make_columns, make_row

PAGE = 500  # trials that are read at once
REPORT = ("trial", "step", "reward", "stop")  # the first columns of reports

Line = list[Any]
Values = Callable[[Any], Any]
_AT = {name: index for index, name in enumerate(DIGESTED["trials"])}
_LAST = [_AT[name] for name in FIELDS]


class NewColumnError(Exception):
    """A trial has a column that the table lacks."""


def write_csv(study: View, file: TextIO, *, reports: bool = False) -> None:
    """Writes all trials of a study as CSV, or all reports, into a text file that can seek; the text is that of ``to_csv``.

    >>> import io, tempfile
    >>> from pliant.algorithms import Random
    >>> from pliant.space import flatten, integer
    >>> from pliant.study import Study
    >>> file = io.StringIO()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Study.create(f"{folder}/a.db", flatten([integer("x", 0, 0)]), Random()) as study:
    ...         _ = study.tell(study.ask().id, 0.5)
    ...         write_csv(study, file)
    >>> file.getvalue()[:43]
    'id,status,reward,decisions.x,reason,cause,a'

    Raises:
      StudyError: the study is damaged, or cannot be read.
      OSError: the file cannot be written.
    """

    def write() -> None:
        writer = csv.writer(file, lineterminator="\n")
        for line in _list_reports(study) if reports else _list_lines(study):
            writer.writerow(line)

    write_whole(file, write)


def write_whole(file: IO[Any], write: Callable[[], None]) -> None:
    """Calls ``write``, which writes into a file that can seek, and begins again as long as it finds a new column."""
    start = file.tell()
    while True:
        try:
            return write()
        except NewColumnError:
            file.seek(start)
            file.truncate()


def write_data(study: View, file: TextIO, head: dict[str, Any], to_data: Callable[[Trial], Any]) -> None:
    """Writes ``head`` with the further entry ``trials``, a list of all trials as ``to_data`` returns them, as JSON text."""
    text = json.dumps({**head, "trials": []}, indent=1, allow_nan=False)
    end = "[]\n}"
    file.write(text.removesuffix(end))
    between = "[\n  "
    for trial in study.trials():
        file.write(between + json.dumps(to_data(trial), indent=1, allow_nan=False).replace("\n", "\n  "))
        between = ",\n  "
    file.write(end if between == "[\n  " else "\n ]\n}")


def read_pages(study: View, count: int) -> Iterator[tuple[dict[str, type[Any]], list[Row]]]:
    """Returns the columns of a study, and its rows ``count`` at a time; at least one page, which may be empty.

    Raises:
      NewColumnError: a trial ended meanwhile with a new metric.
    """
    columns, has = _find_columns(study)
    page: list[Row] = []
    for trial in study.trials():
        if not has(trial):
            raise NewColumnError
        page.append(make_row(trial, columns))
        if len(page) == count:
            yield columns, page
            page = []
    yield columns, page


def _find_columns(study: View) -> tuple[dict[str, type[Any]], Callable[[Trial], bool]]:
    """Returns the columns of all trials that ended until now, and whether they are enough for a trial."""
    rewards, names = study._look(find_columns)
    known = set(names)

    def has(trial: Trial) -> bool:
        return len(trial.rewards or ()) <= rewards and known.issuperset(trial.metrics)

    return make_columns(study.space, rewards, names), has


# ------------------------------------------------------------------ CSV


def _list_lines(study: View) -> Iterator[Line]:
    columns, has = _find_columns(study)
    rewards, metrics = _names_from(columns, "reward "), _names_from(columns, "metrics.")
    yield [*map(to_cell, columns)]
    decide = _make_decide(study.space)
    for row in _list_rows(study):
        line = _make_line(row, rewards, metrics, decide)
        if line is None:  # several rewards, decisions of an earlier space, or what is damaged
            trial = study.trial(row[0])
            if not has(trial):
                raise NewColumnError
            line = [*map(to_cell, make_row(trial, columns).values())]
        yield line


def _list_rows(study: View) -> Iterator[Sequence[Any]]:
    last = 0
    while last < study._look(Record.progress).proposed:
        yield from study._look(partial(read_trial_rows, after=last, until=last + PAGE))
        last += PAGE


def _list_reports(study: View) -> Iterator[Line]:
    names = sorted({name for _, report in _iterate_reports(study) for name in report.metrics or ()})
    yield [*REPORT, *(to_cell(f"metrics.{name}") for name in names)]
    for trial_id, report in _iterate_reports(study):
        metrics = dict(report.metrics or {})
        yield [
            trial_id,
            report.step,
            report.reward,
            report.stop,
            *(metrics.pop(name, None) for name in names),
        ]
        if metrics:
            raise NewColumnError


def _iterate_reports(study: View) -> Iterator[tuple[int, Any]]:
    return ((trial.id, report) for trial in study.trials() for report in trial.reports)


def _names_from(columns: Iterable[str], start: str) -> list[str]:
    return [name.removeprefix(start) for name in columns if name.startswith(start)]


def _make_line(
    row: Sequence[Any], rewards: list[str], metrics: list[str], decide: Callable[[str], Line | None]
) -> Line | None:
    """Returns the cells of a row; None where they need a ``Trial``."""
    cells, found = decide(row[_AT["decisions"]]), _find_metrics(row[_AT["metrics"]], metrics)
    if cells is None or found is None or rewards or row[_AT["rewards"]] is not None:
        return None
    last = [to_cell(cell) if cell.__class__ is str else cell for cell in map(row.__getitem__, _LAST)]
    return [row[0], row[_AT["status"]], row[_AT["reward"]], *cells, *found, *last]


def _find_metrics(text: str | None, names: list[str]) -> Line | None:
    """Returns the cells of stored metrics; None where they are others."""
    if text is None:
        return [None] * len(names)
    try:
        numbers = json.loads(text)
        found = [numbers.pop(name, None) for name in names]
    except (AttributeError, TypeError, ValueError, RecursionError):
        return None
    return (
        None
        if numbers or any(number.__class__ is not float for number in found if number is not None)
        else found
    )


def _make_decide(space: Space) -> Callable[[str], Line | None]:
    """Returns a function from the stored text of decisions to their cells, one per point of a space.

    It returns None where the text is not that of valid decisions; rules between several choices are not checked.
    """
    finders, points = [_make_find(point) for point in space.points], space.points
    is_flat = len(points) == len(space.top)

    def find_all(values: list[Any]) -> Line:
        if is_flat:
            return [find(value) for find, value in zip(finders, values, strict=True)]
        cells: Line = [None] * len(points)
        pending = [*reversed(space.top)]
        for value in values:
            index = pending.pop()
            cells[index] = finders[index](value)
            point = points[index]
            if isinstance(point, Choice):
                pending.extend(reversed(point.branches[value]))
        if pending:
            raise ValueError
        return cells

    def decide(text: str) -> Line | None:
        try:
            return find_all(json.loads(text))
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            return None

    return decide


def _make_find(point: Point) -> Values:
    """Returns a function from the value of a point to its cell; it raises KeyError for another value."""
    if isinstance(point, Choice):
        return dict(enumerate(map(to_cell, list_candidates(point)))).__getitem__
    kind, least, most = float if isinstance(point, Float) else int, point.min_value, point.max_value

    def find(value: Any) -> Any:
        if value.__class__ is kind and least <= value <= most:
            return value
        raise KeyError

    return find
