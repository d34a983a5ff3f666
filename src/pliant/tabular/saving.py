"""Writes a ``TablePredictor`` to one file and reads it: an ``.npz`` archive of weights with one text in JSON, without pickle.

A file is data: sizes are checked before memory is used, programs are of registered classes, and weights must fit them.
"""

from __future__ import annotations

import io
import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import pliant.zoo.tabular  # noqa: F401  # registers the classes of programs
from pliant.symbolic.json.documents import from_json, to_json
from pliant.values.errors import LoadError, PliantError, quote
from pliant.values.files import write_atomically
from pliant.values.npz import Column as Stored
from pliant.values.npz import read_columns

from .columns import Column
from .encoding import Encoder
from .entry import Entry
from .predictor import Member, TablePredictor
from .scaling import Scale
from .target import Target
from .training.trained import make_network

FORMAT, VERSION = "pliant.tabular", 1
_TEXT = "predictor"
_DTYPES = ("float32", "float64", "int64", "bool")
_FAULTS = (
    PliantError,
    KeyError,
    TypeError,
    ValueError,
    RuntimeError,
    AttributeError,
    IndexError,
    RecursionError,
)


def save(predictor: TablePredictor, path: Path) -> None:
    """Writes a predictor to a file; an existing one is replaced when the new one is complete."""
    write_atomically(path, to_bytes(predictor))


def load(path: Path) -> TablePredictor:
    """Returns the predictor in a file.

    Raises:
      OSError: the file cannot be read.
      LoadError: it is not a predictor, or it is damaged.
    """
    advice = (
        "Give a file that `pliant tabular fit` or TablePredictor.save wrote; if it was one, make it again."
    )
    try:
        return _read(read_columns(path))
    except OSError as error:
        if error.errno is not None:
            raise
        raise LoadError(f"{path.name!r} is not a saved predictor: {error}. {advice}") from error
    except _FAULTS as error:
        raise LoadError(
            f"{path.name!r} is not a saved predictor, or it is damaged: {_say(error)}. {advice}"
        ) from error


def _say(error: BaseException) -> str:
    text = str(error).splitlines()[0].rstrip(".") if str(error) else ""
    return text if isinstance(error, PliantError) else f"{type(error).__name__}: {text}"


def to_bytes(predictor: TablePredictor) -> bytes:
    """Returns the content of the file of a predictor."""
    arrays = {}
    for place, member in enumerate(predictor.members):
        for name, value in member.network.state_dict().items():
            arrays[f"{place}/{name}"] = value.numpy()
    data = {
        "format": FORMAT,
        "version": VERSION,
        "columns": [asdict(column) for column in predictor.encoder.columns],
        "target": asdict(predictor.target),
        "members": [{"share": one.share, "program": to_json(one.program)} for one in predictor.members],
        "score": predictor.score,
        "leaderboard": [asdict(entry) for entry in predictor.leaderboard],
        "notes": predictor.notes,
    }
    text = np.frombuffer(json.dumps(data).encode(), np.uint8)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{_TEXT: text, **arrays})
    return buffer.getvalue()


def from_bytes(content: bytes) -> TablePredictor:
    """Returns the predictor in the content of a file; see ``load``."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "predictor")
        file.write_bytes(content)
        return load(file)


def _read(columns: Mapping[str, Stored | None]) -> TablePredictor:
    text = columns.get(_TEXT)
    if text is None or text.dtype.lstrip("<>|=") != "u1":
        raise LoadError(f"it has no part {_TEXT!r}")
    data = json.loads(text.data)
    if data["format"] != FORMAT or type(data["version"]) is not int:
        raise LoadError("it has another format")
    if data["version"] > VERSION:
        raise LoadError(
            f"a newer Pliant wrote it, with version {data['version']} of the format; this one reads up to {VERSION}"
        )
    encoder = Encoder(tuple([_read_column(one) for one in data["columns"]]))
    target = _tupled(Target, data["target"])
    members = [_read_member(place, one, columns) for place, one in enumerate(data["members"])]
    if not members:
        raise LoadError("it has no network")
    predictor = TablePredictor(
        encoder,
        target,
        tuple(members),
        float(data["score"]),
        tuple([_read_entry(one) for one in data["leaderboard"]]),
        tuple(map(str, data["notes"])),
    )
    _check(predictor)
    return predictor


def _tupled(cls: Any, data: dict[str, Any]) -> Any:
    """Returns a frozen record; lists of JSON are tuples in it."""
    return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})


def _read_entry(data: dict[str, Any]) -> Entry:
    entry = Entry(**data)
    numbers: list[Any] = [entry.trial, entry.epochs, entry.parameters, entry.seconds, entry.share]
    numbers += [one for one in (entry.score, entry.predicted) if one is not None]
    if not all(isinstance(one, int | float) and math.isfinite(one) for one in numbers):
        raise LoadError(f"a trial has numbers that are none: {quote(data, 200)}")
    texts: list[Any] = [entry.network, entry.reason, *entry.choices.keys(), *entry.choices.values()]
    if not all(isinstance(one, str) for one in texts):
        raise LoadError(f"a trial has texts that are none: {quote(data, 200)}")
    return entry


def _read_column(data: dict[str, Any]) -> Column:
    scales = [_tupled(Scale, one) for one in data["scales"]]
    for one in scales:
        if not all(
            isinstance(x, float | int) for x in (one.low, one.high, one.center, one.width, *one.knots)
        ):
            raise LoadError(f"a scale of the column {quote(data['name'])} is not of numbers")
    column: Column = _tupled(Column, {**data, "scales": scales})
    return column


def _read_member(place: int, data: dict[str, Any], columns: Mapping[str, Stored | None]) -> Member:
    program = from_json(data["program"])
    prefix = f"{place}/"
    state = {
        name.removeprefix(prefix): torch.from_numpy(_to_array(name, column))
        for name, column in columns.items()
        if name.startswith(prefix) and column is not None
    }
    with torch.device("meta"):  # without memory: a program of few letters can declare any size
        network = make_network(program, 0)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    if shapes != {name: tuple(value.shape) for name, value in state.items()}:
        raise LoadError(f"the weights of network {place + 1} do not fit its program")
    network.load_state_dict(state, assign=True)
    share = float(data["share"])
    if not 0 < share <= 1:
        raise LoadError(f"network {place + 1} has the share {share}, not one above 0 and up to 1")
    return Member(program, network.requires_grad_(requires_grad=False).eval(), share)


def _to_array(name: str, column: Stored) -> NDArray[Any]:
    dtype = np.dtype(column.dtype)
    if dtype.name not in _DTYPES:
        raise LoadError(f"the weights {quote(name)} are of type {dtype.name}")
    found: NDArray[Any] = np.frombuffer(column.data, dtype)
    return found.reshape(column.shape, order="F" if column.is_fortran else "C").copy()


def _check(predictor: TablePredictor) -> None:
    """Raises an error unless the networks predict a row of missing values."""
    from .table import Table, to_objects

    empty = {column.name: to_objects([None]) for column in predictor.encoder.used}
    found = predictor.predict(Table(empty))
    if len(found) != 1:
        raise LoadError("its networks do not suit its columns")
