"""Modules in several sizes: what they share, what each has for itself, and how the whole is moved and copied."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import pliant as pg
from pliant.oneshot import supernet
from pliant.oneshot.choices.evaluation import evaluating
from pliant.oneshot.exactness import measure_differences

one = pg.oneof
Linear, Conv2d, Sequential, ReLU = map(pg.symbolize, (nn.Linear, nn.Conv2d, nn.Sequential, nn.ReLU))


def exact(net, *inputs, **options):
    return measure_differences(net, *inputs, **options).largest < 1e-10


@pg.symbolize
class Stage(nn.Module):
    """A module of a user's own: parts from outside, layers of its own, tables of constants, a counter."""

    def __init__(self, conv, width, scale=1.0):
        super().__init__()
        self.conv, self.scale = conv, scale
        self.out = nn.Conv2d(4, width, 1)
        self.register_buffer("table", torch.arange(width).float().sin()[:, None, None])
        self.register_buffer("noise", torch.rand(width)[:, None, None])
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("passing", torch.ones(width), persistent=False)

    def forward(self, x):
        if self.training:
            self.steps += 1
        return self.out(self.conv(x)) * self.scale + self.table + self.noise * self.passing.sum()


def stage():
    return Stage(Conv2d(3, 4, 3), one([4, 6]), one([0.5, 2.0]))


@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(2, 3, 5, 5, dtype=torch.float64)


class TestWhatIsShared:
    def test_parts_are_one_module_for_all_sizes(self, x):
        net = supernet(stage()).double()
        names = [name for name, _ in net.named_parameters()]
        assert [n for n in names if "conv" in n] == ["network.parts.conv.weight", "network.parts.conv.bias"]
        assert all(exact(net, x, decisions=d) for d in net.space.iterate())

    def test_a_counter_is_shared_and_constants_are_not(self, x):
        net = supernet(stage()).double()
        net.activate([0, 0])
        net(x)
        net.activate([1, 0])
        net(x)
        assert net.state_dict()["network.shared.steps"] == 2
        assert not any("table" in name for name in net.state_dict())
        assert net.inherited([0, 0])["table"].shape == (4, 1, 1)

    def test_widest_of_each_dimension(self):
        net = supernet(Linear(one([2, 5]), one([3, 1]), bias=False))
        assert [tuple(p.shape) for p in net.parameters()] == [(3, 5)]

    def test_candidates_of_one_class_share_on_request(self, x):
        def space():
            return Sequential(
                one([Sequential(Conv2d(3, 4, k, padding="same"), ReLU()) for k in (1, 3)]), ReLU()
            )

        apart, together = supernet(space()).double(), supernet(space(), share=True).double()
        assert sum(p.numel() for p in apart.parameters()) == 4 * 3 * (1 + 9) + 8
        assert sum(p.numel() for p in together.parameters()) == 4 * 3 * 9 + 4
        assert all(exact(together, x, decisions=[i]) for i in range(2))

    def test_two_layers_of_one_tensor_stay_one(self):
        net = supernet(TiedStage(one([2, 4]))).double()
        assert sum(p.numel() for p in net.parameters()) == 4 * 4
        assert all(exact(net, torch.randn(3, 4).double(), decisions=[i]) for i in range(2))

    def test_classes_that_change_with_a_value_share_nothing(self, x):
        net = supernet(Either(one([True, False]), one([2, 4]))).double()
        assert all(exact(net, x, decisions=d) for d in net.space.iterate())
        assert len(list(net.parameters())) == 4

    def test_depth_as_a_range_inside_a_module(self):
        net = supernet(Deep(pg.intv(1, 3), one([4, 8]))).double()
        assert sum(p.numel() for p in net.parameters()) == 3 * (8 * 8 + 8)
        assert all(exact(net, torch.randn(3, 8).double(), decisions=d) for d in net.space.iterate())

    def test_ranges_beyond_what_is_enumerated(self):
        net = supernet(Deep(pg.intv(1, 3), 8, pg.intv(1, 500), pg.floatv(0.1, 1.0))).double()
        assert net.get_parameter("network.shared.first:weight").shape == (500, 8)
        for seed in range(5):
            assert exact(net, torch.randn(3, 8).double(), decisions=net.space.sample(seed))

    def test_lists_of_modules_and_a_hole_over_a_list(self):
        layers = one([[Linear(4, 4)], [Linear(4, 4), ReLU()], pg.manyof(2, [ReLU(), Linear(4, 4)])])
        net = supernet(Body(layers, one([1, 2]))).double()
        for seed in range(12):
            assert exact(net, torch.randn(3, 4).double(), decisions=net.space.sample(seed))

    def test_a_list_of_one(self):
        net = supernet(Body(pg.manyof(1, [ReLU(), Linear(4, 4)]), one([1, 2]))).double()
        assert all(exact(net, torch.randn(3, 4).double(), decisions=d) for d in net.space.iterate())

    def test_a_module_that_is_there_or_not(self):
        net = supernet(Body([Linear(4, 4)], 1, one([None, Linear(4, 4)]))).double()
        assert all(exact(net, torch.randn(3, 4).double(), decisions=d) for d in net.space.iterate())

    def test_a_derived_hole(self):
        net = supernet(Linear(4, PowerOfTwo(3))).double()
        assert all(exact(net, torch.randn(3, 4).double(), decisions=d) for d in net.space.iterate())

    def test_ordinary_modules_inside_are_copied_once(self):
        own = nn.Linear(4, 4)
        net = supernet(Body([own, ReLU()], one([1, 2]))).double()
        assert net.network.parts["layers[0]"] is not own
        assert all(exact(net, torch.randn(3, 4).double(), decisions=[i]) for i in range(2))
        assert own.weight.dtype is torch.float32


