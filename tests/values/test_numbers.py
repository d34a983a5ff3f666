"""Numbers of NumPy and the standard library are taken like Python's, by one rule."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import pliant as pg
from pliant.space import choice, flatten, floating, integer
from pliant.values.numbers import to_real, to_whole

WHOLE = [np.int64, np.int8, np.uint16, lambda n: np.array(n), lambda n: np.arange(9)[n]]


class Layer(pg.Object):
    width: int


@pytest.mark.parametrize("n", WHOLE)
def test_whole_numbers(n):
    typing = pg.typing
    pairs = [
        (pg.intv(n(1), n(7), step=n(2)), pg.intv(1, 7, step=2)),
        (pg.manyof(n(2), [1, 2, 3]), pg.manyof(2, [1, 2, 3])),
        (typing.Int(min_value=n(1), max_value=n(4)), typing.Int(min_value=1, max_value=4)),
        (
            typing.List(typing.Int(), min_size=n(1), max_size=n(3)),
            typing.List(typing.Int(), min_size=1, max_size=3),
        ),
        (typing.Tuple(typing.Int(), size=n(2)), typing.Tuple(typing.Int(), size=2)),
        (flatten([choice("a", n(3), picks=n(2))]), flatten([choice("a", 3, picks=2)])),
        (flatten([integer("a", n(3), n(8), step=n(2))]), flatten([integer("a", 3, 8, step=2)])),
        (Layer(n(3)), Layer(3)),
    ]
    for given, wanted in pairs:
        assert repr(given) == repr(wanted)
        assert pg.eq(given, wanted)
    space = pg.abstract_search_space(pg.Dict(a=pg.oneof([1, 2, 3]), b=pg.intv(0, 5)))
    for decisions in (
        space.unrank(n(3)),
        next(space.iterate(n(3))),
        space.parse([n(0), n(3)]),
        space.parse({"a": n(0), "b": n(3)}),
    ):
        assert decisions.values == (0, 3)
        assert [type(value) for value in decisions.values] == [int, int]
    assert space.sample(n(4)) == space.sample(4)
    layers = pg.List([1, 2, 3])
    layers[n(1)] = 5
    layers.insert(n(0), 7)
    del layers[n(3)]
    assert layers.pop(n(0)) == 7
    assert layers == [1, 5]


@pytest.mark.parametrize("x", [np.float32, np.float64, np.float16, Fraction, Decimal, lambda v: np.array(v)])
def test_real_numbers(x):
    assert pg.eq(pg.floatv(x(0.5), x(2)), pg.floatv(0.5, 2.0))
    assert pg.typing.Float(min_value=x(0.5)) == pg.typing.Float(min_value=0.5)
    assert flatten([floating("a", x(0.5), x(2))]) == flatten([floating("a", 0.5, 2)])
    assert type(flatten([floating("a", x(0.5), x(2))]).points[0].min_value) is float


def test_numpy_candidates_are_numbers_for_algorithms_and_keep_their_type_in_programs():
    program = pg.Dict(a=pg.oneof([np.int64(8), np.int64(16)]), b=pg.oneof([np.float32(0.5), 1]))
    first, second = pg.abstract_search_space(program).points
    assert (first.values, first.ordered, second.values) == ((8, 16), True, (0.5, 1))
    made = pg.materialize(program, [1, 0])
    assert (type(made.a), type(made.b)) == (np.int64, np.float32)
    assert pg.encode(program, made).values == (1, 0)


@pytest.mark.parametrize("value", [True, np.True_, b"3", None, [3], np.arange(3), 3 + 0j, object()])
def test_what_is_not_a_number(value):
    assert to_whole(value) is None
    assert to_real(value) is None
    for call in (lambda: pg.intv(value, 9), lambda: pg.floatv(value, 9), lambda: pg.manyof(value, [1, 2])):
        with pytest.raises(
            (ValueError, TypeError),
            match=r"must be a (whole|finite) number|not its first argument",
        ):
            call()


@pytest.mark.parametrize("value", [3.0, np.float64(3), Fraction(3), Decimal(3)])
def test_a_real_number_is_not_a_whole_one(value):
    assert to_whole(value) is None
    assert to_real(value) == 3.0
    with pytest.raises(ValueError, match=r"min_value must be a whole number; got"):
        pg.intv(value, 9)
