"""Active points: walks, and what each point is below."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pliant.space import Choice, Decisions, choice, find_parents, flatten, integer, walk_points
from pliant.testing.spaces import spaces, spaces_and_decisions

NESTED = flatten([choice("op", [None, choice("k", [None, integer("s", 1, 2)])]), choice("x", 2)])


def test_points_below_a_candidate_follow_it():
    met = []

    def decide(index, point):
        met.append(point.path)
        return 1

    assert walk_points(NESTED, decide) == [1, 1, 1, 1]
    assert met == ["op", "op[=1/2].k", "op[=1/2].k[=1/2].s", "x"]


def test_none_skips_what_is_below():
    assert walk_points(NESTED, lambda index, point: None if point.path.endswith("k") else 1) == [1, None, 1]


def test_parents():
    assert find_parents(NESTED) == [None, (0, 1), (1, 1), None]


@given(spaces_and_decisions())
def test_walk_repeats_decisions_and_meets_the_active_points(drawn):
    space, decisions = drawn
    decided = dict(zip(decisions.active, decisions.values, strict=True))
    met = []

    def decide(index, point):
        assert point is space.points[index]
        met.append(index)
        return decided[index]

    assert Decisions(space, walk_points(space, decide)) == decisions
    assert tuple(met) == decisions.active


@given(spaces(), st.integers(0, 2**32))
def test_any_candidates_lead_to_active_points(space, seed):
    random = Random(seed)

    def decide(index, point):
        return random.randrange(point.count) if isinstance(point, Choice) else point.min_value

    seen = {}
    walk_points(space, lambda index, point: seen.setdefault(index, decide(index, point)))
    for index, parent in enumerate(find_parents(space)):
        is_active = parent is None or (parent[0] in seen and seen[parent[0]] == parent[1])
        assert (index in seen) is is_active
