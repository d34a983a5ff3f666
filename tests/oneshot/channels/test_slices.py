"""Narrow networks have the channels of the large one that belong to them: compared with networks cut by hand.

Each case has a class of networks with sizes as arguments, and says by lists of numbers which rows and columns of the large
network's weights the narrow one has.  These lists use nothing of the package.
"""

import copy
import pickle

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

import pliant as pg
from pliant.oneshot import DARTS, BatchStatistics, Recalibrated, follow, open_network, supernet
from pliant.oneshot.channels.propagation import WidthSum
from pliant.oneshot.elastic.slices import Block, Width, to_width
from pliant.oneshot.exactness import measure_differences
from pliant.oneshot.gradient.mixable import check_mixtures

one = pg.oneof
IMAGE = (2, 3, 6, 6)


class Inception(nn.Module):
    """Three branches side by side, and a classifier of all places."""

    def __init__(self, a, b, c):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, a, 1), nn.Conv2d(3, 4, 3, padding=1)
        self.c = nn.Sequential(nn.Conv2d(3, b, 1), nn.ReLU(), nn.Conv2d(b, c, 3, padding=1))
        self.norm, self.head = nn.BatchNorm2d(a + 4 + c), nn.Linear((a + 4 + c) * 36, 3)

    def forward(self, x):
        y = torch.cat([self.a(x), self.b(x).relu(), self.c(x)], dim=1)
        return self.head(self.norm(y).relu().flatten(1))


def inception():
    kept = [0, 1, 4, 5, 6, 7, 8, 9, 10]  # of 4 + 4 + 6
    places = [36 * i + j for i in kept for j in range(36)]
    cuts = {
        "a.weight": (0, [0, 1]), "a.bias": (0, [0, 1]), "c.2.weight": (0, [0, 1, 2]), "c.2.bias": (0, [0, 1, 2]),
        "head.weight": (1, places), **{f"norm.{n}": (0, kept) for n in NORM},
    }  # fmt: skip
    holes = {"a.out_channels": one([2, 4]), "c.layers[2].out_channels": one([3, 6])}
    return Inception(4, 4, 6), holes, Inception(2, 4, 3), cuts, IMAGE


NORM = ("weight", "bias", "running_mean", "running_var")


class DenseNet(nn.Module):
    """Each layer reads the outputs of all layers before it."""

    def __init__(self, first, growth):
        super().__init__()
        widths = [first + i * growth for i in range(4)]
        self.stem = nn.Conv2d(3, first, 3, padding=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(w) for w in widths)
        self.convs = nn.ModuleList(nn.Conv2d(w, growth, 3, padding=1, bias=False) for w in widths[:3])
        self.head = nn.Linear(widths[3], 3)

    def forward(self, x):
        found = [self.stem(x)]
        for norm, conv in zip(self.norms, self.convs):
            found.append(conv(norm(torch.cat(found, 1)).relu()))
        return self.head(self.norms[3](torch.cat(found, 1)).mean((2, 3)))


def densenet():
    """Widths 6 and 4 become 4 and 2."""
    kept = [0, 1, 2, 3, 6, 7, 10, 11, 14, 15]
    cuts = {"stem.weight": (0, [0, 1, 2, 3]), "stem.bias": (0, [0, 1, 2, 3]), "head.weight": (1, kept)}
    for i in range(4):
        cuts |= {f"norms.{i}.{n}": (0, kept[: 4 + 2 * i]) for n in NORM}
    cuts |= {f"convs.{i}.weight": (0, [0, 1], 1, kept[: 4 + 2 * i]) for i in range(3)}
    growth = one([2, 4], name="growth")
    holes = {"stem.out_channels": one([4, 6])} | {f"convs.layers[{i}].out_channels": growth for i in range(3)}
    return DenseNet(6, 4), holes, DenseNet(4, 2), cuts, IMAGE


