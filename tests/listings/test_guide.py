"""The listings of NNI's guide "Customize a NAS Algorithm", run as written; only where names come from is ours.

A listing is text here, as the guide prints it, with what its page lost: the end of one line, and the outer braces of its
JSON.  What must be so around it is what the guide says of it.
"""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
from torch import nn

import pliant as pg
from pliant import oneshot
from pliant.oneshot import BaseMutator, FixedMutator, InputChoice, LayerChoice, MutableScope, Mutator

torch.set_num_threads(1)


class Cell(MutableScope):
    """A node as NNI's networks have it: operations, and the inputs that it takes; any number of them."""

    def __init__(self, key, n_chosen=None):
        super().__init__(key=key)
        self.op = LayerChoice(
            [nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.ReLU()), nn.Identity()], key=key + "_op"
        )
        self.skip = InputChoice(n_candidates=3, n_chosen=n_chosen, reduction="sum", key=key + "_skip")

    def forward(self, x):
        y = self.op(x)
        return self.skip([x, y, x * y])


class Model(nn.Module):
    def __init__(self, n_chosen=None):
        super().__init__()
        self.first, self.second = Cell("first", n_chosen), Cell("second", n_chosen)
        self.again = LayerChoice([nn.Tanh(), nn.ReLU(), nn.Identity()], key="first_op")
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.again(self.second(self.first(x))))


INITIALIZATION = """
model = Model()
mutator = MyMutator(model)
"""

TRAINING = """
for _ in range(epochs):
    for x, y in data_loader:
        mutator.reset()  # reset all the choices in model
        out = model(x)  # like traditional model
        loss = criterion(out, y)
        # no difference below
"""

BELOW = "optimizer.zero_grad(); loss.backward(); optimizer.step(); seen.append(mutator.status())"

RANDOM_MUTATOR = """
class RandomMutator(Mutator):
    def __init__(self, model):
        super().__init__(model)  # don't forget to call super
        # do something else

    def sample_search(self):
        result = dict()
        for mutable in self.mutables:  # this is all the mutable modules in user model
            # mutables share the same key will be de-duplicated
            if isinstance(mutable, LayerChoice):
                # decided that this mutable should choose `gen_index`
                gen_index = np.random.randint(mutable.length)
                result[mutable.key] = torch.tensor([i == gen_index for i in range(mutable.length)],
                                                   dtype=torch.bool)
            elif isinstance(mutable, InputChoice):
                if mutable.n_chosen is None:  # n_chosen is None, then choose any number
                    result[mutable.key] = torch.randint(high=2, size=(mutable.n_candidates,)).view(-1).bool()
                # else do something else
        return result

    def sample_final(self):
        return self.sample_search()  # use the same logic here. you can do something different
"""

ACTIVATE = "mutator = RandomMutator(model)"

SEARCH_SPACE = """{
    "key_name": {
        "_type": "layer_choice",
        "_value": ["op1_repr", "op2_repr", "op3_repr"]
    },
    "input_key": {
        "_type": "input_choice",
        "_value": {
            "candidates": ["in1_key", "in2_key", "in3_key"],
            "n_chosen": 1
        }
    }
}"""

PARAMETERS = """{
    "key_name": {
        "_value": "op1_repr",
        "_idx": 0
    },
    "input_key": {
        "_value": ["in2_key"],
        "_idex": [1]
    }
}"""


@pytest.fixture
def names():
    """What the listings refer to; the guide's random numbers are the global ones."""
    np.random.seed(0)  # noqa: NPY002  # as above
    torch.manual_seed(0)
    found = {"Model": Model, "np": np, "torch": torch, "Mutator": Mutator}
    found |= {"LayerChoice": LayerChoice, "InputChoice": InputChoice}
    exec(RANDOM_MUTATOR, found)
    return found


