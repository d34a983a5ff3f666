"""A given value in a message: its repr where that is short, else a description; any value can be quoted."""

from __future__ import annotations

import enum
from collections import UserDict, deque, namedtuple

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

import pliant as pg
from pliant.values.errors import listing, quote, quote_typed, suggest

ANY_TEXT = st.text(st.characters(codec=None))
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.binary() | st.complex_numbers()
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(LEAVES, inner) | st.frozensets(LEAVES)
    ),
)


class Rude:
    def __repr__(self):
        raise ValueError("no repr")


class Deep:
    def __repr__(self):
        return repr(self)


class Wrong:
    def __repr__(self):
        return 5


class Long:
    def __repr__(self):
        return "x" * 10**6


class Lines:
    def __repr__(self):
        return "Net(\n  (0): Linear\n\n  (1): \x1b[31mReLU\u202e\n)"


class NoShape:
    dtype = None

    @property
    def shape(self):
        raise RuntimeError


class Method:
    dtype = None

    def shape(self):
        return 3


class NamelessType(type):
    @property
    def __name__(cls):
        raise ValueError

    __repr__ = Rude.__repr__


class Nameless(metaclass=NamelessType):
    __repr__ = Rude.__repr__


class Slice(str):
    __slots__ = ()

    def __getitem__(self, key):
        raise KeyError(key)


class Endless(list):
    def __iter__(self):
        while True:
            yield 1


class Node(pg.Object):
    x: object


class OwnText(Node):
    def __repr__(self):
        return "own"


class Color(enum.IntEnum):
    RED = 1


Point = namedtuple("Point", "x y")
LOOP: list = [1]
LOOP.append(LOOP)
DEEP: list = []
for _ in range(100_000):
    DEEP = [DEEP]


@given(VALUES)
@example({"a": [(1,), (), b"b", frozenset()], None: -1.5})
def test_any_value_is_a_short_printable_line(value):
    shown, plain = quote(value), repr(value)
    assert shown.isprintable()
    assert len(shown) <= 80
    if len(plain) <= 80 and plain.isascii() and plain.isprintable():
        assert shown == plain
    elif "digits" not in shown and len(plain) > 80:
        assert shown.endswith("...")
        if plain.isascii():
            assert shown == plain[:77] + "..."


@given(VALUES, st.integers(4, 300))
def test_any_limit(value, limit):
    assert len(quote(value, limit)) <= limit


@pytest.mark.parametrize("power", [81, 82, 100, 4299, 4300, 5000, 10**5])
@pytest.mark.parametrize("sign", [1, -1])
def test_long_integers(power, sign):
    number = 10**power
    assert quote(sign * number) == f"an int of {power + 1:,} digits"
    assert quote(sign * (number - 1)) == f"an int of {power:,} digits"
    assert quote(sign * (number * 5)) == f"an int of {power + 1:,} digits"
    assert quote([number]) == f"[an int of {power + 1:,} digits]"


