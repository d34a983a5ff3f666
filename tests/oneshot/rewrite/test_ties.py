"""Weights and modules at several places of an opened network stay one."""

import copy
import pickle

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import supernet
from pliant.oneshot.exactness import measure_differences
from pliant.oneshot.rewrite.foreign import open_network
from pliant.oneshot.rewrite.ties import Tie, find_ties


class Language(nn.Module):
    """The last layer has the weight of the embedding, as in GPT-2."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x):
        return self.head(self.body(self.embed(x)))


class Translator(nn.Module):
    """Encoder and decoder have one embedding, as in T5, and the last layer has its weight."""

    def __init__(self):
        super().__init__()
        self.shared = nn.Embedding(10, 4)
        self.encoder = nn.ModuleDict({"embed": self.shared, "layer": nn.Linear(4, 4)})
        self.decoder = nn.ModuleDict({"embed": self.shared, "layer": nn.Linear(4, 4)})
        self.head = nn.Linear(4, 10, bias=False)
        self.head.weight = self.shared.weight

    def forward(self, x):
        found = [part["layer"](part["embed"](x)) for part in (self.encoder, self.decoder)]
        return self.head(found[0] + found[1])


class Recurrent(nn.Module):
    """One layer at several places of a list, between others."""

    def __init__(self):
        super().__init__()
        layer = nn.Linear(4, 4)
        self.layers = nn.ModuleList([layer, nn.Tanh(), layer, nn.Linear(4, 4), layer])
        self.embed = nn.Embedding(10, 4)

    def forward(self, x):
        x = self.embed(x)
        for layer in self.layers:
            x = layer(x)
        return x


class Deep(nn.Module):
    """A weight of its own that a layer deep inside has, too."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))
        self.embed = nn.Embedding(10, 4)
        self.block = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Linear(4, 4))
        self.block[0][0].weight = self.weight

    def forward(self, x):
        return self.block(self.embed(x)) @ self.weight


X = torch.tensor([[1, 2, 3], [4, 5, 9]])
NETWORKS = [Language, Translator, Recurrent, Deep]


def count(network):
    names = dict(network.named_parameters(remove_duplicate=False))
    return len(names), len({id(weight) for weight in names.values()})


@pytest.mark.parametrize("make", NETWORKS)
def test_ties_are_kept(make):
    torch.manual_seed(0)
    network = make()
    program = open_network(network)
    unused = open_network(network)
    for copied in (
        program, program.clone(), copy.deepcopy(program), pickle.loads(pickle.dumps(program)), pickle.loads(pickle.dumps(unused)),
    ):  # fmt: skip
        assert torch.equal(copied(X), network(X))
        assert count(copied) == count(network)
        assert list(copied.state_dict()) == list(network.state_dict())
        assert find_ties(copied) == find_ties(network)


@pytest.mark.parametrize("make", NETWORKS)
def test_a_step_of_training_changes_the_copy_as_the_network(make):
    torch.manual_seed(0)
    network = make()
    program = open_network(network)
    program(X)  # the weights are copied at the first use
    for one in (network, program):
        optimizer = torch.optim.SGD(one.parameters(), lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            one(X).square().mean().backward()
            optimizer.step()
    for name, tensor in network.state_dict().items():
        assert torch.equal(program.state_dict()[name], tensor), name


def test_super_network_with_ties():
    torch.manual_seed(0)
    width = pg.oneof([4, 8], name="width")
    space = open_network(Language()).rebind(
        {"body.layers[0].out_features": width, "body.layers[2].in_features": width}
    )
    net = supernet(space)
    for decisions in net.space.iterate():
        assert measure_differences(net, X, decisions=decisions).largest == 0
        assert count(net.materialize()) == (6, 5)
    net(X).sum().backward()
    assert count(net) == (6, 5)


def test_another_layer_in_place_of_a_tied_one_has_its_own_weight():
    for head in (pg.symbolize(nn.Linear)(4, 10), nn.Linear(4, 10)):
        changed = open_network(Language()).rebind(head=head)
        assert changed(X).shape == (2, 3, 10)
        assert count(changed) == (7, 7)
    changed = open_network(Language()).rebind(head=nn.Identity())
    assert changed(X).shape == (2, 3, 4)
    changed = open_network(Translator()).rebind({"decoder.embed": nn.Embedding(10, 4)})
    assert changed(X).shape == (2, 3, 10)
    assert changed.decoder["embed"] is not changed.shared
    assert changed.encoder["embed"] is changed.shared


def test_sizes_of_tied_weights():
    sizes = {
        "embed.embedding_dim": 2,
        "body.layers[0].in_features": 2,
        "body.layers[2].out_features": 2,
        "head.in_features": 2,
    }
    both = open_network(Language()).rebind(sizes)
    assert both(X).shape == (2, 3, 10)
    assert both.head.weight is both.embed.weight
    one = open_network(Language()).rebind({"embed.embedding_dim": 2})
    with pytest.raises(ValueError, match=r"'embed.weight' and 'head.weight' are one weight, and have the sizes \(10, 2\) and \(10, 4\)"):  # fmt: skip
        one(X)
    width = pg.oneof([2, 4], name="width")
    searched = open_network(Language()).rebind(dict.fromkeys(sizes, width))
    with pytest.raises(
        ValueError, match="the size of one of these layers is searched, which a super-network cannot tie"
    ):
        supernet(searched)
    network = Language()
    network.head.weight = nn.Parameter(network.head.weight.clone())  # as the message advises
    net = supernet(open_network(network).rebind(dict.fromkeys(sizes, width)))
    for decisions in net.space.iterate():
        assert measure_differences(net, X, decisions=decisions).largest == 0


def test_find_ties():
    assert find_ties(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.ReLU())) == ()
    layer = nn.Linear(2, 2)
    assert find_ties(nn.Sequential(layer, nn.Sequential(layer))) == (Tie("0", "1.0", is_module=True),)
    act = nn.ReLU()
    assert find_ties(nn.Sequential(act, act)) == ()  # nothing to share
