"""The table of NAS-Bench-101 in memory: read from the official TFRecord files, or from an archive made of one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np
import numpy.typing as npt

from pliant.values.errors import LoadError

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
    """Reads ``nasbench_only108.tfrecord`` or ``nasbench_full.tfrecord``; a minute, or a few for the full one.

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
    with open(target, "wb") as stream:
        np.savez_compressed(stream, **vars(records))


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


@dataclass
class _Gathered:
    """Rows as they come, in columns."""

    cells: dict[str, int] = field(default_factory=dict)
    vertices: list[int] = field(default_factory=list)
    parameters: list[int] = field(default_factory=list)
    # (cell, epochs): per training, (validation, test, seconds) half-way and at the end
    trainings: dict[tuple[int, int], list[tuple[float, ...]]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        cell = self.cells.setdefault(row.hash, len(self.cells))
        if cell == len(self.vertices):
            self.vertices.append(row.vertices)
            self.parameters.append(row.parameters)
        half, end = row.evaluations[1], row.evaluations[2]
        self.trainings.setdefault((cell, row.epochs), []).append(
            (
                half.validation,
                half.test,
                half.training_seconds,
                end.validation,
                end.test,
                end.training_seconds,
            )
        )

    def finish(self, name: str) -> Records:
        """Returns the columns.

        Raises:
          LoadError: there are no rows, or not as many of each cell.
        """
        count = len(self.cells)
        lengths = sorted({epochs for _, epochs in self.trainings})
        repeats = len(next(iter(self.trainings.values()), []))
        uneven = any(len(found) != repeats for found in self.trainings.values())
        if not count or uneven or len(self.trainings) != count * len(lengths):
            raise LoadError(
                f"the table {name!r} has {count:,} cells, and not the same number of trainings of each; expected each cell as "
                "often at each number of epochs. Is the file complete?"
            )
        data = np.array([self.trainings[cell, epochs] for epochs in lengths for cell in range(count)])
        data = data.reshape(len(lengths), count, repeats, 2, 3)  # length, cell, repeat, half or end, what
        data = data.transpose(4, 0, 3, 2, 1).reshape(3, 2 * len(lengths), repeats, count)
        fidelities = np.array([epochs // part for epochs in lengths for part in (2, 1)])
        return Records(
            hashes=np.array([name.encode() for name in self.cells]),
            vertices=np.array(self.vertices),
            parameters=np.array(self.parameters),
            fidelities=fidelities,
            validation=data[0],
            test=data[1, -1],
            seconds=data[2],
        )
