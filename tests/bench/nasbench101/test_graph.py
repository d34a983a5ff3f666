"""Cells as graphs: pruning, validity and the hash of the published tables."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pliant.bench.nasbench101 import Graph, make_graph, prune_cell, structure, unique_cells
from pliant.values.errors import FieldValueError
from pliant.zoo.nasbench101 import CONV1X1, CONV3X3, INPUT, MAXPOOL3X3, OPS, OUTPUT


@st.composite
def graphs(draw, max_vertices=7):
    n = draw(st.integers(2, max_vertices))
    nodes = draw(st.lists(st.sampled_from(OPS), min_size=n - 2, max_size=n - 2))
    edges = draw(st.lists(st.integers(0, 1), min_size=n * (n - 1) // 2, max_size=n * (n - 1) // 2))
    return make_graph(nodes, edges)


def inception():
    """The example of the published interface; it has a hash in the published table, and nine edges."""
    matrix = ("0111010", "0000001", "0000001", "0000100", "0000001", "0000001", "0000000")
    ops = (INPUT, CONV1X1, CONV3X3, CONV3X3, CONV3X3, MAXPOOL3X3, OUTPUT)
    return Graph(tuple(tuple(map(int, row)) for row in matrix), ops)


class TestHash:
    @pytest.mark.parametrize("vertices", [4, 5])
    def test_is_that_of_the_published_tables(self, data, vertices):
        """All cells that the tables have, by their own adjacency matrices and operations."""
        with np.load(data / f"ecnas_{vertices}v.npz") as archive:
            columns = {name: archive[name] for name in ("hash", "adjacency", "ops", "op_names", "n_vertices")}
        names = [name.decode() for name in columns["op_names"]]
        expected = [name.decode() for name in columns["hash"]]
        found = []
        for n, matrix, codes in zip(columns["n_vertices"].tolist(), columns["adjacency"], columns["ops"]):
            ops = tuple(names[code] for code in codes[:n])
            found.append(Graph(tuple(map(tuple, matrix[:n, :n].tolist())), ops).fingerprint())
        assert found == expected

    @pytest.mark.parametrize("vertices", [4, 5])
    def test_of_the_unique_cells_are_all_of_a_table(self, data, vertices):
        with np.load(data / f"ecnas_{vertices}v.npz") as archive:
            expected = {name.decode() for name in archive["hash"]}
        assert {cell.fingerprint() for cell in unique_cells(vertices)} == expected

    @given(graphs(), st.randoms(use_true_random=False))
    def test_does_not_depend_on_the_order_of_vertices(self, graph, rng):
        n = len(graph.ops)
        order = forward_order(graph, rng)
        matrix = tuple(tuple(graph.matrix[i][j] for j in order) for i in order)
        other = Graph(matrix, tuple(graph.ops[v] for v in order))
        assert other.fingerprint() == graph.fingerprint()
        assert other.edge_count == graph.edge_count
        assert len(order) == n

    @given(graphs(), st.data())
    def test_depends_on_every_operation_and_edge(self, graph, data):
        graph = graph.prune()
        assume(graph is not None and len(graph.ops) > 2)
        v = data.draw(st.integers(1, len(graph.ops) - 2))
        op = data.draw(st.sampled_from([op for op in OPS if op != graph.ops[v]]))
        changed = Graph(graph.matrix, (*graph.ops[:v], op, *graph.ops[v + 1 :]))
        assert changed.fingerprint() != graph.fingerprint()
        fewer = tuple(
            tuple(0 if (i, j) == (0, v) else e for j, e in enumerate(r)) for i, r in enumerate(graph.matrix)
        )
        if fewer != graph.matrix:
            assert Graph(fewer, graph.ops).fingerprint() != graph.fingerprint()


def forward_order(graph, rng):
    """A random order of the vertices in which edges still go forward, with input first and output last."""
    n = len(graph.ops)
    left, order = list(range(1, n - 1)), [0]
    while left:
        ready = [v for v in left if not any(graph.matrix[w][v] for w in left)]
        order.append(rng.choice(ready))
        left.remove(order[-1])
    return [*order, n - 1]


class TestPruning:
    @given(graphs())
    def test_keeps_what_is_on_a_way(self, graph):
        pruned = graph.prune()
        if pruned is None:
            assert not reaches_output(graph)
            return
        assert reaches_output(graph)
        assert pruned.prune() == pruned
        n = len(pruned.ops)
        assert all(any(pruned.matrix[i][j] for i in range(n)) for j in range(1, n))
        assert all(any(pruned.matrix[i]) for i in range(n - 1))

    @given(graphs(), st.sampled_from(OPS))
    def test_dangling_vertices_do_not_count(self, graph, op):
        """A vertex without edges, put into the middle, changes nothing."""
        assume(len(graph.ops) < 7)
        matrix = [[*row[:1], 0, *row[1:]] for row in graph.matrix]
        matrix.insert(1, [0] * (len(graph.ops) + 1))
        wider = Graph(tuple(map(tuple, matrix)), (INPUT, op, *graph.ops[1:]))
        assert wider.prune() == graph.prune()

    def test_no_way(self):
        assert make_graph([CONV1X1], [1, 0, 0]).prune() is None
        assert prune_cell(make_graph([CONV1X1], [0, 0, 1])) is None

    def test_a_whole_graph_is_kept(self):
        assert inception().prune() == inception()


def reaches_output(graph):
    n = len(graph.ops)
    power = np.linalg.matrix_power(np.array(graph.matrix) + np.eye(n, dtype=int), n)
    return power[0, -1] > 0


class TestValidity:
    def test_edges_are_counted_after_pruning(self):
        """Ten edges, of which some lead nowhere, are allowed; ten that matter are not."""
        full = make_graph([CONV1X1] * 3, [1] * 10)
        assert full.edge_count == 10
        assert prune_cell(full) is None
        assert prune_cell(full, max_edges=10) == full
        ends_early = make_graph([CONV1X1] * 4, [1] * 4 + [1] + [1] * 3 + [0] + [1] * 2 + [1] + [0] * 3)
        assert ends_early.edge_count > 9
        pruned = prune_cell(ends_early)
        assert pruned is not None
        assert pruned.edge_count <= 9

    def test_vertices_are_counted_after_pruning(self):
        assert prune_cell(inception(), max_vertices=6) is None
        assert prune_cell(make_graph([CONV1X1] * 5, [0] * 5 + [1] + [0] * 15), max_vertices=2) is not None

    def test_random_graphs_are_cells_or_not(self):
        rng = random.Random(0)
        found = [
            prune_cell(make_graph(rng.choices(OPS, k=5), [rng.randint(0, 1) for _ in range(21)]))
            for _ in range(300)
        ]
        assert 0 < sum(cell is not None for cell in found) < 300
        assert all(cell.edge_count <= 9 for cell in found if cell)


@pytest.mark.parametrize(
    ("matrix", "ops", "message"),
    [
        (((0,),), (INPUT,), "at least 2"),
        (((0, 1), (0,)), (INPUT, OUTPUT), r"2 rows of lengths \[2, 1\]"),
        (((0, 2), (0, 0)), (INPUT, OUTPUT), r"0 or 1 and go forward.*row 0 of the matrix is \(0, 2\)"),
        (((0, 1), (1, 0)), (INPUT, OUTPUT), "row 1"),
        (((1, 1), (0, 0)), (INPUT, OUTPUT), "above the diagonal"),
        (((0, 1), (0, 0)), (OUTPUT, INPUT), "operations of a cell are 'input', then any of conv1x1-bn-relu"),
        (((0, 1, 0), (0, 0, 1), (0, 0, 0)), (INPUT, "conv5x5", OUTPUT), "conv5x5"),
    ],
)
def test_graphs_that_are_none(matrix, ops, message):
    with pytest.raises(FieldValueError, match=message):
        Graph(matrix, ops)


def test_edges_of_another_length():
    with pytest.raises(FieldValueError, match="2 nodes has 6 possible edges; got 3"):
        make_graph([CONV1X1, CONV1X1], [1, 0, 1])


def test_structure_is_the_hash_of_the_pruned_cell():
    nodes = ["conv3x3-bn-relu", "maxpool3x3"]
    assert structure(nodes, [1, 0, 0, 0, 1, 0]) == structure(
        nodes[:1], [1, 0, 1]
    )  # the second vertex is unused
    assert structure(nodes, [1, 0, 0, 0, 1, 0]) != structure(nodes[1:], [1, 0, 1])
    with pytest.raises(
        FieldValueError, match=r"the cell is invalid: no path from input to output, or more than 9"
    ):
        structure(nodes, [0] * 6)
