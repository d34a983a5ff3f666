"""Candidates that do not fit: named when the super-network is made, or when a network of it fails."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import GDAS, Skip, supernet

one = pg.oneof
Linear, Sequential, ReLU, Tanh = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh))
X = torch.randn(3, 4)
INNER = r"'args\[0\]\[=1/2\]\.args\[0\]'"


def fails(space, message, decisions=None):
    """Checks what is said, with an example and without one; and that nothing is left changed."""
    with pytest.raises(ValueError, match=message):
        supernet(space, example=X)
    net = supernet(space)
    decisions = net.activate([1] if decisions is None else decisions)
    net.train().network[0].eval()
    with pytest.raises(ValueError, match=message) as caught:
        net(X)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert net.decisions == decisions
    assert net.training
    assert not net.network[0].training
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_a_candidate_that_does_not_run():
    fails(
        Sequential(one([Linear(4, 4), Linear(5, 4)])),
        r"candidate 1 at 'args\[0\]', Linear\(in_features=5.*of the shape \(3, 4\)",
    )


def test_the_first_candidate_does_not_run():
    fails(Sequential(one([Linear(5, 4), Linear(4, 4)])), r"candidate 0 at 'args\[0\]'", [0])


def test_different_shapes():
    message = r"at 'args\[0\]' return different shapes.*\(3, 4\) \(candidate 0.*\(3, 5\) \(candidate 1"
    fails(Sequential(one([Linear(4, 4), Linear(4, 5)]), Linear(4, 2)), message)
    fails(
        Sequential(one([Linear(4, 5), Linear(4, 4)]), Linear(4, 2)), r"at 'args\[0\]' return different", [0]
    )


def test_a_choice_in_a_candidate():
    inner = one([Linear(4, 4), Linear(5, 4)])
    fails(Sequential(one([Linear(4, 4), Sequential(inner)])), rf"candidate 1 at {INNER}", [1, 1])
    inner = one([Linear(5, 4), Linear(4, 4)])
    fails(Sequential(one([Linear(4, 4), Sequential(inner)])), rf"candidate 0 at {INNER}", [1, 0])
    inner = one([Linear(4, 4), Linear(4, 5)])
    fails(
        Sequential(one([Linear(4, 4), Sequential(inner)]), Linear(4, 2)),
        rf"at {INNER} return different",
        [1, 1],
    )


def test_a_tied_choice_is_told_by_its_place():
    def edge(width):
        return one([Linear(width, width), Linear(width, 4)], name="edge")

    fails(
        Sequential(edge(4), Linear(4, 8), edge(8), Linear(8, 4)),
        r"at 'args\[0\]' \(the module '2', tied to it\) return different shapes.*\(3, 8\).*\(3, 4\)",
    )


def test_mixtures():
    net = supernet(Sequential(one([Linear(4, 4), Linear(5, 4)])))
    sampler = GDAS()
    sampler.bind(net)
    weights = net.selection.weights["args[0]"] = torch.ones(2, requires_grad=True)
    handlers = [module.handler for module in net.network if module.handler is not None]
    with pytest.raises(ValueError, match=r"candidate 1 at 'args\[0\]'"):
        net(X)
    assert net.selection.weights["args[0]"] is weights
    assert handlers == [module.handler for module in net.network if module.handler is not None]


def test_what_is_not_the_fault_of_candidates():
    net = supernet(Sequential(Linear(4, 4), one([ReLU(), Tanh()])))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        net(torch.zeros(2, 3))
    with pytest.raises(RuntimeError, match="same dtype"):
        net(X.double())


def test_candidates_of_different_shapes_where_any_will_do():
    net = supernet(Sequential(one([Linear(4, 4), Linear(4, 5)]), ReLU()), example=X)
    assert [net(X).shape[1] for _ in map(net.activate, ([0], [1]))] == [4, 5]


# --- sizes --------------------------------------------------------------------------------------------------

X4 = torch.randn(2, 4)
SIZES = r"runs with the size '4' at 'args\[0\].out_features' but fails with '8'.*follow.*cannot be multiplied"


def test_sizes_that_do_not_fit_what_comes_after():
    space = Sequential(Linear(4, one([4, 8])), Linear(4, one([2, 3])))
    with pytest.raises(ValueError, match=SIZES):
        supernet(space, example=X4)
    net = supernet(space)
    assert net.activate([0, 0]) is not None
    assert net(X4).shape == (2, 2)
    kept = net.activate([1, 1])
    with pytest.raises(ValueError, match=SIZES):
        net(X4)
    assert net.decisions == kept


def test_sizes_in_a_candidate():
    inner = Sequential(Linear(4, one([4, 8])), Linear(4, 4))
    with pytest.raises(ValueError, match=r"with the size '4' at 'args.*out_features' but fails with '8'"):
        supernet(Sequential(one([Linear(4, 4), inner])), example=X4)


def test_sizes_that_fit():
    width = one([4, 8], name="w")
    net = supernet(Sequential(Linear(4, width), Linear(width, one([2, 3]))), example=X4)
    assert [net(X4).shape[1] for _ in map(net.activate, ([0, 0], [1, 1]))] == [2, 3]


class Caching(torch.nn.Module):
    """Adds its input to a cache, and fails on an old one."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)

    def forward(self, x, cache):
        cache.seen.append(x)
        assert len(cache.seen) == 1
        return self.layer(x)


class Cached(torch.nn.Module):
    def __init__(self, block):
        super().__init__()
        self.block = block

    def forward(self, x):
        return self.block(x, SimpleNamespace(seen=[]))


def test_candidates_do_not_see_the_caches_of_others():
    space = pg.symbolize(Cached)(pg.oneof([pg.symbolize(Caching)(), Skip()]))
    assert supernet(space, example=torch.ones(1, 2)).space.size == 2
