"""Decision formats: reads decisions from a vector, a dict by path, service parameters, a nested tree, or JSON text.

**Tree**: a list with one item per hole.  The item of a number is its value.  The item of a choice is its index, or
``[index, item, ...]`` if points are active below the picked candidate.  The item of a ``manyof`` with several picks
is the list of the items of its picks.  A list that contains lists is a tree; without nesting, vector and tree agree.

**Dict**: by path or name.  The entry of a choice is the index of a candidate, or ``'<index>/<count> (<literal>)'``;
never its value, except in ``Values``.  A dict whose numbers are all candidates, one of them also the index of another one, is
refused, as it may be a program; except in ``Indices``.
"""

from __future__ import annotations

import re
from ast import literal_eval
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pliant.values.errors import DecisionError, LoadError, quote, quote_typed, suggest
from pliant.values.lines import check_depth, read_json
from pliant.values.numbers import to_whole
from pliant.values.path import at_path

from .active import find_parents, walk_points
from .points import Choice, Point
from .text import diff
from .validate import Vector, allowed, check_pick, check_value, check_vector

if TYPE_CHECKING:
    from .decisions import Decisions
    from .space import Space

_PICKED = re.compile(r"\s*(\d+)\s*/\s*(\d+)\s*(?:\((.*)\)\s*)?\Z", re.DOTALL)


class Values(dict[str, Any]):
    """Decisions by path or name, in which candidates are given by value; the result of ``Decisions.params``."""


class Indices(dict[str, Any]):
    """Decisions by path, in which a number for a choice is an index; the result of ``Decisions.to_dict``."""


@lru_cache(maxsize=256)
def _read_literals(literals: tuple[str, ...]) -> tuple[Any, ...]:
    from .literals import number_equal  # `import pliant` is quick without it

    texts = number_equal(literals, literals)
    return tuple([_read_literal(text) if text == literal else text for text, literal in zip(texts, literals)])


def _read_literal(text: str) -> Any:
    try:
        value = literal_eval(text)
        is_plain = value.__class__ in (int, float, str, bool, type(None)) and repr(value) == text  # not "(1)"
        return value if is_plain else text
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return text


def candidate_values(point: Choice) -> tuple[Any, ...]:
    """Returns the candidates of a choice: numbers, texts, booleans and None as such, others as their literal text.

    Where several have the same text, it is ``index/count (text)``.

    >>> candidate_values(Choice("op", ("'conv'", "4", "Pool(2)"), ((), (), ())))
    ('conv', 4, 'Pool(2)')
    """
    return point.values or _read_literals(point.literals)


def find_points(space: Space, key: str) -> list[int]:
    """Returns the indices of the points with this path, or else of those with this name.

    Raises:
      DecisionError: the space has no such point.
    """
    for attribute in ("path", "name"):
        found = [i for i, point in enumerate(space.points) if getattr(point, attribute) == key]
        if found:
            return found
    keys = [k for point in space.points for k in (point.path, point.name) if k is not None]
    raise DecisionError(
        f"the space has no decision point with path or name {quote(key)}{suggest(key, keys) or '.'} "
        f"Its points: {list_paths(space, range(len(space.points)))}."
    )


def read(space: Space, given: object) -> Vector:
    """Reads a valid vector from decisions in any format but ``Decisions``.

    Raises:
      DecisionError: they are invalid in this space.
    """
    if hasattr(type(given), "_sym_keys"):
        kind = next(
            (kind for kind in ("dict", "list") if isinstance(given, (dict, list)[kind == "list"])), ""
        )
        more = f"; if it holds decisions, pass `{kind}(...)` of it" if kind else ""
        raise DecisionError(
            f"a symbolic {type(given).__name__} is a program, not decisions: {given!s:.200}. Pass "
            f"`pg.encode(space, program)`, the decisions that build it{more}."
        )
    if isinstance(given, str):
        given = _load(given)
    elif isinstance(given, range):
        given = list(given[: len(space.points) + 1])  # of any length, such as range(10**12)
    elif hasattr(given, "tolist") and not isinstance(given, Mapping):  # an array or tensor
        given = given.tolist()
    if isinstance(given, Mapping):
        return _read_dict(space, _shallow(given))
    if isinstance(given, (list, tuple)):
        if any(isinstance(item, (list, tuple)) for item in given):
            _shallow(given)
            values: list[Any] = []
            _read_items(space, space.top, given, values)
            return tuple(values)
        return check_vector(space, given)
    if isinstance(given, (int, float)):
        return check_vector(space, (given,))
    raise DecisionError(
        "decisions must be Decisions, a list of the active values, a nested tree, a dict by path, or the JSON "
        f"text of such a dict; got {quote_typed(given)}. pg.encode(space, program) returns the "
        "decisions of a program."
    )


