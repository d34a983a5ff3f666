"""How many cells there are."""

from __future__ import annotations

from itertools import product

import pytest

from pliant.bench.nasbench101 import count_cells, make_graph, prune_cell, unique_cells
from pliant.zoo.nasbench101 import OPS


def test_the_full_space_has_as_many_cells_as_published():
    assert count_cells() == 423_624


def test_the_small_spaces_have_as_many_as_their_tables():
    assert [count_cells(n) for n in range(2, 6)] == [1, 7, 91, 2532]


@pytest.mark.parametrize("max_edges", [1, 3, 4, 9])
def test_counts_by_hashing_everything(max_edges):
    """The slow way: every matrix with every labelling, pruned and hashed."""
    seen = set()
    for nodes, edges in product(product(OPS, repeat=2), product((0, 1), repeat=6)):
        cell = prune_cell(make_graph(nodes, edges), max_edges=max_edges)
        if cell is not None:
            seen.add(cell.fingerprint())
    assert count_cells(4, max_edges=max_edges) == len(seen)
    assert {cell.fingerprint() for cell in unique_cells(4, max_edges=max_edges)} == seen


def test_cells_without_labels():
    """With one operation, what is counted is graphs."""
    shapes = {(cell.matrix) for cell in unique_cells(5)}
    assert count_cells(5, operations=1) == len(shapes)


def test_unique_cells_are_whole_and_different():
    cells = list(unique_cells(5))
    assert len(cells) == len({cell.fingerprint() for cell in cells}) == 2532
    assert all(prune_cell(cell) == cell for cell in cells)
