"""The networks of NAS-Bench-201: their published sizes, and their super-network; NATS-Bench's size space."""

from __future__ import annotations

import pytest
import torch

import pliant as pg
from pliant.oneshot import measure_differences
from pliant.values.errors import FieldValueError
from pliant.zoo import nasbench201 as cells
from pliant.zoo import nasbench201_network as zoo

PUBLISHED = {  # on CIFAR-10
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|": 129_306,
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|nor_conv_3x3~0|avg_pool_3x3~1|skip_connect~2|": 802_426,
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|": 1_073_466,
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|": 73_306,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_as_published(name):
    ops = cells.from_text(name).ops
    child = pg.materialize(zoo.make_space(), [cells.OPS.index(op) for op in ops])
    assert pg.eq(child, zoo.make_network(ops))
    assert sum(p.numel() for p in child.parameters()) == PUBLISHED[name]


def test_decisions_are_those_of_the_table():
    network, table = (pg.abstract_search_space(m.make_space()) for m in (zoo, cells))
    assert network.size == table.size == 15_625
    assert [p.count for p in network.points] == [p.count for p in table.points]
    assert {p.hints for p in network.points} == {cells.OP_HINT}


@pytest.mark.parametrize("affine", [True, False])
def test_super_network_is_exact(affine):
    torch.manual_seed(0)
    net = pg.oneshot.supernet(zoo.make_space(width=4, cells=2, classes=3, affine=affine)).double()
    image = torch.randn(3, 3, 8, 8, dtype=torch.double)
    for seed in range(6):
        decisions = net.space.sample(seed)
        found = measure_differences(net, image, decisions=decisions, training=seed % 2 == 0)
        assert found.largest < 1e-10, (decisions.to_dict(), found)


def test_nothing_but_zeros():
    net = zoo.make_network(["none"] * 6, width=4, cells=1, classes=2)
    out = net(torch.randn(5, 3, 8, 8))
    assert torch.equal(out, out[:1].expand(5, 2))  # what comes in is lost, also to the last normalization


@pytest.mark.parametrize("sampler", [pg.oneshot.DARTS, pg.oneshot.GDAS, pg.oneshot.TuNAS])
def test_any_sampler_searches_it(sampler):
    torch.manual_seed(0)
    data = [(torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 0]))] * 2
    trainer = pg.oneshot.Trainer(
        zoo.make_space(width=4, cells=1, classes=3, affine=False), sampler(), data, data, epochs=1
    )
    trainer.run_epoch()
    assert trainer.network().eval()(data[0][0]).shape == (4, 3)


def test_other_operations():
    with pytest.raises(FieldValueError, match=r"operations of NAS-Bench-201 are none, .*; got 'conv'"):
        zoo.make_network(["conv"] * 6)


SIZES = {(8, 8, 8, 8, 8): 11_714, (8, 8, 16, 40, 40): 107_826, (64, 64, 64, 64, 64): 713_674}


@pytest.mark.parametrize("widths", SIZES, ids=str)
def test_size_space_has_the_published_parameters(widths):
    space = zoo.make_size_space()
    child = pg.materialize(space, [zoo.WIDTHS.index(width) for width in widths])
    assert pg.eq(child, zoo.make_size_network(widths))
    assert sum(p.numel() for p in child.parameters()) == SIZES[widths]


def test_size_space_has_one_decision_for_each_width():
    space = pg.abstract_search_space(zoo.make_size_space())
    assert space.size == 8**5 == 32_768
    assert [p.count for p in space.points] == [8] * 5
    assert pg.abstract_search_space(zoo.make_size_space((4, 6))).size == 2**5


def test_super_network_of_sizes_is_exact():
    torch.manual_seed(0)
    net = pg.oneshot.supernet(zoo.make_size_space((4, 6), classes=3)).double()
    image = torch.randn(3, 3, 8, 8, dtype=torch.double)
    for seed in range(12):
        decisions = net.space.sample(seed)
        found = measure_differences(net, image, decisions=decisions, training=seed % 2 == 0)
        assert found.largest < 1e-10, (decisions.to_dict(), found)


def test_networks_of_sizes_learn():
    torch.manual_seed(0)
    images, labels = torch.randn(6, 3, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    network = pg.random_sample(zoo.make_size_space((4, 6), classes=3), seed=2)
    optimizer, losses = torch.optim.Adam(network.parameters(), 0.02), []
    for _ in range(8):
        loss = torch.nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("count", [0, 4, 6])
def test_other_numbers_of_widths(count):
    with pytest.raises(
        FieldValueError,
        match=f"the size space has five widths; got {count}"
        if count
        else "takes one number or more, .*; got none",
    ):
        zoo.make_size_network([8] * count)
