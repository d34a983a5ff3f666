"""Finds decisions of a space by name, path or pattern (``*`` and ``?``); a pattern matches whole names and paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar, final

from pliant.space import Choice, Point, Space
from pliant.values.errors import DecisionError, listing, suggest

_Value = TypeVar("_Value")


def find_decisions(space: Space, text: str) -> list[int]:
    """Returns the indices of the decision points with a name or path, or that match a pattern.

    In a pattern ``*`` matches any characters and ``?`` one; all other characters, including brackets, match themselves.
    An exact name or path has precedence.  The path of a hole with several picks means all of its picks.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("stem.kernel", 3, name="kernel"), choice("layers[0].kernel", 2), choice("depth", 4)])
    >>> find_decisions(space, "kernel"), find_decisions(space, "layers[*].kernel"), find_decisions(space, "*kernel")
    ([0], [1], [0, 1])

    Raises:
      DecisionError: there are none; or the text is the name of one decision and the path of another.
    """
    points = space.points
    named = [i for i, point in enumerate(points) if point.name == text]
    placed = [i for i, point in enumerate(points) if text in _paths(point)]
    if named and set(placed) - set(named):
        raise DecisionError(
            f"{text!r} is the name of the decision at {points[named[0]].path!r} and the path of another one. Write the path "
            f"{points[named[0]].path!r} for the first, or rename it."
        )
    if named or placed:
        return named or placed
    pattern = re.compile(".*".join(".".join(map(re.escape, part.split("?"))) for part in text.split("*")))
    found = [
        i
        for i, point in enumerate(points)
        if any(map(pattern.fullmatch, (*_paths(point), point.name or point.path)))
    ]
    if not found:
        raise DecisionError(
            f"this space has no decision {text!r}{suggest(text, all_names(space)) or '.'} Write a name, a whole path, or a pattern "
            f"such as '*.kernel'. Names and paths of its decisions: {listing(all_names(space), 20)}."
        )
    return found


def all_names(space: Space) -> list[str]:
    """Returns the name of each decision of a space, or its path if it has no name."""
    return list(dict.fromkeys(point.name or _paths(point)[-1] for point in space.points))


@final
class NamedValues(dict[str, _Value]):
    """Values by path; also found by the names of the decisions.

    >>> from pliant.space import choice, flatten
    >>> NamedValues({"args[0].k": 3}, flatten([choice("args[0].k", 2, name="kernel")]))["kernel"]
    3
    """

    def __init__(self, values: Mapping[str, _Value], space: Space) -> None:
        super().__init__(values)
        self._space = space

    def __missing__(self, key: str) -> _Value:
        for index in find_decisions(self._space, key):
            for path in _paths(self._space.points[index]):
                if path in self:
                    return self[path]
        raise DecisionError(f"the value for the decision {key!r} is missing. Given values: {listing(self)}.")


def _paths(point: Point) -> tuple[str, ...]:
    return (point.path, point.hole) if isinstance(point, Choice) else (point.path,)
