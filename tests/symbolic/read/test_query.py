from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg
from pliant.symbolic.objects.containers import Dict, List
from pliant.symbolic.objects.object import Object
from pliant.symbolic.objects.symbolize import symbolize
from pliant.symbolic.read.query import contains, get, has, query
from pliant.symbolic.tree.realize import is_realized
from pliant.values.errors import FieldTypeError, FieldValueError, PathError
from pliant.values.path import Path


class Layer(Object):
    pass


class Conv(Layer):
    filters: int
    kernel: tuple[int, int] = (3, 3)


class Dense(Layer):
    units: int


class Sequential(Layer):
    children: list[Layer]


@symbolize
class Lazy:
    def __init__(self, filters):
        raise AssertionError("a query realized it")


@dataclass
class Plain:
    filters: int


MODEL = Dict(model=Sequential([Conv(8), Dense(10)]), filters=3)


def test_by_regex_as_in_figure_17():
    assert query(MODEL, ".*filters") == {"model.children[0].filters": 8, "filters": 3}


def test_a_regex_matches_from_the_start():
    assert query(MODEL, "filters") == {"filters": 3}
    assert query(MODEL, r"model\.children\[\d\]$") == {
        "model.children[0]": Conv(8),
        "model.children[1]": Dense(10),
    }
    assert query(MODEL, re.compile("FILTERS", re.IGNORECASE)) == {"filters": 3}


def test_the_root_has_the_empty_path():
    assert query(MODEL, ".*") == {"": MODEL}
    assert query(MODEL, where=lambda v: isinstance(v, Dict)) == {"": MODEL}
    assert query(5, where=lambda v: v == 5) == {"": 5}
    assert query(5, "a") == {}


def test_paths_are_relative_to_what_is_queried():
    assert query(MODEL.model, ".*filters") == {"children[0].filters": 8}


def test_by_predicate_of_the_value():
    assert query(MODEL, where=lambda v: isinstance(v, Dense)) == {"model.children[1]": Dense(10)}
    assert query(MODEL, lambda x: isinstance(x, Dense)) == {"model.children[1]": Dense(10)}


def test_by_predicate_of_value_and_parent():
    found = query(MODEL, where=lambda v, parent: isinstance(parent, Conv) and v == 8)
    assert found == {"model.children[0].filters": 8}
    assert query(MODEL, where=lambda v, p: p is None) == {"": MODEL}


@pytest.mark.parametrize(
    "where",
    [
        lambda k, v: k == "filters" and v == 8,
        lambda key, v: key == "model.children[0].filters",
        lambda key_path, v: key_path == "filters" and v > 5,
        lambda path, value: path.key == "filters" and path.depth > 1 if path else False,
        lambda k, v, p: k == "filters" and isinstance(p, Conv),
        lambda a, b, c: a == "filters" and b == 8 and isinstance(c, Conv),
    ],
)
def test_by_predicate_of_the_path(where):
    assert query(MODEL, where=where) == {"model.children[0].filters": 8}


def test_arguments_with_defaults_are_the_functions_own():
    assert query(MODEL, where=lambda v, cls=Dense: isinstance(v, cls)) == {"model.children[1]": Dense(10)}


def test_by_both():
    assert query(MODEL, ".*filters", where=lambda v: v > 5) == {"model.children[0].filters": 8}
    assert query(MODEL, ".*filters", lambda v, p: isinstance(p, Dict)) == {"filters": 3}


def test_by_custom_selector():
    assert query(MODEL, custom_selector=lambda k, v: k.depth == 1 and v == 3) == {"filters": 3}
    assert query(MODEL, custom_selector=lambda key, value, parent: parent == Conv(8) and value == 8) == {
        "model.children[0].filters": 8
    }
    assert query(MODEL, ".*filters", lambda v: v > 5, custom_selector=lambda k, v: True) == {
        "model.children[0].filters": 8
    }


def test_what_is_selected_is_not_entered_unless_asked_for():
    nested = Dict(a=Dict(a=1, b=Dict(a=2)))
    assert list(query(nested, ".*a")) == ["a"]
    assert list(query(nested, ".*a", enter_selected=True)) == ["a", "a.a", "a.b", "a.b.a"]
    assert list(query(nested, lambda v: isinstance(v, dict), enter_selected=True)) == ["", "a", "a.b"]


def test_looks_into_plain_containers():
    plain = {"a": [1, (2, Plain(3))], "b": Dict(c=4)}
    assert query(plain, where=lambda v: isinstance(v, int)) == {
        "a[0]": 1,
        "a[1][0]": 2,
        "a[1][1].filters": 3,
        "b.c": 4,
    }


