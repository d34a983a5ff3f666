"""The law of costs: equal to those of the materialized network, to the last unit."""

import itertools

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import pliant as pg
from pliant.oneshot import InputChoice, LayerChoice, ValueChoice, supernet
from pliant.oneshot.cost import MultiplyAdds, Parameters, count_multiply_adds
from pliant.values.errors import SpaceError

one = pg.oneof
Sequential, Conv2d, BatchNorm2d, ReLU, Identity, LazyConv2d, SymbolicInputChoice = map(
    pg.symbolize,
    (
        nn.Sequential, nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Identity, nn.LazyConv2d,
        InputChoice,
    ),
)  # fmt: skip


@pg.symbolize
class Residual(nn.Module):
    """Adds where shapes agree, so that which code runs depends on widths."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        y = self.inner(x)
        return x + y if x.shape == y.shape else y


@pg.symbolize
class Grouped(nn.Module):
    """A grouped convolution, and a product that no layer stands for."""

    def __init__(self, width, groups, kernel):
        super().__init__()
        self.conv = nn.Conv2d(width, width, kernel, padding="same", groups=groups)

    def forward(self, x):
        y = self.conv(x).flatten(2)
        return (y @ (y.transpose(1, 2) @ y)).view_as(x)


@pg.symbolize
class Joined(nn.Module):
    """Several branches of which some are taken."""

    def __init__(self, branches, choice):
        super().__init__()
        self.branches, self.choice = nn.ModuleList(branches), choice

    def forward(self, x):
        return self.choice([branch(x) for branch in self.branches])


@pg.symbolize
class Chain(nn.Sequential):
    """Holds all widths, so that each has a place where it is always active; ends in as many outputs as channels."""

    def __init__(self, widths, layers):
        super().__init__(*layers)
        self.widths = widths

    def forward(self, x):
        for layer in self:
            x = layer(x).relu_()
        return x.mean((2, 3))


KINDS = {
    2: ["lazy", "choice", "chain", "inputs"],
    1: ["conv", "lazy", "choice"],
    0: ["conv", "lazy"],
    -1: ["conv"],
}


@st.composite
def programs(draw):
    """A chain of layers with widths, kernels, groups, inputs, depth and lazy layers to decide."""
    widths = []

    def width():
        widths.append(
            one(
                draw(st.lists(st.sampled_from([2, 4, 6]), min_size=2, max_size=2, unique=True)),
                name=f"w{len(widths)}",
            )
        )
        return widths[-1]

    def layer(a, b, depth):
        kind = draw(st.sampled_from(KINDS[depth]))
        kernel = draw(st.sampled_from([1, 3, one([1, 3])]))
        if kind == "conv":
            return Conv2d(
                a, b, kernel, padding="same", bias=draw(st.sampled_from([True, one([True, False])]))
            )
        if kind == "lazy":
            return LazyConv2d(b, 3, padding="same")
        if kind == "choice":
            return one([layer(a, b, -1) for _ in range(2)])
        if kind == "inputs":
            picks = draw(st.integers(1, 2))
            reduction = draw(st.sampled_from(["sum", "concat"]))
            found = Joined(
                [layer(a, b, 0) for _ in range(3)],
                SymbolicInputChoice(chosen=pg.manyof(picks, [0, 1, 2], sorted=True), reduction=reduction),
            )
            return Sequential(found, LazyConv2d(b, 1))
        middle = width()
        return Sequential(layer(a, middle, depth - 1), BatchNorm2d(middle), layer(middle, b, depth - 1))

    layers, before = [], 3
    for _ in range(draw(st.integers(1, 2))):
        after = width()
        layers.append(Residual(layer(before, after, 2)))
        if draw(st.booleans()):
            layers.append(one([Grouped(after, one([1, 2]), one([1, 3])), Identity()]))
        before = after
    return Chain(widths, layers)


IMAGE = torch.zeros(1, 3, 5, 5)


def count_by_torch(module, *inputs):
    """What PyTorch's own counter says: half of its floating-point operations, forward."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval()(*inputs)
    return counter.get_total_flops() / 2


