"""``checked``: factories that refuse sizes which make no network, instead of errors inside PyTorch or a wrong network."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from pliant.symbolic.tree.node import Node
from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed
from pliant.values.numbers import to_real, to_whole
from pliant.values.placeholder import Placeholder
from pliant.values.signature import read_signature

Factory = TypeVar("Factory", bound=Callable[..., Any])

_FROM_ZERO: Final = frozenset({"intermediate", "numbers", "edges"})
_MAY_BE_EMPTY: Final = frozenset({"cardinalities"})
_ANY_NUMBER: Final = frozenset({"offsets"})
_PROBABILITIES: Final = frozenset({"dropout", "dropouts"})
_OTHERS: Final = frozenset({"classes", "length", "patch", "resolution", "vocabulary"})  # in `**options`
_NUMBERS: Final = re.compile(
    r"(?:(int|float)|Sequence\[(int|float)\]|(?:Sequence\[)?(tuple\[int(?:, int)*\])\]?)( \| None)?"
)


def checked(**lengths: int) -> Callable[[Factory], Factory]:
    """Decorator of a factory of spaces or networks: checks the arguments that its annotations say are numbers.

    Whole numbers are from 1, of any library (NumPy's become Python's), and no booleans; real numbers are positive and finite;
    lists have items.  Holes and other objects are left as they are.

    >>> @checked(widths=2)
    ... def make(widths: Sequence[int] = (8, 16), *, classes: int = 10) -> str:
    ...     return f"{widths} and {classes}"
    >>> make((4, 8), classes=2)
    '(4, 8) and 2'
    >>> make((4, 8, 16))  # doctest: +ELLIPSIS, +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    pliant.values.errors.FieldValueError: pliant.zoo.sizes.make(widths=...) takes 2 numbers, such as widths=(8, 16); got 3: (4, 8, 16).

    Args:
      **lengths: by argument, how many items a list has.
    """

    def decorate(make: Any) -> Any:
        parameters = read_signature(make).parameters
        name = f"{make.__module__.removeprefix('pliant.')}.{make.__name__}"
        named = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]

        def check(argument: str, value: Any) -> Any:
            parameter = parameters.get(argument)
            if parameter is None:
                return _Check(name, argument, None).read("int", value) if argument in _OTHERS else value
            found = _NUMBERS.fullmatch(str(parameter.annotation))
            if found is None or (value is None and found[4]):
                return value
            rule = _Check(name, argument, parameter.default)
            if found[1]:
                return rule.read(found[1], value)
            if found[2]:
                return rule.read_items(found[2], value, lengths.get(argument))
            width = found[3].count("int")
            is_row = str(parameter.annotation).startswith("tuple")
            return rule.read_items("int", value, width) if is_row else rule.read_rows(value, width)

        @functools.wraps(make)
        def factory(*args: Any, **options: Any) -> Any:
            given = [check(n, v) for n, v in zip(named, args)]
            return make(*given, *args[len(given) :], **{n: check(n, v) for n, v in options.items()})

        return factory

    return decorate


class _Check:
    """Reads the values of one argument of a factory."""

    def __init__(self, factory: str, argument: str, default: Any) -> None:
        self._start = f"{factory}({argument}=...)"
        is_given = isinstance(default, (int, float, tuple))
        self._example = f", such as {argument}={quote(default)}" if is_given else f", such as {argument}=8"
        self._argument = argument

    def read(self, kind: str, value: Any) -> Any:
        """Returns a number as Python's.

        Raises:
          FieldTypeError: it is not a number, or it is a boolean.
          FieldValueError: it is out of range.
        """
        if isinstance(value, (Node, Placeholder)):
            return value
        number: Any = to_whole(value) if kind == "int" else to_real(value)
        least = 0 if self._argument in _FROM_ZERO or kind == "float" else 1
        if self._argument in _PROBABILITIES:
            what, is_valid = "a number from 0 to below 1", number is not None and 0 <= number < 1
        elif kind == "float":
            what, is_valid = "a positive number", number is not None and 0 < number < float("inf")
        elif self._argument in _ANY_NUMBER:
            what, is_valid = "a whole number", number is not None
        else:
            what, is_valid = f"a whole number from {least}", number is not None and number >= least
        if is_valid:
            return number
        error = FieldTypeError if (to_whole if kind == "int" else to_real)(value) is None else FieldValueError
        shown = quote_typed(value) if error is FieldTypeError else quote(value)
        raise error(f"{self._start} takes {what}{self._example}; got {shown}.")

    def read_items(self, kind: str, values: Any, length: int | None) -> Any:
        """Returns a list of numbers as a tuple of Python's.

        Raises:
          FieldTypeError: it is not a list of numbers.
          FieldValueError: its length is wrong, or a number is out of range.
        """
        if isinstance(values, (Node, Placeholder)):
            return values
        items = self._list(values, f"{length or 'a list of'} numbers")
        if length is not None and len(items) != length:
            raise FieldValueError(
                f"{self._start} takes {length} numbers{self._example}; got {len(items)}: {quote(values)}."
            )
        if not items and self._argument not in _MAY_BE_EMPTY:
            raise FieldValueError(f"{self._start} takes one number or more{self._example}; got none.")
        return tuple(self.read(kind, item) for item in items)

    def read_rows(self, rows: Any, length: int) -> Any:
        """Returns a list of rows of whole numbers, as tuples; errors as for ``read_items``."""
        if isinstance(rows, (Node, Placeholder)):
            return rows
        items = self._list(rows, f"rows of {length} numbers")
        if not items:
            raise FieldValueError(f"{self._start} takes one row or more{self._example}; got none.")
        return tuple(self.read_items("int", row, length) for row in items)

    def _list(self, values: Any, what: str) -> Sequence[Any]:
        is_list = isinstance(values, (list, tuple, range)) or (
            hasattr(type(values), "__array__") and getattr(values, "ndim", 0) > 0
        )
        if not is_list:
            raise FieldTypeError(f"{self._start} takes {what}{self._example}; got {quote_typed(values)}.")
        return list(values)
