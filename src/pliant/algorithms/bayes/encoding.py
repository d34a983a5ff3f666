"""Encodes decisions of any kind as vectors whose squared distances measure their dissimilarity, for the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.space import Choice, Decisions, Float, Group, Int, Space, to_unit

Matrix = NDArray[np.float64]

_HALF = 0.5**0.5  # two one-hot vectors of this height are at squared distance 1
_REACH = 6**0.5  # two random numbers on [0, this] are at squared distance 1 on average


@final
class Encoding:
    """The features of one space: ``width`` numbers for any decisions, whatever is active in them.

    Each feature belongs to one *hole*, whose relevance is one weight of the kernel.  Features of candidates also
    belong to one *candidate* of a family: holes with equal lists of candidates are a family, and share one weight for
    each candidate.  With weights 1:

    - a choice is one-hot: two different candidates are at squared distance 1;
    - an ordered choice, an integer or a float is its place on its scale: two random ones are at squared
      distance 1 on average, near ones at less;
    - a point that may be inactive has one more value for that: inactive is at distance 0 from inactive and
      about 1 from anything else;
    - ``sorted`` picks count how often each candidate is picked, as their order has no meaning;
    - ``distinct`` picks in any order encode which candidates are picked (if that may vary) and the position of
      each; a full permutation also encodes which of each two comes first, so that squared distance is the part of
      pairs that are in another order (the Mallows kernel of Jiao and Vert, 2018);
    - points below a candidate that is picked at most once are the same for all picks.

    >>> from pliant.space import choice, flatten, floating
    >>> space = flatten([choice("op", [None, floating("rate", 0, 1)]), choice("act", 3)])
    >>> rows = Encoding(space).encode([space.parse([0, 1]), space.parse([0, 2]), space.parse([1, 0.5, 1])])
    >>> [round(float(((rows[0] - row) ** 2).sum()), 6) for row in rows]
    [0.0, 1.0, 2.0]
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self._hole: list[int] = []  # of each feature
        self._candidate: list[int] = []  # of each feature; -1 for none
        self._base: list[float] = []  # the features when nothing is active
        self.holes = 0  # how many weights of holes there are
        self._families: dict[Any, int] = {}
        self.candidates = 0  # how many weights of candidates there are
        self._column: dict[int, int] = {}  # where the features of a point start
        self._absent: dict[int, list[int]] = {}  # the features of a point that mark it as inactive
        self._members: dict[int, int] = {}  # of picks with a rule: where the counts of their group start
        self._pairs: dict[int, int] = {}  # of the first pick of a permutation: where its pairs start
        self._same = _canonical(space)
        self._top = set(space.top)
        for index, point in enumerate(space.points):
            self._lay(index, point)
        self.hole = np.array(self._hole, dtype=np.intp)
        self.candidate = np.array(self._candidate, dtype=np.intp)
        self._row = np.array(self._base)
        points = space.points
        self._plain = len(points) == len(space.top) and not self._members and not self._pairs
        self._one_hot = [i for i, p in enumerate(points) if not _is_line(p)]
        self._plans = [self._plan(self._same[index]) for index in range(len(points))]
        self._starts = np.array([self._column[i] for i in self._one_hot if i in self._column], dtype=np.intp)

    @property
    def width(self) -> int:
        """The number of features."""
        return len(self._hole)

    reach = _REACH
    """The feature of a number at the upper end of its scale."""

    def find_column(self, index: int) -> int:
        """Returns the feature that holds the place of a number on its scale."""
        return self._column[self._same[index]]

    def encode(self, many: Sequence[Decisions]) -> Matrix:
        """Returns the features of decisions, [len(many), width]."""
        rows = np.tile(self._row, (len(many), 1))
        if not many or not self.width:
            return rows
        if self._plain:
            self._encode_plain(rows, many)
            return rows
        for row, decisions in zip(rows, many, strict=True):
            self._encode_one(row, decisions)
        return rows

    # ------------------------------------------------------------------ laying out

    def _lay(self, index: int, point: Choice | Int | Float) -> None:
        """Gives a point its features."""
        if self._same[index] != index:
            return
        conditional = index not in self._top
        if _is_line(point) or not isinstance(point, Choice):
            hole = self._new_hole()
            self._column[index] = self._new(hole, base=0.5 * _REACH if conditional else 0.0)
            if conditional:
                self._absent[index] = [self._new(hole, base=1.0)]
            return
        group = point.group
        if group is not None and (group.distinct or group.sorted):
            self._lay_group(index, point, group, conditional=conditional)
            return
        self._column[index] = self._lay_one_hot(index, point, conditional=conditional)

    def _lay_one_hot(self, index: int, point: Choice, *, conditional: bool) -> int:
        hole, family = self._new_hole(), self._family(point)
        start = self.width
        for candidate in range(point.count):
            self._new(hole, family + candidate)
        if conditional:
            self._absent.setdefault(index, []).append(self._new(hole, base=_HALF))
        return start

    def _lay_group(self, index: int, point: Choice, group: Group, *, conditional: bool) -> None:
        full = group.distinct and group.picks == point.count
        if point.pick == 0 and not full:  # which candidates are picked
            start = self._lay_one_hot(index, point, conditional=conditional)
            self._members |= dict.fromkeys(group.members, start)
        if not group.sorted:  # which stands where
            self._column[index] = self._lay_one_hot(index, point, conditional=conditional)
            if full and point.pick == 0:
                hole = self._new_hole()
                self._pairs[index] = self.width
                for _ in combinations(range(point.count), 2):
                    self._new(hole)

    def _new_hole(self) -> int:
        self.holes += 1
        return self.holes - 1

    def _new(self, hole: int, candidate: int = -1, *, base: float = 0.0) -> int:
        self._hole.append(hole)
        self._candidate.append(candidate)
        self._base.append(base)
        return len(self._hole) - 1

    def _family(self, point: Choice) -> int:
        """Returns the first candidate weight of the choices that offer these candidates."""
        key = point.literals
        if key not in self._families:
            self._families[key] = self.candidates
            self.candidates += point.count
        return self._families[key]

    # ------------------------------------------------------------------ encoding

    def _encode_plain(self, rows: Matrix, many: Sequence[Decisions]) -> None:
        """Encodes decisions of a space whose points are all active, with separate features."""
        values = np.array([decisions.values for decisions in many])
        if self._one_hot:
            picked = values[:, self._one_hot].astype(np.intp)
            rows[np.arange(len(many))[:, None], self._starts + picked] = _HALF
        one_hot = set(self._one_hot)
        for index, point in enumerate(self.space.points):
            if index not in one_hot:
                rows[:, self._column[index]] = _REACH * _places(point, values[:, index])

    def _encode_one(self, row: Matrix, decisions: Decisions) -> None:
        order: dict[int, list[int]] = {}  # of permutations: the picks so far
        plans = self._plans
        for given, value in zip(decisions.active, decisions.values, strict=True):
            line, column, members, first, absent = plans[given]
            for feature in absent:
                row[feature] = 0.0
            if line is not None:
                row[column] = _REACH * _place(line, value)
                continue
            if column >= 0:
                row[column + int(value)] = _HALF
            if members >= 0:
                row[members + int(value)] += _HALF
            if first >= 0:
                order.setdefault(first, []).append(int(value))
        for first, picks in order.items():
            self._encode_pairs(row, first, picks)

    def _plan(self, index: int) -> tuple[Any, int, int, int, list[int]]:
        """Returns how one decision is encoded: the point, if it has a place on a scale; -1 stands for no feature.

        Its feature, the start of the counts of its group, the first pick of its permutation, its marks of absence.
        """
        point = self.space.points[index]
        line = point if _is_line(point) else None
        group = point.group if isinstance(point, Choice) else None
        first = group.first if group is not None and group.first in self._pairs else -1
        return (
            line,
            self._column.get(index, -1),
            self._members.get(index, -1),
            first,
            self._absent.get(index, []),
        )

    def _encode_pairs(self, row: Matrix, first: int, picks: list[int]) -> None:
        place = np.empty(len(picks))
        place[picks] = np.arange(len(picks))
        ahead, behind = np.triu_indices(len(picks), 1)
        start, pairs = self._pairs[first], len(ahead)
        row[start : start + pairs] = (place[ahead] < place[behind]) / pairs**0.5


