"""The space of NAS-Bench-101 as a program: nodes and edges, told apart by hints."""

from __future__ import annotations

import pytest

import pliant as pg
from pliant.values.errors import FieldTypeError, FieldValueError
from pliant.zoo.nasbench101 import EDGE_HINT, OP_HINT, Cell, make_space


def test_sizes():
    for vertices in range(2, 8):
        space = pg.abstract_search_space(make_space(vertices))
        assert space.size == 3 ** (vertices - 2) * 2 ** (vertices * (vertices - 1) // 2)


def test_partitions():
    program = make_space()
    nodes = pg.abstract_search_space(program, where=pg.by_hints(OP_HINT))
    edges = pg.abstract_search_space(program, where=lambda hole: hole.hints == EDGE_HINT)
    assert (nodes.size, edges.size) == (3**5, 2**21)
    with_nodes = pg.materialize(program, [0] * 5, where=pg.by_hints(OP_HINT))
    assert pg.abstract_search_space(with_nodes) == edges
    assert isinstance(with_nodes, Cell)


@pytest.mark.parametrize("vertices", [1, 8])
def test_other_sizes(vertices):
    with pytest.raises(FieldValueError, match=rf"integer from 2 to 7; got {vertices}"):
        make_space(vertices)


def test_no_size():
    with pytest.raises(FieldTypeError, match=r"got 7\.0 of type float"):
        make_space(7.0)
