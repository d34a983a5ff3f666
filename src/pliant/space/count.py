"""Exact counts of decisions in polynomial time, one hole at a time.

A ``Picker`` holds the rule for the picks of one hole (free, or any mix of distinct and sorted) and counts the
completions of each partial pick; size, rank, unrank and enumeration use only that.  With ``s_c`` the number of ways below candidate ``c`` and ``k`` picks, the sizes are
``(sum s)^k`` (free), ``k! e_k(s)`` (distinct), ``e_k(s)`` (distinct, sorted) and ``h_k(s)`` (sorted),
where ``e_k`` and ``h_k`` are the elementary and the complete homogeneous symmetric polynomials.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import comb, factorial, perm
from typing import Any, final

from .points import Group

Move = tuple[int, int, int]  # candidate, ways below it, ways to make the later picks


class Picker(ABC):
    """The rule for the picks of one hole, as transitions between states."""

    __slots__ = ("even", "picks", "sizes")

    def __init__(self, sizes: Sequence[int], picks: int) -> None:
        self.sizes = tuple(sizes)
        self.picks = picks
        self.even = self.sizes[0] if len(set(self.sizes)) == 1 else 0  # the common size, 0 if they differ

    @abstractmethod
    def start(self) -> Any:
        """Returns the state before the first pick."""

    @abstractmethod
    def after(self, state: Any, candidate: int) -> Any:
        """Returns the state after picking ``candidate``."""

    @abstractmethod
    def moves(self, state: Any, left: int) -> list[Move]:
        """Returns the candidates that may be picked when ``left`` picks (this one included) are left."""

    @property
    def size(self) -> int:
        """The number of distinct decisions of the hole."""
        return sum(below * later for _, below, later in self.moves(self.start(), self.picks))


@final
class FreePicker(Picker):
    """Each pick is any candidate; the state is always None."""

    __slots__ = ()

    def start(self) -> Any:
        return None

    def after(self, state: Any, candidate: int) -> Any:
        return None

    def moves(self, state: Any, left: int) -> list[Move]:
        later = sum(self.sizes) ** (left - 1)
        return [(c, below, later) for c, below in enumerate(self.sizes)]

    @property
    def size(self) -> int:
        return int(sum(self.sizes) ** self.picks)


@final
class DistinctPicker(Picker):
    """Each candidate at most once, in any order; the state is the tuple of unused candidates."""

    __slots__ = ()

    def start(self) -> Any:
        return tuple(range(len(self.sizes)))

    def after(self, state: Any, candidate: int) -> Any:
        at = state.index(candidate)
        return state[:at] + state[at + 1 :]

    def moves(self, state: Any, left: int) -> list[Move]:
        if self.even:
            later = perm(len(state) - 1, left - 1) * self.even ** (left - 1)
            return [(c, self.even, later) for c in state]
        poly = elementary([self.sizes[c] for c in state], left - 1)
        return [(c, self.sizes[c], factorial(left - 1) * self._without(poly, c)) for c in state]

    def _without(self, poly: Sequence[int], candidate: int) -> int:
        """Returns the last coefficient of ``poly / (1 + s x)``: e of all but this candidate."""
        value = 0
        for coefficient in poly:
            value = coefficient - self.sizes[candidate] * value
        return value

    @property
    def size(self) -> int:
        if self.even:
            return perm(len(self.sizes), self.picks) * int(self.even**self.picks)
        return factorial(self.picks) * elementary(self.sizes, self.picks)[self.picks]


class _SortedPicker(Picker):
    """Picks in ascending order; the state is the lowest candidate that may come next."""

    __slots__ = ("rows",)

    def __init__(self, sizes: Sequence[int], picks: int) -> None:
        super().__init__(sizes, picks)
        self.rows: list[list[int]] = []

    def start(self) -> Any:
        return 0

    @abstractmethod
    def ways(self, low: int, left: int) -> int:
        """Returns in how many ways ``left`` picks can be made among the candidates from ``low``."""

    @property
    def size(self) -> int:
        return self.ways(0, self.picks)


@final
class AscendingPicker(_SortedPicker):
    """Distinct and sorted: strictly ascending candidates."""

    __slots__ = ()

    def after(self, state: Any, candidate: int) -> Any:
        return candidate + 1

    def moves(self, state: Any, left: int) -> list[Move]:
        last = len(self.sizes) - left + 1
        return [(c, self.sizes[c], self.ways(c + 1, left - 1)) for c in range(state, last)]

    def ways(self, low: int, left: int) -> int:
        if self.even:
            return comb(len(self.sizes) - low, left) * int(self.even**left)
        if not self.rows:
            self.rows = _suffix_rows(self.sizes, self.picks, again=False)
        return self.rows[left][low]


@final
class MultisetPicker(_SortedPicker):
    """Sorted, with repetition: ascending candidates."""

    __slots__ = ()

    def after(self, state: Any, candidate: int) -> Any:
        return candidate

    def moves(self, state: Any, left: int) -> list[Move]:
        return [(c, self.sizes[c], self.ways(c, left - 1)) for c in range(state, len(self.sizes))]

    def ways(self, low: int, left: int) -> int:
        if self.even:
            return comb(len(self.sizes) - low + left - 1, left) * int(self.even**left)
        if not self.rows:
            self.rows = _suffix_rows(self.sizes, self.picks, again=True)
        return self.rows[left][low]


def make_picker(sizes: Sequence[int], group: Group | None) -> Picker:
    """Returns the picker of a single choice (``group`` None) or of a group.

    >>> make_picker([1, 2, 4], Group(0, 2, distinct=True, sorted=True)).size  # 1*2 + 1*4 + 2*4
    14
    """
    if group is None:
        return FreePicker(sizes, 1)
    if group.distinct:
        return (AscendingPicker if group.sorted else DistinctPicker)(sizes, group.picks)
    return (MultisetPicker if group.sorted else FreePicker)(sizes, group.picks)


def elementary(sizes: Sequence[int], degree: int) -> list[int]:
    """Returns the elementary symmetric polynomials ``e_0 .. e_degree`` of ``sizes``.

    >>> elementary([1, 2, 4], 3)
    [1, 7, 14, 8]
    """
    poly = [1] + [0] * degree
    for size in sizes:
        for m in range(degree, 0, -1):
            poly[m] += size * poly[m - 1]
    return poly


def _suffix_rows(sizes: Sequence[int], degree: int, *, again: bool) -> list[list[int]]:
    """Returns ``rows[m][i]``: e_m, or with repetition (``again``) h_m, of the sizes from ``i`` on."""
    rows = [[1] * (len(sizes) + 1)]
    for _ in range(degree):
        row, above = [0] * (len(sizes) + 1), rows[-1]
        for i in range(len(sizes) - 1, -1, -1):
            row[i] = row[i + 1] + sizes[i] * above[i if again else i + 1]
        rows.append(row)
    return rows
