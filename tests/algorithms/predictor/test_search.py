"""The search itself: what it learns from, what it chooses, and what it stores."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from pliant.algorithms import PPO, Deduplicate, Exhausted, Random, RegularizedEvolution, Reject, SetupError
from pliant.algorithms.generators import make
from pliant.algorithms.predictor import (
    BANANAS,
    FeedForwardPredictor,
    Greedy,
    IndependentThompson,
    MutateBest,
    OneHotEncoding,
    PathEncoding,
    Predictor,
    PredictorSearch,
    Proposals,
    RandomCandidates,
)
from pliant.space import choice, flatten, floating
from pliant.values.errors import DecisionError, FieldTypeError, FieldValueError

SPACE = flatten([choice(f"x{i}", 4) for i in range(8)])


@dataclass(frozen=True)
class Oracle(Predictor):
    """Knows that the sum of the decisions counts, and records what it was trained on."""

    log: list

    def fit(self, x, y, *, seed):
        self.log.append((x, y, seed))
        worth = np.tile(np.arange(4), 8)
        return lambda queries: (queries @ worth)[None].astype(float)


@dataclass(frozen=True)
class Wrong(Predictor):
    """Returns what it was made with."""

    value: object

    def fit(self, x, y, *, seed):
        return lambda queries: self.value


def quick(**options):
    return FeedForwardPredictor(members=2, layers=1, epochs=10, **options)


def score(decisions):
    """A reward with interactions between neighbours."""
    values = decisions.values
    return sum((a * 5 + b * 3) % 4 for a, b in pairwise(values)) + values[0]


def search(algorithm, trials, space=SPACE, reward=score):
    algorithm.setup(space)
    found = []
    for _ in range(trials):
        decisions = algorithm.propose()
        found.append(decisions)
        algorithm.feedback(decisions, reward(decisions))
    return found


def test_the_best_candidates_of_a_batch_are_proposed_in_order():
    log = []
    algorithm = PredictorSearch(Oracle(log), acquisition=Greedy(), random_trials=4, batch_size=3)
    found = search(algorithm, 10, reward=lambda one: sum(one.values))
    assert [len(y) for _, y, _ in log] == [4, 7]  # trained for each batch, on all that was told
    sums = [sum(one.values) for one in found]
    assert sums[4] >= sums[5] >= sums[6]
    assert sums[7] >= sums[8] >= sums[9] > max(sums[:4])


def test_a_training_sees_what_was_told_in_its_own_numbers():
    log = []
    algorithm = PredictorSearch(Oracle(log), random_trials=3, batch_size=1)
    found = search(algorithm, 4)
    x, y, _ = log[0]
    tried = sorted(found[:3], key=score, reverse=True)
    assert (x == OneHotEncoding().prepare(SPACE, [])(tried)).all()
    assert y.tolist() == [score(one) for one in tried]


def test_failures_count_as_the_lowest_reward():
    log = []
    algorithm = PredictorSearch(Oracle(log), random_trials=3, batch_size=1)
    rewards = iter([None, 5.0, 3.0, None, 4.0, 1.0])
    search(algorithm, 6, reward=lambda one: next(rewards))
    assert log[0][1].tolist() == [5, 4, 3, 3, 3]


def test_rewards_are_needed_before_the_first_training():
    log = []
    algorithm = PredictorSearch(Oracle(log), random_trials=3)
    algorithm.setup(SPACE)
    waiting = [algorithm.propose() for _ in range(9)]
    for one in waiting[:2]:
        algorithm.feedback(one, score(one))
    for one in waiting[2:]:
        algorithm.feedback(one, None)
    algorithm.propose()
    assert not log
    algorithm.feedback(SPACE.sample(99), 1.0)
    algorithm.propose()
    assert len(log) == 1


def test_a_candidate_that_others_tried_is_left_out():
    algorithm = PredictorSearch(Oracle([]), acquisition=Greedy(), random_trials=2, batch_size=5)
    search(algorithm, 3)
    following = SPACE.parse(algorithm.state()["own"]["batch"][-1])
    algorithm.feedback(following, 0.0)
    assert algorithm.propose() != following


def test_long_searches_train_on_the_best_and_a_sample():
    log = []
    algorithm = PredictorSearch(Oracle(log), random_trials=30, limit=5)
    found = search(algorithm, 31)
    x, y, _ = log[0]
    rewards = sorted(map(score, found[:30]), reverse=True)
    assert len(x) == len(y) == 10
    assert y[:5].tolist() == rewards[:5]
    assert set(y[5:]) <= set(rewards[5:])


def test_every_training_has_a_seed_of_its_own():
    log = []
    search(PredictorSearch(Oracle(log), random_trials=2, batch_size=1), 8)
    assert len({seed for *_, seed in log}) == len(log) == 6


@pytest.mark.parametrize("space", [SPACE, flatten([floating("x", 0, 1), choice("y", 3)])])
def test_nothing_is_proposed_twice(space):
    found = search(
        PredictorSearch(quick(), candidates=MutateBest(3, 1)), 120, space, lambda one: one.values[0]
    )
    assert len(set(found)) == 120


def test_the_end_of_a_space_is_the_end_of_the_search():
    space = flatten([choice("x", [None, choice("y", 3)]), choice("z", 3)])
    algorithm = PredictorSearch(quick(), random_trials=2)
    assert len(set(search(algorithm, 12, space, lambda one: len(one)))) == 12
    with pytest.raises(Exhausted, match=r"all 12 decision vectors of the space were proposed"):
        algorithm.propose()


def test_an_algorithm_may_propose_the_candidates():
    proposer = RegularizedEvolution(5, 2)
    algorithm = PredictorSearch(
        Oracle([]), acquisition=Greedy(), candidates=Proposals(proposer, 20), batch_size=2, seed=7
    )
    search(algorithm, 30)
    assert proposer.seed == 7
    assert len(proposer.state()["own"]["population"]) == 5  # it was told
    restored = PredictorSearch(
        Oracle([]), acquisition=Greedy(), candidates=Proposals(RegularizedEvolution(5, 2), 20), batch_size=2
    )
    restored.setup(SPACE)
    restored.restore(json.loads(json.dumps(algorithm.state())))
    assert [algorithm.propose() for _ in range(5)] == [restored.propose() for _ in range(5)]


@pytest.mark.parametrize("wrap", [lambda one: one, Deduplicate, lambda one: Reject(one, sum, low=0)])
def test_proposals_that_are_screened_out_are_withdrawn(wrap):
    proposer = PPO(seed=1)
    algorithm = PredictorSearch(
        Oracle([]), acquisition=Greedy(), candidates=Proposals(wrap(proposer), 20), batch_size=2
    )
    search(algorithm, 30)
    pending = proposer.state()["own"]["pending"]
    assert sum(len(log_probs) for _, log_probs in pending) == len(algorithm.state()["own"]["batch"]) <= 2


def test_it_finds_more_than_chance():
    def best(algorithm):
        return max(sum(one.values) for one in search(algorithm, 80, reward=lambda one: sum(one.values)))

    ours = [best(PredictorSearch(quick(), seed=seed)) for seed in range(4)]
    chance = [best(Random(seed)) for seed in range(4)]
    assert min(ours) == 24 > max(chance)  # 24 is the best there is


# ---------------------------------------------------------------------- predictions


def test_predictions_are_kept_beside_rewards():
    algorithm = PredictorSearch(Oracle([]), acquisition=Greedy(), random_trials=3, batch_size=2)
    found = search(algorithm, 9, reward=lambda one: sum(one.values) + 0.5)
    assert [(one.values, guess, reward) for one, guess, reward in algorithm.predictions] == [
        (one.values, float(sum(one.values)), sum(one.values) + 0.5) for one in found[3:]
    ]


def test_predictions_of_running_trials_come_with_their_rewards():
    algorithm = PredictorSearch(Oracle([]), acquisition=Greedy(), random_trials=1, batch_size=3)
    algorithm.setup(SPACE)
    algorithm.feedback(algorithm.propose(), 1.0)
    first, second = algorithm.propose(), algorithm.propose()
    assert algorithm.predictions == []
    algorithm.feedback(second, None)
    assert [(one, reward) for one, _, reward in algorithm.predictions] == [(second, None)]
    restored = PredictorSearch(Oracle([]), acquisition=Greedy(), random_trials=1, batch_size=3)
    restored.setup(SPACE)
    restored.restore(json.loads(json.dumps(algorithm.state())))
    restored.feedback(first, 2.0)
    assert restored.predictions == [*algorithm.predictions, (first, float(sum(first.values)), 2.0)]


def test_a_state_without_predictions_is_read():
    algorithm = PredictorSearch(quick(), random_trials=2)
    search(algorithm, 5)
    state = algorithm.state()
    del state["own"]["predicted"]
    restored = PredictorSearch(quick(), random_trials=2)
    restored.setup(SPACE)
    restored.restore(state)
    assert restored.predictions == []
    assert [restored.propose() for _ in range(4)] == [algorithm.propose() for _ in range(4)]


def test_predict_trains_on_what_was_told_and_changes_no_proposal():
    log = []
    asked, quiet = (PredictorSearch(Oracle(log), random_trials=3, batch_size=2) for _ in range(2))
    some = [SPACE.sample(seed) for seed in (1, 2)]
    with pytest.raises(
        SetupError, match=r"has no space yet, so it cannot predict. Call `setup\(space\)` first"
    ):
        asked.predict(some)
    for algorithm in (asked, quiet):
        algorithm.setup(SPACE)
    assert asked.predict(some) == [None, None]
    for _ in range(12):
        decisions = asked.propose()
        assert decisions == quiet.propose()
        for algorithm in (asked, quiet):
            algorithm.feedback(decisions, score(decisions))
        assert asked.predict(some) == [sum(one.values) for one in some]
    count = len(log)
    assert asked.predict([]) == []
    assert asked.predict(some) == asked.predict(some)
    assert len(log) == count  # nothing new was recorded
    with pytest.raises(DecisionError, match="space"):
        asked.predict([flatten([choice("y", 2)]).sample(0)])


def test_predict_of_a_long_search_trains_on_good_and_bad_trials():
    log = []
    algorithm = PredictorSearch(Oracle(log), random_trials=100, limit=5)
    rewards = sorted((score(one) for one in search(algorithm, 40)), reverse=True)
    algorithm.predict([SPACE.sample(0)])
    trained = log[-1][1].tolist()
    assert trained[:5] == rewards[:5]
    assert len(trained) == 10
    assert trained[-1] < rewards[30]


# ---------------------------------------------------------------------- recipes


def test_bananas_is_the_published_combination():
    algorithm = BANANAS(seed=3)
    assert algorithm.seed == 3
    assert isinstance(algorithm.acquisition, IndependentThompson)
    assert isinstance(algorithm.encoding, PathEncoding)
    assert isinstance(algorithm.candidates, MutateBest)
    predictor = algorithm.predictor
    assert (predictor.members, predictor.layers, predictor.width) == (5, 10, 20)
    assert (algorithm.random_trials, algorithm.batch_size) == (10, 10)


def test_bananas_by_name_and_with_an_encoding():
    assert make("bananas", seed=4).seed == 4
    encoding = OneHotEncoding()
    assert BANANAS(encoding=encoding, layers=2).encoding is encoding


def test_bananas_needs_no_pytorch():
    code = """
