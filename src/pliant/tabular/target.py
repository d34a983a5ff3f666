"""``Target``: the columns that are predicted, as numbers for a network and back; and which task they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.values.errors import FieldValueError, listing, quote, suggest

from .parsing import find_style, parse_number, parse_truth
from .table import Table, is_missing, to_objects, to_texts
from .task import Kind, Task

TASKS = ("auto", "classification", "regression", "binary", "multiclass", "multilabel")
MAX_CLASSES = 1000
_FEW = 20  # whole numbers with at most so many values are classes, if each has enough rows
_ROWS_EACH = 5


@final
@dataclass(frozen=True, slots=True)
class Target:
    """What is predicted.

    Attributes:
      names: of the columns; several for labels, or for a regression with several numbers.
      kind: of the task.
      classes: what the codes of a classification mean: texts or numbers, sorted; of labels, what 0 and 1 mean.
      means: of each number of a regression.
      widths: the standard deviations.
      is_balanced: whether each class has the same part in loss and score.
    """

    names: tuple[str, ...]
    kind: Kind
    classes: tuple[Any, ...] = ()
    means: tuple[float, ...] = ()
    widths: tuple[float, ...] = ()
    is_balanced: bool = False

    @property
    def task(self) -> Task:
        """The task of the network."""
        outputs = {"binary": 1, "multiclass": len(self.classes)}.get(self.kind, len(self.names))
        return Task(self.kind, outputs, self.is_balanced)

    def encode(self, table: Table) -> NDArray[Any]:
        """Returns the targets of rows, as ``Task`` describes them; every row has one.

        Raises:
          FieldValueError: a row has no target, or a class that training did not have.
          UnknownFieldError: the table lacks a column.
        """
        columns = [table.column(name) for name in self.names]
        for name, column in zip(self.names, columns):
            if is_missing(column).any():
                raise FieldValueError(
                    f"the column {quote(name)} has no value in {_name_rows(int(is_missing(column).sum()))}. Give one, or "
                    "remove these rows."
                )
        if self.kind == "regression":
            numbers = np.stack([_to_numbers(name, one) for name, one in zip(self.names, columns)], 1)
            scaled: NDArray[Any] = (numbers - np.array(self.means)) / np.array(self.widths)
            return scaled.astype(np.float32)
        codes = np.stack([_to_codes(name, one, self.classes) for name, one in zip(self.names, columns)], 1)
        return codes.astype(np.float32) if self.kind == "multilabel" else codes[:, 0]

    def decode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Returns predictions in the values of the table, from probabilities or from the numbers of a regression."""
        if self.kind == "regression":
            found: NDArray[Any] = outputs.astype(np.float64) * np.array(self.widths) + np.array(self.means)
            return found[:, 0] if len(self.names) == 1 else found
        if self.kind == "multilabel":
            return _take(self.classes, (outputs > 0.5).astype(np.int64))
        return _take(self.classes, outputs.argmax(1))


def _take(classes: tuple[Any, ...], codes: NDArray[Any]) -> NDArray[Any]:
    values = np.array(classes) if len({type(one) for one in classes}) == 1 else to_objects(classes)
    found: NDArray[Any] = values[codes]
    return found


def split_target(table: Table, names: Sequence[str]) -> tuple[Table, tuple[str, ...]]:
    """Returns the table without rows that lack a target, and what to say about them.

    Raises:
      UnknownFieldError: the table has no such column; the message has the nearest name.
      FieldValueError: no row is left.
    """
    gaps = np.zeros(table.rows, bool)
    for name in names:
        gaps |= is_missing(table.column(name))
    count = int(gaps.sum())
    if not table.rows or count == table.rows:
        why = (
            f"in {_name_all(count)} the target {listing(names)} is missing"
            if count
            else "the table has no rows"
        )
        raise FieldValueError(
            f"there is nothing to learn from: {why}. Give a table with rows, and their targets."
        )
    if not count:
        return table, ()
    return table.take(~gaps), (f"left out: {_name_rows(count)} without a target.",)


def _name_rows(count: int) -> str:
    return f"{count} row{'s' * (count > 1)}"


def _name_all(count: int) -> str:
    return f"all {count} rows" if count > 1 else "the only row"


def fit_target(table: Table, names: Sequence[str], *, task: str = "auto", balanced: bool = False) -> Target:
    """Returns what the columns of a target are, from the training rows.

    ``auto`` means: texts and truth values are classes, and so are whole numbers with at most 20 values that have 5 rows each on
    average; other numbers are a regression.  Several columns are labels if each has two values, else numbers.

    Args:
      table: rows that all have a target.
      names: of its columns.
      task: ``auto``, ``classification``, ``regression``, ``binary``, ``multiclass`` or ``multilabel``.
      balanced: whether each class has the same part in loss and score.

    Raises:
      FieldValueError: the task is unknown or does not suit the columns; a class or the only value is all there is; there are
        too many classes; or a number is infinite.
    """
    if task not in TASKS:
        raise FieldValueError(
            f"task is one of {listing(TASKS)}; got {quote(task)}{suggest(task, TASKS) or '.'}"
        )
    columns = [table.column(name) for name in names]
    if task == "auto":
        task = _guess(table, names)
    if task == "regression":
        numbers = [_to_numbers(name, column) for name, column in zip(names, columns)]
        return _fit_numbers(tuple(names), numbers)
    if task == "multilabel" or len(names) > 1:
        return _fit_labels(tuple(names), columns, task, balanced=balanced)
    classes = _find_classes(names[0], columns[0], table.rows)
    if task == "binary" and len(classes) > 2:
        raise FieldValueError(
            f"a binary task has two classes, and the target {quote(names[0])} has {len(classes)}. Write task='multiclass'."
        )
    kind: Kind = "binary" if len(classes) == 2 else "multiclass"
    return Target(tuple(names), kind, classes, is_balanced=balanced)


