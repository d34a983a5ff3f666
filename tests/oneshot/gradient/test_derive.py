"""The rule from edges to cells."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pliant.oneshot.gradient import DARTS, CellRule, derive_node

ROW = st.lists(st.floats(0, 1, width=16), min_size=4, max_size=4)


@given(st.lists(ROW, min_size=1, max_size=5), st.integers(1, 3), st.sampled_from([None, 0, 2]))
def test_the_strongest_edges_stay_with_their_strongest_candidates(edges, keep, zero):
    found = derive_node(edges, keep=keep, zero=zero)
    strength = [max(p for i, p in enumerate(row) if i != zero) for row in edges]
    assert len(found) == min(keep, len(edges))
    assert [edge for edge, _ in found] == sorted({edge for edge, _ in found})
    for edge, op in found:
        assert op != zero
        assert edges[edge][op] == strength[edge]
    gone = [s for edge, s in enumerate(strength) if edge not in dict(found)]
    assert not gone or max(gone) <= min(strength[edge] for edge, _ in found)


def test_zero_competes_in_the_softmax_only():
    edges = [[0.98, 0.01, 0.01], [0.0, 0.5, 0.5], [0.3, 0.1, 0.6]]
    assert derive_node(edges, zero=0) == [(1, 1), (2, 2)]
    assert derive_node(edges) == [(0, 0), (2, 2)]


def edges(tiny):
    return tiny.net(("e0", "e1", "e2", "other"), lambda: [tiny.Zero(), nn.Linear(4, 4), nn.Identity()])


def test_a_cell_rule_is_a_derivation(tiny):
    net = edges(tiny)
    sampler = DARTS(derivation=CellRule([["e0", "e1", "e2"]]))
    sampler.bind(net)
    rows = {"e0": [9, 1, 0], "e1": [9, 8, 2], "e2": [0, 1, 3], "other": [5, 1, 1]}
    with torch.no_grad():
        for key, row in rows.items():
            sampler.architecture.parameters[key].copy_(torch.tensor(row, dtype=torch.float64))
    assert sampler.decisions().to_dict() == {"e0": 0, "e1": 1, "e2": 2, "other": 0}
    assert net.activate(sampler.decisions())


@pytest.mark.parametrize(
    ("nodes", "keep", "message"),
    [
        ([["e0", "e9"]], 2, r"'e9' is not a choice between modules; did you mean 'e\d'\?"),
        ([["a", "b"]], 1, "no candidate Zero"),
    ],
)
def test_what_is_refused(tiny, nodes, keep, message):
    net = tiny.net(("a", "b"), lambda: [nn.Linear(4, 4), nn.Identity()]) if "a" in nodes[0] else edges(tiny)
    sampler = DARTS(derivation=CellRule(nodes, keep=keep))
    sampler.bind(net)
    with pytest.raises(ValueError, match=message):
        sampler.decisions()
