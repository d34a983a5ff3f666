"""Spaces as text, their differences, and their stored form."""

from __future__ import annotations

import json

import pytest

from pliant.space import Space, choice, diff, flatten, floating, integer
from pliant.values.errors import DecisionError, LoadError
from pliant.values.text import to_printable

SPACE = flatten(
    [
        choice(
            "op",
            [None, [choice("k", 9), floating("p", 1e-3, 1, scale="log", name="rate")]],
            literals=["a\n b", "c" * 50],
        ),
        choice(
            "x", [None, None, integer("n", 2, 8, step=2)], picks=2, sorted=True, distinct=False, hints="h"
        ),
    ]
)


def test_describe():
    assert (
        SPACE.describe()
        == str(SPACE)
        == (
            "Space of size infinite with 7 decision points\n"
            "  op: choice of 2: a b, ccccccccccccccccccccc...\n"
            "    op[=1/2].k: choice of 9: 0, 1, 2, 3, 4, 5, ...\n"
            "    op[=1/2].p [rate]: float from 0.001 to 1.0, log scale\n"
            "  x: 2 picks (sorted) among 3: 0, 1, 2\n"
            "    x[0][=2/3].n: integer from 2 to 8 in steps of 2"
        )
    )
    assert repr(SPACE) == "Space(7 decision points, size infinite)"
    assert (
        str(flatten([choice("", 2)])) == "Space of size 2 with 1 decision point\n  (root): choice of 2: 0, 1"
    )
    assert repr(flatten([choice(f"x{i}", 10) for i in range(50)])) == "Space(50 decision points, size 1.0e50)"


def test_long_descriptions_are_cut():
    lines = str(flatten([choice(f"x{i}", 2) for i in range(100)])).split("\n")
    assert len(lines) == 42
    assert lines[-1] == "  ... and 60 more"


def test_diff_of_equal_spaces():
    assert diff(SPACE, Space.from_json(SPACE.to_json())) == []


BASE = {
    "a": choice("a", [integer("k", 1, 3), None], literals=list("pq")),
    "b": integer("b", 1, 9),
    "c": choice("c", 3, picks=2),
}


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({"b": integer("b", 1, 8)}, ["~ b: integer from 1 to 9 -> integer from 1 to 8"]),
        ({"b": floating("b", 1, 9)}, ["~ b: integer from 1 to 9 -> float from 1.0 to 9.0"]),
        ({"b": integer("b", 1, 9, name="n")}, ["~ b: name None -> 'n'"]),
        ({"a": choice("a", [integer("k", 1, 3), None], literals=list("rq"))}, ["~ a: 2 candidates: - 'p', + 'r'"]),
        ({"a": choice("a", [integer("k", 1, 3), None], literals=list("qp"))}, ["~ a: 2 candidates: in another order"]),
        (
            {"a": choice("a", [integer("k", 1, 4), None, None], literals=list("pqs"))},
            ["~ a: 2 candidates -> 3: + 's'", "~ a[=0/2].k: integer from 1 to 3 -> integer from 1 to 4"],
        ),
        (
            {"a": choice("a", [None, integer("k", 1, 3)], literals=list("pq"))},
            ["~ a: other points below its candidates", "- a[=0/2].k: integer from 1 to 3", "+ a[=1/2].k: integer from 1 to 3"],
        ),
        ({"a": choice("a", [integer("k", 1, 3), None], literals=list("pq"), values=[1, 2])}, ["~ a: values () -> (1, 2)"]),
        (
            {"c": choice("c", 3, picks=2, sorted=True)},
            [
                f"~ c[{i}]: pick {i} of 2 (distinct) among 3: 0, 1, 2 -> pick {i} of 2 (distinct, sorted) among 3: 0, 1, 2"
                for i in (0, 1)
            ],
        ),
        ({"c": choice("", 3)}, ["- c[0]: pick 0 of 2 (distinct) among 3: 0, 1, 2",
                                "- c[1]: pick 1 of 2 (distinct) among 3: 0, 1, 2", "+ (root): choice of 3: 0, 1, 2"]),
    ],
)  # fmt: skip
def test_diff_says_what_changed(change, lines):
    assert diff(flatten(BASE.values()), flatten((BASE | change).values())) == lines