def test_initialization_and_training(names):
    names["MyMutator"] = names["RandomMutator"]
    exec(INITIALIZATION, names)
    model = names["model"]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    names |= {
        "epochs": 4,
        "data_loader": [(torch.randn(8, 4), torch.randint(2, (8,))) for _ in range(5)],
        "criterion": nn.CrossEntropyLoss(),
        "optimizer": torch.optim.SGD(model.parameters(), 0.1),
        "seen": [],
    }
    exec(TRAINING.replace("# no difference below", BELOW), names)
    seen = names["seen"]
    assert len(seen) == 20
    assert set(seen[0]) == {"first_op", "first_skip", "second_op", "second_skip"}
    assert len({json.dumps(status) for status in seen}) > 10
    assert sum(not torch.equal(before[name], value) for name, value in model.state_dict().items()) == len(
        before
    )


def test_a_reset_holds_until_the_next(names):
    model, x = Model(), torch.randn(3, 4)
    mutator = names["RandomMutator"](model)
    mutator.reset()
    first = model(x)
    assert torch.equal(model(x), first)
    mutator.export()  # does nothing to the model
    assert torch.equal(model(x), first)
    outputs = []
    for _ in range(5):
        mutator.reset()
        outputs.append(model(x))
    assert not all(torch.equal(out, first) for out in outputs)


def test_export_is_what_sample_final_samples(names):
    class Final(names["RandomMutator"]):
        def sample_final(self):
            return {**self.sample_search(), "second_op": torch.tensor([0.1, 0.7, 0.2])}

    mutator = Final(Model())
    exported = mutator.export()
    assert exported["second_op"].tolist() == pytest.approx([0.1, 0.7, 0.2])
    assert exported["first_op"].dtype == torch.bool
    assert int(exported["first_op"].sum()) == 1


def test_one_mutator_is_for_one_model(names):
    mutator = names["RandomMutator"](Model())
    with pytest.raises(oneshot.BindError, match="already bound to a Model"):
        mutator.__init__(Model())


def test_a_random_mutator_sets_an_active_candidate(names):
    names |= {"model": Model(), "RandomMutator": oneshot.RandomMutator}
    exec(ACTIVATE, names)
    assert names["model"](torch.randn(2, 4)).shape == (2, 2)


def test_the_architecture_as_json_and_fixed(names, tmp_path):
    model, x = Model(), torch.randn(3, 4)
    mutator = names["RandomMutator"](model)
    mutator.reset()
    mutator.sample_final = lambda: mutator._sampled
    path = tmp_path / "architecture.json"
    path.write_text(json.dumps({key: mask.tolist() for key, mask in mutator.export().items()}))
    retrained = Model()
    retrained.load_state_dict(model.state_dict())
    FixedMutator(retrained, json.loads(path.read_text()))
    assert torch.equal(retrained(x), model(x))


def test_names_alone_fix_an_architecture():
    model = nn.Sequential(LayerChoice({"relu": nn.ReLU(), "tanh": nn.Tanh()}, key="act"))
    FixedMutator(model, json.loads('{"act": "tanh"}'))
    x = torch.randn(3)
    assert torch.equal(model(x), x.tanh())


def test_choices_run_in_a_way_of_ones_own():
    class Soft(BaseMutator):
        def __init__(self, model):
            super().__init__(model)
            self.weights = nn.ParameterDict(
                {
                    m.key: nn.Parameter(torch.zeros(m.length))
                    for m in self.mutables
                    if isinstance(m, LayerChoice)
                }
            )
            self.scopes = []

        def enter_mutable_scope(self, mutable_scope):
            self.scopes.append(mutable_scope.key)

        def on_forward_layer_choice(self, mutable, *args, **kwargs):
            weights = self.weights[mutable.key].softmax(0)
            return sum(w * op(*args, **kwargs) for w, op in zip(weights, mutable, strict=True)), weights

        def on_forward_input_choice(self, mutable, tensor_list):
            return sum(tensor_list), torch.ones(mutable.n_candidates)

    model = Model()
    mutator = Soft(model)
    model(torch.randn(3, 4)).sum().backward()
    assert mutator.scopes == ["first", "second"]
    assert all(bool((parameter.grad != 0).any()) for parameter in mutator.parameters())
    assert sorted(mutator.weights) == ["first_op", "second_op"]


def test_choices_may_be_nested():
    inner = LayerChoice([nn.Tanh(), nn.ReLU()], key="inner")
    model, x = nn.Sequential(LayerChoice([inner, nn.Identity()], key="outer")), torch.randn(5)
    for answer in pg.iter(oneshot.read_space(oneshot.to_json(model))):
        FixedMutator(model, answer)
        expected = x if answer.outer._idx == 1 else [x.tanh(), x.relu()][answer.inner._idx]
        assert torch.equal(model(x), expected)


