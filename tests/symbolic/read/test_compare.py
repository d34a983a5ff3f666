"""Equality, hash and order: by class and values, in agreement with each other."""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg


class A(pg.Object):
    x: object = None
    y: object = None


class B(pg.Object):
    x: object = None
    y: object = None


class Flat(pg.Object):
    number: int = 1
    rate: float = 0.5
    text: str = "a"


class Tree(pg.Object):
    number: int = 1
    parts: list[Flat] = []  # copied for each object


ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2)
    | st.sampled_from([0.0, 1.0, -0.5, math.nan])
    | st.sampled_from("ab")
)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(A, inner, inner)
        | st.builds(B, inner)
        | st.lists(inner, max_size=2).map(pg.List)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=2).map(pg.Dict)
    ),
    max_leaves=6,
)


FLAT = st.builds(
    Flat,
    st.sampled_from([0, 1, pg.oneof([1, 2]), 10**30]),
    st.sampled_from([0.0, 1.0, 1, math.nan, -math.nan, np.float64(1.0), pg.floatv(0, 1)]),
    st.sampled_from(["a", "b", np.str_("a")]),
)
TREES = FLAT | st.builds(Tree, st.integers(0, 1), st.lists(FLAT, max_size=2))


@given(TREES, TREES)
def test_typed_fields_compare_and_hash_by_their_values(x, y):
    same = type(x) is type(y) and all(
        pg.eq(a, b) or a == b for a, b in zip(x.sym_init_args.values(), y.sym_init_args.values())
    )
    assert pg.eq(x, y) is pg.eq(y, x) is (x == y) is same
    if same:
        assert pg.hash(x) == hash(y)
    assert pg.eq(x, pg.clone(x, deep=True))
    assert pg.hash(x) == pg.hash(pg.clone(x, deep=True))


@given(VALUES, VALUES)
def test_equal_values_have_equal_hashes(x, y):
    assert pg.eq(x, y) == pg.eq(y, x)
    assert pg.ne(x, y) != pg.eq(x, y)
    if pg.eq(x, y):
        assert pg.hash(x) == pg.hash(y)


@given(VALUES)
def test_a_value_equals_itself_and_its_copy(x):
    assert pg.eq(x, x)
    assert pg.eq(x, pg.clone(x))
    assert pg.hash(x) == pg.hash(pg.clone(x, deep=True))
    assert not pg.eq(x, A(x))
    assert not pg.lt(x, x)


@given(VALUES, VALUES, VALUES)
def test_the_order_is_total_on_what_can_be_ordered(x, y, z):
    if "nan" in repr((x, y, z)):
        return
    assert pg.lt(x, y) + pg.lt(y, x) + pg.eq(x, y) == 1
    assert pg.gt(x, y) == pg.lt(y, x)
    if pg.lt(x, y) and pg.lt(y, z):
        assert pg.lt(x, z)


def test_classes_and_values_matter_places_do_not():
    assert A(1) != B(1)
    assert A(1) == A(1)
    assert A(1) != A(2)
    assert pg.Dict(a=A(1)).a == A(1)
    assert A(1) != 1
    assert len({A(1), A(1), A(2)}) == 2
    assert sorted([A(3), A(1), B(2)]) == [A(1), A(3), B(2)]


def test_the_order_of_keys_does_not_matter():
    assert pg.eq({"a": 1, "b": 2}, {"b": 2, "a": 1})
    assert pg.hash(pg.Dict(a=1, b=2)) == pg.hash(pg.Dict(b=2, a=1)) == pg.hash({"b": 2, "a": 1})
    assert not pg.eq({"a": 1}, {"b": 1})
    assert not pg.eq({"a": 1}, {"a": 1, "b": 2})


def test_numbers_compare_as_python_does():
    assert pg.eq(A(1), A(1.0))
    assert pg.eq(A(1), A(True))
    assert pg.hash(A(1)) == pg.hash(A(1.0)) == pg.hash(A(True))


