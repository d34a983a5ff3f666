"""Holes of one name whose candidates differ: which are one decision, and what it makes at each place."""

import re
from enum import Enum

import pytest

import pliant as pg
from pliant.hyper.plan import is_alike, is_same
from pliant.values.errors import DecisionError, SpaceError


class Layer(pg.Object):
    width: int
    kernel: int = 3


class Pool(pg.Object):
    width: int


class Plain:
    def __init__(self, width):
        self.width = width


class Half(pg.DerivedHole):
    of: int

    def inner(self):
        return pg.oneof([Layer(self.of), Pool(self.of)])

    def build(self, value):
        return value

    def unbuild(self, value):
        return value


class Kind(Enum):
    A = 1
    B = 2


def cell(width, name="edge"):
    """An operation in a cell, some with decisions of their own."""
    return pg.oneof([Layer(width, pg.oneof([3, 5])), Pool(width), None], name=name)


def test_each_place_has_candidates_of_its_own():
    program = pg.Dict(a=cell(8), b=[cell(16)], c=cell(8))
    space = pg.abstract_search_space(program)
    assert (space.size, [p.path for p in space.points]) == (4, ["a", "a[=0/3].kernel"])
    assert list(pg.iter(program)) == [
        pg.Dict(a=Layer(8, 3), b=[Layer(16, 3)], c=Layer(8, 3)),
        pg.Dict(a=Layer(8, 5), b=[Layer(16, 5)], c=Layer(8, 5)),
        pg.Dict(a=Pool(8), b=[Pool(16)], c=Pool(8)),
        pg.Dict(a=None, b=[None], c=None),
    ]


def test_names_and_picks_in_the_candidates():
    def hole(width):
        inner = [Layer(width, pg.oneof([3, 5], name="k")), [Pool(width), pg.oneof([1, 2])], Half(width)]
        return pg.oneof([pg.manyof(2, inner), Layer(width, pg.intv(1, 3)), pg.manyof(2, [1, 2, 3])], name="n")

    program = pg.Dict(a=hole(8), b=hole(16), c=pg.Dict(d=hole(32)))
    space = pg.abstract_search_space(program)
    assert space.size == pg.abstract_search_space(hole(8)).size
    for decisions, child in zip(space.iterate(), pg.iter(program)):
        for width, there in ((16, child.b), (32, child.c.d)):
            assert there == pg.materialize(hole(width), list(decisions.values))
        assert pg.materialize(program, pg.encode(program, child)) == child


def test_a_name_inside_repeats_one_outside():
    def hole(width):
        return pg.oneof([Layer(width, pg.oneof([3, 5], name="k")), Pool(width)], name="n")

    program = pg.Dict(k=pg.oneof([3, 5], name="k"), a=hole(8), b=hole(16))
    assert [(c.k, c.a, c.b) for c in pg.iter(program)] == [
        (3, Layer(8, 3), Layer(16, 3)), (3, Pool(8), Pool(16)), (5, Layer(8, 5), Layer(16, 5)), (5, Pool(8), Pool(16))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        (pg.oneof([Layer(8), None]), pg.oneof([Layer(16), None]), True),
        (pg.oneof([[Layer(8), 2]]), pg.oneof([[Layer(16), 2]]), True),
        (pg.oneof([Plain(8)]), pg.oneof([Plain(16)]), True),
        (pg.oneof([pg.Ref(Plain(8))]), pg.oneof([pg.Ref(Plain(16))]), True),
        (Half(8), Half(16), True),
        (pg.oneof([8]), pg.oneof([16]), False),
        (pg.oneof([1]), pg.oneof([1.0]), False),
        (pg.oneof([Kind.A]), pg.oneof([Kind.B]), False),
        (pg.oneof([Layer(8)]), pg.oneof([Pool(8)]), False),
        (pg.oneof([Layer(8), Pool(8)]), pg.oneof([Pool(8), Layer(8)]), False),
        (pg.oneof([Layer(8)]), pg.oneof([Layer(8), None]), False),
        (pg.oneof([[Layer(8)]]), pg.oneof([[Layer(8), Layer(8)]]), False),
        (pg.oneof([Layer(8, pg.oneof([3, 5]))]), pg.oneof([Layer(8)]), False),
        (pg.oneof([Layer(8, pg.oneof([3, 5]))]), pg.oneof([Layer(8, pg.oneof([3, 7]))]), False),
        (pg.oneof([Layer(8)], hints="a"), pg.oneof([Layer(16)], hints="b"), False),
        (pg.manyof(1, [Layer(8), None]), pg.manyof(2, [Layer(16), None]), False),
        (pg.oneof([Layer(8)]), pg.manyof(1, [Layer(8)]), False),
        (pg.intv(1, 2), pg.intv(1, 3), False),
    ],
)
def test_what_is_alike(first, second, alike):
    assert is_alike(first, second) is alike
    assert not is_same(first, second)


def test_what_is_not_alike_is_refused():
    with pytest.raises(SpaceError, match=re.escape("not in their class or in their holes")):
        pg.abstract_search_space(pg.Dict(a=pg.oneof([Layer(8)], name="n"), b=pg.oneof([Pool(8)], name="n")))


def test_a_program_whose_places_disagree():
    program = pg.Dict(a=cell(8), b=cell(16))
    child = pg.Dict(a=Layer(8, 3), b=Layer(16, 5))
    message = "at path 'b' is Layer(width=16, kernel=5); as the hole named 'edge' was decided before, it is Layer(width=16"
    with pytest.raises(DecisionError, match=re.escape(message)):
        pg.encode(program, child)


def test_copies_are_separate():
    child = pg.random_sample(pg.Dict(a=pg.oneof([Plain(8)], name="n"), b=pg.oneof([Plain(16)], name="n")))
    assert (child.a.width, child.b.width) == (8, 16)
