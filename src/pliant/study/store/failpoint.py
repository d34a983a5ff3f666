"""Where a process may be made to die, to test that nothing is lost there.  In use nothing happens here.

``PLIANT_FAILPOINT=commit:3`` ends the process, as ``kill -9`` does, when it comes by ``commit`` for the third time.
"""

from __future__ import annotations

import os

POINTS = (
    "locked",  # the right to write is held, in a file
    "begin",  # a transaction is about to begin; the next two are of the same one
    "commit",
    "committed",
    "made",  # the tables of a new study are, and are not committed
    "migrated",  # likewise those of an older version
    "hand-over",  # a trial was asked for, and its job is not started
    "started",  # its job is
    "ended",  # its job has ended, which is not told
    "closing",
    "closed",
)
"""Their names, in the order in which a study comes by."""

_armed: dict[str, int] = {}  # how often a point may still be passed


def arm(text: str) -> None:
    """Sets where to die: ``name:n``, or nowhere for no text.

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
        raise ValueError(f"PLIANT_FAILPOINT is name:n with a name of {known}; got {text!r:.80}.")
    if text:
        _armed[name] = int(count)


def reach(name: str) -> None:
    """Dies here, if that is where to die."""
    if _armed and name in _armed:
        _armed[name] -= 1
        if _armed[name] == 0:
            os._exit(9)


arm(os.environ.get("PLIANT_FAILPOINT", ""))
