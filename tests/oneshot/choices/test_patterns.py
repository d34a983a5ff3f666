"""Which decisions a text means."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import pliant as pg
from pliant.oneshot import DARTS, GDAS, SNAS, AddedCost, FBNet, Parameters, Trainer, supernet
from pliant.oneshot.choices.patterns import NamedValues, all_names, find_decisions
from pliant.space import choice, flatten
from pliant.values.errors import DecisionError, FieldValueError

Linear, Sequential, ReLU, Tanh, Identity = map(
    pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh, nn.Identity)
)

SPACE = flatten(
    [
        choice("stem.kernel", 3, name="kernel"),
        choice("blocks[0].kernel", 3),
        choice("blocks[1].kernel", [None, choice("inner", 2)]),
        choice("edges", 4, picks=2, distinct=True),
    ]
)
PATHS = [point.path for point in SPACE.points]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("kernel", ["stem.kernel"]),
        ("stem.kernel", ["stem.kernel"]),
        ("blocks[0].kernel", ["blocks[0].kernel"]),
        ("blocks[?].kernel", ["blocks[0].kernel", "blocks[1].kernel"]),
        ("*kernel", ["stem.kernel", "blocks[0].kernel", "blocks[1].kernel"]),
        ("edges", ["edges[0]", "edges[1]"]),
        ("edges[1]", ["edges[1]"]),
        ("*", PATHS),
    ],
)
def test_names_paths_and_patterns(text, meant):
    assert [PATHS[i] for i in find_decisions(SPACE, text)] == meant


@given(st.text("abk[]01.^$*?", max_size=8))
def test_what_is_found_matches_as_a_whole(text):
    pattern = re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."))
    called = [{point.path, point.hole} | ({point.name} if point.name else set()) for point in SPACE.points]
    expected = [i for i, names in enumerate(called) if any(map(pattern.fullmatch, names))]
    if expected:
        assert find_decisions(SPACE, text) == expected
    else:
        with pytest.raises(DecisionError, match="this space has no decision"):
            find_decisions(SPACE, text)


def test_nothing_is_called_so():
    with pytest.raises(
        DecisionError,
        match=r"this space has no decision 'kernal'; did you mean 'kernel'\?.*'kernel', 'blocks\[0\].kernel'",
    ):
        find_decisions(SPACE, "kernal")
    assert all_names(SPACE)[0] == "kernel"


def test_the_name_of_one_that_is_the_path_of_another():
    space = flatten([choice("a", 2, name="b"), choice("b", 2)])
    with pytest.raises(
        DecisionError, match=r"'b' is the name of the decision at 'a' and the path of another"
    ):
        find_decisions(space, "b")


def test_values_by_name():
    named = NamedValues({"stem.kernel": 1, "edges": 2}, SPACE)
    assert (named["kernel"], named["stem.kernel"], named["edges[0]"]) == (1, 1, 2)
    assert dict(named) == {"stem.kernel": 1, "edges": 2}
    with pytest.raises(
        DecisionError,
        match=r"value for the decision 'blocks\[0\].kernel' is missing. Given values: 'stem.kernel', 'edges'",
    ):
        named["blocks[0].kernel"]


# ---------------------------------------------------------------------- where names are taken


def make_net():
    width = pg.oneof([4, 8], name="width")
    op = pg.oneof([ReLU(), Tanh(), Identity()], name="op")
    return supernet(Sequential(Linear(3, width), op, Linear(width, 2)))


X = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))


def test_a_cost_takes_weights_by_name():
    net = make_net()
    cost = Parameters(net, X)
    row = torch.tensor([0.25, 0.75], dtype=torch.float64, requires_grad=True)
    found = cost({"width": row})
    assert float(found.detach()) == pytest.approx(0.25 * cost([0, 0]) + 0.75 * cost([1, 0]))
    assert torch.autograd.grad(found, row)[0].tolist() == pytest.approx([cost([0, 0]), cost([1, 0])])
    path = net.space.point("width").path
    assert float(cost({path: row}).detach()) == float(found.detach())
    with pytest.raises(FieldValueError, match=r"has 2 candidates; got weights of shape \(3,\)"):
        cost({"width": torch.ones(3)})
    with pytest.raises(DecisionError, match="which has no weights"):
        cost({"wid": row})


@pytest.mark.parametrize("make", [DARTS, SNAS, GDAS, FBNet])
def test_penalties_and_derivations_take_names(make):
    rows = []

    def cost(weights):
        rows.append((weights["op"], weights["width"]))
        return weights["width"] @ torch.tensor([1.0, 2.0], dtype=torch.float64)

    net = make_net()
    sampler = make(
        penalty=AddedCost(cost), derivation=lambda found, net: {"op": int(found["op"].argmax()), "width": 1}
    )
    data = [(X, (X[:, 0] > 0).long())]
    trainer = Trainer(net, sampler, data, data, epochs=2)
    trainer.fit()
    assert rows
    assert trainer.sampler.decisions().to_dict()[net.space.point("width").path] == 1
    assert 1 <= trainer.sampler.metrics()["cost"] <= 2
