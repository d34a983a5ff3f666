from __future__ import annotations

import re

import pytest

import pliant as pg
from pliant import algorithms, oneshot
from pliant.algorithms import (
    Auto,
    Deduplicate,
    Evolution,
    LocalSearch,
    Random,
    Sweep,
    generators,
    to_algorithm,
)
from pliant.algorithms.generators import ALIASES, NAMES, SAMPLERS
from pliant.values.errors import FieldTypeError, FieldValueError, UnknownFieldError


def test_none_is_the_default():
    assert isinstance(to_algorithm(), Auto)
    assert isinstance(to_algorithm(None), Auto)


def test_an_algorithm_is_itself():
    algorithm = Random()
    assert to_algorithm(algorithm) is algorithm


def test_an_object_that_makes_an_algorithm():
    class Theirs:
        def as_algorithm(self):
            return made

    made = Random()
    assert to_algorithm(Theirs()) is made


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Local-Search", LocalSearch),
        (" random ", Random),
        ("RegularizedEvolution", Evolution),
        ("evolution", Evolution),
        ("genetic", Evolution),
        ("NSGA-II", Evolution),
        ("grid search", Sweep),
        ("random_search", Random),
        ("bo(initial=3)", algorithms.Bayesian),
        ("TPE", algorithms.TPE),
    ],
)
def test_usual_names(text, kind):
    assert isinstance(to_algorithm(text), kind)
    assert to_algorithm(text) is not to_algorithm(text)


def test_aliases_lead_to_names_and_are_none():
    assert set(ALIASES.values()) <= set(NAMES)
    assert not set(ALIASES) & {name.replace("_", "") for name in NAMES}


def test_options_are_passed():
    assert to_algorithm("re(population_size=7, seed=2)").population_size == 7
    assert to_algorithm("asha(algorithm='tpe(startup=5)')").algorithm.startup == 5


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            Random,
            r"given as an object, such as pg\.algorithms\.TPE\(\), .* got Random itself\. Call it: Random\(\)",
        ),
        (generators.NSGA2, r"got NSGA2 itself\. Call it: NSGA2\(\)"),
        (5, r"got 5 of type int\. For the number of trials, write trials=5"),
        (lambda program: 1.0, r"as its name, such as 'tpe', or as None for the default; got <function"),
        (True, r"got True of type bool\."),
        (
            oneshot.SPOS,
            r"SPOS is a weight-sharing sampler.*pliant\.oneshot\.SPOS\(\.\.\.\), used with pliant\.oneshot\.Trainer",
        ),
        (oneshot.TuNAS(), r"TuNAS is a weight-sharing sampler.*pliant\.oneshot\.TuNAS\(\.\.\.\)"),
    ],
)
def test_other_values_are_refused(value, message):
    with pytest.raises(FieldTypeError, match=message):
        to_algorithm(value)


@pytest.mark.parametrize("text", ["tunas", "TuNAS(seed=1)", "proxyless_nas"])
def test_a_sampler_by_name_is_refused(text):
    with pytest.raises(
        FieldValueError, match=r"unknown algorithm .*is a weight-sharing sampler.*pliant\.oneshot\."
    ):
        to_algorithm(text)


def test_bad_text_is_refused():
    with pytest.raises(FieldValueError, match=r"unknown algorithm 'tep'; did you mean 'tpe'\?"):
        to_algorithm("tep")
    with pytest.raises(FieldValueError, match=r"unknown algorithm ''"):
        to_algorithm("")
    with pytest.raises(UnknownFieldError, match=r"no option 'startpu'; did you mean 'startup'"):
        to_algorithm("asha(algorithm=tpe(startpu=1))")


def test_all_samplers_are_known():
    public = {name: getattr(oneshot, name) for name in oneshot.__all__}
    samplers = {
        name
        for name, kind in public.items()
        if isinstance(kind, type) and issubclass(kind, oneshot.Sampler) and not kind.__abstractmethods__
    }
    assert samplers - {"MutatorSampler"} == set(SAMPLERS)


@pytest.mark.parametrize("module", [generators, algorithms])
def test_a_sampler_among_the_algorithms_points_to_its_package(module):
    with pytest.raises(AttributeError, match=r"'TuNAS' is not a search algorithm\. .*pliant\.oneshot\.TuNAS"):
        module.TuNAS  # noqa: B018
    with pytest.raises(AttributeError, match=r"unknown algorithm 'Tpe'; did you mean 'TPE'"):
        module.Tpe  # noqa: B018


def test_the_package_shows_the_algorithms():
    assert dir(pg.algorithms) == sorted(algorithms.__all__)
    assert {"TPE", "Random", "Algorithm", "make"} <= set(dir(pg.algorithms))
    assert dir(pg.generators) == sorted(generators.__all__)
    for name in algorithms.__all__:
        assert getattr(pg.algorithms, name) is not None
    assert set(NAMES.values()) <= set(algorithms.__all__)
    assert pg.algorithms.TPE is pg.generators.TPE
    assert pg.algorithms.Deduplicate is Deduplicate


@pytest.mark.parametrize("name", ["optuna(CmaEsSampler)", "CmaEsSampler", "TPESampler", "nsgaiii"])
def test_a_sampler_of_optuna_is_given_by_name(name):
    with pytest.raises(FieldValueError, match=r"write \"?optuna\(sampler='") as caught:
        to_algorithm(name)
    remedy = re.search(r"write \"?(optuna\(sampler='\w+'\))", str(caught.value))[1]
    assert type(to_algorithm(remedy)).__name__ == "Optuna"


def test_an_inner_algorithm_without_its_keyword():
    with pytest.raises(FieldValueError, match=r"write asha\(algorithm=tpe\)"):
        to_algorithm("asha(tpe)")
    assert to_algorithm("asha(algorithm=tpe)").algorithm


def test_the_default_of_the_command_is_that_of_the_library():
    from pliant.algorithms.naming import DEFAULT
    from pliant.cli.search import ALGORITHM

    assert ALGORITHM == DEFAULT