class Attention(nn.Module):
    """A block as in vision transformers, with one layer for query, key and value."""

    def __init__(self, heads, size, mode="blocks"):
        super().__init__()
        self.heads, self.size, self.mode = heads, size, mode
        self.norm, self.qkv, self.proj = (
            nn.LayerNorm(16),
            nn.Linear(16, 3 * heads * size),
            nn.Linear(heads * size, 16),
        )

    def forward(self, x):
        n, length, _ = x.shape
        found = self.qkv(self.norm(x))
        if self.mode == "blocks":
            q, k, v = found.reshape(n, length, 3, self.heads, self.size).permute(2, 0, 3, 1, 4).unbind(0)
        elif self.mode == "split":
            parts = found.split(self.heads * self.size, 2)
            q, k, v = (part.view(n, length, -1, self.size).transpose(1, 2) for part in parts)
        else:  # query, key and value of each head side by side
            q, k, v = found.view(n, length, self.heads, 3 * self.size).transpose(1, 2).chunk(3, -1)
        if self.mode == "split":
            y = functional.scaled_dot_product_attention(q, k, v)
        else:
            y = ((q * self.size**-0.5) @ k.transpose(-2, -1)).softmax(-1) @ v
        return x + self.proj(y.transpose(1, 2).flatten(2))


def attention(mode, *, narrow_heads):
    """Four heads of 4 become two, or heads of 2."""
    heads, size = (2, 4) if narrow_heads else (4, 2)
    columns = [4 * h + i for h in range(heads) for i in range(size)]
    if mode == "heads":
        rows = [12 * h + 4 * part + i for h in range(heads) for part in range(3) for i in range(size)]
    else:
        rows = [16 * part + column for part in range(3) for column in columns]
    field, value = ("heads", one([2, 4], name="n")) if narrow_heads else ("size", one([2, 4], name="n"))
    cuts = {"qkv.weight": (0, rows), "qkv.bias": (0, rows), "proj.weight": (1, columns)}
    holes = {field: value, "qkv.out_features": WidthSum([value], [12])}
    return Attention(4, 4, mode), holes, Attention(heads, size, mode), cuts, (2, 5, 16)


class Gated(nn.Module):
    def __init__(self, width, mode):
        super().__init__()
        self.mode, self.norm = mode, nn.LayerNorm(2 * width)
        self.up, self.down = nn.Linear(6, 2 * width), nn.Linear(width, 4)

    def forward(self, x):
        y = self.norm(self.up(x))
        if self.mode == "glu":
            return self.down(functional.glu(y, -1))
        gate, value = y.chunk(2, -1)
        return self.down(functional.silu(gate) * value)


def gated(mode):
    rows = [0, 1, 2, 3, 8, 9, 10, 11]
    cuts = {"up.weight": (0, rows), "up.bias": (0, rows), "down.weight": (1, [0, 1, 2, 3])}
    cuts |= {"norm.weight": (0, rows), "norm.bias": (0, rows)}
    return Gated(8, mode), {"up.out_features": one([8, 16])}, Gated(4, mode), cuts, (2, 5, 6)


class ChannelsFirst(nn.Module):
    """A norm over channels in the last place, behind two branches, and others over channels in the second."""

    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, a, 1), nn.Conv2d(3, b, 1)
        self.norm, self.group, self.act = nn.LayerNorm(a + b), nn.GroupNorm(1, a + b), nn.PReLU(a + b)
        self.depth, self.down = nn.Conv2d(a + b, 2 * (a + b), 3, groups=a + b), nn.Conv2d(2 * (a + b), 2, 1)

    def forward(self, x):
        y = torch.cat((self.a(x), self.b(x)), 1)
        y = self.norm(y.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.down(self.depth(self.act(self.group(y))))


def channels_first():
    kept = [0, 1, 4, 5, 6]
    twice = [0, 1, 2, 3, 8, 9, 10, 11, 12, 13]
    cuts = {
        "a.weight": (0, [0, 1]),
        "a.bias": (0, [0, 1]),
        "b.weight": (0, [0, 1, 2]),
        "b.bias": (0, [0, 1, 2]),
    }
    cuts |= {f"{layer}.{n}": (0, kept) for layer in ("norm", "group") for n in ("weight", "bias")}
    cuts |= {
        "act.weight": (0, kept),
        "depth.weight": (0, twice),
        "depth.bias": (0, twice),
        "down.weight": (1, twice),
    }
    return (
        ChannelsFirst(4, 6), {"a.out_channels": one([2, 4]), "b.out_channels": one([3, 6])}, ChannelsFirst(2, 3), cuts, IMAGE
    )  # fmt: skip


class Grouped(nn.Module):
    """Convolutions in two groups of channels, and places made from channels."""

    def __init__(self, width):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, width, 1), nn.BatchNorm2d(width)
        self.groups = nn.Conv2d(width, 8, 3, padding=1, groups=2)
        self.wide, self.last = nn.Conv2d(8, 4 * width, 1), nn.Conv2d(width, 2, 1)

    def forward(self, x):
        y = self.wide(self.groups(self.norm(self.first(x)).relu()))
        return self.last(functional.pixel_shuffle(y, 2))