def test_keys_that_are_no_names_are_quoted():
    x = Dict({"x.y": {"x.y": 1}, 3: 2, "a": {None: 5}})
    assert query(x, lambda v: isinstance(v, int)) == {"['x.y']['x.y']": 1, "[3]": 2, "a[None]": 5}
    assert query(x, where=lambda k, v: v == 5) == {"a[None]": 5}


def test_fields_without_a_value_are_not_asked_for():
    assert query(Conv.partial(), ".+", enter_selected=True) == {
        "kernel": (3, 3),
        "kernel[0]": 3,
        "kernel[1]": 3,
    }
    assert list(query(Conv.partial(), lambda v: not isinstance(v, Conv))) == ["kernel"]


def test_never_realizes():
    x = Dict(a=Lazy(8))
    assert query(x, ".*filters") == {"a.filters": 8}
    assert list(query(x, lambda v: isinstance(v, Lazy))) == ["a"]
    assert contains(x, 8)
    assert not is_realized(x.a)


def test_method_form():
    assert MODEL.query(".*filters") == query(MODEL, ".*filters")


def test_wrong_calls():
    with pytest.raises(
        FieldValueError,
        match=r"'\*a' is not a regular expression: nothing to repeat at position 0\. Write brackets",
    ):
        query(MODEL, "*a")
    with pytest.raises(FieldTypeError, match=r"query needs a regular expression .*; got 5 of type int"):
        query(MODEL, 5)
    with pytest.raises(FieldTypeError, match="query has two predicates; pass one of them, as `where=`"):
        query(MODEL, lambda v: True, lambda v: True)
    with pytest.raises(FieldTypeError, match=r"a predicate must be a function; got 'x' of type str"):
        query(MODEL, where="x")
    with pytest.raises(
        FieldTypeError, match=r"\(k, value, parent\); '<lambda>' takes 4 arguments: a, b, c, d"
    ):
        query(MODEL, where=lambda a, b, c, d: True)


def test_get():
    assert get(MODEL, "model.children[0].filters") == 8
    assert get(MODEL, "") is MODEL
    assert get(MODEL, Path.parse("filters")) == 3
    assert get(MODEL.model.children, 1) == Dense(10)
    assert get(MODEL, "model.children[0].kernel[1]") == 3
    assert get({"a": [1]}, "a[0]") == 1
    assert get(MODEL, "nothing", None) is None
    assert get(MODEL, "filters.below", 7) == 7


def test_get_says_what_is_near():
    with pytest.raises(
        PathError,
        match=r"nothing is at path 'model.children\[0\].filtres': the Conv at path 'model.children\[0\]' has no "
        r"'filtres'; did you mean 'filters'\? It has: 'filters', 'kernel'\.",
    ):
        get(MODEL, "model.children[0].filtres")
    with pytest.raises(PathError, match=r"the int at path 'filters' has no 'x'\. It has: none"):
        get(MODEL, "filters.x")
    with pytest.raises(PathError, match=r"the Dict at the root has no 'zzz'\. It has: 'model', 'filters'"):
        get(MODEL, "zzz")
    with pytest.raises(PathError, match=r"'a\.\.b' is not a path"):
        get(MODEL, "a..b", None)


def test_has():
    assert has(MODEL, "model.children[1].units")
    assert not has(MODEL, "model.children[2]")
    assert not has(Conv.partial(), "filters")
    assert has(Dict(a=None), "a")


def test_contains():
    assert contains(MODEL, Conv(8))
    assert contains(MODEL, value=MODEL)
    assert not contains(MODEL, "x")
    assert contains(Dict(a=None), None)
    assert contains(MODEL, type=Dense)
    assert not contains(MODEL, type=(str, bytes))
    assert contains(MODEL, 8, type=int)
    assert not contains(MODEL, 8, type=str)
    with pytest.raises(FieldTypeError, match="pass `value=` or `type=`"):
        contains(MODEL)


LEAVES = st.integers(0, 3) | st.none() | st.text("ab", max_size=2)
TREES = st.recursive(
    LEAVES,
    lambda t: (
        st.lists(t, max_size=3)
        | st.tuples(t, t)
        | st.dictionaries(st.sampled_from(["a", "b", "x.y", "q-r"]) | st.integers(0, 2), t, max_size=3)
    ),
    max_leaves=12,
)


@given(TREES)
def test_every_value_is_found_under_the_path_that_gets_it(plain):
    x = Dict(root=plain)
    everything = query(x, lambda v: True, enter_selected=True)
    by_text = query(x, "", enter_selected=True)
    by_path = query(x, where=lambda k, v: True, enter_selected=True)
    met = []
    pg.traverse(x, lambda k, v, p: met.append(str(k)))
    assert list(everything) == list(by_text) == list(by_path) == met
    for path, value in everything.items():
        assert get(x, path) is value
        assert by_text[path] is by_path[path] is value


def test_lists():
    assert query(List([1, 2]), r"\[1\]") == {"[1]": 2}
