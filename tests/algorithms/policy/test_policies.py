"""Laws of policies: a distribution over the whole space, the same when drawn from and when evaluated."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pliant.algorithms.policy import Factorized, Recurrent
from pliant.space import choice, flatten, integer
from pliant.testing.algorithms import SPACES
from pliant.values.errors import FieldTypeError, FieldValueError

COUNTABLE = {
    **{name: SPACES[name] for name in ("one", "empty", "two", "small", "permutation", "repeated")},
    "sorted": lambda: flatten([choice("e", 5, picks=3, sorted=True), choice("x", 2)]),
    "free": lambda: flatten([choice("e", [None, choice("y", 2)], picks=3, distinct=False)]),
    "ints": lambda: flatten([integer("n", 1, 40, scale="log"), choice("x", [None, integer("m", 0, 19)])]),
    "nested": lambda: flatten(
        [choice("a", [None, choice("b", 4, picks=2, sorted=True), choice("c", [None, choice("d", 3)])])]
    ),
    "deep group": lambda: flatten([choice("a", [None, choice("b", [None, choice("c", 2), None], picks=2)])]),
}
"""Small spaces without floats, of every kind."""

POLICIES = {"factorized": Factorized, "lstm": lambda: Recurrent(hidden=6, embedding=4)}


def ready(space, policy="factorized", seed=0, spread=0.8):
    """A policy with random weights: whatever training may lead to."""
    made = POLICIES[policy]()
    made.setup(space, Random(seed))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in made.parameters.values():
            weight.copy_(spread * torch.randn(weight.shape, dtype=torch.float64, generator=generator))
    made.refresh()
    return made


both = pytest.mark.parametrize("kind", POLICIES)


@both
@pytest.mark.parametrize("name", COUNTABLE)
def test_probabilities_of_all_decisions_sum_to_one(name, kind):
    space = COUNTABLE[name]()
    log_probs = ready(space, kind).log_prob(list(space.iterate())).detach()
    assert float(log_probs.exp().sum()) == pytest.approx(1.0, abs=1e-12)


@both
@pytest.mark.parametrize("name", COUNTABLE)
def test_the_mean_entropy_is_the_entropy(name, kind):
    space = COUNTABLE[name]()
    policy = ready(space, kind)
    if name == "ints":  # the entropy of wide integers is that of their unit
        return
    log_probs, entropies = (one.detach() for one in policy.evaluate(policy.encode(list(space.iterate()))))
    chances = log_probs.exp()
    true = -(chances * log_probs).sum()
    assert float((chances * entropies).sum()) == pytest.approx(float(true), abs=1e-9)
    if kind == "factorized" and name not in ("permutation", "deep group"):  # exact, whatever was drawn
        torch.testing.assert_close(entropies, true.expand(len(entropies)), atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", ["small", "sorted", "free", "repeated", "nested"])
def test_the_gradient_of_an_exact_entropy_is_exact(name):
    space = COUNTABLE[name]()
    policy = ready(space)
    batch = policy.encode(list(space.iterate()))
    weights = policy.parameters["logits"]
    log_probs, entropies = policy.evaluate(batch)
    (ours,) = torch.autograd.grad(entropies[0], weights, retain_graph=True)
    (true,) = torch.autograd.grad(-(log_probs.exp() * log_probs).sum(), weights)
    torch.testing.assert_close(ours, true, atol=1e-9, rtol=0)


@both
@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(sorted(SPACES)), seed=st.integers(0, 10**6), spread=st.sampled_from([0.3, 1.0, 8.0])
)
def test_a_sample_is_valid_and_has_the_log_probability_that_is_said(kind, name, seed, spread):
    space = SPACES[name]()
    policy = ready(space, kind, seed, spread)
    drawn = [policy.sample(Random(seed + i)) for i in range(4)]
    for decisions, _ in drawn:
        assert space.validate(decisions.values) == decisions
    said = torch.tensor([log_prob for _, log_prob in drawn], dtype=torch.float64)
    found = policy.log_prob([decisions for decisions, _ in drawn])
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found.detach(), said, atol=1e-5, rtol=1e-6)


@both
@pytest.mark.parametrize("name", ["small", "repeated", "sorted", "deep group"])
def test_samples_are_as_frequent_as_they_are_probable(name, kind):
    space, random, trials = COUNTABLE[name](), Random(1), 4000
    policy = ready(space, kind)
    counts = Counter(policy.sample(random)[0] for _ in range(trials))
    everything = list(space.iterate())
    squares = 0.0
    for decisions, chance in zip(everything, policy.log_prob(everything).exp().tolist()):
        squares += (counts[decisions] - trials * chance) ** 2 / (trials * chance)
    freedom = len(everything) - 1
    assert squares < freedom + 5 * math.sqrt(2 * freedom)  # chi-squared: mean k, variance 2 k


@both
def test_a_new_policy_is_the_distribution_of_the_space(kind):
    space = COUNTABLE["ints"]()
    policy = POLICIES[kind]()
    policy.setup(space, Random(3))
    chances = policy.log_prob([space.parse([n, 0]) for n in (1, 7, 40)]).exp() * 2
    expected = [
        math.log((n + 1) / n) / math.log(41) for n in (1, 7, 40)
    ]  # log scale: the length of [n, n + 1)
    assert chances.tolist() == pytest.approx(expected)


@both
def test_wide_logits_and_underflow_still_give_valid_samples(kind):
    space = flatten([choice("p", 6, picks=6)])
    policy = ready(space, kind, spread=4000.0)
    assert all(sorted(policy.sample(Random(i))[0].values) == list(range(6)) for i in range(50))


@both
@pytest.mark.parametrize("name", ["small", "repeated", "permutation", "nested"])
def test_the_mode_is_greedy_and_valid(name, kind):
    space = COUNTABLE[name]()
    policy = ready(space, kind, spread=30.0)
    mode = policy.mode()
    assert space.validate(mode.values) == mode
    assert float(policy.log_prob([mode])[0].exp().detach()) > 1 / space.size


def test_inactive_points_get_no_gradient():
    space = COUNTABLE["small"]()
    policy = ready(space)
    (gradient,) = torch.autograd.grad(
        policy.log_prob([space.parse([0, 1])])[0], [policy.parameters["logits"]]
    )
    assert [bool(row.any()) for row in gradient] == [True, False, True]


def test_an_lstm_sees_what_was_decided_before():
    space = flatten([choice("a", 2), choice("b", 2)])
    policy = ready(space, "lstm")
    p = policy.log_prob([space.parse([a, b]) for a in (0, 1) for b in (0, 1)]).exp().tolist()
    assert p[0] / (p[0] + p[1]) != pytest.approx(p[2] / (p[2] + p[3]), abs=1e-3)


@both
def test_a_state_is_exact(kind):
    policy, other = ready(SPACES["conditional"](), kind, 1), ready(SPACES["conditional"](), kind, 2)
    other.restore(policy.state())
    assert [policy.sample(Random(i)) for i in range(9)] == [other.sample(Random(i)) for i in range(9)]
    with pytest.raises(ValueError, match=r"\d+ weights were stored where this policy has \d+"):
        other.restore(ready(SPACES["two"](), kind).state())
    broken = dict.fromkeys(policy.state(), "AAAAAAAA+H8=" * 1)
    two = ready(flatten([choice("x", 1)]), "factorized")
    with pytest.raises(ValueError, match="not finite"):
        two.restore({"logits": broken[next(iter(broken))]})


def test_no_global_generator_of_torch_is_used():
    before = torch.random.get_rng_state()
    ready(SPACES["conditional"](), "lstm").sample(Random(0))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("name", ["hidden", "embedding"])
def test_bad_widths(name):
    with pytest.raises(
        FieldValueError, match=rf"Recurrent\({name}=...\) takes an integer of at least 1; got 0"
    ):
        Recurrent(**{name: 0})
    with pytest.raises(FieldTypeError, match=rf"Recurrent\({name}=...\) takes .*; got '64' of type str"):
        Recurrent(**{name: "64"})