def grouped():
    """Each group reads half of the channels; four channels of ``wide`` are one of the next layer."""
    rows = [0, 1, 4, 5]
    cuts = {"first.weight": (0, rows), "first.bias": (0, rows), **{f"norm.{n}": (0, rows) for n in NORM}}
    cuts |= {"groups.weight": (1, [0, 1]), "wide.weight": (0, [*range(16)]), "wide.bias": (0, [*range(16)])}
    cuts |= {"last.weight": (1, [0, 1, 2, 3])}
    holes = {"first.out_channels": one([4, 8]), "wide.out_channels": one([16, 32])}
    return Grouped(8), holes, Grouped(4), cuts, IMAGE


CASES = {
    "inception": inception,
    "densenet": densenet,
    "heads": lambda: attention("blocks", narrow_heads=True),
    "size of heads": lambda: attention("blocks", narrow_heads=False),
    "split": lambda: attention("split", narrow_heads=True),
    "split, size of heads": lambda: attention("split", narrow_heads=False),
    "side by side": lambda: attention("heads", narrow_heads=True),
    "side by side, size of heads": lambda: attention("heads", narrow_heads=False),
    "glu": lambda: gated("glu"),
    "swiglu": lambda: gated("swiglu"),
    "norms": channels_first,
    "groups": grouped,
}


def make(name):
    """Returns a large network with weights, its space, the narrow network cut by hand, and an example."""
    torch.manual_seed(0)
    network, holes, narrow, cuts, shape = CASES[name]()
    state = network.state_dict()
    for tensor in state.values():  # norms have other weights than ones
        if tensor.is_floating_point():
            tensor.uniform_(0.1, 1.0)
    example = torch.randn(shape)
    cut = {}
    for key, tensor in state.items():
        steps = cuts.get(key, ())
        for dim, kept in zip(steps[::2], steps[1::2]):
            tensor = tensor.index_select(dim, torch.tensor(kept))
        cut[key] = tensor
    narrow.load_state_dict(cut)
    return network, follow(open_network(network).rebind(holes), example), narrow.eval(), example


@pytest.mark.parametrize("name", CASES)
def test_narrow_networks_are_those_cut_by_hand(name):
    network, space, narrow, x = make(name)
    net = supernet(space, example=x).eval()
    decisions = net.activate([0] * len(net.space.points))
    wanted = narrow(x)
    torch.testing.assert_close(net(x), wanted)
    child = net.materialize(decisions).eval()
    torch.testing.assert_close(child(x), wanted)
    for key, tensor in narrow.state_dict().items():
        assert torch.equal(child.state_dict()[key], tensor), key
    torch.testing.assert_close(pg.materialize(space, decisions).eval()(x), wanted)  # without a super-network
    net.activate([-1 + len(p.literals) for p in net.space.points])
    torch.testing.assert_close(net(x), network.eval()(x))


@pytest.mark.parametrize("name", CASES)
def test_super_networks_of_slices_are_exact(name):
    _, space, _, x = make(name)
    net = supernet(space, example=x).double()
    for seed in range(3):
        for training in (True, False):
            found = measure_differences(net, x.double(), decisions=net.space.sample(seed), training=training)
            assert found.largest < 1e-10, found


