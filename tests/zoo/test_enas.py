"""The spaces of ENAS: published sizes, what a layer computes, training, and the super-network."""

from __future__ import annotations

from math import factorial

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import measure_differences
from pliant.values.errors import FieldValueError
from pliant.zoo import enas

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 12])
def test_macro_size_is_that_of_the_formula(n):
    assert pg.abstract_search_space(enas.make_macro_space(n)).size == 6**n * 2 ** (n * (n - 1) // 2)


def test_published_sizes():
    assert f"{pg.abstract_search_space(enas.make_macro_space()).size:.1e}" == "1.6e+29"
    assert pg.abstract_search_space(enas.make_micro_space()).size == (factorial(6) * 5**5) ** 4


def test_size_is_that_of_an_enumeration():
    programs = list(pg.iter(enas.make_macro_space(2, filters=4)))
    assert len({pg.hash(one) for one in programs}) == len(programs) == 6**2 * 2


def test_networks_are_points_of_the_space():
    space = enas.make_macro_space(3, filters=4)
    network = enas.make_network(["conv_5x5", "max_pool_3x3", "sep_conv_3x3"], [[], [1], [0, 1]], filters=4)
    decisions = pg.encode(space, network)
    assert list(decisions.to_dict().values()) == [2, 5, 1, 1, 0, 1]
    assert pg.eq(pg.materialize(space, decisions), network)


def test_layer_adds_the_outputs_that_it_chooses():
    number = [torch.full((1, 1, 2, 2), value) for value in (1.0, 10.0, 100.0)]
    layer = enas.Layer(nn.Identity(), [nn.Identity(), enas.Zero()], 1)
    layer.norm = nn.Identity()
    assert layer(number).unique().tolist() == [101.0]


@pytest.mark.parametrize("op", enas.OPS)
def test_operations_keep_images(op):
    assert enas.Operation(op, 3)(IMAGES).shape == IMAGES.shape


def test_each_third_halves_images():
    network = enas.make_network(["conv_3x3"] * 7, [[0] * i for i in range(7)], filters=4)
    sizes = []
    for layer in network.body:
        layer.register_forward_hook(lambda *call: sizes.append(call[2].shape[-1]))
    network(IMAGES)
    assert sizes == [8, 8, 4, 4, 2, 2, 2]


@pytest.mark.parametrize(
    "space",
    [
        enas.make_macro_space(6, filters=4, classes=3),
        enas.make_micro_space(2, filters=4, repeats=1, classes=3),
        enas.make_macro_space(1, filters=4, classes=3),
    ],
    ids=["macro", "micro", "one"],
)
def test_samples_train(space):
    for seed in range(3):
        network = pg.random_sample(space, seed=seed)
        loss = nn.functional.cross_entropy(network(IMAGES), torch.tensor([0, 2]))
        loss.backward()
        assert torch.isfinite(loss)
        assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_super_network_is_exact():
    torch.manual_seed(0)
    net = pg.oneshot.supernet(enas.make_macro_space(6, filters=4, classes=3)).double()
    for seed in range(6):
        decisions = net.space.sample(seed)
        found = measure_differences(net, IMAGES.double(), decisions=decisions, training=seed % 2 == 0)
        assert found.largest < 1e-10, (decisions.to_dict(), found)


def test_its_own_sampler_searches_it():
    """With eight channels: oneDNN on CPUs without AVX-512 writes past its memory for a strided 1 x 1 convolution of fewer."""
    torch.manual_seed(0)
    data = [(IMAGES, torch.tensor([0, 2]))] * 2
    trainer = pg.oneshot.Trainer(
        enas.make_macro_space(3, filters=8, classes=3), pg.oneshot.ENAS(), data, data, epochs=1
    )
    trainer.run_epoch()
    assert trainer.network().eval()(IMAGES).shape == (2, 3)


def test_found_cells():
    assert sum(p.numel() for p in enas.make_micro_network().parameters()) == 4_587_382  # 4.6M in the paper
    assert {op for pairs in enas.FOUND[:2] for op, _ in pairs} == set(enas.CELL_OPS)
    space = enas.make_micro_space(filters=4, repeats=1)
    network = enas.make_micro_network(filters=4, repeats=1)
    assert pg.eq(pg.materialize(space, pg.encode(space, network)), network)


def test_found_layers_have_the_parameters_of_their_sum():
    """The authors' code counts 42.6M; the paper's 21.3M and 38.0M are of networks that it does not describe."""

    def count(whole, wide=96):
        total = 29 * wide  # the stem
        for place, layer in enumerate(enas.FOUND_LAYERS):
            name, _, digits = layer.partition(" ")
            size = int(name[-1]) ** 2
            total += wide**2 + 2 * wide  # 1 x 1 convolution and normalization
            is_separable = name.startswith("sep") and not whole
            total += (size * wide + wide**2 if is_separable else size * wide**2) + 2 * wide
            if place:
                total += (digits.count("1") + 1) * wide**2 + 2 * wide  # concatenation
            if place in (7, 15):
                total += (place + 2) * (2 * wide**2 + 4 * wide)  # reductions of all outputs
                wide *= 2
        return total + 10 * wide + 10

    for whole, millions in ((False, 30.9), (True, 42.6)):
        found = sum(p.numel() for p in enas.make_macro_network(whole=whole).parameters())
        assert found == count(whole)
        assert round(found / 1e6, 1) == millions


def test_found_layers_train():
    layers = ["conv_3x3", "max_pool_3x3 1", "sep_conv_5x5 01", "conv_3x3 011"]
    network = enas.make_macro_network(layers, filters=4, classes=3)
    loss = nn.functional.cross_entropy(network(IMAGES), torch.tensor([0, 2]))
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    assert network.classifier.in_features == 16


def test_joined_layer_concatenates_the_outputs_that_it_chooses():
    outputs = [torch.full((1, 1, 2, 2), value) for value in (1.0, 10.0, 100.0)]
    layer = enas.JoinedLayer(nn.Identity(), [1, 0], 1)
    layer.join = nn.Identity()
    assert layer(outputs).flatten(2)[..., 0].tolist() == [[1.0, 100.0]]


def test_wrong_arguments_are_refused():
    with pytest.raises(
        FieldValueError, match=r"make_macro_space\(length=...\) takes a whole number from 1, .*; got 0"
    ):
        enas.make_macro_space(0)
    with pytest.raises(
        FieldValueError, match=r"layer i of 2 has i numbers of skip connections.*; got \[0, 0\]"
    ):
        enas.make_network(["conv_3x3"] * 2, [[], []])
    with pytest.raises(
        FieldValueError, match=r"the operations of ENAS are conv_3x3, .*; got 'conv_4x4'; did you mean"
    ):
        pg.random_sample(enas.make_network(["conv_4x4"], [[]])).eval()
    for layers, message in (
        (
            ["conv_3x3", "conv_3x3"],
            r"layer 1 is an operation and 1 digits, 0 or 1, such as 'conv_3x3 0'; got 'conv_3x3'",
        ),
        (
            ["conv_3x3 1"],
            "layer 0 is an operation and 0 digits, 0 or 1, such as 'conv_3x3'; got 'conv_3x3 1'",
        ),
        (["conv_3x3", "conv_3x3 2"], "layer 1 is an operation and 1 digits, 0 or 1, .*; got 'conv_3x3 2'"),
    ):
        with pytest.raises(FieldValueError, match=message):
            enas.make_macro_network(layers)
    with pytest.raises(FieldValueError, match=r"the operations of ENAS are .*; got 'conv_9x9'; did you mean"):
        enas.make_macro_network(["conv_9x9"]).eval()
