"""Names of types and functions in JSON: written for those that can be found again, and found without running code.

A type or function is found if its module has been imported and defines it itself (a name that a module imports from another
does not count).  Of Python's standard library only types that hold values, and functions without effects, are found; of installed packages
only functions that ``allow_functions`` names.
"""

from __future__ import annotations

import builtins
import inspect
import math
import sys
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pliant.values.errors import FieldTypeError, FieldValueError, quote

_OURS: Final = "pliant.pyglove."
_PLACES: Final = {"evolution": "ext", "scalars": "ext", "early_stopping": "ext", "mutfun": "ext"}
_SPECIAL: Final[dict[str, Any]] = {
    "builtins.NoneType": type(None), "builtins.Ellipsis": ..., "builtins.ellipsis": ..., "typing.Any": Any,
}  # fmt: skip
_VALUE_MODULES: Final = {
    "builtins",
    "typing",
    "collections",
    "collections.abc",
    "datetime",
    "decimal",
    "fractions",
    "enum",
}
_PURE: Final = {
    name: getattr(builtins, name)
    for name in (
        "abs all any ascii bin callable chr divmod format hash hex id input isinstance issubclass iter len max min next oct "
        "ord pow print repr round sorted sum"
    ).split()
}
_allowed: Final[set[Any]] = set()
_OPAQUE: Final = "pyglove.core.utils.json_conversion._OpaqueObject"
_MOST_ARGUMENTS: Final = 4


def type_name(cls: type[Any], *, all_names: bool = False) -> list[str]:
    """Returns the names of a class in JSON: its ``__serialization_key__``, else the name that PyGlove has for it, and its own.

    >>> from pliant.pyglove.values.missing import MissingValue
    >>> type_name(MissingValue)
    ['pyglove.core.utils.missing.MissingValue']
    """
    own = f"{cls.__module__}.{cls.__qualname__}"
    chosen = cls.__dict__.get("__serialization_key__")
    if isinstance(chosen, str):
        return [chosen, own] if all_names else [chosen]
    if not own.startswith(_OURS):
        return [own]
    folder, _, rest = own.removeprefix(_OURS).partition(".")
    theirs = f"pyglove.{_PLACES.get(folder, 'core')}.{'utils' if folder == 'values' else folder}.{rest}"
    return [theirs, own] if all_names else [theirs]


def _translate(name: str) -> str:
    """Returns the name here of one of PyGlove's classes."""
    parts = [p for p in name.split(".")[1:] if p not in ("core", "ext")]
    return _OURS + ".".join({"utils": "values", "object_utils": "values"}.get(p, p) for p in parts)


def split_name(name: str) -> tuple[Any, str] | None:
    """Returns the imported module that a name begins with, and the rest of the name; None if there is none."""
    parts = name.split(".")
    for i in range(len(parts) - 1, 0, -1):
        module = sys.modules.get(".".join(parts[:i]))
        if module is not None:
            return module, ".".join(parts[i:])
    return None


def _walk(name: str) -> Any:
    """Returns what an imported module has under a name, None if nothing; only looks into modules' and classes' own names."""
    found = split_name(name)
    if found is None:
        return None
    node, rest = found
    for part in rest.split("."):
        if not isinstance(node, (types.ModuleType, type)):
            return None
        node = vars(node).get(part)
    return node


def _is_defined_at(value: Any, name: str) -> bool:
    return f"{getattr(value, '__module__', None)}.{getattr(value, '__qualname__', None)}" == name


def find_class(name: str) -> type[Any] | None:
    """Returns the class of this full name, if its module has been imported and defines it; else None.

    >>> find_class("builtins.int"), find_class("subprocess.Popen")
    (<class 'int'>, None)
    """
    module = name.partition(".")[0]
    if module == "pyglove":
        name = _translate(name)
    found = _walk(name)
    if not isinstance(found, type):
        return None
    if name.startswith(_OURS) and found.__module__.startswith(_OURS):
        return found
    if not _is_defined_at(found, name):
        return None
    if module in sys.stdlib_module_names and module != "__main__" and found.__module__ not in _VALUE_MODULES:
        return None
    return found


def _find_function(name: str) -> Any:
    module = name.partition(".")[0]
    if module == "builtins":
        plain = name.removeprefix("builtins.")
        return _PURE.get(plain) or (
            getattr(builtins, plain) if plain in {"zip", "map", "filter", "range"} else None
        )
    if module == "math":
        return getattr(math, name.removeprefix("math."), None)
    found = _walk(name)
    if isinstance(found, staticmethod):
        found = found.__func__
    if not isinstance(found, types.FunctionType) or not _is_defined_at(found, name):
        return None
    return found if found in _allowed or _is_of_the_program(found) else None


def _is_of_the_program(function: types.FunctionType) -> bool:
    """Returns whether a function is neither of the standard library nor of an installed package."""
    if function.__module__.partition(".")[0] in sys.stdlib_module_names - {"__main__"}:
        return False
    file = Path(function.__code__.co_filename)
    return not {"site-packages", "dist-packages"}.intersection(file.parts)


def allow_functions(*functions: Any) -> None:
    """Lets JSON name functions of installed packages; those of the program's own modules may be named anyway.

    >>> import json
    >>> allow_functions(json.dumps)
    >>> _find_function("json.dumps") is json.dumps
    True
    """
    _allowed.update(functions)


