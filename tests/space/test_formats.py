"""Decisions: one value, many faces; and what is said of input that is none."""

from __future__ import annotations

import copy
import json
import pickle
import re

import numpy as np
import pytest

import pliant as pg
from pliant.space import Decisions, choice, flatten, floating, integer
from pliant.space.formats import refuse_program
from pliant.values.errors import DecisionError, LoadError

SPACE = flatten(
    [
        choice("op", [None, [choice("k", 2, literals=["'avg'", "'max'"]), floating("p", 0, 1, name="rate")]]
               , literals=["id", "pool"], name="kind"),
        choice("x", [None, None, integer("n", 2, 8, step=2)], picks=2, name="inputs"),
    ]
)  # fmt: skip
SHORT, LONG = SPACE.parse([0, 1, 0]), SPACE.parse([1, 1, 0.5, 2, 4, 0])


def test_faces_of_one_value():
    assert LONG.values == (1, 1, 0.5, 2, 4, 0)
    assert LONG.active == (0, 1, 2, 3, 4, 5)
    assert SHORT.active == (0, 3, 5)
    assert LONG.to_dict() == {
        "op": 1,
        "op[=1/2].k": 1,
        "op[=1/2].p": 0.5,
        "x[0]": 2,
        "x[0][=2/3].n": 4,
        "x[1]": 0,
    }
    assert LONG.to_tree() == [[1, 1, 0.5], [[2, 4], 0]]
    assert SHORT.to_tree() == [0, [1, 0]]
    assert LONG.to_params() == {
        "op": "1/2 (pool)",
        "op[=1/2].k": "1/2 ('max')",
        "op[=1/2].p": 0.5,
        "x[0]": "2/3 (2)",
        "x[0][=2/3].n": 4,
        "x[1]": "0/3 (0)",
    }
    assert LONG.to_json() == [1, 1, 0.5, 2, 4, 0]
    assert repr(SHORT) == "Decisions({'kind': 'id', 'x[0]': 1, 'x[1]': 0})"


@pytest.mark.parametrize(
    ("space", "values", "text"),
    [
        (flatten([choice("kernel_size", 4, literals=list("1357"))]), [2], '{"kernel_size": "2/4 (5)"}'),
        (
            flatten([choice("", 4, literals=list("3579"), picks=2)]),
            [1, 2],
            '{"[0]": "1/4 (5)", "[1]": "2/4 (7)"}',
        ),
        (
            flatten([choice("layer_specs[3].skip_layer", 2, literals=["True", "False"])]),
            [0],
            '{"layer_specs[3].skip_layer": "0/2 (True)"}',
        ),
        (flatten([floating("lr", 0, 1)]), [0.00414], '{"lr": 0.00414}'),
    ],
)
def test_text_that_trainers_take(space, values, text):
    assert Decisions(space, values).to_params_str() == text
    assert space.parse(text).values == tuple(values)


@pytest.mark.parametrize(
    "face",
    [
        (1, 1, 0.5, 2, 4, 0),
        [[1, 1, 0.5], [[2, 4], 0]],
        [[1, [1], 0.5], [[2, 4], [0]]],
        {"op": 1, "op[=1/2].k": "1/2", "op[=1/2].p": 0.5, "x[0]": "2/3 (2)", "x[0][=2/3].n": 4, "x[1]": 0},
        {"kind": 1, "op[=1/2].k": " 1/2 ('max') ", "rate": 0.5, "inputs": [2, 0], "x[0][=2/3].n": 4},
        {
            "kind": "1/2 (pool)",
            "op[=1/2].k": 1,
            "rate": 0.5,
            "x": ["2/3 (2)", 0],
            "x[0][=2/3].n": 4,
            "x[1][=2/3].n": None,
        },
        '{"op": 1, "op[=1/2].k": 1, "op[=1/2].p": 0.5, "x[0]": 2, "x[0][=2/3].n": 4, "x[1]": 0}',
        "[1, 1, 0.5, 2, 4, 0]",
        np.array([1, 1, 0.5, 2, 4, 0], dtype=object),
        [np.int64(1), np.uint8(1), np.float32(0.5), np.int32(2), np.int64(4), np.intp(0)],
    ],
)
def test_what_reads_as_the_same(face):
    parsed = SPACE.parse(face)
    assert parsed == LONG
    assert [type(v) for v in parsed.values] == [int, int, float, int, int, int]
    assert SPACE.validate(parsed) == LONG


