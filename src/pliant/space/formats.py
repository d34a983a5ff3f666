"""The faces of decisions: dict by path, service parameters, nested tree, text; written and read back.

**Tree**: a list with one item per hole.  A number's item is its value.  A choice's item is its index, or
``[index, item, ...]`` when points are active below the picked candidate.  The item of a ``manyof`` with
several picks is the list of the picks' items.  Flat vectors and trees are told apart by their nesting;
where nothing nests they are the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pliant.values.errors import DecisionError, suggest
from pliant.values.path import at_path

from .difference import diff
from .points import Choice, Point
from .validate import Vector, allowed, check_pick, check_value, check_vector

if TYPE_CHECKING:
    from .decisions import Decisions
    from .space import Space

_PICKED = re.compile(r"\s*(\d+)\s*/\s*(\d+)\s*(?:\((.*)\)\s*)?\Z", re.DOTALL)


def to_dict(decisions: Decisions) -> dict[str, int | float]:
    """Returns ``{path: value}`` of the active points."""
    points = decisions.space.points
    return {points[i].path: value for i, value in zip(decisions.active, decisions.values, strict=True)}


def to_params(decisions: Decisions) -> dict[str, str | float]:
    """Returns ``{path: '<index>/<count> (<literal>)' or bare number}`` of the active points."""
    points = decisions.space.points
    params: dict[str, str | float] = {}
    for index, value in zip(decisions.active, decisions.values, strict=True):
        point = points[index]
        if isinstance(point, Choice):
            params[point.path] = f"{value}/{point.count} ({point.literals[value]})"  # type: ignore[index]  # an int
        else:
            params[point.path] = value
    return params


def to_params_str(decisions: Decisions) -> str:
    """Returns ``to_params`` as JSON text."""
    return json.dumps(to_params(decisions))


def to_tree(decisions: Decisions) -> list[Any]:
    """Returns the decisions nested as the space is (see the head of this module)."""
    space = decisions.space
    return _grow(space.points, space.top, iter(decisions.values))


def get(decisions: Decisions, key: str) -> int | float | None:
    """Returns the decision under a path or name, None where it is inactive."""
    space = decisions.space
    wanted = find_points(space, key)
    found = [v for i, v in zip(decisions.active, decisions.values, strict=True) if i in wanted]
    if len(found) > 1:
        raise DecisionError(
            f"{len(found)} active points are named {key!r}; ask by path: {_paths(space, wanted)}."
        )
    return found[0] if found else None


def find_points(space: Space, key: str) -> list[int]:
    """Returns the indices of the points with this path, or else of those with this name.

    Raises:
      DecisionError: there are none.
    """
    for attribute in ("path", "name"):
        found = [i for i, point in enumerate(space.points) if getattr(point, attribute) == key]
        if found:
            return found
    raise DecisionError(
        f"the space has no decision point with path or name {key!r}{suggest(key, _keys(space)) or '.'} "
        f"Its points: {_paths(space, range(len(space.points)))}."
    )


def read(space: Space, face: Any) -> Vector:
    """Returns the valid vector that ``face`` stands for.

    Raises:
      DecisionError: it stands for none in this space.
    """
    if isinstance(face, str):
        face = _load(face)
    elif isinstance(face, range) or (hasattr(face, "tolist") and not isinstance(face, Mapping)):
        face = list(face) if isinstance(face, range) else face.tolist()  # an array or tensor is its numbers
    if isinstance(face, Mapping):
        return _read_dict(space, face)
    if isinstance(face, (list, tuple)):
        if any(isinstance(item, (list, tuple)) for item in face):
            values: list[Any] = []
            _read_items(space, space.top, face, values)
            return tuple(values)
        return check_vector(space, face)
    if isinstance(face, (int, float)):
        return check_vector(space, (face,))
    raise DecisionError(
        "decisions are given as Decisions, a list of the active values, a nested tree, a dict by path, or the JSON "
        f"text of such a dict; got {face!r} of type {type(face).__name__}."
    )


def read_decisions(space: Space, decisions: Decisions) -> Vector:
    """Returns the vector of decisions of an equal space.

    Raises:
      DecisionError: they are of another space; the message lists the differences.
    """
    if decisions.space != space:
        lines = diff(decisions.space, space)
        more = [f"  ... and {len(lines) - 8} more"] if len(lines) > 8 else []
        raise DecisionError(
            "these decisions are of another space. From theirs to this one:\n"
            + "\n".join([*(f"  {line}" for line in lines[:8]), *more])
        )
    return decisions.values


def _grow(points: Sequence[Point], indices: Sequence[int], values: Iterator[int | float]) -> list[Any]:
    items: list[Any] = []
    for index in indices:
        point, value = points[index], next(values)
        item: Any = value
        if isinstance(point, Choice):
            branch = point.branches[value]  # type: ignore[index]  # an int
            if branch:
                item = [value, *_grow(points, branch, values)]
            if point.group is not None:
                if point.pick == 0:
                    items.append([])
                items[-1].append(item)
                continue
        items.append(item)
    return items


def _read_items(space: Space, indices: Sequence[int], items: Sequence[Any], values: list[Any]) -> None:
    """Appends the values of one level of a tree, checked."""
    points = space.points
    holes = [i for i in indices if getattr(points[i], "pick", 0) == 0]
    if len(items) != len(holes):
        heads = ", ".join(repr(_hole(points[i])) for i in holes)
        raise DecisionError(
            f"this level of the tree has {len(holes)} holes ({heads}); got {len(items)} items: {items!r}."
        )
    for index, item in zip(holes, items, strict=True):
        point = points[index]
        group = point.group if isinstance(point, Choice) else None
        if group is None:
            _read_item(space, index, item, values)
            continue
        if not isinstance(item, (list, tuple)) or len(item) != group.picks:
            raise DecisionError(
                f"the hole {at_path(_hole(point))} takes a list of {group.picks} picks; got {item!r}."
            )
        picked: list[int] = []
        for member, pick in zip(group.members, item, strict=True):
            value = _read_item(space, member, pick, values)
            check_pick(points[member], value, picked)  # type: ignore[arg-type]  # members are choices


def _read_item(space: Space, index: int, item: Any, values: list[Any]) -> Any:
    point = space.points[index]
    below: Sequence[Any] = ()
    if isinstance(item, (list, tuple)):
        if not isinstance(point, Choice) or not item:
            raise DecisionError(
                f"the decision {at_path(point.path)} is one value ({allowed(point)}); got {item!r}."
            )
        item, below = item[0], item[1:]
    value = check_value(point, item)
    values.append(value)
    if isinstance(point, Choice):
        branch = point.branches[value]
        if below and not branch:
            raise DecisionError(
                f"nothing is to be decided below candidate {value} ({point.literals[value]}) {at_path(point.path)}; "
                f"got {list(below)!r}."
            )
        if branch:
            _read_items(space, branch, below, values)
    return value


def _read_dict(space: Space, given: Mapping[Any, Any]) -> Vector:
    """Returns the vector of a dict by path or name; None values count as absent."""
    left = {key: value for key, value in given.items() if value is not None}
    used: dict[Any, str] = {}
    values: list[Any] = []
    picked: dict[int, list[int]] = {}
    pending = list(reversed(space.top))
    while pending:
        index = pending.pop()
        point = space.points[index]
        value = check_value(point, _read_text(point, _look_up(space, index, left, used)))
        values.append(value)
        if isinstance(point, Choice):
            if point.group is not None:
                check_pick(point, value, picked.setdefault(point.group.first, []))
            pending.extend(reversed(point.branches[value]))
    for key in left:
        if key not in used:
            _reject_key(space, key, left[key])
    return tuple(values)


def _look_up(space: Space, index: int, left: dict[Any, Any], used: dict[Any, str]) -> Any:
    """Returns what the dict says about one active point: under its path, its name, or its hole's list."""
    point = space.points[index]
    group = point.group if isinstance(point, Choice) else None
    hole = _hole(point)
    for key in (point.path, point.name, hole):
        if key is None or key not in left:
            continue
        value, owner = left[key], point.path
        if group is not None and key != point.path:
            owner = hole
            if not isinstance(value, (list, tuple)) or len(value) != group.picks:
                raise DecisionError(
                    f"the hole {at_path(hole)} takes a list of {group.picks} picks; got {value!r}."
                )
            value = value[point.pick]  # type: ignore[union-attr]  # only a choice has a group
        if used.setdefault(key, owner) != owner:
            raise DecisionError(
                f"several active points are named {key!r}; give each by its path, here {point.path!r}."
            )
        return value
    raise DecisionError(
        f"the decision {at_path(point.path)} is missing: the point is active{_because(space, index)}, and the dict has "
        f"no such key{suggest(point.path, [k for k in left if k not in used]) or '.'} Allowed: {allowed(point)}."
    )