class Forms:
    """The JSON forms of types, functions and methods."""

    _KINDS: Final = ("type", "function", "method", _OPAQUE)

    @classmethod
    def has(cls, name: Any) -> bool:
        """Returns whether ``_type`` names one of these forms."""
        return isinstance(name, str) and name in cls._KINDS

    @classmethod
    def write(cls, value: Any, to_json: Callable[[Any], Any]) -> dict[str, Any] | None:
        """Returns the form of a type, annotation, function or method; None for other values.

        Raises:
          FieldValueError: it cannot be found again by its name.
          NotImplementedError: a class with more than four type arguments.
        """
        if isinstance(value, type) and typing.get_origin(value) is None:
            if "<locals>" in value.__qualname__:
                raise FieldValueError(
                    f"Cannot convert local class {quote(value)} to JSON. Define it at the top of a module."
                )
            return {"_type": "type", "name": f"{value.__module__}.{value.__qualname__}"}
        if value is ...:
            return {"_type": "type", "name": "builtins.Ellipsis"}
        if inspect.ismethod(value):
            return cls._write_method(value)
        if inspect.isfunction(value) or inspect.isbuiltin(value):
            return cls._write_function(value)
        return cls._write_annotation(value, to_json)

    @staticmethod
    def _write_function(value: Any) -> dict[str, Any]:
        name = f"{value.__module__}.{value.__qualname__}"
        if "<" in name:
            raise FieldValueError(
                f"Cannot convert local function or lambda {quote(value)} to JSON: its code would have to be run when it is read. "
                "Define it at the top of a module."
            )
        return {"_type": "function", "name": name}

    @staticmethod
    def _write_method(value: Any) -> dict[str, Any]:
        if not isinstance(value.__self__, type):
            raise FieldValueError(
                f"Cannot convert instance method {quote(value)} to JSON. Use a function, a static method or a class method."
            )
        owner = value.__self__
        return {"_type": "method", "name": f"{owner.__module__}.{owner.__qualname__}.{value.__name__}"}

    @staticmethod
    def _write_annotation(value: Any, to_json: Callable[[Any], Any]) -> dict[str, Any] | None:
        if isinstance(value, types.UnionType):
            value = typing.Union[value.__args__]  # noqa: UP007  # built from a tuple
        origin, args = typing.get_origin(value), typing.get_args(value)
        if value is Any:
            return {"_type": "type", "name": "typing.Any"}
        if origin is None:
            if getattr(type(value), "__module__", "") == "typing":
                raise FieldValueError(
                    f"Annotation cannot be converted to JSON: {quote(value)}. Use a class, or typing.Any."
                )
            return None
        if type(value).__module__ == "typing":
            name = "Annotated" if hasattr(value, "__metadata__") else (getattr(value, "_name", None) or "")
            if origin is typing.Union:
                name = "Union"
            if not name:  # a user's generic class
                name = f"{origin.__module__}.{origin.__qualname__}"
                if len(args) > _MOST_ARGUMENTS:
                    raise NotImplementedError(
                        f"Cannot convert generic type with more than 4 type arguments to JSON: {quote(value)}. "
                        "Define a subclass with these arguments, and use that."
                    )
            else:
                name = f"typing.{name}"
        else:
            name = f"{origin.__module__}.{origin.__qualname__}"
        if not args:
            return {"_type": "type", "name": name}
        return {"_type": "type", "name": name, "args": to_json(tuple(args))}

    @classmethod
    def read(cls, data: dict[str, Any], from_json: Callable[[Any], Any]) -> Any:
        """Returns the type or function of a form.

        Raises:
          FieldTypeError: it is not found.
          FieldValueError: only running code from the data could read it.
        """
        kind, name = data["_type"], data.get("name")
        if kind == _OPAQUE:
            raise FieldValueError(
                "Cannot decode opaque object with pickle. Reading it could run any code; "
                "save the object with a class that is a pg.JSONConvertible."
            )
        if not isinstance(name, str):
            raise FieldValueError(f"The form of a {kind} has no name: {quote(data)}. It is damaged.")
        if kind == "type":
            return cls._read_type(name, data, from_json)
        if "code" in data:
            raise FieldValueError(
                f"The function {quote(name)} is stored as code, and reading it would run code from the data. "
                "Store functions that are defined at the top of a module."
            )
        found = _find_function(name) if kind == "function" else cls._read_method(name)
        if found is None:
            raise FieldTypeError(
                f"Cannot load function {quote(name)}. Import the module that defines it; a function of an installed package "
                "or of the standard library is read after allow_functions(function) of pliant.pyglove.values."
            )
        return found

    @staticmethod
    def _read_method(name: str) -> Any:
        owner, _, method = name.rpartition(".")
        cls = find_class(owner)
        return (
            getattr(cls, method)
            if cls is not None and isinstance(vars(cls).get(method), classmethod)
            else None
        )

    @staticmethod
    def _read_type(name: str, data: dict[str, Any], from_json: Callable[[Any], Any]) -> Any:
        found = _SPECIAL.get(name)
        if found is None and name.startswith("typing."):
            found = getattr(typing, name.removeprefix("typing."), None)
        if found is None:
            found = find_class(name)
        if found is None:
            raise FieldTypeError(f"Cannot load type {quote(name)}. Import the module that defines it.")
        if "args" not in data:
            return found
        args = from_json(data["args"])
        if found is typing.Callable and isinstance(args, tuple) and len(args) == 2:
            return typing.Callable[args[0], args[1]]
        return found[args if len(args) > 1 else args[0]]