def test_not_a_number_is_itself():
    assert pg.eq(A(float("nan")), A(float("nan")))
    assert pg.eq([float("nan")], [float("nan")])
    assert pg.hash(A(float("nan"))) == pg.hash(A(math.nan))
    assert not pg.eq(float("nan"), 1.0)
    assert not pg.eq(1.0, float("nan"))


def test_arrays_are_equal_when_all_items_are():
    assert pg.eq(A(np.ones(3)), A(np.ones(3)))
    assert not pg.eq(A(np.ones(3)), A(np.zeros(3)))
    assert not pg.eq(A(np.ones(3)), A(np.ones((3, 1))))
    assert not pg.eq(A(np.ones(3)), A(1.0))
    assert not pg.eq(A(1.0), A(np.ones(1)))
    assert pg.hash(A(np.ones(3))) == pg.hash(A(np.ones(3)))


def test_containers_of_different_kinds_differ():
    assert not pg.eq([1], (1,))
    assert not pg.eq({"a": 1}, [1])
    assert pg.eq(pg.List([1]), [1])


def test_leaves_that_cannot_be_hashed_or_compared():
    class Odd:
        __hash__ = None

        def __eq__(self, other):
            raise TypeError("no")

    odd = Odd()
    assert pg.eq(A(odd), A(odd))
    assert not pg.eq(A(Odd()), A(Odd()))
    assert isinstance(pg.hash(A(odd)), int)
    assert pg.hash(A({1, 2})) == pg.hash(A({2, 1}))


def test_dataclasses_are_looked_through():
    @dataclasses.dataclass(eq=False)
    class D:
        x: object

    assert pg.eq(D([1]), D([1]))
    assert pg.hash(D([1])) == pg.hash(D([1]))
    assert not pg.eq(D(1), D(2))
    assert not pg.eq(D(1), A(1))


@pytest.mark.parametrize("other", [None, 1, "a", object(), [A(1)]])
def test_comparing_with_other_things(other):
    assert A(1) != other
    assert not A(1) == other  # noqa: SIM201  # both operators
    with pytest.raises(TypeError, match="'<' not supported"):
        A(1) < other  # noqa: B015  # the error is the test


def test_containers_compare_symbolically():
    assert pg.Dict(a=np.ones(2)) == pg.Dict(a=np.ones(2))
    assert pg.Dict(a=np.ones(2)) != pg.Dict(a=np.zeros(2))
    assert pg.List([np.ones(2)]) == [np.ones(2)]
    assert pg.List([math.nan]) == pg.List([float("nan")])
    assert pg.List([1]) != (1,)
    assert pg.Dict() != []


class Held:
    def __init__(self, value):
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Widened(Slotted):
    """Has attributes and a slot."""


class Generator(random.Random):
    """Keeps its state in C code."""


@pytest.mark.parametrize(
    "make",
    [
        Slotted,
        Widened,
        random.Random,
        Generator,
        lambda n: functools.partial(int, base=n),
        operator.itemgetter,
    ],
    ids=["slots", "slots and attributes", "C code", "C code, subclass", "partial", "itemgetter"],
)
def test_objects_whose_state_is_not_in_attributes_are_not_equal_for_that(make):
    one, other = make(2), make(3)
    assert not pg.eq(one, other)
    assert pg.eq(one, one)
    space = pg.Dict(x=pg.oneof([one, other]))
    assert [list(pg.encode(space, pg.Dict(x=each))) for each in (one, other)] == [[0], [1]]


def test_objects_whose_state_is_in_attributes_are_compared_by_it():
    assert pg.eq(Held([1]), Held([1]))
    assert not pg.eq(Held([1]), Held([2]))
    made = [functools.partial(int, "10", base=2) for _ in range(2)]
    assert pg.eq(*made)
    assert pg.hash(made[0]) == pg.hash(made[1])
    assert (
        pg.encode(pg.Dict(x=pg.oneof([functools.partial(int, "10"), made[0]])), pg.Dict(x=made[1]))["x"] == 1
    )