import sys
from pliant.algorithms.predictor import BANANAS
from pliant.space import choice, flatten
algorithm = BANANAS(layers=1, epochs=1)
algorithm.setup(flatten([choice(f"x{i}", 3) for i in range(5)]))
for _ in range(12):
    algorithm.feedback(algorithm.propose(), 0.5)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "make, error, message",
    [
        (
            lambda: PredictorSearch("mlp"),
            FieldTypeError,
            r"\(predictor=...\) takes a Predictor, such as `FeedF.*'mlp'",
        ),
        (
            lambda: PredictorSearch(FeedForwardPredictor),
            FieldTypeError,
            r"Write `FeedForwardPredictor\(...\)`",
        ),
        (lambda: PredictorSearch(encoding=len), FieldTypeError, r"\(encoding=...\) takes an Encoding"),
        (
            lambda: PredictorSearch(acquisition="its"),
            FieldTypeError,
            r"\(acquisition=...\) takes an Acquisition",
        ),
        (
            lambda: PredictorSearch(candidates=Random()),
            FieldTypeError,
            r"takes candidates.*an algorithm as `Proposals\(alg",
        ),
        (
            lambda: PredictorSearch(random_trials=0),
            FieldValueError,
            r"random_trials=...\) takes an integer of at",
        ),
        (
            lambda: PredictorSearch(batch_size=0),
            FieldValueError,
            r"batch_size=...\) takes an integer of at least 1",
        ),
        (
            lambda: PredictorSearch(limit=0),
            FieldValueError,
            r"limit=...\) takes an integer of at least 1; got 0",
        ),
        (lambda: BANANAS(layers=0), FieldValueError, r"layers=...\) takes an integer of at least 1; got 0"),
    ],
)
def test_arguments_out_of_range_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("value", [np.zeros(3), np.zeros((1, 2)), np.full((1, 20), np.nan), 0.5])
def test_a_model_that_predicts_nonsense_is_refused(value):
    algorithm = PredictorSearch(Wrong(value), candidates=RandomCandidates(20), random_trials=1)
    with pytest.raises(
        FieldValueError, match=r"the model of Wrong must return finite rewards of shape \[members, 20\]"
    ):
        search(algorithm, 2)
