"""MnasNet: published sizes and figures."""

from __future__ import annotations

import pytest
import torch

import pliant as pg
from pliant.oneshot import count_multiply_adds, supernet
from pliant.oneshot.elastic.module import Elastic
from pliant.oneshot.exactness import measure_differences
from pliant.values.errors import FieldValueError
from pliant.zoo.mobile import mnasnet

IMAGE = torch.zeros(1, 3, 224, 224)


def test_a1_has_the_published_cost():
    network = mnasnet.make_network()
    assert sum(p.numel() for p in network.parameters()) == 3_887_038  # 3.9M
    assert count_multiply_adds(network, IMAGE) == 311_579_072  # 312M


@pytest.mark.parametrize("reference", mnasnet.REFERENCES)
def test_space_has_six_choices_in_each_block(reference):
    space = pg.abstract_search_space(mnasnet.make_space(reference))
    assert space.size == 9_749_755_840_167_936
    hints = [point.hints for point in space.points]
    assert len(hints) == 42
    assert {hint: hints.count(hint) for hint in mnasnet.HINTS} == dict.fromkeys(mnasnet.HINTS, 7)


def test_a1_is_a_point_of_the_space_around_it():
    blocks = mnasnet.make_network().stages
    space = mnasnet.make_space("mnasnet_a1")
    found = pg.materialize(space, pg.encode(space, mnasnet.make_network()))
    assert pg.eq(found.stages, blocks)


def test_first_candidates_of_layers_and_filters_are_the_reference():
    space = mnasnet.make_space()
    assert [block.repeats.candidates[0] for block in space.stages] == [1, 2, 3, 4, 3, 3, 1]
    assert [block.filters.candidates[1] for block in space.stages] == [16, 24, 32, 64, 96, 160, 320]


@pytest.mark.parametrize("seed", range(6))
def test_sampled_networks_train(seed):
    network = pg.random_sample(mnasnet.make_space(classes=4, stride=1), seed=seed)
    loss = network(torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))).square().mean()
    loss.backward()
    assert all(p.grad is not None for p in network.parameters())


def test_plain_convolutions_ignore_expansion_and_squeeze():
    first, second = (
        mnasnet.Block(8, 8, 2, "conv", expansion=e, squeeze_ratio=r) for e, r in ((1, 0.0), (6, 0.25))
    )
    assert str(first.body) == str(second.body)


def test_wrong_arguments_say_what_is_allowed():
    with pytest.raises(
        FieldValueError, match="are mobilenet_v2, mnasnet_a1; got 'mnasnet_b1'; did you mean 'mnasnet_a1'"
    ):
        mnasnet.make_space("mnasnet_b1")
    with pytest.raises(FieldValueError, match="MnasNet has 7 blocks; got settings of 1"):
        mnasnet.make_network(mnasnet.MNASNET_A1[:1])
    with pytest.raises(FieldValueError, match="is 'conv' or 'mbconv'; got 'fused'"):
        mnasnet.Block(8, 8, 1, "fused").body  # noqa: B018  # modules are made at first use


def test_super_network_of_two_stages_is_exact():
    """The 648 sizes of the second are decided together: what a layer is, where it stands and which tensors it has."""
    first, second, *_ = mnasnet.make_space(classes=10).sym_init_args["stages"]
    net = supernet(pg.symbolize(torch.nn.Sequential)(first.clone(), second.clone())).double()
    assert [module.space.size for module in net.modules() if isinstance(module, Elastic)] == [144, 648]
    x = torch.randn(2, 32, 6, 6, dtype=torch.double)
    for seed in range(30):
        assert measure_differences(net, x, decisions=net.space.sample(seed)).largest < 1e-10
