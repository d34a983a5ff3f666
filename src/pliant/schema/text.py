"""Specs ``Str`` (text) and ``Enum`` (one of a list of values)."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterable

from pliant.values.errors import FieldValueError, SchemaError, quote, suggest
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import ROOT, Path

from .value_spec import ValueSpec, same_value

_ATOMS = (str, int, bool, float, type(None), bytes, complex)


def compile_regex(regex: t.Any, owner: str) -> re.Pattern[str]:
    """Returns the compiled pattern.

    Raises:
      SchemaError: not a regular expression; the message shows the position of the error.
    """
    try:
        return re.compile(regex)
    except (re.error, TypeError) as error:
        raise SchemaError(
            f"the regex of {owner} is {quote(regex)}, which is not a regular expression: {error}."
        ) from error


@t.final
class Str(ValueSpec):
    r"""Text, optionally matched from its start by a regular expression.

    End the pattern with ``\Z`` to match the whole text.

    >>> Str(regex="conv").check("conv3x3")
    'conv3x3'
    """

    __slots__ = ("_pattern", "regex")
    _LEAF = True
    regex: str | None
    _pattern: re.Pattern[str] | None

    def __init__(
        self,
        default: object = MISSING_VALUE,
        regex: str | re.Pattern[str] | None = None,
        *,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        """Makes a spec of text.

        Raises:
          SchemaError: ``regex`` is not a regular expression, or the default does not fit.
        """
        pattern = None if regex is None else compile_regex(regex, "a Str")
        self._init(regex=None if pattern is None else pattern.pattern, _pattern=pattern)
        fast = str if pattern is None else None
        super().__init__(default, is_noneable=is_noneable, frozen=frozen, fast=fast)

    def _args(self) -> dict[str, t.Any]:
        return {"regex": self.regex}

    def _check(self, value: object, path: Path) -> t.Any:
        if not isinstance(value, str):
            fix = "Write it in quotes." if isinstance(value, (int, float)) else ""
            raise self._refuse(value, path, fix)
        if self._pattern is not None and not self._pattern.match(value):
            raise self._refuse(value, path, kind=FieldValueError)
        return value

    def _words(self) -> str:
        return "a str" if self.regex is None else f"a str that starts with a match of {self.regex!r}"

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        if not isinstance(base, Str):
            raise self._wider(base, "a str is not allowed there")
        if base.regex is None or base.regex == self.regex:
            return self
        if self.regex is None:
            return t.cast(ValueSpec, self._with(regex=base.regex))
        raise self._wider(
            base, "regular expressions cannot be compared; repeat the one of the base, or omit it"
        )


@t.final
class Enum(ValueSpec):
    """One of a list of values; the default is the first argument, as in PyGlove.

    >>> Enum("relu", ["relu", "swish"]).check("swish")
    'swish'
    >>> Enum(values=["relu", "swish"]).check("rely")
    Traceback (most recent call last):
    ...
    pliant.values.errors.FieldValueError: the value at the root is 'rely' of type str; \
allowed: one of 'relu', 'swish'. Did you mean 'relu'?
    """

    __slots__ = ("_atoms", "values")
    values: tuple[t.Any, ...]
    _atoms: frozenset[tuple[type, t.Any]]  # the plain values, for fast lookup

    def __init__(
        self,
        default: object = MISSING_VALUE,
        values: Iterable[object] = (),
        *,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        """Makes a spec of the listed values; None is allowed when it is among them.

        Raises:
          SchemaError: no values, or the default is not among them.
        """
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise SchemaError(
                f"the values of an Enum must be a list; got {quote(values)}. Write Enum(values=[...])."
            )
        unique: list[t.Any] = []
        for value in values:
            if not any(same_value(value, u) for u in unique):
                unique.append(value)
        if not unique:
            raise SchemaError(
                "an Enum needs at least one value. Write Enum(values=['a', 'b']) or, with a default, Enum('a', ['a', 'b'])."
            )
        if (is_noneable or default is None) and not any(u is None for u in unique):
            unique.append(None)
            default = None if default is MISSING_VALUE else default
        atoms = frozenset((v.__class__, v) for v in unique if v.__class__ in _ATOMS)
        self._init(values=tuple(unique), _atoms=atoms)
        super().__init__(default, is_noneable=self._passes_none(), frozen=frozen)

    def _args(self) -> dict[str, t.Any]:
        return {"values": list(self.values)}

    def check(self, value: object, path: Path = ROOT) -> t.Any:
        cls = value.__class__
        if cls in _ATOMS and (cls, value) in self._atoms and not self.frozen:
            return value
        return super().check(value, path)

    def _check(self, value: object, path: Path) -> t.Any:
        if any(same_value(candidate, value) for candidate in self.values):
            return value
        near = ""
        if isinstance(value, str):
            near = suggest(value, [v for v in self.values if isinstance(v, str)])[2:]
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            numbers = [v for v in self.values if isinstance(v, (int, float)) and not isinstance(v, bool)]
            if value in numbers:  # 2.0 for 2
                return numbers[numbers.index(value)]
        raise self._refuse(value, path, near[:1].upper() + near[1:], kind=FieldValueError)

    def _words(self) -> str:
        shown = ", ".join(quote(v) for v in self.values[:12])
        return f"one of {shown}" + (f" and {len(self.values) - 12} more" if len(self.values) > 12 else "")

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        return self  # all values have been compared with the base already

    def _passes_none(self) -> bool:
        return any(v is None for v in self.values)

    def _values(self) -> tuple[t.Any, ...] | None:
        return (self.default,) if self.frozen else self.values

    @property
    def holds_nodes(self) -> bool:
        """False when all the values are plain numbers and text."""
        return not all(isinstance(v, _ATOMS) for v in self.values)
