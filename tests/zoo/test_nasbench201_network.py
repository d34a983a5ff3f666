"""The networks of NAS-Bench-201: their published sizes, and their super-network."""

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
