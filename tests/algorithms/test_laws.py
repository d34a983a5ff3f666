"""Laws of all algorithms over generated spaces."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pliant.algorithms import (
    Deduplicate,
    Evolution,
    Exhausted,
    HillClimb,
    LocalSearch,
    Random,
    RegularizedEvolution,
    Sweep,
)
from pliant.algorithms.evolution import Mutate, Top, Tournament, UniformCrossover
from pliant.space import Space, choice, flatten, floating, integer
from pliant.testing.algorithms import score

ALGORITHMS = {
    "random": Random,
    "uniform": lambda seed: Random(seed, uniform=True),
    "local": LocalSearch,
    "first": lambda seed: LocalSearch(seed, first_improvement=True),
    "evolution": lambda seed: RegularizedEvolution(6, 3, seed=seed),
    "crossing": lambda seed: Evolution(
        Tournament(2, count=4) >> UniformCrossover() >> Mutate(), survive=Top(5), population_size=5, seed=seed
    ),
    "climb": HillClimb,
    "distinct": lambda seed: Deduplicate(HillClimb(seed), attempts=3),
}


def numbers(name):
    scale = st.sampled_from(["linear", "log"])
    return st.one_of(
        st.builds(
            lambda n, s, k: integer(name, 1, n, scale=s, step=k), st.integers(1, 40), scale, st.integers(1, 3)
        ),
        st.builds(
            lambda s, width: floating(name, 0.5, 0.5 + width, scale=s), scale, st.sampled_from([0.0, 2.0])
        ),
    )


@st.composite
def choices(draw, name, depth):
    below = holes("c", depth - 1) if depth else st.none()
    candidates = draw(st.lists(st.one_of(st.none(), below), min_size=1, max_size=3))
    distinct = draw(st.booleans())
    picks = draw(st.integers(1, len(candidates) if distinct else 3))
    return choice(name, candidates, picks=picks, distinct=distinct, sorted=draw(st.booleans()))


def holes(name, depth):
    return st.one_of(numbers(name), choices(name, depth))


@st.composite
def spaces(draw):
    return flatten([draw(holes(f"h{i}", 2)) for i in range(draw(st.integers(1, 3)))])


def search(algorithm, trials):
    found = []
    for _ in range(trials):
        try:
            proposal = algorithm.propose()
        except Exhausted:
            return found
        found.append(proposal)
        reward = score(proposal)
        algorithm.feedback(proposal, None if reward < 0.1 else reward)
    return found


@pytest.mark.parametrize("name", ALGORITHMS)
@given(space=spaces(), seed=st.integers(), cut=st.integers(0, 30))
@settings(max_examples=settings.default.max_examples // 3)  # for each of the algorithms
def test_proposals_are_valid_and_replay_from_json(name, space, seed, cut):
    algorithm, twin = ALGORITHMS[name](seed), ALGORITHMS[name](seed + 1)
    algorithm.setup(space)
    search(algorithm, cut)
    state = json.loads(json.dumps(algorithm.state()))
    twin.setup(Space.from_json(space.to_json()))
    twin.restore(state)
    found = search(algorithm, 30)
    assert [d.values for d in search(twin, 30)] == [d.values for d in found]
    for decisions in found:
        assert space.validate(decisions.values) == decisions


@given(space=spaces().filter(lambda space: space.size <= 150), seed=st.integers())
def test_without_repetition_a_space_is_covered(space, seed):
    whole = {d.values for d in space.iterate()}
    for algorithm in (Random(seed, replace=False), Sweep(), Deduplicate(HillClimb(seed), attempts=3)):
        algorithm.setup(space)
        found = search(algorithm, len(whole) + 1)
        assert len(found) == len(whole)
        assert {d.values for d in found} == whole


@given(space=spaces().filter(lambda space: space.size not in (1, math.inf)), seed=st.integers())
def test_hill_climbing_never_proposes_what_it_stands_on(space, seed):
    algorithm = HillClimb(seed)
    algorithm.setup(space)
    algorithm.feedback(algorithm.propose(), 1.0)
    for _ in range(20):
        (best,) = algorithm.population
        proposal = algorithm.propose()
        assert proposal != best.decisions
        algorithm.feedback(proposal, score(proposal))
