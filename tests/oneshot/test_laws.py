"""The law of super-networks: each computes what the concrete network computes with the same weights.

Outputs, gradients and buffers, in training and evaluation, over spaces in the style of the literature and over
generated ones.
"""

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

import pliant as pg
from pliant.oneshot import supernet
from pliant.oneshot.exactness import measure_differences

one = pg.oneof
Sequential, Conv2d, BatchNorm2d, ReLU, Identity, Linear, LayerNorm, Dropout, MaxPool2d, AvgPool2d, LazyConv2d = map(
    pg.symbolize,
    (
        nn.Sequential, nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Identity, nn.Linear, nn.LayerNorm, nn.Dropout,
        nn.MaxPool2d, nn.AvgPool2d, nn.LazyConv2d,
    ),
)  # fmt: skip


@pg.symbolize
class Zero(nn.Module):
    def forward(self, x):
        return x * 0


@pg.symbolize
class Residual(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return x + self.inner(x)


@pg.symbolize
class Bottleneck(nn.Module):
    """MobileNetV2's layer; with a stride or another width it has no residual."""

    def __init__(self, width_in, width, kernel=3, expansion=6, stride=1):
        super().__init__()
        hidden = width_in * expansion
        self.is_residual = stride == 1 and width_in == width
        self.layers = nn.Sequential(
            nn.Conv2d(width_in, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            nn.Conv2d(hidden, hidden, kernel, stride, kernel // 2, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            nn.Conv2d(hidden, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x):
        return x + self.layers(x) if self.is_residual else self.layers(x)


@pg.symbolize
class Classifier(nn.Module):
    def __init__(self, body, head):
        super().__init__()
        self.body, self.head = body, head

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))


def mobilenet():
    """Kernel, expansion, depth, and a width per stage."""
    first, second = one([4, 8], name="first"), one([4, 6, 10], name="second")

    def layer(a, b, stride=1):
        return Bottleneck(a, b, one([3, 5, 7]), one([1, 3]), stride)

    return Classifier(
        Sequential(
            Conv2d(3, first, 3, 2, 1, bias=False),
            BatchNorm2d(first),
            one([layer(first, first), Identity()]),
            layer(first, second, 2),
            one([layer(second, second), Identity()]),
        ),
        Linear(second, 5),
    )


@pg.symbolize
class Cell201(nn.Module):
    def __init__(self, ops):
        super().__init__()
        self.ops = nn.ModuleList(ops)

    def forward(self, x):
        nodes, ops = [x], iter(self.ops)
        for n in range(1, 4):
            nodes.append(sum(next(ops)(nodes[i]) for i in range(n)))
        return nodes[-1]


def conv(width, kernel):
    return Sequential(
        ReLU(), Conv2d(width, width, kernel, padding=kernel // 2, bias=False), BatchNorm2d(width)
    )


def cells_201():
    """Two cells of one structure."""

    def cell():
        return Cell201(
            [
                one([Zero(), Identity(), conv(4, 1), conv(4, 3), AvgPool2d(3, 1, 1)], name=f"edge {e}")
                for e in range(6)
            ]
        )

    return Classifier(Sequential(Conv2d(3, 4, 3), cell(), Residual(cell())), Linear(4, 5))


@pg.symbolize
class Edge(nn.Module):
    """An operation, and which earlier node it is applied to."""

    def __init__(self, op, source):
        super().__init__()
        self.op, self.source = op, source

    def forward(self, nodes):
        return self.op(nodes[self.source])


@pg.symbolize
class DartsCell(nn.Module):
    def __init__(self, edges, width):
        super().__init__()
        self.edges = nn.ModuleList(edges)
        self.join = nn.Conv2d(2 * width, width, 1)

    def forward(self, x):
        nodes = [x, x.relu()]
        for i in range(0, len(self.edges), 2):
            nodes.append(self.edges[i](nodes) + self.edges[i + 1](nodes))
        return self.join(torch.cat(nodes[2:], 1))


@pg.symbolize
class Separable(nn.Sequential):
    def __init__(self, width, kernel, dilation=1):
        pad = dilation * (kernel // 2)
        super().__init__(
            nn.ReLU(),
            nn.Conv2d(width, width, kernel, 1, pad, dilation, groups=width, bias=False),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width, affine=False),
        )


def darts():
    """A cell with operations and inputs to decide."""

    def edge(node):
        ops = [Identity(), Separable(4, one([3, 5])), Separable(4, 3, 2), MaxPool2d(3, 1, 1), Zero()]
        return Edge(one(ops), one(list(range(node))))

    return Classifier(
        Sequential(Conv2d(3, 4, 1), DartsCell([edge(n) for n in (2, 2, 3, 3)], 4)), Linear(4, 5)
    )


@pg.symbolize
class Attention(nn.Module):
    def __init__(self, width, heads, dropout=0.0):
        super().__init__()
        self.inner = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)

    def forward(self, x):
        return self.inner(x, x, x)[0]


@pg.symbolize
class Block(nn.Module):
    def __init__(self, width, heads, ratio, dropout):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.attention = Attention(width, heads, dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, width * ratio), nn.GELU(), nn.Dropout(dropout), nn.Linear(width * ratio, width)
        )

    def forward(self, x):
        x = x + self.attention(self.norms[0](x))
        return x + self.mlp(self.norms[1](x))


@pg.symbolize
class Transformer(nn.Module):
    def __init__(self, width, blocks):
        super().__init__()
        self.embed = nn.Embedding(11, width)
        self.register_buffer("places", torch.arange(7 * width).reshape(7, width).sin())
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(width, 5)

    def forward(self, ids):
        return self.head(self.blocks(self.embed(ids) + self.places[: ids.shape[1]]))


def transformer():
    """Width, heads, expansion, dropout; the depth is one of three lists that share no weights."""
    width = one([4, 8], name="width")

    def block():
        return Block(width, one([1, 2, 4]), one([1, 2]), one([0.0, 0.5]))

    return Transformer(width, one([[block()], [block(), block()], []]))


def image(dtype):
    return torch.randn(3, 3, 9, 9, dtype=dtype)


def ids(dtype):
    return torch.randint(0, 11, (2, 6))


SPACES = {mobilenet: image, cells_201: image, darts: image, transformer: ids}


@pytest.mark.parametrize("dtype, limit", [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("make", SPACES, ids=lambda make: make.__name__)
def test_spaces_of_the_literature(make, dtype, limit):
    torch.manual_seed(0)
    net, source = supernet(make()).to(dtype), SPACES[make](dtype)
    for seed in range(10):
        decisions = net.space.sample(seed)
        for training in (True, False):
            found = measure_differences(net, source, decisions=decisions, training=training, seed=seed)
            assert found.largest < limit, (decisions.to_dict(), training, found)


# ------------------------------------------------------------------ generated networks


@pg.symbolize
class Chain(nn.Sequential):
    """Holds all widths, so that each has a place where it is always active."""

    def __init__(self, widths, layers):
        super().__init__(*layers)
        self.widths = widths


@st.composite
def programs(draw):
    """A chain of layers on images, with widths, kernels, choices and nesting drawn."""
    widths = []

    def width():
        options = draw(st.lists(st.sampled_from([2, 4, 6]), min_size=1, max_size=2, unique=True))
        if len(options) == 1:
            return options[0]
        widths.append(one(options, name=f"w{len(widths)}"))
        return widths[-1]

    def kernel():
        return draw(st.sampled_from([1, 3, one([1, 3]), one([3, 5])]))

    def layer(a, b, depth):
        kind = draw(
            st.sampled_from(["conv", "lazy", "block", "choice", "chain"] if depth else ["conv", "block"])
        )
        if kind == "conv":
            return Conv2d(
                a, b, kernel(), padding="same", bias=draw(st.sampled_from([True, one([True, False])]))
            )
        if kind == "lazy":
            return LazyConv2d(b, kernel(), padding="same")
        if kind == "block":
            return Bottleneck(a, b, draw(st.sampled_from([3, one([3, 5])])), one([1, 2]))
        if kind == "choice":
            return one([layer(a, b, depth - 1) for _ in range(draw(st.integers(2, 3)))])
        middle = width()
        return Sequential(
            layer(a, middle, depth - 1), BatchNorm2d(middle), ReLU(), layer(middle, b, depth - 1)
        )

    layers, before = [], 3
    for _ in range(draw(st.integers(1, 2))):
        after = width()
        layers.append(layer(before, after, 2))
        if draw(st.booleans()):
            layers.append(Residual(one([layer(after, after, 1), Zero()])))
        before = after
    return Chain(widths, [*layers, one([Identity(), ReLU()])])


@given(programs(), st.integers(0, 1000), st.booleans(), st.booleans())
@settings(max_examples=12, phases=[Phase.generate])
def test_generated_networks(program, seed, training, share):
    source = torch.randn(2, 3, 5, 5)
    net = supernet(program, example=source, share=share).double()
    for i in range(3):
        decisions = net.space.sample(seed + i)
        found = measure_differences(net, source.double(), decisions=decisions, training=training)
        assert found.largest < 1e-10, (decisions.to_dict(), found)