class Branches(nn.Module):
    """Layers side by side, some of them several times, and a layer that reads all places."""

    def __init__(self, widths, order):
        super().__init__()
        self.order = order
        self.layers = nn.ModuleList(nn.Linear(3, width) for width in widths)
        total = sum(widths[i] for i in order)
        self.norm, self.last = nn.BatchNorm1d(total), nn.Linear(2 * total, 2)

    def forward(self, x):
        found = [layer(x) for layer in self.layers]
        y = torch.cat([found[i] for i in self.order], 1)
        return self.last(torch.stack([self.norm(y), y], 2).flatten(1))


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), min_size=1, max_size=3),
    st.lists(st.integers(0, 2), min_size=1, max_size=4),
)
@settings(max_examples=8, phases=[Phase.generate], deadline=None)
def test_generated_concatenations(sizes, order):
    torch.manual_seed(0)
    narrow, wide = [a for a, _ in sizes], [a + more for a, more in sizes]
    order = [i % len(sizes) for i in order]
    holes = {
        f"layers.layers[{i}].out_features": one([a, b]) for i, (a, b) in enumerate(zip(narrow, wide)) if a < b
    }
    if not holes:
        return
    network, alone, x = Branches(wide, order), Branches(narrow, order), torch.randn(4, 3)
    starts = [sum(wide[i] for i in order[:place]) for place in range(len(order))]
    kept = [start + j for start, i in zip(starts, order) for j in range(narrow[i])]
    state = network.state_dict()
    for i, width in enumerate(narrow):
        for name in ("weight", "bias"):
            state[f"layers.{i}.{name}"] = state[f"layers.{i}.{name}"][:width]
    for name in NORM:
        state[f"norm.{name}"] = state[f"norm.{name}"][kept]
    state["last.weight"] = state["last.weight"][:, [2 * i + j for i in kept for j in range(2)]]
    alone.load_state_dict(state)
    net = supernet(follow(open_network(network).rebind(holes), x), example=x)
    decisions = net.activate([0] * len(net.space.points))
    torch.testing.assert_close(net.eval()(x), alone.eval()(x))
    assert measure_differences(net.double(), x.double(), decisions=decisions).largest < 1e-10


def test_statistics_of_slices_are_trained_restored_and_recalibrated():
    _, space, narrow, x = make("densenet")
    net = supernet(space, example=x)
    net.activate([0] * len(net.space.points))
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    for way in (BatchStatistics(), Recalibrated(2)):
        with way.applied(net.eval(), lambda: [x], net):
            net(x)
        assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())
    net.train()(x)
    narrow.train()(x)
    child = net.materialize()
    for key, tensor in narrow.state_dict().items():
        torch.testing.assert_close(child.state_dict()[key], tensor)


@pytest.mark.parametrize("name", ["inception", "densenet", "glu", "norms"])
def test_mixtures_with_all_weight_on_one_size_are_that_size(name):
    _, space, _, x = make(name)
    net = supernet(space, example=x).eval()
    keys = [point.path for point in net.space.points]
    for size in (0, 1):
        net.activate([size] * len(keys))
        wanted = net(x)
        for key in keys:
            row = torch.full((2,), 1e-9)
            row[size] = 1.0
            net.selection.weights[key] = row
        torch.testing.assert_close(net(x), wanted)
        net.selection.weights.clear()


def test_darts_takes_branches_of_several_widths():
    _, space, _, x = make("inception")
    net = supernet(space, example=x)
    check_mixtures(net, DARTS.__name__)


def test_first_entries_are_an_ordinary_number():
    assert type(to_width(3, 8, (Block(0, (1,), (3,)),))) is int
    assert type(to_width(3, 8, (Block(6, (1,), (3,)),))) is int  # blocks that do not fit
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 2, 1), nn.Flatten(), nn.Linear(72, 2))
    space = open_network(network).rebind({"layers[0].out_channels": one([4, 8])})
    space = follow(space, torch.zeros(IMAGE))
    assert type(pg.materialize(space, [0]).layers[1].in_channels) is int


def test_a_width_is_a_number_that_is_copied_stored_and_pickled():
    width = to_width(2, 8, (Block(0, (4,), (2,)),))
    assert (width, repr(width), width.kept()) == (2, "2", (0, 4))
    for again in (copy.deepcopy(width), pickle.loads(pickle.dumps(width))):
        assert isinstance(again, Width)
        assert again.kept() == (0, 4)
    _, space, _, x = make("inception")
    child = supernet(space, example=x).materialize([0, 0]).eval()
    exported = torch.export.export(child, (x,)).module()
    torch.testing.assert_close(exported(x), child(x))
    text = pg.to_json_str(space.rebind(lambda k, v, p: None if k and k.key == "opened" else v))
    assert '"full": 14' in text
