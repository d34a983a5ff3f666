"""Counting rules, what is said where one is missing, and the costs' place in the algorithms."""

import itertools

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import InputChoice, supernet
from pliant.oneshot.cost import MultiplyAdds, Parameters, add_count_rule, count_multiply_adds
from pliant.oneshot.gradient import AddedCost, LogCost
from pliant.values.errors import DecisionError, FieldTypeError, FieldValueError, SpaceError

one = pg.oneof
Sequential, Conv2d, Linear, Identity, LazyLinear, ReLU = map(
    pg.symbolize, (nn.Sequential, nn.Conv2d, nn.Linear, nn.Identity, nn.LazyLinear, nn.ReLU)
)


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return x * self.weight


def test_a_layer_of_unknown_cost_names_itself_and_the_remedy():
    net = supernet(Sequential(Linear(2, 3), one([Sequential(Scale()), Identity()])))
    cost = MultiplyAdds(net, torch.zeros(1, 2))
    assert cost([1]) == 6  # a new network
    with pytest.raises(
        FieldValueError, match=r"the Scale at '1\.candidates\.0\.0' has weights.*add_count_rule\(Scale\)"
    ) as caught:
        cost([0])
    assert "return output.numel()" in str(caught.value)

    class Known(Scale):
        pass

    @add_count_rule(Known)
    def rule(layer, inputs, output):
        return inputs[0].numel() + output.numel()

    assert count_multiply_adds(Sequential(Known()), torch.zeros(5, 3)) == 30


def test_a_rule_covers_what_is_inside():
    class Pair(nn.Sequential):
        pass

    add_count_rule(Pair, lambda layer, inputs, output: 7)
    assert count_multiply_adds(Pair(nn.Linear(2, 3), Scale()), torch.zeros(1, 2)) == 7


def test_rules_are_for_classes():
    with pytest.raises(FieldTypeError, match="for a class of modules"):
        add_count_rule(Scale(), lambda layer, inputs, output: 0)
    with pytest.raises(FieldTypeError, match=r"a function \(layer, inputs, output\)"):
        add_count_rule(Scale, 3)


@pytest.fixture
def net():
    return supernet(Sequential(Conv2d(3, 4, 1), one([Conv2d(4, 4, 3, padding=1), Identity()], name="op")))


def test_costs_serve_penalties(net):
    cost = MultiplyAdds(net, torch.zeros(1, 3, 5, 5))
    (key,) = (point.path for point in net.space.points)
    for penalty in (AddedCost(cost, reference=1000.0), LogCost(cost)):
        row = torch.tensor([0.25, 0.75], dtype=torch.double, requires_grad=True)
        found = penalty.join(torch.tensor(1.0), penalty.measure({key: row}))
        assert penalty.measure({key: row}).item() == 25 * (12 + 0.25 * 144)
        (slope,) = torch.autograd.grad(found, row)
        assert slope[0] > 0 == slope[1]


def test_weights_that_are_missing_or_of_another_length(net):
    cost = MultiplyAdds(net, torch.zeros(1, 3, 5, 5))
    with pytest.raises(
        DecisionError,
        match=r"depends on the decision 'args\[1\]', which has no weights.*given are 'args\[2\]'",
    ):
        cost({"args[2]": torch.ones(2)})
    with pytest.raises(FieldValueError, match=r"'args\[1\]' has 2 candidates; got weights of shape \(3,\)"):
        cost({"args[1]": torch.ones(3)})
    with pytest.raises(DecisionError, match=r"must be a candidate index"):
        cost([5])


def test_what_a_cost_is_made_of():
    with pytest.raises(FieldTypeError, match="MultiplyAdds takes a super-network"):
        MultiplyAdds(nn.Linear(2, 2), torch.zeros(1, 2))
    lazy = supernet(Sequential(Linear(2, one([3, 4])), LazyLinear(1)), example=torch.zeros(1, 2))
    with pytest.raises(FieldValueError, match=r"pass Parameters\(supernet, example\)"):
        Parameters(lazy)
    assert Parameters(lazy, torch.zeros(1, 2))([1]) == 12 + 5


def test_an_expectation_goes_through_what_single_layers_depend_on():
    """Of 3 ** 12 networks, few have to run."""
    widths = [one([2, 4, 6]) for _ in range(12)]
    layers = [m for w in widths for m in (LazyLinear(w), ReLU())]
    net = supernet(Sequential(*layers), example=torch.zeros(1, 2))
    cost = MultiplyAdds(net, torch.zeros(1, 2))
    generator = torch.Generator().manual_seed(0)
    weights = {
        p.path: torch.rand(p.count, generator=generator, dtype=torch.float64).softmax(0).requires_grad_()
        for p in net.space.points
    }
    means = [torch.full((), 2.0), *(row @ row.new_tensor([2, 4, 6]) for row in weights.values())]
    wanted = sum(a * b for a, b in itertools.pairwise(means))
    found = cost(weights)
    assert found.item() == pytest.approx(wanted.item(), rel=1e-12)
    assert cost.runs < 40
    rows = list(weights.values())
    for a, b in zip(torch.autograd.grad(found, rows), torch.autograd.grad(wanted, rows), strict=True):
        torch.testing.assert_close(a - a.mean(), b - b.mean())


def test_an_expectation_over_too_many_widths_is_refused():
    class Joined(nn.Module):
        def __init__(self, layers):
            super().__init__()
            self.layers = nn.ModuleList(layers)

        def forward(self, x):
            return torch.cat([layer(x) for layer in self.layers], 1)

    joined = pg.symbolize(Joined)([Linear(2, one([2, 4, 8 + i])) for i in range(8)])
    net = supernet(Sequential(joined, LazyLinear(1)), example=torch.zeros(1, 2))
    cost = MultiplyAdds(net, torch.zeros(1, 2))
    weights = {p.path: torch.ones(p.count) / 3 for p in net.space.points}
    advice = r"Call the cost with decisions \(one-hot sampling\), or search widths by another algorithm"
    with pytest.raises(SpaceError, match=rf"the cost of one layer depends on 6561 combinations of.*{advice}"):
        cost(weights)
    assert cost(net.space.sample(1)) > 0
    algorithm = pg.algorithms.Random()
    algorithm.setup(net.space)
    assert cost(algorithm.propose()) > 0


def test_inputs_of_several_shapes_that_are_chosen_together_have_no_expectation():
    class Joined(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(2, width) for width in (2, 3, 4))
            self.inputs = InputChoice(3, 2, reduction="concat", key="inputs")

        def forward(self, x):
            y = self.inputs([layer(x) for layer in self.layers])
            return y @ torch.ones(y.shape[1], 1)

    cost = MultiplyAdds(supernet(Joined()), torch.zeros(1, 2))
    assert cost({"inputs[0]": 0, "inputs[1]": 1}) == 18 + 5
    assert cost({"inputs[0]": 1, "inputs[1]": 2}) == 18 + 7
    with pytest.raises(
        SpaceError, match="several inputs of different shapes are picked together at 'inputs'"
    ):
        cost({"inputs": torch.ones(3) * 2 / 3})
