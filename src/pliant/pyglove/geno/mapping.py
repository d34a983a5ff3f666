"""Genotypes as a ``pliant.space.Space`` and DNA as ``Decisions``, and back: the same decision points with the same paths.

A custom decision, which is text that the user's class decodes, has no counterpart there.
"""

from __future__ import annotations

import math
from typing import Any

from pliant.space import Choice, Decisions, Hole, Int, Space, choice, flatten, floating
from pliant.values.errors import SpaceError, quote

from ..values.value_location import KeyPath
from .categorical import Choices
from .dna import DNA
from .numerical import floatv
from .space import Space as Genotype
from .spec import INFINITE


def to_space(spec: Any) -> Space:
    """Returns the search space of a genotype.

    >>> from pliant.pyglove.geno.categorical import oneof
    >>> from pliant.pyglove.geno.numerical import floatv
    >>> from pliant.pyglove.geno.space import Space, constant
    >>> print(to_space(Space([oneof([constant(), floatv(0.0, 1.0, location="p")], location="op")])))
    Space of size infinite with 2 decision points
      op: choice of 2: 0, 1
        op[=1/2].p: float from 0.0 to 1.0

    Raises:
      SpaceError: it has a custom decision point.
    """
    return flatten(_to_holes(spec))


def _to_holes(spec: Any) -> list[Hole]:
    if spec.is_space:
        return [hole for element in spec.elements for hole in _to_holes(element)]
    path = spec.location.path
    if spec.is_numerical:
        return [
            floating(
                path,
                spec.min_value,
                spec.max_value,
                scale=spec.scale or "linear",
                name=spec.name,
                hints=spec.hints,
            )
        ]
    if spec.is_custom_decision_point:
        raise SpaceError(
            f"{quote(spec)} is a custom decision point: text that the user's class decodes. "
            "pliant's algorithms do not propose it; use an algorithm of PyGlove's kind, such as pg.evolution."
        )
    literals = spec.literal_values
    return [
        choice(
            path,
            [_to_holes(candidate) for candidate in spec.candidates],
            literals=None if literals is None else [str(literal) for literal in literals],
            values=literals or (),
            picks=spec.num_choices,
            distinct=spec.distinct,
            sorted=spec.sorted,
            name=spec.name,
            hints=spec.hints,
        )
    ]


def count(spec: Any) -> int:
    """Returns the number of DNA of a genotype; -1 for infinitely many."""
    try:
        size = to_space(spec).size
    except SpaceError:
        return INFINITE
    return INFINITE if math.isinf(size) else int(size)


def to_spec(space: Space) -> Any:
    """Returns the genotype of a search space; an integer is a choice among its values.

    >>> from pliant.space import choice, flatten, integer
    >>> spec = to_spec(flatten([choice("op", [None, integer("k", 1, 3)])]))
    >>> spec.decision_ids, spec.space_size
    ([op, op[=1/2].k], 4)
    """
    return Genotype([_to_spec(space, i, "") for i in _first_picks(space, space.top)])


def _first_picks(space: Space, indices: Any) -> list[int]:
    """Returns the indices of points without those of later picks of a group."""
    return [i for i in indices if not getattr(space.points[i], "pick", 0)]


def _to_spec(space: Space, index: int, prefix: str) -> Any:
    point = space.points[index]
    if isinstance(point, Choice):
        group = point.group
        location = point.hole[len(prefix) :].removeprefix(".")
        below = [
            Genotype(
                [
                    _to_spec(space, i, f"{point.path}[={at}/{point.count}]")
                    for i in _first_picks(space, branch)
                ]
            )
            for at, branch in enumerate(point.branches)
        ]
        return Choices(
            group.picks if group else 1,
            below,
            list(point.values) or list(point.literals),
            group.distinct if group else True,
            sorted=bool(group and group.sorted),
            hints=point.hints,
            location=KeyPath.parse(location),
            name=point.name,
        )
    location = point.path[len(prefix) :].removeprefix(".")
    if isinstance(point, Int):
        values = list(range(point.min_value, point.max_value + 1, point.step))
        return Choices(
            1,
            [Genotype() for _ in values],
            values,
            hints=point.hints,
            location=KeyPath.parse(location),
            name=point.name,
        )
    scale = None if point.scale == "linear" else point.scale
    return floatv(
        point.min_value,
        point.max_value,
        scale,
        hints=point.hints,
        location=KeyPath.parse(location),
        name=point.name,
    )


def to_decisions(dna: DNA, space: Space) -> Decisions:
    """Returns the decisions of a DNA in the search space of its genotype, or of a space from which its genotype was made."""
    numbers = iter(dna.to_numbers())
    return Decisions(space, _to_values(space, space.top, numbers))


def _to_values(space: Space, indices: Any, numbers: Any) -> list[Any]:
    values: list[Any] = []
    for index in indices:
        point, number = space.points[index], next(numbers)
        if isinstance(point, Int):
            values.append(point.min_value + number * point.step)
        else:
            values.append(number)
        if isinstance(point, Choice):
            values += _to_values(space, point.branches[number], numbers)
    return values


def to_dna(decisions: Decisions, spec: Any) -> DNA:
    """Returns decisions as a DNA of the genotype of their space."""
    points = decisions.space.points
    numbers = [
        (value - point.min_value) // point.step if isinstance(point := points[index], Int) else value
        for index, value in zip(decisions.active, decisions.values, strict=True)
    ]
    return DNA.from_numbers(numbers, spec)
