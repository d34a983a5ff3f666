"""What a row of the official NAS-Bench-101 files holds, read without TensorFlow and without protobuf.

A row is JSON: hash, epochs, adjacency matrix as digits, operations joined by commas, and a ``ModelMetrics`` message in
base64.  The message has ``evaluation_data`` (field 1, repeated messages of doubles: 1 epoch, 2 training seconds, 3 train,
4 validation and 5 test accuracy), ``trainable_parameters`` (2, varint) and ``total_time`` (3, double).
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pliant.values.errors import LoadError

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
    """One training of one cell.

    Attributes:
      hash: of the cell; see ``Graph.fingerprint``.
      epochs: how long it was trained.
      vertices: of the cell.
      parameters: how many are trained.
      evaluations: at the start, half-way and at the end.
    """

    hash: str
    epochs: int
    vertices: int
    parameters: int
    evaluations: tuple[Evaluation, ...]


def parse_row(record: bytes) -> Row:
    """Returns a row of the official file.

    Raises:
      LoadError: it is none.
    """
    try:
        name, epochs, matrix, operations, metrics = json.loads(record)
        vertices = operations.count(",") + 1
        if len(matrix) != vertices**2 or len(name) != 32:
            raise ValueError(f"a matrix of {len(matrix)} digits for {vertices} operations")
        parameters, evaluations = _parse_metrics(base64.b64decode(metrics, validate=True))
        if len(evaluations) < 3:
            raise ValueError(f"{len(evaluations)} evaluations, not three")
        return Row(name, int(epochs), vertices, parameters, evaluations)
    except (ValueError, TypeError, AttributeError, IndexError, struct.error) as error:
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
    if (
        len(message) == _EVALUATION.size
    ):  # as it nearly always is: the five doubles in order, and nothing else
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
      ValueError: the message is cut off, or of a wire type that is no longer in use.
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
    """Returns a varint and the place behind it."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
