from __future__ import annotations

import json

import pytest

from pliant.algorithms import NSGA2, TPE, Algorithm, Auto
from pliant.testing.algorithms import SPACES, score
from pliant.values.errors import LoadError, RewardError


def ready(algorithm: Algorithm, name: str = "flat") -> Algorithm:
    algorithm.setup(SPACES[name](), seed=3)
    return algorithm


def several(decisions):
    return score(decisions), 1 - score(decisions) ** 2


def test_one_reward_is_searched_by_tpe():
    auto, tpe = ready(Auto()), ready(TPE())
    assert auto.explain() == "TPE: one objective is assumed until the first reward is recorded"
    for trial in range(60):
        decisions = auto.propose()
        assert decisions == tpe.propose()
        for algorithm in (auto, tpe):
            algorithm.feedback(decisions, None if trial < 3 else score(decisions))
    assert auto.explain() == "TPE: each reward is one number"


def test_several_objectives_are_searched_by_nsga2():
    auto, nsga2 = ready(Auto()), ready(NSGA2(20))
    first = [auto.propose() for _ in range(5)]
    auto.feedback(first[0], None)
    for decisions in first[1:]:
        auto.feedback(decisions, several(decisions))
        nsga2.feedback(decisions, several(decisions))
    assert auto.explain() == "NSGA2 with a population of 20: each reward has 2 objectives"
    for _ in range(60):
        decisions = auto.propose()
        assert decisions == nsga2.propose()
        for algorithm in (auto, nsga2):
            algorithm.feedback(decisions, several(decisions))


def test_a_tuple_of_one_number_is_that_number():
    auto = ready(Auto())
    auto.feedback(auto.propose(), (0.5,))
    auto.feedback(auto.propose(), 0.25)
    assert auto.explain() == "TPE: each reward is one number"


@pytest.mark.parametrize(("first", "second"), [(0.5, (0.5, 1.0)), ((0.5, 1.0), 0.5), ((0.5, 1.0), (1, 2, 3))])
def test_the_number_of_objectives_stays(first, second):
    auto = ready(Auto())
    auto.feedback(auto.propose(), first)
    with pytest.raises(RewardError, match=r"trial 2 .* same objectives"):
        auto.feedback(auto.propose(), second)
    auto.feedback(auto.propose(), first)


@pytest.mark.parametrize("objectives", [0, 1.5, "2", True])
def test_a_damaged_number_of_objectives_is_refused(objectives):
    auto = ready(Auto())
    state = auto.state()
    state["own"]["objectives"] = objectives
    with pytest.raises(LoadError, match=r"the number of objectives is .*, not an integer of at least 1"):
        auto.restore(json.loads(json.dumps(state)))