@settings(max_examples=8, deadline=None, phases=[Phase.generate])
@given(programs(), st.integers(0, 2**30))
def test_costs_are_those_of_the_materialized_network(program, seed):
    net = supernet(program, example=IMAGE)
    cost, parameters = MultiplyAdds(net, IMAGE), Parameters(net, IMAGE)
    for i in range(8):
        decisions = net.space.sample(seed + i)
        child = net.materialize(decisions, inherit=False)
        assert cost(decisions) == count_by_torch(child, IMAGE) == count_multiply_adds(child, IMAGE)
        assert parameters(decisions) == sum(p.numel() for p in child.parameters())
    assert cost._graph is not None  # tables, not whole networks
    assert parameters._graph is not None
    before = cost.runs
    for i in range(8):
        cost(net.space.sample(seed + i))
    assert cost.runs == before


@settings(max_examples=5, deadline=None, phases=[Phase.generate])
@given(programs(), st.integers(0, 2**30))
def test_one_hot_weights_cost_what_the_network_costs(program, seed):
    net = supernet(program, example=IMAGE)
    if any(point.group is not None for point in net.space.points):  # picks have no weights of their own
        return
    for cost in (MultiplyAdds(net, IMAGE), Parameters(net, IMAGE)):
        for i in range(3):
            decisions = net.space.sample(seed + i)
            chosen = decisions.to_dict()
            weights = {
                point.path: torch.eye(point.count, dtype=torch.double)[chosen.get(point.path, 0)]
                for point in net.space.points
            }
            if len(net.space.points) > 9:
                continue
            assert cost(weights).item() == cost(decisions)


def make_expected():
    """Nested, tied and elastic choices; 24 networks."""
    width = one([2, 4], name="width")
    inner = one([Conv2d(width, width, 3, padding="same"), Sequential(one([ReLU(), Conv2d(width, width, 1)]))])
    return Sequential(
        Conv2d(3, width, one([1, 3])), Residual(inner), one([Grouped(width, 1, 1), Identity()], name="last")
    )


def test_expectation_is_exact_and_differentiable():
    net = supernet(make_expected())
    cost = MultiplyAdds(net, IMAGE)
    torch.manual_seed(0)
    weights = {
        p.path: torch.rand(p.count, dtype=torch.double).softmax(0).requires_grad_() for p in net.space.points
    }
    wanted = 0.0
    for decisions in net.space.iterate():
        share = 1.0
        for path, value in decisions.to_dict().items():
            share = share * weights[path][value]
        wanted = wanted + share * cost(decisions)
    found = cost(weights)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-12)
    rows = list(weights.values())
    for a, b in zip(torch.autograd.grad(found, rows), torch.autograd.grad(wanted, rows), strict=True):
        a, b = a - a.mean(), b - b.mean()  # along the simplex: off it, what is certain is scaled or not
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-6)


def test_a_mixture_of_separable_choices_is_a_sum_of_products():
    ops = lambda: one([Conv2d(4, 4, 3, padding=1), Conv2d(4, 4, 1), Identity()])  # noqa: E731 - twice the same
    net = supernet(Sequential(Conv2d(3, 4, 1), ops(), ops()))
    cost = MultiplyAdds(net, IMAGE)
    first, second = torch.tensor([0.5, 0.25, 0.25]), torch.tensor([0.0, 1.0, 0.0], requires_grad=True)
    found = cost({"args[1]": first, "args[2]": second})
    a, b, stem = 25 * 4 * 4 * 9, 25 * 4 * 4, 25 * 3 * 4
    assert found.item() == stem + 0.5 * a + 0.25 * b + b
    assert torch.autograd.grad(found, second)[0].tolist() == [a, b, 0]
    assert len(cost._compiled.tables) == 2
    assert not cost._compiled.steps


