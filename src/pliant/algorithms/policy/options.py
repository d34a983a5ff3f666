"""Checks of the options of policies and rules.  No defaults: each class says its own."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from math import inf
from typing import Any, TypeVar

from pliant.values.errors import FieldTypeError, FieldValueError, UnknownFieldError, listing, suggest

_Class = TypeVar("_Class", bound=type)


def check_whole(value: Any, name: str, owner: Any, *, lowest: int = 1, highest: int | None = None) -> int:
    """Returns ``value`` when it is a whole number from ``lowest`` to ``highest``; ``owner`` is whose option it is.

    Raises:
      FieldTypeError, FieldValueError: it is not.
    """
    span = f"of at least {lowest}" if highest is None else f"from {lowest} to {highest}"
    where = f"{type(owner).__name__}({name}=...) takes a whole number {span}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldTypeError(f"{where}; got {value!r:.80} of type {type(value).__name__}.")
    if value < lowest or (highest is not None and value > highest):
        raise FieldValueError(f"{where}; got {value}.")
    return value


def check_number(
    value: Any, name: str, owner: Any, *, above: float | None = None, below: float = inf
) -> float:
    """Returns ``value`` when it is a number in [0, below), or in (above, below).

    Raises:
      FieldTypeError, FieldValueError: it is not.
    """
    where = f"{type(owner).__name__}({name}=...)"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FieldTypeError(f"{where} takes a number; got {value!r:.80} of type {type(value).__name__}.")
    if not ((value >= 0.0 if above is None else value > above) and value < below):
        low = "of at least 0" if above is None else f"above {above:g}"
        high = "" if below == inf else f" and below {below:g}"
        raise FieldValueError(f"{where} takes a finite number {low}{high}; got {value!r}.")
    return float(value)


def check_flag(value: Any, name: str, owner: Any) -> bool:
    """Returns ``value`` when it is True or False.

    Raises:
      FieldTypeError: it is neither.
    """
    if not isinstance(value, bool):
        raise FieldTypeError(
            f"{type(owner).__name__}({name}=...) takes True or False; got {value!r:.80} of type {type(value).__name__}."
        )
    return value


def refuse_unknown(cls: _Class) -> _Class:
    """Decorates a class with many options: one that it does not have is refused with the nearest that it has.

    ``help`` and ``inspect.signature`` show the constructor as it was declared.

    >>> from dataclasses import dataclass
    >>> @refuse_unknown
    ... @dataclass(kw_only=True)
    ... class Adam:
    ...     learning_rate: float = 1e-3
    >>> Adam(learning_rte=0.1)
    Traceback (most recent call last):
      ...
    pliant.values.errors.UnknownFieldError: Adam has no option 'learning_rte'; did you mean 'learning_rate'? ...

    Raises:
      UnknownFieldError: from the constructor: there is no such option.
    """
    make: Any = cls.__init__  # type: ignore[misc]  # of this very class, which its subclasses extend
    names = list(inspect.signature(make).parameters)[1:]

    @wraps(make)
    def build(self: Any, *given: Any, **options: Any) -> None:
        for name in options:
            if name not in names:
                near = suggest(name, names) or "."
                raise UnknownFieldError(
                    f"{type(self).__name__} has no option {name!r}{near} Its options: {listing(names, 20)}."
                )
        make(self, *given, **options)

    cls.__init__ = build  # type: ignore[misc]
    return cls


def show(owner: Any) -> str:
    """Returns how ``owner`` was made, as far as it keeps the arguments of its constructor."""
    names = [name for name in inspect.signature(type(owner)).parameters if hasattr(owner, name)]
    return f"{type(owner).__name__}({', '.join(f'{name}={getattr(owner, name)!r}' for name in names)})"


@contextmanager
def options_of(recipe: str, part: str) -> Iterator[None]:
    """Names ``recipe``, which was called, in errors about options that it hands to ``part``."""
    try:
        yield
    except (FieldTypeError, FieldValueError) as error:
        raise type(error)(str(error).replace(f"{part}(", f"{recipe}(", 1)) from None
