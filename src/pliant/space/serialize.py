"""Spaces as JSON data: writing, reading with checks, and the fingerprint."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, TypeVar

from pliant.values.errors import LoadError, SpaceError, quote, quote_typed
from pliant.values.lines import check_depth, read_json

from .points import Choice, Float, Group, Int, Point

if TYPE_CHECKING:
    from .space import Space

FORMAT = "pliant.space/1"
T = TypeVar("T")


def to_json(space: Space) -> dict[str, Any]:
    """Returns the space as JSON data; hints that JSON cannot hold are left out."""
    return {
        "format": FORMAT,
        "top": list(space.top),
        "points": [_point_to_json(point, hints=True) for point in space.points],
    }


def from_json(data: object) -> tuple[tuple[Point, ...], tuple[int, ...]]:
    """Returns ``points`` and ``top`` from what ``to_json`` returned, or from its text.

    Raises:
      LoadError: the data is damaged, or not a space.
    """
    data = _load(data, "a space")
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else data
        raise LoadError(f"a stored space is a dict with format {FORMAT!r}; got {str(found)[:80]!r}.")
    try:
        points = tuple(_point_from_json(entry) for entry in _of(list, data["points"]))
        return points, tuple(_of(list, data["top"]))
    except KeyError as error:
        raise LoadError(f"a stored space lacks {error}; it is cut off or was changed.") from error
    except (TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise LoadError(f"a stored space is damaged or was changed: {error}") from error


def fingerprint(space: Space) -> str:
    """Returns the SHA-256 (hex) of the space's canonical JSON, hints left out: equal for equal spaces."""
    data = {
        "format": FORMAT,
        "top": space.top,
        "points": [_point_to_json(p, hints=False) for p in space.points],
    }
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def numbers_from_json(data: object) -> list[int | float]:
    """Returns ``data`` (a list, or its text) as a list of numbers.

    Raises:
      LoadError: it is not a list of numbers.
    """
    data = _load(data, "decisions")
    if not isinstance(data, list) or any(
        isinstance(v, bool) or not isinstance(v, (int, float)) for v in data
    ):
        raise LoadError(f"stored decisions are a list of numbers; got {str(data)[:80]!r}.")
    return data


def _load(data: object, what: str) -> Any:
    """Returns JSON data; parses it if it is text."""
    try:
        return read_json(data) if isinstance(data, (str, bytes)) else check_depth(data)
    except LoadError as error:
        raise LoadError(f"the text of {what} is cut off or damaged: {error}.") from error


def _point_to_json(point: Point, *, hints: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"kind": point.kind, "path": point.path}
    if isinstance(point, Choice):
        entry["literals"] = list(point.literals)
        if any(point.branches):
            entry["branches"] = [list(branch) for branch in point.branches]
        if point.group is not None:
            g = point.group
            entry["group"] = [g.first, g.picks, g.distinct, g.sorted, g.stride]
            entry["pick"] = point.pick
        if point.values:
            entry["values"] = list(point.values)
        if point.ordered:
            entry["ordered"] = True
    else:
        entry |= {"min_value": point.min_value, "max_value": point.max_value, "scale": point.scale}
        if isinstance(point, Int):
            entry["step"] = point.step
    if point.name is not None:
        entry["name"] = point.name
    if hints and point.hints is not None and _is_json(point.hints):
        entry["hints"] = point.hints
    return entry


def _point_from_json(entry: dict[str, Any]) -> Point:
    path, kind = _of(str, entry["path"]), entry["kind"]
    name = entry.get("name")
    common: dict[str, Any] = {"name": None if name is None else _of(str, name), "hints": entry.get("hints")}
    if kind == "int":
        return Int(path, entry["min_value"], entry["max_value"], entry["scale"], entry["step"], **common)
    if kind == "float":
        return Float(path, entry["min_value"], entry["max_value"], entry["scale"], **common)
    if kind != "choice":
        raise LoadError(f"a stored point is of kind 'choice', 'int' or 'float'; got {quote(kind)}.")
    literals = tuple(_of(str, literal) for literal in _of(list, entry["literals"]))
    branches = _of(list, entry.get("branches", [[]] * len(literals)))
    return Choice(
        path,
        literals,
        tuple(tuple(_of(list, branch)) for branch in branches),
        group=_group_from_json(entry["group"]) if "group" in entry else None,
        pick=_of(int, entry.get("pick", 0)),
        values=tuple(_of(list, entry.get("values", []))),
        ordered=_of(bool, entry.get("ordered", False)),
        **common,
    )


def _group_from_json(data: object) -> Group:
    first, picks, distinct, sort, stride = _of(list, data)
    group = Group(_of(int, first), _of(int, picks), _of(bool, distinct), _of(bool, sort), _of(int, stride))
    if picks < 2 or stride < 1:
        raise SpaceError(f"a group has 2 or more picks and stride 1 or more; got {picks} and {stride}.")
    return group


def _of(cls: type[T], value: object) -> T:
    """Returns ``value`` if its class is exactly ``cls``."""
    if value.__class__ is not cls:
        raise SpaceError(f"expected {cls.__name__}; got {quote_typed(value)}.")
    return value


def _is_json(value: object) -> bool:
    """Returns whether JSON restores ``value`` exactly (not so for tuples and keys that are not text)."""
    if value is None or isinstance(value, (bool, int, str)):
        return True
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(map(_is_json, value))
    return isinstance(value, dict) and all(isinstance(k, str) and _is_json(v) for k, v in value.items())
