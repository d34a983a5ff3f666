"""A candidate that leaves a block out."""

import pickle

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import DARTS, SPOS, MultiplyAdds, Skip, measure_differences, supernet
from pliant.values.errors import FieldTypeError, FieldValueError

Sequential, Linear = map(pg.symbolize, (nn.Sequential, nn.Linear))
X = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))


class Layer(nn.Module):
    """Takes a mask and an option, and returns attention weights beside its output, as layers of transformers do."""

    def __init__(self, width):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)

    def forward(self, hidden_states, mask=None, *, scale=1.0):
        output, weights = self.attention(hidden_states, hidden_states, hidden_states, attn_mask=mask)
        return hidden_states + scale * output, weights


class Stack(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x):
        mask = torch.zeros(x.shape[1], x.shape[1], dtype=x.dtype)
        for layer in self.layers:
            x, _ = layer(hidden_states=x, mask=mask) if layer is self.layers[0] else layer(x, mask, scale=0.5)
        return x.mean(1)


Layer, Stack = pg.symbolize(Layer), pg.symbolize(Stack)


def make_space():
    return Stack([pg.oneof([Layer(8), Skip(outputs=2)]) for _ in range(3)])


def test_a_block_of_several_inputs_and_outputs_is_left_out():
    net = supernet(make_space(), example=X).double()
    assert net.space.size == 8
    for decisions in net.space.iterate():
        assert measure_differences(net, X.double(), decisions=decisions).largest < 1e-10
    nothing = net.materialize([1, 1, 1])
    torch.testing.assert_close(nothing(X.double()), X.double().mean(1))
    costs = MultiplyAdds(net, X.double())
    assert costs([1, 1, 1]) < costs([1, 0, 1]) < costs([0, 0, 0])


@pytest.mark.parametrize("make", [SPOS, DARTS])
def test_samplers_decide_the_depth(make):
    net = supernet(make_space(), example=X)
    sampler = make()
    sampler.bind(net)
    if make is DARTS:
        assert sampler.architecture.metrics()["skips"] == sum(
            value == 1 for value in sampler.decisions().values
        )
    assert net(X).isfinite().all()


def test_it_is_a_program():
    skip = Skip(outputs=2)
    assert pg.eq(pg.from_json_str(pg.to_json_str(skip)), skip)
    assert pg.eq(pickle.loads(pickle.dumps(skip)), skip)
    assert Skip()(X) is X
    assert Skip()(7, X) == 7
    assert Skip(outputs=3)(use_cache=False, hidden_states=X)[1:] == (None, None)
    assert type(skip).__name__ == "Skip"


def test_wrong_use_is_refused():
    with pytest.raises(
        FieldValueError, match=r"Skip\(outputs=...\) takes the length .* from 1, or None .*; got 0"
    ):
        pg.realize(Skip(outputs=0))
    with pytest.raises(FieldTypeError, match="Skip returns its first input, and was called without a tensor"):
        Skip()(use_cache=True)
