"""Graphs of cells: drawings, and equal normal forms for isomorphic graphs and no others."""

from __future__ import annotations

from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg
from pliant import zoo
from pliant.zoo.cell_graph import CellGraph

DRAWN = [name for name in zoo.list() if zoo.get(name).graphs]


@st.composite
def graphs(draw, most=4):
    """Graphs of up to four nodes with one or two summands, some of them labelled."""
    count = draw(st.integers(1, most))
    nodes = tuple(
        tuple(
            (draw(st.sampled_from(["conv", "pool", ""])), draw(st.integers(0, node + 1)))
            for _ in range(draw(st.integers(0, 2)))
        )
        for node in range(count)
    )
    ends = tuple(sorted(draw(st.sets(st.integers(0, count + 1), min_size=1))))
    labels = tuple(draw(st.sampled_from(["a", "b"])) for _ in nodes) if draw(st.booleans()) else ()
    return CellGraph(("older", "newer"), nodes, ends, "output", labels)


def reorder(graph, order):
    """Returns the graph with its nodes in another order, without regard to whether sources come first."""
    place = {0: 0, 1: 1} | {old + 2: new + 2 for new, old in enumerate(order)}
    return CellGraph(
        graph.inputs,
        tuple(tuple((op, place[source]) for op, source in reversed(graph.nodes[old])) for old in order),
        tuple(place[end] for end in graph.ends),
        graph.output,
        tuple(graph.labels[old] for old in order) if graph.labels else (),
    )


def key(graph):
    """Returns a graph as plain data in which summands and ends have no order."""
    return tuple(tuple(sorted(node)) for node in graph.nodes), tuple(sorted(graph.ends)), graph.labels


@given(graphs(), st.randoms())
def test_order_does_not_change_the_normal_form(graph, random):
    order = list(range(len(graph.nodes)))
    random.shuffle(order)
    assert reorder(graph, order).normalize() == graph.normalize()


@given(graphs(3), graphs(3))
def test_equal_normal_forms_are_isomorphic(one, other):
    """Isomorphic by the definition: some order of the nodes makes them equal."""
    isomorphic = len(one.nodes) == len(other.nodes) and any(
        key(reorder(one, order)) == key(other) for order in permutations(range(len(one.nodes)))
    )
    assert (one.normalize() == other.normalize()) == isomorphic


def test_all_small_graphs_are_told_apart():
    """Two nodes with two summands from two inputs: as many normal forms as classes found by trying all orders."""
    found, classes = set(), set()
    for first in product(range(2), repeat=2):
        for second in product(range(3), repeat=2):
            nodes = (tuple(("", source) for source in first), tuple(("", source) for source in second))
            graph = CellGraph(("older", "newer"), nodes, (2, 3))
            found.add(graph.normalize())
            classes.add(min(key(reorder(graph, order)) for order in ((0, 1), (1, 0))))
    assert len(found) == len(classes) == 15


def test_drawing_has_a_column_for_each_tensor_and_a_row_for_each_node():
    graph = CellGraph(
        ("image",), ((("conv", 0),), (), (("pool", 0), ("", 1))), (1, 3), "sum", ("", "norm", "")
    )
    assert graph.draw().splitlines() == [
        "  0  1  2  3",
        "  *           image",
        "  o--*        conv(0)",
        "  |  |  *     norm(zero)",
        "  o--o-----*  pool(0) + 1",
        "     o-----o  sum",
    ]


@given(graphs())
def test_drawings_show_what_is_taken(graph):
    """The rows of a drawing, read again, give the tensors that each node takes."""
    rows = graph.draw().splitlines()[1:]
    count = len(graph.nodes) + 2
    taken = [{i for i in range(count) if row[2 + 3 * i] == "o"} for row in rows]
    assert taken == [set(), set(), *({source for _, source in node} for node in graph.nodes), set(graph.ends)]
    assert [row[2 + 3 * i] for i, row in enumerate(rows[:-1])] == ["*"] * count


@pytest.mark.parametrize("name", DRAWN)
def test_graphs_of_entries_are_those_of_their_programs(name):
    entry = zoo.get(name)
    program = pg.random_sample(entry.make_space(), seed=3)
    drawn = entry.read_graphs(program)
    assert drawn
    for graph in drawn.values():
        assert all(source < i + len(graph.inputs) for i, node in enumerate(graph.nodes) for _, source in node)
        assert not graph.labels or len(graph.labels) == len(graph.nodes)
    if entry.network_name:
        assert list(entry.read_graphs(entry.make_network())) == list(drawn)


@pytest.mark.parametrize(
    "name", ["darts", "darts/two_inputs", "nasnet", "amoebanet", "enas/micro", "nasbench201"]
)
def test_structure_separates_programs_that_compute_something_else(name):
    entry = zoo.get(name)
    space = entry.make_space()
    one, other = (pg.random_sample(space, seed=seed) for seed in (1, 2))
    assert entry.read_structure(one) == entry.read_structure(pg.clone(one)) != entry.read_structure(other)


def test_entries_without_graphs_have_none():
    entry = zoo.get("randaugment")
    program = pg.random_sample(entry.make_space(), seed=0)
    assert entry.read_graphs(program) == {}
    assert pg.eq(entry.read_structure(program), program)


def test_structures_of_networks_are_those_of_their_cells():
    cells, networks = zoo.get("nasbench201"), zoo.get("nasbench201/network")
    spaces = cells.make_space(), networks.make_space(width=1, cells=1)
    for seed in range(20):
        numbers = list(pg.abstract_search_space(spaces[0]).sample(seed).to_dict().values())
        cell, network = (pg.materialize(space, numbers) for space in spaces)
        assert cells.read_structure(cell) == networks.read_structure(network)
        assert cells.read_graphs(cell) == networks.read_graphs(network)
