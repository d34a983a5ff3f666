"""Discretization: from probabilities of candidates to a network, by the most probable ones or by the cell rule of DARTS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from math import inf, log, perm
from typing import Any, final

import torch
from torch import Tensor

from pliant.algorithms.options import check_count
from pliant.space import Choice, Decisions, Point, Space, walk_points
from pliant.values.errors import FieldValueError, SpaceError, check_items, suggest

from ..choices.choice import LayerChoice
from ..rewrite.network import Supernet
from .runners import is_zero


def derive_node(
    edges: Sequence[Sequence[float]], *, keep: int = 2, zero: int | None = None
) -> list[tuple[int, int]]:
    """Returns the incoming edges of a node that are kept, and the candidate on each: pairs of indices, in the order of the edges.

    Liu, Simonyan and Yang, "DARTS", ICLR 2019, section 2.4: an edge is as strong as its strongest candidate other than
    ``zero``; the ``keep`` strongest edges stay, each with that candidate.  Among equals the first one counts.

    >>> derive_node([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5], [0.1, 0.6, 0.3]], zero=0)
    [(1, 2), (2, 1)]

    Args:
      edges: per incoming edge, the probability of each candidate.
      keep: the number of edges that stay; all edges if there are fewer.
      zero: the index of the candidate that means no edge.
    """
    edges = [
        check_items(row, "an edge", "[0.9, 0.1]") for row in check_items(edges, "derive_node", "[[0.9, 0.1]]")
    ]
    keep = check_count(keep, "keep", "derive_node")
    best = [max((i for i in range(len(row)) if i != zero), key=row.__getitem__) for row in edges]
    ranked = sorted(range(len(edges)), key=lambda edge: -edges[edge][best[edge]])
    return [(edge, best[edge]) for edge in sorted(ranked[:keep])]


@final
class CellRule:
    """Cell rule of DARTS: applies ``derive_node`` to cells whose edges are choices with a ``Zero`` among the candidates.

    Edges that are not kept become ``Zero``; decisions other than edges take their most probable candidate.  Cells whose
    edges are tied by name are one cell.

    >>> from torch import nn
    >>> from pliant.oneshot import supernet
    >>> class Zero(nn.Module):
    ...     def forward(self, x): return x * 0
    >>> net = supernet(nn.ModuleList(LayerChoice([Zero(), nn.ReLU(), nn.Tanh()], key=f"edge{i}") for i in range(3)))
    >>> rows = {"edge0": [0.9, 0.1, 0.0], "edge1": [0.2, 0.3, 0.5], "edge2": [0.1, 0.6, 0.3]}
    >>> CellRule([["edge0", "edge1", "edge2"]])({key: torch.tensor(row) for key, row in rows.items()}, net).values
    (0, 2, 1)

    Args:
      nodes: per node, the keys of the choices on its incoming edges.
      keep: the number of edges of a node that stay.
    """

    def __init__(self, nodes: Sequence[Sequence[str]], *, keep: int = 2) -> None:
        example = "[['edge0', 'edge1'], ['edge2']]"
        self.nodes = tuple(
            [
                check_items(keys, "each node of a CellRule", example)
                for keys in check_items(nodes, "CellRule", example)
            ]
        )
        self.keep = keep

    def __call__(self, probabilities: Mapping[str, Tensor], supernet: Supernet) -> Any:
        """Returns the decisions.

        Raises:
          FieldValueError: a key is not that of a choice between modules.
          SpaceError: an edge is not kept, and has no ``Zero``.
        """
        choices = {m.key: m for m in supernet.mutables if isinstance(m, LayerChoice)}
        rows = {key: row.tolist() for key, row in probabilities.items()}
        for node in self.nodes:
            for key in node:
                if key not in choices:
                    raise FieldValueError(
                        f"{key!r} is not a choice between modules{suggest(key, choices) or '.'} Give CellRule the keys of the choices on "
                        "the edges into each node; see `supernet.mutables`."
                    )
            zeros = [next((i for i, m in enumerate(choices[key]) if is_zero(m)), None) for key in node]
            pairs = [(rows[key], zero) for key, zero in zip(node, zeros)]
            masked = [[-1.0 if i == zero else p for i, p in enumerate(row)] for row, zero in pairs]
            kept = dict(derive_node(masked, keep=self.keep))
            for edge, key in enumerate(node):
                index = kept.get(edge, zeros[edge])
                if index is None:
                    raise SpaceError(
                        f"the edge {key!r} is not among the {self.keep} strongest of its node, and has no candidate Zero to replace it. "
                        "Add a Zero, or keep more edges."
                    )
                rows[key] = [float(i == index) for i in range(len(rows[key]))]
        found = {key: torch.tensor(row) for key, row in rows.items()}
        return lead(supernet.space, spread(supernet.space, found))


TRIED = 5040  # the largest number of assignments that are tried one by one


def lead(space: Space, scores: Mapping[str, Sequence[float]]) -> Decisions:
    """Returns the decisions with the most probable candidate of each choice; among equals the first.

    The picks of a group are chosen together: they keep its rule (distinct, sorted) and have the largest product of
    probabilities.  Choices without scores take their first candidate, and numbers their lowest value.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("op", 3), choice("in", 3, picks=2, sorted=True)])
    >>> lead(space, {"op": [0.1, 0.7, 0.2], "in[0]": [0.2, 0.3, 0.5], "in[1]": [0.2, 0.3, 0.5]}).values
    (1, 1, 2)

    Args:
      space: the decisions.
      scores: by the path of a choice, the probability of each candidate.
    """
    chosen: dict[int, int] = {}

    def decide(index: int, point: Point) -> int | float:
        if not isinstance(point, Choice):
            return point.min_value
        if point.group is None:
            return _argmax(_scores(point, scores))
        if point.pick == 0:
            members = list(point.group.members)
            table = [_scores(space.points[member], scores) for member in members]
            picks = assign(table, distinct=point.group.distinct, in_order=point.group.sorted)
            chosen.update(zip(members, picks))
        return chosen[index]

    return Decisions(space, walk_points(space, decide))


def assign(table: Sequence[Sequence[float]], *, distinct: bool, in_order: bool) -> list[int]:
    """Returns a candidate per row with the largest product of probabilities, under the rules of a group.

    Exact, except for distinct picks in any order with more than ``TRIED`` assignments: these are assigned one by one, the
    largest probability first.
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
    """Assigns rising picks by dynamic programming: ``ends[j]`` is the best prefix whose last pick is ``j``."""
    ends: list[tuple[float, tuple[int, ...]]] = [(value, (j,)) for j, value in enumerate(logs[0])]
    for row in logs[1:]:
        following: list[tuple[float, tuple[int, ...]]] = []
        for j, value in enumerate(row):
            before = max(ends[: j + 1 - step], key=lambda end: end[0], default=(-inf, ()))
            following.append((before[0] + value, (*before[1], j)))
        ends = following
    return list(max(ends, key=lambda end: end[0])[1])


def spread(space: Space, probabilities: Mapping[str, Tensor]) -> dict[str, list[float]]:
    """Returns probabilities by the path of a decision point; inputs that are chosen together share those of their key."""
    rows = {key: row.tolist() for key, row in probabilities.items()}
    for point in space.points:
        hole = getattr(point, "hole", point.path)
        if point.path not in rows and hole in rows:
            rows[point.path] = rows[hole]
    return rows


def _scores(point: Any, scores: Mapping[str, Sequence[float]]) -> Sequence[float]:
    found = scores.get(point.path)
    return [1.0] * point.count if found is None else found


def _argmax(row: Sequence[float]) -> int:
    return max(range(len(row)), key=row.__getitem__)
