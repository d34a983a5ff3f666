"""Recombination: uniform crossover of two decisions; the child is always valid."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from pliant.values.errors import DecisionError, quote

from .decisions import Decisions
from .points import Choice, Group
from .sample import as_random, sample_branch
from .space import Space

Number = TypeVar("Number", int, float, int | float)
# The decisions of one parent by point index, and how far to shift the index.
Source = tuple[dict[int, int | float], int]


def recombine(a: Decisions, b: Decisions, rng: Random | int | None = None) -> Decisions:
    """Returns a child of two decisions of one space: each decision is that of ``a`` or ``b`` with equal probability.

    If a point is active in one parent only, the child takes its value from there. Picks of a ``manyof`` that would
    break its rule are taken from the other parent, or else sampled; the decisions below a pick stay with its
    candidate, whichever pick the parents have it in.

    Raises:
      DecisionError: the parents are of different spaces.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("x", 3, picks=2), choice("y", 2)])
    >>> recombine(Decisions(space, [0, 1, 0]), Decisions(space, [0, 2, 1]), 1)
    Decisions({'x[0]': 0, 'x[1]': 2, 'y': 1})
    """
    space = a.space
    if b.space != space:
        raise DecisionError(
            f"the parents are decisions of different spaces, {quote(space)} and {quote(b.space)}; use one space."
        )
    rng = as_random(rng)
    sources = [(dict(zip(d.active, d.values, strict=True)), 0) for d in (a, b)]
    values: list[int | float] = []
    _cross(space, space.top, sources, rng, values)
    return Decisions._of(space, tuple(values))


def _cross(
    space: Space, indices: Sequence[int], sources: list[Source], rng: Random, values: list[int | float]
) -> None:
    """Appends the child's decisions for the points at ``indices`` and all below them."""
    for index in indices:
        point = space.points[index]
        if (
            isinstance(point, Choice)
            and point.group is not None
            and (point.group.distinct or point.group.sorted)
        ):
            if point.pick == 0:
                _cross_group(space, point, point.group, sources, rng, values)
            continue
        offers = [decided[index + shift] for decided, shift in sources if index + shift in decided]
        if not offers:
            values.extend(_draw(space, index, rng))
            continue
        value = _any(offers, rng)
        values.append(value)
        if isinstance(point, Choice) and (branch := point.branches[value]):  # type: ignore[index]  # an int
            _cross(space, branch, sources, rng, values)


def _cross_group(
    space: Space, head: Choice, group: Group, sources: list[Source], rng: Random, values: list[int | float]
) -> None:
    """Appends the child's picks of one group: uniform crossover by pick, repaired, then sorted if it must be."""
    rows = [
        (source, [int(source[0][member + source[1]]) for member in group.members])
        for source in sources
        if group.first + source[1] in source[0]
    ]
    candidates: list[int] = []
    for pick in range(group.picks):
        offers = [row[pick] for _, row in rows if not group.distinct or row[pick] not in candidates]
        if not offers:  # then anything that a parent picked at all, then anything
            offers = [c for _, row in rows for c in row if c not in candidates]
        candidates.append(_any(offers or [c for c in range(head.count) if c not in candidates], rng))
    if group.sorted:
        candidates.sort()
    for member, candidate in zip(group.members, candidates, strict=True):
        values.append(candidate)
        point = space.points[member]
        assert isinstance(point, Choice)
        branch = point.branches[candidate]
        if branch:
            below = [
                (decided, shift + other - member)
                for (decided, shift), row in rows
                for other, picked in zip(group.members, row, strict=True)
                if picked == candidate
            ]
            _cross(space, branch, below, rng, values)


def _draw(space: Space, index: int, rng: Random) -> tuple[int | float, ...]:
    """Draws one point that no parent has active, with all below it."""
    point = space.points[index]
    if isinstance(point, Choice):
        candidate = int(rng.random() * point.count)
        return (candidate, *sample_branch(space, point.branches[candidate], rng))
    return sample_branch(space, (index,), rng)


def _any(offers: Sequence[Number], rng: Random) -> Number:
    return offers[int(rng.random() * len(offers))]
