"""Latency tables: milliseconds by the name of a layer or block; read from files, or measured here.

Which layer has which name is said elsewhere (``latency``).  Latencies measured on one machine say nothing of another.
"""

from __future__ import annotations

import ast
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, listing, suggest


@final
class LatencyTable:
    """Latencies by key.

    >>> table = LatencyTable({"conv-3": 1.5, "conv-5": 2.0})
    >>> table["conv-5"], len(table)
    (2.0, 2)

    Args:
      entries: by key, milliseconds.
      path: the file that they are from, for messages.
    """

    def __init__(self, entries: Mapping[str, float], *, path: str = "") -> None:
        given: Mapping[Any, Any] = entries
        for key, value in given.items():
            if (
                not isinstance(key, str)
                or not isinstance(value, (int, float))
                or not 0 <= value < float("inf")
            ):
                raise FieldTypeError(
                    f"a latency table leads from text to milliseconds, 0 or more; got {key!r:.80}: {value!r:.80}."
                )
        self.entries, self.path = dict(entries), path

    def __getitem__(self, key: str) -> float:
        """Returns the milliseconds of a key.

        Raises:
          FieldValueError: there is no such key; the nearest is named.
        """
        found = self.entries.get(key)
        if found is None:
            where = f"the latency table {self.path}" if self.path else "this latency table"
            raise FieldValueError(
                f"{where} has no entry {key!r}{suggest(key, self.entries) or '.'} It has {len(self)}: "
                f"{listing(self.entries, 3)}."
            )
        return found

    def __len__(self) -> int:
        return len(self.entries)

    def save(self, path: str | Path) -> None:
        """Writes the table as a JSON file, ``{key: milliseconds}``."""
        Path(path).write_text(json.dumps(self.entries, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(
        cls, path: str | Path, *, key: str = "key", value: str = "mean_ms", **where: Any
    ) -> LatencyTable:
        """Reads a table.

        Args:
          path: a ``.json`` file, ``{key: milliseconds}``, or an ``.npz`` file with a row per entry.
          key: in the latter, the column of keys.
          value: the column of milliseconds.
          **where: rows to take: by column, the value that it has; ``resolution=160``, say.

        Raises:
          LoadError: it is no such file, it has no such column, or no such row.
        """
        file = Path(path)
        try:
            text = file.read_bytes()
            if file.suffix == ".json":
                entries = json.loads(text)
                if not isinstance(entries, dict):
                    raise ValueError("no JSON object")
                return cls(entries, path=str(file))
            columns = _read_columns(file)
        except (OSError, ValueError, zipfile.BadZipFile, struct.error, SyntaxError, KeyError) as error:
            raise LoadError(
                f'{file} is no latency table: {error}. Expected: a .json file such as {{"conv-3": 1.5}}, in milliseconds, or an '
                f".npz file with a column of keys ({key!r}) and one of milliseconds ({value!r})."
            ) from error
        for name in (key, value, *where):
            if name not in columns:
                raise LoadError(
                    f"{file} has no column {name!r}{suggest(name, columns) or '.'} Its columns: {', '.join(columns)}."
                )
        found: dict[str, float] = {}
        for i, (name, number) in enumerate(zip(columns[key], columns[value])):
            if all(columns[column][i] == wanted for column, wanted in where.items()):
                if name in found:
                    raise LoadError(
                        f"{file} has several rows with the key {name!r}. Say which to take by another column, as in "
                        f"`LatencyTable.load(path, resolution=160)`. Its columns: {', '.join(columns)}."
                    )
                found[name] = float(number)
        if not found:
            raise LoadError(
                f"{file} has no row with {', '.join(f'{k}={v!r}' for k, v in where.items())}. There is: "
                + "; ".join(f"{k} {listing(sorted(set(columns[k])), 24)}" for k in where)
                + "."
            )
        return cls(found, path=str(file))

    def __repr__(self) -> str:
        return f"LatencyTable({len(self)} entries{f' of {self.path}' if self.path else ''})"


def _read_columns(file: Path) -> dict[str, list[Any]]:
    """Reads the columns of an ``.npz`` file, without NumPy, which is no part of what this package needs."""
    with zipfile.ZipFile(file) as archive:
        return {
            name.removesuffix(".npy"): _read_column(archive.read(name))
            for name in archive.namelist()
            if name.endswith(".npy")
        }


def _read_column(data: bytes) -> list[Any]:
    if data[:6] != b"\x93NUMPY":
        raise ValueError("a part of it is no NumPy array")
    wide = data[6] > 1
    start = 12 if wide else 10
    (size,) = struct.unpack_from("<I" if wide else "<H", data, 8)
    header = ast.literal_eval(data[start : start + size].decode("latin1"))
    kind, (count,) = header["descr"], header["shape"]
    body = data[start + size :]
    if kind[1] == "S":
        width = int(kind[2:])
        return [body[i * width : (i + 1) * width].rstrip(b"\0").decode() for i in range(count)]
    if kind[1] == "U":
        width = 4 * int(kind[2:])
        code = "utf-32-be" if kind[0] == ">" else "utf-32-le"
        return [body[i * width : (i + 1) * width].decode(code).rstrip("\0") for i in range(count)]
    letters = {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "u4": "I", "u8": "Q"}
    letter = {**letters, "f2": "e", "f4": "f", "f8": "d", "b1": "?"}[kind[1:]]
    return list(struct.unpack_from(f"{'>' if kind[0] == '>' else '<'}{count}{letter}", body))
