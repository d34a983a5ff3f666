"""How the messages of this folder are worded: where, what was given, what is allowed, how to mend it.

Not the place for the rules themselves: each spec decides what it refuses, and says why here.
"""

from __future__ import annotations

from typing import Any

from pliant.values.errors import PliantError
from pliant.values.path import Path, at_path

_LONGEST = 80


def show(value: Any) -> str:
    """Returns the repr of a value in one line, cut to 80 characters; never raises.

    >>> show([1, "a"]), len(show("x" * 1000))
    ("[1, 'a']", 80)
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # noqa: BLE001 - a broken __repr__ must not hide the fault that is being reported
        text = object.__repr__(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def refuse(error: type[PliantError], value: Any, path: Path, allowed: str, *, fix: str = "") -> PliantError:
    """Returns (does not raise) the error for a value that may not stand at ``path``.

    >>> from pliant.values.errors import FieldTypeError
    >>> print(refuse(FieldTypeError, "3", Path(("x",)), "an int", fix="Write 3."))
    the value at path 'x' is '3' of type str; allowed: an int. Write 3.
    """
    text = f"the value {at_path(path)} is {show(value)} of type {type(value).__name__}; allowed: {allowed}."
    return error(f"{text} {fix}" if fix else text)
