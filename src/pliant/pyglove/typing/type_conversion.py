"""Converters between types, which value specs use: ``register_converter``."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable
from typing import Any, Final

from pliant.pyglove import values
from pliant.values.errors import FieldTypeError, quote

from .inspect import is_generic, is_subclass

Converter = Callable[[Any], Any]


class _Registry:
    """Converters, in the order in which they were registered."""

    def __init__(self) -> None:
        self._converters: list[tuple[Any, Any, Converter]] = []

    def add(self, src: Any, dest: Any, convert: Converter) -> None:
        """Adds a converter; it replaces one between the same types."""
        self._converters = [c for c in self._converters if c[:2] != (src, dest)] + [(src, dest, convert)]

    def find(self, src: Any, dest: Any) -> Converter | None:
        """Returns the converter from a class or its nearest base; None if there is none."""
        for base in getattr(src, "__mro__", (src,)):
            for source, target, convert in self._converters:
                if source is base and is_subclass(target, dest):
                    return convert
        for source, target, convert in self._converters:
            if is_subclass(src, source) and is_subclass(target, dest):
                return convert
        return None


_registry: Final = _Registry()
_JSON_TYPES: Final = (int, float, bool, str, type(None), list, tuple, dict)


def _types(value: Any) -> tuple[Any, ...]:
    types = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(t, type) or is_generic(t) for t in types):
        raise FieldTypeError(
            f"Argument 'src' and 'dest' must be a type or tuple of types. Encountered {quote(value)}."
        )
    return types


def register_converter(src_type: Any, dest_type: Any, convert_fn: Converter) -> None:
    """Registers a function that converts values of one type to another, where a field asks for the other.

    >>> class Celsius:
    ...     def __init__(self, degrees):
    ...         self.degrees = degrees
    >>> register_converter(Celsius, float, lambda t: t.degrees)
    >>> get_converter(Celsius, float)(Celsius(20.0))
    20.0

    Args:
      src_type: the type of the values, or several.
      dest_type: the type of the results, or several.
      convert_fn: the function.

    Raises:
      FieldTypeError: the first two are not types.
    """
    for src in _types(src_type):
        for dest in _types(dest_type):
            _registry.add(src, dest, convert_fn)


def get_converter(src: Any, dest: Any) -> Converter | None:
    """Returns the function that converts values of a type to another (or one of several); None if there is none."""
    for target in dest if isinstance(dest, tuple) else (dest,):
        found = _registry.find(src, target)
        if found is not None:
            return found
    return None


def get_first_applicable_converter(src: Any, dest: Any) -> Converter | None:
    """Returns ``get_converter(src, dest)``."""
    return get_converter(src, dest)


def get_json_value_converter(src: Any) -> Converter | None:
    """Returns the function that converts values of a type to plain JSON values; None if there is none."""
    return get_converter(src, _JSON_TYPES)


def _from_timestamp(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).replace(tzinfo=None)


register_converter(int, float, float)
register_converter(int, dt.datetime, _from_timestamp)
register_converter(dt.datetime, int, lambda moment: calendar.timegm(moment.timetuple()))
register_converter(str, values.KeyPath, values.KeyPath.parse)
register_converter(values.KeyPath, str, lambda path: path.path)
values.JSONConvertible.TYPE_CONVERTER = get_json_value_converter