@pytest.mark.parametrize(
    "make", [np.array, lambda v: np.array(v, dtype=np.uint8), lambda v: range(v[0], v[0] + 1)]
)
def test_arrays_and_ranges_are_their_numbers(make):
    space = flatten([choice("op", 3)])
    parsed = space.parse(make([2]))
    assert parsed.values == (2,)
    assert type(parsed.values[0]) is int
    with pytest.raises(DecisionError, match=r"'op' .*0.5"):
        space.parse(np.array([0.5]))


def test_an_integer_is_read_as_a_float_where_floats_are_decided():
    space = flatten([floating("f", 0, 1)])
    assert repr(space.parse([1]).values) == "(1.0,)"
    assert space.parse(1) == space.parse({"f": 1})


def test_get_by_path_and_name():
    assert (LONG["op"], LONG["rate"], LONG["x[0][=2/3].n"]) == (1, 0.5, 4)
    assert (SHORT["rate"], SHORT["op[=1/2].k"]) == (None, None)
    with pytest.raises(
        DecisionError, match=r"no decision point with path or name 'opp'; did you mean 'op'.*Its points"
    ):
        SHORT["opp"]
    with pytest.raises(
        DecisionError, match=r"2 active points are named 'inputs'; use a path: 'x\[0\]', 'x\[1\]'"
    ):
        SHORT["inputs"]
    assert SPACE.point("rate").path == "op[=1/2].p"


def test_decisions_are_values():
    assert SPACE.parse(LONG.to_dict()) == LONG
    assert LONG != SHORT
    assert LONG.values != LONG
    assert len({LONG, SPACE.parse(LONG.to_tree()), SHORT}) == 2
    assert (len(LONG), list(LONG)) == (6, [1, 1, 0.5, 2, 4, 0])
    with pytest.raises(AttributeError, match=r"has no setter|can't set"):
        LONG.values = ()


ONE = choice("a", 2)


