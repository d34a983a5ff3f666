"""The space of vision transformers: sizes, parameters as published, and its super-network."""

from __future__ import annotations

import pytest
import torch

import pliant as pg
from pliant.oneshot import measure_differences
from pliant.values.errors import FieldValueError
from pliant.zoo import transformer as zoo

TINY = {"head_width": 4, "image_size": 8, "patch": 4, "channels": 1, "classes": 3}


def tiny():
    return zoo.make_space((8, 12), (1, 2), (1.5, 2.0), (1, 2, 3), **TINY)


def test_parameters_as_published():
    assert sum(p.numel() for p in zoo.make_network().parameters()) == 5_717_416  # DeiT-Ti


def test_the_space_reaches_from_four_to_twelve_million_parameters():
    ends = [
        zoo.make_network(*(values[i] for values in (zoo.WIDTHS, zoo.HEADS, zoo.RATIOS, zoo.DEPTHS)))
        for i in (0, -1)
    ]
    small, large = (sum(p.numel() for p in net.parameters()) for net in ends)
    assert 4e6 < small < 6e6 < large < 12e6


def test_size():
    assert pg.abstract_search_space(zoo.make_space()).size == 3 * (4**12 + 4**13 + 4**14)
    assert pg.abstract_search_space(tiny()).size == 2 * (4 + 4**2 + 4**3)
    one = zoo.make_space((8,), (1, 2), (2.0,), (1,), **TINY)
    assert pg.abstract_search_space(one).size == 2


def test_networks_of_one_kind_of_block_are_in_the_space():
    space, found = pg.abstract_search_space(tiny()), set()
    for seed in range(40):
        child = pg.random_sample(tiny(), seed)
        assert pg.materialize(tiny(), pg.encode(tiny(), child)) == child
        blocks = child.query(lambda value: isinstance(value, zoo.TransformerBlock))
        assert all(block.width == child.width for block in blocks.values())
        found.add(len(blocks))
    assert found == {1, 2, 3}
    assert space.points[0].path == "width"


def test_super_network_is_exact():
    torch.manual_seed(0)
    net = pg.oneshot.supernet(tiny()).double()
    image = torch.randn(3, 1, 8, 8, dtype=torch.double)
    for seed in range(12):
        decisions = net.space.sample(seed)
        found = measure_differences(net, image, decisions=decisions, training=seed % 2 == 0)
        assert found.largest < 1e-10, (decisions.to_dict(), found)


def test_the_deepest_holds_all_weights():
    net = pg.oneshot.supernet(tiny())
    largest = zoo.make_network(12, 2, 2.0, 3, **TINY)
    assert sum(p.numel() for p in net.parameters()) == sum(p.numel() for p in largest.parameters())


def test_it_learns_with_shared_weights():
    torch.manual_seed(0)
    x = torch.randn(24, 1, 8, 8)
    data = [(x[i : i + 8], (x[i : i + 8, 0, 0, 0] > 0).long()) for i in (0, 8, 16)]
    trainer = pg.oneshot.Trainer(tiny(), pg.oneshot.SPOS(), data, data, epochs=1)
    trainer.run_epoch()
    assert trainer.network().eval()(x).shape == (24, 3)


def test_depths_rise_one_by_one():
    with pytest.raises(FieldValueError, match=r"takes consecutive ascending integers; got \(1, 3\)"):
        zoo.make_space(depths=(1, 3))
