"""Algorithms inside algorithms: each pair is refused when it is made, or runs thirty trials."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest

from pliant.algorithms import (
    ASHA,
    BANANAS,
    NSGA2,
    PBT,
    PPO,
    REINFORCE,
    TPE,
    Algorithm,
    Auto,
    Bayesian,
    Deduplicate,
    Evolution,
    HalvingStopping,
    HillClimb,
    Hyperband,
    LocalSearch,
    MedianStopping,
    Optuna,
    PredictorSearch,
    Random,
    RegularizedEvolution,
    Reject,
    SuccessiveHalving,
    Sweep,
    to_algorithm,
)
from pliant.algorithms.evolution import Mutate, Operator, ParetoTop, ParetoTournament, Top, Tournament
from pliant.algorithms.predictor import Proposals
from pliant.space import choice, flatten, integer
from pliant.values.errors import FieldValueError

TRIALS = 30
SPACE = flatten([choice("op", 9), integer("width", 1, 40), integer("epochs", 1, 9, name="budget")])


def cost(decisions):
    return decisions["width"]


PLAIN = {
    "random": Random,
    "once": lambda: Random(replace=False),
    "sweep": Sweep,
    "local": LocalSearch,
    "re": lambda: RegularizedEvolution(6, 3),
    "hill": HillClimb,
    "ppo": PPO,
    "reinforce": REINFORCE,
    "bayesian": Bayesian,
    "tpe": TPE,
    "predictor": PredictorSearch,
    "bananas": BANANAS,
    "auto": Auto,
    "optuna": Optuna,
    "nsga2": lambda: NSGA2(6),
    "optuna of two": lambda: Optuna("NSGAIISampler", objectives=2),
    "own": lambda: Own(),
}
AROUND = {
    "asha": ASHA,
    "halving": SuccessiveHalving,
    "hyperband": Hyperband,
    "pbt": lambda algorithm: PBT(algorithm, population_size=4),
    "median": lambda algorithm: MedianStopping(algorithm, min_trials=2),
    "halving_stopping": HalvingStopping,
    "deduplicate": Deduplicate,
    "reject": lambda algorithm: Reject(algorithm, cost, high=36),
    "reject and tell": lambda algorithm: Reject(algorithm, cost, high=36, tell=True),
    "init": lambda algorithm: Evolution(Tournament(3) >> Mutate(), population_size=6, init=algorithm),
}
SEVERAL = ("nsga2", "optuna of two")
BUDGETED = ("asha", "halving", "hyperband", "pbt")
ONE = (*BUDGETED, "init")  # they rank trials by one reward


class Own(Algorithm):
    """An algorithm of a user's, with several objectives or one."""

    several_rewards = True

    def _propose(self):
        return self.space.sample(self.random)


def refusal(outer, inner):
    """Why a pair is refused; None where it runs."""
    if outer in ONE and inner in SEVERAL:
        return "ranks trials by one reward, and .* inside it is made for several objectives"
    if outer in BUDGETED and inner in BUDGETED:
        return "decides the budget of a trial, and so does"
    if outer == "reject" and inner in ("halving", "hyperband", "pbt"):
        return "waits for the reward of each trial"
    return None


def run(algorithm, *, several):
    algorithm.setup(SPACE, seed=1)
    for _ in range(TRIALS):
        decisions = algorithm.propose()
        assert decisions.space == SPACE
        reward = float(decisions["width"])
        for step in (1, 2):
            if algorithm.report(decisions, reward * step, step=step):
                break
        algorithm.feedback(decisions, (reward, -reward) if several else reward)
    again = algorithm.state()
    algorithm.restore(again)
    assert algorithm.propose().space == SPACE


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("inner", PLAIN)
@pytest.mark.parametrize("outer", AROUND)
def test_an_algorithm_inside_another(outer, inner):
    algorithm = PLAIN[inner]()
    why = refusal(outer, inner)
    if why is not None:
        with pytest.raises(FieldValueError, match=why):
            AROUND[outer](algorithm)
        return
    run(AROUND[outer](algorithm), several=inner in SEVERAL)


@pytest.mark.parametrize(("outer", "middle"), list(itertools.product(AROUND, AROUND)))
def test_an_algorithm_around_another_around_a_third(outer, middle):
    why = refusal(outer, middle)
    inside = AROUND[middle](Random())
    if why is not None:
        with pytest.raises(FieldValueError, match=why):
            AROUND[outer](inside)
        return
    run(AROUND[outer](inside), several=False)


@pytest.mark.parametrize("outer", BUDGETED)
@pytest.mark.parametrize("between", ["median", "deduplicate", "reject and tell"])
def test_an_algorithm_of_several_objectives_deeper_inside(outer, between):
    inside = AROUND[between](NSGA2(6))
    with pytest.raises(FieldValueError, match="ranks trials by one reward") as caught:
        AROUND[outer](inside)
    assert "leave out" in str(caught.value)
    run(inside, several=True)  # what the message advises
    run(AROUND[outer](TPE()), several=False)
    with pytest.raises(FieldValueError, match="decides the budget of a trial, and so does ASHA inside it"):
        AROUND[outer](AROUND[between](ASHA()))


def test_by_name():
    for text in ("asha(algorithm=nsga2)", "pbt(algorithm=median_stopping(algorithm=nsga2()))"):
        with pytest.raises(FieldValueError, match="is made for several objectives"):
            to_algorithm(text)
    with pytest.raises(FieldValueError, match="so does ASHA inside it"):
        to_algorithm("hyperband(algorithm=asha(algorithm=tpe))")


def test_what_the_refusal_of_reject_advises():
    with pytest.raises(FieldValueError, match=r"Put Reject inside: Hyperband\(Reject\(Random\(\), cost"):
        Reject(Hyperband(), cost, high=30)
    inside, told = Hyperband(Reject(Random(), cost, high=20)), Reject(Hyperband(), cost, high=20, tell=True)
    for algorithm in (inside, told):
        run(algorithm, several=False)
        budgets = {algorithm.propose()["budget"] for _ in range(20)}
        assert len(budgets) > 1  # some trials were promoted


@dataclass(frozen=True)
class Best(Operator):
    """A selection of a user's, by one reward."""

    def __call__(self, individuals, random):
        return [max(individuals, key=lambda one: one.reward)]


@pytest.mark.parametrize(
    ("reproduce", "options", "named"),
    [
        (ParetoTournament() >> Mutate(), {"survive": Top(5)}, "Top"),
        (Tournament(2) >> Mutate(), {"survive": ParetoTop(5)}, "Tournament"),
        (ParetoTournament() >> Best() >> Mutate(), {"survive": ParetoTop(5)}, "Best"),
        (ParetoTournament() >> Mutate(), {"survive": ParetoTop(5), "init": LocalSearch()}, "LocalSearch"),
    ],
    ids=["survive", "reproduce", "own", "init"],
)
def test_operators_for_one_and_for_several_objectives(reproduce, options, named):
    with pytest.raises(
        FieldValueError, match=rf"selects by several objectives, and .*{named}.* takes one reward"
    ):
        Evolution(reproduce, population_size=5, **options)
    good = Evolution(ParetoTournament() >> Mutate(), population_size=5, survive=ParetoTop(5), init=Random())
    run(good, several=True)


def test_candidates_of_a_predictor():
    with pytest.raises(FieldValueError, match="Proposals ranks trials by one reward"):
        Proposals(NSGA2(6))
    run(PredictorSearch(candidates=Proposals(PPO(), count=5)), several=False)
