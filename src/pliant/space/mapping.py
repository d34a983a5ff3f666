"""Maps decisions of one space into another: by path, name and value.  What does not fit is None; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from pliant.values.errors import DecisionError, FieldTypeError, FieldValueError, quote, quote_typed, suggest

from .active import find_parents, walk_points
from .decisions import Decisions
from .formats import candidate_values
from .points import Choice, Point
from .validate import check_value

if TYPE_CHECKING:
    from .space import Space

Change = Mapping[str, str] | Callable[[dict[str, Any]], Mapping[str, Any] | None] | None
"""How decisions change with their space: new paths or names by old ones; or a function from values by name or path to those of the
new space, which returns None for decisions to leave out."""


def map_decisions(decisions: Decisions, space: Space, change: Change = None) -> Decisions | None:
    """Returns decisions as decisions of another space; None where they do not fit.

    A decision below a candidate belongs to the candidate's text, so that it is found also where candidates were added, removed
    or reordered.  A candidate is found by its value, a number must be in the range of its new point, and each decision must have
    a point: those of a hole that is gone do not fit, unless a function leaves it out.

    >>> from pliant.space import choice, flatten, integer
    >>> old = flatten([choice("op", [None, integer("k", 1, 3)], literals=["id", "conv"])])
    >>> new = flatten([choice("op", [integer("k", 2, 5), None, None], literals=["conv", "id", "pool"])])
    >>> map_decisions(old.parse([1, 3]), new).to_params()
    {'op': '0/3 (conv)', 'op[=0/3].k': 3}
    >>> map_decisions(old.parse([1, 1]), new) is None  # k is at least 2 now
    True

    Args:
      decisions: of the old space.
      space: the new one.
      change: see ``Change``; None where paths, names and values have stayed.

    Raises:
      FieldTypeError: an argument is not as described, or the function returned neither a mapping nor None.
      FieldValueError: a change that is not for this space.
    """
    from .space import Space

    if not isinstance(decisions, Decisions):
        raise FieldTypeError(
            f"map_decisions(decisions=...) takes Decisions, such as `trial.decisions`; got {quote_typed(decisions)}."
        )
    if not isinstance(space, Space):
        raise FieldTypeError(
            f"map_decisions(space=...) takes a Space, such as `pg.abstract_search_space(program)`; got {quote_typed(space)}."
        )
    check_change(change, decisions.space)
    given: Mapping[str, Any]
    keys = {
        _place(decisions.space)[index]: key
        for index, key in zip(decisions.active, decisions.params, strict=True)
    }
    if callable(change):
        found: Any = change(dict(decisions.params))
        if found is None:
            return None
        if not isinstance(found, Mapping):
            raise FieldTypeError(
                f"the function that maps decisions returns a dict of values by name or path, or None; got {quote_typed(found)}."
            )
        given = found
    else:
        names = {} if change is None else change
        given = {_rename(key, names): value for key, value in decisions.params.items()}
        keys = {_rename(place, names): _rename(key, names) for place, key in keys.items()}
    return _read(space, given, keys)


def check_change(change: Any, old: Space) -> Change:
    """Returns how decisions change; a dict must name paths or names of the old space.

    Raises:
      FieldTypeError, FieldValueError: it is neither a function nor such a dict.
    """
    if change is None or callable(change):
        return cast("Change", change)
    if not isinstance(change, Mapping) or not all(
        isinstance(one, str) for pair in change.items() for one in pair
    ):
        raise FieldTypeError(
            "map is a dict of new paths or names by old ones, such as {'lr': 'learning_rate'}, or a function of a dict of values; got "
            f"{quote_typed(change)}."
        )
    known = {
        name
        for point in old.points
        for name in (point.path, point.name, getattr(point, "hole", None))
        if name
    }
    for name in change:
        if name not in known:
            raise FieldValueError(
                f"map renames {quote(name)}, which is not a path or name of the study's space{suggest(name, known) or '.'}"
            )
    return dict(change)


def _read(space: Space, given: Mapping[str, Any], keys: Mapping[str, str]) -> Decisions | None:
    """Returns decisions of the values that are given by name or path; ``keys`` has the key of each old place."""
    places = _place(space)
    used: set[str] = set()

    def decide(index: int, point: Point) -> Any:
        mine = keys.get(places[index])
        others = {key for place, key in keys.items() if place != places[index]}
        for key in (mine, point.path if point.path not in others else None, point.name):
            if key is not None and key in given:
                used.add(key)
                return _find_value(point, given[key])
        raise _UnfitError

    try:
        values = walk_points(space, decide)
        if given.keys() - used:  # a decision was made that the new space does not have
            return None
        return Decisions(space, values)
    except (DecisionError, _UnfitError):
        return None


class _UnfitError(Exception):
    """A decision of the new space has no value, or one that is not allowed."""


def _find_value(point: Point, value: Any) -> Any:
    if not isinstance(point, Choice):
        return check_value(point, value)
    known = candidate_values(point)
    exact = [
        i for i, one in enumerate(known) if one.__class__ is value.__class__ and repr(one) == repr(value)
    ]
    if len(exact) != 1:
        raise _UnfitError
    return exact[0]


@lru_cache(maxsize=8)
def _place(space: Space) -> tuple[str, ...]:
    """Returns where each point is: its path, in which candidates have their text instead of their index."""
    places: list[str] = []
    for point, parent in zip(space.points, find_parents(space), strict=True):
        place = point.path
        if parent is not None:
            above, candidate = space.points[parent[0]], parent[1]
            assert isinstance(above, Choice)
            start = f"{above.path}[={candidate}/{above.count}]"
            if place.startswith(start):
                place = f"{places[parent[0]]}[={above.literals[candidate]}]{place[len(start) :]}"
        places.append(place)
    return tuple(places)


def _rename(key: str, names: Mapping[str, str]) -> str:
    """Returns the new path of an old one: what begins with a renamed path keeps its rest."""
    for old, new in names.items():
        if key == old or (key.startswith(old) and key[len(old)] in "[."):
            return new + key[len(old) :]
    return key
