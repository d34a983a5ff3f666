"""Reader: converts JSON data in the form of ``json.form`` to a tree.

Names are looked up among registered and allowed classes and functions only.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any, final

from pliant.values.errors import LoadError, MissingFieldError, PliantError, quote
from pliant.values.missing import MISSING_VALUE
from pliant.values.registry import find_type, registered, type_name

from ..read.text import one_line
from ..tree.node import Node
from .form import AS_IS, SYMBOLIZERS, TUPLE, Fault, at_key, origin
from .leaves import FORMS, NAMED, find_scalar_type

_SIMPLE = AS_IS | {int, float}
_PLAIN = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, range, object, NoneType)
_PLAIN_TYPES: dict[str, type] = {type_name(cls): cls for cls in (*_PLAIN, *FORMS, Path)}
"""The classes that need no registration: they are values, and creating one runs no user code."""


@final
class Reader:
    """One run of ``from_json``; raises ``Fault`` or LoadError."""

    __slots__ = ("allow", "classes", "partial")

    def __init__(self, allow: tuple[Any, ...], *, partial: bool) -> None:
        self.allow = allow
        self.partial = partial
        self.classes: dict[str, Any] = {}

    def read(self, data: Any) -> Any:
        """Returns the value of any JSON data."""
        cls = data.__class__
        if cls is dict:
            name = data.get("_type", MISSING_VALUE)
            if name is MISSING_VALUE:
                return self.read_fields(data, {})
            special = _READERS.get(name) if name.__class__ is str else None
            if special is not None:
                return special(self, data)
            made = self.read_fields(data, {})
            del made["_type"]
            return self.build(name, made)
        if cls is list:
            if data and data[0] == TUPLE:
                return tuple(self.read_items(data[1:]))
            return self.read_items(data)
        if cls in AS_IS or cls is int or cls is float:
            return data
        raise LoadError(f"a {cls.__name__} is not JSON data. Pass data from `pg.to_json` to `pg.from_json`.")

    def read_items(self, data: list[Any]) -> list[Any]:
        """Returns the values of the items of a list."""
        made: list[Any] = []
        try:
            for value in data:
                item = value if value.__class__ in _SIMPLE else self.read(value)
                made.append(item)  # an error belongs to the next item
        except (Fault, PliantError) as error:
            raise at_key(error, len(made)) from None
        return made

    def read_fields(self, data: dict[Any, Any], made: dict[Any, Any]) -> dict[Any, Any]:
        """Adds the values of the items of a dict to ``made`` and returns it."""
        key: Any = None
        try:
            for key, value in data.items():
                made[key] = value if value.__class__ in _SIMPLE else self.read(value)
        except (Fault, PliantError) as error:
            raise at_key(error, key) from None
        return made

    def build(self, name: Any, given: dict[str, Any]) -> Any:
        """Returns an object of the class that is stored as ``name``."""
        cls = self.classes.get(name) if name.__class__ is str else None
        if cls is None:
            cls = self.classes[name] = _buildable(self.find(name), name)
        make = getattr(cls, "_sym_build", cls)
        try:
            try:
                return make(**given)
            except MissingFieldError as error:
                if self.partial:
                    return cls.partial(**given)
                raise LoadError(f"{error} Or load it with allow_partial=True.") from error
        except (LoadError, RecursionError):
            raise
        # A registered constructor may raise any error; the message names the path.
        except Exception as error:
            raise LoadError(f"{cls.__name__} rejects the stored arguments: {error}") from error

    def find(self, name: Any) -> Any:
        """Returns the registered or allowed class or function of a name; prefers the symbolic form of a class."""
        found = find_type(name, allow=self.allow)
        symbolic = registered(name)
        return symbolic if symbolic is not None and origin(symbolic) is found else found

    def named(self, data: dict[str, Any]) -> Any:
        """Returns the class or function that ``{"_type": ..., "name": ...}`` names."""
        name = _part(data, "name", str)
        plain = _PLAIN_TYPES.get(name) or find_scalar_type(name)
        if plain is not None:
            return plain
        found = self.find(name)
        return (origin(found) or found) if data.get("origin") is True else found


def _buildable(cls: Any, name: str) -> Any:
    """Returns the class whose objects are stored as ``name``; a foreign class is symbolized."""
    if isinstance(cls, type):
        if issubclass(cls, Node) or hasattr(cls, "__dataclass_fields__") or hasattr(cls, "_fields"):
            return cls
        return SYMBOLIZERS[0](cls)
    raise LoadError(
        f"{name!r} is a function, and not a class of objects. Symbolize it, so that its arguments can be stored."
    )


def _part(data: dict[str, Any], key: str, kind: type) -> Any:
    """Returns one part of a special form."""
    value = data.get(key, MISSING_VALUE)
    if value.__class__ is not kind:
        given = "nothing" if value is MISSING_VALUE else one_line(value, max_length=60)
        raise LoadError(
            f"a stored {quote(data['_type'], 200)} needs {quote(key)} ({_JSON_NAMES[kind]}); got {given}."
        )
    return value


_JSON_NAMES: dict[type, str] = {str: "text", list: "a JSON list", dict: "a JSON object"}


def _read_type(reader: Reader, data: dict[str, Any]) -> Any:
    found = reader.named(data)
    if not isinstance(found, type):
        raise LoadError(f"{quote(data['name'], 200)} is a function, not a class.")
    return found


def _read_function(reader: Reader, data: dict[str, Any]) -> Any:
    found = reader.named(data)
    if isinstance(found, type) or not callable(found):
        raise LoadError(f"{quote(data['name'], 200)} is a class, not a function.")
    return found


def _read_enum(reader: Reader, data: dict[str, Any]) -> Any:
    found = reader.named(data)
    if "value" in data and isinstance(found, type) and issubclass(found, enum.Flag):
        return _convert(data, found, reader.read(data["value"]))
    member = _part(data, "member", str)
    if not (isinstance(found, type) and issubclass(found, enum.Enum)) or member not in found.__members__:
        raise LoadError(f"{quote(data['name'], 200)} is not an enum with a member {quote(member)}.")
    return found[member]


def _read_pairs(reader: Reader, data: dict[str, Any]) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for i, pair in enumerate(_part(data, "items", list)):
        if pair.__class__ is not list or len(pair) != 2:
            raise LoadError(f"item {i} of a stored 'dict' is not a [key, value] pair.")
        key = reader.read(pair[0])
        try:
            hash(key)
        except TypeError as error:
            raise LoadError(
                f"item {i} of a stored 'dict' has a key that cannot be hashed: {error}."
            ) from error
        if key in made:
            raise LoadError(
                f"the key {quote(key)} occurs twice in a stored 'dict', so its value is ambiguous."
            )
        reader.read_fields({key: pair[1]}, made)
    return made


def _read_object(reader: Reader, data: dict[str, Any]) -> Any:
    return reader.build(_part(data, "name", str), reader.read(_part(data, "fields", dict)))


def _value_reader(kind: type, convert: Callable[[Any], Any]) -> Callable[[Reader, dict[str, Any]], Any]:
    """Returns a reader of ``{"_type": ..., "value": ...}``."""

    def read(reader: Reader, data: dict[str, Any]) -> Any:
        if kind is object and "value" in data:
            return _convert(data, convert, reader.read(data["value"]))
        return _convert(data, convert, _part(data, "value", list if kind is object else kind))

    return read


def _convert(data: dict[str, Any], convert: Callable[[Any], Any], value: Any) -> Any:
    """Returns the value for the data of a form."""
    try:
        return convert(value)
    except (
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
        AttributeError,
        OSError,
        ImportError,
        RuntimeError,  # of PyTorch
        MemoryError,
        PliantError,
    ) as error:
        raise LoadError(
            f"{one_line(value, max_length=60)} is not a stored {quote(data['_type'], 200)}: {error}."
        ) from error


_READERS: dict[str, Callable[[Reader, dict[str, Any]], Any]] = {
    "float": _value_reader(str, float),
    "int": _value_reader(str, lambda text: int(text, 16)),
    **{name: _value_reader(form.kind, form.read) for name, form in NAMED.items()},
    "type": _read_type,
    "function": _read_function,
    "enum": _read_enum,
    "list": lambda reader, data: reader.read_items(_part(data, "items", list)),
    "dict": _read_pairs,
    "object": _read_object,
}
