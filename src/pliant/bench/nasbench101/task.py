"""NAS-Bench-101 as a benchmark task: the columns of reward, test and cost, and the row of decisions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np

from pliant.space import Decisions
from pliant.values.errors import LoadError
from pliant.zoo.nasbench101 import OPS, VERTICES, make_space

from ..tables import Table, Tabular, find_table
from .count import count_cells
from .graph import make_graph, prune_cell
from .table import read_npz, read_tfrecord

SOURCE = (
    "The published files are linked from github.com/google-research/nasbench (nasbench_only108.tfrecord is 500 MB, "
    "nasbench_full.tfrecord 2 GB); `pliant.bench.nasbench101.convert` makes an archive of one that is read in a second."
)
NAMES = ("nasbench101.npz", "nasbench_full.tfrecord", "nasbench_only108.tfrecord")
REMEMBERED = 1 << 17
"""The number of decisions whose rows are cached; finding a row takes tenths of a millisecond."""


def nasbench101(data: str | os.PathLike[str] | None = None, *, vertices: int = VERTICES) -> Tabular:
    """Returns the NAS-Bench-101 task.

    Reward is the validation accuracy of one training (``repeat``, the first unless given);
    test is the mean test accuracy of the three trainings for 108 epochs; both in percent.  ``cost`` is training seconds.
    Fidelities are epochs: 108 and its half with ``nasbench_only108.tfrecord``, also 36, 12, 4 and their halves with
    the full file (each length is a training of its own, with its own schedule).  Decisions whose graph has no path from
    input to output, or more than 9 edges after pruning, are infeasible.

    Args:
      data: an official TFRecord file, an archive from ``convert``, or the folder of either.
      vertices: the most vertices of a cell, for a smaller space.

    Raises:
      TableError, LoadError: see ``get_task``.
    """
    program = make_space(vertices)
    file = find_table(NAMES, data, SOURCE)
    records = read_npz(file) if file.suffix == ".npz" else read_tfrecord(file)
    kept = np.flatnonzero(records.vertices <= vertices)
    expected = count_cells(vertices)
    if len(kept) != expected:
        raise LoadError(
            f"the table {str(file)!r} holds {len(kept):,} cells of at most {vertices} vertices; expected all {expected:,}. "
            f"Is the file complete? {SOURCE}"
        )
    table = Table(
        fidelities=tuple(records.fidelities.tolist()),
        rewards=100 * records.validation[:, :, kept],
        tests=100 * records.test[:, kept].mean(axis=0),
        costs=records.seconds[:, :, kept].mean(axis=1),
        cost_unit="seconds",
        info={"params_m": records.parameters[kept] / 1e6},
    )
    hashes = records.hashes[kept].tolist()
    return Tabular("nasbench101", program, table, row=find_row(hashes, vertices))


def find_row(hashes: Iterable[bytes | str], vertices: int) -> Callable[[Decisions], int | None]:
    """Returns a function that finds the row of decisions of ``make_space(vertices)``; None for infeasible ones."""
    rows = {name.decode("ascii") if isinstance(name, bytes) else name: row for row, name in enumerate(hashes)}
    inner = vertices - 2

    @lru_cache(maxsize=REMEMBERED)
    def find(values: tuple[int, ...]) -> int | None:
        cell = prune_cell(make_graph([OPS[i] for i in values[:inner]], values[inner:]))
        if cell is None:
            return None
        row = rows.get(cell.fingerprint())
        if row is None:
            raise LoadError(
                f"the table lacks the cell with {cell.ops} and the edges {cell.matrix}. Copy or download it again."
            )
        return row

    def row(decisions: Decisions) -> int | None:
        return find(decisions.values)

    return row
