"""Width arguments of user-defined layers, registered for ``follow``."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import add_rule, add_widths, follow, measure_differences, supernet
from pliant.oneshot.elastic.rules import _rules_by_name, find_rule, leading
from pliant.oneshot.elastic.widths import _TABLE, _TABLE_BY_NAME, Widths, find_widths


class Gated(nn.Module):
    """A linear layer, each of whose outputs has a gate."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.weight = nn.Parameter(torch.randn(2 * outputs, inputs))

    def forward(self, x):
        value, gate = nn.functional.linear(x, self.weight).chunk(2, dim=-1)
        return value * gate.sigmoid()


class Narrower(Gated):
    pass


add_rule(
    Gated,
    lambda layer, name, full: full.unflatten(0, (2, -1))[:, : layer.outputs, : layer.inputs].flatten(0, 1),
)
Linear, Sequential, GatedS = map(pg.symbolize, (nn.Linear, nn.Sequential, Gated))


@pytest.fixture(autouse=True)
def known():
    add_widths(Gated, reads="inputs", writes="outputs")
    yield
    _TABLE.pop(Gated, None)


def test_a_layer_of_ones_own_is_followed_in_both_directions():
    torch.manual_seed(0)
    widths = [pg.oneof([2, 4]), pg.oneof([3, 6])]
    space = Sequential(Linear(5, widths[0]), GatedS(2, widths[1]), Linear(3, 2))
    net = supernet(follow(space, torch.zeros(2, 5))).double()
    assert net.space.size == 4
    for decisions in net.space.iterate():
        found = measure_differences(net, torch.randn(3, 5).double(), decisions=decisions)
        assert found.largest < 1e-10
    assert [layer.inputs for layer in (net.materialize([1, 0])[1], net.materialize([0, 1])[1])] == [4, 2]
    assert net.materialize([0, 1])[2].in_features == 6


def test_what_is_not_known_is_not_followed():
    del _TABLE[Gated]
    space = Sequential(Linear(5, pg.oneof([2, 4])), GatedS(2, 3), Linear(3, 2))
    with pytest.raises(ValueError, match="fails on the example, so its widths cannot be propagated"):
        follow(space, torch.zeros(2, 5))


def test_a_subclass_has_the_widths_of_its_base():
    assert find_widths(Narrower(2, 3)) == Widths("inputs", "outputs", -1)


def test_lessons():
    with pytest.raises(TypeError, match=r"class of modules, such as nn.Conv2d; got Linear\("):
        add_widths(nn.Linear(2, 3), reads="in_features")
    with pytest.raises(
        ValueError,
        match=r"Gated has no argument 'input' that could be a width; did you mean 'inputs'\? Its arguments",
    ):
        add_widths(Gated, reads="input")


def test_the_dimension_of_a_width():
    class Own(nn.Linear):
        pass

    with pytest.raises(
        TypeError, match=r"add_widths\(dim=...\) takes a dimension of the input from -8 to 7; got '1'"
    ):
        add_widths(Own, reads="in_features", dim="1")
    with pytest.raises(
        ValueError, match=r"takes a dimension of the input from -8 to 7; got an int of 401 digits"
    ):
        add_widths(Own, reads="in_features", dim=10**400)
    assert find_widths(nn.Linear(2, 3)).dim == -1


class Elsewhere(nn.Linear):
    """Stands for a class of a package that is not imported."""


def test_classes_by_their_full_names():
    name = f"{Elsewhere.__module__}.Elsewhere"
    try:
        add_widths(name, reads="in_features", dim=-2)
        add_rule(name, trailing)
        assert find_widths(Elsewhere(2, 3)) == Widths("in_features", None, -2)
        assert find_rule(Elsewhere(2, 3)) is trailing
        assert find_rule(nn.Linear(2, 3)) is leading
    finally:
        del _TABLE_BY_NAME[name], _rules_by_name[name]


def trailing(layer, name, full):
    return full[-layer.out_features :]


@pytest.mark.parametrize("function", [add_widths, add_rule], ids=lambda function: function.__name__)
def test_names_that_are_not_full_names(function):
    with pytest.raises(
        ValueError, match=r"takes the full name of a class, such as .*; got 'Conv1D'\. Write its module"
    ):
        function("Conv1D")
