from __future__ import annotations

import json

import pytest

from pliant.algorithms import TPE, Algorithm, Auto, Bayesian, Deduplicate, RegularizedEvolution
from pliant.algorithms.choosing import LONG, VERY_LONG, Facts, choose, predict_seconds
from pliant.space import choice, flatten
from pliant.testing.algorithms import SPACES, score
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, RewardError


def ready(algorithm: Algorithm, name: str = "flat") -> Algorithm:
    algorithm.setup(SPACES[name](), seed=3)
    return algorithm


def several(decisions):
    return score(decisions), 1 - score(decisions) ** 2


def test_one_reward_is_searched_by_bayesian():
    auto, bayesian = ready(Auto()), ready(Bayesian())
    assert (
        auto.explain()
        == "Bayesian: one objective is assumed until the first reward, and fewer than 500 trials"
    )
    for trial in range(30):
        decisions = auto.propose()
        assert decisions == bayesian.propose()
        for algorithm in (auto, bayesian):
            algorithm.feedback(decisions, None if trial < 3 else score(decisions))
    assert auto.explain() == "Bayesian: one objective, and fewer than 500 trials"


@pytest.mark.parametrize(
    ("seconds", "other", "said"),
    [
        (None, Bayesian, "Bayesian: 2 objectives, and fewer than 500 trials"),
        (0.1, TPE, "TPE: 2 objectives, and 2 % of a trial of 0.1 s is less than a proposal of Bayesian"),
    ],
)
def test_several_objectives_are_searched_by_the_same_algorithms(seconds, other, said):
    auto, alone = ready(Auto(trial_seconds=seconds)), ready(other())
    for trial in range(16):
        decisions = auto.propose()
        assert decisions == alone.propose()
        for algorithm in (auto, alone):
            algorithm.feedback(decisions, None if trial < 3 else several(decisions))
    assert auto.explain().startswith(said)


def test_a_long_history_of_several_objectives_is_searched_by_nsga2_from_its_best():
    auto, space = ready(Auto()), SPACES["flat"]()
    for seed in range(VERY_LONG):
        decisions = space.sample(seed)
        auto.feedback(decisions, (float(sum(decisions.values)), -float(decisions.values[0])))
    found = [auto.propose() for _ in range(20)]
    assert auto.explain() == f"NSGA2: 2 objectives, and at least {VERY_LONG} trials"
    assert sum(sum(decisions.values) for decisions in found) / 20 > 33  # the mean of the space is 26


def test_short_trials_are_searched_by_tpe_which_knows_the_earlier_ones():
    auto, tpe = ready(Auto(trial_seconds=0.1)), ready(TPE())
    for _ in range(30):
        decisions = auto.propose()
        assert decisions == tpe.propose()
        for algorithm in (auto, tpe):
            algorithm.feedback(decisions, score(decisions))
    assert (
        "TPE: one objective, and 2 % of a trial of 0.1 s is less than a proposal of Bayesian"
        in auto.explain()
    )


def test_times_do_not_count_where_the_search_has_a_seed():
    quick, slow = ready(Auto()), ready(Auto())
    for _ in range(12):
        decisions = quick.propose()
        assert decisions == slow.propose()
        for auto, seconds in ((quick, 0.01), (slow, 60.0)):
            auto.note_time(seconds)
            auto.feedback(decisions, score(decisions))
    assert quick.explain() == slow.explain() == "Bayesian: one objective, and fewer than 500 trials"
    assert quick.state() == slow.state()


def test_times_that_are_noted_count_like_given_ones():
    auto = Auto()
    auto.setup(SPACES["flat"]())
    for seconds in (0.1, 60.0, 0.1, 60.0, 60.0):
        auto.note_time(seconds)
        auto.feedback(auto.propose(), 0.5)
    auto.propose()
    assert auto.explain().startswith(
        "Bayesian: one objective, and a trial takes 60 s, more than 50 times the"
    )
    for _ in range(6):
        auto.note_time(0.01)
    auto.propose()
    assert auto.explain().startswith("TPE: one objective, and 2 % of a trial of 0.01 s is less than")
    for _ in range(20):
        auto.note_time(60.0)
    auto.propose()
    assert auto.explain().startswith("TPE")  # a search does not change back


def test_a_long_history_is_searched_by_evolution_from_its_best():
    auto = ready(Auto())
    for seed in range(VERY_LONG):
        decisions = auto.space.sample(seed)
        auto.feedback(decisions, float(sum(decisions.values)))
    again = json.loads(json.dumps(auto.state()))
    found = [auto.propose() for _ in range(20)]
    assert auto.explain() == f"RegularizedEvolution: one objective, and at least {VERY_LONG} trials"
    assert sum(sum(decisions.values) for decisions in found) / 20 > 33  # the mean of the space is 26
    twin = ready(Auto())
    twin.restore(again)
    assert [twin.propose() for _ in range(20)] == found


