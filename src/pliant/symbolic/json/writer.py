"""Writer: converts a tree to JSON data in the form of ``json.form``."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterable, Mapping
from math import isfinite
from types import BuiltinFunctionType, FunctionType
from typing import Any, final

from pliant.values.errors import FieldTypeError, PliantError, quote
from pliant.values.missing import MISSING_VALUE
from pliant.values.registry import registered, type_name

from ..read.text import fields, one_line
from ..tree.leaf import Ref
from ..tree.node import Node, children, is_dataclass
from .form import AS_IS, TUPLE, Fault, at_key, origin
from .leaves import find_form

_LONG = 1 << 2048  # Python does not read longer decimals (sys.set_int_max_str_digits)
_NEGATIVE = -_LONG
_FUNCTIONS = (FunctionType, BuiltinFunctionType)


@final
class Writer:
    """One run of ``to_json``; raises ``Fault`` or FieldTypeError for values without a JSON form."""

    __slots__ = ("hide", "names")

    def __init__(self, *, hide: bool) -> None:
        self.hide = hide
        self.names: dict[type, str] = {}

    def write(self, value: Any) -> Any:
        """Returns any value as JSON data."""
        cls = value.__class__
        if cls in AS_IS:
            return value
        if cls in self.names:
            return self.write_object(value, cls)
        if cls is int:
            return value if _NEGATIVE < value < _LONG else {"_type": "int", "value": hex(value)}
        if cls is float:
            return value if isfinite(value) else {"_type": "float", "value": repr(value)}
        if isinstance(value, dict) and (cls is dict or isinstance(value, Node)):
            return self.write_dict(value)
        if isinstance(value, list) and (cls is list or isinstance(value, Node)):
            items = self.write_items(value._sym_values() if isinstance(value, Node) else value)
            return {"_type": "list", "items": items} if items and items[0] == TUPLE else items
        if isinstance(value, Node):
            return self.write_object(value, cls)
        if cls is tuple:
            return [TUPLE, *self.write_items(value)]
        return self.write_other(value, cls)

    def write_items(self, values: Any) -> list[Any]:
        """Returns the items of a list or tuple."""
        write = self.write
        items: list[Any] = []
        try:
            for value in values:
                cls = value.__class__
                if cls in AS_IS or (cls is int and _NEGATIVE < value < _LONG):
                    items.append(value)
                else:
                    items.append(write(value))
        except (Fault, PliantError) as error:
            raise at_key(error, len(items)) from None
        return items

    def write_dict(self, value: Mapping[Any, Any]) -> Any:
        """Returns a dict; as a list of pairs if a key is not text, or the dict looks like another form."""
        items = value.items() if getattr(value, "_sym_refs", None) is None else children(value) or ()
        if "_type" in value or not all(key.__class__ is str for key, _ in items):
            pairs = [(self.write(k), k, v) for k, v in items if v is not MISSING_VALUE]
            return {
                "_type": "dict",
                "items": [[key, self.write_fields({}, ((k, v),))[k]] for key, k, v in pairs],  # type: ignore[index]  # any key
            }
        return self.write_fields({}, items)

    def write_object(self, node: Any, cls: type) -> Any:
        """Returns an object: the name of its class, and its fields."""
        name = self.names.get(cls)
        if name is None:
            name = self.names[cls] = _storable_name(cls)
        keys = node._sym_keys()
        pairs: Iterable[tuple[str, Any]]
        pairs = fields(node, hide_default_values=True) if self.hide else zip(keys, node._sym_values())
        if node._sym_unset:  # default values without a JSON form
            pairs = [(k, v) for k, v in pairs if v is not node._sym_unset.get(k, MISSING_VALUE)]
        if "_type" in keys:
            present = {k: v for k, v in pairs if v is not MISSING_VALUE}
            return {"_type": "object", "name": name, "fields": self.write_dict(present)}
        return self.write_fields({"_type": name}, pairs)

    def write_fields(self, made: dict[str, Any], pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
        """Adds the values that are not missing to ``made``, and returns it."""
        write = self.write
        key: Any = None
        try:
            for key, value in pairs:
                cls = value.__class__
                if (
                    cls in AS_IS
                    or (cls is float and isfinite(value))
                    or (cls is int and _NEGATIVE < value < _LONG)
                ):
                    made[key] = value
                elif value is not MISSING_VALUE:
                    made[key] = write(value)
        except (Fault, PliantError) as error:
            raise at_key(error, key) from None
        return made

    def write_other(self, value: object, cls: type) -> Any:
        """Returns a leaf that is not a JSON value."""
        leaf = find_form(value, cls)
        if leaf is not None:
            data = leaf.write(value)
            if leaf.kind is object:
                data = (
                    self.write_items(data) if isinstance(data, list) and cls is not Ref else self.write(data)
                )
            if isinstance(value, (set, frozenset)):
                data.sort(key=repr)  # one text for equal sets
            return {"_type": leaf.name, "value": data}
        if isinstance(value, type):
            return _written_name("type", value)
        if cls in _FUNCTIONS:
            return _written_name("function", value)
        if isinstance(value, enum.Enum):
            form = _written_name("enum", cls)
            if value.name in type(value).__members__:
                return {**form, "member": value.name}
            return {**form, "value": self.write(value.value)}  # a combination of flags
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return self.write_fields({"_type": _storable_name(cls)}, zip(value._fields, value))
        if is_dataclass(value):
            given = [(n, getattr(value, n)) for n, f in cls.__dataclass_fields__.items() if f.init]  # type: ignore[attr-defined]
            return self.write_fields({"_type": _storable_name(cls)}, given)
        for base in (float, int, str):
            if isinstance(value, base):
                return self.write(base(value))
        raise FieldTypeError(
            f"JSON has no form for {one_line(value, max_length=60)} of type {cls.__qualname__}. {_advise(cls)}"
        )


def _advise(cls: Any) -> str:
    """Returns what to store instead of an object of a class without a JSON form."""
    for base in (dict, list, set, frozenset, tuple, bytes):
        if issubclass(cls, base):
            return f"Store `{base.__name__}(value)` instead."
    if hasattr(cls, "columns") and hasattr(cls, "to_dict"):  # a table of pandas
        return "Store `value.to_dict('list')` instead."
    if hasattr(cls, "tolist") and cls is not memoryview:  # arrays and tensors
        return "Store `value.tolist()` instead."
    if issubclass(cls, Iterable) and hasattr(cls, "__len__"):
        return f"Store `{'dict' if issubclass(cls, Mapping) else 'bytes' if cls is memoryview else 'list'}(value)` instead."
    made = "Store what it is made from: numbers, text, lists, the name of a file; and make it in `on_bound`"
    is_foreign = cls.__module__.partition(".")[0] not in {"pliant", *sys.stdlib_module_names}
    if isinstance(cls.__init__, FunctionType) and is_foreign:
        return f"Symbolize its class (`pg.symbolize({cls.__name__})`), so that its arguments are stored. Or: {made[0].lower()}{made[1:]}."
    return f"{made} of a pg.Object."


def _storable_name(cls: Any) -> str:
    """Returns the name of a class or function."""
    if getattr(cls, "__qualname__", None) is None or getattr(cls, "__module__", None) is None:
        raise FieldTypeError(
            f"{quote(cls)} has no name that can be loaded. Symbolize a named function instead."
        )
    cls = getattr(cls, "_sym_stands_for", None) or getattr(cls, "_sym_twin_of", cls)
    name = type_name(cls)
    if "<lambda>" in name or "<object>" in name or ("<locals>" in name and registered(name) is None):
        raise FieldTypeError(
            f"{cls.__qualname__} has no name that can be loaded. Define it by `def` or `class` "
            "at the top of a module."
        )
    return name


def _written_name(kind: str, value: object) -> dict[str, Any]:
    """Returns a class or function by name; marks one whose name stands for its symbolic form."""
    name = _storable_name(value)
    found = registered(name)
    hidden = found is not None and found is not value and origin(found) is value
    return {"_type": kind, "name": name, "origin": True} if hidden else {"_type": kind, "name": name}
