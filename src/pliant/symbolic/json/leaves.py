"""JSON forms of leaves: values of the standard library, NumPy and PyTorch that programs contain.

Each form is ``{"_type": name, "value": ...}``; the value may contain other forms.  NumPy and PyTorch are not imported: the program does that before it loads their values.
"""

from __future__ import annotations

import base64
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path as FilePath
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple
from uuid import UUID

from pliant.values.errors import FieldTypeError, LoadError, quote_typed
from pliant.values.path import Path

from ..tree.leaf import Ref, bare


class Form(NamedTuple):
    """How a class is stored: its name, a function from value to data, the type of the data, and the way back.

    Data of type ``object`` are written and read as any other values.
    """

    name: str
    write: Callable[[Any], Any]
    kind: type
    read: Callable[[Any], Any]


def _write_base64(value: Any) -> str:
    return base64.b64encode(value).decode("ascii")


def _read_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _write_moment(value: Any) -> list[Any]:
    """Returns a datetime or time as ISO text, the fold, and the time zone."""
    zone = value.tzinfo
    if zone is not None and not (isinstance(zone, timezone) or _is_zone(type(zone))):
        raise FieldTypeError(
            f"the time zone {quote_typed(zone)} has no JSON form. Use datetime.timezone or zoneinfo.ZoneInfo."
        )
    return [value.replace(tzinfo=None, fold=0).isoformat(), value.fold, zone]


def _is_zone(cls: type) -> bool:
    return cls.__name__ == "ZoneInfo" and cls.__module__ == "zoneinfo"


def _read_zone(name: str) -> Any:
    from zoneinfo import ZoneInfo  # loads much, and few programs need it

    return ZoneInfo(name)


def _moment_reader(cls: Any) -> Callable[[Any], Any]:
    def read(data: list[Any]) -> Any:
        text, fold, zone = data
        return cls.fromisoformat(text).replace(fold=fold, tzinfo=zone)

    return read


def _write_path(value: PurePath) -> list[str]:
    """Returns a file path as its kind and text; a ``Path`` of this system is read as one of the reading system."""
    return ["file" if isinstance(value, FilePath) else type(value).__name__, str(value)]


def _read_path(data: list[Any]) -> Any:
    kinds: dict[str, type[PurePath]] = {
        "file": FilePath,
        "PurePosixPath": PurePosixPath,
        "PureWindowsPath": PureWindowsPath,
    }
    kind, text = data
    return kinds[kind](text)


def _read_fraction(data: Any) -> Fraction:
    """Returns the fraction of two integers, or of text in older files; ``Fraction("1e999999999")`` would fill the memory."""
    numerator, denominator = data if isinstance(data, list) else map(int, f"{data}/1".split("/")[:2])
    return Fraction(numerator, denominator)


def _loaded(name: str) -> Any:
    """Returns a module, if the program has imported it."""
    if name not in sys.modules:
        raise LoadError(f"stored data never causes an import; write `import {name}` before you load it")
    return sys.modules[name]


def _write_torch(value: Any) -> list[Any]:
    """Returns a dtype, device or size of PyTorch as its kind, and text or a list."""
    kind = type(value).__name__
    return [kind, list(value) if kind == "Size" else str(value).removeprefix("torch.")]


def _read_torch(data: list[Any]) -> Any:
    (kind, value), torch = data, _loaded("torch")
    if kind == "Size" and not all(isinstance(n, int) and 0 <= n < 1 << 63 for n in value):
        raise LoadError("a size has integers from 0 that fit into 64 bits")
    if kind != "dtype":
        return {"device": torch.device, "Size": torch.Size}[kind](value)
    found = vars(torch)[value]
    if not isinstance(found, torch.dtype):
        raise LoadError(f"torch.{value} is not a dtype")
    return found


def find_scalar_type(name: str) -> Any:
    """Returns the class of NumPy's scalars that a name such as ``numpy.float32`` stands for, or None."""
    module, _, last = name.rpartition(".")
    found = vars(sys.modules["numpy"]).get(last) if module == "numpy" and module in sys.modules else None
    return found if isinstance(found, type) and issubclass(found, sys.modules["numpy"].generic) else None


