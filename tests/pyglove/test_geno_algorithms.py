"""PyGlove's kind of search algorithms; and theirs as the core's, and the core's as theirs."""

from __future__ import annotations

import json

import pytest

import pliant
from pliant.algorithms import NSGA2, TPE, Sweep, to_algorithm
from pliant.pyglove import geno
from pliant.pyglove.geno.adapting import to_generator
from pliant.space import choice, flatten, integer
from pliant.values.errors import FieldTypeError, FieldValueError

SPEC = geno.Space(
    [geno.oneof([geno.constant()] * 3, location="a"), geno.manyof(2, [geno.constant()] * 3, location="b")]
)
SPACE = flatten([choice("op", 9), integer("n", 1, 9)])


class Counting(geno.DNAGenerator):
    """Proposes one candidate after another, and keeps the rewards."""

    several: bool = False

    @property
    def multi_objective(self):
        return self.several

    def _setup(self):
        self.seen = []

    def _propose(self):
        return geno.DNA([self.num_proposals % 3, [0, 1]])

    def _feedback(self, dna, reward):
        self.seen.append((dna.value, reward))


def test_proposals_and_rewards_are_counted():
    algorithm = Counting()
    algorithm.setup(SPEC)
    first, second = algorithm.propose(), algorithm.propose()
    algorithm.feedback(second, 2.0)
    algorithm.feedback(first, (1.0,))
    assert (algorithm.num_proposals, algorithm.num_feedbacks) == (2, 2)
    assert [reward for _, reward in algorithm.seen] == [2.0, 1.0]
    with pytest.raises(
        FieldValueError, match=r"Counting is single objective, but the reward .* contains multiple objectives"
    ):
        algorithm.feedback(first, (1.0, 2.0))


def test_several_objectives_are_tuples():
    algorithm = Counting(several=True)
    algorithm.setup(SPEC)
    algorithm.feedback(algorithm.propose(), 1.0)
    assert algorithm.seen == [(None, (1.0,))]


def test_recovering_goes_on_where_it_was():
    for algorithm in (geno.Random(seed=4), geno.Sweeping()):
        again = algorithm.clone(deep=True)
        algorithm.setup(SPEC)
        history = [(algorithm.propose(), 0.0) for _ in range(5)]
        again.setup(SPEC)
        again.recover(history)
        assert again.num_proposals == again.num_feedbacks == 5
        assert again.propose() == algorithm.propose()


def test_sweeping_is_everything_in_order():
    algorithm = geno.Sweeping()
    algorithm.setup(SPEC)
    assert list(algorithm) == list(SPEC.iter_dna())


def test_random_is_that_of_pyglove():
    """Values of the real package."""
    algorithm = geno.Random(seed=123)
    algorithm.setup(geno.Space([geno.oneof([geno.constant()] * 3), geno.floatv(0.0, 1.0)]))
    assert algorithm.propose() == geno.DNA([0, 0.2676771662174662])


def test_an_error_of_a_generator_is_kept():
    @geno.dna_generator
    def broken(spec):
        yield spec.first_dna()
        raise ValueError("no more")

    algorithm = broken()
    algorithm.setup(SPEC)
    algorithm.propose()
    with pytest.raises(ValueError, match="no more"):
        algorithm.propose()
    with pytest.raises(FieldValueError, match="Error happened earlier: no more"):
        algorithm.propose()


def test_deduping():
    algorithm = geno.Deduping(geno.Random(seed=1))
    algorithm.setup(SPEC)
    found = list(algorithm)
    assert len(found) == len(set(found)) == SPEC.space_size


def test_rewards_of_duplicates_can_be_computed():
    algorithm = geno.Deduping(Counting(), auto_reward_fn=max, max_duplicates=1)
    algorithm.setup(SPEC)
    for reward in (1.0, 2.0, 3.0):
        algorithm.feedback(algorithm.propose(), reward)
    assert algorithm.propose().metadata.reward == 1.0


@pytest.mark.parametrize("algorithm", [Sweep(), TPE(seed=1), "random"])
def test_the_core_s_algorithms_propose_dna(algorithm):
    generator = to_generator(algorithm)
    generator.setup(SPEC)
    for _ in range(12):
        dna = generator.propose()
        SPEC.validate(dna)
        assert dna.spec is SPEC
        generator.feedback(dna, float(dna.children[0].value))


def test_the_core_s_sweep_ends():
    generator = to_generator(Sweep())
    generator.setup(SPEC)
    assert [dna for dna, _ in generator] == list(SPEC.iter_dna())


def test_several_objectives_of_the_core():
    generator = to_generator(NSGA2(population_size=4))
    assert generator.multi_objective is to_algorithm(NSGA2(population_size=4)).several_rewards
    generator.setup(SPEC)
    for _ in range(8):
        generator.feedback(generator.propose(), (1.0, 2.0))


def test_what_is_not_an_algorithm():
    with pytest.raises(
        FieldTypeError,
        match=r"an algorithm is a pg\.DNAGenerator, such as pg\.geno\.Random\(\), or one of pliant",
    ):
        to_generator(3)


def test_theirs_searches_a_program_of_the_core():
    seen = []
    program = {"x": pliant.oneof(["a", "b"]), "n": pliant.intv(1, 3)}
    for value, feedback in pliant.sample(program, trials=6, algorithm=geno.Sweeping()):
        seen.append((value["x"], value["n"]))
        feedback(value["n"])
    assert seen == [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3)]


def test_theirs_restores_from_json():
    algorithm = geno.Random(seed=3).as_algorithm()
    algorithm.setup(SPACE)
    proposed = [algorithm.propose() for _ in range(5)]
    algorithm.feedback(proposed[2], 1.0)
    algorithm.feedback(proposed[0], None)
    again = geno.Random(seed=3).as_algorithm()
    again.setup(SPACE)
    again.restore(json.loads(json.dumps(algorithm.state())))
    assert again.propose() == algorithm.propose()
    assert again.generator.num_feedbacks == 1
