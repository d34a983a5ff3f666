"""Descriptions of spaces: ids, layout, and what cannot be described."""

from __future__ import annotations

import pytest

from pliant.space import Choice, Float, Group, Int, Space, choice, flatten, floating, integer
from pliant.values.errors import DecisionError, SpaceError


def paths(*holes):
    return [point.path for point in flatten(holes).points]


def test_ids_of_holes_below_candidates():
    assert paths(choice("op", [None, [integer("k", 1, 2), integer("s[0].w", 1, 2)]])) == [
        "op",
        "op[=1/2].k",
        "op[=1/2].s[0].w",
    ]


def test_id_of_a_hole_that_is_a_candidate():
    assert paths(choice("op", [choice("", 2), choice("[0]", 2)])) == ["op", "op[=0/2]", "op[=1/2][0]"]


def test_ids_of_a_hole_that_is_the_root():
    assert paths(choice("", [None, choice("k", 2)])) == ["", "[=1/2].k"]
    assert paths(choice("", 3, picks=2)) == ["[0]", "[1]"]


def test_ids_of_picks():
    assert paths(choice("x", [integer("f", 1, 2), None], picks=2)) == [
        "x[0]",
        "x[0][=0/2].f",
        "x[1]",
        "x[1][=0/2].f",
    ]
    assert paths(choice("x", 2, picks=1)) == ["x"]


def test_layout_is_depth_first_and_picks_share_a_group():
    space = flatten([choice("x", [integer("f", 1, 2), None], picks=2, sorted=True), floating("y", 0, 1)])
    group = Group(0, 2, distinct=True, sorted=True, stride=2)
    assert space.points == (
        Choice("x[0]", ("0", "1"), ((1,), ()), group=group),
        Int("x[0][=0/2].f", 1, 2),
        Choice("x[1]", ("0", "1"), ((3,), ()), group=group, pick=1),
        Int("x[1][=0/2].f", 1, 2),
        Float("y", 0.0, 1.0),
    )
    assert space.top == (0, 2, 4)
    assert [space.points[i].hole for i in group.members] == ["x", "x"]


def test_ordered_follows_from_values():
    ordered = [
        choice("x", len(v), values=v).point.ordered for v in ([1, 2, 4], [3, 2], [1, 3, 2], [1], [1, 1])
    ]
    assert ordered == [True, True, False, False, False]
    assert choice("x", 2, values=[2, 1], ordered=False).point.ordered is False


def test_values_are_kept_only_where_all_are_finite_numbers():
    assert choice("x", 2, values=[1, 2.5]).point.values == (1, 2.5)
    for values in ([True, False], [1, "a"], [1.0, float("nan")], [None, 1]):
        assert choice("x", 2, values=values).point.values == ()


def test_hints_are_no_part_of_identity():
    with_hints, without = flatten([choice("x", 2, hints={"a": [1]})]), flatten([choice("x", 2)])
    assert with_hints == without
    assert with_hints.fingerprint == without.fingerprint
    assert with_hints.points[0].hints == {"a": [1]}
    assert hash(with_hints) == hash(without)


def test_names_are_part_of_identity():
    assert flatten([choice("x", 2, name="n")]) != flatten([choice("x", 2)])


def test_empty_space():
    space = flatten([])
    assert (space.size, space.sample(1).values, len(list(space.iterate()))) == (1, (), 1)


@pytest.mark.parametrize(
    ("describe", "match"),
    [
        (lambda: choice("a.b", 0), r"the choice at path 'a\.b' has no candidates; give it at least one"),
        (lambda: choice("", []), "the choice at the root has no candidates"),
        (
            lambda: choice("x", 2, picks=3),
            "3 distinct picks at path 'x' need at least 3 candidates; there are 2.*dis",
        ),
        (
            lambda: choice("x", 2, picks=0),
            "number of picks at path 'x' must be a whole number, 1 or more; got 0",
        ),
        (lambda: choice("x", 2, literals=["a"]), "has 1 literals but 2 branches"),
        (lambda: choice("x", 2, values=[1]), r"has 2 candidates but the values \(1,\); give a finite number"),
        (lambda: integer("n", 3, 1), "the integer at path 'n': min_value 3 is above max_value 1; swap"),
        (lambda: integer("n", 0, 9, scale="log"), "scale 'log' needs min_value above 0; got 0"),
        (
            lambda: integer("n", 1, 9, scale="Log"),
            "the integer at path 'n': scale must be one of linear, log, rlog; got 'Log'",
        ),
        (
            lambda: integer("n", 1, 9, step=0),
            "the integer at path 'n': step must be a whole number, 1 or more; got 0",
        ),
        (
            lambda: integer("n", 1.0, 9),
            r"the integer at path 'n': min_value must be a whole number; got 1\.0 of type float",
        ),
        (lambda: integer("n", True, 9), "the integer at path 'n': min_value.*got True of type bool"),
        (lambda: floating("f", 2, 1), r"the float at path 'f': min_value 2 is above max_value 1"),
        (lambda: floating("f", 0, 1, scale="log"), "needs min_value above 0"),
        (
            lambda: floating("f", 0, float("inf")),
            "the float at path 'f': max_value must be a finite number; got inf",
        ),
        (
            lambda: floating("f", "0", 1),
            "the float at path 'f': min_value must be a finite number; got '0' of type str",
        ),
        (lambda: floating("f", False, 1), "got False of type bool"),
        (
            lambda: flatten([choice("x", 2), integer("x", 1, 2)]),
            "two decision points at path 'x'; an id names one",
        ),
    ],
)
def test_what_cannot_be_described(describe, match):
    with pytest.raises(SpaceError, match=match):
        describe()


