"""Which decisions of a space a text means: the name of a hole, a path, or a pattern of these.  Never a part of one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar, final

from pliant.space import Choice, Point, Space
from pliant.values.errors import DecisionError, listing, suggest

_Value = TypeVar("_Value")


def find_decisions(space: Space, text: str) -> list[int]:
    """Returns the indices of the points that a text means: those of this name, or at this path, or that match it.

    In a pattern ``*`` stands for any characters and ``?`` for one; all others, brackets too, stand for themselves.  A name
    or path counts before a pattern.  The path of a hole with several picks means all of its picks.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("stem.kernel", 3, name="kernel"), choice("layers[0].kernel", 2), choice("depth", 4)])
    >>> find_decisions(space, "kernel"), find_decisions(space, "layers[*].kernel"), find_decisions(space, "*kernel")
    ([0], [1], [0, 1])

    Raises:
      DecisionError: there are none; or some are named so, and another one has this path.
    """
    points = space.points
    named = [i for i, point in enumerate(points) if point.name == text]
    placed = [i for i, point in enumerate(points) if text in _paths(point)]
    if named and set(placed) - set(named):
        raise DecisionError(
            f"{text!r} is the name of the decision at {points[named[0]].path!r}, and the path of another one. Use the path "
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
            f"{text!r} is no decision of this space{suggest(text, all_names(space)) or '.'} Write a name, a whole path, or a pattern "
            f"such as '*.kernel'. Its names and paths: {listing(all_names(space), 20)}."
        )
    return found


def all_names(space: Space) -> list[str]:
    """Returns what the decisions of a space are called: their names, and the paths of those without."""
    return list(dict.fromkeys(point.name or _paths(point)[-1] for point in space.points))


@final
class NamedValues(dict[str, _Value]):
    """Values by path, which are found by the names of the decisions too.

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
        raise DecisionError(f"there is nothing for the decision {key!r}. Given: {listing(self)}.")


def _paths(point: Point) -> tuple[str, ...]:
    return (point.path, point.hole) if isinstance(point, Choice) else (point.path,)
