"""Partitions: predicates that select the holes which a search decides; the others stay open in its programs.

Any function of a hole is a partition; these functions make common ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, final

from pliant.symbolic.read.compare import equal
from pliant.symbolic.tree.node import path
from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed
from pliant.values.path import Path

Where = Callable[[Any], bool]


def by_hints(hints: object) -> Where:
    """Returns the partition of the holes whose hints equal ``hints``.

    >>> import pliant as pg
    >>> space = pg.Dict(op=pg.oneof([1, 2], hints="ops"), edge=pg.oneof([0, 1], hints="edges"))
    >>> pg.abstract_search_space(space, where=by_hints("ops")).size
    2
    """
    return lambda hole: equal(hole.hints, hints)


def by_path(pattern: str) -> ByPath:
    r"""Returns the partition of the holes whose path the regular expression matches from its start.

    The path is that in the program, such as ``model.layers[0].kernel``; of a hole in a candidate,
    ``op.candidates[1].kernel``.

    >>> import pliant as pg
    >>> space = pg.Dict(model=pg.Dict(k=pg.oneof([1, 2])), lr=pg.floatv(0, 1))
    >>> pg.abstract_search_space(space, where=by_path(r"model\.")).size
    2

    Raises:
      FieldValueError: the pattern is not a regular expression.
    """
    return ByPath(pattern)


@final
class ByPath:
    """A partition by path; it also selects holes in plain containers, which have no path of their own."""

    __slots__ = ("pattern",)

    def __init__(self, pattern: str) -> None:
        try:
            self.pattern = re.compile(pattern)
        except (re.error, TypeError) as error:
            raise FieldValueError(
                f"by_path needs a regular expression for paths, such as r'model\\..*'; got {quote(pattern)}: {error}."
            ) from error

    def selects(self, at: Path) -> bool:
        """Returns whether holes at a path are selected."""
        return self.pattern.match(str(at)) is not None

    def __call__(self, hole: object) -> bool:
        return self.selects(path(hole))

    def __repr__(self) -> str:
        return f"by_path({self.pattern.pattern!r})"


def to_where(partition: object) -> Where | None:
    """Returns a partition as a predicate: a function as it is, text as a path pattern.

    Raises:
      FieldTypeError: it is neither a function nor text.
    """
    if partition is None or callable(partition):
        return partition
    if isinstance(partition, str):
        return by_path(partition)
    raise FieldTypeError(
        f"a partition must be a function of a hole, or a regular expression for paths; got {quote_typed(partition)}. "
        f"To select by hints, pass `pg.by_hints({quote(partition)})`."
    )