@pytest.mark.parametrize(
    ("face", "match"),
    [
        ([0, 1], r"decision at path 'x\[1\]' is missing: 2 values were given.*Allowed: 0\.\.2"),
        (
            [0, 1, 0, 5],
            r"4 decisions were given, but these only make 3 points active.*leave out the rest.*with 5",
        ),
        ([2, 1, 0], r"decision at path 'op' must be a candidate index; allowed: 0\.\.1; got 2 of type int"),
        ([-1, 1, 0], "allowed: 0..1; got -1 of type int"),
        ([True, 1, 0], "got True of type bool"),
        ([np.bool_(True), 1, 0], "got .*True.* of type bool"),
        ([0.0, 1, 0], r"got 0\.0 of type float"),
        (["0", 1, 0], "got '0' of type str"),
        ([None, 1, 0], "got None of type NoneType"),
        ([np.array([0, 1]), 1, 0], "of type ndarray"),
        (
            [0, 1, 1],
            r"'x\[1\]' repeats candidate 1, but the 2 picks of 'x' are distinct; already picked: \[1\]",
        ),
        ([1, 1, 1.5, 1, 0], r"'op\[=1/2\]\.p' must be a number; allowed: 0\.0\.\.1\.0; got 1\.5"),
        ([1, 1, float("nan"), 1, 0], "allowed: .*; got nan of type float"),
        ([1, 1, True, 1, 0], "must be a number; .*got True of type bool"),
        ([1, 1, "0.5", 1, 0], "must be a number; .*got '0.5' of type str"),
        ([0, 2, 3, 0], r"'x\[0\]\[=2/3\]\.n' must be an integer; allowed: 2\.\.8 in steps of 2; got 3"),
        ([0, 2, 10, 0], r"allowed: 2\.\.8 in steps of 2; got 10"),
        ([[0], [1, 0], 1], r"this level of the tree has 2 holes \('op', 'x'\); got 3 items"),
        ([0, [1]], r"the hole at path 'x' takes a list of 2 picks; got \[1\]"),
        ([[0], 1], "the hole at path 'x' takes a list of 2 picks; got 1"),
        ([[0, 1], [1, 0]], r"candidate 0 \(id\) at path 'op' has no decisions below it; got \[1\]"),
        ([1, [1, 0]], r"this level of the tree has 2 holes .*got 0 items"),
        ([[1, 1, [0.5]], [1, 0]], r"at path 'op\[=1/2\]\.p' is one value \(0\.0\.\.1\.0\); got \[0\.5\]"),
        ([[], [1, 0]], r"at path 'op' is one value"),
        ([0, [1, 1]], "repeats candidate 1"),
        ({"op": 0, "x[0]": 1}, r"'x\[1\]' is missing. Give it by its path or name"),
        (
            {"op": 1, "op[=1/2].q": 1, "x": [0, 1]},
            r"'op\[=1/2\]\.k' is missing when 'op' is 1/2 \(pool",
        ),
        (
            {"op": 0, "op[=1/2].k": 1, "x": [0, 1]},
            r"'op\[=1/2\]\.k' is 1, but this point is inactive.*'op' is 1/2",
        ),
        ({"op": 0, "rate": 1, "x": [0, 1]}, "'rate' is 1, but this point is inactive"),
        (
            {"op": 0, "kind": 0, "x": [0, 1]},
            "'kind' is 0, but this point is inactive: .* once, and its path is given",
        ),
        ({"op": 0, "x": [0, 1], "ops": 2}, "no decision point with path or name 'ops'; did you mean 'op'"),
        ({"opp": 0, "x": [0, 1]}, "'op' is missing.*did you mean it by 'opp'.*Allowed: 0..1"),
        ({"op": 0, "x": [0, 1], 3: 1}, "keys of decisions must be paths or names; got 3 of type int"),
        ({"op": 0, "x": [0, 1, 2]}, r"the hole at path 'x' takes a list of 2 picks; got \[0, 1, 2\]"),
        ({"op": 0, "x": 1}, "the hole at path 'x' takes a list of 2 picks; got 1"),
        ({"op": "0/3 (id)", "x": [0, 1]}, "of 3 candidates, but here there are 2: it is from another space"),
        (
            {"op": "0/2 (conv)", "x": [0, 1]},
            r"'0/2 \(conv\)', but candidate 0 here is \(id\): it is from another",
        ),
        ({"op": "2/2 (id)", "x": [0, 1]}, "allowed: 0..1; got 2"),
        ({"op": "id", "x": [0, 1]}, r"cannot be read from 'id'; write the index, or .*such as '0/2 \(id\)'"),
        ({"op": 1, "op[=1/2].k": 0, "rate": "0.5", "x": [0, 1]}, "must be a number; .*got '0.5' of type str"),
        ('{"op": 0, "op": 1, "x": [0, 1]}', "the decision at path 'op' is given twice"),
        ('{"op": 0, "x": [0', "decisions as text must be JSON such as .* cannot read "),
        ("", "decisions as text must be JSON"),
        ('"op"', "the JSON of a dict or list; got the JSON of the string 'op'"),
        (
            "null",
            "decisions must be Decisions, a list of the active values, .*got None of type NoneType",
        ),
        (None, "got None of type NoneType"),
        ({1, 2}, "of type set"),
        (0, r"'x\[0\]' is missing: 1 values were given"),
        (
            flatten([ONE]).sample(1),
            r"another space. Changes from their space to this one:\n  - a: choice of 2: 0, 1\n  \+ op: ",
        ),
    ],
)
def test_what_is_no_decision(face, match):
    with pytest.raises(DecisionError, match=f"(?s){match}"):
        SPACE.parse(face)
    with pytest.raises(DecisionError, match=f"(?s){match}"):
        SPACE.validate(face)


