"""Widths that follow: which layers take in what others give out, and what is said where that cannot be known."""

import re

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import supernet
from pliant.oneshot.channels.propagation import WidthSum, follow
from pliant.oneshot.exactness import measure_differences
from pliant.oneshot.rewrite.foreign import open_network
from pliant.values.errors import SpaceError

one = pg.oneof
Conv2d, BatchNorm2d, Sequential, ReLU, Linear, Flatten, Identity, LayerNorm, GroupNorm = map(
    pg.symbolize,
    (
        nn.Conv2d, nn.BatchNorm2d, nn.Sequential, nn.ReLU, nn.Linear, nn.Flatten, nn.Identity, nn.LayerNorm,
        nn.GroupNorm,
    ),
)  # fmt: skip
X = torch.randn(2, 3, 6, 6)


@pg.symbolize
class Add(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = a, b

    def forward(self, x):
        return self.a(x) + self.b(x)


@pg.symbolize
class Cat(nn.Module):
    def __init__(self, branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([x, *(branch(x) for branch in self.branches)], 1)


@pg.symbolize
class Residual(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        y = self.inner(x)
        y += x
        return y


@pg.symbolize
class Gate(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, down, up):
        super().__init__()
        self.down, self.up = down, up

    def forward(self, x):
        return x * self.up(self.down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


def check(space, example=X, **options):
    """Every network of what follows runs, alone and within the super-network, with the same outcome."""
    before = space.clone()
    found = follow(space, example, **options)
    assert pg.eq(space, before)  # it stays as it is
    net = supernet(found, example=example).double()
    for seed in range(6):
        decisions = net.space.sample(seed)
        assert measure_differences(net, example.double(), decisions=decisions).largest < 1e-10
    return found


def widths(space, decisions, kind):
    child = pg.materialize(space, decisions)
    return [(c.in_channels, c.out_channels) for c in child.query(lambda x: isinstance(x, kind)).values()]


def test_a_chain():
    space = Sequential(
        Conv2d(3, one([8, 16]), 3), BatchNorm2d(16), ReLU(), GroupNorm(2, 16), Conv2d(16, one([4, 6]), 1), BatchNorm2d(6),
    )  # fmt: skip
    found = check(space)
    assert pg.abstract_search_space(found).size == 4
    assert [p.path for p in pg.abstract_search_space(found).points] == [
        "args[0].out_channels",
        "args[4].out_channels",
    ]
    assert widths(found, [0, 1], nn.Conv2d) == [(3, 8), (8, 6)]


def test_depthwise_and_a_linear_behind_flattening():
    space = Sequential(
        Conv2d(3, one([4, 6]), 1), Conv2d(6, 6, one([3, 5]), padding="same", groups=6), Conv2d(6, 12, 3, groups=6),
        Flatten(), Linear(12 * 16, 5),
    )  # fmt: skip
    found = check(space)
    child = pg.materialize(found, [0, 0])
    assert (child.args[1].groups, child.args[1].out_channels) == (4, 4)
    assert (child.args[2].groups, child.args[2].out_channels) == (4, 8)
    assert child.args[4].in_features == 8 * 16


def test_concatenation_is_a_sum():
    space = Sequential(
        Cat([Conv2d(3, one([2, 4]), 1), Conv2d(3, pg.intv(1, 3), 1)]), BatchNorm2d(10), Conv2d(10, 2, 1)
    )
    found = check(space)
    child = pg.materialize(found, [1, 2])
    assert child.args[1].num_features == 3 + 4 + 2
    assert child.args[2].in_channels == 9


def test_a_fixed_layer_on_the_other_side_of_a_sum_follows():
    space = Sequential(Add(Conv2d(3, one([4, 8]), 1), Conv2d(3, 8, 1)), Conv2d(8, 2, 1))
    found = check(space)
    assert widths(found, [0], nn.Conv2d) == [(3, 4), (3, 4), (4, 2)]


def test_squeeze_and_excitation_inside_a_residual():
    space = Sequential(
        Conv2d(3, one([8, 12]), 1),
        Residual(Sequential(Conv2d(12, 24, 1), Gate(Conv2d(24, 4, 1), Conv2d(4, 24, 1)), Conv2d(24, 12, 1))),
        Conv2d(12, 2, 1),
    )
    found = check(space)
    assert widths(found, [0], nn.Conv2d) == [(3, 8), (8, 24), (24, 4), (4, 24), (24, 8), (8, 2)]


def test_a_width_inside_a_gate():
    space = Sequential(Conv2d(3, one([8, 12]), 1), Gate(Conv2d(12, one([2, 4]), 1), Conv2d(4, 12, 1)))
    found = check(space)
    assert widths(found, [0, 0], nn.Conv2d) == [(3, 8), (8, 2), (2, 8)]


def test_candidates_of_choices_follow_too():
    space = Sequential(
        Conv2d(3, one([4, 8]), 1),
        one([Conv2d(8, 8, 3, padding=1), Identity(), Sequential(Conv2d(8, 8, 1, groups=8), BatchNorm2d(8))]),
        Conv2d(8, 2, 1),
    )
    with pytest.raises(ValueError, match=r"depends on the modules chosen before it.*args\[0\].out_channels"):
        follow(space, X)  # with the convolution the width is 8, with the identity what comes in
    width = one([4, 8], name="w")
    space = Sequential(
        Conv2d(3, width, 1),
        one(
            [
                Conv2d(8, width, 3, padding=1),
                Identity(),
                Sequential(Conv2d(8, 8, 1, groups=8), BatchNorm2d(8)),
            ]
        ),
        Conv2d(8, 2, 1),
    )
    found = check(space)
    assert pg.abstract_search_space(found).size == 6
    assert widths(found, {"w": 0, "args[1]": 2}, nn.Conv2d) == [(3, 4), (4, 4), (4, 2)]


def test_two_widths_that_are_added_are_refused_with_both_paths():
    space = Sequential(Add(Conv2d(3, one([4, 8]), 1), Conv2d(3, one([4, 6, 8]), 1)), Conv2d(8, 2, 1))
    with pytest.raises(
        ValueError, match=r"args\[0\].a.out_channels.*args\[0\].b.out_channels.*same name.*tie=True"
    ):
        follow(space, X)


def test_or_tied_on_request_over_what_they_have_in_common():
    space = Sequential(
        Conv2d(3, one([4, 8]), 1),
        Residual(Conv2d(8, one([2, 4, 8]), 3, padding=1)),
        Residual(Sequential(Conv2d(8, one([5, 7]), 1), Conv2d(7, pg.intv(2, 9), 1))),
    )
    found = check(space, tie=True)
    assert pg.abstract_search_space(found).size == 4
    assert widths(found, [0, 1], nn.Conv2d) == [(3, 4), (4, 4), (4, 7), (7, 4)]


def test_a_width_that_meets_the_input_cannot_vary():
    with pytest.raises(
        ValueError, match=r"args\[0\].inner.out_channels.*width 3 that no symbolic layer returns"
    ):
        follow(Sequential(Residual(Conv2d(3, one([3, 6]), 1))), X)


@pg.symbolize
class Hidden(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        return self.conv(x)


def test_layers_that_a_module_makes_for_itself():
    with pytest.raises(
        ValueError,
        match=r"layer 'conv' that the Hidden at 'args\[1\]' creates.*args\[0\].out_channels.*LazyConv2d",
    ):
        follow(Sequential(Conv2d(3, one([4, 8]), 1), Hidden()), X)
    width = one([4, 8], name="w")
    found = check(Sequential(Conv2d(3, width, 1), BatchNorm2d(8), Hidden(width)))
    assert pg.abstract_search_space(found).size == 2


def test_sizes_behind_flattening_that_kernels_change():
    space = Sequential(Conv2d(3, 4, one([1, 3, 5])), Flatten(), Linear(64, 2))
    with pytest.raises(ValueError, match=r"args\[2\].*linearly on 'args\[0\].kernel_size'.*LazyLinear"):
        follow(space, X)


def test_networks_that_do_not_run_at_all():
    with pytest.raises(ValueError, match=r"fails on the example.*takes no"):
        follow(Sequential(Broken(), Conv2d(3, one([4, 8]), 1)), X)
    with pytest.raises(ValueError, match=r"args\[1\].*takes the width 5 but receives 7 with any decisions"):
        follow(Sequential(Conv2d(3, 7, 1), Conv2d(5, one([4, 8]), 1)), X)
    with pytest.raises(TypeError, match=r"symbolic module.*open_network"):
        follow(nn.Linear(2, 3), X)


@pg.symbolize
class Broken(nn.Module):
    def forward(self, x):
        raise RuntimeError("takes no images")


def test_sequences():
    space = Sequential(
        Linear(6, one([4, 8])), LayerNorm(8), Residual(Sequential(Linear(8, one([3, 5])), Linear(5, 8)))
    )
    found = check(space)
    child = pg.materialize(found, [0, 0])
    assert [child.args[1].normalized_shape, child.args[2].inner.args[1].out_features] == [4, 4]


def test_without_memory():
    space = Sequential(Conv2d(3, one([8, 16]), 3), BatchNorm2d(16))
    found = follow(space, X.to("meta"))
    assert pg.materialize(found, [0]).args[1].num_features == 8


@pg.symbolize
class ConsumerFirst(nn.Module):
    """Its program has the layer that takes a concatenation in before those that give its parts out."""

    def __init__(self, last, first, second):
        super().__init__()
        self.last, self.first, self.second = last, first, second

    def forward(self, x):
        a = self.first(x)
        return self.last(torch.cat([x, a, self.second(a)], 1))


def test_sums_of_widths_are_encoded():
    """The parts of a sum are known from the layers that give them out, wherever these stand."""
    width = pg.oneof([4, 6, 8])
    after = follow(Sequential(Cat([Conv2d(3, width, 1), Conv2d(3, width, 1)]), Conv2d(11, 2, 1)), X)
    before = follow(ConsumerFirst(Conv2d(11, 2, 1), Conv2d(3, width, 1), Conv2d(4, width, 1)), X)
    for space, place in ((after, "args[1].in_channels"), (before, "last.in_channels")):
        for decisions in pg.abstract_search_space(space).iterate():
            assert pg.encode(space, pg.materialize(space, decisions)) == decisions
        wrong = pg.materialize(space, [0, 0]).rebind({place: 12})
        with pytest.raises(ValueError, match=rf"at path '{re.escape(place)}' is 12; .*WidthSum"):
            pg.encode(space, wrong)
    alone = pg.Dict(width=WidthSum([width, width], [1, 1]))
    with pytest.raises(
        NotImplementedError, match=r"at path 'width' cannot be encoded: 10 is the sum of 2 .* a name"
    ):
        pg.encode(alone, pg.Dict(width=10))


def test_a_unit_that_may_go_and_decides_a_width_says_so():
    network = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 6), nn.ReLU()), nn.Linear(6, 2))
    width = "layers[1].layers[0].out_features"
    program = open_network(network).rebind(lambda k, v, p: pg.oneof([3, 6]) if k == width else v)
    shorter = follow(program, torch.zeros(1, 4)).rebind(
        lambda k, v, p: pg.oneof([v, nn.Identity()]) if k == "layers[1]" else v
    )
    with pytest.raises(SpaceError, match=r"active only for some.*a candidate since.*search widths inside it"):
        supernet(shorter)
    plain = Sequential(
        one([Linear(2, one([2, 3], name="w")), Linear(2, 2)]), Linear(one([2, 3], name="w"), 1)
    )
    with pytest.raises(SpaceError, match=r"use two names\.$"):
        supernet(plain)


def test_computed_width_is_a_source():
    Linear, Sequential = map(pg.symbolize, (nn.Linear, nn.Sequential))
    space = Sequential(Linear(4, 2 * pg.oneof([3, 5], name="half")), Linear(10, 2))
    found = pg.oneshot.follow(space, torch.zeros(1, 4))
    assert [child.args[1].in_features for child in pg.iter(found)] == [6, 10]
    unnamed = Sequential(Linear(4, 2 * pg.oneof([3, 5])), Linear(10, 2))
    found = pg.oneshot.follow(unnamed, torch.zeros(1, 4))
    assert [child.args[1].in_features for child in pg.iter(found)] == [6, 10]


class Added(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.a, self.b = a, b

    def forward(self, x):
        return self.a(x) + self.b(x)


@pytest.mark.parametrize("order", [1, -1])
def test_ties_are_found_in_any_order_of_the_candidates(order):
    Linear, Sum = map(pg.symbolize, (nn.Linear, Added))
    space = Sum(Linear(4, pg.oneof([2, 4, 8][::order])), Linear(4, pg.oneof([4, 8][::order])))
    found = pg.oneshot.follow(space, torch.zeros(1, 4), tie=True)
    assert sorted(child.a.out_features for child in pg.iter(found)) == [4, 8]
    assert all(child.a.out_features == child.b.out_features for child in pg.iter(found))
