"""Multilayer perceptrons: sizes by formula and by enumeration, what a sequence builds, and the super-network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import measure_differences
from pliant.values.errors import FieldValueError
from pliant.zoo import mlp

SMALL = {"units": (4, 6), "activations": ("tanh", "relu"), "inputs": 6, "classes": 3}


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_sizes_are_those_of_the_formulas(n):
    words, choices = 7 * 4 + 1, 7 * 4 * 2
    assert pg.abstract_search_space(mlp.make_space(n)).size == sum(words**i for i in range(1, n + 1))
    assert pg.abstract_search_space(mlp.make_shared_space(n)).size == sum(choices**i for i in range(1, n + 1))


@pytest.mark.parametrize(
    ("make", "count"),
    [(mlp.make_space, 5 + 5**2), (mlp.make_shared_space, 8 + 8**2)],
    ids=["words", "shared"],
)
def test_sizes_are_those_of_an_enumeration(make, count):
    programs = list(pg.iter(make(2, **SMALL)))
    assert len(programs) == len({pg.hash(one) for one in programs}) == count


def test_a_sequence_builds_its_layers():
    words = [mlp.Layer(4, "tanh"), mlp.Layer(0), mlp.Layer(0), mlp.Layer(6, "relu")]
    network = mlp.Perceptron(words, inputs=12, classes=3, dropout=0.5)
    assert [type(layer) for layer in network.body] == [
        nn.Flatten, nn.Linear, nn.Tanh, nn.Dropout, nn.Dropout, nn.Linear, nn.ReLU, nn.Linear,
    ]  # fmt: skip
    assert sum(p.numel() for p in network.parameters()) == 13 * 4 + 5 * 6 + 7 * 3
    assert network(torch.zeros(2, 3, 4)).shape == (2, 3)


def test_network_is_a_point_of_the_space():
    space = mlp.make_space()
    decisions = pg.encode(space, mlp.make_network((8, 512), "elu"))
    assert pg.eq(pg.materialize(space, decisions), mlp.make_network((8, 512), "elu"))


@pytest.mark.parametrize("make", [mlp.make_space, mlp.make_shared_space], ids=["words", "shared"])
def test_samples_learn(make):
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(64, 6, generator=draw)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 1).long()
    for seed in range(3):
        torch.manual_seed(seed)
        network = pg.random_sample(make(**SMALL), seed=seed)
        optimizer, losses = torch.optim.Adam(network.parameters(), 0.05), []
        for _ in range(30):
            loss = nn.functional.cross_entropy(network(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < 0.8 * losses[0]


def test_super_network_is_exact():
    torch.manual_seed(0)
    net = pg.oneshot.supernet(mlp.make_shared_space(3, **SMALL)).double()
    x = torch.randn(3, 6, dtype=torch.double)
    for seed in range(12):
        decisions = net.space.sample(seed)
        found = measure_differences(net, x, decisions=decisions, training=False)
        assert found.largest < 1e-10, (decisions.to_dict(), found)


def test_layers_share_one_weight():
    net = pg.oneshot.supernet(mlp.make_shared_space(2, **SMALL))
    first, second = 6 * 6 + 6, 6 * 6 + 6  # the largest layers
    assert sum(p.numel() for p in net.parameters()) == first + second + 2 * (6 * 3 + 3)


@pytest.mark.parametrize("make", [mlp.make_space, mlp.make_shared_space], ids=["words", "shared"])
def test_wrong_arguments_are_refused(make):
    with pytest.raises(FieldValueError, match=r"max_layers=\.\.\.\) takes a whole number from 1, .*; got 0"):
        make(0)


def test_wrong_layers_are_refused():
    with pytest.raises(FieldValueError, match="a layer has units, or 0 for dropout; got -1"):
        mlp.Perceptron([mlp.Layer(-1)]).body  # noqa: B018
    with pytest.raises(FieldValueError, match=r"the activations are .*; got 'rely'; did you mean 'relu'"):
        mlp.Perceptron([mlp.Layer(4, "rely")]).body  # noqa: B018
    with pytest.raises(FieldValueError, match=r"units=\.\.\.\) takes one number or more, .*; got none"):
        mlp.make_shared_space(2, units=())
