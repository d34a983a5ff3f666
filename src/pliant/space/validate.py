"""Checks decision vectors: types, ranges, the rules of groups.  Other formats are read in ``formats``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pliant.values.errors import DecisionError, quote, quote_typed
from pliant.values.numbers import to_real, to_whole
from pliant.values.path import at_path

from .active import active_points
from .points import Choice, Float, Int, Point

if TYPE_CHECKING:
    from .space import Space

Vector = tuple[int | float, ...]


def check_vector(space: Space, values: Sequence[Any]) -> Vector:
    """Returns ``values`` as a valid vector: indices as ints, floats as floats.

    Raises:
      DecisionError: a value of the wrong type, out of range, against the rule of its group; a value
        missing; one too many.
    """
    points = space.points
    pending = list(reversed(space.top))
    picked: dict[int, list[int]] = {}
    checked: list[int | float] = []
    for value in values:
        if not pending:
            raise DecisionError(
                f"{len(values)} decisions were given, but these only make {len(checked)} points active "
                f"({_say_active(space, checked)}); leave out the rest, starting with {quote(value)}."
            )
        point = points[pending.pop()]
        if not (value.__class__ is int and isinstance(point, Choice) and 0 <= value < len(point.branches)):
            value = check_value(point, value)
        checked.append(value)
        if isinstance(point, Choice):
            if point.group is not None:
                check_pick(point, value, picked.setdefault(point.group.first, []))
            branch = point.branches[value]
            if branch:
                pending.extend(reversed(branch))
    if pending:
        point = points[pending[-1]]
        raise DecisionError(
            f"the decision {at_path(point.path)} is missing: {len(checked)} values were given and more are active. "
            f"Allowed: {allowed(point)}."
        )
    return tuple(checked)


def check_value(point: Point, value: object) -> Any:
    """Returns ``value`` as a value of ``point``; ignores its group.

    Raises:
      DecisionError: it is of the wrong type or out of range.
    """
    if isinstance(point, Float):
        number = value if value.__class__ is float else to_real(value)
        if number is not None and point.min_value <= number <= point.max_value:
            return number
    else:
        whole = value if value.__class__ is int else to_whole(value)
        if whole is not None:
            if isinstance(point, Choice):
                if 0 <= whole < len(point.literals):
                    return whole
            elif point.min_value <= whole <= point.max_value and (whole - point.min_value) % point.step == 0:
                return whole
    to_whole(value)  # raises for an integer that Python does not print
    what = {"choice": "a candidate index", "int": "an integer", "float": "a number"}[point.kind]
    raise DecisionError(
        f"the decision {at_path(point.path)} must be {what}; allowed: {allowed(point)}; "
        f"got {quote_typed(value)}."
    )


def check_pick(point: Choice, value: int, picked: list[int]) -> None:
    """Checks ``value`` against the earlier picks of its group, and adds it to ``picked``.

    Raises:
      DecisionError: a repetition where picks are distinct, a descent where they are sorted.
    """
    group = point.group
    assert group is not None
    if group.distinct and value in picked:
        raise DecisionError(
            f"the decision {at_path(point.path)} repeats candidate {value}, but the {group.picks} picks of "
            f"{point.hole!r} are distinct; already picked: {picked}."
        )
    if group.sorted and picked and value < picked[-1]:
        raise DecisionError(
            f"the decision {at_path(point.path)} is {value} after {picked[-1]}, but the {group.picks} picks of "
            f"{point.hole!r} are sorted; give them in ascending order."
        )
    picked.append(value)


def allowed(point: Point) -> str:
    """Returns the allowed values of a point as text.

    >>> allowed(Int("n", 2, 8, step=2)), allowed(Choice("c", ("a", "b"), ((), ())))
    ('2..8 in steps of 2', '0..1')
    """
    if isinstance(point, Choice):
        return f"0..{point.count - 1}"
    if isinstance(point, Int):
        return f"{point.min_value}..{point.last}" + (f" in steps of {point.step}" if point.step > 1 else "")
    return f"{point.min_value!r}..{point.max_value!r}"


def _say_active(space: Space, values: Sequence[int | float]) -> str:
    paths = [repr(space.points[i].path) for i in active_points(space, values)]
    return ", ".join(paths[:6]) + (", ..." if len(paths) > 6 else "")
