"""How choices run: mixtures, checkpoints, gates."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from pliant.oneshot import BindError, LayerChoice
from pliant.oneshot.choices.evaluation import keep_buffers
from pliant.oneshot.gradient import DARTS, SNAS
from pliant.oneshot.gradient.runners import Gates, Mixture

X = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)).double()


def make(candidates, runner, weights):
    choice = LayerChoice(candidates, key="op").double()
    choice.handler = runner
    choice.selection.weights["op"] = weights
    return choice


def leaf(*numbers):
    return torch.tensor(numbers, dtype=torch.float64).requires_grad_()


def test_a_mixture_is_the_weighted_sum_of_all(tiny):
    weights = leaf(0.1, 0.2, 0.3, 0.4)
    choice = make(tiny.candidates(), Mixture(), weights)
    expected = sum(w * module(X) for w, module in zip(weights, choice))
    torch.testing.assert_close(choice(X), expected)
    slope = torch.autograd.grad(choice(X).pow(2).sum(), weights)[0]
    torch.testing.assert_close(slope, torch.autograd.grad(expected.pow(2).sum(), weights)[0])
    assert slope[0] == 0.0  # that of the zero, which did not run: a number, not None


def test_a_mixture_without_gradients_is_the_same(tiny):
    weights = leaf(0.1, 0.2, 0.3, 0.4)
    choice = make(tiny.candidates(), Mixture(), weights)
    x = X.clone().requires_grad_()
    with_graph = choice(x)
    choice.selection.weights["op"] = weights.detach()
    without = choice(x)
    torch.testing.assert_close(without, with_graph)
    inner = list(choice.parameters())
    for a, b in zip(
        torch.autograd.grad(with_graph.pow(2).sum(), [x, *inner]),
        torch.autograd.grad(without.pow(2).sum(), [x, *inner]),
    ):
        torch.testing.assert_close(a, b)


def test_an_identity_first_does_not_change_its_input():
    choice = make([nn.Identity(), nn.ReLU()], Mixture(), torch.tensor([0.5, 0.5], dtype=torch.float64))
    x = X.clone()
    choice(x)
    assert torch.equal(x, X)
    choice.selection.weights["op"] = torch.tensor([1.0, 0.0], dtype=torch.float64)
    assert choice(x) is x


def test_weights_of_zero_do_not_run(tiny):
    counted = [tiny.Count(nn.Identity()) for _ in range(3)]
    choice = make(counted, Mixture(), leaf(0.0, 1.0, 0.0))
    choice(X)
    assert [module.runs for module in counted] == [0, 1, 0]


def test_without_weights_it_runs_what_is_selected(tiny):
    net = tiny.net(("a", "b"), lambda: [nn.Linear(4, 4), nn.Identity()])
    x = torch.randn(3, 3).double()
    expected = net(x)
    DARTS().bind(net)
    assert not torch.allclose(net(x), expected)
    net.activate([0, 0])
    torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize("runner", [Mixture(), Gates()], ids=["mixture", "gates"])
@pytest.mark.parametrize("width", [5, 1])
def test_shapes_that_differ_are_named(runner, width):
    choice = make([nn.Linear(4, 4), nn.Linear(4, width)], runner, leaf(1.0, 0.0))
    if isinstance(runner, Mixture):
        choice.selection.weights["op"] = leaf(0.5, 0.5)
    with pytest.raises(ValueError, match=rf"'op' return different shapes, .*5, {width}\)"):
        choice(X).sum().backward()


def test_only_tensors_are_mixed_through_gates():
    choice = make({"rnn": nn.LSTM(4, 4), "id": nn.Identity()}, Gates(), leaf(1.0, 0.0))
    with pytest.raises(TypeError, match="candidate 'rnn' of the choice 'op' returns a tuple"):
        choice(X)


def test_tuples_are_mixed_tensor_by_tensor():
    candidates = {"lstm": nn.LSTM(4, 4).double(), "other": nn.LSTM(4, 4).double()}
    weights = leaf(0.25, 0.75)
    choice = make(candidates, Mixture(), weights)
    (output, (hidden, _)), (first, second) = choice(X), (lstm(X) for lstm in candidates.values())
    torch.testing.assert_close(output, 0.25 * first[0] + 0.75 * second[0])
    torch.testing.assert_close(hidden, 0.25 * first[1][0] + 0.75 * second[1][0])
    (slope,) = torch.autograd.grad(output.sum() + hidden.sum(), weights)
    torch.testing.assert_close(slope[1], second[0].sum() + second[1][0].sum())


@pytest.mark.parametrize("names", [("lstm", "id"), ("id", "lstm")])
def test_outputs_of_different_structure_are_named(names):
    candidates = {"lstm": nn.LSTM(4, 4).double(), "id": nn.Identity()}
    choice = make({name: candidates[name] for name in names}, Mixture(), leaf(0.5, 0.5))
    message = {
        "lstm": r"'lstm' and 'id' of the choice 'op' cannot be mixed: their numbers of outputs differ: 1 \(Tensor\) and 3 \(tuple\)",
        "id": "candidate 'lstm' of the choice 'op' returns a tuple; only tensors can be mixed",
    }
    with pytest.raises(TypeError, match=message[names[0]]):
        choice(X)


def test_a_checkpoint_changes_no_number(tiny):
    def candidates():
        return [
            nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.3)),
            nn.Identity(),
            tiny.Zero(),
        ]

    found = []
    for checkpoint in (False, True):
        net = tiny.net(("a", "b"), candidates)
        sampler = DARTS(checkpoint=checkpoint)
        sampler.bind(net)
        torch.manual_seed(1)
        tiny.train(sampler, net, 3)
        found.append({**net.state_dict(), **sampler.architecture.parameters})
    for name, tensor in found[0].items():
        assert torch.equal(tensor, found[1][name]), name


def test_a_checkpoint_keeps_less(tiny):
    def kept(checkpoint):
        net = tiny.net(("a",), lambda: [nn.Sequential(*(nn.Tanh() for _ in range(20))), nn.Identity()])
        DARTS(checkpoint=checkpoint).bind(net)
        seen = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t.numel()) or t, lambda t: t):
            net(torch.ones(7, 3).double())
        return sum(seen)

    assert kept(True) < kept(False) / 3


def test_gates_get_the_products_of_outputs_and_gradient():
    weights = leaf(0.0, 1.0, 0.0)
    choice = make([nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU()], Gates(), weights)
    x = X.clone().requires_grad_()
    target = torch.randn(5, 4).double()
    loss = (choice(x) * target).pow(2).sum()
    slope, by_x = torch.autograd.grad(loss, [weights, x])
    out = choice[1](x)
    expected = sum(w * module(x) for w, module in zip(weights, choice))
    torch.testing.assert_close(slope, torch.autograd.grad((expected * target).pow(2).sum(), weights)[0])
    torch.testing.assert_close(by_x, torch.autograd.grad((out * target).pow(2).sum(), x)[0])


def test_gates_run_closed_candidates_on_the_way_back_only(tiny):
    counted = [tiny.Count(nn.Linear(4, 4)) for _ in range(3)]
    runner = Gates()
    choice = make(counted, runner, leaf(0.0, 1.0, 0.0))
    out = choice(X)
    assert [module.runs for module in counted] == [0, 1, 0]
    out.sum().backward()
    assert [module.runs for module in counted] == [1, 1, 1]
    runner.considered["op"] = (1, 2)
    choice(X).sum().backward()
    assert [module.runs for module in counted] == [1, 2, 2]
    with torch.no_grad():
        choice(X)
    assert [module.runs for module in counted] == [1, 3, 2]


def test_closed_gates_of_zeros_need_not_run(tiny):
    zero = tiny.Count(nn.Identity())
    zero.is_zero = True
    gates = leaf(1.0, 0.0)
    choice = make([nn.Linear(4, 4), zero], Gates(), gates)
    choice(X).sum().backward()
    assert zero.runs == 0
    assert gates.grad[1] == 0.0
    assert gates.grad[0] != 0.0


def test_gates_under_autocast():
    choice = LayerChoice([nn.Linear(4, 4), nn.Linear(4, 4)], key="op")
    choice.handler = Gates()
    gates = torch.tensor([1.0, 0.0]).requires_grad_()
    choice.selection.weights["op"] = gates
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = choice(X.float())
    assert out.dtype is torch.bfloat16
    seen = []
    choice[1].register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    out.float().sum().backward()  # outside of autocast, and still
    assert seen == [torch.bfloat16]
    assert gates.grad[1].item() == pytest.approx(choice[1](X.float()).sum().item(), rel=0.05)


def test_buffers_are_kept():
    norm = nn.BatchNorm1d(4).double()
    with keep_buffers(norm):
        norm(X)
        assert norm.num_batches_tracked == 1
    assert norm.num_batches_tracked == 0
    assert norm.running_mean.abs().sum() == 0


@pytest.mark.parametrize("kind", [DARTS, SNAS])
def test_the_network_can_be_copied_between_steps(tiny, kind):
    net = tiny.net()
    sampler = kind()
    sampler.bind(net)
    tiny.train(sampler, net, 2)
    x = torch.ones(3, 3).double()
    expected = net(x)
    torch.testing.assert_close(copy.deepcopy(net)(x), expected)
    choice = net.network.choices[0]
    again = pickle.loads(pickle.dumps(choice.handler))
    assert isinstance(again, Mixture)


def test_a_choice_that_another_runs_is_refused(tiny):
    net = tiny.net()
    net.network.choices[1].handler = lambda choice, x: (x, None)
    with pytest.raises(BindError, match=r"the choice 'b' already has the handler <function"):
        DARTS().bind(net)


def test_another_gradient_algorithm_takes_over(tiny):
    net = tiny.net()
    for kind in (DARTS, SNAS):
        sampler = kind()
        sampler.bind(net)
        tiny.train(sampler, net, 1)