@pg.symbolize
class TiedStage(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.a, self.b = nn.Linear(4, width, bias=False), nn.Linear(4, width, bias=False)
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.a(x) * self.b(x.cos())


@pg.symbolize
class Either(nn.Module):
    def __init__(self, is_pointwise, width):
        super().__init__()
        self.layer = nn.Conv2d(3, width, 1) if is_pointwise else nn.ConvTranspose2d(3, width, 1)

    def forward(self, x):
        return self.layer(x)


@pg.symbolize
class Deep(nn.Module):
    def __init__(self, depth, hidden, first=8, slope=0.1):
        super().__init__()
        if first != 8:
            self.first = nn.Linear(8, first)
        self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(depth))
        self.hidden, self.slope = hidden, slope

    def forward(self, x):
        for layer in self.layers:
            x = nn.functional.leaky_relu(layer(x), self.slope)
        return x[:, : self.hidden]


@pg.symbolize
class Body(nn.Module):
    def __init__(self, layers, times, more=None):
        super().__init__()
        self.layers, self.times, self.more = nn.ModuleList(layers), times, more

    def forward(self, x):
        for layer in self.layers:
            x = layer(x) * self.times
        return x if self.more is None else self.more(x)


class PowerOfTwo(pg.DerivedHole):
    most: int

    def inner(self):
        return pg.intv(0, self.most)

    def build(self, value):
        return 2**value


class TestMovingAndCopying:
    def test_a_deep_copy_is_independent_and_exact(self, x):
        net = supernet(stage()).double()
        net.activate([1, 0])
        before = net(x)
        twin = copy.deepcopy(net)
        assert torch.equal(twin(x), before)
        with torch.no_grad():
            for p in twin.parameters():
                p.zero_()
        assert torch.equal(net(x), before)
        twin.activate([0, 1])
        assert net.decisions.values == (1, 0)
        assert exact(twin, x, decisions=[0, 0])
        assert not {id(p) for p in net.parameters()} & {id(p) for p in twin.parameters()}

    def test_sizes_made_after_a_move_have_its_types(self):
        net = supernet(Constants(pg.intv(1, 5000))).double()
        net.activate([1234])
        assert net.network.skeleton((1234,)).module.table.dtype is torch.float64
        assert exact(net, torch.randn(2, 5000).double())

    def test_meta(self):
        net = supernet(stage()).to("meta")
        net.activate([1, 1])
        out = net(torch.empty(2, 3, 5, 5, device="meta"))
        assert out.shape == (2, 6, 3, 3)
        assert out.is_meta

    def test_modes_reach_all_sizes(self):
        net = supernet(Sequential(Linear(4, 4), pg.symbolize(nn.Dropout)(one([0.5, 0.9]))))
        net.eval()
        y = torch.ones(2, 4)
        assert all(torch.equal(net(y), net(y)) for _ in map(net.activate, ([0], [1])))
        net.train()
        assert not torch.equal(net(y), net(y))

    def test_each_size_runs_in_the_mode_of_the_network(self, x):
        net = supernet(stage()).double()
        for mode in (True, False, True, False):
            net.train(mode)
            for decisions in net.space.iterate():
                net.activate(decisions)
                net(x)
                assert {part.training for part in net.network.running()[0].module.modules()} == {mode}

    def test_a_common_part_keeps_its_own_mode(self, x):
        """As a frozen backbone does: also when sizes are built, change their mode, or the network is judged."""
        part = Sequential(Conv2d(3, 4, 3), pg.symbolize(nn.BatchNorm2d)(4))
        net = supernet(Stage(part, one([4, 6]), one([0.5, 2.0]))).double()
        frozen = net.network.parts["conv"].eval()
        for decisions in net.space.iterate():
            net.activate(decisions)
            net(x)
            with evaluating(net):
                net(x)
            net(x)
        assert not any(module.training for module in frozen.modules())
        net.train()
        assert all(module.training for module in frozen.modules())

    @pytest.mark.parametrize("inside", [False, True])
    def test_checkpointing(self, x, inside):
        net = supernet(Checkpointed(Conv2d(3, 4, one([1, 3])), one([4, 6])) if inside else stage()).double()
        net.eval()
        net.activate([0, 0])
        run = net if inside else lambda y: checkpoint(net, y, use_reentrant=False)
        found = torch.autograd.grad(run(x).sum(), list(net.parameters()), allow_unused=True)
        plain = net.network
        if inside:
            plain.skeleton((0,)).module.checkpoints = False
        wanted = torch.autograd.grad(net(x).sum(), list(net.parameters()), allow_unused=True)
        assert all(a is b is None or torch.equal(a, b) for a, b in zip(found, wanted))


@pg.symbolize
class Constants(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.register_buffer("table", torch.arange(width).float())

    def forward(self, x):
        return x[:, : len(self.table)] + self.table


@pg.symbolize
class Checkpointed(nn.Module):
    checkpoints = True

    def __init__(self, conv, width):
        super().__init__()
        self.conv = conv
        self.own = nn.Conv2d(4, width, 1)

    def forward(self, x):
        x = self.conv(x)
        return checkpoint(self.own, x, use_reentrant=False) if self.checkpoints else self.own(x)
