"""Iteration, rank and unrank: order, resuming, and spaces without end."""

from __future__ import annotations

from itertools import islice

import pytest

from pliant.space import choice, flatten, floating, integer
from pliant.values.errors import DecisionError, SpaceError

NESTED = flatten(
    [choice("op", [None, [choice("k", 2), integer("s", 1, 2)]]), choice("x", [None, choice("", 2)], picks=2)]
)


def test_rightmost_decision_is_fastest():
    assert [d.values for d in islice(NESTED.iterate(), 6)] == [
        (0, 0, 1, 0),
        (0, 0, 1, 1),
        (0, 1, 0, 0),
        (0, 1, 1, 0),
        (1, 0, 1, 0, 1, 0),
        (1, 0, 1, 0, 1, 1),
    ]


def test_long_spaces_are_walked_lazily_and_far_in():
    space = flatten([choice(f"x{i}", 3) for i in range(200)])
    far = 3**150 + 12345
    assert list(islice(space.iterate(start=far), 2000)) == [space.unrank(i) for i in range(far, far + 2000)]


def test_a_big_group_is_walked():
    space = flatten([choice("x", 60, picks=30), choice("y", 2)])
    start = space.size - 5
    assert list(space.iterate(start=start)) == [space.unrank(i) for i in range(start, start + 5)]


def test_rank_reads_any_face():
    assert NESTED.rank({"op": 0, "x": [0, 1], "x[1][=1/2]": 1}) == 1
    assert NESTED.rank(NESTED.unrank(7).to_params_str()) == 7


FLOATS = flatten([choice("a", [None, floating("lr", 0, 1)])])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (
            lambda: FLOATS.iterate(),
            r"cannot iterate: .*infinitely many.*float at path 'a\[=1/2\]\.lr'\. Use sample\(\)",
        ),
        (lambda: FLOATS.unrank(0), "cannot count to a rank: "),
        (lambda: FLOATS.rank([0]), "cannot rank: "),
        (lambda: NESTED.unrank(-1), r"rank must be a whole number in 0\.\.\d+; got -1 of type int"),
        (lambda: NESTED.unrank(NESTED.size), r"rank must be a whole number in 0\.\."),
        (lambda: NESTED.unrank(True), "got True of type bool"),
        (lambda: NESTED.iterate(start=-1), "start must be a whole number in 0"),
        (lambda: NESTED.iterate(start=0.5), r"got 0\.5 of type float"),
    ],
)
def test_what_cannot_be_walked(call, match):
    with pytest.raises(SpaceError, match=match):
        call()


def test_rank_of_foreign_decisions():
    with pytest.raises(DecisionError, match=r"must be a candidate index; allowed: 0\.\.1"):
        NESTED.rank([9, 0, 1, 0])
