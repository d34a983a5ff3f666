"""SpineNet: sizes by formula, published parameters, shapes of features, merging, and training."""

from __future__ import annotations

from math import comb, factorial, prod

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.values.errors import FieldValueError
from pliant.zoo.dense import spinenet

TINY = {"scale": 0.1, "filters": 8}


@pytest.mark.parametrize(
    ("options", "n", "offsets", "kinds", "window"),
    [
        ({}, 11, 4, 2, 4),
        (
            {"allocation": {2: 1, 3: 3, 4: 5, 5: 1}, "offsets": (-1, 0, 1), "kinds": ("bottleneck",)},
            10,
            3,
            1,
            4,
        ),
        ({"allocation": {3: 2, 4: 1}, "window": None, "offsets": (0,)}, 3, 1, 2, 99),
        ({"allocation": {}}, 0, 1, 2, 4),
    ],
    ids=["service", "second", "all", "output"],
)
def test_size_is_that_of_the_formula(options, n, offsets, kinds, window):
    inner = prod(offsets * kinds * comb(min(i + 2, window), 2) for i in range(n))
    outer = prod(kinds * comb(i + 2, 2) for i in range(n, n + 5))
    size = pg.abstract_search_space(spinenet.make_space(**options)).size
    assert size == factorial(n) * factorial(5) * inner * outer


@pytest.mark.parametrize(
    ("options", "layers", "published"),
    [
        ({}, 4, 28.5),
        ({"repeats": 2}, 4, 43.0),
        ({"repeats": 3, "alpha": 1.0}, 4, 66.9),
        ({"repeats": 4, "alpha": 1.0, "scale": 1.3, "filters": 512}, 7, 163.6),
    ],
    ids=["49", "96", "143", "190"],
)
def test_retinanet_has_the_published_parameters(options, layers, published):
    with torch.device("meta"):
        backbone = spinenet.make_network(**options)
        wide = options.get("filters", 256)
        tower = layers * (9 * wide**2 + 2 * 5 * wide)  # shared by five levels, but for normalization
        heads = 2 * tower + (9 * wide + 1) * 9 * (90 + 4)  # nine anchors: 90 classes and four sides
        total = sum(p.numel() for p in backbone.parameters()) + heads
    assert round(total / 1e6, 1) == published


def test_small_retinanet_has_the_parameters_of_the_authors_settings():
    """The paper prints 11.9M for SpineNet-49S; the settings of the authors' code (scale 0.65, 128 channels) give 11.3M."""
    with torch.device("meta"):
        backbone = spinenet.make_network(scale=0.65, filters=128)
    heads = 2 * 4 * (9 * 128**2 + 2 * 5 * 128) + (9 * 128 + 1) * 9 * (90 + 4)
    total = sum(p.numel() for p in backbone.parameters()) + heads
    assert total == 9_089_215 + 2_165_326
    assert backbone.stem[1][0].body[1][0].out_channels == 41  # 0.65 * 64, rounded down


@pytest.mark.parametrize("seed", range(6))
def test_every_backbone_returns_all_levels(seed):
    backbone = pg.random_sample(spinenet.make_space(**TINY), seed=seed)
    out = backbone(torch.randn(2, 3, 75, 130))
    assert [tuple(one.shape) for one in out] == [
        (2, 8, 10, 17), (2, 8, 5, 9), (2, 8, 3, 5), (2, 8, 2, 3), (2, 8, 1, 2),
    ]  # fmt: skip
    sum(one.square().mean() for one in out).backward()
    assert all(torch.isfinite(p.grad).all() for p in backbone.parameters() if p.grad is not None)


def test_found_network_merges_what_no_block_takes():
    network = spinenet.make_network(**TINY)
    merged = [sources[2:] for sources in network.sources]
    assert [one for one in merged if one] == [
        [11]
    ]  # block 11, a bottleneck of level 5, is added to the output of level 5
    taken = {i for sources in network.sources for i in sources}
    assert set(range(17)) - taken == {13, 15, 16}  # outputs


def test_found_network_is_a_point_of_a_space():
    allocation = {level: [found[0] for found in spinenet.FOUND[:10]].count(level) for level in range(2, 8)}
    space = spinenet.make_space(allocation, offsets=(0,), window=None, **TINY)
    network = spinenet.make_network(**TINY)
    child = pg.materialize(space, pg.encode(space, network))
    assert pg.eq(child, network)


def test_classifier_learns():
    torch.manual_seed(0)
    images, labels = torch.randn(4, 3, 64, 64), torch.tensor([0, 1, 2, 1])
    network = pg.random_sample(spinenet.make_space(classes=3, **TINY), seed=1)
    optimizer, losses = torch.optim.Adam(network.parameters(), 0.01), []
    for _ in range(8):
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def block(inputs=(0, 1), kind="residual", offset=0):
    return spinenet.Block(kind, list(inputs), offset)


@pytest.mark.parametrize(
    ("blocks", "levels", "outputs", "message"),
    [
        (
            [block()],
            [2],
            [3],
            r"has a block for each of its levels.*; got 1 blocks, 1 levels and the output \[3\]",
        ),
        ([block(), block()], [], [3, 5], r"consecutive levels of the output; got 2 blocks.*\[3, 5\]"),
        ([block(), block()], [], [], "a block for each of its levels"),
        ([block(offset=2), block()], [6], [3], "levels of blocks are 1 to 7; block 0 has level 8"),
        ([block(kind="mbconv")], [], [3], "is 'residual' or 'bottleneck'; block 0 is 'mbconv'"),
        ([block((1, 1))], [], [3], "block 0 takes two different ones of the 2 before it"),
        ([block((0, 2))], [], [3], r"block 0 takes two different ones .*; got \[0, 2\]"),
        ([block((-1, 1))], [], [3], r"block 0 takes two different ones .*; got \[-1, 1\]"),
    ],
    ids=["count", "gap", "none", "level", "kind", "equal", "later", "negative"],
)
def test_wrong_blocks_are_refused(blocks, levels, outputs, message):
    with pytest.raises(FieldValueError, match=message):
        spinenet.SpineNet(blocks, levels, outputs, 8, scale=0.1).eval()


def test_too_small_scales_are_refused():
    with pytest.raises(FieldValueError, match=r"scale=...\) is at least 1 / 32, .*; got 0.03"):
        spinenet.make_network(scale=0.03).eval()
    assert spinenet.make_network(scale=1 / 32, filters=4).eval()(torch.zeros(1, 3, 64, 64))[0].shape == (
        1,
        4,
        8,
        8,
    )
