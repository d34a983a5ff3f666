"""Error messages of value specs: where, what was given, what is allowed, how to fix it."""

from __future__ import annotations

from pliant.values.errors import FieldTypeError, FieldValueError, PliantError
from pliant.values.path import Path, at_path

_LONGEST = 80


def show(value: object) -> str:
    """Returns the repr of a value in one line, cut to 80 characters; never raises.

    >>> show([1, "a"]), len(show("x" * 1000))
    ("[1, 'a']", 80)
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - a broken __repr__ must not hide the error to report
        text = object.__repr__(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def refuse(
    error: type[FieldTypeError] | type[FieldValueError],
    value: object,
    path: Path,
    allowed: str,
    *,
    fix: str = "",
) -> PliantError:
    """Returns, without raising it, the error for a value that is not allowed at ``path``; sets its attribute ``path``.

    >>> from pliant.values.errors import FieldTypeError
    >>> print(refuse(FieldTypeError, "3", Path(("x",)), "an int", fix="Write 3."))
    the value at path 'x' is '3' of type str; allowed: an int. Write 3.
    """
    text = f"the value {at_path(path)} is {show(value)} of type {type(value).__name__}; allowed: {allowed}."
    found = error(f"{text} {fix}" if fix else text)
    found.path = path
    return found
