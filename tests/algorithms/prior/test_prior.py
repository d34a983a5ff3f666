"""Beliefs about good decisions: how they are written, what they draw, and that a wrong one costs little."""

from __future__ import annotations

import json
from random import Random as Generator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pliant as pg
from pliant.algorithms import TPE, Algorithm, Bayesian, Random, to_algorithm
from pliant.algorithms.description import describe, differences, rebuild
from pliant.algorithms.prior import derive, read_prior
from pliant.algorithms.prior.belief import Normal, Weights
from pliant.algorithms.prior.prior import check_prior
from pliant.space import Choice, Float, Int, choice, flatten, floating, integer
from pliant.testing.algorithms import SPACES, AlgorithmSuite
from pliant.values.errors import FieldTypeError, FieldValueError, LoadError


def believe(space, seed=0):
    """Beliefs about each hole of a space."""
    random, found = Generator(seed), {}
    for point in space.points:
        if isinstance(point, Choice):
            found[point.hole] = [random.random() for _ in range(point.count)]
        else:
            found[point.path] = (point.min_value, (point.min_value + point.max_value) / 2)
    return found


def read(given, space):
    return read_prior(check_prior(given, "TPE"), space, "TPE")


class PriorSuite(AlgorithmSuite):
    """Abstract: the suite, with a belief about each decision of each space."""

    def ready(self, space, seed=0):
        algorithm = self.make(seed)
        algorithm.prior = check_prior(believe(space), "this")
        algorithm.setup(space)
        return algorithm


class TestRandomWithPrior(PriorSuite):
    trials = 20

    def make(self, seed: int) -> Algorithm:
        return Random(seed)


class TestTpeWithPrior(PriorSuite):
    trials = 12

    def make(self, seed: int) -> Algorithm:
        return TPE(seed=seed, startup=4)


class TestBayesianWithPrior(PriorSuite):
    trials = 7
    exhausts = True

    def make(self, seed: int) -> Algorithm:
        return Bayesian(seed=seed, initial=4, samples=8, climbs=1)


# ---------------------------------------------------------------------- densities


NUMBERS = st.sampled_from(
    [Float("x", -2.0, 3.0), Float("x", 1e-5, 1.0, "log"), Int("x", 1, 9), Int("x", 4, 400, "log", 4)]
)


@settings(max_examples=15, deadline=None)
@given(NUMBERS, st.floats(0, 1), st.floats(0.02, 2))
def test_the_density_of_a_number(point, mean, deviation):
    """It integrates to 1, is highest at its mode, has the slope that it says, and draws as it says."""
    belief = Normal(point, mean, deviation)
    units = (np.arange(4000) + 0.5) / 4000
    value, slope = belief.slope(units)
    density = np.exp(value + belief._top)
    assert density.mean() == pytest.approx(1.0, abs=2e-3)
    assert value.max() <= 1e-9
    assert np.gradient(value, units)[1:-1] == pytest.approx(slope[1:-1], abs=0.5)
    if isinstance(point, Float):
        drawn = [point.min_value < belief.draw(Generator(seed)) <= point.max_value for seed in range(20)]
        assert sum(drawn) >= 15


def test_the_density_of_a_choice():
    belief = Weights(Choice("op", ("a", "b", "c"), ((), (), ())), [0.0, 3.0, 1.0])
    random = Generator(1)
    drawn = np.bincount([belief.draw(random) for _ in range(4000)], minlength=3) / 4000
    assert drawn == pytest.approx(belief.chances, abs=0.03)
    assert belief.chances[0] > 0.03  # a belief may be wrong
    assert belief.mode == 1


@pytest.mark.parametrize("name", SPACES)
def test_draws_are_decisions_of_the_space(name):
    """Valid by the check of ``Decisions``, and the logarithm of the density is at most 0."""
    space = SPACES[name]()
    prior = read(believe(space), space)
    if prior is None:
        assert not space.points
        return
    drawn = [prior.sample(Generator(seed)) for seed in range(30)] + [prior.mode(Generator(0))]
    logs = prior.log(drawn)
    assert logs.max() <= 1e-9
    assert np.allclose(logs, [float(prior.log([one])[0]) for one in drawn])


def test_distinct_picks_follow_the_weights():
    space = flatten([choice("p", 5, picks=2, distinct=True)])
    prior = read({"p": [0, 0, 1, 0, 1]}, space)
    random = Generator(0)
    assert sum({*prior.sample(random).values} == {2, 4} for _ in range(100)) > 60


# ---------------------------------------------------------------------- what a user writes

SPACE = flatten(
    [
        floating("net.lr", 1e-4, 1.0, scale="log", name="rate"),
        choice("op", [None, integer("k", 1, 9)], literals=["'conv'", "3"]),
        choice("op2", [integer("k", 1, 9), None]),
    ]
)


def test_keys_and_forms():
    for key in ("net.lr", "rate", "lr"):
        assert read({key: 0.01}, SPACE).beliefs.keys() == {0}
    both = read({"k": 3}, SPACE).beliefs
    assert [SPACE.points[index].path for index in both] == ["op[=1/2].k", "op2[=0/2].k"]
    for form in ("conv", {"conv": 1}, {"'conv'": 2.0}, [1, 0]):
        assert read({"op": form}, SPACE).beliefs[1].mode == 0
    assert read({"op": 3}, SPACE).beliefs[1].mode == 1
    wide, narrow = (read({"lr": span}, SPACE).beliefs[0] for span in ((1e-3, 0.1), (0.005, 0.02)))
    assert wide.mode == pytest.approx(0.01)
    assert narrow.mode == pytest.approx(0.01)
    assert wide.deviation > 3 * narrow.deviation
    assert check_prior({}, "TPE") == {}
    assert read({}, SPACE) is None


