"""``pg.List`` and ``pg.Dict`` keep the contracts of ``list`` and ``dict``: the same operations have the same results."""

from __future__ import annotations

import copy
import operator
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg

ITEMS = st.integers(-2, 3) | st.none() | st.text("ab", max_size=1) | st.lists(st.integers(0, 2), max_size=2)
PLACES = st.integers(-6, 6)
SLICES = st.builds(
    slice, st.none() | PLACES, st.none() | PLACES, st.none() | st.sampled_from([-2, -1, 1, 2, 3])
)
LISTS = st.lists(ITEMS, max_size=4)


def own(value):
    """A copy of a value, as a tree takes it."""
    return copy.deepcopy(value)


LIST_STEPS = st.one_of(
    st.tuples(st.sampled_from(["append", "remove", "count", "index", "__contains__"]), st.tuples(ITEMS)),
    st.tuples(st.sampled_from(["extend", "__iadd__", "__add__", "__eq__"]), st.tuples(LISTS)),
    st.tuples(st.just("insert"), st.tuples(PLACES, ITEMS)),
    st.tuples(st.sampled_from(["pop", "__getitem__", "__delitem__"]), st.tuples(PLACES)),
    st.tuples(st.sampled_from(["__getitem__", "__delitem__"]), st.tuples(SLICES)),
    st.tuples(st.just("__setitem__"), st.tuples(PLACES, ITEMS) | st.tuples(SLICES, LISTS)),
    st.tuples(st.sampled_from(["pop", "clear", "reverse", "copy", "sort", "__len__", "__reversed__", "__iter__"]), st.just(())),
    st.tuples(st.sampled_from(["__mul__", "__rmul__", "__imul__"]), st.tuples(st.integers(-1, 2))),
)  # fmt: skip
KEYS = st.sampled_from(["a", "b", "c", 1, (1, 2), None])
DICTS = st.dictionaries(KEYS, ITEMS, max_size=3)
DICT_STEPS = st.one_of(
    st.tuples(st.sampled_from(["pop", "__getitem__", "__delitem__", "get", "__contains__", "setdefault"]), st.tuples(KEYS)),
    st.tuples(st.sampled_from(["pop", "get", "setdefault", "__setitem__"]), st.tuples(KEYS, ITEMS)),
    st.tuples(st.sampled_from(["update", "__or__", "__ior__", "__eq__"]), st.tuples(DICTS)),
    st.tuples(st.just("update"), st.tuples(st.lists(st.tuples(KEYS, ITEMS), max_size=3))),
    st.tuples(st.sampled_from(["popitem", "clear", "copy", "keys", "values", "items", "__len__", "__reversed__"]), st.just(())),
)  # fmt: skip


def run(holder, name, arguments):
    """The result of an operation, or the class of its error."""
    try:
        found = getattr(holder, name)(*own(arguments))
    except (TypeError, ValueError, LookupError) as error:
        return next(kind for kind in (IndexError, KeyError, TypeError, ValueError) if isinstance(error, kind))
    return list(found) if hasattr(found, "__next__") or type(found).__name__.startswith("dict_") else found


@given(LISTS, st.lists(LIST_STEPS, max_size=6))
def test_a_list_does_what_a_list_does(items, steps):
    plain, symbolic = own(items), pg.List(own(items))
    for name, arguments in steps:
        wanted, found = run(plain, name, arguments), run(symbolic, name, arguments)
        assert found == wanted, (name, arguments)
        if name in ("__add__", "__mul__", "__rmul__", "copy", "__iadd__", "__imul__"):
            assert type(found) is pg.List
        if name == "sort" and wanted is TypeError:
            return  # a list is in any order then; a List is unchanged
        check(symbolic, plain)


@given(DICTS, st.lists(DICT_STEPS, max_size=6))
def test_a_dict_does_what_a_dict_does(entries, steps):
    plain, symbolic = own(entries), pg.Dict(own(entries))
    for name, arguments in steps:
        wanted, found = run(plain, name, arguments), run(symbolic, name, arguments)
        assert found == wanted, (name, arguments)
        if name in ("__or__", "__ior__", "copy"):
            assert type(found) is pg.Dict
        assert list(symbolic) == list(plain)
        check(symbolic, plain)


def check(symbolic, plain):
    """Equal content, also in copies; and every node knows its place."""
    assert symbolic == plain
    assert plain == symbolic
    for twin in (
        copy.copy(symbolic),
        copy.deepcopy(symbolic),
        pickle.loads(pickle.dumps(symbolic)),
        symbolic.clone(),
    ):
        assert type(twin) is type(symbolic)
        assert twin == plain
    for value in symbolic.values() if isinstance(symbolic, dict) else symbolic:
        if isinstance(value, (pg.List, pg.Dict)):
            assert value.sym_parent is symbolic


@given(LISTS, LISTS)
def test_lists_compare_as_lists(a, b):
    for compare in (operator.lt, operator.le, operator.eq, operator.ne):
        try:
            wanted = compare(a, b)
        except TypeError:
            continue
        assert compare(pg.List(own(a)), pg.List(own(b))) is wanted
        assert compare(pg.List(own(a)), b) is wanted


def test_a_sum_has_copies_and_leaves_its_parts_as_they_were():
    left, right = pg.List([pg.Dict(a=1)]), pg.List([pg.Dict(b=2)])
    made = left + right + [{"c": 3}]
    made[0].a = 5
    assert (left, right, made) == ([{"a": 1}], [{"b": 2}], [{"a": 5}, {"b": 2}, {"c": 3}])
    assert isinstance(made[2], pg.Dict)
    assert all(item.sym_parent is made for item in made)
    merged = pg.Dict(a=[1]) | {"b": [2]}
    merged.a.append(3)
    assert merged == {"a": [1, 3], "b": [2]}
    assert type(merged.b) is pg.List
    with pytest.raises(TypeError, match=r"concatenate|unsupported operand"):
        operator.add(left, (1,))


def test_errors_are_those_of_a_list_and_a_dict():
    with pytest.raises(IndexError, match=r"a List at the root has 1 items; item 3 does not exist"):
        pg.List([1])[3] = 2
    with pytest.raises(KeyError, match=r"has no 'z' to delete"):
        del pg.Dict(a=1)["z"]
    with pytest.raises(KeyError, match=r"dictionary is empty"):
        pg.Dict().popitem()
