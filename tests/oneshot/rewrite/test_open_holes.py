"""Super-networks of ordinary modules that contain symbolic parts with holes."""

import copy
import pickle

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import LayerChoice, measure_differences, supernet
from pliant.values.errors import FieldValueError, SpaceError

Linear, Sequential, ReLU, Tanh = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh))
X = torch.randn(2, 4, dtype=torch.float64)


class Plain(nn.Module):
    """Holes at attributes: a module, a value; and in the arguments of a part."""

    def __init__(self):
        super().__init__()
        self.act = pg.oneof([ReLU(), Tanh()])
        self.rate = pg.oneof([1.0, 2.0])
        self.weight = nn.Parameter(torch.ones(4))
        self.register_buffer("shift", torch.ones(1))
        self.body = nn.ModuleDict(
            {"plain": nn.Linear(4, 4), "part": Sequential(Linear(4, pg.oneof([2, 3], name="w")), ReLU())}
        )
        self.last = Linear(pg.oneof([2, 3], name="w"), 1)

    def forward(self, x):
        y = self.act(self.body["plain"](x) * self.weight * self.rate + self.shift)
        return self.last(self.body["part"](y))


def spaces():
    numbered = nn.Sequential(nn.Linear(4, 4), Linear(4, pg.oneof([2, 3])), nn.ReLU())
    nested = nn.Sequential(
        nn.Sequential(nn.BatchNorm1d(4), nn.Sequential(pg.clone(Linear(4, pg.oneof([2, 3])))))
    )
    return {"plain": Plain(), "numbered": numbered, "nested": nested}


@pytest.mark.parametrize("name", list(spaces()))
def test_it_computes_what_the_concrete_networks_compute(name):
    net = supernet(spaces()[name]).double()
    for decisions in net.space.iterate():
        assert measure_differences(net, X, decisions=decisions).largest < 1e-12


def test_decisions_are_named_as_the_modules_are():
    paths = {name: [p.path for p in supernet(space).space.points] for name, space in spaces().items()}
    assert paths == {
        "plain": ["body.part.args[0].out_features", "act", "rate"],
        "numbered": ["layers[1].out_features"],
        "nested": ["layers[0].layers[1].layers[0].out_features"],
    }


def test_the_module_stays_as_it_is():
    model = spaces()["numbered"]
    before = model[0].weight.clone()
    net = supernet(model)
    child = net.materialize()
    assert isinstance(child, nn.Sequential)
    assert torch.equal(child[0].weight, before)
    with torch.no_grad():
        child[0].weight.zero_()
        for parameter in net.parameters():
            parameter.zero_()
    assert torch.equal(model[0].weight, before)
    assert torch.equal(net.materialize([1], inherit=False)[0].weight, before)
    assert supernet(model).space == net.space  # and can be rewritten again


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_copies(way):
    net = supernet(Plain()).double()
    twin = copy.deepcopy(net) if way == "deepcopy" else pickle.loads(pickle.dumps(net))
    for decisions in net.space.iterate():
        net.activate(decisions), twin.activate(decisions.values)
        assert torch.equal(net(X), twin(X))
        assert torch.equal(twin.materialize()(X), net(X))


def test_what_cannot_be():
    model = spaces()["numbered"]
    model.append(model[0])
    with pytest.raises(FieldValueError, match="the module at '3' is also at '0'"):
        supernet(model)
    tied = Plain()
    tied.body["plain"].bias = tied.weight
    with pytest.raises(
        FieldValueError, match=r"the weight at 'body.plain.bias' is also at 'weight'.*pg.symbolize keeps"
    ):
        supernet(tied)
    both = nn.Sequential(LayerChoice([nn.ReLU()], key="act"), Linear(4, pg.oneof([2, 3])))
    with pytest.raises(SpaceError, match="has holes and choices written by hand"):
        supernet(both)
