"""EC-NAS benchmark tasks: small, complete NAS-Bench-101 spaces, retrained with energy measurements.

Bakhtiarifard, Igel and Selvan, "EC-NAS: Energy Consumption Aware Tabular Benchmarks for Neural Architecture
Search", ICASSP 2024.  Tables are archives with one row per training: ``hash``, ``epochs``, ``params``,
``eval_fields`` and, per field, ``final_eval`` (at the end) and ``eval1`` (half-way).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pliant.values.errors import LoadError
from pliant.zoo.nasbench101 import make_space

from .nasbench101.count import count_cells
from .nasbench101.task import find_row
from .tables import Floats, Table, Tabular, find_table, read_archive

SOURCE = (
    "It holds the published records of github.com/PedramBakh/EC-NAS-Bench (energy_{n}V9E.tfrecord, {rows:,} rows) as columns "
    "of a NumPy archive; `pliant.bench.ecnas` says which."
)
EPOCH, SECONDS, VALIDATION, TEST, ENERGY = 1, 2, 4, 5, 6
"""Fields of an evaluation: its epoch, training seconds, accuracies as fractions, and energy in kWh."""


def ecnas_4v(data: str | os.PathLike[str] | None = None) -> Tabular:
    """Returns the task of the 91 cells of at most 4 vertices: 4, 12, 36 and 108 epochs, three trainings each.

    Reward is the validation accuracy of one training (``repeat``, the first unless given), test the mean
    test accuracy after 108 epochs, both in percent; ``cost`` is training seconds; ``info`` has the energy in kWh.

    Args:
      data: the table or its folder.

    Raises:
      TableError, LoadError: see ``get_task``.
    """
    columns, file = _read(4, 1092, data)
    epochs = columns["epochs"]
    lengths = sorted(set(epochs.tolist()))
    hashes = np.unique(columns["hash"])
    order = [np.flatnonzero(epochs == length) for length in lengths]
    order = [rows[np.argsort(columns["hash"][rows], kind="stable")] for rows in order]
    repeats = len(order[0]) // len(hashes)
    wanted = np.repeat(hashes, repeats)
    if any(not np.array_equal(columns["hash"][rows], wanted) for rows in order):
        raise LoadError(
            f"the table {str(file)!r} does not have the same number of trainings for each cell and number of epochs."
        )
    final = np.stack([columns["final_eval"][rows].reshape(len(hashes), repeats, -1) for rows in order])
    params = columns["params"][order[-1][::repeats]]
    return _make(4, file, hashes, (tuple(lengths), final, params))


def ecnas_5v(data: str | os.PathLike[str] | None = None) -> Tabular:
    """Returns the task of the 2,532 cells of at most 5 vertices: 4 epochs and half-way, one training each.

    Reward is the validation accuracy, test the test accuracy after 4 epochs, both in percent; ``cost`` is training
    seconds; ``info`` has the energy in kWh.  Small and complete, for search flows that search nodes and edges separately.

    Args:
      data: the table or its folder.

    Raises:
      TableError, LoadError: see ``get_task``.
    """
    columns, file = _read(5, 2532, data)
    evaluations = np.stack([columns["eval1"], columns["final_eval"]])[:, :, None, :]
    at = evaluations[:, 0, 0, columns["eval_fields"].tolist().index(EPOCH)]
    return _make(5, file, columns["hash"], (tuple(map(int, at)), evaluations, columns["params"]))


def _read(
    vertices: int, rows: int, data: str | os.PathLike[str] | None
) -> tuple[dict[str, npt.NDArray[Any]], Path]:
    file = find_table([f"ecnas_{vertices}v.npz"], data, SOURCE.format(n=vertices, rows=rows))
    columns = read_archive(
        file,
        {
            "hash": (rows,),
            "epochs": (rows,),
            "params": (rows,),
            "eval_fields": ("fields",),
            "final_eval": (rows, "fields"),
            "eval1": (rows, "fields"),
        },
    )
    fields = columns["eval_fields"].tolist()
    if not {EPOCH, SECONDS, VALIDATION, TEST, ENERGY} <= set(fields):
        raise LoadError(
            f"the table {str(file)!r} has the fields {fields}; expected at least 1, 2, 4, 5 and 6."
        )
    order = [fields.index(field) for field in (EPOCH, SECONDS, VALIDATION, TEST, ENERGY)]
    columns["eval_fields"] = columns["eval_fields"][order]
    columns["final_eval"] = columns["final_eval"][:, order]
    columns["eval1"] = columns["eval1"][:, order]
    return columns, file


def _make(
    vertices: int,
    file: Path,
    hashes: npt.NDArray[Any],
    found: tuple[tuple[int, ...], Floats, npt.NDArray[Any]],
) -> Tabular:
    """Makes the task of evaluations of shape [fidelities, cells, repeats, fields]."""
    fidelities, evaluations, params = found
    if len(set(hashes.tolist())) != count_cells(vertices):
        raise LoadError(
            f"the table {str(file)!r} does not hold each of the {count_cells(vertices):,} cells once."
        )
    _, seconds, validation, test, energy = np.moveaxis(evaluations, -1, 0)
    table = Table(
        fidelities=fidelities,
        rewards=100 * validation.transpose(0, 2, 1),
        tests=100 * test[-1].mean(axis=1),
        costs=seconds.mean(axis=2),
        cost_unit="seconds",
        info={"params_m": params / 1e6, "energy_kwh": energy[-1].mean(axis=1)},
    )
    return Tabular(f"ecnas_{vertices}v", make_space(vertices), table, row=find_row(hashes.tolist(), vertices))
