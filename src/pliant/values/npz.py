"""Columns of ``.npz`` archives, read without NumPy: checks sizes before it uses memory, and loads no objects.

A header of some bytes can declare any size.  Here an array must be as long as its header says, and an archive must not
expand much more than real tables do.
"""

from __future__ import annotations

import ast
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from .errors import LoadError

FREE_BYTES = 1 << 24  # to which any archive may expand
MAX_ROWS = 1 << 22  # of a column that becomes a list
MAX_RATIO = 100  # of the expanded columns to the archive, beyond that
_MAGIC = b"\x93NUMPY"
_MAX_HEADER = 10_000
_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|[SU][1-9]\d{0,5})")
_FAULTS = (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError)


@final
@dataclass(frozen=True, slots=True)
class Column:
    """An array of an archive: its type as in NumPy (``<f8``, ``|S32``, ``<U5``), shape, order of axes, and values."""

    dtype: str
    shape: tuple[int, ...]
    is_fortran: bool
    data: bytes

    def to_list(self) -> list[Any]:
        """Returns the values of a column of one axis.

        Raises:
          LoadError: it has another number of axes, too many rows, or text that is not UTF-8.
        """
        if len(self.shape) != 1 or self.shape[0] > MAX_ROWS:
            raise LoadError(f"a column has one axis, of at most {MAX_ROWS} rows; got the shape {self.shape}")
        kind, size, order = self.dtype.lstrip("<>|=")[0], int(self.dtype.lstrip("<>|=")[1:]), self.dtype[0]
        count, data = self.shape[0], self.data
        if kind == "S":
            return [_decode(data[i : i + size]) for i in range(0, len(data), size)]
        if kind == "U":
            text = data.decode(_utf32(self.dtype))
            return [text[i : i + size].rstrip("\0") for i in range(0, len(text), size)]
        letters = {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "f2": "e", "f4": "f", "f8": "d", "b1": "?"}
        letter = letters.get(f"{kind}{size}") or letters[f"i{size}"].upper()
        return list(struct.unpack(f"{'>' if order == '>' else '<'}{count}{letter}", data))


def read_columns(file: Path, wanted: Container[str] | None = None) -> dict[str, Column | None]:
    """Returns the arrays of an ``.npz`` archive by name; None for those that are not wanted, which are not read.

    Raises:
      OSError: the file cannot be read.
      LoadError: it is not an archive, an array is damaged or holds objects, or it expands to more than is plausible.
    """
    limit = FREE_BYTES + MAX_RATIO * file.stat().st_size
    found: dict[str, Column | None] = {}
    try:
        with file.open("rb") as stream:
            if stream.read(6) == _MAGIC:
                raise LoadError("it is a single array, as `numpy.save` writes it")
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                if name == info.filename:
                    continue
                if name in found:
                    raise LoadError(f"it has two columns {name!r}")
                found[name] = None
                if wanted is None or name in wanted:
                    limit -= info.file_size
                    if limit < 0 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                        raise LoadError(
                            f"its columns expand to more than {MAX_RATIO} times the size of the file"
                            if limit < 0
                            else f"the column {name!r} is compressed by another method than NumPy's"
                        )
                    with archive.open(info) as member:
                        found[name] = _parse(
                            name, member.read(info.file_size + 1)
                        )  # not all that is compressed
    except LoadError:
        raise
    except _FAULTS as error:
        raise LoadError(f"{type(error).__name__}: {error}") from error
    return found


def _parse(name: str, data: bytes) -> Column:
    wide = data[6:7] > b"\1"
    start = 12 if wide else 10
    size = int.from_bytes(data[8:start], "little")
    if data[:6] != _MAGIC or not 0 < size <= min(_MAX_HEADER, len(data) - start):
        raise LoadError(f"the column {name!r} is not a NumPy array")
    try:
        header = ast.literal_eval(data[start : start + size].decode("latin1").strip())
        dtype, shape, is_fortran = header["descr"], header["shape"], header["fortran_order"] is True
        is_plain = bool(_DTYPE.fullmatch(dtype)) and all(n.__class__ is int and n >= 0 for n in shape)
    except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise LoadError(f"the header of the column {name!r} is damaged") from error
    if not is_plain or shape.__class__ is not tuple or len(shape) > 8 or max(shape, default=0) > len(data):
        raise LoadError(
            f"the column {name!r} is an array of {str(dtype)[:40]!r} and shape {str(shape)[:80]}; allowed are numbers and text "
            "of a fixed length, and no objects, and no axis that is longer than its data"
        )
    width = int(dtype.lstrip("<>|=")[1:]) * (4 if "U" in dtype else 1)
    body, declared = data[start + size :], math.prod(shape) * width
    if len(body) != declared:
        raise LoadError(
            f"the column {name!r} has {len(body)} bytes of values, and its header declares {declared}"
        )
    if "U" in dtype:
        body.decode(_utf32(dtype))
    return Column(dtype, shape, is_fortran, body)


def _utf32(dtype: str) -> str:
    return "utf-32-be" if dtype[0] == ">" else "utf-32-le"


def _decode(text: bytes) -> str:
    try:
        return text.rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise LoadError(f"the text {text[:40]!r} is not UTF-8") from error