PAIR = Group(0, 2, distinct=True, sorted=False)
AB = ("a", "b")


@pytest.mark.parametrize(
    ("points", "top", "match"),
    [
        ([Int("n", 1, 2)], [], "the point at path 'n' belongs to no branch and is not in `top`"),
        ([Int("n", 1, 2)], [1], "expected index 0, but a branch names 1"),
        ([Int("n", 1, 2)], [0, 0], "expected index 1, but a branch names 0"),
        ([Int("n", 1, 2)], ["n"], "expected index 0, but a branch names 'n'"),
        (["n"], [0], "a point is a Choice, an Int or a Float; got 'n' of type str"),
        ([Choice("x", AB, ((2,), ())), Int("n", 1, 2)], [0], "expected index 1, but a branch names 2"),
        ([Choice("x[0]", AB, ((), ()), PAIR)], [0], "some are missing"),
        (
            [Choice("x[0]", AB, ((), ()), PAIR), Choice("y", AB, ((), ()))],
            [0, 1],
            "the picks of the group at path 'y' are not next to each other",
        ),
        (
            [Choice("x[0]", AB, ((), ()), PAIR), Choice("x[1]", ("a", "c"), ((), ()), PAIR, 1)],
            [0, 1],
            r"the picks of the group at path 'x' differ at path 'x\[1\]'",
        ),
        (
            [
                Choice(f"x[{i}]", AB, ((), ()), Group(0, 2, distinct=True, sorted=True, stride=2), i)
                for i in (0, 1)
            ],
            [0, 1],
            "next to each other",
        ),
        (
            [Choice(f"x[{i}]", ("a",), ((),), PAIR, i) for i in (0, 1)],
            [0, 1],
            "the group at path 'x' has 2 distinct picks among 1 candidates",
        ),
    ],
)
def test_layouts_that_are_none(points, top, match):
    with pytest.raises(SpaceError, match=match):
        Space(points, top)


def test_a_choice_is_pick_of_a_group_that_has_it():
    with pytest.raises(SpaceError, match="is pick 2 of a group that has no such pick"):
        Choice("x", AB, ((), ()), PAIR, pick=2)


def test_building_takes_time_in_proportion_to_the_points():
    space = flatten([choice("x", 1000, picks=1000)])
    assert len(str(space.size)) == 2568  # 1000!


@pytest.mark.parametrize("ends", [(-1e308, 1e308), (1e308, 1.5e308)])
def test_a_float_range_is_no_wider_than_a_float(ends):
    with pytest.raises(
        SpaceError, match=r"the float at path .x.: the range from .* is too wide for a float. Use a smaller"
    ):
        flatten([floating("x", *ends)])


@pytest.mark.parametrize("ends", [(0, 10**400), (-(10**400), 0)])
def test_an_integer_range_is_no_wider_than_a_float(ends):
    with pytest.raises(
        SpaceError, match=r"the integer at path .x.: the .*hundreds of digits.* too wide for a float"
    ):
        flatten([integer("x", *ends)])


def test_a_large_range_that_a_float_can_hold():
    space = flatten([floating("x", -8e307, 8e307), integer("n", 0, 10**300)])
    assert all(space.sample(seed).to_json() for seed in range(20))


@pytest.mark.parametrize(
    "hole",
    [
        lambda: choice("x", 2, picks=10**9, distinct=False),
        lambda: choice("x", [choice("y", 2, picks=10**6, distinct=False), None], picks=10**6, distinct=False),
        lambda: choice("x", [choice("y", [choice("z", 2, picks=60, distinct=False)] * 60)] * 60),
    ],
)
def test_spaces_with_too_many_points_are_refused_at_once(hole):
    with pytest.raises(
        SpaceError, match=r"has [\d,]+ decision points, and 131,072 are the most\. Pick fewer"
    ):
        flatten([hole()])
    assert len(flatten([choice("x", 2, picks=100, distinct=False)]).points) == 100


def test_a_range_of_any_length_is_no_decisions():
    with pytest.raises(DecisionError, match="only make 1 points active"):
        flatten([choice("x", 2)]).parse(range(10**18))
