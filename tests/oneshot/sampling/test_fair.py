"""FairNAS: each candidate is trained exactly once in a step, and the orders are random, restored, and valid."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from pliant.oneshot import FairNAS, InputChoice, RunningStatistics, ValueChoice, supernet
from pliant.values.errors import FieldValueError, UnknownFieldError


def quick(**options):
    return FairNAS(**{"evaluations": 4, "batches": 1, "normalization": RunningStatistics(), **options})


def draw_step(sampler, net):
    found = []
    for _ in range(sampler.networks_per_step):
        sampler.before_weights(None)
        found.append(net.decisions)
    return found


@given(counts=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_each_candidate_of_the_longest_choices_is_in_one_network_of_a_step(counts, seed):
    from .conftest import make_choices

    net = make_choices(counts)
    sampler = quick()
    sampler.bind(net, seed=seed)
    assert sampler.networks_per_step == max(counts)
    for _ in range(3):
        found = draw_step(sampler, net)
        for at, count in enumerate(counts):
            times = Counter(d.to_dict()[f"c{at}"] for d in found)
            assert set(times) == set(range(count))
            assert max(times.values()) - min(times.values()) <= 1


def test_orders_are_drawn_anew_for_each_step_and_all_networks_occur(tiny):
    net, sampler = tiny.choices((3, 3)), quick()
    sampler.bind(net)
    seen = Counter(d.values for _ in range(600) for d in draw_step(sampler, net))
    assert len(seen) == 9
    assert sum((found - 200) ** 2 / 200 for found in seen.values()) < 26.1


def test_conditional_decisions_and_inputs_chosen_together(tiny):
    net, sampler = tiny.net(tiny.conditional()), quick()
    sampler.bind(net)
    assert len({d.values for _ in range(40) for d in draw_step(sampler, net)}) == 6

    class Join(nn.Module):
        def __init__(self):
            super().__init__()
            self.pick, self.scale = InputChoice(4, 2, key="in"), ValueChoice([1.0, 2.0], key="s")
            self.layer = nn.Linear(3, 2)

        def forward(self, x):
            return self.layer(self.pick([x, 2 * x, 3 * x, 4 * x])) * self.scale()

    net, sampler = supernet(Join()).double(), quick()
    sampler.bind(net)
    pairs = {d.values[:2] for _ in range(200) for d in draw_step(sampler, net)}
    assert all(first < second for first, second in pairs)
    assert len(pairs) == 6


def test_state_in_the_middle_of_a_step_is_restored(tiny):
    net, sampler = tiny.choices((4, 3)), quick()
    sampler.bind(net, seed=5)
    for _ in range(6):
        sampler.before_weights(None)
    state = sampler.state()
    expected = [draw_step(sampler, net) for _ in range(3)]
    again = quick()
    again.bind(net, seed=9)
    again.restore(state)
    assert [draw_step(again, net) for _ in range(3)] == expected


def test_gradients_of_a_step_are_the_mean_of_those_of_its_networks(tiny, monkeypatch):
    net, sampler, used = tiny.net(), quick(), []
    session = tiny.session(net, sampler)
    begin = sampler.before_weights
    monkeypatch.setattr(sampler, "before_weights", lambda step: (begin(step), used.append(net.decisions)))
    batch = tiny.batches(1)[0]
    session.begin(batch)
    net.zero_grad()
    session.backward()
    assert len(set(used)) == 3
    twin = tiny.net()
    for decisions in used:
        twin.activate(decisions)
        (nn.functional.cross_entropy(twin(batch[0]), batch[1]) / 3).backward()
    for one, other in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_bad_options_are_refused():
    with pytest.raises(UnknownFieldError, match="did you mean 'evaluations'"):
        FairNAS(evaluation=3)
    with pytest.raises(FieldValueError, match=r"FairNAS\(evaluations=\.\.\.\)"):
        FairNAS(evaluations=0)