def read_decisions(space: Space, decisions: Decisions) -> Vector:
    """Returns the vector of decisions that belong to an equal space.

    Raises:
      DecisionError: they belong to another space; the message lists the differences.
    """
    if decisions.space != space:
        lines = diff(decisions.space, space)
        more = [f"  ... and {len(lines) - 8} more"] if len(lines) > 8 else []
        raise DecisionError(
            "these decisions belong to another space. Changes from their space to this one:\n"
            + "\n".join([*(f"  {line}" for line in lines[:8]), *more])
        )
    return decisions.values


def _read_items(space: Space, indices: Sequence[int], items: Sequence[Any], values: list[Any]) -> None:
    """Appends the values of one level of a tree, checked."""
    points = space.points
    holes = [i for i in indices if getattr(points[i], "pick", 0) == 0]
    if len(items) != len(holes):
        heads = ", ".join(repr(_hole(points[i])) for i in holes)
        raise DecisionError(
            f"this level of the tree has {len(holes)} holes ({heads}); got {len(items)} items: {quote(items)}."
        )
    for index, item in zip(holes, items, strict=True):
        point = points[index]
        group = point.group if isinstance(point, Choice) else None
        if group is None:
            _read_item(space, index, item, values)
            continue
        if not isinstance(item, (list, tuple)) or len(item) != group.picks:
            raise DecisionError(
                f"the hole {at_path(_hole(point))} takes a list of {group.picks} picks; got {quote(item, 200)}."
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
                f"the decision {at_path(point.path)} is one value ({allowed(point)}); got {quote(item, 200)}."
            )
        item, below = item[0], item[1:]
    value = check_value(point, item)
    values.append(value)
    if isinstance(point, Choice):
        branch = point.branches[value]
        if below and not branch:
            raise DecisionError(
                f"candidate {value} ({point.literals[value]}) {at_path(point.path)} has no decisions below it; "
                f"got {quote(list(below))}."
            )
        if branch:
            _read_items(space, branch, below, values)
    return value


def _read_dict(space: Space, given: Mapping[Any, Any]) -> Vector:
    """Returns the vector of a dict by path or name; None values count as absent."""
    by_value, by_index = given.__class__ is Values, given.__class__ is Indices
    left = {key: value for key, value in given.items() if value is not None or by_value}
    used: dict[Any, str] = {}
    picked: dict[int, list[int]] = {}
    candidates: list[bool] = []  # for each number of a choice, whether it is a candidate
    doubts: list[DecisionError] = []

    def decide(index: int, point: Point) -> Any:
        value = _look_up(space, index, left, used)
        if isinstance(point, Choice):
            if not (by_value or by_index or isinstance(value, str)):
                candidates.append(bool(_find_number(point, value)))
                doubts.extend(_find_doubts(point, value))
            value = _to_index(point, value, by_value=by_value)
        value = check_value(point, value)
        if isinstance(point, Choice) and point.group is not None:
            check_pick(point, value, picked.setdefault(point.group.first, []))
        return value

    values = tuple(walk_points(space, decide))
    for key in left:
        if key not in used:
            _reject_key(space, key, left[key])
    if doubts and all(candidates):  # it may be a program
        raise doubts[0]
    return values


def _look_up(space: Space, index: int, left: dict[Any, Any], used: dict[Any, str]) -> Any:
    """Returns the entry of the dict for one active point: under its path, its name, or in the list of its hole."""
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
                    f"the hole {at_path(hole)} takes a list of {group.picks} picks; got {quote(value)}."
                )
            value = value[point.pick]  # type: ignore[union-attr]  # only a choice has a group
        if used.setdefault(key, owner) != owner:
            raise DecisionError(
                f"several active points are named {quote(key)}; give each by its path, here {point.path!r}."
            )
        return value
    unused = [key for key in left if key not in used]
    near = suggest(point.path, unused) or (suggest(point.name, unused) if point.name else "")
    name = f"name {point.name!r}" if point.name else "name"
    raise DecisionError(
        f"the decision {at_path(point.path)} is missing{_because(space, index)}. Give it by its path or {name}"
        f"{near.replace('did you mean', 'did you mean it by') or '.'} Allowed: {allowed(point)}."
    )


def _to_index(point: Choice, value: object, *, by_value: bool) -> Any:
    """Returns the index in a text, or of a value; other entries unchanged."""
    known = candidate_values(point)
    if by_value:
        exact = [
            i for i, one in enumerate(known) if one.__class__ is value.__class__ and repr(one) == repr(value)
        ]
        if len(exact) != 1:  # candidates of other types may have one text
            raise DecisionError(
                f"the decision {at_path(point.path)} is {quote(value)}, which names {len(exact) or 'none'} of the candidates "
                f"{', '.join(point.literals)}. Write the index in `decisions.to_dict()`."
            )
        return exact[0]
    if not isinstance(value, str):
        return value
    match = _PICKED.match(value)
    if match is None:
        raise DecisionError(
            f"the decision {at_path(point.path)} cannot be read from {quote(value)}; write the index, or "
            f"'<index>/<count> (<literal>)' such as '0/{point.count} ({point.literals[0]})'."
        )
    index = _read_text(point, value, match)
    if value in known and known.index(value) != index:
        raise DecisionError(
            f"the decision {at_path(point.path)} is {quote(value)}, which is a candidate and also the text of another index. "
            f"Write the index: {known.index(value)} or {index}."
        )
    return index