def test_a_change_is_restored_exactly():
    first, second = ready(Auto(trial_seconds=0.7)), ready(Auto(trial_seconds=1.0))
    changed = set()
    for _ in range(80):
        twin = ready(Auto(trial_seconds=0.7))
        twin.restore(json.loads(json.dumps(second.state())))
        second = twin
        decisions = first.propose()
        assert second.propose() == decisions
        assert first.explain() == second.explain()
        changed.add(first.explain().partition(":")[0])
        for algorithm in (first, second):
            algorithm.feedback(decisions, score(decisions))
    assert changed == {"Bayesian", "TPE"}


def test_a_finite_space_is_repeated_when_all_of_it_was_proposed():
    auto = Auto()
    auto.setup(flatten([choice("x", 3), choice("y", 4)]))
    found = []
    for _ in range(30):
        decisions = auto.propose()
        auto.feedback(decisions, float(sum(decisions.values)))
        found.append(decisions)
    assert len(set(found[:12])) == 12
    assert (
        auto.explain() == "TPE: one objective, and all of the space was proposed, so decisions are repeated"
    )


@pytest.mark.parametrize(
    ("facts", "method"),
    [
        (Facts(), "Bayesian"),
        (Facts(told=LONG - 1, objectives=1), "Bayesian"),
        (Facts(told=LONG, objectives=1), "TPE"),
        (Facts(told=LONG, objectives=1, seconds=3600.0), "TPE"),
        (Facts(told=VERY_LONG, objectives=1), "RegularizedEvolution"),
        (Facts(told=VERY_LONG, objectives=1, is_exhausted=True), "TPE"),
        (Facts(told=10, objectives=1, seconds=1e-5), "TPE"),
        (Facts(told=10, objectives=1, seconds=10.0), "Bayesian"),
        (Facts(told=10, pending=64, objectives=1, seconds=10.0), "TPE"),
        (Facts(told=10, pending=64, objectives=1, seconds=1000.0), "Bayesian"),
        (Facts(told=10, objectives=3, seconds=10.0), "Bayesian"),
        (Facts(told=10, objectives=3, seconds=1.0), "TPE"),
        (Facts(told=LONG, objectives=2), "TPE"),
        (Facts(told=VERY_LONG, objectives=2), "NSGA2"),
    ],
)
def test_choices_by_facts(facts, method):
    assert choose(facts)[0] == method


def test_bayesian_is_chosen_only_where_it_takes_at_most_2_percent_of_the_time():
    for told in range(0, LONG, 7):
        for pending in (0, 1, 5, 64):
            for seconds in (0.01, 0.5, 1.0, 3.0, 30.0, 400.0):
                method, why = choose(Facts(told=told, pending=pending, objectives=1, seconds=seconds))
                share = predict_seconds(told + pending) * max(1, pending) / seconds
                assert (method == "Bayesian") == (share <= 0.02)
                assert "\n" not in why


def test_a_tuple_of_one_number_is_that_number():
    auto = ready(Auto())
    auto.feedback(auto.propose(), (0.5,))
    auto.feedback(auto.propose(), 0.25)
    assert auto.explain() == "Bayesian: one objective, and fewer than 500 trials"


@pytest.mark.parametrize(("first", "second"), [(0.5, (0.5, 1.0)), ((0.5, 1.0), 0.5), ((0.5, 1.0), (1, 2, 3))])
def test_the_number_of_objectives_stays(first, second):
    auto = ready(Auto())
    auto.feedback(auto.propose(), first)
    with pytest.raises(RewardError, match=r"trial 2 .* same objectives"):
        auto.feedback(auto.propose(), second)
    auto.feedback(auto.propose(), first)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        *(
            ("objectives", bad, r"the number of objectives is .*, not an integer of at least 1")
            for bad in (0, 1.5, "2", True)
        ),
        ("method", "Sweep", r"'Sweep' is none of the algorithms Bayesian, TPE"),
        ("times", [-1.0], r"takes a finite number of at least 0"),
    ],
)
def test_a_damaged_state_is_refused(key, value, message):
    auto = ready(Auto())
    state = auto.state()
    state["own"][key] = value
    with pytest.raises(LoadError, match=message):
        auto.restore(json.loads(json.dumps(state)))


@pytest.mark.parametrize(
    ("bad", "error"), [(0, FieldValueError), (-1.0, FieldValueError), ("1", FieldTypeError)]
)
def test_a_wrong_time_is_refused(bad, error):
    with pytest.raises(error, match=r"Auto\(trial_seconds=...\) takes a finite number above 0"):
        Auto(trial_seconds=bad)


def test_a_wrapper_explains_and_passes_times_on():
    auto = Auto()
    around = Deduplicate(auto)
    around.setup(SPACES["flat"]())
    around.note_time(2.0)
    assert list(auto._times) == [2.0]
    assert around.explain() == auto.explain()
    assert ready(RegularizedEvolution()).explain() is None
