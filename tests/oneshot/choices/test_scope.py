"""Scopes: modules whose choices belong together, and what mutators are told of them."""

import copy

import pytest
import torch
from torch import nn

from pliant.oneshot import (
    BaseMutator,
    BindError,
    LayerChoice,
    MutableScope,
    Mutator,
    RandomMutator,
    supernet,
    to_json,
)
from pliant.values.errors import FieldTypeError

torch.set_num_threads(1)


class Node(MutableScope):
    def __init__(self, key):
        super().__init__(key)
        self.op = LayerChoice([nn.Identity(), nn.Tanh()], key=f"{key}_op")

    def forward(self, x, *, scale=1.0):
        return scale * self.op(x)


class Cell(MutableScope):
    def __init__(self):
        super().__init__()
        self.nodes = nn.ModuleList([Node("n0"), Node("n1")])
        self.shared = LayerChoice([nn.Identity(), nn.Tanh()], key="n0_op")

    def forward(self, x):
        for node in self.nodes:
            x = node(x, scale=2.0)
        return self.shared(x)


class Told(Mutator):
    """Records the calls for scopes, and what ran inside."""

    def __init__(self, model):
        super().__init__(model)
        self.log = []

    def enter_mutable_scope(self, scope):
        self.log.append(f"enter {scope.key}")

    def exit_mutable_scope(self, scope):
        self.log.append(f"exit {scope.key}")

    def on_forward_layer_choice(self, mutable, *args, **kwargs):
        self.log.append(mutable.key)
        return super().on_forward_layer_choice(mutable, *args, **kwargs)

    def sample_search(self):
        return {mutable.key: torch.tensor([True, False]) for mutable in self.mutables}

    def sample_final(self):
        return self.sample_search()


def test_hooks_are_called_around_the_forward_pass():
    model = nn.Sequential(Cell())
    mutator = Told(model)
    mutator.reset()
    x = torch.randn(2, 3)
    assert torch.equal(model(x), 4 * x)
    assert mutator.log == [
        *("enter 0", "enter n0", "n0_op", "exit n0", "enter n1", "n1_op", "exit n1", "n0_op", "exit 0")
    ]


def test_an_error_leaves_the_scope_too():
    model = nn.Sequential(Node("n0"))
    mutator = Told(model)
    mutator.reset()
    with pytest.raises(TypeError, match="unexpected keyword argument 'size'"):
        model[0](torch.zeros(1), size=3)
    assert mutator.log == ["enter n0", "exit n0"]


def test_scopes_are_no_decisions():
    model = nn.Sequential(Cell())
    mutator = RandomMutator(model, seed=0)
    assert [m.key for m in mutator.mutables] == ["n0_op", "n1_op"]
    assert set(mutator.export()) == set(to_json(model)) == {"n0_op", "n1_op"}
    assert supernet(nn.Sequential(Cell())).space.size == 4


def test_scopes_and_what_is_inside():
    model = nn.Sequential(Cell(), Node("n0"))
    mutator = RandomMutator(model)
    cell, first, second, last = mutator.mutables.scopes
    assert [scope.key for scope in (cell, first, second, last)] == ["0", "n0", "n1", "n0"]
    assert [m.key for m in cell.mutables] == ["n0_op", "n1_op"]
    assert cell.mutables[0] is first.op
    assert [m.key for m in last.mutables] == ["n0_op"]


def test_choices_without_keys_are_told_apart_before_they_have_one():
    scope = MutableScope("s")
    scope.first, scope.second = LayerChoice([nn.ReLU()]), LayerChoice([nn.ReLU()])
    assert scope.mutables == (scope.first, scope.second)


def test_without_a_hook_of_its_own_nothing_is_called():
    model = nn.Sequential(Cell())
    RandomMutator(model)
    assert all(scope._hooks is None for scope in model.modules() if isinstance(scope, MutableScope))
    mutator = Told(model)  # and so another one may be told
    mutator.reset()
    model(torch.zeros(1))
    assert mutator.log[0] == "enter 0"


def test_one_mutator_is_told():
    class Entering(BaseMutator):
        def enter_mutable_scope(self, scope):
            pass

        def on_forward_layer_choice(self, mutable, *args, **kwargs):
            raise AssertionError("is not reached")

        on_forward_input_choice = on_forward_layer_choice

    model = nn.Sequential(Node("n0"))

    class Watching(Told):
        on_forward_layer_choice = Mutator.on_forward_layer_choice

    Watching(model)
    with pytest.raises(BindError, match="another mutator watches the scope 'n0'; only one"):
        Entering(model)
    assert model[0].op.handler is None


def test_a_copy_has_a_mutator_of_its_own():
    model = nn.Sequential(Node("n0"))
    mutator = Told(model)
    mutator.reset()
    twin = copy.deepcopy(model)
    twin(torch.zeros(1))
    assert mutator.log == []


def test_scopes_add_nothing_to_a_state_dict():
    plain, scoped = nn.Sequential(nn.Linear(2, 2)), MutableScope("s")
    scoped.add_module("0", nn.Linear(2, 2))
    Told(nn.Sequential(scoped, Node("n0")))
    assert list(scoped.state_dict()) == list(plain.state_dict())


@pytest.mark.parametrize("key", ["", 3])
def test_bad_keys(key):
    with pytest.raises(FieldTypeError, match=f"the key of a MutableScope is a non-empty string; got {key!r}"):
        MutableScope(key)