def _read_text(point: Point, value: Any) -> Any:
    """Returns the index that ``'<index>/<count> (<literal>)'`` names; other values as they are."""
    if not isinstance(value, str) or not isinstance(point, Choice):
        return value
    match = _PICKED.match(value)
    if match is None:
        raise DecisionError(
            f"the decision {at_path(point.path)} cannot be read from {value!r}; write the index, or "
            f"'<index>/<count> (<literal>)' such as '0/{point.count} ({point.literals[0]})'."
        )
    index, count, literal = int(match[1]), int(match[2]), match[3]
    if count != point.count:
        raise DecisionError(
            f"the decision {at_path(point.path)} is {value!r}, of {count} candidates, but here there are {point.count}: "
            "it is from another space."
        )
    if index < count and literal is not None and literal != point.literals[index]:
        raise DecisionError(
            f"the decision {at_path(point.path)} is {value!r}, but candidate {index} here is "
            f"({point.literals[index]}): it is from another space."
        )
    return index


def _reject_key(space: Space, key: Any, value: Any) -> None:
    if not isinstance(key, str):
        raise DecisionError(
            f"the keys of decisions are paths or names; got {key!r} of type {type(key).__name__}."
        )
    index = find_points(space, key)[0]
    raise DecisionError(
        f"the decision {at_path(key)} is {value!r}, but this point is inactive: it counts only"
        f"{_because(space, index) or ' once, and its path is given too'}. Leave it out."
    )


