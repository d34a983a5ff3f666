from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import final

import pytest

from pliant.algorithms import Algorithm, Deduplicate, Exhausted, Random, SetupError
from pliant.algorithms.rewards import check_reward, check_told
from pliant.testing.algorithms import SPACES, AlgorithmSuite
from pliant.values.errors import FieldTypeError, FieldValueError, PliantError, RewardError, SpaceError

RUN = """
from pliant.algorithms import generators as g
from pliant.testing.algorithms import SPACES, score
for make in (g.Random, g.LocalSearch, g.HillClimb, lambda: g.RegularizedEvolution(10, 3),
             lambda: g.Random(replace=False), lambda: g.Deduplicate(g.LocalSearch())):
    algorithm = make()
    algorithm.setup(SPACES["conditional"]())
    for _ in range(60):
        proposal = algorithm.propose()
        algorithm.feedback(proposal, score(proposal))
        print(proposal.values)
    print(algorithm.state())
"""


def test_proposals_and_states_are_the_same_in_every_process():
    source = str(Path(__file__).parents[2] / "src")
    outputs = {
        subprocess.run(
            [sys.executable, "-c", RUN],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": source},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@final
class Minimal(Algorithm):
    """The least that an algorithm can be."""

    def _propose(self):
        return self.space.sample(self.random)


class TestTheLeast(AlgorithmSuite):
    trials = 40

    def make(self, seed):
        return Minimal(seed)


def test_the_suite_asks_for_make():
    with pytest.raises(NotImplementedError, match=r"Write `make\(self, seed\)`"):
        AlgorithmSuite().make(0)


def test_an_algorithm_without_propose_cannot_be_built():
    with pytest.raises(TypeError, match="abstract"):
        Algorithm()


def test_errors_are_of_the_built_in_kinds_too():
    assert issubclass(Exhausted, (PliantError, RuntimeError))
    assert issubclass(SetupError, (PliantError, RuntimeError))
    assert not issubclass(Exhausted, StopIteration)


def test_a_refused_setup_leaves_the_algorithm_free():
    algorithm = Random(4, replace=False)
    with pytest.raises(SpaceError, match="finite space"):
        algorithm.setup(SPACES["continuous"](), seed=9)
    with pytest.raises(SetupError, match="cannot propose"):
        algorithm.propose()
    assert algorithm.seed == 4
    algorithm.setup(SPACES["small"]())
    algorithm.propose()


def test_a_long_difference_of_spaces_is_cut():
    algorithm = Random()
    algorithm.setup(SPACES["flat"]())
    with pytest.raises(SpaceError, match=r"- x0: choice of 3(.|\n)*\.\.\. and \d+ more"):
        algorithm.setup(SPACES["permutation"]())


def test_the_seed_of_a_search_under_way_stays():
    algorithm = Random(1)
    algorithm.setup(SPACES["flat"](), seed=2)
    algorithm.setup(SPACES["flat"](), seed=3)
    assert algorithm.seed == 2


def test_rewards_of_other_libraries_are_numbers():
    numpy = pytest.importorskip("numpy")
    assert check_reward(numpy.float32(0.5), several=False) == 0.5
    assert check_reward(numpy.int64(3), several=False) == 3.0
    assert check_reward(True, several=False) == 1.0
    assert check_reward([1, numpy.float64(2)], several=True) == (1.0, 2.0)
    with pytest.raises(RewardError, match="a reward is a finite number"):
        check_reward(numpy.zeros(2), several=False)
    with pytest.raises(RewardError, match="a reward is a finite number"):
        check_reward(10**400, several=False)
    with pytest.raises(RewardError, match="a tuple of numbers; got an empty one"):
        check_reward((), several=True)
    with pytest.raises(RewardError, match=r"a reward is a finite number.*got None"):
        check_reward((0.5, None), several=True)


@pytest.mark.parametrize("reward", [1.1e150, -1e160, 10**200, float("1e308")])
def test_a_reward_whose_square_overflows_is_refused(reward):
    with pytest.raises(RewardError, match=r"a reward is from -1e\+150 to 1e\+150; got .* Scale all rewards"):
        check_reward(reward, several=False)
    algorithm = Random()
    algorithm.setup(SPACES["flat"]())
    with pytest.raises(RewardError, match="Scale all rewards"):
        algorithm.feedback(algorithm.propose(), reward)
    algorithm.feedback(algorithm.propose(), 1e150)


@pytest.mark.parametrize(
    ("reward", "advice"),
    [
        (
            float("nan"),
            r"Return a finite number; for a trial that failed .* raise an error, or call feedback\.skip",
        ),
        (None, r"Return the number; for a trial that failed"),
        (True, r"Convert it to a number with `float\(\.\.\.\)`"),
        ("0.5", r"Convert it to a number with `float"),
        ({"acc": 0.5}, r"`return 0\.5, \{\.\.\.\}`, or `feedback\(0\.5, metrics=\{\.\.\.\}\)`"),
        ([[1, 2]], r"Give one number, such as `float\(x\.mean\(\)\)`, or a tuple"),
    ],
)
def test_what_is_no_reward_says_what_to_give(reward, advice):
    with pytest.raises(RewardError, match=advice) as caught:
        check_told(reward, takes_bool=False)
    assert "algorithm" not in str(caught.value)
    with pytest.raises(RewardError, match=r"study\.fail\(3, 'why'\)"):
        check_told(float("nan"), trial=3)
    assert check_told((float(True), 0.5), takes_bool=False) == (1.0, 0.5)


def test_equal_seeds_give_equal_runs_and_others_another():
    def run(seed):
        algorithm = Random(seed=seed)
        algorithm.setup(SPACES["mixed"]())
        return [algorithm.propose().values for _ in range(5)]

    with pytest.raises(
        FieldTypeError,
        match=r"such as 0; got 'a' of type str\. Equal seeds give equal runs; for another run, give another seed\.",
    ):
        run("a")
    assert run(0) == run(0) != run(1)


def test_the_number_of_planned_trials_is_kept_and_restored():
    inner = Random()
    algorithm = Deduplicate(inner)
    algorithm.setup(SPACES["flat"](), trials=25)
    algorithm.setup(SPACES["flat"](), trials=99)  # only the first call counts
    assert (algorithm.planned, inner.planned) == (25, 25)
    twin = Deduplicate(Random())
    twin.setup(SPACES["flat"]())
    assert twin.planned is None
    twin.restore(json.loads(json.dumps(algorithm.state())))
    assert (twin.planned, twin.algorithm.planned) == (25, 25)
    older = {key: value for key, value in algorithm.state().items() if key != "trials"}
    twin.restore(older)  # of a version without it
    assert twin.planned is None


@pytest.mark.parametrize("bad", [-1, 2.5, "3"])
def test_a_wrong_number_of_planned_trials_is_refused(bad):
    algorithm = Random()
    with pytest.raises(
        (FieldTypeError, FieldValueError), match=r"setup\(trials=...\) takes an integer of at least 0"
    ):
        algorithm.setup(SPACES["flat"](), trials=bad)
    algorithm.setup(SPACES["flat"](), trials=3)
    assert algorithm.planned == 3


@pytest.mark.parametrize("bad", [-1.0, float("nan"), "3"])
def test_a_wrong_time_of_a_trial_is_refused(bad):
    algorithm = Random()
    algorithm.setup(SPACES["flat"]())
    with pytest.raises(
        (FieldTypeError, FieldValueError), match=r"note_time\(seconds=...\) takes a finite number"
    ):
        algorithm.note_time(bad)
    with pytest.raises(SetupError, match="has no space yet"):
        Random().note_time(1.0)
