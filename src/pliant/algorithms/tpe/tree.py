"""Encodes decisions as rows of numbers, one place per hole of the tree of decisions, and decodes them.

If the picks of a ``manyof`` are distinct or sorted, the decisions below a candidate have one place for the candidate,
not one for each pick.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.space import Choice, Decisions, Group, Int, Point, Space, from_unit, to_unit

FEW = 32
"""Integers with up to this number of values are treated as ordered choices, others as numbers on their scale."""

INACTIVE = -1.0
"""The value of inactive holes."""

Row = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Node:
    """One hole: a decision point, or all picks of a group that are distinct or sorted."""

    point: Point  # the point; of a group the first pick
    at: int  # its place in a row; of a group the first of ``picks`` places
    picks: int  # 1, or those of the group
    group: Group | None  # the rule, where there is one
    branches: tuple[tuple[tuple[Node, ...], ...], ...]  # per candidate, and per time that it was picked

    @property
    def is_number(self) -> bool:
        """Whether its place holds a number on the unit scale, not an index."""
        point = self.point
        return not isinstance(point, Choice) and not (isinstance(point, Int) and point.count <= FEW)

    @property
    def repeats(self) -> bool:
        """Whether a candidate may be picked several times."""
        return self.group is not None and not self.group.distinct


@final
class Tree:
    """The holes of a space, and decisions as rows of them and back.

    A row has, per hole, the index of the candidate (of a small integer: its step), a number in [0, 1] on the
    hole's scale, or -1 where the hole is inactive.

    >>> from pliant.space import choice, flatten, integer
    >>> tree = Tree(flatten([choice("op", [None, integer("k", 1, 3)]), choice("e", 4, picks=2, sorted=True)]))
    >>> row = tree.encode((1, 3, 0, 2)); row.tolist()
    [1.0, 2.0, 0.0, 2.0]
    >>> tree.decode(row)
    (1, 3, 0, 2)
    >>> tree.encode((0, 0, 2)).tolist()
    [0.0, -1.0, 0.0, 2.0]
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.width = 0
        self.nodes: list[Node] = []
        self.top = self._grow(space.top)
        self._branches = [
            (node, candidate, turn, [at for child in below for at in range(child.at, child.at + child.picks)])
            for node in self.nodes
            for candidate, turns in enumerate(node.branches)
            for turn, below in enumerate(turns)
            if below
        ]
        self._plain = self.is_flat and all(
            isinstance(node.point, Choice) and node.group is None for node in self.nodes
        )

    @property
    def is_flat(self) -> bool:
        """Whether the space has only unconditional choices and small integers."""
        return not self._branches and not any(node.is_number for node in self.nodes)

    def encode(self, values: Sequence[int | float]) -> Row:
        """Returns the row of a valid decision vector."""
        if self._plain:
            return np.array(values, dtype=np.float64)
        row = np.full(self.width, INACTIVE)
        _read(self.top, iter(values), row)
        return row

    def decode(self, row: Row) -> tuple[int | float, ...]:
        """Returns the decision vector of a row; ignores inactive places."""
        codes = row.tolist()
        if self._plain:
            return tuple(map(int, codes))
        values: list[int | float] = []
        _write(self.top, codes, values)
        return tuple(values)

    def load(self, row: Row) -> Decisions:
        """Returns the decisions of a row, without checks."""
        return Decisions._of(self.space, self.decode(row))

    def prune(self, rows: NDArray[np.float64]) -> None:
        """Writes -1 for holes that are inactive by the decisions above them."""
        for node, candidate, turn, places in self._branches:
            picked = rows[:, node.at : node.at + node.picks] == candidate
            active = picked.sum(axis=1) > turn if node.picks > 1 else picked[:, 0]
            idle = np.flatnonzero(~active)
            if idle.size:
                rows[idle[:, None], places] = INACTIVE

    def _grow(self, indices: Sequence[int]) -> tuple[Node, ...]:
        """Returns the holes of the points at ``indices``, with all holes below them."""
        grown = []
        for index in indices:
            point = self.space.points[index]
            group = point.group if isinstance(point, Choice) else None
            if group is None or not (group.distinct or group.sorted):
                grown.append(self._node(index, [index], None))
            elif group.first == index:
                grown.append(self._node(index, list(group.members), group))
        return tuple(grown)

    def _node(self, index: int, members: list[int], group: Group | None) -> Node:
        point = self.space.points[index]
        at = self.width
        self.width += len(members)
        place = len(self.nodes)
        self.nodes.append(Node(point, at, len(members), group, ()))  # reserves the index, before holes below
        branches: tuple[Any, ...] = ()
        if isinstance(point, Choice):
            turns = members if group is not None and not group.distinct else members[:1]
            branches = tuple(
                tuple(self._grow(self._choice(member).branches[candidate]) for member in turns)
                for candidate in range(point.count)
            )
        node = self.nodes[place] = Node(point, at, len(members), group, branches)
        return node

    def _choice(self, index: int) -> Choice:
        point = self.space.points[index]
        assert isinstance(point, Choice)
        return point


def _read(nodes: Sequence[Node], values: Iterator[int | float], row: Row) -> None:
    for node in nodes:
        if not isinstance(node.point, Choice):
            row[node.at] = _code(node, next(values))
            continue
        times: dict[int, int] = {}
        for place in range(node.at, node.at + node.picks):
            candidate = int(next(values))
            row[place] = candidate
            turn = times[candidate] = times.get(candidate, -1) + 1
            below = node.branches[candidate][turn]
            if below:
                _read(below, values, row)


def _write(nodes: Sequence[Node], codes: list[float], values: list[int | float]) -> None:
    for node in nodes:
        point = node.point
        if not isinstance(point, Choice):
            code = codes[node.at]
            if node.is_number:
                values.append(from_unit(point, code))
            else:
                assert isinstance(point, Int)
                values.append(point.min_value + int(code) * point.step)
            continue
        times: dict[int, int] = {}
        for place in range(node.at, node.at + node.picks):
            candidate = int(codes[place])
            values.append(candidate)
            turn = times[candidate] = times.get(candidate, -1) + 1
            below = node.branches[candidate][turn]
            if below:
                _write(below, codes, values)


def _code(node: Node, value: int | float) -> float:
    point = node.point
    assert not isinstance(point, Choice)
    if node.is_number:
        return to_unit(point, value)
    assert isinstance(point, Int)
    return float((int(value) - point.min_value) // point.step)
