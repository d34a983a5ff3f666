from __future__ import annotations

import json
import sys

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pliant.algorithms import Algorithm, Exhausted, make
from pliant.algorithms.optuna import Optuna
from pliant.space import choice, flatten, floating, integer
from pliant.testing.algorithms import SPACES, AlgorithmSuite, score
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, RewardError, SpaceError

SCALES = flatten(
    [
        floating("a", 1e-4, 1, scale="log"),
        floating("b", 0.5, 1, scale="rlog"),
        integer("c", 1, 64, scale="log"),
        integer("d", 1, 64, scale="rlog"),
        integer("e", 8, 65, step=8, scale="log"),
        integer("f", 0, 10, step=4),
        integer("g", 7, 7),
        choice("h", [None, None, None], values=[1, 2, 4]),
    ]
)
GROUPS = flatten(
    [
        choice("set", [None, integer("k", 1, 3), None, None], picks=3, sorted=True),
        choice("bag", 3, picks=3, distinct=False, sorted=True),
        choice("row", [None, choice("q", 2), None], picks=3),
    ]
)


def ready(sampler, space, **options):
    algorithm = Optuna(sampler, **options)
    algorithm.setup(space)
    return algorithm


def quick_tpe(seed):
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=3, n_ei_candidates=4)


class TestTpe(AlgorithmSuite):
    trials = 12

    def make(self, seed: int) -> Algorithm:
        return Optuna(quick_tpe, seed=seed)


class TestSeveralObjectives(AlgorithmSuite):
    trials = 12
    objectives = 2

    def make(self, seed: int) -> Algorithm:
        return Optuna(
            lambda s: optuna.samplers.NSGAIISampler(seed=s, population_size=4), objectives=2, seed=seed
        )


@pytest.mark.parametrize("space", [SCALES, GROUPS, *(make_space() for make_space in SPACES.values())])
@pytest.mark.parametrize("sampler", ["RandomSampler", "NSGAII", quick_tpe])
def test_any_sampler_proposes_valid_decisions_of_any_space(sampler, space):
    algorithm = ready(sampler, space)
    for _ in range(8):
        decisions = algorithm.propose()
        assert space.validate(decisions.values) == decisions
        algorithm.feedback(decisions, score(decisions))


@given(st.integers(0, 10**6), st.sampled_from([SCALES, GROUPS, *(f() for f in SPACES.values())]))
@settings(max_examples=60, deadline=None)
def test_what_would_be_answered_for_decisions_gives_these_decisions(seed, space):
    questions = ready("random", space)._questions
    decisions = space.sample(seed)
    answers, kinds = questions.answer(decisions)
    again = space.validate(questions.ask(lambda name, kind: answers[name]))
    for point, new, old in zip(again.active, again.values, decisions.values, strict=True):
        assert new == (pytest.approx(old) if space.points[point].kind == "float" else old)
    for name, kind in kinds.items():
        assert kind._contains(kind.to_internal_repr(answers[name]))


def test_optuna_sees_the_tree_and_the_rewards():
    space = flatten(
        [choice("op", [None, floating("rate", 0, 1)]), choice("width", [None] * 3, values=[1, 2, 3])]
    )
    algorithm = ready("random", space)
    told = {}
    for _ in range(20):
        decisions = algorithm.propose()
        told[len(told)] = decisions
        algorithm.feedback(decisions, None if len(told) == 3 else score(decisions))
    for trial in algorithm.study.trials:
        decisions = told[trial.number]
        assert set(trial.params) == {"op", "width"} | ({"op[=1/2].rate"} if decisions["op"] else set())
        assert trial.params["op"] == decisions["op"]
        assert isinstance(trial.distributions["width"], optuna.distributions.IntDistribution)
        assert trial.value == (None if trial.number == 2 else score(decisions))
    assert algorithm.study.trials[2].state == optuna.trial.TrialState.FAIL
    assert algorithm.study.best_value == max(score(d) for n, d in told.items() if n != 2)


def test_decisions_that_optuna_did_not_suggest_become_trials_of_their_own():
    algorithm = ready("random", GROUPS)
    stranger = GROUPS.sample(5)
    algorithm.feedback(stranger, 0.5)
    algorithm.feedback(stranger, None)
    first, second = algorithm.study.trials
    assert first.value == 0.5
    assert first.params["set[1]"] == stranger["set[1]"]
    assert second.state == optuna.trial.TrialState.FAIL


def test_the_same_decisions_twice_close_their_trials_in_order():
    algorithm = ready("random", flatten([choice("x", 1)]))
    one, two = algorithm.propose(), algorithm.propose()
    for reward in (0.1, 0.2, 0.3):
        algorithm.feedback(one if reward < 0.2 else two, reward)
    assert [trial.value for trial in algorithm.study.trials] == [0.1, 0.2, 0.3]


