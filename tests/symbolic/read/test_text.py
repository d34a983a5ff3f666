from __future__ import annotations

import collections
import enum
import math

import pytest

from pliant.symbolic.objects.containers import Dict, List
from pliant.symbolic.objects.functor import functor
from pliant.symbolic.objects.object import Object
from pliant.symbolic.objects.symbolize import symbolize
from pliant.symbolic.read.text import fields, format_value, is_default, leaf_text, literal, one_line
from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.realize import is_realized
from pliant.values.missing import MISSING_VALUE


class A(Object):
    x: object
    y: str = "b"


class Conv(Object):
    filters: int
    kernel: tuple[int, int] = (3, 3)


class Outer(Object):
    a: int = 1
    b: A = A(x=3)
    c: dict = {}
    d: list = [1]


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Opaque:
    pass


class Lines:
    def __repr__(self):
        return "two\nlines"


Pair = collections.namedtuple("Pair", "a b")


def helper():
    pass


@functor
def scale(x, y=2):
    return x * y


@symbolize
class Stack:
    def __init__(self, *layers, name="s", **options):
        raise AssertionError("printing realized it")


@symbolize
class Block:
    def __init__(self, width, *layers):
        raise AssertionError("printing realized it")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Conv(8), "Conv(filters=8, kernel=(3, 3))"),
        (Dict(a=1, b={"c": 3}), "{a=1, b={c=3}}"),
        (List([1, "x", None]), "[1, 'x', None]"),
        (Dict({"x.y": 1, 3: 2}), "{'x.y'=1, 3=2}"),
        (A((1,)), "A(x=(1,), y='b')"),
        (A(int), "A(x=int, y='b')"),
        (A(helper), "A(x=helper, y='b')"),
        (A(Color.RED), "A(x=Color.RED, y='b')"),
        (A(Conv), "A(x=Conv, y='b')"),
        (A(scale), "A(x=scale, y='b')"),
        (A(Lines()), "A(x=two lines, y='b')"),
        (A(Pair(1, Dict(c=2))), "A(x=Pair(a=1, b={c=2}), y='b')"),
        (A(math.nan), "A(x=nan, y='b')"),
        (scale(3), "scale(x=3, y=2)"),
        (scale(), "scale(y=2)"),
        (A.partial(), "A(y='b')"),
        (Block(1, 2, Conv(8)), "Block(1, 2, Conv(filters=8, kernel=(3, 3)))"),
        (Block(1), "Block(width=1)"),
        (Stack(1, 2, name="t", z=3), "Stack(1, 2, name='t', z=3)"),
        ({"a": [Conv(1)], 2: ()}, "{'a': [Conv(filters=1, kernel=(3, 3))], 2: ()}"),
    ],
    ids=one_line,
)
def test_one_line(value, expected):
    assert one_line(value) == expected


def test_what_is_shared_is_printed_unless_it_takes_lines():
    class Network:
        def __repr__(self):
            return "Network(\n  (layer): Linear()\n)"

    assert one_line(A(Ref([1, 2]))) == "A(x=Ref([1, 2]), y='b')"
    assert one_line(A(Ref(Network()))) == "A(x=Ref(Network(...)), y='b')"
    assert literal(A(Ref(Network()))) == "A(x=Ref(Network(...)))"


def test_repr_of_nodes_is_the_one_line():
    assert repr(Conv(8)) == "Conv(filters=8, kernel=(3, 3))"
    assert repr(List([Conv(8)])) == "[Conv(filters=8, kernel=(3, 3))]"
    assert repr(Dict(a=1, b={"c": 3})) == "{a=1, b={c=3}}"


def test_extra_positional_arguments_without_the_ones_before_are_written_by_name():
    block = Block.partial(layers=[1, 2])
    assert one_line(block) == "Block(layers=[1, 2])"


def test_printing_never_realizes():
    block = Block(1, 2)
    for text in (one_line(block), format_value(block), literal(block), repr(block), str(block)):
        assert "Block" in text
    assert not is_realized(block)


@pytest.mark.parametrize("length", [3, 4, 10, 25])
def test_a_line_is_cut_at_the_length(length):
    whole = one_line(Dict(a=list(range(100))))
    cut = one_line(Dict(a=list(range(100))), max_length=length)
    assert len(cut) == length
    assert cut == whole[: length - 3] + "..."


def test_a_line_that_fits_is_not_cut():
    assert one_line(Dict(a=1), max_length=5) == "{a=1}"
    assert one_line(Dict(a=1), max_length=4) == "{..."


def test_a_long_value_is_not_written_whole_to_be_cut():
    class Trap:
        def __repr__(self):
            raise AssertionError("written although there was no room")

    assert one_line(["x" * 50, Trap()], max_length=20) == "['xxxxxxxxxxxxxxx..."


def test_leaf_text_of_a_lambda():
    assert leaf_text(lambda: 1) == "<lambda>"


def test_fields_leave_out_what_is_missing_and_on_request_defaults():
    assert list(fields(A.partial())) == [("y", "b")]
    assert list(fields(A(1))) == [("x", 1), ("y", "b")]
    assert list(fields(A(1), hide_default_values=True)) == [("x", 1)]
    assert list(fields(Stack(name="t", z=3), hide_default_values=True)) == [("name", "t"), ("z", 3)]


def test_defaults_are_told_from_equal_values_of_other_types():
    assert not is_default(1, True)
    assert not is_default(1, 1.0)
    assert not is_default(MISSING_VALUE, MISSING_VALUE)
    assert is_default(A(1), A(1))


