"""Checks of constructor options that algorithms, operators and rules share, with messages that name the option."""

from __future__ import annotations

from functools import wraps
from math import inf
from typing import Any, TypeVar

from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    UnknownFieldError,
    listing,
    quote_typed,
    suggest,
)
from pliant.values.numbers import to_real, to_whole
from pliant.values.signature import read_signature

_Class = TypeVar("_Class", bound=type)


def check_count(value: object, name: str, owner: object, *, least: int = 1, most: int | None = None) -> int:
    """Returns ``value`` when it is an integer from ``least`` to ``most``.

    ``owner`` is the object that has the option ``name``, or its name.

    Raises:
      FieldTypeError, FieldValueError: it is not.
    """
    span = f"of at least {least}" if most is None else f"from {least} to {most}"
    where = f"{_name(owner)}({name}=...) takes an integer {span}"
    count = to_whole(value)
    if count is None:
        raise FieldTypeError(f"{where}; got {quote_typed(value)}.")
    if count < least or (most is not None and count > most):
        raise FieldValueError(f"{where}; got {count}.")
    return count


def check_number(
    value: object,
    name: str,
    owner: object,
    *,
    least: float = 0.0,
    above: float | None = None,
    most: float | None = None,
    below: float = inf,
) -> float:
    """Returns ``value`` as a float when it is a number in the range that the other arguments give.

    ``owner`` is as for ``check_count``; ``least`` has no effect where ``above`` is given.

    Raises:
      FieldTypeError, FieldValueError: it is not.
    """
    low = f"of at least {least:g}" if above is None else f"above {above:g}"
    if most is not None:
        span = (
            f"a number from {least:g} to {most:g}" if above is None else f"a number {low} and up to {most:g}"
        )
    else:
        low = "" if above is None and least == -inf else f" {low}"
        joint = " and" if low else ""
        span = f"a finite number{low}" + ("" if below == inf else f"{joint} below {below:g}")
    where = f"{_name(owner)}({name}=...) takes {span}"
    number = to_real(value)
    if number is None:
        raise FieldTypeError(f"{where}; got {quote_typed(value)}.")
    is_low = number < least if above is None else number <= above
    if is_low or not -inf < number < below or (most is not None and number > most):
        raise FieldValueError(f"{where}; got {number!r}.")
    return number


def keep_checked(owner: object, name: str, check: Any, **limits: float) -> None:
    """Replaces an option of a dataclass by what ``check_count`` or ``check_number`` returns for it."""
    object.__setattr__(owner, name, check(getattr(owner, name), name, owner, **limits))


def check_part(value: object, kind: type, where: str, example: str) -> Any:
    """Returns ``value`` when it is an instance of ``kind``.

    ``where`` is the argument, such as ``Evolution(survive=...)``; ``example`` is what it takes in words and code, such as
    "an operator, such as `Top(5)`".

    Raises:
      FieldTypeError: it is not.
    """
    if not isinstance(value, kind):
        hint = f" Write `{value.__name__}(...)`." if hasattr(value, "__name__") else ""
        raise FieldTypeError(f"{where} takes {example}; got {quote_typed(value)}.{hint}")
    return value


def check_flag(value: object, name: str, owner: object) -> bool:
    """Returns ``value`` when it is True or False, else raises FieldTypeError."""
    if not isinstance(value, bool):
        raise FieldTypeError(f"{_name(owner)}({name}=...) takes True or False; got {quote_typed(value)}.")
    return value


def check_maximize(value: Any) -> bool:
    """Returns whether higher rewards are better; None stands for True.

    Raises:
      FieldTypeError: it is not True, False or None.
    """
    if value is None or isinstance(value, bool):
        return value is not False
    raise FieldTypeError(
        f"maximize is True, or False to minimize, for all objectives; got {quote_typed(value)}. "
        "Where only some are minimized, negate an objective that you minimize."
    )


def refuse_unknown(cls: _Class) -> _Class:
    """Decorates a class: an unknown option raises an error that suggests the nearest one.

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
      UnknownFieldError: (the constructor) it has no such option.
    """
    make: Any = cls.__init__  # type: ignore[misc]  # of this very class, which its subclasses extend
    names = list(read_signature(make).parameters)[1:]

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


def show(owner: object) -> str:
    """Returns the constructor call that made ``owner``, of the arguments that it keeps as attributes."""
    names = [name for name in read_signature(type(owner)).parameters if hasattr(owner, name)]
    return f"{type(owner).__name__}({', '.join(f'{name}={getattr(owner, name)!r}' for name in names)})"


def _name(owner: object) -> str:
    return owner if isinstance(owner, str) else type(owner).__name__