def test_a_sampler_that_learns_finds_more_than_a_random_one():
    space = flatten([floating("x", 0, 1), floating("y", 0, 1)])

    def best(sampler):
        algorithm, found = ready(sampler, space), -9.0
        for _ in range(60):
            decisions = algorithm.propose()
            reward = -((decisions["x"] - 0.3) ** 2) - (decisions["y"] - 0.7) ** 2
            algorithm.feedback(decisions, reward)
            found = max(found, reward)
        return found

    assert best("tpe") > best("random")


def test_brute_force_ends_with_the_space():
    space = SPACES["small"]()
    algorithm = ready("BruteForceSampler", space)
    found = []
    for _ in range(space.size):
        found.append(algorithm.propose())
        algorithm.feedback(found[-1], 0.0)
    with pytest.raises(Exhausted, match="BruteForceSampler has nothing left to suggest"):
        algorithm.propose()
    assert sorted(d.values for d in found) == [d.values for d in space.iterate()]


def test_brute_force_needs_a_finite_space():
    with pytest.raises(
        SpaceError, match=r"BruteForceSampler needs a finite space, and the float at path 'lr' is"
    ):
        ready("BruteForce", SPACES["continuous"]())


def test_restore_notices_another_sampler():
    algorithm = ready("random", SPACES["flat"]())
    for _ in range(3):
        algorithm.feedback(algorithm.propose(), 0.5)
    state = json.loads(json.dumps(algorithm.state()))
    with pytest.raises(LoadError, match=r"proposal 2 was \[.*the sampler has other arguments, or Optuna"):
        ready("QMCSampler", SPACES["flat"]()).restore(state)


def test_rewards_of_the_wrong_arity():
    algorithm = ready("NSGAIISampler", SPACES["flat"](), objectives=2)
    decisions = algorithm.propose()
    with pytest.raises(RewardError, match=r"has 2 objectives; got 3 rewards.*Optuna\(objectives=3\)"):
        algorithm.feedback(decisions, (1.0, 2.0, 3.0))
    with pytest.raises(RewardError, match=r"has 2 objectives, so a reward is a tuple of as many"):
        algorithm.feedback(decisions, 1.0)
    algorithm.feedback(decisions, (1.0, 2.0))
    assert algorithm.study.trials[0].values == [1.0, 2.0]


def test_names_are_found_in_any_spelling():
    for name in ("tpe", "TPESampler", "nsga-ii", "Brute_Force", "qmc"):
        assert Optuna(name).sampler == name
    assert type(make("optuna", sampler="random", seed=2)) is Optuna
    with pytest.raises(
        FieldValueError,
        match=r"no sampler 'TPESamplr'.*did you mean 'TPESampler'.*It has: 'BruteForceSampler'",
    ):
        Optuna("TPESamplr")


def test_what_is_no_sampler_is_refused():
    with pytest.raises(
        FieldTypeError, match=r"one that is made already.*`lambda seed: RandomSampler\(seed=seed"
    ):
        Optuna(optuna.samplers.RandomSampler(seed=0))
    with pytest.raises(
        FieldTypeError, match=r"takes a name such as 'TPESampler', a class, .* got 7 of type int"
    ):
        Optuna(7)
    with pytest.raises(
        FieldTypeError, match=r"GridSampler cannot be made without search_space.*lambda seed: Grid"
    ):
        Optuna("GridSampler")
    with pytest.raises(FieldTypeError, match=r"must return a sampler; got 3 of type int"):
        ready(lambda seed: 3, SPACES["flat"]())
    with pytest.raises(
        FieldValueError, match=r"Optuna\(objectives=...\) takes an integer of at least 1; got 0"
    ):
        Optuna("tpe", objectives=0)


def test_a_sampler_whose_package_is_missing_says_so():
    def make_sampler(seed):
        raise ImportError("No module named 'cmaes'")

    with pytest.raises(ImportError, match=r"needs a package that is not installed: No module named 'cmaes'"):
        ready(make_sampler, SPACES["flat"]())


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(
        ImportError, match=r"which is not installed.*pip install \"pliant\[optuna\]\".*TPE, Bayesian"
    ):
        Optuna("tpe")


def test_optuna_stays_as_talkative_as_it_was():
    before = optuna.logging.get_verbosity()
    ready("random", SPACES["flat"]()).propose()
    assert optuna.logging.get_verbosity() == before


def test_a_package_that_a_sampler_needs_at_work_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    algorithm = ready("CmaEsSampler", SPACES["continuous"]())

    def search():
        for _ in range(5):
            decisions = algorithm.propose()
            algorithm.feedback(decisions, float(sum(decisions)))

    with pytest.raises(ImportError, match=r"not installed: .*cmaes.* Install it with `pip install cmaes`"):
        search()
