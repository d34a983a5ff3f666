"""The paper's figures 21 to 23: MobileNetV2 into the search spaces S1, S2 and S3 of its table 7.

The model here is as long and as wide as MobileNetV2, with what the listings ask of it: ``blocks[i].layers[j].op``,
``InvertedBottleneck(filters, kernel_size, expansion_ratio)``, ``Zeros`` and the functor ``layers.scale_filters``.
The listings call the first space ``mobile_s2`` and the second ``mobile_s1``; their captions are followed.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import pliant as pg

# Of MobileNetV2's table 2: expansion ratio, output filters, number of layers, first stride.
BLOCKS = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


@pg.symbolize(
    [
        ("filters", pg.typing.Int(min_value=1)),
        ("kernel_size", pg.typing.Tuple([pg.typing.Int(min_value=1), pg.typing.Int(min_value=1)])),
        ("expansion_ratio", pg.typing.Int(min_value=1)),
    ]
)
class InvertedBottleneck(nn.Module):
    def __init__(self, filters, kernel_size=(3, 3), expansion_ratio=6):
        super().__init__()
        self.out = filters
        k, e = kernel_size, expansion_ratio
        self.expand = nn.LazyConv2d(filters * e, 1)
        self.depthwise = nn.Conv2d(
            filters * e, filters * e, k, padding=(k[0] // 2, k[1] // 2), groups=filters * e
        )
        self.project = nn.Conv2d(filters * e, filters, 1)

    def forward(self, x):
        return self.project(self.depthwise(self.expand(x).relu()).relu())


@pg.symbolize
class Zeros(nn.Module):
    def forward(self, x):
        return torch.zeros_like(x)


@pg.symbolize
class Layer(nn.Module):
    """A residual layer: with ``Zeros`` for its op it downgrades into an identity mapping."""

    def __init__(self, op, stride=1):
        super().__init__()
        self.run, self.step = op, stride

    def forward(self, x):
        x = x[:, :, :: self.step, :: self.step]
        y = self.run(x)
        return x + y if x.shape == y.shape else y


@pg.symbolize
class Block(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.chain = nn.Sequential(*layers)

    def forward(self, x):
        return self.chain(x)


@pg.symbolize
class MobileNet(nn.Module):
    def __init__(self, blocks, classes=10):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, stride=2, padding=1)
        self.body = nn.Sequential(*blocks)
        self.head = nn.LazyLinear(classes)

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean(dim=(2, 3)))


@pg.functor
def scale_filters(filters, multiplier):
    """The nearest multiple of 8, not below 8 and not 10 % below what is asked for, as in MobileNetV2."""
    scaled = filters * multiplier
    near = max(8, int(scaled + 4) // 8 * 8)
    return near + 8 if near < 0.9 * scaled else near


layers = SimpleNamespace(scale_filters=scale_filters)


def make_mobilenet_v2():
    return MobileNet(
        [
            Block([Layer(InvertedBottleneck(c, (3, 3), t), s if i == 0 else 1) for i in range(n)])
            for t, c, n, s in BLOCKS
        ]
    )


mobilenet_v2 = model = make_mobilenet_v2()

# ---------------------------------------------------------------- figure 21

# Get the first inverted bottleneck.
r = model.query(lambda x: isinstance(x, InvertedBottleneck))
r = next(iter(r.values()))


def hyper_inverted_bottleneck(kernel_size_list, expansion_ratio_list, add_zeros=False):
    return pg.oneof(
        [
            r.clone().rebind(kernel_size=k, expansion_ratio=e)
            for k in kernel_size_list
            for e in expansion_ratio_list
        ]
        + ([Zeros()] if add_zeros else [])
    )


def relax_ops(k, v, p):
    if not k or k.key != "op":
        return v
    # Check if the layer of current operation is the
    # first layer of current block.
    if k.parent.key == 0:
        if k == "blocks[0].layers[0].op":
            return hyper_inverted_bottleneck([(3, 3), (5, 5), (7, 7)], [1])
        else:
            return hyper_inverted_bottleneck([(3, 3), (5, 5), (7, 7)], [3, 6])
    else:
        return hyper_inverted_bottleneck([(3, 3), (5, 5), (7, 7)], [3, 6], True)


# ---------------------------------------------------------------- figure 22


def relax_filters(k, v, p):
    if isinstance(p, InvertedBottleneck) and k == "filters":
        scaled_values = sorted(
            set([layers.scale_filters(v, x)() for x in [0.5, 0.625, 0.75, 1.0, 1.25, 1.5, 2.0]])  # noqa: C403  # as printed
        )
        if len(scaled_values) == 1:
            return scaled_values[0]
        return pg.oneof(scaled_values)
    return v


# ---------------------------------------------------------------- figure 23, where each layer keeps its own filters


def relax_ops_of_layer(k, v, p):
    """Figure 21 with ``r`` the bottleneck at hand.

    As printed, every layer becomes a copy of the model's first bottleneck; applied after figure 22 that
    would drop the filters which were just relaxed, and S3 would be S1.
    """
    if not k or k.key != "op":
        return v

    def hyper(kernel_size_list, expansion_ratio_list, add_zeros=False):
        return pg.oneof(
            [
                v.clone().rebind(kernel_size=a, expansion_ratio=e)
                for a in kernel_size_list
                for e in expansion_ratio_list
            ]
            + ([Zeros()] if add_zeros else [])
        )

    kernels = [(3, 3), (5, 5), (7, 7)]
    if k == "blocks[0].layers[0].op":
        return hyper(kernels, [1])
    return hyper(kernels, [3, 6], add_zeros=k.parent.key != 0)


FILTERS = [c for _, c, n, _ in BLOCKS for _ in range(n)]
WIDTHS = {16: 4, 24: 5, 32: 6, 64: 7, 96: 7, 160: 7, 320: 7}  # how many widths the 7 multipliers make
FIRST = [i == 0 for _, _, n, _ in BLOCKS for i in range(n)]
S1 = 3 * 6**6 * 7**10
S2 = math.prod(WIDTHS[c] for c in FILTERS)
S3 = math.prod(
    WIDTHS[c] * (3 if i == 0 else 6) + (0 if first else 1)
    for i, (c, first) in enumerate(zip(FILTERS, FIRST, strict=True))
)


def test_the_model_runs():
    assert len(model.query(lambda x: isinstance(x, InvertedBottleneck))) == 17
    net = make_mobilenet_v2()
    assert not pg.is_realized(net)  # a tree; no weight is allocated
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert pg.is_realized(net)


class TestS1:
    def test_as_printed(self):
        mobile_s1 = mobilenet_v2.clone().rebind(relax_ops)
        space = pg.abstract_search_space(mobile_s1)
        assert space.size == S1 == 3 * 46656 * 282475249
        assert len(space.points) == 17
        assert (space.points[0].path, space.points[0].count) == ("blocks[0].layers[0].op", 3)
        assert (space.points[1].path, space.points[1].count) == ("blocks[1].layers[0].op", 6)
        assert (space.points[2].path, space.points[2].count) == ("blocks[1].layers[1].op", 7)
        assert mobilenet_v2 == make_mobilenet_v2()

    def test_each_layer_keeps_its_filters(self):
        mobile_s1 = mobilenet_v2.clone().rebind(relax_ops_of_layer)
        assert pg.abstract_search_space(mobile_s1).size == S1
        child = pg.materialize(mobile_s1, [2] + [0] * 16)
        ops = [layer.op for block in child.blocks for layer in block.layers]
        assert [op.filters for op in ops] == FILTERS
        assert (ops[0].kernel_size, ops[0].expansion_ratio) == ((7, 7), 1)
        assert {(op.kernel_size, op.expansion_ratio) for op in ops[1:]} == {((3, 3), 3)}

    def test_zeros_remove_layers(self):
        mobile_s1 = mobilenet_v2.clone().rebind(relax_ops_of_layer)
        child = pg.materialize(mobile_s1, [0] + [0 if first else 6 for first in FIRST[1:]])
        assert len(child.query(lambda x: isinstance(x, Zeros))) == 10
        assert child(torch.zeros(1, 3, 32, 32)).shape == (1, 10)

    def test_a_bottleneck_of_its_own_kind_is_checked(self):
        with pytest.raises(ValueError, match=r"expansion_ratio.*0"):
            r.clone().rebind(expansion_ratio=0)


class TestS2:
    def test_as_printed(self):
        mobile_s2 = mobilenet_v2.clone().rebind(relax_filters)
        space = pg.abstract_search_space(mobile_s2)
        assert space.size == S2
        assert [p.values for p in space.points[:2]] == [(8, 16, 24, 32), (16, 24, 32, 40, 48)]
        assert space.points[0].path == "blocks[0].layers[0].op.filters"
        assert len(space.points) == 17

    def test_a_single_value_stays_fixed(self):
        tiny = MobileNet([Block([Layer(InvertedBottleneck(1))])])
        # Every multiple of 1 filter is rounded to 8 filters.
        assert tiny.rebind(relax_filters).blocks[0].layers[0].op.filters == 8


class TestS3:
    def test_a_list_of_functions_is_applied_in_order(self):
        mobile_s3 = mobilenet_v2.clone().rebind([relax_filters, relax_ops])
        one_by_one = mobilenet_v2.clone().rebind(relax_filters).rebind(relax_ops)
        assert pg.eq(mobile_s3, one_by_one)
        # As printed, the second function puts copies of one static bottleneck over what the first relaxed.
        assert pg.abstract_search_space(mobile_s3).size == S1

    def test_it_combines_s1_and_s2(self):
        mobile_s3 = mobilenet_v2.clone().rebind([relax_filters, relax_ops_of_layer])
        space = pg.abstract_search_space(mobile_s3)
        assert space.size == S3
        assert space.point("blocks[0].layers[0].op[=2/3].filters").values == (8, 16, 24, 32)
        assert space.point("blocks[6].layers[0].op[=5/6].filters").count == 7

    def test_children_of_s3_run_and_are_encoded_back(self):
        mobile_s3 = mobilenet_v2.clone().rebind([relax_filters, relax_ops_of_layer])
        for seed in range(20):
            child = pg.random_sample(mobile_s3, seed)
            decisions = pg.encode(mobile_s3, child)
            assert pg.eq(pg.materialize(mobile_s3, decisions), child)
            assert not pg.is_realized(child)
        assert child(torch.zeros(1, 3, 32, 32)).shape == (1, 10)

    def test_a_search_over_s3(self):
        mobile_s3 = mobilenet_v2.clone().rebind([relax_filters, relax_ops_of_layer])
        search = pg.sample(mobile_s3, pg.generators.RegularizedEvolution(), trials=200)
        for child, feedback in search:
            ops = child.query(lambda x: isinstance(x, InvertedBottleneck)).values()
            feedback(-sum(op.filters * op.expansion_ratio for op in ops))
        assert search.best_reward > -(16 + 6 * sum(FILTERS[1:]))
