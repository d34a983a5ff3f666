"""The shared layers of the zoo."""

from __future__ import annotations

import pytest
import torch

import pliant as pg
from pliant.values.errors import FieldValueError
from pliant.zoo.layers import ConvNormAct, InvertedResidual, SqueezeExcite, make_activation, round_filters

X = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))


def test_unknown_activation_names_the_known():
    with pytest.raises(
        FieldValueError, match=r"the activations are none, relu, .*; got 'relu7'; did you mean 'relu"
    ):
        make_activation("relu7")


@pytest.mark.parametrize(
    ("filters", "rounded"), [(1, 8), (12, 16), (11, 16), (17, 16), (60, 64), (100, 104), (92, 96), (8.9, 16)]
)
def test_rounding_loses_at_most_a_tenth(filters, rounded):
    assert round_filters(filters) == rounded
    assert rounded % 8 == 0
    assert rounded >= 0.9 * filters


def test_gate_scales_channels():
    layer = SqueezeExcite(8, 2)
    ratio = layer(X) / X
    assert torch.allclose(ratio, ratio.mean((2, 3), keepdim=True).expand_as(ratio), atol=1e-5)
    assert ((ratio > 0) & (ratio < 1)).all()


@pytest.mark.parametrize(
    ("filters", "stride", "residual", "adds"),
    [(8, 1, True, True), (8, 1, False, False), (8, 2, True, False), (16, 1, True, False)],
)
def test_input_is_added_where_the_shape_stays(filters, stride, residual, adds):
    layer = InvertedResidual(8, filters, 3, 3, stride=stride, residual=residual).eval()
    with torch.no_grad():
        layer.body[-1][1].weight.zero_()  # the block itself then gives its bias, which is zero
        out = layer(X)
    assert torch.equal(out, X if adds else torch.zeros_like(out))


def test_expansion_of_one_has_no_first_convolution():
    count = sum(p.numel() for p in InvertedResidual(8, 16, 3, 1).parameters())
    assert count == 8 * 9 + 2 * 8 + 8 * 16 + 2 * 16


def test_arguments_may_be_holes():
    space = InvertedResidual(8, 8, pg.oneof([3, 5]), pg.oneof([1, 3]), squeeze=pg.oneof([0, 4]))
    found = [tuple(one(X).shape) for one in pg.iter(space)]
    assert found == [(2, 8, 6, 6)] * 8
    net = pg.oneshot.supernet(pg.oneof([ConvNormAct(8, 8, k) for k in (1, 3)]))
    net.activate([1])
    assert net(X).shape == X.shape