def test_sorted_picks_must_ascend():
    space = flatten([choice("x", 3, picks=2, sorted=True)])
    for face in ([2, 1], [[2, 1]], {"x": [2, 1]}):
        with pytest.raises(
            DecisionError, match=r"'x\[1\]' is 1 after 2, but the 2 picks of 'x' are sorted; .*ascending"
        ):
            space.parse(face)


def test_a_name_that_several_active_points_share():
    space = flatten([choice("a", 2, name="n"), choice("b", 2, name="n")])
    with pytest.raises(
        DecisionError, match="several active points are named 'n'; give each by its path, here 'b'"
    ):
        space.parse({"n": 0})
    assert space.parse({"n": 0, "b": 1}).values == (0, 1)


def test_a_name_below_two_picks():
    space = flatten([choice("x", [choice("", 3, name="n"), None], picks=2, distinct=False)])
    assert space.parse({"x": [0, 1], "n": 2}).values == (0, 2, 1)
    with pytest.raises(DecisionError, match="several active points are named 'n'"):
        space.parse({"x": [0, 0], "n": 2})


def test_constructor_checks_flat_values():
    with pytest.raises(DecisionError, match=r"allowed: 0\.\.1; got 7"):
        Decisions(SPACE, [7])


def test_validate_checks_decisions_again():
    forged = Decisions._of(SPACE, (9, 9, 9))
    with pytest.raises(DecisionError, match=r"allowed: 0\.\.1; got 9"):
        SPACE.validate(forged)


def test_decisions_of_an_equal_space_are_taken_over():
    twin = type(SPACE).from_json(SPACE.to_json())
    assert twin.parse(LONG).space is twin
    assert twin.parse(LONG) == LONG


def test_many_differences_are_cut_short():
    many = flatten([choice(f"c{i}", 2) for i in range(20)])
    with pytest.raises(DecisionError, match=r"(?s)another space.*\.\.\. and 19 more"):
        SPACE.parse(many.sample(1))


def test_literals_of_any_text_are_read_back():
    literals = ["a (b)", "1/2 (x)", "two\nlines", "é\"'\\"]
    space = flatten([choice("x", 4, literals=literals)])
    for index in range(4):
        text = space.parse([index]).to_params_str()
        assert space.parse(text).values == (index,)
        assert json.loads(text)["x"] == f"{index}/4 ({literals[index]})"


@pytest.mark.parametrize("data", [None, {"op": 1}, [True], ["0"], "[0, 1", '"x"'])
def test_stored_decisions_that_are_damaged(data):
    with pytest.raises(LoadError, match=r"stored decisions are a list of numbers; got|cut off or damaged"):
        Decisions.from_json(SPACE, data)
    assert Decisions.from_json(SPACE, "[0, 1, 0]") == SHORT


NUMBERS = flatten(
    [choice("batch", 3, values=[1, 2, 4], literals=["1", "2", "4"], name="size"), integer("k", 0, 3)]
)


@pytest.mark.parametrize(
    ("candidates", "values"),
    [
        (["1", "1.0", "True"], [1, 1.0, True]),
        (["'a'", "'1/3'", "None"], ["a", "1/3", None]),
        (["Conv(3)", "(1, 2)", "b'a'"], ["Conv(3)", "(1, 2)", "b'a'"]),
        (["conv", "'conv2'", "nan"], ["conv", "conv2", "nan"]),
        (["(1)", "1", "('a')", "'a'"], ["(1)", 1, "('a')", "a"]),  # of (1,), 1, ("a",), "a"
    ],
)
def test_params_have_the_candidates_and_read_back_by_value(candidates, values):
    space = flatten([choice("op", len(candidates), literals=candidates)])
    for index, value in enumerate(values):
        params = Decisions(space, [index]).params
        assert params == {"op": value}
        assert type(params["op"]) is type(value)
        assert space.parse(params).values == (index,)


