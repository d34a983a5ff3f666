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


class ImageNorm(nn.LayerNorm):
    """Normalizes the channels of images, as ConvNeXt of torchvision and timm does."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class EitherNorm(ImageNorm):
    """Normalizes the channels of images, or the last dimension, as an argument says."""

    def __init__(self, normalized_shape, last=False):
        super().__init__(normalized_shape)
        self.last = last

    def forward(self, x):
        return nn.LayerNorm.forward(self, x) if self.last else super().forward(x)


class NamedNorm(nn.LayerNorm):
    """Normalizes the last dimension."""

    def forward(self, x):
        return super().forward(x) + 0


class MiddleNorm(nn.BatchNorm1d):
    """Normalizes the last dimension of sequences, by statistics that it updates."""

    def forward(self, x):
        if x.dim() != 3:
            raise ValueError("sequences only")
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


@pytest.mark.parametrize("layer, dim", [
    (ImageNorm(8), -3), (EitherNorm(8), -3), (EitherNorm(8, last=True), -1), (NamedNorm(8), -1), (nn.LayerNorm(8), -1),
    (MiddleNorm(8), -1), (ImageNorm(2), -3), (ImageNorm(8).to("meta"), -3), (ImageNorm(8).half(), -3),
    (ImageNorm(1), -1),  # one value fits everywhere: the dimension of its base
], ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else str(value))  # fmt: skip
def test_which_dimension_a_norm_normalizes_is_measured(layer, dim):
    layer.train()
    before = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    assert find_widths(layer).dim == dim
    assert layer.training
    if not next(layer.parameters()).is_meta:
        assert all(torch.equal(before[name], tensor) for name, tensor in layer.state_dict().items())


class ConvNeXtBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.LayerNorm(width)
        self.expand, self.reduce = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        inner = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + self.reduce(self.expand(inner).relu()).permute(0, 3, 1, 2)


def test_widths_are_followed_through_norms_of_channels_first():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), ImageNorm(8), nn.Conv2d(8, 12, 2, 2), ImageNorm(12), ConvNeXtBlock(12)
    )
    x = torch.randn(2, 3, 9, 9)
    widths = {"layers[0].out_channels": pg.oneof([4, 8]), "layers[2].out_channels": pg.oneof([6, 12])}
    program = pg.oneshot.open_network(network).rebind(widths)
    open_ = follow(program, x, tie=True)
    net = supernet(open_, example=x).double()
    assert net.space.size == 4
    for decisions in net.space.iterate():
        assert measure_differences(net, x.double(), decisions=decisions).largest < 1e-10
    assert net.materialize([0, 0]).layers[1].normalized_shape in (4, (4,))
    pg.oneshot.DARTS().bind(net)  # widths are mixed along the channels
    assert net(x.double()).isfinite().all()