def _because(space: Space, index: int) -> str:
    """Returns ``" when 'op' is 1/2 (conv)"``: the choice that a conditional point hangs on."""
    for point in space.points:
        for candidate, branch in enumerate(point.branches if isinstance(point, Choice) else ()):
            if index in branch:
                assert isinstance(point, Choice)
                return f" when {point.path!r} is {candidate}/{point.count} ({point.literals[candidate]})"
    return ""


def _load(text: str) -> Any:
    try:
        face = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        raise DecisionError(
            f'decisions as text are JSON such as \'{{"op": "0/2 (conv)"}}\'; {text[:80]!r} is not: {error}.'
        ) from error
    if isinstance(face, str):
        raise DecisionError(
            f"decisions as text are the JSON of a dict or list; got that of the string {face[:80]!r}."
        )
    return face


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key in found if sum(key == k for k, _ in pairs) > 1)
        raise DecisionError(f"the decision {at_path(twice)} is given twice.")
    return found


def _hole(point: Point) -> str:
    return point.hole if isinstance(point, Choice) else point.path


def _keys(space: Space) -> list[str]:
    return [key for point in space.points for key in (point.path, point.name) if key is not None]


def _paths(space: Space, indices: Sequence[int]) -> str:
    shown = ", ".join(repr(space.points[i].path) for i in list(indices)[:8])
    return shown + (", ..." if len(indices) > 8 else "") if indices else "none"