def test_params_have_names_where_points_have_one():
    params = NUMBERS.parse([2, 1]).params
    assert params == {"size": 4, "k": 1}
    assert NUMBERS.parse(params).values == (2, 1)
    assert (LONG.params["x[0]"], LONG.params["rate"]) == (2, 0.5)  # the picks share a name
    assert SPACE.parse(LONG.params) == LONG


def test_a_number_in_a_dict_is_an_index_and_a_changed_value_is_refused():
    assert NUMBERS.parse({"batch": 0, "k": 0}).params["size"] == 1
    changed = NUMBERS.parse([2, 1]).params
    changed["size"] = 3
    with pytest.raises(
        DecisionError, match=r"at path 'batch' is 3, which names none of the candidates 1, 2, 4. Write"
    ):
        NUMBERS.parse(changed)


def test_a_text_that_is_a_candidate_and_an_index_is_refused():
    space = flatten([choice("ratio", 2, literals=["'1/2'", "'0/2'"])])
    with pytest.raises(
        DecisionError, match=r"'1/2', which is a candidate and also the text of another index.*: 0 or 1"
    ):
        space.parse({"ratio": "1/2"})
    assert space.parse({"ratio": 0}).params == {"ratio": "1/2"}


def test_candidates_with_one_text_have_their_index_in_it():
    space = flatten([choice("op", 3, literals=["Layer(...)", "Pool()", "Layer(...)"])])
    found = [space.parse([i]).params["op"] for i in range(3)]
    assert found == ["0/3 (Layer(...))", "Pool()", "2/3 (Layer(...))"]
    for i in range(3):
        assert space.parse(space.parse([i]).params).values == (i,)
        assert space.parse(json.loads(json.dumps(space.parse([i]).to_params()))).values == (i,)


# ---------------------------------------------------------------------- numbers: candidates and indices


@pytest.mark.parametrize("value", [2, np.int64(2), 2.0])
@pytest.mark.parametrize("key", ["batch", "size"])
def test_a_number_that_is_a_candidate_and_the_index_of_another_is_refused(value, key):
    with pytest.raises(DecisionError, match=r"'batch' is .*2\S*, which is .*a candidate, 1/3 \(2\)"):
        NUMBERS.parse({key: value, "k": 0})
    assert NUMBERS.parse({key: "1/3 (2)", "k": 0}).values == (1, 0)
    assert NUMBERS.parse({key: "2/3 (4)", "k": 0}).values == (2, 0)


def test_a_candidate_that_is_not_an_index_is_named():
    lesson = r"is 4, which is a candidate, 2/3 \(4\), not an index. Write '2/3 \(4\)'"
    with pytest.raises(DecisionError, match=lesson):
        NUMBERS.parse({"batch": 4, "k": 0})
    with pytest.raises(DecisionError, match=r"must be a candidate index; allowed: 0..2; got 5"):
        NUMBERS.parse({"batch": 5, "k": 0})


def test_copies_of_params_are_not_read_as_indices():
    params = NUMBERS.parse([0, 1]).params
    for lost in (dict(params), {**params}, json.loads(json.dumps(params)), json.dumps(params)):
        with pytest.raises(DecisionError, match=r"is 1, which is both a candidate, 0/3 \(1\), and the index"):
            NUMBERS.parse(lost)
    for kept in (copy.copy(params), copy.deepcopy(params), pickle.loads(pickle.dumps(params))):
        assert NUMBERS.parse(kept).values == (0, 1)


@pytest.mark.parametrize("read", [lambda d: d, copy.copy, copy.deepcopy])
def test_to_dict_has_indices(read):
    space = flatten([choice("n", 3, values=[2, 0, 1]), choice("m", 3, picks=2, values=[5, 0, 1])])
    for decisions in space.iterate():
        assert space.parse(read(decisions.to_dict())) == decisions