def _guess(table: Table, names: Sequence[str]) -> str:
    """Returns ``classification``, ``regression`` or ``multilabel``."""
    kinds = set()
    for name in names:
        column = table.column(name)
        if name in table.categorical:
            kinds.add("classification")
            continue
        numbers = _read(column)
        if numbers is None:
            kinds.add("classification")
            continue
        values = np.unique(numbers)
        is_whole = np.isfinite(values).all() and (values % 1 == 0).all()
        few = len(values) <= min(_FEW, max(len(numbers) / _ROWS_EACH, 2))
        kinds.add("classification" if is_whole and few else "regression")
    if len(names) > 1:
        return "multilabel" if kinds == {"classification"} else "regression"
    return kinds.pop()


def _read(column: NDArray[Any]) -> NDArray[np.float64] | None:
    """Returns a column as numbers; None where one of its texts is not a number."""
    if column.dtype.kind == "M":
        return None
    if column.dtype != object:
        return column.astype(np.float64)
    style = find_style(dict.fromkeys(column))
    found = [parse_number(text, style) for text in column]
    return None if None in found else np.array(found, np.float64)


def _to_numbers(name: str, column: NDArray[Any]) -> NDArray[np.float64]:
    numbers = _read(column)
    if numbers is None:
        wrong = next((text for text in to_texts(column) if parse_number(text) is None), column[0])
        raise FieldValueError(
            f"a regression predicts numbers, and the target {quote(name)} has {quote(wrong)}. "
            "Write task='classification' to predict it as a class, or remove these rows."
        )
    count = int(np.isinf(numbers).sum())
    if count:
        raise FieldValueError(
            f"the target {quote(name)} is infinite in {_name_rows(count)}. Write a finite "
            "number there, or remove these rows."
        )
    return numbers


def _fit_numbers(names: tuple[str, ...], columns: list[NDArray[np.float64]]) -> Target:
    for name, column in zip(names, columns):
        if (column == column[0]).all():
            raise FieldValueError(
                f"there is nothing to learn: the target {quote(name)} is {column[0]:g} in {_name_all(len(column))}. "
                "Name another column as the target, or add rows."
            )
    widths = [float(column.std()) for column in columns]
    return Target(
        names,
        "regression",
        means=tuple([float(column.mean()) for column in columns]),
        widths=tuple([width if np.isfinite(width) and width > 0 else 1.0 for width in widths]),
    )


def _fit_labels(names: tuple[str, ...], columns: list[NDArray[Any]], task: str, *, balanced: bool) -> Target:
    classes = sorted({value for column in columns for value in _values(column)}, key=_order)
    if len(classes) != 2 or task in ("binary", "multiclass"):
        raise FieldValueError(
            f"several targets are labels with two values, such as 0 and 1, in a multilabel task; {listing(names)} have "
            f"{len(classes)} values: {listing(classes, limit=5)}. Name one target for each search."
        )
    return Target(names, "multilabel", tuple(classes), is_balanced=balanced)


def _find_classes(name: str, column: NDArray[Any], rows: int) -> tuple[Any, ...]:
    classes = sorted(set(_values(column)), key=_order)
    if len(classes) < 2:
        raise FieldValueError(
            f"there is nothing to learn: the target {quote(name)} has one class, {quote(str(classes[0]))}, in {_name_all(rows)}. "
            "Name another column as the target, or add rows of another class."
        )
    if len(classes) > MAX_CLASSES:
        numeric = column.dtype != object
        advice = "write task='regression' to predict it as a number" if numeric else "join rare classes"
        raise FieldValueError(
            f"the target {quote(name)} has {len(classes)} classes in {rows} rows; at most {MAX_CLASSES} are allowed. "
            f"Name another column if it is an identifier, or {advice}."
        )
    return tuple(classes)


def _values(column: NDArray[Any]) -> list[Any]:
    """Returns the distinct values of a column: whole numbers as integers, other numbers, or texts."""
    if column.dtype.kind == "M":
        column = to_texts(column)
    values = np.unique(column.astype(str) if column.dtype == object else column).tolist()
    return [int(one) if isinstance(one, float) and one % 1 == 0 else one for one in values]


def _order(value: Any) -> tuple[bool, Any]:
    """Sorts numbers before texts, and false before true."""
    truth = parse_truth(value) if isinstance(value, str) else None
    return isinstance(value, str), (truth is not None, truth or 0.0, value) if isinstance(
        value, str
    ) else value


def _to_codes(name: str, column: NDArray[Any], classes: tuple[Any, ...]) -> NDArray[np.int64]:
    known = {
        to_texts(np.array([one], np.float64))[0] if not isinstance(one, str) else one: code
        for code, one in enumerate(classes)
    }
    texts = to_texts(column)
    unseen = next((text for text in texts if text not in known), None)
    if unseen is not None:
        raise FieldValueError(
            f"the target {quote(name)} has the class {quote(unseen)}, which training did not have; it had "
            f"{listing(classes, limit=10)}. Remove these rows, or search again with them."
        )
    return np.array([known[text] for text in texts], np.int64)
