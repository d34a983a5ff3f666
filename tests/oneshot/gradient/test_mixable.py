"""What has no mixture of its sizes is refused when a sampler is bound, with the path, the reason and who can."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import (
    DARTS,
    GDAS,
    SNAS,
    SPOS,
    AddedCost,
    FBNet,
    LayerChoice,
    MultiplyAdds,
    ProxylessNAS,
    follow,
    supernet,
)
from pliant.oneshot.choices.nested import find_leaves
from pliant.oneshot.gradient.mixable import check_mixtures
from pliant.values.errors import SpaceError

torch.set_num_threads(1)
one = pg.oneof
Sequential, Conv2d, Linear, Sigmoid, ReLU, Flatten, LazyConv2d, LazyBatchNorm2d, GRU = map(
    pg.symbolize,
    (
        nn.Sequential, nn.Conv2d, nn.Linear, nn.Sigmoid, nn.ReLU, nn.Flatten, nn.LazyConv2d, nn.LazyBatchNorm2d, nn.GRU,
    ),
)  # fmt: skip


@pg.symbolize
class Joined(nn.Module):
    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x):
        return torch.cat([self.first(x), self.second(x)], 1)


@pg.symbolize
class Mean(nn.Module):
    def forward(self, x):
        return x.mean(1, keepdim=True)


@pg.symbolize
class Strided(nn.Module):
    """Reads a size of a layer that it is given."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x) / self.layer.out_features


