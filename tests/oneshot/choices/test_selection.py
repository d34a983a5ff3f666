"""Threads that use one super-network: what they compute is right, or refused."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest
import torch
from torch import nn

import pliant as pg
from pliant.oneshot import DARTS, InputChoice, LayerChoice, MultiplyAdds, RandomMutator, supernet
from pliant.oneshot.choices.selection import Selection, ThreadError

Linear, Sequential, ReLU, Tanh = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh))


def make_net():
    torch.manual_seed(0)
    width = pg.oneof([4, 8], name="width")
    return supernet(
        Sequential(Linear(2, width), pg.oneof([ReLU(), Tanh()]), Linear(width, 3)), example=torch.ones(1, 2)
    )


def in_thread(function):
    """Runs a function in another thread; returns its result or its error."""
    found = []

    def run():
        try:
            found.append(function())
        except Exception as error:  # noqa: BLE001 - it is handed to the test
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    (result,) = found
    return result


def test_a_selection_of_another_thread_is_not_run():
    net, x = make_net(), torch.ones(1, 2)
    net.activate([0, 0])
    assert not isinstance(in_thread(lambda: net.activate([1, 1])), Exception)
    with pytest.raises(ThreadError, match=r"another thread has selected .*copy.deepcopy\(net\).*one lock"):
        net(x)
    net.activate([0, 0])
    net(x)
    assert isinstance(
        in_thread(lambda: net(x)), torch.Tensor
    )  # it runs what is selected, and selects nothing


class Written(nn.Module):
    """A network with choices of its own, which a mutator decides and nothing wraps."""

    def __init__(self):
        super().__init__()
        self.layer = LayerChoice([nn.ReLU(), nn.Tanh()], key="layer")
        self.pick = InputChoice(2, 1, key="pick")

    def forward(self, x):
        y = self.layer(x)
        return self.pick([y, -y])


def test_the_network_of_a_mutator_is_refused_too():
    net, x = Written(), torch.ones(1, 2)
    mutator = RandomMutator(net, seed=0)
    mutator.reset()
    net(x)
    in_thread(mutator.reset)
    for call in (net, net.layer, lambda x: net.pick([x, x])):
        with pytest.raises(ThreadError, match=r"or `reset` of a mutator"):
            call(x)
    mutator.reset()
    assert isinstance(in_thread(lambda: net(x)), torch.Tensor)
    other = copy.deepcopy(net)
    in_thread(RandomMutator(other, seed=0).reset)
    assert net(x).shape == (1, 2)


def test_two_super_networks_of_one_network_have_one_selection():
    net, x = Written(), torch.ones(1, 2)
    one, other = supernet(net), supernet(net)
    one.activate([0, 0])
    assert other.decisions == one.decisions
    in_thread(lambda: other.activate([1, 1]))
    with pytest.raises(ThreadError, match="another thread has selected"):
        one(x)


def test_the_inner_network_is_refused_too():
    net, x = make_net(), torch.ones(1, 2)
    net.activate([0, 0])
    in_thread(lambda: net.activate([1, 1]))
    with pytest.raises(ThreadError, match="another thread has selected"):
        net.network(x)


def test_mixtures_count_as_selections():
    net, x = make_net(), torch.ones(1, 2)
    net.activate([0, 0])
    assert not isinstance(in_thread(lambda: DARTS().bind(net)), Exception)
    with pytest.raises(ThreadError, match="another thread has selected"):
        net(x)


@pytest.mark.parametrize(
    "look",
    [
        lambda net: net.materialize([1, 1]),
        lambda net: net.inherited([1, 1]),
        lambda net: MultiplyAdds(net, torch.ones(1, 2))([1, 1]),
    ],
    ids=["materialize", "inherited", "cost"],
)
def test_what_puts_the_selection_back_disturbs_no_other_thread(look):
    net, x = make_net().eval(), torch.ones(1, 2)
    net.activate([0, 1])
    before = net(x)
    assert not isinstance(in_thread(lambda: look(net)), Exception)
    assert torch.equal(net(x), before)


def test_many_threads_are_right_or_refused():
    net = make_net().eval()
    x = torch.ones(1, 2)
    wanted = {values: net.materialize(values)(x) for values in [(0, 0), (0, 1), (1, 0), (1, 1)]}
    wrong, right = [], []

    def run(values):
        for _ in range(100):
            net.activate(values)
            try:
                found = net(x)
            except ThreadError:
                continue
            (right if torch.allclose(found, wanted[values]) else wrong).append(values)

    threads = [threading.Thread(target=run, args=(values,)) for values in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not wrong
    assert right


def test_a_lock_of_the_user_is_enough():
    net, lock, x = make_net().eval(), threading.Lock(), torch.ones(1, 2)
    wanted = {values: net.materialize(values)(x) for values in [(0, 0), (1, 1)]}

    def run(values):
        for _ in range(50):
            with lock:
                net.activate(values)
                assert torch.allclose(net(x), wanted[values])

    threads = [threading.Thread(target=run, args=(values,)) for values in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)


def test_copies_have_turns_of_their_own():
    net, x = make_net(), torch.ones(1, 2)
    net.activate([0, 0])
    twin = copy.deepcopy(net)
    in_thread(lambda: twin.activate([1, 1]))
    assert net(x) is not None
    found = pickle.loads(pickle.dumps(net.selection))
    assert isinstance(found, Selection)
    assert found.values == net.selection.values
