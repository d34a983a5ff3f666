"""Macro spaces: the sizes of the formulas against counts, and what a graph computes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.values.errors import FieldValueError
from pliant.zoo import macro

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
SMALL = {"ops": ("conv_3x3", "max_pool_3x3", "skip_connect"), "filters": 4, "classes": 3}


@pytest.mark.parametrize("n", [1, 2, 3, 4, 10])
def test_sizes_are_those_of_the_formulas(n):
    size = {
        make: pg.abstract_search_space(make(n)).size
        for make in (macro.make_chain, macro.make_multi_branch, macro.make_graph)
    }
    assert size[macro.make_chain] == 7**n
    assert size[macro.make_multi_branch] == 7**n * 2 ** sum(min(j, 3) for j in range(n))
    assert size[macro.make_graph] == 7**n * 2 ** (n * (n - 1) // 2)


@pytest.mark.parametrize("make", [macro.make_chain, macro.make_multi_branch, macro.make_graph])
def test_sizes_are_those_of_an_enumeration(make):
    space = make(3, **SMALL)
    count = pg.abstract_search_space(space).size
    assert sum(1 for _ in pg.iter(space)) == count


@pytest.mark.parametrize("make", [macro.make_chain, macro.make_multi_branch, macro.make_graph])
def test_samples_train(make):
    for seed in range(4):
        network = pg.random_sample(make(4, filters=4, classes=3), seed=seed)
        loss = nn.functional.cross_entropy(network(IMAGES), torch.tensor([0, 2]))
        loss.backward()
        assert torch.isfinite(loss)


def test_chain_becomes_a_supernet():
    net = pg.oneshot.supernet(macro.make_chain(3, **SMALL)).eval()
    for seed in range(4):
        one = net.materialize(net.activate(net.space.sample(seed))).eval()
        assert torch.allclose(net(IMAGES), one(IMAGES), atol=1e-5)


class Add(nn.Module):
    """Adds a number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.number


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([0, 0, 0], (5 + 1) + (5 + 10) + (5 + 100)),  # three branches
        ([1, 0, 1], 5 + 1 + 10 + 100),  # a chain
        ([1, 1, 0], (5 + 1 + 10) + (5 + 1 + 100)),  # one node into two
        ([0, 1, 1], (5 + 1) + (5 + 10) + 100),  # two nodes into one
    ],
)
def test_graph_adds_the_nodes_that_its_edges_join(edges, expected):
    graph = macro.Graph([Add(1), Add(10), Add(100)], edges)
    assert graph(torch.tensor(5.0)) == expected


def test_wrong_arguments_say_what_is_allowed():
    with pytest.raises(
        FieldValueError, match="a graph of 2 nodes has 1 pairs, each 1 with an edge or 0; got 3 numbers"
    ):
        macro.Graph([Add(1), Add(2)], [1, 0, 1]).sources  # noqa: B018
    with pytest.raises(
        FieldValueError, match=r"the operations are conv_3x3, .*; got 'conv3x3'; did you mean 'conv_3x3'"
    ):
        macro.make_chain(2, ops=["conv3x3"])
