"""ProxylessNAS, FBNet and TuNAS: sizes, published networks, training, super-networks."""

from __future__ import annotations

import pytest
import torch

import pliant as pg
from pliant.oneshot import count_multiply_adds
from pliant.values.errors import FieldValueError
from pliant.zoo.mobile import fbnet, proxylessnas, tunas

IMAGE = torch.zeros(1, 3, 224, 224)
SMALL = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
STAGES = ((4, 1, 1), (6, 2, 2), (8, 2, 2))

# name -> parameters, multiply-adds at 224 x 224
PROXYLESS = {
    "mobile": (4_080_512, 320_427_584),
    "cpu": (4_361_648, 439_243_864),
    "gpu": (7_119_848, 465_260_160),
}
FBNET = {"a": (4_318_648, 249_369_912), "b": (4_813_048, 296_614_728), "c": (5_572_200, 384_960_160)}

# The models that the authors published, with the figures that they print beside them (millions).  In some places a 5 x 5 depthwise
# convolution is two of 3 x 3, which have 7 weights per channel less; (channels, pixels) of these places.  Batch normalization is
# folded into convolutions, which leaves one number per channel.  The paper prints 4.5M parameters for B, and 375M multiply-adds for
# C, which are not those of its models.
RELEASED = {
    "a": ((), 4.3, 249.4),
    "b": (((192, 28 * 28),), 4.8, 295.6),
    "c": (((192, 28 * 28), (672, 14 * 14)), 5.5, 383.0),
}


@pytest.mark.parametrize("name", PROXYLESS)
def test_proxylessnas_has_the_published_cost(name):
    network = proxylessnas.make_network(name)
    assert sum(p.numel() for p in network.parameters()) == PROXYLESS[name][0]
    assert count_multiply_adds(network, IMAGE) == PROXYLESS[name][1]


@pytest.mark.parametrize("name", FBNET)
def test_fbnet_has_its_cost(name):
    network = fbnet.make_network(name)
    assert sum(p.numel() for p in network.parameters()) == FBNET[name][0]
    assert count_multiply_adds(network, IMAGE) == FBNET[name][1]


@pytest.mark.parametrize("name", RELEASED)
def test_fbnet_has_the_cost_of_the_published_models(name):
    twice, parameters, multiply_adds = RELEASED[name]
    network = fbnet.make_network(name)
    norms = [one for one in network.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    folded = FBNET[name][0] - sum(one.num_features for one in norms) - sum(7 * wide for wide, _ in twice)
    assert round(folded / 1e6, 1) == parameters
    fewer = sum(7 * wide * pixels for wide, pixels in twice)
    assert round((FBNET[name][1] - fewer) / 1e6, 1) == multiply_adds


def test_sizes_are_the_published():
    assert pg.abstract_search_space(proxylessnas.make_space()).size == 6**6 * 7**15
    assert pg.abstract_search_space(fbnet.make_space()).size == 9**22
    assert pg.abstract_search_space(tunas.make_space()).size == 3 * 6**6 * 7**15
    filters = 1
    for width in tunas.BASE_FILTERS:
        filters *= len({tunas.round_filters(width * multiplier) for multiplier in tunas.MULTIPLIERS})
    assert pg.abstract_search_space(tunas.make_space(enlarged=True)).size == filters * 3 * 6**6 * 7**15
    assert f"{3 * 6**6 * 12**15:.0e}" == "2e+21"  # as the paper counts
    assert f"{filters * 3 * 6**6 * 12**15:.0e}" == "1e+28"


@pytest.mark.parametrize(
    "make",
    [
        lambda: proxylessnas.make_space((4, 4, 4, 6, 6, 8, 8, 8, 16), classes=3, stride=1),
        lambda: fbnet.make_space(STAGES, last=16, classes=3, stride=1),
        lambda: tunas.make_space(enlarged=True, filters=(8,) * 9, classes=3, stride=1),
    ],
    ids=["proxylessnas", "fbnet", "tunas"],
)
def test_samples_train_and_supernet_computes_each_of_them(make):
    net = pg.oneshot.supernet(make())
    for seed in range(3):
        one = pg.random_sample(make(), seed=seed)
        torch.nn.functional.cross_entropy(one(SMALL), torch.tensor([0, 2])).backward()
        assert all(torch.isfinite(p.grad).all() for p in one.parameters() if p.grad is not None)
        decisions = net.activate(net.space.sample(seed))
        net.eval()
        assert torch.allclose(net(SMALL), net.materialize(decisions).eval()(SMALL), atol=1e-4)


def test_network_found_is_a_point_of_the_space():
    space = proxylessnas.make_space()
    network = pg.materialize(space, [0] * 21)
    assert network.stages[0].kernel_size == 3
    decisions = [list(fbnet.BLOCKS).index(name) for name in fbnet.NETWORKS["c"].split()]
    assert pg.eq(pg.materialize(fbnet.make_space(), decisions), fbnet.make_network("c"))


def test_removed_layers_of_tunas_pass_their_input_on():
    space = tunas.make_space(filters=(8,) * 9, classes=3, stride=1)
    layer = next(one for one in space.stages[1].layers[1:])
    removed = pg.materialize(layer, [1])
    x = torch.randn(1, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(removed(x), x)


def test_groups_of_fbnet_exchange_channels():
    block = fbnet.Block(4, 4, 3, 1, groups=2)
    assert torch.equal(
        block.body[1](torch.arange(4.0).reshape(1, 4, 1, 1)).flatten(), torch.tensor([0.0, 2, 1, 3])
    )


def test_wrong_arguments_say_what_is_allowed():
    with pytest.raises(FieldValueError, match="are mobile, cpu, gpu; got 'moblie'; did you mean 'mobile'"):
        proxylessnas.make_network("moblie")
    with pytest.raises(FieldValueError, match="the networks of FBNet are a, b, c; got 'd'"):
        fbnet.make_network("d")
    with pytest.raises(FieldValueError, match="takes those of stem, 7 blocks and head; got 2 numbers"):
        tunas.make_space(filters=(8, 8))
