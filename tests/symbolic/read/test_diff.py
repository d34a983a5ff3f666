from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.objects.containers import Dict, List
from pliant.symbolic.objects.object import Object
from pliant.symbolic.objects.symbolize import symbolize
from pliant.symbolic.read.compare import equal
from pliant.symbolic.read.diff import Diff, diff
from pliant.symbolic.tree.realize import is_realized
from pliant.values.missing import MISSING_VALUE


class A(Object):
    x: object
    y: int = 1


class B(Object):
    x: object


@dataclass
class Plain:
    x: int


@symbolize
class Lazy:
    def __init__(self, width):
        raise AssertionError("diff realized it")


def test_equal_trees_have_none():
    found = diff(Dict(a=[A(1)]), Dict(a=[A(1)]))
    assert not found
    assert len(found) == 0
    assert str(found) == "no differences"


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (Dict(a=1), Dict(a=2), {"a": (1, 2)}),
        (Dict(a=1), Dict(b=1), {"a": (1, MISSING_VALUE), "b": (MISSING_VALUE, 1)}),
        (List([1, 2, 3]), List([1, 5]), {"[1]": (2, 5), "[2]": (3, MISSING_VALUE)}),
        (A(1), A(2, y=3), {"x": (1, 2), "y": (1, 3)}),
        (A(1), B(1), {"": (A(1), B(1))}),
        (A.partial(), A(1), {"x": (MISSING_VALUE, 1)}),
        (Dict(a=A(1)), Dict(a=B(1)), {"a": (A(1), B(1))}),
        (Dict(a=[1]), Dict(a=(1,)), {"a": ([1], (1,))}),
        (A((1, 2)), A((1, 3)), {"x[1]": (2, 3)}),
        (A((1, 2)), A((1, 2, 3)), {"x[2]": (MISSING_VALUE, 3)}),
        (Dict({"x.y": 1}), {"x.y": 2}, {"['x.y']": (1, 2)}),
        (Plain(1), Plain(2), {"x": (1, 2)}),
        (1, "1", {"": (1, "1")}),
        (1, None, {"": (1, None)}),
    ],
)
def test_differences(x, y, expected):
    found = diff(x, y)
    assert dict(found) == expected
    assert found == expected
    assert found


def test_text_lists_a_difference_a_line():
    found = diff(
        Dict(model=A(1), old=1, kept=0, long="x" * 100), Dict(model=A("1"), new=[2], kept=0, long="x" * 99)
    )
    assert str(found) == (
        f"model.x: 1 -> '1'\nold: 1 -> nothing\nlong: '{'x' * 56}... -> '{'x' * 56}...\nnew: nothing -> [2]"
    )
    assert str(diff(1, 2)) == "(root): 1 -> 2"
    assert repr(diff(Dict(a=1), Dict(a=2))) == "Diff({'a': (1, 2)})"


def test_is_a_mapping_that_cannot_be_changed():
    found = diff(Dict(a=1), Dict(a=2))
    assert found["a"] == (1, 2)
    assert "b" not in found
    assert isinstance(found, Diff)
    with pytest.raises(AttributeError, match=r"a Diff cannot be changed; make a new one with `pg.diff"):
        found._found = {}
    with pytest.raises(TypeError, match="does not support item assignment"):
        found["a"] = (1, 1)


def test_never_realizes():
    x, y = Dict(a=Lazy(1)), Dict(a=Lazy(2))
    assert str(diff(x, y)) == "a.width: 1 -> 2"
    assert not is_realized(x.a)


TREES = st.recursive(
    st.integers(0, 3) | st.none() | st.text("ab", max_size=2),
    lambda t: (
        st.lists(t, max_size=3)
        | st.tuples(t, t)
        | st.dictionaries(st.sampled_from("abc"), t, max_size=3)
        | st.builds(A, t)
        | st.builds(B, t)
    ),
    max_leaves=10,
)


@given(TREES, TREES)
def test_there_are_differences_exactly_when_trees_differ(x, y):
    assert bool(diff(x, y)) is not equal(x, y)
    assert dict(diff(y, x)) == {path: (b, a) for path, (a, b) in diff(x, y).items()}


@given(TREES, TREES)
def test_rebinding_the_differences_makes_the_trees_equal(left, right):
    x, y = Dict(at=left), Dict(at=right)
    deletions_last = sorted(diff(x, y).items(), key=lambda item: item[1][1] is MISSING_VALUE)
    changes = {path: new for path, (_, new) in deletions_last}
    resized_tuple = any(isinstance(v, tuple) for v in (left, right)) or "(" in repr(left) + repr(right)
    if not resized_tuple:  # tuples are replaced whole, so they have no place for what is added
        assert rebind(x, changes) == y
