"""A search-space file of the NNI guide as a space of our own, whose programs are the answers."""

import json

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.algorithms.generators import NAMES, make
from pliant.oneshot import (
    FixedMutator,
    InputChoice,
    LayerChoice,
    ValueChoice,
    read_answer,
    read_space,
    supernet,
    to_answer,
    to_json,
)
from pliant.values.errors import FieldTypeError, FieldValueError, SpaceError

torch.set_num_threads(1)

# The guide's own file, with the braces that its listing lost.
GUIDE = """{
    "key_name": {
        "_type": "layer_choice",
        "_value": ["op1_repr", "op2_repr", "op3_repr"]
    },
    "other_key": {
        "_type": "input_choice",
        "_value": {
            "candidates": ["in1_key", "in2_key", "in3_key"],
            "n_chosen": 1
        }
    }
}"""


class Net(nn.Module):
    """Two operations that print alike, some inputs, any inputs, and a value."""

    def __init__(self):
        super().__init__()
        self.op = LayerChoice([nn.ReLU(), nn.Linear(3, 3), nn.Linear(3, 3)], key="cell.op")
        self.pair = InputChoice(choose_from=["x", "y", "z"], n_chosen=2, key="pair")
        self.any = InputChoice(2, key="any")
        self.rate = ValueChoice([0.5, 2.0], key="rate")

    def forward(self, x):
        y = self.op(x)
        return self.pair([x, y, x - y]) + self.rate() * self.any([x, y])


def answers(space):
    return [json.loads(json.dumps(answer)) for answer in pg.iter(space)]


def test_the_guides_file_gives_the_guides_answers():
    found = answers(read_space(GUIDE))
    assert len(found) == 9
    assert found[1] == {
        "key_name": {"_value": "op1_repr", "_idx": 0},
        "other_key": {"_value": ["in2_key"], "_idx": [1]},
    }


def test_text_and_data_are_one():
    assert pg.eq(read_space(GUIDE), read_space(json.loads(GUIDE)))
    assert pg.eq(pg.from_json(pg.to_json(read_space(GUIDE))), read_space(GUIDE))


@pytest.mark.parametrize(("n_chosen", "count"), [(1, 4), (2, 6), (4, 1), (None, 16)])
def test_inputs_are_subsets(n_chosen, count):
    value = {"candidates": ["a", "b", "b", "d"], "n_chosen": n_chosen}
    found = [answer["k"] for answer in answers(read_space({"k": {"_type": "input_choice", "_value": value}}))]
    places = [tuple(answer["_idx"]) for answer in found]
    assert len(set(places)) == len(places) == count
    assert all(list(p) == sorted(set(p)) and len(p) == (n_chosen or len(p)) for p in places)
    assert all(answer["_value"] == ["abbd"[i] for i in answer["_idx"]] for answer in found)


@pytest.mark.parametrize("values", [["a", "b"], ["a", "b", "a"], ["a", "a", "a (0)"], [1, "1", 1.0]])
def test_candidates_that_print_alike_are_told_apart(values):
    space = read_space({"k": {"_type": "layer_choice", "_value": values}})
    assert [answer["k"] for answer in answers(space)] == [
        {"_value": value, "_idx": i} for i, value in enumerate(values)
    ]
    assert len(set(pg.abstract_search_space(space).points[0].literals)) == len(values)


def test_texts_are_those_of_the_file_where_they_differ():
    space = read_space({"k": {"_type": "layer_choice", "_value": ["ReLU()", "Tanh()", "ReLU()"]}})
    literals = pg.abstract_search_space(space).points[0].literals
    assert literals == ("'ReLU() (0)'", "'Tanh()'", "'ReLU() (2)'")


def test_a_missing_n_chosen_is_any_number():
    space = read_space({"k": {"_type": "input_choice", "_value": {"candidates": ["a", "b"]}}})
    assert [answer["k"]["_idx"] for answer in answers(space)] == [[], [1], [0], [0, 1]]


def test_hyper_parameters_are_answered_bare():
    space = read_space(
        {
            "batch": {"_type": "choice", "_value": [16, "all", [3, 3]]},
            "n": {"_type": "randint", "_value": [2, 5]},
            "p": {"_type": "uniform", "_value": [0, 0.5]},
            "lr": {"_type": "loguniform", "_value": [1e-4, 1]},
        }
    )
    seen = [json.loads(json.dumps(pg.random_sample(space, seed))) for seed in range(60)]
    assert {json.dumps(one["batch"]) for one in seen} == {"16", '"all"', "[3, 3]"}
    assert {one["n"] for one in seen} == {2, 3, 4}
    assert all(isinstance(one["p"], float) and 0 <= one["p"] <= 0.5 for one in seen)
    assert sum(one["lr"] < 1e-2 for one in seen) in range(20, 41)  # half of them, by order of magnitude


