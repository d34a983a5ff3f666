"""Reference networks: published parameters and multiply-adds, training steps, super-networks."""

from __future__ import annotations

import pytest
import torch

import pliant as pg
from pliant import zoo
from pliant.oneshot import count_multiply_adds
from pliant.zoo import transformer
from pliant.zoo.backbones import convnext, efficientnet, mobilenet_v3, resnet

# name -> parameters and multiply-adds at 224 x 224, as PyTorch's networks have them
PUBLISHED = {
    "mobilenet_v3": (5_483_032, 216_589_760),
    "efficientnet": (5_288_548, 385_814_752),
    "resnet": (25_557_032, 4_089_184_256),
    "convnext": (28_589_128, 4_455_531_264),
    "vit_s": (22_050_664, 4_598_882_304),
}
SMALL = {
    "mobilenet_v3": {"stride": 1},
    "efficientnet": {"stride": 1},
    "resnet": {"small": True, "depths": (1, 1, 1, 1)},
    "convnext": {"patch": 2, "depths": (1, 1, 1, 1), "widths": (8, 16, 24, 32)},
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_reference_has_the_published_cost(name):
    network = zoo.get(name).make_network()
    assert sum(p.numel() for p in network.parameters()) == PUBLISHED[name][0]
    assert count_multiply_adds(network, zoo.get(name).make_input()) == PUBLISHED[name][1]


@pytest.mark.parametrize(
    ("size", "parameters"),
    list(
        enumerate(
            [5_288_548, 7_794_184, 9_109_994, 12_233_232, 19_341_616, 30_389_784, 43_040_704, 66_347_960]
        )
    ),
)
def test_efficientnet_scales_as_published(size, parameters):
    width, depth, _, dropout = efficientnet.COEFFICIENTS[size]
    with torch.device("meta"):
        network = efficientnet.make_network(width, depth, dropout=dropout)
        assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize(("depth", "parameters"), [(101, 44_549_160), (152, 60_192_808)])
def test_deeper_resnets_have_the_published_size(depth, parameters):
    with torch.device("meta"):
        assert sum(p.numel() for p in resnet.make_network(resnet.DEPTHS[depth]).parameters()) == parameters


@pytest.mark.parametrize("name", SMALL)
def test_network_and_samples_train_one_step(name):
    entry = zoo.get(name)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    space = entry.make_space(classes=3, **SMALL[name])
    for network in (entry.make_network(classes=3, **SMALL[name]), pg.random_sample(space, seed=0)):
        step = torch.optim.SGD(network.parameters(), lr=0.1)
        loss = torch.nn.functional.cross_entropy(network(images), torch.tensor([0, 1, 2, 0]))
        loss.backward()
        assert all(p.grad is not None for p in network.parameters())
        step.step()
        assert torch.isfinite(network(images)).all()


@pytest.mark.parametrize("name", ["convnext", "resnet"])
def test_supernet_computes_each_of_its_networks(name):
    space = zoo.get(name).make_space(classes=3, **SMALL[name])
    net = pg.oneshot.supernet(space).eval()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for seed in range(4):
        decisions = net.activate(net.space.sample(seed))
        one = net.materialize(decisions).eval()
        assert torch.allclose(net(images), one(images), atol=1e-4)


def test_squeeze_is_where_table_1_has_it():
    layers = mobilenet_v3.make_network().stages
    assert [bool(layer.squeeze_ratio) for layer in layers] == [row.squeeze for row in mobilenet_v3.LARGE]
    assert layers[3].body[2].reduce.out_channels == 24  # a quarter of 72 channels, rounded to a multiple of 8


def test_vit_s_is_a_network_of_the_transformer_space():
    assert pg.eq(zoo.get("vit_s").make_network(), transformer.make_network(384, 6))


def test_convnext_normalizes_channels():
    norm = convnext.ChannelNorm(8)
    out = norm(torch.randn(2, 8, 3, 3, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(out.mean(1), torch.zeros(2, 3, 3), atol=1e-5)
