"""Partitions: which holes a search decides; the others stay open in the programs that it makes.

A partition is a predicate of a hole.  These make the usual ones; any function will do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pliant.symbolic.compare import equal
from pliant.symbolic.node import path
from pliant.symbolic.realize import hole_paths
from pliant.values.errors import FieldTypeError

Where = Callable[[Any], bool]


def by_hints(hints: Any) -> Where:
    """Returns the partition of the holes whose hints equal ``hints``.

    >>> import pliant as pg
    >>> space = pg.Dict(op=pg.oneof([1, 2], hints="ops"), edge=pg.oneof([0, 1], hints="edges"))
    >>> pg.abstract_search_space(space, where=by_hints("ops")).size
    2
    """
    return lambda hole: equal(hole.hints, hints)


def by_path(pattern: str) -> Where:
    """Returns the partition of the holes whose path the regular expression matches from its start.

    >>> import pliant as pg
    >>> space = pg.Dict(model=pg.Dict(k=pg.oneof([1, 2])), lr=pg.floatv(0, 1))
    >>> pg.abstract_search_space(space, where=by_path(r"model\\.")).size
    2
    """
    match = re.compile(pattern).match
    return lambda hole: match(str(path(hole))) is not None


def to_where(partition: Any) -> Where | None:
    """Returns a partition as a predicate: a function as it is, text as a path pattern.

    Raises:
      FieldTypeError: it is neither.
    """
    if partition is None or callable(partition):
        return partition  # type: ignore[no-any-return]  # a callable, by the line above
    if isinstance(partition, str):
        return by_path(partition)
    raise FieldTypeError(
        f"a partition is a function of a hole, or a pattern of paths as text; got {partition!r} of type "
        f"{type(partition).__name__}. For hints, pass `pg.by_hints({partition!r})`."
    )


def all_holes(program: Any) -> list[str]:
    """Returns the paths of the outermost holes of a program."""
    return hole_paths(program)


