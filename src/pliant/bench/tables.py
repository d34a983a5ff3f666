"""Tables of published results: finds their files, reads NumPy archives, and looks decisions up as a task."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from pliant.space import Decisions
from pliant.values.errors import LoadError, PliantError

from .task import Optimum, Result, Task

VARIABLE = "PLIANT_DATA"
"""The environment variable with the folder of tables."""

Floats = npt.NDArray[np.float64]


class TableError(PliantError, FileNotFoundError):
    """A table of results was not found."""


def find_table(names: Sequence[str], data: str | os.PathLike[str] | None, source: str) -> Path:
    """Returns the file of a table.

    Args:
      names: its possible file names, the preferred one first.
      data: the file, or its folder; None for the folder in ``PLIANT_DATA``.
      source: where to get it; part of the message.

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


def read_archive(file: Path, columns: Mapping[str, tuple[int | None, ...]]) -> dict[str, npt.NDArray[Any]]:
    """Returns columns of an ``.npz`` archive.

    Args:
      file: the archive.
      columns: the shape of each wanted column; None for an axis of any length.

    Raises:
      LoadError: the file is not an archive, or lacks a column, or one has another shape.
    """
    try:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise LoadError(
                f"the table {str(file)!r} is a single array; expected an .npz archive of columns."
            )
        with archive:
            names = list(archive.files)
            found = {name: archive[name] for name in columns if name in names}
    except (zipfile.BadZipFile, ValueError, EOFError, OSError) as error:
        if isinstance(error, LoadError):
            raise
        raise LoadError(
            f"the table {str(file)!r} cannot be read as an .npz archive: {error}. Expected the columns "
            f"{', '.join(columns)}, as `numpy.savez` writes them."
        ) from error
    for name in columns:
        if name not in found:
            raise LoadError(
                f"the table {str(file)!r} has no column {name!r}; expected {', '.join(columns)}, found "
                f"{', '.join(names) or 'none'}. Is it the table of another benchmark?"
            )
    for name, shape in columns.items():
        got = found[name].shape
        if len(got) != len(shape) or any(n is not None and n != m for n, m in zip(shape, got)):
            raise LoadError(
                f"the column {name!r} of the table {str(file)!r} has the shape {got}; expected "
                f"{tuple('any' if n is None else n for n in shape)}. Is the file complete?"
            )
    return found


@dataclass(frozen=True, eq=False)
class Table:
    """Scores by row.  Accuracies are in percent.

    Attributes:
      fidelities: the budgets, ascending.
      rewards: for the search, of shape [fidelities, repeats, rows].
      tests: what is reported after full training, of shape [rows].
      costs: of one training, of shape [fidelities, rows].
      cost_unit: of ``costs``.
      info: more columns, of shape [rows] each.
    """

    fidelities: tuple[int, ...]
    rewards: Floats
    tests: Floats
    costs: Floats
    cost_unit: str
    info: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        depth, _, rows = self.rewards.shape
        shapes = {"rewards": depth, "costs": self.costs.shape[0], "fidelities": len(self.fidelities)}
        assert set(shapes.values()) == {depth}, shapes
        assert self.tests.shape == (rows,)
        assert self.costs.shape == (depth, rows)


@final
class Tabular(Task):
    """A task whose scores are looked up.

    Args:
      name: as for ``Task``.
      program: as for ``Task``.
      table: the scores.
      row: returns the row of decisions; None where they are infeasible.
    """

    def __init__(
        self, name: str, program: Any, table: Table, *, row: Callable[[Decisions], int | None]
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
