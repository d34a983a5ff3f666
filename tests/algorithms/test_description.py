"""Descriptions of algorithms as JSON: round trips, comparison, and algorithms of users."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pliant.algorithms import Algorithm, Deduplicate, Random, RegularizedEvolution, generators, to_algorithm
from pliant.algorithms.description import describe, differences, rebuild, to_text
from pliant.space import choice, flatten
from pliant.values.errors import LoadError

SPACE = flatten([choice("op", 3)])


class Coin(Algorithm):
    """Keeps no option under its own name."""

    def __init__(self, bias=0.5, *others, inner=None, seed=0, **more):
        super().__init__(seed)
        self.p = bias

    def _propose(self):
        return self.space.sample(self.random)


class Dime(Coin):
    """Has the constructor of its base class."""


class Plain(Algorithm):
    """Has no constructor."""

    def _propose(self):
        return self.space.sample(self.random)


@pytest.mark.parametrize("name", generators.NAMES)
def test_every_algorithm_is_rebuilt_from_json(name):
    made = generators.make(name)
    description = json.loads(json.dumps(describe(made), allow_nan=False))
    again = rebuild(description)
    assert type(again) is type(made)
    assert describe(again) == description
    assert differences(description, describe(again)) == []


def test_nested_algorithms_are_values_not_text():
    found = describe(Deduplicate(RegularizedEvolution(10, 5), attempts=7))
    assert found["options"]["attempts"] == 7
    steps = found["options"]["algorithm"]["options"]["reproduce"]["options"]["steps"]
    assert steps[0] == {"name": "Tournament", "options": {"size": 5, "count": 1}}
    assert rebuild(found).algorithm.reproduce == RegularizedEvolution(10, 5).reproduce


@pytest.mark.parametrize("kind", [Coin, Dime])
def test_an_algorithm_of_a_user_has_its_import_name_and_all_options(kind):
    found = describe(kind(0.25, "a", inner=Random(seed=4), unit="cent"))
    assert found["name"] == f"{__name__}:{kind.__name__}"
    assert found["options"] == {
        "bias": 0.25,
        "others": ["a"],
        "inner": describe(Random(seed=4)),
        "seed": 0,
        "more": {"dict": {"unit": "cent"}},
    }
    assert differences(found, describe(kind(0.5, "a", inner=Random(seed=5)))) == [
        "bias=0.25 against 0.5",
        f"inner={to_text(describe(Random(seed=4)))} against {to_text(describe(Random(seed=5)))}",
        "more={'unit': 'cent'} against {}",
    ]
    with pytest.raises(
        LoadError, match=rf"the algorithm {kind.__name__}\(bias=0.25, .*' is not a class of Pliant"
    ):
        rebuild(found)


def test_setup_may_replace_the_seed():
    coin = Coin()
    coin.setup(SPACE, seed=9)
    assert describe(coin)["options"]["seed"] == 9
    assert describe(Plain(3)) == {"name": f"{__name__}:Plain", "options": {"seed": 3}}


def test_a_class_of_a_user_may_move_but_is_none_of_ours():
    here, there = describe(Plain()), {**describe(Plain()), "name": "elsewhere:Plain"}
    assert differences(there, here) == []
    assert differences({**there, "name": "Plain"}, here) == [f"Plain against {__name__}:Plain"]


def test_options_that_only_one_has_are_left_out_at_every_depth():
    old = describe(Deduplicate(Random(seed=1)))
    del old["options"]["algorithm"]["options"]["uniform"], old["options"]["attempts"]
    assert differences(old, describe(Deduplicate(Random(seed=1), attempts=3))) == []


class Box:
    """No part of Pliant's, without options."""

    def __repr__(self):
        return "<box>"


@pytest.mark.parametrize(
    ("value", "data", "text"),
    [
        (float("inf"), {"text": "inf"}, "inf"),
        ((1, [2.5, None]), [1, [2.5, None]], "[1, [2.5, None]]"),
        (Box(), {"text": "<box>"}, "<box>"),
        (len, {"import": "builtins:len"}, "len"),
        (Box, {"import": f"{__name__}:Box"}, "Box"),
    ],
    ids=["inf", "tuple", "box", "function", "class"],
)
def test_values(value, data, text):
    found = describe(Coin(value))["options"]["bias"]
    assert found == data
    assert to_text(found) == text


def test_what_is_no_algorithm_is_not_rebuilt():
    with pytest.raises(LoadError, match="is not an algorithm, but of type Mutate"):
        rebuild({"name": "Mutate", "options": {"times": 1}})
    with pytest.raises(LoadError, match=r"cannot be made: .*attempts"):
        rebuild({"name": "Deduplicate", "options": {"algorithm": describe(Random()), "attempts": "many"}})
    with pytest.raises(LoadError, match="known by its text only"):
        rebuild({"name": "Deduplicate", "options": {"algorithm": {"text": "x"}}})


def test_the_signature_of_a_constructor_is_its_own():
    assert to_algorithm("asha(eta=4)").eta == 4
    with pytest.raises(TypeError, match="unexpected keyword argument 'spin'"):
        Random(spin=1)


class Part:
    """Keeps its argument under another name."""

    def __init__(self, strength):
        self._strength = strength


class Holder(Plain):
    def __init__(self, part):
        super().__init__()
        self._kept = part


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (np.arange(3), np.arange(3) + 1),
        (np.arange(1000), np.arange(1000) + 1),
        (np.ones(2), np.ones(2, dtype=int)),
        (Part(1), Part(2)),
        (Part(np.zeros(1)), Part(np.ones(1))),
    ],
    ids=["array", "large array", "type", "object", "object with an array"],
)
def test_arguments_of_a_custom_algorithm_that_differ_inside(before, after):
    assert not differences(describe(Holder(before)), describe(Holder(before)))
    assert differences(describe(Holder(before)), describe(Holder(after)))
    json.dumps(describe(Holder(before)))