def test_the_supernet_stays_as_it_is():
    net = supernet(make_expected()).train()
    net.network[0].eval()
    chosen, cost = net.activate(net.space.sample(3)), MultiplyAdds(net, IMAGE)
    net.selection.weights["last"] = torch.ones(2)
    state = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    random = torch.get_rng_state()
    cost(net.space.sample(5))
    assert net.training
    assert not net.network[0].training
    assert net.decisions == chosen
    assert list(net.selection.weights) == ["last"]
    assert all(torch.equal(state[name], tensor) for name, tensor in net.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    hooks = [name for name in vars(nn.modules.module) if name.startswith("_global_") and "ward" in name]
    assert len(hooks) > 3
    assert not any(
        getattr(nn.modules.module, name) for name in hooks
    )  # with one left over, torch.compile warns


class Handwritten(nn.Module):
    """Choices by hand: between layers, inputs and values."""

    def __init__(self):
        super().__init__()
        self.layer = LayerChoice([nn.Linear(4, 4), nn.Linear(4, 6)], key="layer")
        self.inputs = InputChoice(2, 1, key="inputs")
        self.value = ValueChoice([1, 3], key="value")
        self.head = nn.LSTM(1, 2, batch_first=True)

    def forward(self, x):
        y = self.inputs([self.layer(x), self.layer(x.relu())])
        return self.head(y[..., None].repeat(1, self.value(), 1))[0]


def test_choices_written_by_hand_and_values_that_code_computes_with():
    net = supernet(Handwritten())
    cost, parameters = MultiplyAdds(net, torch.zeros(1, 4)), Parameters(net)
    for layer, inputs, value in itertools.product(range(2), range(2), range(2)):
        width = (4, 6)[layer]
        decisions = {"layer": layer, "inputs": inputs, "value": f"{value}/2"}
        assert cost(decisions) == 2 * 4 * width + width * (1, 3)[value] * 8 * (1 + 2)
        assert parameters(decisions) == 5 * width + 8 * 3 + 16
    assert cost._graph is not None


class Hidden(nn.Module):
    """Hands a number on by an attribute, which no table can know."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        Hidden.now = self.size
        return x


class Dependent(nn.Module):
    def __init__(self):
        super().__init__()
        self.choice = LayerChoice([Hidden(1), Hidden(3)], key="size")
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        x = self.choice(x)
        for _ in range(Hidden.now):
            x = self.layer(x)
        return x


def test_code_that_hides_what_it_depends_on_is_run_as_a_whole():
    cost = MultiplyAdds(supernet(Dependent()), torch.zeros(1, 2))
    assert [cost([0]), cost([1]), cost([0]), cost([1])] == [4, 12, 4, 12]
    assert cost._graph is None
    with pytest.raises(SpaceError, match="its code depends on more than shapes"):
        cost({"size": torch.ones(2) / 2})


class Shared(nn.Module):
    """One weight in two candidates, and outside."""

    def __init__(self):
        super().__init__()
        self.first, last = nn.Linear(2, 2), nn.Linear(2, 2, bias=False)
        last.weight = self.first.weight
        self.choice = LayerChoice([last, nn.Linear(2, 2)], key="op")

    def forward(self, x):
        return self.choice(self.first(x))


def test_shared_parameters_count_once():
    parameters = Parameters(supernet(Shared()))
    assert [parameters([0]), parameters([1])] == [6, 12]


def test_layers_of_a_transformer_and_recurrent_ones_count_in_every_mode():
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    x = torch.zeros(2, 9, 16)
    wanted = 18 * (4 * 16 * 16 + 2 * 16 * 32) + 2 * 2 * 9 * 9 * 16
    assert count_multiply_adds(layer.eval(), x) == count_multiply_adds(layer.train(), x) == wanted
    gru = nn.GRU(3, 5, num_layers=2, bidirectional=True)
    steps = 7 * 2
    assert count_multiply_adds(gru, torch.zeros(7, 2, 3)) == steps * 2 * 15 * ((3 + 5) + (10 + 5))


def test_products_outside_of_layers_are_counted():
    class Attend(nn.Module):
        def forward(self, q):
            return nn.functional.scaled_dot_product_attention(q, q, q)

    assert count_multiply_adds(Attend(), torch.zeros(2, 3, 5, 8)) == 2 * 2 * 3 * 5 * 5 * 8
    q = nn.Bilinear(3, 4, 5)
    assert count_multiply_adds(q, torch.zeros(2, 3), torch.zeros(2, 4)) == 2 * 5 * (3 * 4 + 4)


@pytest.mark.parametrize(
    "layer, shape",
    [
        (nn.Conv1d(4, 6, 3, groups=2), (1, 4, 9)),
        (nn.Conv3d(2, 4, 3, dilation=2), (1, 2, 7, 7, 7)),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), (1, 4, 5, 5)),
        (nn.Linear(4, 5), (2, 3, 4)),
    ],
    ids=lambda x: type(x).__name__,
)
def test_rules_agree_with_the_counter_of_torch(layer, shape):
    x = torch.zeros(shape)
    assert count_multiply_adds(layer, x) == count_by_torch(layer, x)
