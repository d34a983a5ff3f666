"""Frozen dataclasses as JSON files: the settings of jobs, the state of proxy tools.  A file is written whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pliant.values.errors import quote
from pliant.values.files import write_atomically
from pliant.values.lines import read_json

from .errors import NasError

VERSION = 1
Record = TypeVar("Record")


def write_record(path: Path, record: Any) -> None:
    """Writes a dataclass as a JSON file, in place of the one before.

    Raises:
      NasError: the file cannot be written.
    """
    write_file(path, json.dumps({"version": VERSION, **dataclasses.asdict(record)}, indent=2) + "\n")


def read_record(path: Path, kind: type[Record], what: str) -> Record:
    """Returns the dataclass that ``write_record`` wrote.

    Args:
      path: of the file.
      kind: the dataclass.
      what: its content for messages, such as "the settings of a NAS job".

    Raises:
      NasError: the file is missing, damaged, or of a newer version.
    """
    try:
        data: Any = read_json(path.read_text("utf-8", "replace"))
        version = data.pop("version")
        if version == VERSION:
            return _decode(kind, data)  # type: ignore[no-any-return]  # it decodes to `kind`
    except OSError as error:
        raise NasError(
            f"{str(path.parent)!r} does not have {what}: no {path.name} ({error.strerror}). Give the folder of a job that was "
            "started, or start a new one."
        ) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NasError(
            f"{str(path)!r} does not hold {what}: {type(error).__name__}: {error}. Start again in another folder."
        ) from error
    raise NasError(
        f"{str(path)!r} has version {quote(version, 20)}; this Pliant reads version {VERSION}. Update Pliant."
    )


def _decode(hint: Any, data: Any) -> Any:
    """Returns JSON data as the annotated type: dataclasses, named tuples, tuples of any length, optional ones."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return None if data is None else _decode(inner[0], data)
    if origin is tuple:
        return tuple(_decode(inner[0], one) for one in data)
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        return hint(**{name: _decode(hints[name], value) for name, value in data.items()})  # type: ignore[operator]  # a class
    if origin is Mapping:
        return dict(data)
    return hint(*data) if isinstance(hint, type) and issubclass(hint, tuple) else data


def write_file(path: Path, text: str) -> None:
    """Writes a file atomically and durably; a link in its place is replaced and not followed."""
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text, mode=0o644)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an ``OSError`` within into one that names the output folder."""
    try:
        yield
    except OSError as error:
        raise NasError(
            f"the output folder {os.fspath(path)!r} cannot be written: {error.strerror or error} ({error.filename or path}). Make "
            "room, or give another folder. What is recorded is kept; `pliant nas resume` continues from it."
        ) from error