EXAMPLES = [
    Conv(8),
    Dict(a=1, b=Dict(c=[1, 2, {"d": (1,)}])),
    Dict({"x.y": 1, "class": 2, 3: 4}),
    Dict({"value_spec": 1}),
    Dict(items=1, keys=2),
    List([Conv(i) for i in range(40)]),
    A((1,)),
    A(()),
    A(Pair(1, [2])),
    A(math.inf),
    A(Color.RED),
    A(Conv),
    A("x" * 300),
    Outer(b=A(x=[A(1), A(2)] * 8)),
    A.partial(),
    Outer(b=A(Conv.partial(kernel=(1, 1)))),
    scale(Conv(8)),
    scale(),
    Block(1, *[Conv(i) for i in range(20)]),
    Stack(z=1),
    Dict(),
    List(),
]


@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("width", [1, 20, 100])
@pytest.mark.parametrize("value", EXAMPLES, ids=lambda v: one_line(v, max_length=30))
def test_code_can_be_pasted_back(value, width, hide):
    code = format_value(value, width=width, hide_default_values=hide)
    made = eval(code, {**globals()})
    assert made == value
    assert type(made) is type(value) or isinstance(value, List)


@pytest.mark.parametrize("value", EXAMPLES, ids=lambda v: one_line(v, max_length=30))
def test_lines_keep_to_the_width_where_they_can(value):
    for line in format_value(value, width=60).split("\n"):
        assert len(line) <= 60 or line.strip().startswith("x='xxx")


def test_code_breaks_one_field_a_line():
    value = Dict(name="net", layers=[Conv(8), Conv(16)], sizes=[1, 2, 3])
    assert format_value(value, width=50) == (
        "Dict(\n"
        "  name='net',\n"
        "  layers=[\n"
        "    Conv(filters=8, kernel=(3, 3)),\n"
        "    Conv(filters=16, kernel=(3, 3)),\n"
        "  ],\n"
        "  sizes=[1, 2, 3],\n"
        ")"
    )
    assert format_value(value, width=50, indent=4, hide_default_values=True) == (
        "Dict(\n    name='net',\n    layers=[Conv(filters=8), Conv(filters=16)],\n    sizes=[1, 2, 3],\n)"
    )
    assert str(Conv(8)) == "Conv(filters=8, kernel=(3, 3))"


def test_code_of_special_numbers():
    assert format_value([math.inf, -math.inf, math.nan]) == "[float('inf'), float('-inf'), float('nan')]"


# What PyGlove 0.4.5 wrote for the same candidates, in `dna.parameters(use_literal_values=True)`.
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, "1"),
        (2.5, "2.5"),
        (1e-5, "1e-05"),
        (math.inf, "inf"),
        (10**30, "1000000000000000000000000000000"),
        (True, "True"),
        (None, "None"),
        ("a", "'a'"),
        ("it's", '"it\'s"'),
        ("a\nb", "'a\\nb'"),
        ("", "''"),
        (b"x", "b'x'"),
        ((1, 2), "(1, 2)"),
        ((1,), "(1)"),
        ((), "()"),
        (((1, [2]),), "((1, [2]))"),
        (List([3, 4]), "[0: 3, 1: 4]"),
        (List(["a", [1]]), "[0: 'a', 1: [0: 1]]"),
        (List(), "[]"),
        (Dict(), "{}"),
        (Dict(t="conv"), "{t='conv'}"),
        (Dict(a=[1, "x"], b={}), "{a=[0: 1, 1: 'x'], b={}}"),
        (Dict({"a b": 1}), "{a b=1}"),
        (Dict({"x.y": 1}), "{x.y=1}"),
        (Dict(a={"b": (1, {"c": [3]})}), "{a={b=(1, {'c': [3]})}}"),
        (A(2), "A(x=2)"),
        (A(2, "c"), "A(x=2, y='c')"),
        (A(Dict(k=(1, "2"))), "A(x={k=(1, '2')})"),
        (A((1, (2,))), "A(x=(1, (2)))"),
        (A([1]), "A(x=[0: 1])"),
        ((A([1]),), "(A(x=[0: 1]))"),
        (A.partial(), "A()"),
        (Outer(), "Outer()"),
        (Outer(a=2), "Outer(a=2)"),
        (Outer(b=A(3, "c")), "Outer(b=A(x=3, y='c'))"),
        (Outer(b=A(4)), "Outer(b=A(x=4))"),
        (Outer(c={"z": 1}), "Outer(c={z=1})"),
        (Outer(d=[1]), "Outer()"),
        (Outer(d=[1, 2]), "Outer(d=[0: 1, 1: 2])"),
        (scale(1), "scale(x=1)"),
        (scale(y=3), "scale(y=3)"),
        (scale(), "scale()"),
        (Stack(1, 2, z=3), "Stack(layers=[0: 1, 1: 2], z=3)"),
        (int, "<class 'int'>"),
        (len, "<built-in function len>"),
        (Color.RED, "<Color.RED: 1>"),
        (Level.LOW, "1"),
        (Opaque(), "Opaque(...)"),
        (List([Opaque()]), "[0: Opaque(...)]"),
        (range(3), "range(0, 3)"),
        ("x" * 200, "'" + "x" * 116 + "..."),
    ],
    ids=literal,
)
def test_literals_are_those_of_pyglove(value, expected):
    assert literal(value) == expected


def test_a_class_may_have_another_name_in_literals():
    class Wide(Object):
        _sym_literal = "Narrow"
        x: int

    assert literal(Wide(1)) == "Narrow(x=1)"
    assert repr(Wide(1)) == "Wide(x=1)"


def test_literals_hold_no_addresses():
    assert literal(helper) == "<function helper>"
    assert literal(Block).startswith("Symbolic[<class ")
    assert literal(A) == f"<class '{__name__}.A'>"
