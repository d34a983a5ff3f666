"""The expected cost is the mean over all networks, whatever the layers depend on."""

import math

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

import pliant as pg
from pliant.oneshot import InputChoice, supernet
from pliant.oneshot.cost import MultiplyAdds, Parameters

torch.set_num_threads(1)
one = pg.oneof
Sequential, Conv2d, ReLU, Identity, LazyConv2d, AvgPool2d = map(
    pg.symbolize, (nn.Sequential, nn.Conv2d, nn.ReLU, nn.Identity, nn.LazyConv2d, nn.AvgPool2d)
)
IMAGE = torch.zeros(1, 3, 8, 8)


@pg.symbolize
class Looking(nn.Module):
    """Does something else where there are many channels."""

    def __init__(self):
        super().__init__()
        self.extra = nn.Conv2d(1, 1, 1)

    def forward(self, x):
        return torch.cat([self.extra(x[:, :1]), x[:, 1:]], 1) if x.shape[1] > 2 else x


@pg.symbolize
class Joined(nn.Module):
    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x):
        return torch.cat([self.first(x), self.second(x)], 1)


widths = st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True).map(one)
alike = st.deferred(  # images keep their size
    lambda: st.one_of(
        st.builds(lambda w: LazyConv2d(w, 3, padding=1), widths),
        st.builds(lambda a: one([a, Identity()]), alike),
        st.builds(Joined, alike, alike),
        st.builds(Looking),
    )
)
layers = st.one_of(
    alike,
    st.builds(lambda w: LazyConv2d(w, one([1, 3]), stride=one([1, 2]), padding=1), widths),
    st.builds(lambda: one([ReLU(), AvgPool2d(2)])),
)


@settings(deadline=None, max_examples=20, phases=[p for p in Phase if p is not Phase.explain])
@given(
    st.lists(layers, min_size=1, max_size=3), st.sampled_from([MultiplyAdds, Parameters]), st.integers(0, 99)
)
def test_it_is_the_mean_over_all_networks(parts, kind, seed):
    net = supernet(Sequential(*parts, one([Identity(), ReLU()]), LazyConv2d(2, 1)), example=IMAGE)
    if net.space.size > 300:
        return
    cost = kind(net, IMAGE)
    generator = torch.Generator().manual_seed(seed)
    weights = {
        p.path: torch.rand(p.count, generator=generator, dtype=torch.float64).softmax(0)
        for p in net.space.points
    }
    wanted = sum(
        math.prod(weights[path][value].item() for path, value in decisions.to_dict().items())
        * cost(decisions)
        for decisions in net.space.iterate()
    )
    assert cost(weights).item() == pytest.approx(wanted, rel=1e-9)
    assert kind(net, IMAGE)(weights).item() == pytest.approx(wanted, rel=1e-9)  # nothing was known before


def test_inputs_of_several_shapes():
    class Picked(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(2, width) for width in (3, 3, 5))
            self.inputs = InputChoice(3, 1, reduction="sum", key="inputs")

        def forward(self, x):
            y = self.inputs([layer(x) for layer in self.layers])
            return y @ torch.ones(y.shape[1], 7)

    cost = MultiplyAdds(supernet(Picked()), torch.zeros(1, 2))
    row = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64)
    assert cost({"inputs": row}).item() == 2 * 11 + 0.75 * 21 + 0.25 * 35
    assert cost({"inputs": row}) == cost({"inputs": row})
