"""Reordering of channels by importance: exact for every network and importance."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pliant.oneshot import Activation, Importance, Magnitude, NormScale, Taylor, space_of
from pliant.oneshot.pruning.order import reorder
from pliant.values.errors import FieldValueError

from .conftest import KINDS, make


class Drawn(Importance):
    """Draws scores at random, so that every order occurs."""

    def score(self, network, groups, batches):
        return {group.name: torch.rand(group.width) for group in groups}


MEASURES = {
    "drawn": Drawn(),
    "L1": Magnitude(),
    "L2": Magnitude(2),
    "batch norm": NormScale(),
    "activation": Activation(),
    "Taylor": Taylor(lambda network, batch: network(batch).square().mean()),
}


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
@pytest.mark.parametrize("kind", KINDS)
def test_reordered_network_is_exact(kind, measure):
    network, x = make(kind)
    found = space_of(network.double(), x.double())
    before = found.network(x.double())
    old = copy.deepcopy(found.network.state_dict())
    scores = measure.score(found.network, found.groups, [x.double()])
    done = reorder(found.network, found.groups, scores, found.example)
    assert torch.allclose(found.network(x.double()), before, rtol=1e-12, atol=1e-12)
    assert set(done) == {group.name for group in found.groups if group.can_reorder and group.name in scores}
    changed = any(not torch.equal(old[name], tensor) for name, tensor in found.network.state_dict().items())
    assert changed == any(
        (scores[name].argsort(descending=True, stable=True).diff() < 0).any() for name in done
    )


@pytest.mark.parametrize("measure", [MEASURES["L1"], MEASURES["activation"]], ids=["L1", "activation"])
def test_scores_fall_after_reordering(measure):
    network, x = make("residual")
    found = space_of(network, x)
    scores = measure.score(found.network, found.groups, [x])
    reorder(found.network, found.groups, scores, found.example)
    for name, score in measure.score(found.network, found.groups, [x]).items():
        assert torch.allclose(score, scores[name].sort(descending=True).values, rtol=1e-4)


class Halves(nn.Module):
    """Treats the first half of its channels differently, so that their order matters."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 2)
        self.c, self.d = nn.Linear(2, 8), nn.Linear(8, 2)

    def forward(self, x):
        y = self.a(x)
        size = y.shape[1] // 2
        y = torch.cat([y[:, :size].relu(), y[:, size:]], 1)
        return self.d(self.c(self.b(y)).relu())


def test_order_that_matters_stays():
    torch.manual_seed(0)
    network, x = Halves(), torch.randn(6, 4)
    found = space_of(network, x, widths=(0.5, 1.0))
    before, weight = found.network(x), found.network.a.weight.clone()
    scores = {group.name: torch.arange(group.width).float() for group in found.groups}
    done = reorder(found.network, found.groups, scores, found.example)
    assert "width of a" not in done
    assert "width of c" in done
    assert torch.equal(found.network.a.weight, weight)
    assert torch.allclose(found.network(x), before, atol=1e-6)


def test_dead_channels_are_last():
    network, x = make("residual")
    with torch.no_grad():
        network.blocks[1].conv2.weight[:, 3] = 0  # what reads the channel
        network.blocks[1].conv1.weight[5] = 0  # what computes another one
        network.blocks[1].bn1.weight[[3, 5]] = 0
    found = space_of(network, x)
    for measure in (Activation(), NormScale(), MEASURES["Taylor"]):
        score = measure.score(found.network, found.groups, [x])["width of blocks.1.conv1"]
        assert score[3] == score.min() == 0 < score.max()


def test_norm_of_magnitude():
    with pytest.raises(FieldValueError, match=r"Magnitude\(norm=...\) takes an integer from 1 to 2; got 3"):
        Magnitude(3)
