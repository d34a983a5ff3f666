"""Super-networks of ordinary modules that contain symbolic parts with holes."""

import copy
import pickle

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import SPOS, InputChoice, LayerChoice, ValueChoice, measure_differences, supernet
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


# ------------------------------------------------------------------ holes and choices in one network


class Mixed(nn.Module):
    """Holes, and all kinds of choices written by hand."""

    def __init__(self):
        super().__init__()
        wide = Sequential(
            Linear(4, pg.oneof([3, 5], name="inner")), Linear(pg.oneof([3, 5], name="inner"), 4)
        )
        self.op = LayerChoice({"linear": nn.Linear(4, 4), "wide": wide, "none": nn.Identity()}, key="op")
        self.rate = ValueChoice([1.0, 3.0], key="rate")
        self.source = InputChoice(2, 1, key="source")
        self.sources = InputChoice(n_chosen=2, choose_from=["a", "b", "c"], key="sources")
        self.unnamed = nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()]))
        self.first = Linear(4, pg.oneof([2, 3], name="w"))
        self.last = Linear(pg.oneof([2, 3], name="w"), 1)

    def forward(self, x):
        y = self.source([x, self.op(x)]) * self.rate()
        y = self.unnamed(self.sources({"a": y, "b": y.cos(), "c": -y}))
        return self.last(self.first(y))


def test_holes_and_choices_are_one_space():
    net = supernet(Mixed(), example=X.float()).double()
    assert {point.name or point.path: point.count for point in net.space.points if point.group is None} == {
        "op": 3, "inner": 2, "rate": 2, "source": 2, "unnamed.layers[0]": 2, "w": 2,
    }  # fmt: skip
    assert net.space.size == 4 * 2 * 2 * 3 * 2 * 2
    for seed in range(12):
        decisions = net.space.sample(seed)
        assert measure_differences(net, X, decisions=decisions).largest < 1e-12
        child = net.materialize(decisions)
        assert not any(isinstance(module, LayerChoice) for module in child.modules())
        assert torch.equal(pickle.loads(pickle.dumps(child))(X), child(X))
    SPOS().bind(net)


def test_a_choice_may_be_an_argument_or_part_of_an_opened_network():
    space = Sequential(
        Linear(4, pg.oneof([2, 3], name="w")), nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))
    )
    net = supernet(space).double()
    assert [point.name for point in net.space.points] == ["w", "act"]
    opened = pg.oneshot.open_network(
        nn.Sequential(nn.Linear(4, 6), LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))
    )
    other = supernet(opened.rebind({"layers[0].out_features": pg.oneof([2, 6], name="w")})).double()
    for one in (net, other):
        for decisions in one.space.iterate():
            assert measure_differences(one, X, decisions=decisions).largest < 1e-12
    ordinary = Sequential(
        nn.Sequential(Linear(4, pg.oneof([2, 3]))), nn.ReLU()
    )  # holes in an ordinary argument
    assert supernet(ordinary).space.size == 2


def test_what_no_hole_does_is_refused():
    hole = Linear(4, pg.oneof([2, 3]))
    several = nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], "mean", key="act"), hole)
    with pytest.raises(
        SpaceError, match="the LayerChoice 'act' is in a network with holes, and selects or joins"
    ):
        supernet(several)
    several[0] = LayerChoice([nn.ReLU(), nn.Tanh()], key="act")
    assert supernet(several).space.size == 4

    class Hidden(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.layer, self.act = nn.Linear(4, width), LayerChoice([nn.ReLU(), nn.Tanh()], key="act")

        def forward(self, x):
            return self.act(self.layer(x))

    class Given(Hidden):
        def __init__(self, width, act):
            nn.Module.__init__(self)
            self.layer, self.act = nn.Linear(4, width), act

    for program in (
        pg.symbolize(Hidden)(pg.oneof([2, 3])),
        Sequential(pg.symbolize(Hidden)(2), Linear(2, pg.oneof([1, 2]))),
    ):
        with pytest.raises(SpaceError, match="a constructor makes the choice 'act' in a network with holes"):
            supernet(program)
    act = LayerChoice([nn.ReLU(), nn.Tanh()], key="act")
    assert supernet(pg.symbolize(Given)(pg.oneof([2, 3]), act)).space.size == 4


def test_an_ordinary_module_with_holes_is_a_space():
    model = Plain()
    seen = set()
    for child, feedback in pg.sample(model, "random", 8, seed=0):
        assert type(child).__name__ == "Plain"
        seen.add((type(child.act).__name__, child.rate, child.last.in_features))
        assert child.double()(X).shape == (2, 1)
        feedback(child.rate)
    assert len(seen) > 2
    assert pg.abstract_search_space(model) == supernet(model).space
    child = pg.materialize(model, [1, 0, 1])
    assert pg.encode(model, child).values == (1, 0, 1)
    assert len(list(pg.iter(model))) == 8
    assert pg.random_sample(Mixed(), 1).double()(X).shape == (2, 1)
    with pytest.raises(SpaceError, match="there is nothing to search"):
        pg.sample(nn.Sequential(nn.ReLU()), "random", 1)
    with pytest.raises(SpaceError, match="the hole at 'net' is in an attribute of an ordinary Sequential"):
        pg.sample(pg.Dict(net=nn.Sequential(Linear(4, pg.oneof([2, 3]))), rate=pg.oneof([1, 2])), "random", 1)