def test_diff_of_another_order():
    assert diff(flatten(BASE.values()), flatten(reversed(BASE.values()))) == [
        "~ the same points in another order"
    ]


def test_diff_of_many_candidates_is_cut():
    (line,) = diff(flatten([choice("a", 2)]), flatten([choice("a", 20)]))
    assert line == "~ a: 2 candidates -> 20: + '2', + '3', + '4', + '5', + '6', + '7', ..."


def test_stored_form():
    stored = json.loads(json.dumps(SPACE.to_json()))
    assert stored["format"] == "pliant.space/1"
    assert stored["points"][2] == {
        "kind": "float", "path": "op[=1/2].p", "min_value": 0.001, "max_value": 1.0, "scale": "log", "name": "rate",
    }  # fmt: skip
    assert stored["points"][3] == {
        "kind": "choice", "path": "x[0]", "literals": ["0", "1", "2"], "branches": [[], [], [4]],
        "group": [3, 2, False, True, 2], "pick": 0, "hints": "h",
    }  # fmt: skip
    assert Space.from_json(stored) == SPACE


def test_fingerprints_are_stable():
    assert SPACE.fingerprint == "084ac74676e205b5ff1918b05ff4fe951727af3cd8adaa15f58651364e0faf68"
    assert flatten([]).fingerprint == "6b429eea8c26b630e6936b99ed5c5814610a4d4d427e233db054c75df5bfacda"


def test_hints_that_are_no_data_are_not_stored():
    kept = flatten([choice("x", 2, hints=hints) for hints in [{"a": [1, None, 0.5]}]])
    assert Space.from_json(kept.to_json()).points[0].hints == {"a": [1, None, 0.5]}
    for hints in (object(), (1, 2), {1: 2}, float("nan"), {"a": {1}}):
        space = flatten([choice("x", 2, hints=hints)])
        again = Space.from_json(json.dumps(space.to_json()))
        assert again == space
        assert again.points[0].hints is None


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ('{"format": "pliant.space/1", "top": [', "the text of a space is cut off or damaged: "),
        ({"format": "other"}, "a stored space is a dict with format 'pliant.space/1'; got 'other'"),
        ([1], r"a stored space is a dict with format 'pliant\.space/1'; got '\[1\]'"),
        ({"format": "pliant.space/1", "top": []}, "a stored space lacks 'points'; it is cut off"),
        (
            {"format": "pliant.space/1", "top": [0], "points": []},
            "damaged or was changed: .*expected index 0",
        ),
        (
            {"format": "pliant.space/1", "top": [], "points": [3]},
            "a stored space is damaged or was changed: ",
        ),
        (
            {"format": "pliant.space/1", "top": [], "points": [{"kind": "x", "path": ""}]},
            "of kind 'choice', 'int' or",
        ),
        (
            {
                "format": "pliant.space/1",
                "top": [0],
                "points": [{"kind": "choice", "path": "a", "literals": [1]}],
            },
            "damaged or was changed: expected str; got 1 of type int",
        ),
    ],
)
def test_stored_spaces_that_are_damaged(data, match):
    with pytest.raises(LoadError, match=match):
        Space.from_json(data)


def test_unknown_points():
    with pytest.raises(
        DecisionError, match="no decision point with path or name 'ratte'; did you mean 'rate'"
    ):
        SPACE.point("ratte")
    with pytest.raises(DecisionError, match="no decision point with path or name 'x'\\. Its points: none"):
        flatten([]).point("x")


def test_a_space_tells_how_another_differs():
    one, two = flatten([choice("x", 2)]), flatten([choice("x", 3)])
    assert one.diff(one) == []
    assert one.diff(two) == diff(one, two) != []


@pytest.mark.parametrize("name", ["a\x1b[31m", "a\nb", "a\u202eb", "\u2028x", "\u3164"])
def test_descriptions_and_differences_are_printable(name):
    """Whatever names and candidates hold, a line stays a line."""
    space = flatten([choice("op", 2, literals=[name, "b"], name=f"n{name}")])
    other = flatten([choice("op", 2, literals=["c", f"d{name}"]), choice(f"p{name}", 2)])
    for lines in (str(space).split("\n"), diff(space, other), diff(other, space)):
        assert lines == [to_printable(line) for line in lines]
    assert len(str(space).split("\n")) == 2