def _write_dtype(value: Any) -> Any:
    """Returns a dtype as text, or as a list of fields."""
    if value.hasobject:
        raise FieldTypeError(
            f"the dtype {value} has no JSON form. Store an array of it as a list, `array.tolist()`, and the dtype as text, "
            "`str(dtype)`."
        )
    with suppress(ValueError, TypeError):  # fields in another order, or without names
        data = value.str if value.names is None else [list(field) for field in value.descr]
        if _read_dtype(data) == value:
            return data
    raise FieldTypeError(
        f"the dtype {value} has no JSON form. Store one without gaps, "
        "`numpy.dtype([(name, dtype[name]) for name in dtype.names])`, or, if it has a shape, `dtype.base` and `dtype.shape`."
    )


def _read_dtype(data: Any) -> Any:
    fields = (
        [tuple(tuple(part) if isinstance(part, list) else part for part in field) for field in data]
        if isinstance(data, list)
        else data
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old names of dtypes
        return _loaded("numpy").dtype(fields)


def _write_array(value: Any) -> list[Any]:
    return [_write_dtype(value.dtype), list(value.shape), _write_base64(value.tobytes())]


def _read_array(data: list[Any]) -> Any:
    dtype, shape, text = data
    return _loaded("numpy").frombuffer(_read_base64(text), _read_dtype(dtype)).reshape(shape).copy()


def _write_scalar(value: Any) -> list[Any]:
    """Returns a NumPy number as its dtype and Python's number; other scalars as an array of one item."""
    if (
        value.dtype.kind in "biufc"
        and value.item() is not value
        and not isinstance(value.item(), type(value))
    ):
        return [value.dtype.str, value.item()]
    return _write_array(value.reshape(()))


def _read_scalar(data: list[Any]) -> Any:
    return _read_dtype(data[0]).type(data[1]) if len(data) == 2 else _read_array(data)[()]


FORMS: dict[type, Form] = {
    bytes: Form("bytes", _write_base64, str, _read_base64),
    bytearray: Form("bytearray", _write_base64, str, lambda text: bytearray(_read_base64(text))),
    complex: Form("complex", str, str, complex),
    range: Form("range", lambda v: [v.start, v.stop, v.step], object, lambda bounds: range(*bounds)),
    slice: Form("slice", lambda v: [v.start, v.stop, v.step], object, lambda bounds: slice(*bounds)),
    type(...): Form("ellipsis", lambda v: None, object, lambda data: ...),
    Path: Form("path", str, str, Path.parse),
    set: Form("set", list, object, set),
    frozenset: Form("frozenset", list, object, frozenset),
    date: Form("date", date.isoformat, str, date.fromisoformat),
    datetime: Form("datetime", _write_moment, object, _moment_reader(datetime)),
    time: Form("time", _write_moment, object, _moment_reader(time)),
    timedelta: Form(
        "timedelta", lambda v: [v.days, v.seconds, v.microseconds], list, lambda parts: timedelta(*parts)
    ),
    timezone: Form("timezone", lambda v: list(v.__getinitargs__()), object, lambda parts: timezone(*parts)),
    Decimal: Form("decimal", str, str, Decimal),
    Fraction: Form("fraction", lambda v: [v.numerator, v.denominator], object, _read_fraction),
    UUID: Form("uuid", str, str, UUID),
    PurePath: Form("file_path", _write_path, list, _read_path),
    Ref: Form("ref", bare, object, Ref),  # of a copy of the value
}
_ZONE = Form("zone", str, str, _read_zone)
_DTYPE = Form("dtype", _write_dtype, object, _read_dtype)
_ARRAY = Form("array", _write_array, list, _read_array)
_SCALAR = Form("scalar", _write_scalar, object, _read_scalar)
_TORCH = Form("torch", _write_torch, list, _read_torch)
NAMED = {form.name: form for form in (*FORMS.values(), _ZONE, _DTYPE, _ARRAY, _SCALAR, _TORCH)}


def find_form(value: Any, cls: type) -> Form | None:
    """Returns the form of a value of a class, or None if there is none."""
    if cls in FORMS:
        return FORMS[cls]
    if issubclass(cls, PurePath):
        return FORMS[PurePath]
    if _is_zone(cls):
        return _ZONE
    if cls.__module__ == "torch" and cls.__name__ in ("dtype", "device", "Size"):
        return _TORCH
    if cls.__module__ == "numpy" and hasattr(value, "dtype") and not isinstance(value, (float, int, str)):
        return _ARRAY if cls.__name__ == "ndarray" else _SCALAR
    return (
        _DTYPE
        if any(base.__module__ == "numpy" and base.__name__ == "dtype" for base in cls.__mro__)
        else None
    )