def test_the_longest_integers_that_are_written():
    number = 10**80 - 1
    assert quote(number) == "9" * 80
    assert quote(-number) == "-" + "9" * 76 + "..."
    assert quote(1 << 10**8) == "an int of 30,103,000 digits"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Rude(), "<Rude whose repr raises ValueError>"),
        (Deep(), "<Deep whose repr raises RecursionError>"),
        (Wrong(), "<Wrong whose repr raises TypeError>"),
        (Nameless(), "<Nameless whose repr raises ValueError>"),
        (Nameless, "<NamelessType whose repr raises ValueError>"),
        (NoShape(), "<NoShape whose repr raises RuntimeError>"),
        (Slice("a"), "<Slice whose repr raises KeyError>"),
        ([1, Rude()], "[1, <Rude whose repr raises ValueError>]"),
        ({Rude(): Rude}, "{<Rude whose repr raises ValueError>: <class 'test_quote.Rude'>}"),
        ({1, "a"} - {1}, "{'a'}"),
        ((Rude(),), "(<Rude whose repr raises ValueError>,)"),
        (Long(), "x" * 77 + "..."),
        (Lines(), r"Net( (0): Linear (1): \x1b[31mReLU\u202e )"),
        ("\x1b[31m\u202e\n\u3164", r"'\x1b[31m\u202e\n\u3164'"),
        ("x" * 10**7, "'" + "x" * 76 + "..."),
        (b"x" * 10**7, "b'" + "x" * 75 + "..."),
        (bytearray(10**7), "bytearray of 10,000,000 items"),
        (deque([Rude()] * 1001), "deque of 1,001 items"),
        (UserDict.fromkeys(range(1001)), "UserDict of 1,001 items"),
        (set(range(1001)), "set of 1,001 items"),
        (dict.fromkeys(range(1001)).keys(), "dict_keys of 1,001 items"),
        (range(10**9), "range(0, 1000000000)"),
        (Point(1, 2), "Point(x=1, y=2)"),
        (Color.RED, "<Color.RED: 1>"),
        (True, "True"),
        (np.arange(3), "array([0, 1, 2])"),
        (np.zeros((300, 400)), "ndarray of shape (300, 400) and dtype float64"),
        (np.float32(3), "np.float32(3.0)"),
        (torch.zeros(2), "tensor([0., 0.])"),
        (torch.zeros(300, 400), "Tensor of shape (300, 400) and dtype torch.float32"),
        (torch.empty(0, 5, device="meta"), "tensor(..., device='meta', size=(0, 5))"),
        (torch.nn.Sequential(torch.nn.ReLU()), "Sequential( (0): ReLU() )"),
        (LOOP, "[1, " * 19 + "[..."),
        (DEEP, "[" * 77 + "..."),
        (Endless([1]), "[1, " + "1, " * 24 + "1..."),
        (Node(1), "Node(x=1)"),
        (Node(Rude()), "Node(x=<Rude whose repr raises ValueError>)"),
        (Node({"a b": {Rude(): 10**5000}}), "Node(x={'a b'={<Rude whose repr raises ValueError>=an int of 5,001 digits}})"),
        (Node("x" * 10**7), "Node(x='" + "x" * 69 + "..."),
        (OwnText(1), "own"),
        (pg.List([Rude()] * 1001)[:1], "[<Rude whose repr raises ValueError>]"),
        (pg.oneof([Rude(), 1]), "OneOf(candidates=[<Rude whose repr raises ValueError>, 1])"),
    ],
    ids=lambda value: "" if isinstance(value, str) else type.__dict__["__name__"].__get__(type(value)),
)  # fmt: skip
def test_quoted(value, text):
    assert quote(value) == text.replace("test_quote.", f"{__name__}.")


def test_items_beyond_the_room_are_not_formatted():
    class Counted:
        count = 0

        def __repr__(self):
            Counted.count += 1
            return "c" * 10

    many = [Counted()] * 10**6
    for value in (
        many,
        tuple(many),
        dict(enumerate(many)),
        {"a": [many]},
        pg.List(many[: 10**4]),
        Node(many[:99]),
    ):
        Counted.count = 0
        assert quote(value).endswith("...")
        assert 0 < Counted.count < 12


def test_a_value_and_its_type():
    assert quote_typed("3") == "'3' of type str"
    assert quote_typed([Rude()], 10) == "[<Rude ... of type list"
    assert quote_typed(Nameless()) == "<Nameless whose repr raises ValueError> of type Nameless"


def test_names_of_any_kind():
    """Names are keys that users choose; a search for near ones takes quadratic time."""
    assert listing([10**5000, Rude(), "x" * 10**6, "a\n"]) == (
        f"'an int of 5,001 digits', '<Rude whose repr raises ValueError>', '{'x' * 196}..., 'a\\n'"
    )
    assert listing(map(str, range(14))).endswith("'11' and 2 more")
    assert (
        suggest(10**5000, ["a"]) == suggest(Rude(), ["a"]) == suggest("x" * 10**7, ["xx", "y" * 10**7]) == ""
    )
    assert suggest("widht", ["width", Rude(), 10**5000]) == "; did you mean 'width'?"


def test_long_names_are_listed_and_suggested_whole():
    name = "expanded_conv-input:8x8x24-output:4x4x32-" * 4
    assert listing([name]) == repr(name)
    assert suggest(name[1:], [name]) == f"; did you mean {name!r}?"
