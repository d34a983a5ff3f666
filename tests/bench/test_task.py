"""What holds for every task."""

from __future__ import annotations

import math
import random

import pytest

import pliant as pg
from pliant.bench import get_task, task_names
from pliant.values.errors import DecisionError, FieldValueError

SYNTHETIC = ["branin", "hartmann6", "ellipsoid", "tree", "tour", "nk", "nk/rugged", "curves"]
TABULAR = [
    "nasbench201/cifar10",
    "nasbench201/cifar10-12",
    "nasbench201/cifar100",
    "nasbench201/imagenet16-120",
    "nasbench_macro",
    "ecnas_4v",
    "ecnas_5v",
]


def test_every_name_is_covered_here():
    assert sorted(task_names()) == sorted([*SYNTHETIC, *TABULAR, "nasbench101"])


@pytest.fixture(scope="module", params=SYNTHETIC)
def synthetic(request):
    return get_task(request.param)


@pytest.fixture(scope="module", params=TABULAR)
def tabular(request, data):
    return get_task(request.param, data)


def check_contract(task, name):
    assert task.name == name
    assert list(task.fidelities) == sorted(set(task.fidelities))
    assert pg.abstract_search_space(task.program) == task.space
    rng = random.Random(0)
    feasible = 0
    for _ in range(200):
        decisions = task.space.sample(rng)
        result = task.evaluate(decisions)
        assert (
            result == task.evaluate(list(decisions.values)) == task.evaluate(decisions, task.fidelities[-1])
        )
        assert task.encode(pg.materialize(task.program, decisions)) == decisions
        if result is None:
            continue
        feasible += 1
        assert type(result.reward) is float
        assert math.isfinite(result.reward)
        assert result.cost > 0
        assert task.regret(result) == task.optimum.test - result.test >= -1e-12
        assert result.reward <= task.optimum.reward + 1e-12
        cheapest = task.evaluate(decisions, task.fidelities[0])
        assert cheapest.cost <= result.cost
        assert cheapest.test == result.test  # what is reported does not depend on what the search saw
    assert feasible > 50


def test_contract_of_synthetic_tasks(request, synthetic):
    check_contract(synthetic, request.node.callspec.params["synthetic"])


def test_contract_of_tables(request, tabular):
    check_contract(tabular, request.node.callspec.params["tabular"])


def test_a_search_reaches_the_optimum_of_a_table(data):
    """A whole search over a program, as users write it."""
    task = get_task("nasbench_macro", data)
    search = pg.sample(
        task.program, pg.generators.RegularizedEvolution(population_size=20, tournament_size=5), 300
    )
    for network, feedback in search:
        feedback(task.evaluate(task.encode(network)).reward)
    best = task.evaluate(task.encode(search.best_program))
    assert task.regret(best) < 0.5


def test_bad_input():
    task = get_task("branin")
    with pytest.raises(FieldValueError, match=r"'branin' has no fidelity 7; it has 1, or None"):
        task.evaluate([0.0, 0.0], 7)
    with pytest.raises(FieldValueError, match=r"whole number in 0\.\.0, or None for the first; got 1"):
        task.evaluate([0.0, 0.0], repeat=1)
    with pytest.raises(FieldValueError, match="got True"):
        task.evaluate([0.0, 0.0], repeat=True)
    with pytest.raises(DecisionError, match="x1"):
        task.evaluate([99.0, 0.0])
    with pytest.raises(DecisionError, match=r"x2|x1|no hole|decision"):
        task.encode({"x1": 1.0})


def test_a_task_says_what_it_is():
    assert repr(get_task("nk", n=8, k=2)) == "Formula('nk(n=8, k=2)', Space(8 decision points, size 256))"
