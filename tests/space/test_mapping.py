"""Decisions in another space: by path, name and value; what does not fit is None, and nothing is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.space import choice, flatten, floating, integer
from pliant.space.mapping import check_change, map_decisions
from pliant.values.errors import FieldTypeError, FieldValueError


def make(ops=("id", "conv", "pool"), top=3, acts=("relu", "tanh"), lr=1.0):
    """A conditional space: `conv` has k, `pool` has k as well; then act, lr and two sorted picks."""
    below = {"conv": integer("k", 1, top), "pool": integer("k", 1, 2)}
    return flatten(
        [
            choice("op", [below.get(op) for op in ops], literals=[repr(op) for op in ops], name="operation"),
            choice("act", len(acts), literals=[repr(act) for act in acts]),
            floating("lr", 0.0, lr),
            choice("picks", 4, literals=["1", "2", "3", "4"], picks=2, sorted=True),
        ]
    )


OLD = make()
SEEDS = st.integers(0, 10_000)


@given(SEEDS)
def test_an_equal_space_maps_each_to_itself(seed):
    decisions = OLD.sample(seed)
    assert map_decisions(decisions, make()) == decisions


@given(SEEDS)
def test_a_wider_space_has_all_and_the_way_back_is_the_inverse(seed):
    wide = make(("pool", "skip", "conv", "id"), top=9, acts=("gelu", "tanh", "relu"), lr=10.0)
    decisions = OLD.sample(seed)
    there = map_decisions(decisions, wide)
    assert there is not None
    assert there.params["operation"] == decisions.params["operation"]
    assert sorted(there.params.values(), key=repr) == sorted(decisions.params.values(), key=repr)
    assert map_decisions(there, OLD) == decisions


@given(SEEDS)
def test_a_narrower_space_has_those_whose_values_it_has(seed):
    narrow = make(("conv", "id"), top=2, acts=("tanh",), lr=0.5)
    decisions = OLD.sample(seed)
    params = decisions.params
    fits = (
        params["operation"] != "pool"
        and params.get("op[=1/3].k", 1) <= 2
        and params["act"] == "tanh"
        and params["lr"] <= 0.5
    )
    there = map_decisions(decisions, narrow)
    assert (there is not None) is fits
    if there is not None:
        assert there.params["lr"] == params["lr"]


def test_what_is_below_a_candidate_goes_with_the_candidate_not_with_its_index():
    swapped = make(("id", "pool", "conv"))
    pool = OLD.parse({"op": 2, "op[=2/3].k": 2, "act": 0, "lr": 0.5, "picks": [0, 1]})
    there = map_decisions(pool, swapped)
    assert (there.params["operation"], there["op[=1/3].k"]) == ("pool", 2)
    conv = OLD.parse({"op": 1, "op[=1/3].k": 3, "act": 0, "lr": 0.5, "picks": [0, 1]})
    assert map_decisions(conv, swapped)["op[=2/3].k"] == 3


def test_values_are_told_apart_by_type():
    old = flatten([choice("x", 3, literals=["1", "'1'", "True"])])
    new = flatten([choice("x", 3, literals=["True", "1", "'1'"])])
    assert [map_decisions(one, new).values for one in old.iterate()] == [(1,), (2,), (0,)]
    assert map_decisions(old.parse([0]), flatten([choice("x", 1, literals=["1.0"])])) is None
    assert map_decisions(old.parse([0]), flatten([choice("x", 2, literals=["1", "1"])])) is None  # which one?


def test_an_integer_becomes_a_choice_of_numbers_and_back():
    old, new = flatten([integer("x", 1, 4)]), flatten([choice("x", 2, values=[2, 4])])
    assert [map_decisions(one, new) and map_decisions(one, new).values for one in old.iterate()] == [
        None,
        (0,),
        None,
        (1,),
    ]
    assert [map_decisions(one, old).values for one in new.iterate()] == [(2,), (4,)]


def test_a_hole_more_or_less_needs_a_function():
    old, new = flatten([integer("x", 1, 4)]), flatten([integer("x", 1, 4), integer("y", 0, 9)])
    assert map_decisions(old.parse([2]), new) is None
    assert map_decisions(old.parse([2]), new, lambda params: {**params, "y": 7}).values == (2, 7)
    assert map_decisions(new.parse([2, 7]), old) is None
    assert map_decisions(new.parse([2, 7]), old, lambda params: {"x": params["x"]}).values == (2,)
    assert (
        map_decisions(new.parse([2, 7]), old, lambda params: {"x": params["x"]} if params["y"] == 0 else None)
        is None
    )
    assert map_decisions(old.parse([2]), new, lambda params: {**params, "y": 70}) is None  # out of range


def test_renaming():
    old = flatten(
        [choice("op", [integer("k", 1, 3), None], literals=["conv", "id"]), floating("lr", 0.0, 1.0)]
    )
    new = flatten(
        [choice("kind", [None, integer("k", 1, 3)], literals=["id", "conv"]), floating("rate", 0.0, 1.0)]
    )
    names = {"op": "kind", "lr": "rate"}
    assert map_decisions(old.parse([0, 2, 0.5]), new, names).to_dict() == {
        "kind": 1,
        "kind[=1/2].k": 2,
        "rate": 0.5,
    }
    assert map_decisions(old.parse([0, 2, 0.5]), new) is None
    back = {new: old for old, new in names.items()}
    assert map_decisions(map_decisions(old.parse([0, 2, 0.5]), new, names), old, back) == old.parse(
        [0, 2, 0.5]
    )


def test_rules_of_picks_hold_in_the_new_space():
    loose = flatten([choice("x", 3, picks=2, distinct=False)])
    strict = flatten([choice("x", 3, picks=2, distinct=True, sorted=True)])
    assert map_decisions(loose.parse([0, 2]), strict).values == (0, 2)
    assert map_decisions(loose.parse([2, 0]), strict) is None
    assert map_decisions(loose.parse([1, 1]), strict) is None


def test_wrong_maps():
    with pytest.raises(
        FieldTypeError,
        match=r"the function that maps decisions returns a dict of values .* or None; got 3 of type int",
    ):
        map_decisions(OLD.sample(1), OLD, lambda params: 3)
    with pytest.raises(
        FieldValueError,
        match=r"map renames 'operatoin', which is not a path or name of the study's space; did you mean 'operation'\?",
    ):
        check_change({"operatoin": "x"}, OLD)
    for wrong in (3, "lr", {"lr": 3}, ["lr"]):
        with pytest.raises(
            FieldTypeError, match=r"map is a dict of new paths or names by old ones, such as .* got"
        ):
            check_change(wrong, OLD)


def test_arguments_of_other_types_are_refused():
    space = flatten([integer("k", 1, 3)])
    decisions = space.parse([2])
    with pytest.raises(
        FieldTypeError, match=r"takes Decisions, such as `trial.decisions`; got \[2\] of type list"
    ):
        map_decisions([2], space)
    with pytest.raises(
        FieldTypeError, match=r"takes a Space, such as `pg.abstract_search_space\(program\)`; got 'k'"
    ):
        map_decisions(decisions, "k")
    with pytest.raises(FieldTypeError, match=r"map is a dict of new paths or names by old ones"):
        map_decisions(decisions, space, 7)