@pytest.mark.parametrize("given", [2, 2.0, 4, True])
def test_a_program_that_is_a_number_is_told_from_an_index(given):
    space = flatten([choice("", 3, values=[1, 2, 4], literals=["1", "2", "4"])])
    if given is True:
        assert refuse_program(space, given) is None  # no candidate
    else:
        with pytest.raises(DecisionError, match=r"may be a program of this space.*`pg.Decisions\(space, \["):
            refuse_program(space, given)
    assert pg.Decisions(space, [2]) == space.parse([2]) == space.parse(2)
    assert refuse_program(space, 0) is None
    assert refuse_program(flatten([choice("", 3)]), 2) is None


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_program_that_is_a_list_is_told_from_indices(kind):
    program = kind([pg.oneof([1, 2, 4]), pg.oneof([3, 0, 5]), pg.intv(0, 9)])
    space = pg.abstract_search_space(program)
    for decisions in space.iterate():
        made = pg.materialize(program, decisions)
        if any(at >= 3 or at != index for at, index in zip(made[:2], decisions.values)):
            with pytest.raises(DecisionError, match=r"may be a program of this space, or the indices"):
                refuse_program(space, made)
        assert pg.encode(program, made) == decisions == space.parse(list(decisions))
    assert refuse_program(space, [0, 2, 7]) is None  # 0 is no candidate of the first
    picks = pg.abstract_search_space(pg.manyof(2, [1, 0, 2]))
    with pytest.raises(DecisionError, match=r"\[1, 0\] may be a program of this space"):
        refuse_program(picks, [1, 0])
    assert picks.parse([1, 0]).values == (1, 0)


def test_picks_and_mixed_candidates():
    space = flatten(
        [
            choice("op", 3, literals=["'a'", "0", "1.0"]),
            choice("n", 2, picks=2, values=[1, 0], literals=["1", "0"]),
        ]
    )
    with pytest.raises(DecisionError, match=r"at path 'op' is 0, which is both a candidate, 1/3 \(0\)"):
        space.parse({"op": 0, "n": ["0/2", "1/2"]})
    with pytest.raises(
        DecisionError, match=r"at path 'op' is 1, .*2/3 \(1.0\), and the index of another, 1/3"
    ):
        space.parse({"op": 1, "n": ["0/2 (1)", "1/2 (0)"]})
    with pytest.raises(DecisionError, match=r"at path 'n\[0\]' is 1, which is both a candidate, 0/2 \(1\)"):
        space.parse({"op": "0/3", "n": [1, 0]})


@pytest.mark.parametrize(
    "literals", [["1", "1"], ["'a'", "'a'"], ["None", "None"]], ids=["numbers", "texts", "None"]
)
def test_params_of_candidates_with_one_text_are_refused(literals):
    space = flatten([choice("op", 2, literals=literals)])
    with pytest.raises(DecisionError, match=r"names 2 of the candidates .*Write the index in"):
        space.parse(space.parse([1]).params)
    assert space.parse(space.parse([1]).to_dict()).values == (1,)


def test_params_distinguish_the_sign_of_zero():
    space = flatten([choice("x", 2, values=[0.0, -0.0])])
    assert [space.parse(space.parse([i]).params).values for i in (0, 1)] == [(0,), (1,)]


def test_params_have_paths_where_a_name_is_the_path_of_another_point():
    space = flatten(
        [
            choice("a", 3, values=[2, 1, 0], name="b"),
            choice("b", 3, values=[0, 1, 2], name="a"),
            choice("c", 2, values=[7, 8], name="d"),
            choice("d", 2, picks=2, values=[7, 8]),
        ]
    )
    for decisions in space.iterate():
        assert space.parse(decisions.params) == decisions
    assert list(space.sample(0).params) == ["a", "b", "c", "d[0]", "d[1]"]


@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_is_named_as_a_candidate(value):
    space = flatten([choice("flag", 2, literals=["True", "False"])])
    text = f"{int(not value)}/2 ({value})"
    with pytest.raises(
        DecisionError, match=rf"is {value}, which is a candidate, {re.escape(text)}, not an index"
    ):
        space.parse({"flag": value})
    assert space.parse({"flag": text}).params == {"flag": value}
