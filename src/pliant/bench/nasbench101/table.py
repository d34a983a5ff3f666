"""The table of NAS-Bench-101 in memory: read from the official TFRecord files, or from an archive made of one."""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt

from pliant.values.errors import LoadError
from pliant.values.files import write_atomically

from ..tables import Floats, read_archive
from ..tfrecord import read_records
from .metrics import Row, parse_row


@final
@dataclass(frozen=True, eq=False)
class Records:
    """All trainings of all cells; accuracies are fractions.

    Attributes:
      hashes: of the cells, as 32 bytes of hex digits, of shape [cells].
      vertices: of the cells, of shape [cells].
      parameters: of the networks, of shape [cells].
      fidelities: epochs, ascending: half and all of each published length of training.
      validation: accuracies, of shape [fidelities, repeats, cells].
      test: accuracies at the last fidelity, of shape [repeats, cells].
      seconds: of training, of shape [fidelities, repeats, cells].
    """

    hashes: npt.NDArray[np.bytes_]
    vertices: npt.NDArray[np.int64]
    parameters: npt.NDArray[np.int64]
    fidelities: npt.NDArray[np.int64]
    validation: Floats
    test: Floats
    seconds: Floats


def read_tfrecord(file: str | os.PathLike[str]) -> Records:
    """Reads ``nasbench_only108.tfrecord`` or ``nasbench_full.tfrecord``; half a minute, or a few for the full one.

    Raises:
      LoadError: the file is damaged, or another one.
    """
    gathered = _Gathered()
    for record in read_records(file):
        gathered.add(parse_row(record))
    return gathered.finish(os.fspath(file))


def convert(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Writes an official TFRecord file as the archive ``target``, which is read in a second.

    Args:
      source: the TFRecord file.
      target: the archive, such as ``nasbench101.npz``, the name under which a folder is searched for it.

    Raises:
      LoadError: the source is damaged, or another file.
    """
    records = read_tfrecord(source)
    write_atomically(target, lambda file: np.savez_compressed(file, **vars(records)))


def read_npz(file: Path) -> Records:
    """Reads what ``convert`` wrote.

    Raises:
      LoadError: it is something else.
    """
    three = (None, None, None)
    columns = read_archive(
        file,
        {
            "hashes": (None,),
            "vertices": (None,),
            "parameters": (None,),
            "fidelities": (None,),
            "validation": three,
            "test": (None, None),
            "seconds": three,
        },
    )
    return Records(**columns)


class _Gathered:
    """Rows as they come, in columns: five million of them must fit in memory."""

    def __init__(self) -> None:
        self.cells: dict[str, int] = {}
        self.vertices = array("q")
        self.parameters = array("q")
        self.cell = array("q")  # of each row
        self.epochs = array("q")  # of each row
        self.scores = array("d")  # six of each row: validation, test, seconds; half-way and at the end

    def add(self, row: Row) -> None:
        cell = self.cells.setdefault(row.hash, len(self.cells))
        if cell == len(self.vertices):
            self.vertices.append(row.vertices)
            self.parameters.append(row.parameters)
        self.cell.append(cell)
        self.epochs.append(row.epochs)
        for at in row.evaluations[1:3]:
            self.scores.extend((at.validation, at.test, at.training_seconds))

    def finish(self, name: str) -> Records:
        """Returns the columns.

        Raises:
          LoadError: there are no rows, or not as many of each cell.
        """
        count = len(self.cells)
        cell, epochs = np.array(self.cell), np.array(self.epochs)
        lengths = sorted(set(self.epochs))
        order = np.lexsort((cell, epochs))  # stable: repeats stay in the order of the file
        repeats = len(order) // max(1, count * len(lengths))
        whole = len(order) == count * len(lengths) * repeats > 0
        if not whole or any(
            not np.array_equal(column[order], np.ravel(expected))
            for column, expected in (
                (epochs, np.repeat(lengths, count * repeats)),
                (cell, [np.repeat(np.arange(count), repeats)] * len(lengths)),
            )
        ):
            raise LoadError(
                f"the table {name!r} has {count:,} cells, and not the same number of trainings of each; expected each cell as "
                "often at each number of epochs. Is the file complete?"
            )
        data = np.array(self.scores).reshape(-1, 2, 3)[order]
        data = data.reshape(len(lengths), count, repeats, 2, 3).transpose(4, 0, 3, 2, 1)
        data = data.reshape(3, 2 * len(lengths), repeats, count)  # what, fidelity, repeat, cell
        return Records(
            hashes=np.array([text.encode() for text in self.cells]),
            vertices=np.array(self.vertices),
            parameters=np.array(self.parameters),
            fidelities=np.array([length // part for length in lengths for part in (2, 1)]),
            validation=data[0],
            test=data[1, -1],
            seconds=data[2],
        )