@pytest.mark.parametrize(
    ("prior", "error", "match"),
    [
        ([1], FieldTypeError, r"TPE\(prior=\.\.\.\) takes a dict of beliefs by path or name"),
        ({1: 2}, FieldTypeError, "has paths or names of decisions as keys"),
        ({"lr": object()}, FieldTypeError, r"prior=\{'lr': \.\.\.\}\) takes the best value, weights of candidates"),
        ({"lr": float("nan")}, FieldValueError, "takes finite numbers; got nan"),
        ({"rat": 0.1}, FieldValueError, "belief about 'rat', and the space has no such decision; did you mean 'rate'"),
        ({"lr": 7.0}, FieldValueError, r"about a number from 0\.0001 to 1: give the value .* got 7"),
        ({"lr": (0.1, 0.01)}, FieldValueError, "the range \\(low, high\\)"),
        ({"lr": "fast"}, FieldValueError, "about a number"),
        ({"op": "cnv"}, FieldValueError, r"'cnv' is not a candidate.*The candidates are 'conv', 3"),
        ({"op": [1, 2, 3]}, FieldValueError, "takes 2 weights of at least 0, one for each candidate"),
        ({"op": [0, 0]}, FieldValueError, "one of them above 0"),
    ],
)  # fmt: skip
def test_bad_beliefs(prior, error, match):
    with pytest.raises(error, match=match):
        TPE(prior=prior).setup(SPACE)


def test_a_walk_has_no_prior():
    with pytest.raises(FieldValueError, match="walks the whole space, so a prior has no effect"):
        Random(replace=False, prior={"op": "conv"})


def test_it_is_an_option_like_others():
    """On the command line, in the description that a study keeps, and in the state."""
    algorithm = to_algorithm("auto(prior={'lr': (1e-3, 1e-1), 'op': {'conv': 2, 3: 1}}, seed=3)")
    again = rebuild(json.loads(json.dumps(describe(algorithm))))
    assert differences(describe(algorithm), describe(again)) == []
    for one in (algorithm, again):
        one.setup(SPACE)
    assert [algorithm.propose() for _ in range(4)] == [again.propose() for _ in range(4)]
    plain = Random(prior={"op": "conv"})
    plain.setup(SPACE)
    with pytest.raises(LoadError, match="cannot be restored"):
        plain.restore({**plain.state(), "own": {"count": -1}})


# ---------------------------------------------------------------------- laws of searches

LINE = flatten([floating("x", 0.0, 1.0), choice("op", 4)])


def search(algorithm, trials=30):
    """Returns the rewards of a search whose best decisions are x = 0.8 and op = 2."""
    algorithm.setup(LINE)
    found = []
    for _ in range(trials):
        decisions = algorithm.propose()
        found.append(-abs(decisions["x"] - 0.8) - 0.5 * (decisions["op"] != 2))
        algorithm.feedback(decisions, found[-1])
    return found


@pytest.mark.parametrize(("make", "close"), [(Bayesian, 0.03), (TPE, 0.12), (Random, 0.3)])
def test_a_wrong_prior_costs_a_few_trials(make, close):
    """After 30 trials (Random: 60) the search is where the belief was not; a right one is there at the first trial."""
    for seed in range(2 if make is Bayesian else 5):
        wrong = search(make(seed=seed, prior={"x": (0.05, 0.15), "op": 0}), 60 if make is Random else 30)
        assert max(wrong) > -close
    assert search(make(seed=1, prior={"x": 0.8, "op": 2}), 1) == [0.0]


# ---------------------------------------------------------------------- beliefs from results


def test_what_matches_is_used():
    old = [({"model.lr": 0.1, "op": "conv", "gone": 3, "k[0]": 4}, 1.0)] * 20
    old += [({"model.lr": 0.9, "op": "pool", "gone": 1, "k[0]": 1}, 0.0)] * 20
    prior = derive([old], SPACE)
    assert set(prior) == {"net.lr", "op", "op[=1/2].k", "op2[=0/2].k"}
    assert prior["op"] == {"conv": 7, "3": 1}
    low, high = prior["net.lr"]
    assert low < 0.1 < high
    assert derive([[({"lr": 50.0, "op": "pool"}, 1.0)] * 9], SPACE) == {}  # out of range, and no candidate
    assert derive([[]], SPACE) == {}
    Bayesian(prior=prior).setup(SPACE)


def test_each_pick_has_the_belief_of_its_own_results():
    space = pg.abstract_search_space(pg.Dict(ops=pg.manyof(3, ["a", "b", "c"], distinct=False)))
    good, bad = dict(zip(["ops[0]", "ops[1]", "ops[2]"], "abc")), dict.fromkeys(["ops[0]", "ops[1]"], "c")
    prior = derive([[(good, 1.0)] * 6 + [(bad, 0.0)] * 30], space)
    assert [max(prior[key], key=prior[key].get) for key in good] == ["a", "b", "c"]
    assert read(prior, space).mode(Generator(0)).values == (0, 1, 2)
    assert list(derive([[({"ops": "b"}, 1.0)] * 9], space)) == ["ops"]  # of a space with one pick: for all


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(sorted(SPACES)), st.integers(0, 99))
def test_what_is_derived_is_a_prior(name, seed):
    """For each space and any results of it."""
    space, random = SPACES[name](), Generator(seed)
    table = [(space.sample(random).params, (random.random(), random.random())) for _ in range(20)]
    read(derive([table], space), space)