def _is_line(point: Choice | Int | Float) -> bool:
    """Returns whether a point is encoded by its position on a scale, because near values are similar."""
    if not isinstance(point, Choice):
        return True
    ruled = point.group is not None and (point.group.distinct or point.group.sorted)
    return point.ordered and not ruled


def _place(point: Choice | Int | Float, value: int | float) -> float:
    """Returns the position of an ordered value in [0, 1]."""
    if isinstance(point, Choice):
        return value / (point.count - 1) if point.count > 1 else 0.5
    return to_unit(point, value)


def _places(point: Choice | Int | Float, values: Matrix) -> Matrix:
    """Returns the positions of the decisions of one point in [0, 1]."""
    if isinstance(point, Float) and point.scale == "linear" and point.max_value > point.min_value:
        found: Matrix = np.clip((values - point.min_value) / (point.max_value - point.min_value), 0.0, 1.0)
        return found
    known = {value: _place(point, value) for value in set(values.tolist())}
    return np.array([known[value] for value in values.tolist()])


def _canonical(space: Space) -> list[int]:
    """Returns for each point the one whose features it shares, which is mostly itself.

    Of distinct picks, at most one activates the points below a candidate, so the points of all picks share features.
    """
    same = list(range(len(space.points)))
    for index, point in enumerate(space.points):
        group = point.group if isinstance(point, Choice) else None
        if group is not None and group.first == index and (group.distinct or group.sorted):
            for member in list(group.members)[1:]:
                if group.sorted:
                    same[member] = index
                if group.distinct:
                    for offset in range(1, group.stride):
                        same[member + offset] = index + offset
    for index in range(len(same)):
        while same[same[index]] != same[index]:
            same[index] = same[same[index]]
    return same
