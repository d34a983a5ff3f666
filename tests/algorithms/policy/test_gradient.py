"""Search by policy gradient: it learns, and handles rewards that are late, missing, strange or failures."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch

from pliant.algorithms import make
from pliant.algorithms.policy import (
    PPO,
    REINFORCE,
    Factorized,
    PolicyGradient,
    ProximalPolicy,
    Recurrent,
    Reinforce,
)
from pliant.space import choice, flatten, floating, integer
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError

FLAT = flatten([choice(f"x{i}", 4) for i in range(6)])


@pytest.fixture
def no_default_device_after():
    """Other packages ask for the default device, which fails in PyTorch 2.6 after one was set and removed."""
    yield
    if hasattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context"):
        del torch._GLOBAL_DEVICE_CONTEXT.device_context


def search(algorithm, space, reward, trials):
    """Runs a search, and returns the mean reward of its last tenth."""
    algorithm.setup(space)
    told = []
    for _ in range(trials):
        decisions = algorithm.propose()
        told.append(reward(decisions))
        algorithm.feedback(decisions, told[-1])
    last = told[-(trials // 10) :]
    return sum(one or 0.0 for one in last) / len(last)


def waiting(algorithm):
    return [log_probs for _, log_probs in algorithm.state()["own"]["pending"]]


def test_a_proposal_that_is_withdrawn_does_not_wait_for_a_reward():
    algorithm = PPO(seed=1)
    algorithm.setup(flatten([choice("x", 2)]))
    proposals = [algorithm.propose() for _ in range(10)]
    assert sum(map(len, waiting(algorithm))) == 10
    for one in proposals[1:]:
        algorithm.withdraw(one)
    assert len(waiting(algorithm)) == 1
    algorithm.withdraw(proposals[0])
    algorithm.withdraw(proposals[0])  # waits no more
    assert waiting(algorithm) == []


def test_a_withdrawn_proposal_leaves_the_probability_of_the_one_that_is_tried():
    """The ratio of PPO is that of the policy which proposed the trial, not of one that proposed the same before and was rejected."""
    algorithm = REINFORCE(seed=1, learning_rate=1.0)
    algorithm.setup(flatten([choice("x", 2)]))
    first = algorithm.propose()
    algorithm.withdraw(first)
    algorithm.feedback(algorithm.space.parse([1 - first.values[0]]), 1.0)
    algorithm.feedback(first, 0.0)  # the policy changes
    now = float(algorithm.policy.log_prob([first]).detach()[0])
    while algorithm.propose() != first:
        pass
    assert any(one == [pytest.approx(now)] for one in waiting(algorithm))


def agreement(decisions):
    """How many of the choices are 3; 1.5 on average at random, at most 6."""
    return float(sum(one == 3 for one in decisions))


@pytest.mark.parametrize("recipe", [PPO, REINFORCE])
def test_it_learns_choices(recipe):
    assert search(recipe(seed=1), FLAT, agreement, 240) > 4.0


@pytest.mark.parametrize("recipe", [PPO, REINFORCE])
def test_an_lstm_learns(recipe):
    assert search(recipe(policy="lstm", seed=1), FLAT, agreement, 240) > 3.0


def test_an_lstm_learns_what_independent_logits_cannot():
    """Equal pairs: 0.5 is the best in expectation for independent decisions that stay even."""
    space = flatten([choice("a", 2), choice("b", 2)])
    algorithm = PolicyGradient(
        ProximalPolicy(learning_rate=0.01, entropy=0.7), Recurrent(hidden=16, embedding=8), seed=1
    )
    search(algorithm, space, lambda d: float(d["a"] == d["b"]), 500)
    chances = algorithm.policy.log_prob(list(space.iterate())).detach().exp().tolist()
    assert chances[0] > 0.15
    assert chances[3] > 0.15
    assert chances[0] + chances[3] > 0.8


@pytest.mark.parametrize("recipe", [PPO, REINFORCE])
def test_it_learns_numbers(recipe):
    space = flatten([floating("lr", 1e-5, 1.0, scale="log"), integer("units", 1, 500)])

    def reward(decisions):
        return -abs(to_unit_of(space, decisions, 0) - 0.8) - abs(to_unit_of(space, decisions, 1) - 0.3)

    at_random = -0.34 - 0.29
    assert search(recipe(seed=1), space, reward, 240) > at_random / 2


def to_unit_of(space, decisions, index):
    from pliant.space import to_unit

    return to_unit(space.points[index], decisions.values[index])


@pytest.mark.parametrize("recipe", [PPO, REINFORCE])
def test_it_learns_conditional_choices_and_groups(recipe):
    space = flatten(
        [
            choice("op", [None, [choice("k", 4), integer("c", 1, 64, scale="log")], None]),
            choice("edges", 5, picks=2, sorted=True),
            choice("order", 4, picks=4),
        ]
    )

    def reward(decisions):
        good = (decisions["op"] == 1) + (decisions["op[=1/3].k"] == 2) + (decisions["edges[1]"] == 4)
        return float(good + (decisions["order[0]"] == 3) + (decisions["order[3]"] == 0))

    assert search(recipe(seed=1), space, reward, 240) > 2.8  # 1.3 at random


def test_failures_count_as_the_worst_reward():
    def reward(decisions):
        return None if decisions["x0"] != 2 else 1.0 + decisions["x1"] / 100

    algorithm = REINFORCE(seed=1)
    search(algorithm, FLAT, reward, 300)
    assert (
        sum(algorithm.propose()["x0"] == 2 for _ in range(20)) >= 10
    )  # 5 at random; all good rewards are near

    silent = REINFORCE(seed=1)
    search(silent, FLAT, lambda d: None, 30)
    assert silent.rule.optimizer.steps == 0


def test_rewards_told_late_keep_the_log_probability_of_their_draw():
    algorithm = PPO(batch_size=2, learning_rate=0.5, seed=1)
    algorithm.setup(FLAT)
    early = algorithm.propose()
    drawn = float(algorithm.policy.log_prob([early]).detach()[0])
    for _ in range(10):
        one = algorithm.propose()
        algorithm.feedback(one, agreement(one))
    assert abs(float(algorithm.policy.log_prob([early]).detach()[0]) - drawn) > 0.1  # the policy went on
    restored = PPO(batch_size=2, learning_rate=0.5, seed=1)
    restored.setup(FLAT)
    restored.restore(json.loads(json.dumps(algorithm.state())))
    for each in (algorithm, restored):
        each.feedback(early, 1.0)
        assert each.rule.waiting[-1].log_prob == pytest.approx(drawn)


def test_strangers_count_as_drawn_when_told():
    algorithm = PPO(batch_size=2, seed=1)
    algorithm.setup(FLAT)
    stranger = FLAT.sample(5)
    algorithm.feedback(stranger, 1.0)
    assert algorithm.rule.waiting[0].log_prob == float(algorithm.policy.log_prob([stranger]).detach()[0])


def test_equal_proposals_wait_each_for_itself():
    space = flatten([choice("x", 1)])
    algorithm = PPO(seed=1)
    algorithm.setup(space)
    for _ in range(3):
        one = algorithm.propose()
    assert len(algorithm._pending[one]) == 3
    for left in (2, 1):
        algorithm.feedback(one, 1.0)
        assert len(algorithm._pending[one]) == left
    algorithm.feedback(one, 1.0)
    assert not algorithm._pending
    algorithm.feedback(one, 1.0)


@pytest.mark.parametrize(
    "other", [REINFORCE(seed=1), PPO(policy="lstm", seed=1)], ids=["another rule", "another policy"]
)
def test_the_state_of_another_rule_or_policy_is_refused(other):
    algorithm = PPO(seed=1)
    algorithm.setup(FLAT)
    if other._space is None:
        other.setup(FLAT)
    with pytest.raises(
        LoadError, match=r"it belongs to a search by \['ProximalPolicy', 'Factorized'\], and this one is by"
    ):
        other.restore(algorithm.state())


@pytest.mark.parametrize("policy", ["factorized", "lstm"])
def test_settings_of_a_training_loop_around_do_not_matter(policy, no_default_device_after):
    """`meta` stands for a GPU: computing there by mistake would fail."""

    def run():
        algorithm = PPO(policy=policy, batch_size=4, seed=1)
        mean = search(algorithm, FLAT, agreement, 20)
        algorithm.feedback(FLAT.sample(3), 1.0)
        algorithm.restore(json.loads(json.dumps(algorithm.state())))
        return mean, algorithm.propose().values, algorithm.policy.mode().values

    expected = run()
    with torch.no_grad():
        assert run() == expected
    with torch.inference_mode():
        assert run() == expected
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float16)
    try:
        assert run() == expected
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)


def test_wide_spaces_do_not_grow_the_work():
    space = flatten([choice(f"x{i}", 50) for i in range(40)])
    assert search(PPO(seed=0), space, lambda d: float(sum(d)), 64) > 0


def test_recipes_by_name():
    assert isinstance(make("ppo", policy="lstm", seed=3).policy, Recurrent)
    assert isinstance(make("reinforce", entropy=0.1).rule, Reinforce)
    assert make("ppo", seed=3).seed == 3


@pytest.mark.parametrize("recipe", [PPO, REINFORCE])
def test_unknown_policies(recipe):
    with pytest.raises(
        FieldValueError, match=r"unknown policy 'factorised'; did you mean 'factorized'.* Known: .*lstm"
    ):
        recipe(policy="factorised")
    with pytest.raises(
        FieldTypeError, match=r"policy=...\) takes one of .*, or a policy such as `Factorized\(\)`; got 3"
    ):
        recipe(policy=3)


def test_parts_of_the_wrong_kind():
    with pytest.raises(
        FieldTypeError, match=r"PolicyGradient\(rule=...\) takes the update rule.* Write `Reinforce\(...\)`"
    ):
        PolicyGradient(Reinforce, Factorized())
    with pytest.raises(
        FieldTypeError, match=r"PolicyGradient\(policy=...\) takes the policy.*; got 'lstm' of type str"
    ):
        PolicyGradient(Reinforce(), "lstm")


def test_without_torch_the_error_names_the_extra():
    code = "import sys; sys.modules['torch'] = None\nfrom pliant.algorithms import generators\ngenerators.PPO"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingLibraryError: search by policy gradient" in done.stderr
    assert 'pip install "pliant[torch]"' in done.stderr


def test_a_recipe_names_itself_in_errors_about_its_options():
    with pytest.raises(
        FieldValueError, match=r"^ProximalPolicy\(batch_size=...\) takes an integer of at least 2; got 0"
    ):
        PPO(batch_size=0)
    with pytest.raises(FieldTypeError, match=r"^Reinforce\(scaled=...\) takes True or False; got 1"):
        REINFORCE(scaled=1)


def test_rules_and_policies_show_their_options():
    shown = "Reinforce(batch_size=1, learning_rate=0.2, entropy=0.1, baseline_decay=0.9, scaled=True, discount=1.0)"
    assert repr(Reinforce(learning_rate=0.2)) == shown
    assert repr(Recurrent(hidden=8)) == "Recurrent(hidden=8, embedding=32)"
    assert repr(PPO(clip=0.1).rule).startswith(
        "ProximalPolicy(batch_size=8, epochs=4, minibatches=1, clip=0.1, "
    )
    assert repr(Factorized()) == "Factorized()"


def test_after_the_default_device_was_set_and_removed(no_default_device_after):
    """PyTorch 2.6 cannot tell the default device then."""
    torch.set_default_device("meta")
    torch.set_default_device(None)
    assert search(PPO(batch_size=4, seed=1), FLAT, agreement, 8) >= 0
