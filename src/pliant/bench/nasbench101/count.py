"""Counts and lists the different cells of NAS-Bench-101 up to isomorphism, without hashing half a billion graphs.

In a graph with forward edges, every vertex is on a path from input to output if every vertex except the first has a
predecessor and every vertex except the last a successor.  Such graphs are brought to a canonical form (the smallest
code over all orders of the inner vertices), and the labellings of each by operations are counted by Burnside's lemma
over its automorphisms.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

import numpy as np
import numpy.typing as npt

from pliant.zoo.nasbench101 import EDGES, INPUT, OPS, OUTPUT, VERTICES

from .graph import Graph

CHUNK = 1 << 14


def count_cells(max_vertices: int = VERTICES, *, max_edges: int = EDGES, operations: int = len(OPS)) -> int:
    """Returns the number of different valid cells, up to isomorphism; under a second for the full space.

    >>> count_cells(4), count_cells(5)
    (91, 2532)

    Args:
      max_vertices: the most vertices of a cell, 2 to 7, input and output included.
      max_edges: the most edges.
      operations: how many operations an inner vertex may have.
    """
    total = 0
    for n in range(2, max_vertices + 1):
        orders = _orders(n)
        cycles = np.array([_count_cycles(order) for order in orders])
        symmetric = _unlabelled(n, max_edges)[1]
        fixed = symmetric @ (float(operations) ** cycles)
        total += int(np.rint(fixed / symmetric.sum(axis=1)).sum())
    return total


def unique_cells(max_vertices: int = VERTICES, *, max_edges: int = EDGES) -> Iterator[Graph]:
    """Yields one cell of each isomorphism class, small ones first.

    >>> [cell.ops for cell in unique_cells(3)][:2]
    [('input', 'output'), ('input', 'conv1x1-bn-relu', 'output')]

    Args:
      max_vertices: as for ``count_cells``.
      max_edges: as for ``count_cells``.
    """
    for n in range(2, max_vertices + 1):
        orders = _orders(n)
        pairs = _pairs(n)
        for bits, symmetric in zip(*_unlabelled(n, max_edges)):
            matrix = [[0] * n for _ in range(n)]
            for (i, j), bit in zip(pairs, bits.tolist()):
                matrix[i][j] = bit
            rows = tuple(map(tuple, matrix))
            same = [order for order, fits in zip(orders, symmetric.tolist()) if fits]
            for ops in product(OPS, repeat=n - 2):
                if all(ops <= tuple(ops[v - 1] for v in order) for order in same):
                    yield Graph(rows, (INPUT, *ops, OUTPUT))


def _pairs(n: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(n) for j in range(i + 1, n)]


def _orders(n: int) -> list[tuple[int, ...]]:
    """Returns all orders of the inner vertices 1..n-2; the first is the identity."""
    return list(permutations(range(1, n - 1)))


def _count_cycles(order: tuple[int, ...]) -> int:
    """Returns the number of cycles of a permutation of 1..k."""
    seen: set[int] = set()
    cycles = 0
    for start in order:
        cycles += start not in seen
        while start not in seen:
            seen.add(start)
            start = order[start - 1]
    return cycles


def _unlabelled(n: int, max_edges: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """Returns one graph per isomorphism class of unlabelled cells with exactly ``n`` vertices."""
    pairs = _pairs(n)
    edges = _full_graphs(n, max_edges)
    # In an order o of the inner vertices, edge (i, j) becomes (o(i), o(j)), worth 2 ** (n o(i) + o(j)): at most
    # 49 bits, which a float holds exactly, so that all codes are one product of matrices.
    maps = [(0, *order, n - 1) for order in _orders(n)]
    worth = np.array([[2.0 ** (n * to[i] + to[j]) for to in maps] for i, j in pairs])
    least = np.concatenate(
        [(edges[at : at + CHUNK] @ worth).min(axis=1) for at in range(0, len(edges) or 1, CHUNK)]
    )
    first = np.unique(least, return_index=True)[1]
    chosen = edges[first]
    codes = chosen @ worth
    return chosen.astype(np.int8), (codes == codes[:, :1]).astype(np.float64)


def _full_graphs(n: int, max_edges: int) -> npt.NDArray[np.float64]:
    """Returns the edges of all forward graphs in which every vertex is on a path from input to output."""
    pairs = _pairs(n)
    codes = np.arange(1 << len(pairs), dtype=np.int64)
    codes = codes[sum(codes >> e & 1 for e in range(len(pairs))) <= max_edges]
    for v in range(n):
        into = sum(1 << e for e, (_, j) in enumerate(pairs) if j == v)
        out = sum(1 << e for e, (i, _) in enumerate(pairs) if i == v)
        for mask in (into, out):
            if mask:
                codes = codes[codes & mask != 0]
    return (codes[:, None] >> np.arange(len(pairs)) & 1).astype(np.float64)
