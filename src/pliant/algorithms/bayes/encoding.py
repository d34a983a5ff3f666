"""Encodes decisions of any kind as vectors whose squared distances measure their dissimilarity, for the kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import combinations
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from pliant.space import Choice, Decisions, Float, Group, Int, Space, to_unit

Matrix = NDArray[np.float64]

_HALF = 0.5**0.5  # two one-hot vectors of this height are at squared distance 1
_REACH = 6**0.5  # two random numbers on [0, this] are at squared distance 1 on average


class _Plan(NamedTuple):
    """How one decision is encoded; -1 stands for no feature."""

    written: list[tuple[int, ...]]  # the constants that each candidate writes, or those of any number
    place: Callable[[Any], float] | None = None  # the position of a number; None for a choice
    column: int = -1  # its feature
    below: list[tuple[int, ...]] | None = None  # the points below each candidate, the last first
    members: int = -1  # the start of the counts of its group
    first: int = -1  # the first pick of its permutation


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
        self.numbers = [
            self._hole[at] for i, at in self._column.items() if not isinstance(space.points[i], Choice)
        ]
        """The holes that are integers or floats."""
        self._row = np.array(self._base)
        points = space.points
        self._plain = len(points) == len(space.top) and not self._members and not self._pairs
        self._one_hot = [i for i, p in enumerate(points) if not _is_line(p)]
        constants: list[tuple[int, float]] = []
        self._plans = [self._plan(index, constants) for index in range(len(points))]
        self._features = np.array([feature for feature, _ in constants], dtype=np.intp)
        self._constants = np.array([value for _, value in constants])
        self._roots = space.top[::-1]
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
        self._encode_tree(rows, many)
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

    def _encode_tree(self, rows: Matrix, many: Sequence[Decisions]) -> None:
        """Encodes decisions of any space: walks the active points of each, then writes all features at once."""
        plans, width = self._plans, self.width
        codes: list[int] = []  # of the constants that are written, and how many of each row
        counts: list[int] = []
        lines: list[int] = []  # features of numbers
        places: list[float] = []
        for number, decisions in enumerate(many):
            pending, before = list(self._roots), len(codes)
            order: dict[int, list[int]] = {}  # of permutations: the picks so far
            value: Any
            for value in decisions.values:
                written, place, column, below, members, first = plans[pending.pop()]
                if place is not None:
                    codes += written[0]
                    lines.append(number * width + column)
                    places.append(place(value))
                    continue
                codes += written[value]
                if below is not None:
                    pending += below[value]
                if members >= 0:
                    rows[number, members + value] += _HALF
                if first >= 0:
                    order.setdefault(first, []).append(value)
            counts.append(len(codes) - before)
            for first, picks in order.items():
                self._encode_pairs(rows[number], first, picks)
        flat, chosen = rows.reshape(-1), np.array(codes, dtype=np.intp)
        starts = np.repeat(np.arange(len(many)) * width, counts)
        flat[starts + self._features[chosen]] = self._constants[chosen]
        flat[lines] = _REACH * np.array(places)

    def _plan(self, index: int, constants: list[tuple[int, float]]) -> _Plan:
        """Returns how one decision is encoded, and adds what it writes to the constants: features and their values.

        Points that share features share all but the points below.
        """
        point, given = self.space.points[self._same[index]], self.space.points[index]
        column = self._column.get(self._same[index], -1)
        marks = [(feature, 0.0) for feature in self._absent.get(self._same[index], ())]
        absent = tuple(range(len(constants), len(constants) + len(marks)))
        constants += marks
        if not isinstance(point, Choice) or not isinstance(given, Choice):
            number: Any = point
            place = partial(to_unit, number)
            return _Plan([absent], place if isinstance(point, Float) else cache(place), column)
        written = [absent] * point.count
        for candidate in range(point.count if column >= 0 else 0):
            written[candidate] = (*absent, len(constants))
            line = column, _REACH * _place(point, candidate)
            constants.append(line if _is_line(point) else (column + candidate, _HALF))
        group = point.group
        return _Plan(
            written,
            below=[branch[::-1] for branch in given.branches] if any(given.branches) else None,
            members=self._members.get(self._same[index], -1),
            first=group.first if group is not None and group.first in self._pairs else -1,
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
