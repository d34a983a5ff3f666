"""Networks with choices written by hand, as the concrete networks of what is selected."""

import copy

import pytest
import torch
from torch import nn

from pliant.oneshot import (
    BaseMutator,
    BindError,
    FixedMutator,
    InputChoice,
    LayerChoice,
    MutableScope,
    Mutator,
    RandomMutator,
    ValueChoice,
    count_multiply_adds,
    fix_choices,
    measure_differences,
    supernet,
)
from pliant.oneshot.choices.mutable import find_mutables
from pliant.values.errors import DecisionError, SpaceError


class Cell(MutableScope):
    """Nested choices, two of three inputs, a value; normalization, so that there are buffers."""

    def __init__(self):
        super().__init__("cell")
        inner = LayerChoice([nn.Identity(), nn.Linear(4, 4)], key="inner")
        self.op = LayerChoice({"lin": nn.Linear(4, 4), "deep": nn.Sequential(inner, nn.Tanh())}, key="op")
        self.pick = InputChoice(3, 2, key="pick")
        self.scale = ValueChoice([0.5, 2.0], key="scale")
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        return self.norm(self.scale() * self.pick([x, self.op(x), x.sin()]))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.last = Cell(), nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.cell(x))


X = torch.randn(3, 4)
FIXED = {"op": "deep", "inner": {"_idx": 1}, "pick": {"_idx": [0, 2]}, "scale": "2.0"}


def test_every_network_is_the_one_in_the_supernet():
    net = supernet(Net()).double()
    found = [
        measure_differences(net, X.double(), decisions=d, training=t).largest
        for d in net.space.iterate()
        for t in (True, False)
    ]
    assert len(found) == 2 * 2 * 2 * 3 * 2
    assert max(found) < 1e-12


def test_a_concrete_network_has_no_choice_and_its_own_weights():
    model = Net()
    net = supernet(model)
    kept = net.activate(net.space.sample(0))
    child = net.materialize({"op": 1, "inner": 1, "pick[0]": 0, "pick[1]": 1, "scale": 1})
    assert not list(find_mutables(child))
    assert net.decisions == kept
    assert not {p.data_ptr() for p in child.parameters()} & {p.data_ptr() for p in model.parameters()}
    assert not hasattr(child.cell.op, "candidates")
    assert sum(p.numel() for p in child.parameters()) == 20 + 8 + 10  # the other candidate is not copied


def test_fresh_weights():
    net = supernet(Net())
    torch.manual_seed(0)
    child, other = net.materialize(inherit=False), net.materialize(inherit=False)
    assert not torch.equal(child.last.weight, net.network.last.weight)
    assert not torch.equal(child.last.weight, other.last.weight)
    net.network.extra = nn.ParameterList([torch.zeros(1)])
    with pytest.raises(SpaceError, match=r"ParameterList at 'extra' has weights but no `reset_parameters`"):
        net.materialize(inherit=False)


def test_a_network_that_a_mutator_fixed():
    model = Net().eval()
    FixedMutator(model, FIXED)
    child = fix_choices(model)
    assert torch.equal(child(X), model(X))
    assert not list(find_mutables(child))
    assert count_multiply_adds(model, X[:1]) == count_multiply_adds(child, X[:1]) == 16 + 8


def test_nothing_selected():
    with pytest.raises(DecisionError, match="nothing is selected for 'op'"):
        fix_choices(Net())


@pytest.mark.parametrize("reduction", ["sum", "mean", "concat"])
@pytest.mark.parametrize("mask", [[True, False, True], [0.25, 0.0, 0.75]])
def test_several_candidates_run_together(reduction, mask):
    ops = [nn.Linear(4, 4), nn.Tanh(), nn.Identity()]
    model = nn.Sequential(LayerChoice(ops, reduction, key="op"))
    FixedMutator(model, {"op": mask})
    child = fix_choices(model)
    assert torch.equal(child(X), model(X))
    assert not list(find_mutables(child))


def test_masks_are_still_returned():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.op = LayerChoice([nn.Linear(4, 4), nn.Linear(4, 4)], "none", return_mask=True, key="op")
            self.pick = InputChoice(choose_from=["a", "b"], n_chosen=1, return_mask=True, key="pick")

        def forward(self, x):
            y, first = self.op(x)
            out, second = self.pick({"a": x, "b": y})
            return out, first, second

    net = supernet(Two())
    for decisions in net.space.iterate():
        net.activate(decisions)
        for mine, other in zip(net.materialize()(X), net(X)):
            assert torch.equal(mine, other)
        assert measure_differences(net, X).largest == 0


def test_what_is_shared_stays_shared():
    layer = nn.Linear(4, 4)
    model = nn.Sequential(layer, LayerChoice([layer, nn.Identity()], key="op"))
    net = supernet(model)
    child = net.materialize([0])
    assert child[0] is child[1]
    assert child[0] is not layer


def test_a_mutator_that_watches_is_not_copied():
    class Watching(Mutator):
        def enter_mutable_scope(self, scope):
            self.entered = True

        def sample_search(self):
            return {
                m.key: torch.arange(len(m)) < (m.n_chosen if m.key == "pick" else 1) for m in self.mutables
            }

        sample_final = sample_search

        def __deepcopy__(self, memo):
            raise AssertionError("a mutator is not a part of a concrete network")

        def on_forward_layer_choice(self, mutable, *args, **fields):
            return super().on_forward_layer_choice(mutable, *args, **fields)

    model = Net().eval()
    mutator = Watching(model)
    mutator.reset()
    child = fix_choices(model)
    wanted = model(X)
    assert mutator.entered
    mutator.entered = False
    assert torch.equal(child(X), wanted)
    assert mutator.entered is False


# --- who says what runs -------------------------------------------------------------------------------------


def test_the_mutator_that_is_bound_last_has_the_network():
    model = Net()
    first = RandomMutator(model)
    second = FixedMutator(model, FIXED)
    with pytest.raises(BindError, match=r"a FixedMutator was bound to this network after this RandomMutator"):
        first.reset()
    second.reset()
    twin = copy.deepcopy(model)
    RandomMutator(twin).reset()
    second.reset()  # another network


def test_a_released_network():
    class Own(BaseMutator):
        def on_forward_layer_choice(self, mutable, *args, **fields):
            return args[0] * 0, torch.zeros(2)

        def on_forward_input_choice(self, mutable, tensor_list):
            return tensor_list[0] * 0, torch.zeros(3)

        def enter_mutable_scope(self, scope):
            raise AssertionError

    model = Net().eval()
    own = Own(model)
    with pytest.raises(BindError, match=r"runs the choice 'op'; .*Call `release\(\)`"):
        Own(model)
    with pytest.raises(BindError, match=r"a Own overrides how the choice 'op' runs.*`release\(\)`"):
        supernet(model)
    own.release()
    FixedMutator(model, FIXED)
    assert torch.equal(model(X), fix_choices(model)(X))
    released = RandomMutator(model)
    released.release()
    with pytest.raises(BindError, match="this RandomMutator released its network"):
        released.reset()


def test_super_networks_of_one_network_read_one_selection():
    model = Net().eval()
    first, second = supernet(model), supernet(model)
    a, *_, b = first.space.iterate()
    for net, decisions in [(first, a), (second, b), (first, b), (second, a)]:
        net.activate(decisions.values)
        assert torch.equal(net(X), net.materialize()(X))
