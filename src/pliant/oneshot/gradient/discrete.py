"""From probabilities to decisions: the leading candidates, under the rules of the space.

Knows spaces and numbers; not what the candidates are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from math import inf, log, perm
from typing import Any

from pliant.space import Choice, Decisions, Float, Space

TRIED = 5040  # so many assignments are tried one by one


def lead(space: Space, scores: Mapping[str, Sequence[float]]) -> Decisions:
    """Returns the decisions that take the leading candidate of each choice; of equal ones the first.

    The picks of a group are taken together, so that they keep its rule (distinct, sorted) and the product of their
    probabilities is largest.  Choices without scores take their first candidate, and numbers their lowest value.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("op", 3), choice("in", 3, picks=2, sorted=True)])
    >>> lead(space, {"op": [0.1, 0.7, 0.2], "in[0]": [0.2, 0.3, 0.5], "in[1]": [0.2, 0.3, 0.5]}).values
    (1, 1, 2)

    Args:
      space: the decisions.
      scores: by the path of a choice, the probability of each candidate.
    """
    points, chosen, values = space.points, dict[int, int](), list[Any]()

    def walk(indices: tuple[int, ...]) -> None:
        for index in indices:
            point = points[index]
            if not isinstance(point, Choice):
                values.append(float(point.min_value) if isinstance(point, Float) else point.min_value)
                continue
            if point.group is None:
                chosen[index] = _argmax(_scores(point, scores))
            elif point.pick == 0:
                members = list(point.group.members)
                table = [_scores(points[member], scores) for member in members]
                chosen.update(
                    zip(members, assign(table, distinct=point.group.distinct, in_order=point.group.sorted))
                )
            values.append(chosen[index])
            walk(point.branches[chosen[index]])

    walk(space.top)
    return Decisions(space, values)


def assign(table: Sequence[Sequence[float]], *, distinct: bool, in_order: bool) -> list[int]:
    """Returns a candidate per row, under the rules of a group, so that the product of their probabilities is largest.

    Exact, except for distinct picks in any order of which there are more than a few thousand: these are given
    out one by one, the largest probability first.
    """
    logs = [[log(p) if p > 0.0 else -1e9 for p in row] for row in table]
    if in_order:
        return _in_order(logs, step=1 if distinct else 0)
    if not distinct:
        return [_argmax(row) for row in logs]
    picks, count = len(logs), len(logs[0])
    if perm(count, picks) <= TRIED:
        best = max(permutations(range(count), picks), key=lambda p: sum(logs[i][j] for i, j in enumerate(p)))
        return list(best)
    found: dict[int, int] = {}
    for _, row, column in sorted((-logs[i][j], i, j) for i in range(picks) for j in range(count)):
        if row not in found and column not in found.values():
            found[row] = column
    return [found[row] for row in range(picks)]


def _in_order(logs: list[list[float]], *, step: int) -> list[int]:
    """Does it for rising picks, by dynamic programming: ``ends[j]`` is the best with the last pick at ``j``."""
    ends: list[tuple[float, tuple[int, ...]]] = [(value, (j,)) for j, value in enumerate(logs[0])]
    for row in logs[1:]:
        following: list[tuple[float, tuple[int, ...]]] = []
        for j, value in enumerate(row):
            before = max(ends[: j + 1 - step], key=lambda end: end[0], default=(-inf, ()))
            following.append((before[0] + value, (*before[1], j)))
        ends = following
    return list(max(ends, key=lambda end: end[0])[1])


def _scores(point: Any, scores: Mapping[str, Sequence[float]]) -> Sequence[float]:
    found = scores.get(point.path)
    return [1.0] * point.count if found is None else found


def _argmax(row: Sequence[float]) -> int:
    return max(range(len(row)), key=row.__getitem__)
