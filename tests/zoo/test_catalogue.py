"""Laws of all entries of the zoo: each makes what it says, under its published name."""

from __future__ import annotations

import math

import pytest
import torch

import pliant as pg
from pliant import zoo
from pliant.values.errors import FieldValueError, UnknownFieldError

NAMES = zoo.list()
SPACES = [name for name in NAMES if zoo.get(name).space_name]
NETWORKS = [name for name in NAMES if zoo.get(name).network_name]
TRAINED = [name for name in SPACES if zoo.get(name).inputs and zoo.get(name).always_valid]


def run(network: torch.nn.Module, entry: zoo.Entry) -> torch.Tensor:
    """Returns the output, or the first of several, on the device without data, so that only shapes are computed."""
    out = network.to("meta")(entry.make_input(2).to("meta"))
    return out[0] if isinstance(out, list) else out


def test_names_are_listed_by_pattern():
    assert zoo.list("mobilenet_v2/s?") == ["mobilenet_v2/s1", "mobilenet_v2/s2", "mobilenet_v2/s3"]
    assert zoo.list("nothing*") == []
    assert len(set(NAMES)) == len(NAMES) > 10


def test_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(FieldValueError, match=r"no entry 'mobilenet_v2/s4'; did you mean 'mobilenet_v2/s\d'"):
        zoo.get("mobilenet_v2/s4")


def test_unknown_option_is_refused_with_those_there_are():
    with pytest.raises(UnknownFieldError, match="'darts' has no option 'widht'; did you mean 'width'"):
        zoo.get("darts").make_space(widht=4)
    with pytest.raises(UnknownFieldError, match="'mobilenet_v2/s1' has no option 'name'"):
        zoo.get("mobilenet_v2/s1").make_space(name="S2")  # the name of the entry says it


def test_what_an_entry_lacks_is_refused_with_what_it_has():
    with pytest.raises(
        FieldValueError, match=r"is one network, .*`zoo.get\('mobilenet_v2'\).make_network\(\)`"
    ):
        zoo.get("mobilenet_v2").make_space()
    assert isinstance(zoo.get("mobilenet_v2").make_network(), torch.nn.Module)  # the advice
    with pytest.raises(
        FieldValueError, match=r"without a reference network\. `zoo.get\('nasbench101'\).make_space\(\)`"
    ):
        zoo.get("nasbench101").make_network()
    assert zoo.get("nasbench101").make_space() is not None


def test_size_of_continuous_decisions_and_of_a_network():
    assert zoo.get("mobilenet_recipe").size == math.inf
    assert zoo.get("mobilenet_v2").size == 1


def test_data_take_no_input():
    with pytest.raises(FieldValueError, match="the programs of 'nasbench101' are data, not networks"):
        zoo.get("nasbench101").make_input()
    assert zoo.get("darts").make_input(3).shape == (3, 3, 32, 32)


@pytest.mark.parametrize("name", NAMES)
def test_entry_says_what_it_is(name):
    entry = zoo.get(name)
    assert entry.name == name
    assert entry.title
    assert entry.paper.rstrip(".")[-4:].isdigit()  # the year
    assert entry.space_name or entry.network_name


@pytest.mark.parametrize("name", SPACES)
def test_space_has_its_size_and_samples(name):
    space = zoo.get(name).make_space()
    assert zoo.get(name).size == pg.abstract_search_space(space).size > 1
    drawn = [pg.random_sample(space, seed=seed) for seed in range(3)]
    assert not any(pg.abstract_search_space(one).points for one in drawn)
    assert not all(pg.eq(drawn[0], one) for one in drawn)


@pytest.mark.parametrize("name", TRAINED)
def test_sampled_network_gives_scores(name):
    entry = zoo.get(name)
    out = run(pg.random_sample(entry.make_space(), seed=1), entry)
    assert out.shape[0] == 2
    assert out.dim() == {"auto_deeplab": 4, "spinenet": 4, "language/decoder": 3}.get(name, 2)


@pytest.mark.parametrize("name", NETWORKS)
def test_reference_network_is_symbolic_and_runs(name):
    entry = zoo.get(name)
    network = entry.make_network()
    assert pg.eq(pg.clone(network), network)
    assert run(network, entry).shape[0] == 2