class Guided(nn.Module):
    """The network that the guide's search-space file is of."""

    def __init__(self):
        super().__init__()
        ops = {"op1_repr": nn.Identity(), "op2_repr": nn.Tanh(), "op3_repr": nn.ReLU()}
        self.op = LayerChoice(ops, key="key_name")
        self.inputs = InputChoice(choose_from=["in1_key", "in2_key", "in3_key"], n_chosen=1, key="input_key")

    def forward(self, x):
        y = self.op(x)
        return self.inputs({"in1_key": x, "in2_key": y, "in3_key": x - y})


def test_the_search_space_file_is_the_guides():
    assert oneshot.to_json(Guided()) == json.loads(SEARCH_SPACE)


def test_the_guides_answer_is_read():
    model, x = Guided(), torch.randn(3)
    FixedMutator(model, json.loads(PARAMETERS))
    assert torch.equal(model(x), x)
    decisions = oneshot.read_answer(oneshot.supernet(Guided()), json.loads(PARAMETERS))
    assert decisions.to_dict() == {"key_name": 0, "input_key": 1}


class Tuner:
    """What a tuner of the guide is, over an algorithm of ours."""

    def __init__(self, algorithm):
        self.algorithm, self.feedback = algorithm, {}

    def update_search_space(self, search_space):
        self.search = iter(pg.sample(oneshot.read_space(search_space), self.algorithm))

    def generate_parameters(self, parameter_id):
        answer, self.feedback[parameter_id] = next(self.search)
        return json.loads(json.dumps(answer))

    def receive_trial_result(self, parameter_id, value):
        self.feedback.pop(parameter_id)(value)


def test_an_algorithm_of_ours_is_a_tuner():
    tuner = Tuner(pg.generators.RegularizedEvolution(8, 4, seed=1))
    tuner.update_search_space(json.loads(SEARCH_SPACE))
    model, x, best = Guided(), torch.ones(4), 0.0
    for i in range(30):
        FixedMutator(model, tuner.generate_parameters(i))
        value = float(model(x).sum())
        tuner.receive_trial_result(i, value)
        best = max(best, value)
    assert best == 4.0


def test_a_tuner_of_the_guide_drives_a_network():
    draw, model, seen = random.Random(0), Guided(), set()
    space = json.loads(SEARCH_SPACE)
    for _ in range(60):
        i, k = draw.randrange(3), draw.randrange(3)
        answer = {
            "key_name": {"_value": space["key_name"]["_value"][i], "_idx": i},
            "input_key": {"_value": [space["input_key"]["_value"]["candidates"][k]], "_idx": [k]},
        }
        seen.add(json.dumps(FixedMutator(model, answer).export().to_lists()))
        model(torch.zeros(2))
    assert len(seen) == 9


@pytest.mark.parametrize(
    "make",
    [
        oneshot.DARTS,
        lambda: oneshot.ENAS(updates=1, draws=2),
        lambda: oneshot.SPOS(evaluations=4, batches=1),
        lambda: oneshot.MutatorSampler(oneshot.RandomMutator),
    ],
    ids=["DARTS", "ENAS", "SPOS", "random mutator"],
)
def test_trainers_search_the_same_model(make):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(48, 4, generator=generator)
    batches = [(x[i : i + 8], (x[i : i + 8, 0] > 0).long()) for i in range(0, 48, 8)]
    trainer = oneshot.Trainer(Model(n_chosen=2), make(), batches[:4], batches[4:], epochs=2, seed=0)
    report = trainer.fit()
    answer = json.loads(json.dumps(oneshot.to_answer(trainer.supernet, report.decisions)))
    assert set(answer) == {"first_op", "first_skip", "second_op", "second_skip"}
    child = Model(n_chosen=2)
    FixedMutator(child, answer)
    child.load_state_dict(trainer.supernet.network.state_dict())
    trainer.supernet.activate(report.decisions)
    assert torch.equal(child(x), trainer.supernet(x))
