"""Where candidates are from: never seen, never twice, and near the best."""

from __future__ import annotations

import random

import pytest

from pliant.algorithms import Random, RegularizedEvolution
from pliant.algorithms.predictor import Mixture, MutateBest, Proposals, RandomCandidates
from pliant.space import choice, flatten
from pliant.testing.algorithms import SPACES
from pliant.values.errors import FieldTypeError, FieldValueError

FLAT = flatten([choice(f"x{i}", 3) for i in range(6)])


def ask(source, space, tried, seed=0):
    told = [(one, -float(rank)) for rank, one in enumerate(tried)]
    return source(told, space, random.Random(seed), seen={one.values for one in tried})


def distance(one, other):
    return sum(a != b for a, b in zip(one, other))


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("source", [MutateBest(30, 3, 2), RandomCandidates(30)])
def test_candidates_are_new_and_valid(source, name):
    space = SPACES[name]()
    tried = list(dict.fromkeys(space.sample(seed) for seed in range(4)))
    found = ask(source, space, tried)
    assert len(found) == len(set(found)) <= 30
    assert not set(found) & set(tried)
    for one in found:
        assert space.validate(one.values) == one
    if space.size > 1e6:
        assert len(found) == 30


def test_mutants_are_of_the_best():
    tried = [FLAT.parse([value] * 6) for value in range(3)]
    for parents in (1, 2, 3):
        found = ask(MutateBest(12, parents, 1), FLAT, tried)
        near = {min(range(3), key=lambda rank: distance(one, tried[rank])) for one in found}
        assert near == set(range(parents))
        assert {min(distance(one, other) for other in tried) for one in found} == {1}


def test_mutants_have_up_to_so_many_changes():
    found = ask(MutateBest(40, 1, 3), FLAT, [FLAT.parse([0] * 6)])
    assert {distance(one, FLAT.parse([0] * 6)) for one in found} == {1, 2, 3}


def test_the_best_is_counted_once():
    """Decisions that were told twice are one parent."""
    tried = [FLAT.parse([0] * 6), FLAT.parse([0] * 6), FLAT.parse([1] * 6)]
    found = ask(MutateBest(40, 2, 1), FLAT, tried)
    assert any(distance(one, tried[2]) == 1 for one in found)


def test_a_mixture_has_the_candidates_of_all():
    tried = [FLAT.parse([0] * 6)]
    found = ask(Mixture(MutateBest(10, changes=1), RandomCandidates(50)), FLAT, tried)
    assert len(set(found)) == len(found) > 50
    assert sum(distance(one, tried[0]) == 1 for one in found) >= 10


def test_proposals_end_with_their_algorithm():
    algorithm = Random(replace=False)
    space = flatten([choice("x", 5)])
    algorithm.setup(space)
    source = Proposals(algorithm, count=10)
    assert source.algorithm is algorithm
    assert len(ask(source, space, [space.parse([2])])) == 4
    assert ask(source, space, [space.parse([2])]) == []


@pytest.mark.parametrize(
    "make, error, message",
    [
        (
            lambda: MutateBest(parents=0),
            FieldValueError,
            r"MutateBest\(parents=...\) takes an integer of at least 1",
        ),
        (lambda: RandomCandidates("x"), FieldTypeError, r"RandomCandidates\(count=...\) takes an integer"),
        (lambda: Mixture(), FieldValueError, r"Mixture takes one source of candidates or more"),
        (lambda: Mixture(MutateBest), FieldTypeError, r"Mixture takes candidates.*Write `MutateBest\(...\)`"),
        (
            lambda: Mixture(Random()),
            FieldTypeError,
            r"Mixture takes candidates.*an algorithm as `Proposals\(algorithm\)`",
        ),
        (
            lambda: Mixture(Proposals(Random()), Proposals(RegularizedEvolution())),
            FieldValueError,
            r"at most one of them with an algorithm",
        ),
        (lambda: Proposals(Random), FieldTypeError, r"Proposals\(...\) takes an algorithm"),
        (
            lambda: Proposals(Random(), 0),
            FieldValueError,
            r"Proposals\(count=...\) takes an integer of at least 1",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
