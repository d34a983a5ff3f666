"""The search space and its answers in the form of the NNI guide's files."""

import json
import random

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import (
    FixedMutator,
    InputChoice,
    LayerChoice,
    RandomMutator,
    ValueChoice,
    read_answer,
    supernet,
    to_answer,
    to_json,
)
from pliant.values.errors import DecisionError, FieldTypeError, SpaceError

torch.set_num_threads(1)
Linear, Sequential, ReLU, Tanh = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh))


class Cell(nn.Module):
    def __init__(self):
        super().__init__()
        self.op = LayerChoice([nn.Linear(3, 3), nn.ReLU(), nn.ReLU()], key="op")
        self.join = InputChoice(choose_from=["in1_key", "in2_key", "in3_key"], n_chosen=1, key="join")
        self.pair = InputChoice(3, 2, key="pair")

    def forward(self, x):
        y = self.op(x)
        return self.join([x, y, x + y]) + self.pair([x, y, x - y])


def program():
    width = pg.intv(2, 4, name="width")
    inner = Sequential(Linear(width, width), pg.oneof([ReLU(), Tanh()]))
    return Sequential(Linear(3, width), pg.oneof([inner, ReLU()]), Linear(width, pg.oneof([2, 5])))


class GuideTuner:
    """A tuner as the guide wants it: it sees nothing but the search-space file."""

    def update_search_space(self, search_space):
        self.space, self.random = search_space, random.Random(0)

    def generate_parameters(self, parameter_id):
        chosen = {}
        for key, item in self.space.items():
            if item["_type"] == "layer_choice":
                i = self.random.randrange(len(item["_value"]))
                chosen[key] = {"_value": item["_value"][i], "_idx": i}
            elif item["_type"] == "input_choice":
                names = item["_value"]["candidates"]
                picks = self.random.sample(range(len(names)), item["_value"]["n_chosen"])
                chosen[key] = {"_value": [names[i] for i in picks], "_idx": picks}
            elif item["_type"] == "choice":
                chosen[key] = self.random.choice(item["_value"])
            elif item["_type"] == "randint":
                chosen[key] = self.random.randrange(*item["_value"])
        return chosen


def test_search_space_file():
    assert to_json(supernet(Cell())) == {
        "op": {
            "_type": "layer_choice",
            "_value": ["Linear(in_features=3, out_features=3, bias=True)", "ReLU()", "ReLU()"],
        },
        "join": {
            "_type": "input_choice",
            "_value": {"candidates": ["in1_key", "in2_key", "in3_key"], "n_chosen": 1},
        },
        "pair": {"_type": "input_choice", "_value": {"candidates": ["0", "1", "2"], "n_chosen": 2}},
    }


def test_search_space_of_a_plain_network():
    found = to_json(nn.Sequential(InputChoice(2, key="any"), ValueChoice([1, 2], key="v")))
    assert found["any"]["_value"] == {"candidates": ["0", "1"], "n_chosen": None}
    assert found["v"] == {"_type": "choice", "_value": ["1", "2"]}


def test_search_space_of_sizes_and_numbers():
    found = to_json(supernet(program()))
    assert json.loads(json.dumps(found)) == found
    assert found["args[0].out_features"] == {"_type": "randint", "_value": [2, 5]}
    assert found["args[2].out_features"] == {"_type": "choice", "_value": [2, 5]}
    assert found["args[1]"]["_type"] == "layer_choice"
    assert found["args[1][=0/2].args[1]"] == {"_type": "layer_choice", "_value": ["ReLU()", "Tanh()"]}
    Dropout = pg.symbolize(nn.Dropout)
    found = to_json(supernet(Sequential(Dropout(pg.floatv(0.1, 0.5)), Linear(1, pg.intv(2, 8, step=2)))))
    assert found["args[0].p"] == {"_type": "uniform", "_value": [0.1, 0.5]}
    assert found["args[1].out_features"] == {"_type": "choice", "_value": [2, 4, 6, 8]}


@pytest.mark.parametrize("make", [Cell, program])
def test_a_tuner_of_the_guide_drives_us(make):
    net, tuner, seen = supernet(make()), GuideTuner(), set()
    tuner.update_search_space(json.loads(json.dumps(to_json(net))))
    for i in range(60):
        decisions = read_answer(net, json.loads(json.dumps(tuner.generate_parameters(i))))
        net.activate(decisions)
        net(torch.zeros(1, 3))
        seen.add(decisions)
    assert len(seen) > 12


@pytest.mark.parametrize("make", [Cell, program])
def test_answers_round_trip(make):
    net = supernet(make())
    for decisions in net.space.iterate():
        answer = json.loads(json.dumps(to_answer(net, decisions)))
        assert to_answer(net, read_answer(net, answer)) == to_answer(net, decisions)
        if make is program:
            assert read_answer(net, answer) == decisions