@pg.symbolize
class Bottleneck(nn.Module):
    """Takes and gives searched widths, and has one inside."""

    def __init__(self, before, after, kernel, expansion):
        super().__init__()
        hidden = before * expansion
        self.layers = nn.Sequential(
            nn.Conv2d(before, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.Conv2d(hidden, hidden, kernel, 1, kernel // 2, groups=hidden),
            nn.Conv2d(hidden, after, 1),
        )

    def forward(self, x):
        return self.layers(x)


@pg.symbolize
class Edge(nn.Module):
    """An operation, and which of several inputs it is applied to."""

    def __init__(self, op, source):
        super().__init__()
        self.op, self.source = op, source

    def forward(self, x):
        return self.op([x, x.relu(), -x][self.source])


class Counted(nn.Module):
    """Returns a number beside its output."""

    def __init__(self, width):
        super().__init__()
        self.width, self.layer = width, nn.Linear(3, width)

    def forward(self, x):
        return self.layer(x), self.width


class Listed(Counted):
    """Returns a list, as long as its layer is wide."""

    def forward(self, x):
        return [*self.layer(x).T]


class Attention(nn.Module):
    """Self-attention of a vision transformer: queries, keys and values from one layer."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        q, k, v = self.qkv(x).reshape(*x.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(x.shape))


class Attended(nn.Module):
    """PyTorch's attention, of which a block uses the first output."""

    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, x):
        return x + self.attention(x, x, value=x)[0]


class Shuffle(nn.Module):
    """A block of ShuffleNet V2: half of the channels pass by, and both halves are shuffled."""

    def __init__(self, width, kernel):
        super().__init__()
        half = width // 2
        self.branch = nn.Sequential(
            nn.Conv2d(half, half, 1), nn.BatchNorm2d(half), nn.ReLU(),
            nn.Conv2d(half, half, kernel, padding=kernel // 2, groups=half),
        )  # fmt: skip

    def forward(self, x):
        first, second = x.chunk(2, dim=1)
        joined = torch.stack([first, self.branch(second)], 2)
        return joined.flatten(1, 2)


class Halves(nn.Module):
    """A block that reads one half of its channels and adds to all."""

    def __init__(self, width):
        super().__init__()
        self.gate = nn.Conv2d(width // 2, width, 1)

    def forward(self, x):
        return x + self.gate(x[:, : x.shape[1] // 2])


class Gated(nn.Module):
    """Takes two tensors of one width, by name."""

    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, *, x, context):
        return self.layer(x) * context.sigmoid(), context


class Pair(nn.Module):
    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x):
        x = self.first(x)
        return self.second(x=x, context=x.cos())[0]


Attention, Attended, Shuffle, Halves, Gated, Pair, Counted, Listed = map(
    pg.symbolize, (Attention, Attended, Shuffle, Halves, Gated, Pair, Counted, Listed)
)
BatchNorm2d, MultiheadAttention = map(pg.symbolize, (nn.BatchNorm2d, nn.MultiheadAttention))


def join_before(layers):
    """Two branches that are concatenated, of which the first has a searched width, before other layers."""
    parts = Joined(Conv2d(3, one([4, 8], name="a"), 1), Conv2d(3, 8, 1))
    first = Conv2d(one([4, 8], name="a") + 8, 16, 1)
    return Sequential(parts, first, *layers, Conv2d(16, 2, 1))


def mobile():
    first, second = one([4, 8], name="first"), one([4, 6, 10], name="second")
    return Sequential(
        Conv2d(3, first, 3, 2, 1),
        one([Bottleneck(first, first, one([3, 5]), one([1, 3])), ReLU()]),
        Bottleneck(first, second, one([3, 5, 7]), 2),
        Conv2d(second, 5, 1),
    )


def joined():
    """A width that is computed by hand: its layer takes the first channels, not those that each branch has."""
    parts = Joined(Conv2d(3, one([2, 4], name="a"), 1), Conv2d(3, one([3, 6], name="b"), 1))
    return Sequential(parts, Conv2d(one([2, 4], name="a") + one([3, 6], name="b"), 2, 1))


def width():
    return one([4, 8], name="w")


IMAGES, ROWS, TOKENS = torch.zeros(2, 3, 8, 8), torch.zeros(2, 3), torch.zeros(2, 5, 12)
REFUSED = {
    "stride": (
        lambda: Sequential(Conv2d(3, 4, 3, stride=one([1, 2]))), IMAGES,
        r"at 'args\[0\].stride': the sizes of the module at 'args\[0\]' return .* only the number of channels",
    ),
    "padding": (
        lambda: Sequential(Conv2d(3, 4, one([3, 5]))), IMAGES,
        r"at 'args\[0\].kernel_size': .* only the number of channels",
    ),
    "numbers": (
        lambda: Sequential(Counted(one([2, 4]))), ROWS,
        r"at 'args\[0\].*': .* cannot be mixed: they return 2 of type int and 4, and only tensors of floats",
    ),
    "lengths": (
        lambda: Sequential(Listed(one([2, 4]))), ROWS,
        r"at 'args\[0\].*': .* cannot be mixed: their numbers of outputs differ: 2 \(list\) and 4 \(list\)",
    ),
    "other places": (joined, IMAGES, r"at 'args\[0\].first.out_channels': with nearly all weight on one size"),
    "deep, in other places": (  # fresh normalization layers make the error small at the end
        lambda: join_before([layer for _ in range(12) for layer in (Conv2d(16, 16, 3, padding=1, bias=False), BatchNorm2d(16), ReLU())]),
        IMAGES, r"at 'args\[0\].first.out_channels': .* with that size alone \(first at its module '1'\). Code between",
    ),
    "code": (
        lambda: Sequential(Linear(3, width()), Mean(), Linear(1, 2)), ROWS,
        r"at 'args\[0\].out_features': with nearly all weight .* Code between the layers depends on their width",
    ),
    "attributes": (
        lambda: Sequential(Strided(Linear(3, width())), Linear(width(), 1)), ROWS,
        r"at 'args\[0\].layer.out_features': 'out_features' of the module at .* have different values",
    ),
    "not zero": (  # that layer knows no weights, and changes channels that are zero
        lambda: Sequential(Conv2d(3, width(), 1), LazyBatchNorm2d(), LazyConv2d(2, 1)), IMAGES,
        r"at 'args\[0\].out_channels': with nearly all weight .* changes channels that are zero",
    ),
    "groups of picks": (
        lambda: Sequential(pg.symbolize(nn.AdaptiveAvgPool2d)(pg.manyof(2, [2, 4]))), IMAGES,
        r"at 'args\[0\].output_size\[0\]': several values are picked together",
    ),
    "too many": (
        lambda: Sequential(Linear(one(list(range(1, 21))), one(list(range(1, 21))))), None,
        r"at 'args\[0\].in_features': it has 400 sizes, and a mixture has 256 at most",
    ),
    "no example": (
        lambda: Sequential(Conv2d(3, 4, 3, stride=one([1, 2]))), None,
        r"at 'args\[0\].stride': its sizes run one by one, .* Pass supernet\(space, example=",
    ),
    "widths computed": (joined, None, r"at 'args\[0\].first.out_channels': a width is computed from others, .* Pass supernet\("),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_mixture_is_refused(name):
    make, example, message = REFUSED[name]
    net = supernet(make(), example=example)
    with pytest.raises(
        SpaceError,
        match=r"DARTS runs all sizes of a module as a weighted sum, which is not possible " + message,
    ):
        DARTS().bind(net)
    with pytest.raises(
        SpaceError,
        match=r"Use SPOS or TuNAS or .* or Sandwich, which run one network at a time",
    ):
        GDAS().bind(net)
    SPOS().bind(net)  # they can


MIXED = {
    "sigmoid": (lambda: Sequential(Linear(3, width()), Sigmoid(), Linear(width(), 2)), ROWS),
    "no example": (lambda: Sequential(Linear(3, width()), Sigmoid(), Linear(width(), 2)), None),
    "flat": (
        lambda: follow(Sequential(Conv2d(3, width(), 1), Flatten(), Linear(512, 2)), torch.zeros(1, 3, 8, 8)),
        IMAGES,
    ),
    "lazy": (lambda: Sequential(Conv2d(3, width(), 1), ReLU(), LazyConv2d(one([2, 3]), 1)), IMAGES),
    "blocks": (mobile, torch.zeros(2, 3, 16, 16)),
    "sources": (lambda: Sequential(Edge(one([Linear(3, 2), Linear(3, 2)]), one([0, 1, 2]))), ROWS),
    "concatenated": (  # follow knows the channels of each branch
        lambda: follow(
            Sequential(
                Joined(Conv2d(3, one([2, 4], name="a"), 1), Conv2d(3, one([3, 6], name="b"), 1)),
                Conv2d(10, 2, 1),
            ),
            torch.zeros(1, 3, 8, 8),
        ),
        IMAGES,
    ),
    "tuples": (lambda: GRU(3, one([2, 4])), ROWS),
    "attention": (lambda: Sequential(Attention(12, one([2, 4, 6]))), TOKENS),
    "attention of torch": (
        lambda: Sequential(Attended(MultiheadAttention(12, one([2, 4]), batch_first=True))),
        TOKENS,
    ),
    "attention, width": (
        lambda: Sequential(
            Linear(12, width()),
            Attended(MultiheadAttention(width(), 2, batch_first=True)),
            Linear(width(), 2),
        ),
        TOKENS,
    ),
    "shuffle": (lambda: Sequential(Conv2d(3, 8, 1), Shuffle(8, one([3, 5]))), IMAGES),
    "halves": (lambda: Sequential(Conv2d(3, width(), 1), Halves(width()), Conv2d(width(), 2, 1)), IMAGES),
    "two inputs by name": (
        lambda: Sequential(Pair(Linear(3, width()), Gated(width())), Linear(width(), 2)),
        ROWS,
    ),
    "deep": (
        lambda: Sequential(
            Conv2d(3, width(), 1),
            BatchNorm2d(width()),
            ReLU(),
            Conv2d(width(), 16, 1),
            *(
                layer
                for _ in range(12)
                for layer in (Conv2d(16, 16, 3, padding=1, bias=False), BatchNorm2d(16), ReLU())
            ),
        ),
        IMAGES,
    ),
    "shared": (lambda: Sequential(one([Conv2d(3, 4, k, padding=k // 2) for k in (1, 3)])), IMAGES),
}


@pytest.mark.parametrize("name", MIXED)
def test_what_has_one_is_bound_and_left_as_it_was(name):
    make, example = MIXED[name]
    net = supernet(make(), example=example, share=name == "shared")
    net.train()
    list(net.modules())[-1].eval()  # a mode of its own
    chosen, modes, state = net.decisions, [m.training for m in net.modules()], copy.deepcopy(net.state_dict())
    check_mixtures(net, "DARTS")
    assert net.decisions == chosen
    assert not net.selection.weights
    assert [m.training for m in net.modules()] == modes
    assert all(torch.equal(state[key], tensor) for key, tensor in net.state_dict().items())
    if example is not None:
        darts = DARTS()
        darts.bind(net)
        assert all(out.isfinite().all() for out in find_leaves(net(example)))
        assert set(darts.architecture.parameters) == {point.path for point in net.space.points}
        child = net.materialize(darts.decisions())
        net.activate(darts.decisions())
        torch.testing.assert_close(child.eval()(example), net.eval()(example))


def test_samplers_that_open_gates_take_no_sizes():
    with pytest.raises(SpaceError, match=r"ProxylessNAS cannot decide the size of a module.*FBNet"):
        ProxylessNAS().bind(supernet(Sequential(Linear(3, width()), Linear(width(), 1))))


def test_a_network_without_sizes_is_not_looked_at():
    check_mixtures(supernet(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="a"))), "DARTS")


# ------------------------------------------------------------------ learning


def test_a_mixture_of_sizes_has_an_expected_cost():
    """Nothing but the cost is learned from."""
    width = one([2, 6], name="w")
    net = supernet(
        Sequential(Conv2d(3, width, one([1, 3]), padding="same"), Conv2d(width, width, 1)), example=IMAGES
    )
    cost = MultiplyAdds(net, IMAGES[:1])
    for decisions in net.space.iterate():
        rows = {
            point.path: torch.eye(point.count, dtype=torch.float64)[value]
            for point, value in zip(net.space.points, decisions.values)
        }
        assert cost(rows).item() == cost(decisions)
    darts = DARTS(learning_rate=0.1, penalty=AddedCost(cost))
    darts.bind(net)
    for _ in range(50):
        darts.before_weights(make_step(net, lambda batch: net(batch).sum() * 0))
    assert darts.decisions().values == (0, 0)
    assert darts.metrics()["cost"] < 1.3 * cost([0, 0])


def make_step(net, loss, index=0, learning_rate=0.0):
    return SimpleNamespace(
        batch=IMAGES, next_valid=lambda: IMAGES, loss=loss, epoch=index // 10, progress=index / 60,
        weights=list(net.parameters()), learning_rate=learning_rate,
        weight_optimizer=torch.optim.SGD(net.parameters(), lr=learning_rate),
    )  # fmt: skip


@pytest.mark.parametrize("make", [DARTS, SNAS, GDAS, FBNet], ids=lambda make: make.__name__)
def test_sizes_are_learned(make):
    """The shared kernel blurs, as is wanted; its middle alone does not."""
    x = torch.randn(32, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    wanted = nn.functional.avg_pool2d(x, 3, 1, 1)
    net = supernet(Sequential(Conv2d(1, 1, one([1, 3]), padding="same", bias=False)), example=x[:2])
    sampler = make(learning_rate=0.1, warmup=0.0)
    sampler.bind(net, seed=0)
    nn.init.constant_(next(net.parameters()), 1 / 9)

    def loss(batch):
        return 100 * nn.functional.mse_loss(net(x), wanted)

    for index in range(60):
        step = make_step(net, loss, index)  # the weights stay: they would make up for those of the mixture
        sampler.before_weights(step)
        net.zero_grad()
        loss(x).backward()
        sampler.after_weights(step)
    assert sampler.decisions().values == (1,)
    assert sampler.architecture.probabilities()["args[0].kernel_size"][1] > 0.8
