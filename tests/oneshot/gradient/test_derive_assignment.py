"""From probabilities to decisions, against trying all of them."""

from __future__ import annotations

from math import log, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.oneshot.gradient.derive import assign, lead
from pliant.space import choice, flatten, floating, integer

PROBABILITY = st.integers(0, 20).map(lambda n: n / 20)


@st.composite
def groups(draw):
    count = draw(st.integers(1, 5))
    distinct, in_order = draw(st.booleans()), draw(st.booleans())
    picks = draw(st.integers(1, min(count, 3) if distinct else 3))
    table = [[draw(PROBABILITY) for _ in range(count)] for _ in range(picks)]
    return table, distinct, in_order


@given(groups())
def test_a_group_takes_the_most_probable_combination_that_its_rule_allows(group):
    table, distinct, in_order = group
    picks, count = len(table), len(table[0])
    space = flatten([choice("x", count, picks=picks, distinct=distinct, sorted=in_order)])

    def worth(values):
        return sum(log(table[i][j]) if table[i][j] > 0 else -1e9 for i, j in enumerate(values))

    found = assign(table, distinct=distinct, in_order=in_order)
    assert space.validate(found)
    assert worth(found) == pytest.approx(max(worth(d.values) for d in space.iterate()))


@given(st.data())
def test_it_leads_along_the_tree(data):
    space = flatten(
        [
            choice("a", [None, choice("b", 3), choice("c", 2, picks=2)]),
            choice("d", [None, choice("", 2)], picks=2, distinct=False, sorted=True),
        ]
    )
    scores = {p.path: [data.draw(PROBABILITY) for _ in range(p.count)] for p in space.points}
    found = lead(space, scores)
    assert space.validate(found)
    assert scores["a"][found["a"]] == max(scores["a"])
    if found["a"] == 1:
        assert scores["a[=1/3].b"][found["a[=1/3].b"]] == max(scores["a[=1/3].b"])


def test_many_picks_are_given_out_largest_first():
    table = [[(i * 7 + j * 3) % 11 / 10 for j in range(9)] for i in range(8)]
    found = assign(table, distinct=True, in_order=False)
    assert len(set(found)) == 8
    assert prod(table[i][j] for i, j in enumerate(found)) > 0


def test_equals_take_the_first():
    space = flatten([choice("a", 3), choice("b", 3, picks=2, sorted=True)])
    assert lead(space, {"a": [0.2, 0.4, 0.4], "b[0]": [1, 1, 1], "b[1]": [1, 1, 1]}).values == (1, 0, 1)


def test_what_has_no_scores_takes_the_first():
    space = flatten([choice("a", 3), integer("n", 2, 5), floating("f", 0.5, 1)])
    assert lead(space, {}).values == (0, 2, 0.5)