def refuse_program(space: Space, given: object) -> None:
    """Raises DecisionError for a plain list or number that can be a program of the space, and other decisions of it."""
    values = given if isinstance(given, (list, tuple)) else [given]
    start = "[" if isinstance(given, (list, tuple)) else ""
    points = [space.points[i] for i in space.top]
    if len(points) != len(values) or not all(
        p.path.startswith(start) if start else not p.path for p in points
    ):
        return
    pairs = [(_find_number(p, value), value) for p, value in zip(points, values) if isinstance(p, Choice)]
    if all(found for found, _ in pairs) and any(to_whole(value) not in found for found, value in pairs):
        raise DecisionError(
            f"{quote(given)} may be a program of this space, or the indices of its candidates, which are another program. Pass "
            f"`pg.encode(space, {quote(given, 200)})` for the program, or `pg.Decisions(space, {quote(list(values), 200)})` for the indices."
        )


def _find_number(point: Choice, value: object) -> list[int]:
    kinds = (bool,) if isinstance(value, bool) else (int, float)
    return [i for i, one in enumerate(candidate_values(point)) if one.__class__ in kinds and one == value]


def _find_doubts(point: Choice, value: object) -> list[DecisionError]:
    """Returns the error of ``check_index`` for an index; raises it for a number that is none."""
    try:
        check_index(point, value)
    except DecisionError as error:
        if (index := to_whole(value)) is None or not 0 <= index < point.count:
            raise
        return [error]
    return []


def check_index(point: Choice, value: object) -> None:
    """Raises DecisionError if a number is a candidate, and either no index or the index of another candidate."""
    index = to_whole(value)
    found = _find_number(point, value)
    if not found or index in found:
        return
    other = None if index is None or not 0 <= index < point.count else _picked(point, index)
    this, both = (
        _picked(point, found[0]),
        "not an index" if other is None else f"and the index of another, {other}",
    )
    raise DecisionError(
        f"the decision {at_path(point.path)} is {quote(value)}, which is {'both ' if other else ''}a candidate, {this}, {both}. Write "
        f"{this!r}{f' or {other!r}' if other else ''}."
    )


def _picked(point: Choice, index: int) -> str:
    return f"{index}/{point.count} ({point.literals[index]})"


def _read_text(point: Choice, value: str, match: re.Match[str]) -> int:
    """Returns the index in ``'<index>/<count> (<literal>)'``."""
    index, count, literal = int(match[1]), int(match[2]), match[3]
    if count != point.count:
        raise DecisionError(
            f"the decision {at_path(point.path)} is {quote(value)}, of {count} candidates, but here there are {point.count}: "
            "it is from another space."
        )
    if index < count and literal is not None and literal != point.literals[index]:
        raise DecisionError(
            f"the decision {at_path(point.path)} is {quote(value)}, but candidate {index} here is "
            f"({point.literals[index]}): it is from another space."
        )
    return index


def _reject_key(space: Space, key: object, value: object) -> None:
    if not isinstance(key, str):
        raise DecisionError(f"the keys of decisions must be paths or names; got {quote_typed(key)}.")
    index = find_points(space, key)[0]
    raise DecisionError(
        f"the decision {at_path(key)} is {quote(value)}, but this point is inactive: it counts only"
        f"{_because(space, index) or ' once, and its path is given too'}. Leave it out."
    )


def _because(space: Space, index: int) -> str:
    """Returns the condition of a conditional point, such as ``" when 'op' is 1/2 (conv)"``."""
    parent = find_parents(space)[index]
    if parent is None:
        return ""
    point, candidate = space.points[parent[0]], parent[1]
    assert isinstance(point, Choice)
    return f" when {point.path!r} is {candidate}/{point.count} ({point.literals[candidate]})"


def _load(text: str) -> Any:
    try:
        given = read_json(text, pairs=_unique)
    except ValueError as error:
        raise DecisionError(
            f'decisions as text must be JSON such as \'{{"op": "0/2 (conv)"}}\'; cannot read {text[:80]!r}: {error}.'
        ) from error
    if isinstance(given, str):
        raise DecisionError(
            f"decisions as text must be the JSON of a dict or list; got the JSON of the string {given[:80]!r}."
        )
    return given


def _shallow(given: object) -> Any:
    try:
        return check_depth(given)
    except LoadError as error:
        raise DecisionError(f"these decisions cannot be read: {error}.") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key in found if sum(key == k for k, _ in pairs) > 1)
        raise DecisionError(f"the decision {at_path(twice)} is given twice.")
    return found


def _hole(point: Point) -> str:
    return point.hole if isinstance(point, Choice) else point.path


def list_paths(space: Space, indices: Sequence[int]) -> str:
    """Returns the paths of points as text, eight of them at most."""
    shown = ", ".join(repr(space.points[i].path) for i in list(indices)[:8])
    return shown + (", ..." if len(indices) > 8 else "") if indices else "none"
