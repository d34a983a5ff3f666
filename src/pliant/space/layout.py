"""Checks the flat layout of a space, and builds the tree of units from it; internal to ``space``.

A *unit* is one hole: a number, a choice, or all picks of a ``manyof`` together.  Units have no paths, because
counting and enumeration depend only on the shape, which all picks of a group share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pliant.values.errors import SpaceError, quote, quote_typed
from pliant.values.path import at_path

from .count import Picker, make_picker
from .points import Choice, Float, Int, Point


class Unit:
    """One hole.  ``size`` is the number of its distinct decisions; a float counts as one."""

    __slots__ = ("branches", "picker", "picks", "point", "size")

    def __init__(self, point: Point, branches: tuple[tuple[Unit, ...], ...]) -> None:
        self.point = point
        self.branches = branches
        self.picks = 1
        self.picker: Picker | None = None
        if isinstance(point, Choice):
            sizes = [measure(branch) for branch in branches]
            self.picker = make_picker(sizes, point.group)
            self.picks = point.group.picks if point.group else 1
            self.size = self.picker.size
        else:
            self.size = point.count if isinstance(point, Int) else 1


Units = tuple[Unit, ...]


def measure(units: Sequence[Unit]) -> int:
    """Returns the number of distinct decisions of independent units together."""
    size = 1
    for unit in units:
        size *= unit.size
    return size


def make_units(points: Sequence[Point], indices: Sequence[int]) -> Units:
    """Returns the units that the points at ``indices`` (all top-level, or one branch) form."""
    units = []
    for index in indices:
        point = points[index]
        if isinstance(point, Choice):
            if point.pick == 0:
                units.append(Unit(point, tuple(make_units(points, branch) for branch in point.branches)))
        else:
            units.append(Unit(point, ()))
    return tuple(units)


def check_layout(points: Sequence[Point], top: Sequence[int]) -> tuple[int, ...]:
    """Checks that ``points`` is the depth-first order of a tree; returns where each point's subtree ends.

    Raises:
      SpaceError: an index out of place, an id used twice, picks of a group that do not match.
    """
    ends = [0] * len(points)
    for point in points:
        if not isinstance(point, (Choice, Int, Float)):
            raise SpaceError(f"a point is a Choice, an Int or a Float; got {quote_typed(point)}.")
    end = _check_branch(points, top, 0, ends)
    if end != len(points):
        raise SpaceError(
            f"the point {at_path(points[end].path)} belongs to no branch and is not in `top`; "
            "describe spaces with pliant.space.flatten, which lays them out."
        )
    seen: set[str] = set()
    for index, point in enumerate(points):
        if point.path in seen:
            raise SpaceError(f"two decision points {at_path(point.path)}; an id names one point.")
        seen.add(point.path)
        if isinstance(point, Choice) and point.group and point.group.first == index:
            _check_group(points, index, ends)
    return tuple(ends)


def _check_branch(points: Sequence[Point], indices: Sequence[int], at: int, ends: list[int]) -> int:
    """Checks that ``indices`` and all below them fill the places from ``at``; returns the next place."""
    members: Iterator[int] = iter(())
    for index in indices:
        if index.__class__ is not int or index != at or at >= len(points):
            raise SpaceError(
                f"points must be in depth-first order: expected index {at}, but a branch names {quote(index)}; "
                "describe spaces with pliant.space.flatten, which lays them out."
            )
        point = points[index]
        at = index + 1
        group = None
        if isinstance(point, Choice):
            group = point.group
            for branch in filter(None, point.branches):
                at = _check_branch(points, branch, at, ends)
        ends[index] = at
        due = next(members, None)
        if due is None and group is not None and group.first == index:
            members = iter(group.members)
            due = next(members, None)
        if due != (index if group is not None else None):
            raise SpaceError(
                f"the picks of the group {at_path(point.path)} are not next to each other in one branch."
            )
    if next(members, None) is not None:
        raise SpaceError("the picks of a group are not next to each other in one branch: some are missing.")
    return at


def _check_group(points: Sequence[Point], first: int, ends: Sequence[int]) -> None:
    """Checks that the picks of the group at ``first`` are alike, points below them included."""
    head = points[first]
    assert isinstance(head, Choice)
    group = head.group
    assert group is not None
    where = at_path(head.hole)
    if group.picks < 2:
        raise SpaceError(f"the group {where} has {group.picks} picks; a group has 2 or more.")
    if group.distinct and group.picks > head.count:
        raise SpaceError(f"the group {where} has {group.picks} distinct picks among {head.count} candidates.")
    if ends[first] - first != group.stride:
        raise SpaceError(
            f"the group {where} has stride {group.stride}; its picks take {ends[first] - first} points."
        )
    for pick, member in enumerate(group.members):
        shift = pick * group.stride
        for offset in range(group.stride):
            given, wanted = points[member + offset], points[first + offset]
            if offset == 0:
                alike = _shape(given, shift, pick, 0) == _shape(wanted, 0, 0, 0)
            else:
                alike = _shape(given, shift, 0, shift) == _shape(wanted, 0, 0, 0)
            if not alike:
                raise SpaceError(
                    f"the picks of the group {where} differ {at_path(given.path)}; all picks of a group have the "
                    "same candidates and the same points below them."
                )


def _shape(point: Point, shift: int, pick: int, group_shift: int) -> Point:
    """Returns the point without what may differ between the picks of an enclosing group."""
    if not isinstance(point, Choice):
        return replace(point, path="", name=None)
    group = point.group
    if group is not None:
        group = replace(group, first=group.first - group_shift)
    branches = point.branches
    if shift and any(branches):
        branches = tuple(tuple(i - shift for i in branch) for branch in branches)
    return replace(point, path="", name=None, branches=branches, group=group, pick=point.pick - pick)
