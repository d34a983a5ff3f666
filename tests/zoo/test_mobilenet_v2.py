"""MobileNetV2 as published, its three spaces, and that their super-networks are exact."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import pliant as pg
from pliant.oneshot import measure_differences
from pliant.values.errors import FieldValueError
from pliant.zoo import mobilenet_v2 as zoo

SMALL = ((1, 16, 1, 1), (6, 24, 2, 2))
LAYERS = [(width, ratio, i) for ratio, width, count, _ in zoo.BLOCKS for i in range(count)]
WIDTHS = {16: 4, 24: 5, 32: 6, 64: 7, 96: 7, 160: 7, 320: 7}  # how many widths the 7 multipliers make
S1 = math.prod((3 if ratio == 1 else 6) + (i > 0) for _, ratio, i in LAYERS)
S2 = math.prod(WIDTHS[width] for width, *_ in LAYERS)


def small(name):
    return zoo.make_space(name, zoo.make_network(5, blocks=SMALL, filters=(8, 48)))


def test_the_static_network_as_published():
    net = zoo.make_network()
    assert not pg.is_realized(net)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        assert net.eval()(torch.empty(1, 3, 224, 224)).shape == (1, 1000)
    assert counter.get_total_flops() / 2 == 300_774_272
    assert sum(p.numel() for p in net.parameters()) == 3_504_872


@pytest.mark.parametrize("name, size", [("S1", S1), ("S2", S2), ("S3", S1 * S2)])
def test_sizes(name, size):
    space = pg.abstract_search_space(zoo.make_space(name))
    assert space.size == size
    assert len(space.points) == {"S1": 17, "S2": 17, "S3": 34}[name]
    assert S1 == 3 * 6**6 * 7**10


def test_one_function_or_two_in_either_order():
    net = zoo.make_network()
    one = net.clone().rebind([zoo.relax_filters, zoo.relax_operations])
    other = net.clone().rebind([zoo.relax_operations, zoo.relax_filters])
    assert {p.path for p in pg.abstract_search_space(one).points} == {
        p.path for p in pg.abstract_search_space(other).points
    }
    assert pg.eq(zoo.make_space("S3"), one)
    assert net == zoo.make_network()


@pytest.mark.parametrize("name", ["S1", "S2", "S3"])
def test_sampled_networks_fit_together(name):
    net, image = zoo.make_space(name), torch.empty(1, 3, 64, 64, device="meta")
    for child in pg.random_sample(net, 0, num_examples=2):
        with torch.device("meta"):
            assert child.eval()(image).shape == (1, 1000)
        ops = [layer.op for block in child.blocks for layer in block.layers]
        widths = [layer.filters for block in child.blocks for layer in block.layers]
        assert [op.filters for op in ops if op.sym_init_args.get("filters")] == [
            width for op, width in zip(ops, widths) if op.sym_init_args.get("filters")
        ]
        assert child.head.filters_in == widths[-1]


@pytest.mark.parametrize("name", ["S1", "S2", "S3"])
def test_super_networks_are_exact(name):
    torch.manual_seed(0)
    net, image = pg.oneshot.supernet(small(name)).double(), torch.randn(2, 3, 16, 16, dtype=torch.double)
    for seed in range(4):
        decisions = net.space.sample(seed)
        found = measure_differences(net, image, decisions=decisions, training=seed % 2 == 0)
        assert found.largest < 1e-10, (decisions.to_dict(), found)


def test_a_removed_layer_hands_its_input_on():
    layer = zoo.Layer(8, zoo.Zero(8), is_first=False)
    x = torch.randn(1, 8, 3, 3)
    assert torch.equal(layer(x), x)
    assert torch.equal(zoo.fit(x, 5), x[:, :5])
    wide = zoo.fit(x, 10)
    assert wide.shape[1] == 10
    assert torch.equal(wide[:, :8], x)
    assert not wide[:, 8:].any()


def test_operations_and_filters_are_told_apart_by_hints():
    space = zoo.make_space("S3")
    assert pg.abstract_search_space(space, where=pg.by_hints(zoo.OP_HINT)).size == S1
    assert pg.abstract_search_space(space, where=pg.by_hints(zoo.FILTERS_HINT)).size == S2


def test_other_names():
    with pytest.raises(FieldValueError, match=r"spaces of MobileNetV2 are S1, S2 and S3; got 's1'"):
        zoo.make_space("s1")


ALGORITHMS = """\
oneshot.SPOS(search=generators.Random(), evaluations=2, batches=1)
oneshot.TuNAS(cost=multiply_adds, target=2e5)
oneshot.DARTS()"""

PROGRAM = """\
def search(space, data):
    sampler = {algorithm}
    trainer = oneshot.Trainer(space, sampler, data, data, epochs=1)
    trainer.fit()
    return trainer.network()"""


def test_another_algorithm_is_another_line():
    """Table 3 of the paper, "+1": all else stays as it is, the space included."""
    space = small("S1")
    torch.manual_seed(0)
    data = [(torch.randn(4, 3, 8, 8), torch.tensor([0, 1, 2, 3]))] * 2
    texts = [PROGRAM.format(algorithm=algorithm) for algorithm in ALGORITHMS.splitlines()]
    for text, other in itertools.pairwise(texts):
        changed = [a for a, b in zip(text.splitlines(), other.splitlines(), strict=True) if a != b]
        assert len(changed) == 1
    for text in texts:
        scope = {"oneshot": pg.oneshot, "generators": pg.generators, "multiply_adds": lambda decisions: 2e5}
        exec(text, scope)
        child = scope["search"](space, data)
        assert child.eval()(data[0][0]).shape == (4, 5)
        assert pg.encode(space, child) is not None
