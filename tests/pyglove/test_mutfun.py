"""Mutable functions: what they compute, how they read, and which lines need which."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant import pyglove as pg

m = pg.mutfun
Assign, Function, Var, Call = m.Assign, m.Function, m.Var, m.FunctionCall

BINARY = {
    m.Add: "+",
    m.Substract: "-",
    m.Multiply: "*",
    m.FloorDivide: "//",
    m.Mod: "%",
    m.GreaterThan: ">",
    m.LessThan: "<",
}


def expressions():
    """Expressions of two variables."""
    leaves = st.sampled_from(["x", "y"]).map(Var) | st.integers(1, 9)
    return st.recursive(
        leaves,
        lambda inner: (
            st.tuples(st.sampled_from(list(BINARY)), inner, inner).map(lambda one: one[0](*one[1:]))
            | inner.map(m.Negate)
        ),
        max_leaves=8,
    )


@given(expressions(), st.integers(1, 9), st.integers(1, 9))
def test_text_computes_what_the_expression_computes(expression, x, y):
    text = m.python_repr(expression)
    try:
        expected = eval(text, {"x": x, "y": y})  # our own text
    except ZeroDivisionError:
        with pytest.raises(ZeroDivisionError, match="zero"):
            m.evaluate(expression, {"x": x, "y": y})
    else:
        assert m.evaluate(expression, {"x": x, "y": y}) == expected


def test_operators_make_instructions():
    x = Var("x")
    for made, kind in [
        (-x, m.Negate), (x + 1, m.Add), (1 + x, m.Add), (x - 1, m.Substract), (1 - x, m.Substract), (x * 2, m.Multiply),
        (2 * x, m.Multiply), (x / 2, m.Divide), (2 / x, m.Divide), (x // 2, m.FloorDivide), (2 // x, m.FloorDivide),
        (x % 2, m.Mod), (2 % x, m.Mod), (x**2, m.Power), (2**x, m.Power), (x > 1, m.GreaterThan), (x < 1, m.LessThan),
    ]:  # fmt: skip
        assert type(made) is kind


def function():
    return Function(
        "f",
        [
            Assign("y", Var("x") + 1),
            Function("g", [Var("a") * Var("b")], args=["a", "b"]),
            Assign("z", Call("g", [Var("y"), 3])),
            Assign("y", 7),
            Var("z") + Var("y"),
        ],
        args=["x"],
    )


def test_a_function_runs_its_lines():
    assert function()(4) == (4 + 1) * 3 + 7
    with pytest.raises(ValueError, match=r"f: Expected 1 arguments \(x\) but received 2: \(1, 2\)"):
        function()(1, 2)


def test_arguments_are_those_of_the_call_and_not_those_around_it():
    inner = Function("g", [Var("x")], args=["x"])
    assert Function("f", [inner, Call("g", [5])], args=["x"])(1) == 5


def test_text_of_a_function():
    assert str(function()) == (
        "def f(x):\n  y = x + 1\n  def g(a, b):\n    return a * b\n  z = g(y, 3)\n  y = 7\n  return z + y"
    )
    choice = m.base.If(Var("x") > 1, [Assign("y", "a")], [m.base.While(False, [Assign("y", 1)])])
    assert choice.python_repr(1) == "  if x > 1:\n    y = 'a'\n  else:\n    while False:\n      y = 1"
    assert Assign("x", 1).format(verbose=True) == "Assign(name='x', value=1)"


def test_which_lines_need_which():
    f = function()
    lines = f.body
    assert lines[2].input_vars() == {"g", "y"}
    assert lines[2].input_vars(transitive=True) == {"g", "y", "x"}
    assert lines[2].input_defs() == [lines[0], lines[1]]
    assert lines[4].input_defs(transitive=False) == [lines[2], lines[3]]
    assert lines[4].input_defs() == [lines[0], lines[1], lines[2], lines[3]]
    assert lines[0].output_vars(transitive=True) == {"y", "z"}
    assert [str(one) for one in lines[0].output_refs(transitive=False)] == ["y"]
    assert [str(one) for one in lines[0].output_refs()] == ["y", "z"]
    assert lines[2].seen_vars() == {"f", "x", "y", "g"}
    nested = lines[2].value.args[0]
    assert nested.line() is lines[2]
    assert nested.line_number() == 2
    assert nested.parent_func() is f
    assert nested.parent_code() is lines[2].value
    assert nested.parent_instruction() is lines[2].value
    assert list(lines[2].preceding_lines_reversed()) == [lines[1], lines[0]]
    assert list(lines[3].succeeding_lines()) == [lines[4]]


def test_names_that_are_not_defined():
    f = Function("f", [Assign("y", Var("q"))], args=["x"])
    for check in (f.compile, f.body[0].compile):
        with pytest.raises(
            ValueError, match=r"Undefined variables 'q' found at 'body\[0\]' .*Assign them in an earlier line"
        ):
            check()
    with pytest.raises(ValueError, match="Undefined variable 'q'"):
        f.body[0].input_defs()
    with pytest.raises(ValueError, match="is in no Function, so it has no line number"):
        Var("x").line_number()
    with pytest.raises(KeyError, match="'x' is not defined; there are"):
        Var("x").evaluate({})
    with pytest.raises(ValueError, match="Undefined function 'h'"):
        Call("h", []).evaluate({})
    with pytest.raises(
        ValueError, match="'h' is not a Function object, but 1; give one of them another name"
    ):
        Call("h", []).evaluate({"h": 1})
    with pytest.raises(ValueError, match=r"Arguments mismatch for function 'g'. It takes 1 \(x\); given: 2"):
        Call("g", [1, 2]).evaluate({"g": Function("g", [Var("x")], args=["x"])})


def test_prune_keeps_what_the_result_needs():
    f = Function(
        "f", [Assign("a", 1), Assign("b", Var("x")), Assign("a", 2), Var("b") + Var("a")], args=["x"]
    )
    f.prune()
    assert str(f) == "def f(x):\n  b = x\n  a = 2\n  return b + a"


def test_control_flow():
    variables = {"n": 3, "total": 0}
    loop = m.base.While(Var("n") > 0, [Assign("total", Var("total") + Var("n")), Assign("n", Var("n") - 1)])
    assert loop.evaluate(variables) is None
    assert variables == {"n": 0, "total": 6}
    m.base.If(Var("n") > 0, [Assign("total", 1)]).evaluate(variables)
    assert variables["total"] == 6


def test_edits_of_a_function():
    f = function()
    f.rebind({"body[0].value": Var("x") * 10})
    assert f(1) == 10 * 3 + 7
    copy = f.clone(deep=True)
    assert pg.eq(copy, f)
    assert copy != f
    assert pg.from_json_str(f.to_json_str())(1) == f(1)


def test_kinds_of_instructions_are_listed():
    kinds = list(
        m.Instruction.select_types(
            lambda kind: issubclass(kind, m.BinaryOperator) and kind is not m.BinaryOperator
        )
    )
    assert kinds[:4] == [m.Add, m.Substract, m.Multiply, m.Divide]
    assert random.Random(1).choice(kinds) in kinds


def test_repr_is_of_fields_and_str_is_of_code():
    line = m.Assign("y", m.Var("x") * 2)
    assert repr(line) == "Assign(name='y', value=Multiply(x=Var(name='x'), y=2))"
    assert (str(line), line.format()) == ("y = x * 2", "y = x * 2")
    assert eval(repr(line), vars(m)).python_repr() == "y = x * 2"
