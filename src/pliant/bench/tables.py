"""Tables of published results: finds their files, reads NumPy archives, and looks decisions up as a task."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from pliant.space import Decisions
from pliant.values.errors import LoadError, PliantError, quote
from pliant.values.npz import Column, read_columns

from .task import Optimum, Result, Task

VARIABLE = "PLIANT_DATA"
"""The environment variable with the folder of tables."""

TEXTS = ("arch", "hash", "hashes")
"""The columns of text; all others are numbers."""

Floats = npt.NDArray[np.float64]


class TableError(PliantError, FileNotFoundError):
    """A table of results was not found."""


def find_table(names: Sequence[str], data: str | os.PathLike[str] | None, source: str) -> Path:
    """Returns the file of a table.

    ``data`` is the file or its folder; None for the folder in ``PLIANT_DATA``.  ``source`` is part of the message.

    Raises:
      TableError: the file was not found.
    """
    if data is None:
        data = os.environ.get(VARIABLE) or None
    wanted = " or ".join(repr(name) for name in names)
    if data is None:
        raise TableError(
            f"this task reads a table of results, {wanted}, whose folder is unknown. Pass the file or its folder as "
            f"`data=...`, or set the environment variable {VARIABLE} to the folder. {source}"
        )
    place = Path(data)
    candidates = [place / name for name in names] if place.is_dir() else [place]
    for file in candidates:
        if file.is_file():
            return file
    raise TableError(
        f"no table of results at {os.fspath(data)!r}: expected the file {wanted}, or a folder with it. {source}"
    )


def read_archive(file: Path, columns: Mapping[str, tuple[int | str, ...]]) -> dict[str, npt.NDArray[Any]]:
    """Returns columns of an ``.npz`` archive.

    Args:
      file: the archive.
      columns: the shape of each wanted column; a name for an axis of any length, which is the same for all columns.

    Raises:
      LoadError: the file is not an archive, or lacks a column, or one has another shape.
    """
    try:
        read = read_columns(file, columns)
    except (OSError, LoadError) as error:
        raise LoadError(
            f"the table {str(file)!r} cannot be read as an .npz archive: {error}. Expected the columns "
            f"{', '.join(columns)}, as `numpy.savez` writes them."
        ) from error
    names = list(read)
    found = {name: _to_array(column) for name, column in read.items() if column is not None}
    for name in columns:
        if name not in found:
            raise LoadError(
                f"the table {str(file)!r} has no column {name!r}; expected {', '.join(columns)}, found "
                f"{', '.join(names) or 'none'}. Is it the table of another benchmark?"
            )
    sizes: dict[int | str, int] = {}
    for name, shape in columns.items():
        got, is_text = found[name].shape, name in TEXTS
        expected = tuple(n if isinstance(n, int) else sizes.setdefault(n, m) for n, m in zip(shape, got))
        if len(got) != len(shape) or got != expected:
            raise LoadError(
                f"the column {name!r} of the table {str(file)!r} has the shape {got}; expected {shape}"
                f"{f', where {sizes}' if sizes else ''}. Is the file complete?"
            )
        if is_text != (found[name].dtype.kind in "SU") or not (not is_text or _is_ascii(found[name])):
            raise LoadError(
                f"the column {name!r} of the table {str(file)!r} must be {'ASCII text' if is_text else 'numbers'}; got the "
                f"type {found[name].dtype}{' with other text' if is_text else ''}."
            )
    return found


def _is_ascii(texts: npt.NDArray[Any]) -> bool:
    return texts.tobytes().isascii() if texts.dtype.kind == "S" else all(map(str.isascii, texts.flat))


def _to_array(column: Column) -> npt.NDArray[Any]:
    flat: npt.NDArray[Any] = np.frombuffer(column.data, dtype=column.dtype)
    return flat.reshape(column.shape, order="F" if column.is_fortran else "C")


def index_rows(
    names: npt.NDArray[Any],
    file: Path,
    read: Callable[[str], tuple[int, ...] | None],
    *,
    kind: str,
    count: int,
) -> Callable[[Decisions], int]:
    """Returns a function that finds the row of decisions; ``read`` returns the decisions of a name in the table.

    Raises:
      LoadError: a name is of no such ``kind``, or one of ``count`` names is missing.
    """
    rows: dict[tuple[int | float, ...], int] = {}
    for row, name in enumerate(names.tolist()):
        text = name.decode("ascii") if isinstance(name, bytes) else str(name)
        values = read(text)
        if values is None:
            raise LoadError(f"row {row} of the table {str(file)!r} is of {quote(text, 120)}, no {kind}.")
        rows[values] = row
    if len(rows) != count:
        raise LoadError(
            f"the table {str(file)!r} has {len(rows):,} of the {count:,} names, each of a {kind}."
        )
    return lambda decisions: rows[decisions.values]


@dataclass(frozen=True, eq=False)
class Table:
    """Scores by row.  Accuracies are in percent."""

    fidelities: tuple[int, ...]  # the budgets, ascending
    rewards: Floats  # for the search, of shape [fidelities, repeats, rows]
    tests: Floats  # what is reported after full training, of shape [rows]
    costs: Floats  # of one training, of shape [fidelities, rows]
    cost_unit: str  # of ``costs``
    info: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)  # more columns, of shape [rows] each

    def __post_init__(self) -> None:
        depth, _, rows = self.rewards.shape
        shapes = {"rewards": depth, "costs": self.costs.shape[0], "fidelities": len(self.fidelities)}
        assert set(shapes.values()) == {depth}, shapes
        assert self.tests.shape == (rows,)
        assert self.costs.shape == (depth, rows)


@final
class Tabular(Task):
    """A task whose scores are looked up; ``row`` returns the row of decisions, None where they are infeasible."""

    def __init__(
        self, name: str, program: object, table: Table, *, row: Callable[[Decisions], int | None]
    ) -> None:
        super().__init__(
            name,
            program,
            fidelities=table.fidelities,
            repeats=table.rewards.shape[1],
            cost_unit=table.cost_unit,
        )
        self.table = table
        self._row = row

    def _evaluate(self, decisions: Decisions, fidelity: int, repeat: int) -> Result | None:
        row = self._row(decisions)
        if row is None:
            return None
        table = self.table
        depth = self.fidelities.index(fidelity)
        return Result(
            reward=float(table.rewards[depth, repeat, row]),
            cost=float(table.costs[depth, row]),
            test=float(table.tests[row]),
            info={key: column[row].item() for key, column in table.info.items()},
        )

    def _find_optimum(self) -> Optimum:
        return Optimum(reward=float(self.table.rewards[-1, 0].max()), test=float(self.table.tests.max()))