def test_answers_run_the_network_that_the_file_is_of():
    model, x = Net(), torch.randn(2, 3)
    space = read_space(json.dumps(to_json(model)))
    assert pg.abstract_search_space(space).size == 3 * 3 * 4 * 2
    for answer in answers(space):
        mutator = FixedMutator(model, answer)
        masks = mutator.export().to_lists()
        assert [i for i, on in enumerate(masks["pair"]) if on] == answer["pair"]["_idx"]
        assert masks["cell.op"].index(True) == answer["cell.op"]["_idx"]
        y = model.op[answer["cell.op"]["_idx"]](x)
        pair = [[x, y, x - y][i] for i in answer["pair"]["_idx"]]
        any_ = sum(([x, y][i] for i in answer["any"]["_idx"]), torch.zeros_like(x))
        assert torch.allclose(model(x), sum(pair) + float(answer["rate"]) * any_)


def test_answers_are_decisions_and_back():
    Linear, Sequential, ReLU, Tanh = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh))
    net = supernet(
        Sequential(Linear(3, pg.intv(2, 4)), pg.oneof([ReLU(), Tanh()]), Linear(2, pg.oneof([2, 5])))
    )
    found = {read_answer(net, answer) for answer in pg.iter(read_space(to_json(net)))}
    assert found == set(net.space.iterate())
    for decisions in found:
        assert to_answer(net, decisions) in answers(read_space(to_json(net)))


def test_programs_encode():
    space = read_space(to_json(Net()))
    for seed in range(20):
        program = pg.random_sample(space, seed)
        assert pg.eq(pg.materialize(space, pg.encode(space, program)), program)
        assert pg.eq(pg.materialize(space, pg.encode(space, pg.Dict(answers(program)[0]))), program)


@pytest.mark.parametrize("name", NAMES)
def test_any_algorithm_answers(name):
    model, count = Net(), 0
    file = {**to_json(model), "budget": {"_type": "randint", "_value": [1, 9]}}
    for answer, feedback in pg.sample(read_space(file), make(name), trials=4, seed=0):
        assert 1 <= answer.pop("budget") <= 8
        FixedMutator(model, answer)
        feedback(float(answer["cell.op"]["_idx"]))
        count += 1
    assert count == 4


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            "{",
            FieldValueError,
            r"a search-space file is JSON; got .*: Expecting.* `pliant space FILE --json`",
        ),
        ("[1]", FieldTypeError, r"a dict of keys, each with `_type` and `_value`; got \[1\] of type list"),
        ({}, SpaceError, "this search space has no keys"),
        ({"k": 3}, FieldTypeError, "the item 'k' of a search space needs `_type` and `_value`; got 3"),
        (
            {"k": {"_type": "choice"}},
            FieldTypeError,
            "the item 'k' of a search space needs `_type` and `_value`",
        ),
        (
            {"k": {"_type": "layer_choise", "_value": ["a"]}},
            FieldValueError,
            "'k' has the unknown type 'layer_choise'; did you mean 'layer_choice'.* Known types: .*'loguniform'",
        ),
        (
            {"k": {"_type": "layer_choice", "_value": "ab"}},
            FieldValueError,
            "needs a list of candidates; got 'ab'",
        ),
        (
            {"k": {"_type": "choice", "_value": []}},
            FieldValueError,
            r"the choice 'k' needs a list .* got \[\]",
        ),
        (
            {"k": {"_type": "input_choice", "_value": ["a"]}},
            FieldValueError,
            r'the input_choice \'k\' needs {"candidates": \[...\], "n_chosen": ...}; got \[\'a\'\]',
        ),
        (
            {"k": {"_type": "input_choice", "_value": {"candidates": ["a", "b"], "n_chosen": 3}}},
            FieldValueError,
            "`n_chosen` of the input_choice 'k' is from 1 to 2, or null for any number; got 3",
        ),
        (
            {"k": {"_type": "input_choice", "_value": {"candidates": ["a", "b"], "n_chosen": True}}},
            FieldValueError,
            "null for any number; got True",
        ),
        (
            {"k": {"_type": "randint", "_value": [2, 2]}},
            FieldValueError,
            r"lower < upper \(upper is excluded\); got",
        ),
        (
            {"k": {"_type": "randint", "_value": [2.0, 4]}},
            FieldValueError,
            "the randint 'k' needs two integers",
        ),
        (
            {"k": {"_type": "uniform", "_value": [1]}},
            FieldValueError,
            r"the uniform 'k' needs two numbers, .* got \[1\]",
        ),
        ({"k": {"_type": "uniform", "_value": [1, float("nan")]}}, FieldValueError, "two numbers"),
        (
            {"k": {"_type": "uniform", "_value": [2, 1]}},
            FieldValueError,
            r"lower <= upper; got \[2, 1\]",
        ),
        ({"k": {"_type": "loguniform", "_value": [0, 1]}}, FieldValueError, "both above 0; got"),
    ],
)
def test_bad_files(given, error, message):
    with pytest.raises(error, match=message):
        read_space(given)
