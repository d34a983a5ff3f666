from __future__ import annotations

import pytest

from pliant.algorithms import Evolution, LocalSearch, Random, Sweep, generators, make
from pliant.values.errors import FieldTypeError, FieldValueError, UnknownFieldError


def test_every_public_name_is_there():
    for name in generators.__all__:
        assert callable(getattr(generators, name))
    assert generators.Sweeping is Sweep
    assert generators.Deduping is generators.Deduplicate


@pytest.mark.parametrize("name", generators.NAMES)
def test_every_name_makes_an_algorithm_with_a_seed(name):
    assert make(name).seed == 0
    assert make(name, seed=4).seed == 4


def test_names_are_read_kindly():
    assert isinstance(make("Local-Search"), LocalSearch)
    assert isinstance(make("RE", population_size=7), Evolution)
    assert not make("random", replace=False).replace


def test_an_unknown_name_is_a_lesson():
    with pytest.raises(
        FieldValueError,
        match=r"unknown algorithm 'randon'; did you mean 'random'\? Known: 'auto', 'random', 'sweep'",
    ):
        make("randon")
    with pytest.raises(FieldValueError, match=r"unknown algorithm 'zzzz'\. Known: 'auto'"):
        make("zzzz")


def test_an_unknown_option_is_a_lesson():
    with pytest.raises(
        UnknownFieldError, match=r"'re' has no option 'popsize'; did you mean 'population_size'\? It takes"
    ):
        make("re", popsize=3)
    with pytest.raises(
        UnknownFieldError,
        match=r"'random' has no option 'zzzz'\. It takes: 'seed', 'replace', 'uniform', 'prior'",
    ):
        make("random", zzzz=3)


@pytest.mark.parametrize("seed", [1.5, "1", None])
def test_a_bad_seed_is_a_lesson(seed):
    with pytest.raises(FieldTypeError, match=r"a seed is an integer, such as 0; got .* of type"):
        Random(seed)


def test_bad_options_are_lessons():
    with pytest.raises(
        FieldValueError,
        match=r"RegularizedEvolution\(population_size=...\) takes an integer of at least 1; got 0",
    ):
        generators.RegularizedEvolution(0)
    with pytest.raises(
        FieldTypeError, match=r"\(tournament_size=...\) takes an integer of at least 1; got 2.5 of type float"
    ):
        generators.RegularizedEvolution(tournament_size=2.5)
    with pytest.raises(FieldTypeError, match=r"Deduplicate\(attempts=...\) takes an integer"):
        generators.Deduplicate(Random(), attempts=True)
