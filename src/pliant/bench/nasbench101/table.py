"""Reads the table of NAS-Bench-101 from the official TFRecord files, or from an archive made of one.

A record is JSON: hash, epochs, adjacency matrix as digits, operations joined by commas, and a ``ModelMetrics`` message in
base64.  The message has ``evaluation_data`` (field 1, repeated messages of doubles: 1 epoch, 2 training seconds, 3 train,
4 validation and 5 test accuracy), ``trainable_parameters`` (2, varint) and ``total_time`` (3, double).
"""

from __future__ import annotations

import base64
import os
import re
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from pliant.values.errors import LoadError, quote
from pliant.values.files import write_atomically
from pliant.values.lines import read_json

from ..tables import Floats, read_archive
from ..tfrecord import read_records


@final
@dataclass(frozen=True, eq=False)
class Records:
    """All trainings of all cells; accuracies are fractions."""

    hashes: npt.NDArray[np.bytes_]  # of the cells, as 32 bytes of hex digits, of shape [cells]
    vertices: npt.NDArray[np.int64]  # of the cells, of shape [cells]
    parameters: npt.NDArray[np.int64]  # of the networks, of shape [cells]
    fidelities: npt.NDArray[np.int64]  # epochs, ascending: half and all of each published length of training
    validation: Floats  # accuracies, of shape [fidelities, repeats, cells]
    test: Floats  # accuracies at the last fidelity, of shape [repeats, cells]
    seconds: Floats  # of training, of shape [fidelities, repeats, cells]


def read_tfrecord(file: str | os.PathLike[str]) -> Records:
    """Reads ``nasbench_only108.tfrecord`` or ``nasbench_full.tfrecord``; half a minute, or a few for the full one.

    Raises:
      LoadError: the file is damaged or another one.
    """
    gathered = _Gathered()
    for record in read_records(file):
        gathered.add(parse_row(record))
    return gathered.finish(os.fspath(file))


def convert(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Converts an official TFRecord file to an archive, which is read in a second.

    Args:
      source: the TFRecord file.
      target: the archive; ``nasbench101.npz`` is the name that tasks look for in a folder.

    Raises:
      LoadError: the source is damaged or another file.
    """
    records = read_tfrecord(source)
    write_atomically(target, lambda file: np.savez_compressed(file, **vars(records)))


def read_npz(file: Path) -> Records:
    """Reads what ``convert`` wrote; raises LoadError for another file."""
    each = ("fidelities", "repeats", "cells")
    shapes = dict.fromkeys(("hashes", "vertices", "parameters"), ("cells",))
    more = {"fidelities": ("fidelities",), "validation": each, "test": each[1:], "seconds": each}
    columns = read_archive(file, {**shapes, **more})
    return Records(**columns)


class _Gathered:
    """Collects rows in columns, so that five million of them fit in memory."""

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
        """Returns the columns; raises LoadError if rows are missing."""
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
                f"the table {name!r} has {count:,} cells with different numbers of trainings; expected equally many for each cell and "
                "number of epochs. Is the file complete?"
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


_HASH = re.compile("[0-9a-f]{32}")
_DOUBLE = struct.Struct("<d")
_EVALUATION = struct.Struct("<BdBdBdBdBd")
_KEYS = (0x09, 0x11, 0x19, 0x21, 0x29)  # of the doubles 1 to 5


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation during training; accuracies are fractions."""

    epoch: float
    training_seconds: float
    train: float
    validation: float
    test: float


@dataclass(frozen=True, slots=True)
class Row:
    """One training of one cell."""

    hash: str  # of the cell; see ``Graph.fingerprint``
    epochs: int  # how long it was trained
    vertices: int  # of the cell
    parameters: int  # how many are trained
    evaluations: tuple[Evaluation, ...]  # at the start, half-way and at the end


def parse_row(record: bytes) -> Row:
    """Returns a row of the official file; raises LoadError for other data."""
    try:
        name, epochs, matrix, operations, metrics = read_json(record)
        vertices = operations.count(",") + 1
        if not _HASH.fullmatch(name) or not 0 < epochs < 1 << 31 or epochs != int(epochs):
            raise ValueError(f"the hash {quote(name, 40)} and {quote(epochs, 40)} epochs")
        if len(matrix) != vertices**2:
            raise ValueError(f"a matrix of {len(matrix)} digits for {vertices} operations")
        parameters, evaluations = _parse_metrics(base64.b64decode(metrics, validate=True))
        if len(evaluations) < 3:
            raise ValueError(f"{len(evaluations)} evaluations, not three")
        return Row(name, int(epochs), vertices, parameters, evaluations)
    except (ValueError, TypeError, AttributeError, IndexError, struct.error, OverflowError) as error:
        raise LoadError(
            f"a record of the table is not one of NAS-Bench-101: {record[:80]!r}... ({error}). Pass "
            "nasbench_only108.tfrecord or nasbench_full.tfrecord as published."
        ) from error


def _parse_metrics(message: bytes) -> tuple[int, tuple[Evaluation, ...]]:
    parameters = 0
    evaluations = []
    for number, value in read_fields(message):
        if number == 1:
            evaluations.append(_parse_evaluation(value))
        elif number == 2:
            parameters = value
    return parameters, tuple(evaluations)


def _parse_evaluation(message: bytes) -> Evaluation:
    if len(message) == _EVALUATION.size:  # as it nearly always is: the five doubles in order, nothing else
        values = _EVALUATION.unpack(message)
        if values[::2] == _KEYS:
            return Evaluation(*values[1::2])
    fields = {key: double for key, double in read_fields(message) if isinstance(double, float)}
    return Evaluation(*(fields.get(key, 0.0) for key in range(1, 6)))


def read_fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Yields the fields of a protobuf message: number, and an int, a float (fixed 64 bits) or bytes.

    >>> list(read_fields(bytes([0x10, 0xAC, 0x02, 0x1A, 0x02, 0x68, 0x69])))
    [(2, 300), (3, b'hi')]

    Raises:
      ValueError: the message is cut off, or has a wire type that is not supported.
    """
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, wire = key >> 3, key & 7
        value: Any
        if wire == 0:
            value, at = _read_varint(message, at)
        elif wire == 1:
            value, at = _DOUBLE.unpack_from(message, at)[0], at + 8
        elif wire in (2, 5):
            length, at = _read_varint(message, at) if wire == 2 else (4, at)
            if at + length > len(message):
                raise ValueError(f"field {number} is cut off")
            value, at = message[at : at + length], at + length
        else:
            raise ValueError(f"field {number} has the wire type {wire}")
        yield number, value


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Returns a varint and the position after it."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80 and value < 1 << 63:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 63 bits")
