"""The example of the README: hundreds of programs, three searches, and how many lines change between them."""

from __future__ import annotations

import difflib
import inspect
from pathlib import Path

import pytest

import pliant as pg
from pliant.cli.target import load_target

FILE = Path(__file__).parents[2] / "examples" / "quickstart.py"


@pytest.fixture(scope="module")
def quickstart():
    return load_target(str(FILE)).module


def changes(old, new):
    """How many lines are removed and added from one function to another, its name aside."""
    before, after = (inspect.getsource(function).splitlines()[1:] for function in (old, new))
    diff = [line[0] for line in difflib.ndiff(before, after)]
    return diff.count("-"), diff.count("+")


def test_it_is_short():
    text = FILE.read_text("utf-8")
    first = text[text.index("# Classes of PyTorch") : text.index("def search_by_default")]
    assert len([line for line in first.splitlines() if line.strip()]) <= 30
    assert len(text.splitlines()) <= 75


def test_the_space_has_hundreds_of_programs(quickstart):
    assert pg.abstract_search_space(quickstart.space).size == 400


def test_an_algorithm_is_one_line_and_weight_sharing_is_another_loop(quickstart):
    assert changes(quickstart.search_by_default, quickstart.search_by_evolution) == (1, 1)
    assert changes(quickstart.search_by_evolution, quickstart.search_by_weight_sharing) == (4, 5)


def test_each_search_beats_a_typical_random_network(quickstart):
    programs = pg.random_sample(quickstart.space, 0, num_examples=11)
    median = sorted(quickstart.evaluate(program) for program in programs)[5]
    for search in (
        quickstart.search_by_default,
        quickstart.search_by_evolution,
        quickstart.search_by_weight_sharing,
    ):
        network = search()
        assert pg.encode(quickstart.space, network)
        assert quickstart.score(network) > median  # it is trained
