"""Fail points: places where a test can make the process die.  Without ``PLIANT_FAILPOINT`` they do nothing.

``PLIANT_FAILPOINT=commit:3`` ends the process, as ``kill -9`` does, when it reaches ``commit`` for the third time.
"""

from __future__ import annotations

import os

from pliant.values.errors import quote

POINTS = (
    "locked",  # the lock file is held
    "begin",  # a transaction is about to begin; the next two belong to it
    "commit",
    "committed",
    "marked",  # the mark beside a file counts the commit
    "made",  # the tables of a new study are made, and not committed
    "migrated",  # the tables of an older version are upgraded, and not committed
    "hand-over",  # a trial was asked for, and its job has not started
    "started",  # its job has started
    "ended",  # its job has ended, and its result is not recorded
    "closing",
    "closed",
)
"""The names of the fail points, in the order in which a study reaches them."""

_armed: dict[str, int] = {}  # how often a point is still passed before the process dies


def arm(text: str) -> None:
    """Arms a fail point as ``name:n``; an empty text disarms all.

    >>> arm("commit:3")
    >>> arm("")
    >>> arm("comit:3")
    Traceback (most recent call last):
        ...
    ValueError: PLIANT_FAILPOINT is name:n with a name of 'locked', 'begin', ...; got 'comit:3'.
    """
    _armed.clear()
    name, _, count = text.partition(":")
    if text and (name not in POINTS or not count.isdigit()):
        known = ", ".join(repr(point) for point in POINTS)
        raise ValueError(f"PLIANT_FAILPOINT is name:n with a name of {known}; got {quote(text)}.")
    if text:
        _armed[name] = int(count)


def reach(name: str) -> None:
    """Ends the process if this fail point is armed and its count has run out."""
    if _armed and name in _armed:
        _armed[name] -= 1
        if _armed[name] == 0:
            os._exit(9)


arm(os.environ.get("PLIANT_FAILPOINT", ""))