GOOD = {
    "op": {"_value": "ReLU()", "_idx": 2},
    "join": {"_value": ["in2_key"], "_idx": [1]},
    "pair": {"_idx": [2, 0]},
}


def test_answers_as_the_guide_prints_them():
    net = supernet(Cell())
    values = {"op": 2, "join": 1, "pair[0]": 0, "pair[1]": 2}
    assert read_answer(net, GOOD).to_dict() == values
    assert read_answer(net, {**GOOD, "join": {"_value": ["in2_key"], "_idex": [1]}}).to_dict() == values
    assert read_answer(net, {**GOOD, "join": {"_value": ["in2_key"]}}).to_dict() == values


@pytest.mark.parametrize(
    "change, message",
    [
        ({"jion": {"_idx": [0]}}, "unknown keys 'jion'; did you mean 'join'"),
        (
            {"op": {"_value": "ReLU()", "_idx": 0}},
            r"values \['ReLU\(\)'\], but its indices \[0\] are .*Use the search space",
        ),
        ({"op": {"_value": "ReLU()"}}, "which matches 2 of the candidates.* Also give `_idx`"),
        ({"op": {"_value": "Relu()"}}, r"which matches none of the candidates; did you mean 'ReLU\(\)'"),
        ({"op": {"_idx": 3}}, "has the index 3; there are 3 candidates"),
        ({"op": {}}, "neither `_value` nor `_idx`"),
        ({"pair": {"_idx": [1, 1]}}, "picks an input twice"),
        ({"pair": {"_idx": [1]}}, "takes 2 of 3 inputs; its mask selects 1"),
    ],
)
def test_bad_answers(change, message):
    with pytest.raises(DecisionError, match=message):
        read_answer(supernet(Cell()), {**GOOD, **change})


def test_answers_that_are_incomplete_or_none():
    net = supernet(Cell())
    with pytest.raises(DecisionError, match="the mask for 'op' is missing"):
        read_answer(net, {key: GOOD[key] for key in ("join", "pair")})
    with pytest.raises(FieldTypeError, match="the answer is a dict with `_value` and `_idx` per key; got 3"):
        read_answer(net, 3)
    with pytest.raises(SpaceError, match="read_answer takes a super-network; got a Cell"):
        read_answer(Cell(), GOOD)


def test_a_fixed_mutator_runs_answers_and_exports():
    model = Cell()
    x = torch.randn(2, 3)
    mutator = FixedMutator(model, GOOD)
    y = x.relu()
    assert torch.allclose(model(x), y + (x + x - y))
    assert mutator.export().to_lists() == {
        "op": [False, False, True],
        "join": [False, True, False],
        "pair": [True, False, True],
    }
    other = Cell()
    other.load_state_dict(model.state_dict())
    random_mutator = RandomMutator(model, seed=7)
    stored = json.loads(json.dumps({k: v.int().tolist() for k, v in random_mutator.sample_search().items()}))
    FixedMutator(other, stored)
    random_mutator.random.seed(0)
    FixedMutator(model, stored)
    assert torch.equal(other(x), model(x))
    with pytest.raises(DecisionError, match="`fixed` has the unknown keys 'opp'"):
        FixedMutator(model, {"opp": torch.tensor([True])})


@pytest.mark.parametrize(
    "fixed",
    [
        {"op": {"_idx": 2}, "join": ["in2_key"], "pair": ["2", "0"]},
        {"op": [False, False, True], "join": "in2_key", "pair": torch.tensor([True, False, True])},
    ],
)
def test_a_fixed_mutator_takes_names_and_masks_side_by_side(fixed):
    assert FixedMutator(Cell(), fixed).export().to_lists() == FixedMutator(Cell(), GOOD).export().to_lists()


def test_a_fixed_mutator_takes_sizes_bare_and_as_masks():
    net = supernet(Sequential(Linear(3, pg.oneof([4, 5])), Linear(pg.oneof([4, 5]), pg.intv(1, 3))))
    sizes = {"args[0].out_features": 5, "args[1].in_features": 5, "args[1].out_features": 2}
    FixedMutator(net, sizes)
    assert net(torch.zeros(1, 3)).shape == (1, 2)
    masks = FixedMutator(net, sizes).export()
    assert masks["args[0].out_features"].tolist() == [False, True]
    net.activate([0, 0, 1])
    assert FixedMutator(net, masks).export().to_lists() == masks.to_lists()
    assert FixedMutator(net, masks.to_lists()).export().to_lists() == masks.to_lists()
    with pytest.raises(DecisionError, match="has the value 6, which matches none of the candidates"):
        FixedMutator(net, {**sizes, "args[0].out_features": 6})
