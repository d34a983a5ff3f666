"""Cells of NAS-Bench-101 as graphs: pruning, validity and the canonical hash.

Ying et al., ICML 2019, sections 2.1 and 2.2 and appendix S1; Ying, "Enumerating unique computational graphs via an
iterative graph invariant", arXiv:1902.06192, for the hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from pliant.values.errors import FieldValueError
from pliant.zoo.nasbench101 import CONV1X1, CONV3X3, EDGES, INPUT, MAXPOOL3X3, OPS, OUTPUT, VERTICES

LABELS = {INPUT: -1, CONV3X3: 0, CONV1X1: 1, MAXPOOL3X3: 2, OUTPUT: -2}
"""The labels of operations in the hash, as in the published table."""


@final
@dataclass(frozen=True, slots=True)
class Graph:
    """A directed graph whose edges go forward, with an operation on each vertex.

    >>> Graph(((0, 1), (0, 0)), ("input", "output")).fingerprint()
    '043721b9c7fe8c5fad811d47d83132ec'

    Attributes:
      matrix: ``matrix[i][j]`` is 1 where an edge goes from vertex i to vertex j > i, else 0.
      ops: the operation of each vertex; the first is ``input``, the last ``output``.
    """

    matrix: tuple[tuple[int, ...], ...]
    ops: tuple[str, ...]

    def __post_init__(self) -> None:
        n = len(self.ops)
        if n < 2 or len(self.matrix) != n or any(len(row) != n for row in self.matrix):
            raise FieldValueError(
                f"a cell of {n} operations needs a matrix of {n} rows and columns, at least 2; got "
                f"{len(self.matrix)} rows of lengths {[len(row) for row in self.matrix]}."
            )
        for i, row in enumerate(self.matrix):
            if any(edge not in (0, 1) for edge in row) or any(row[: i + 1]):
                raise FieldValueError(
                    f"edges of a cell are 0 or 1 and go forward (above the diagonal); row {i} of the matrix is {row}."
                )
        if self.ops[0] != INPUT or self.ops[-1] != OUTPUT or not set(self.ops[1:-1]) <= set(OPS):
            raise FieldValueError(
                f"the operations of a cell are {INPUT!r}, then any of {', '.join(OPS)}, then {OUTPUT!r}; got {self.ops}."
            )

    @property
    def edge_count(self) -> int:
        """The number of edges."""
        return sum(map(sum, self.matrix))

    def prune(self) -> Graph | None:
        """Returns the graph without vertices that are not on a path from input to output; None without a path.

        >>> Graph(((0, 0, 1), (0, 0, 1), (0, 0, 0)), ("input", "maxpool3x3", "output")).prune()
        Graph(matrix=((0, 1), (0, 0)), ops=('input', 'output'))
        """
        n = len(self.ops)
        forward = [True] + [False] * (n - 1)
        for j in range(1, n):
            forward[j] = any(forward[i] and self.matrix[i][j] for i in range(j))
        backward = [False] * (n - 1) + [True]
        for i in range(n - 2, -1, -1):
            backward[i] = any(self.matrix[i][j] and backward[j] for j in range(i + 1, n))
        if not forward[-1]:
            return None
        kept = [v for v in range(n) if forward[v] and backward[v]]
        if len(kept) == n:
            return self
        matrix = tuple(tuple(self.matrix[i][j] for j in kept) for i in kept)
        return Graph(matrix, tuple(self.ops[v] for v in kept))

    def fingerprint(self) -> str:
        """Returns the hash of the graph in the published tables; prune the graph first.

        Isomorphic graphs have equal hashes.  Each vertex starts with a hash of its degrees and label, which is
        combined with those of its predecessors and successors, once per vertex of the graph.
        """
        n = len(self.ops)
        before = [[i for i in range(n) if self.matrix[i][j]] for j in range(n)]
        after = [[j for j in range(n) if self.matrix[i][j]] for i in range(n)]
        hashes = [_md5(str((len(after[v]), len(before[v]), LABELS[self.ops[v]]))) for v in range(n)]
        for _ in range(n):
            hashes = [
                _md5(
                    "".join(sorted(hashes[w] for w in before[v]))
                    + "|"
                    + "".join(sorted(hashes[w] for w in after[v]))
                    + "|"
                    + hashes[v]
                )
                for v in range(n)
            ]
        return _md5(str(sorted(hashes)))


def make_graph(nodes: Sequence[str], edges: Sequence[int]) -> Graph:
    """Returns the graph of a cell from the fields of ``pliant.zoo.nasbench101.Cell``.

    >>> make_graph(["maxpool3x3"], [1, 0, 1]).matrix
    ((0, 1, 0), (0, 0, 1), (0, 0, 0))

    Raises:
      FieldValueError: there are more or fewer edges than pairs of vertices, or one is neither 0 nor 1.
    """
    n = len(nodes) + 2
    if len(edges) != n * (n - 1) // 2:
        raise FieldValueError(
            f"a cell of {len(nodes)} nodes has {n * (n - 1) // 2} possible edges; got {len(edges)} entries."
        )
    flags = iter(edges)
    matrix = tuple(tuple(next(flags) if j > i else 0 for j in range(n)) for i in range(n))
    return Graph(matrix, (INPUT, *nodes, OUTPUT))


def prune_cell(graph: Graph, *, max_vertices: int = VERTICES, max_edges: int = EDGES) -> Graph | None:
    """Returns the pruned graph when it is a valid cell, else None.

    A cell is valid if it has a path from input to output and, after pruning, at most ``max_vertices`` vertices and
    ``max_edges`` edges; so a graph with more edges may be valid.
    """
    pruned = graph.prune()
    if pruned is None or len(pruned.ops) > max_vertices or pruned.edge_count > max_edges:
        return None
    return pruned


def structure(nodes: Sequence[str], edges: Sequence[int]) -> str:
    """Returns the hash of a cell in the published tables, equal for isomorphic cells.

    >>> structure(["maxpool3x3"], [1, 0, 1]) == structure(["maxpool3x3"], [1, 0, 1])
    True

    Args:
      nodes: as ``pliant.zoo.nasbench101.Cell.nodes``.
      edges: as ``pliant.zoo.nasbench101.Cell.edges``.

    Raises:
      FieldValueError: the cell is invalid; see ``prune_cell``.
    """
    cell = prune_cell(make_graph(nodes, edges))
    if cell is None:
        raise FieldValueError(
            f"the cell is invalid: no path from input to output, or more than {EDGES} edges."
        )
    return cell.fingerprint()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
