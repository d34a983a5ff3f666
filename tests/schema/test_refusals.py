"""What each spec refuses, and the lesson that its message gives."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import pliant.schema as pt
from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    MissingFieldError,
    PliantError,
    UnknownFieldError,
)
from pliant.values.path import Path


class Layer:
    pass


class Conv(Layer):
    pass


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


TYPE_ERRORS: list[tuple[pt.ValueSpec, Any, str]] = [
    (pt.Bool(), 1, "is 1 of type int; allowed: True or False. Write True."),
    (pt.Bool(), "yes", "is 'yes' of type str; allowed: True or False."),
    (pt.Int(), True, "A bool is not accepted as a number: write 1 or 0, or declare the field as Bool()."),
    (pt.Int(), np.bool_(True), "A bool is not accepted as a number"),
    (pt.Int(min_value=0), "3", "is '3' of type str; allowed: an int >= 0."),
    (pt.Int(), 3.0, "is 3.0 of type float; allowed: an int. Write 3."),
    (pt.Int(), 3.5, "Round it, or declare the field as Float()."),
    (pt.Int(), np.array([1, 2]), "of type ndarray; allowed: an int."),
    (pt.Int(), None, "is None of type NoneType; allowed: an int."),
    (pt.Float(), False, "A bool is not accepted as a number"),
    (pt.Float(), "1", "allowed: a float."),
    (pt.Float(), np.array([1.0, 2.0]), "of type ndarray; allowed: a float."),
    (pt.Float().noneable(), "1", "allowed: a float or None."),
    (pt.Str(), 3, "is 3 of type int; allowed: a str. Write it in quotes."),
    (pt.Str(), None, "allowed: a str."),
    (
        pt.List(int),
        (1, 2),
        "allowed: a list, each of them an int. Write it in square brackets, or list(...).",
    ),
    (pt.List(), "ab", "is 'ab' of type str; allowed: a list."),
    (pt.Tuple([int, str]), [1, "a"], "allowed: a tuple of 2: (an int, a str). Write it in parentheses"),
    (pt.Tuple(int), 3, "allowed: a tuple, each of them an int."),
    (pt.Dict(), [1], "is [1] of type list; allowed: a dict."),
    (pt.Dict([("a", int)]), 1, "allowed: a dict {'a': an int}."),
    (pt.Object(Layer), 1, "is 1 of type int; allowed: an instance of Layer."),
    (pt.Object(Layer), Layer, "This is the class itself. Write Layer(...)."),
    (pt.Object(Layer), None, "write spec.noneable(), or `| None` in the annotation."),
    (pt.Object("Layr"), Layer(), "The class 'Layr' does not exist in the module of the field"),
    (pt.Type(Layer), Conv(), "allowed: the class Layer or a subclass of it. Give the class, Conv, instead"),
    (pt.Type(Conv), Layer, "allowed: the class Conv or a subclass of it."),
    (pt.Type(), 3, "allowed: a class."),
    (pt.Callable(), 3, "is 3 of type int; allowed: a callable."),
    (
        pt.Callable([int, int]),
        lambda x: x,
        "allowed: a callable that takes (an int, an int). It cannot be called with these arguments",
    ),
    (
        pt.Callable(kw=[("y", int)]),
        lambda x: x,
        "takes (y=an int). It cannot be called with these arguments: missing a required",
    ),
    (pt.Union([int, str]), 1.5, "is 1.5 of type float; allowed: an int; or a str."),
]

VALUE_ERRORS: list[tuple[pt.ValueSpec, Any, str]] = [
    (pt.Int(min_value=0), -1, "is -1 of type int; allowed: an int >= 0. The nearest allowed value is 0."),
    (pt.Int(max_value=3), 4, "allowed: an int <= 3. The nearest allowed value is 3."),
    (pt.Int(min_value=1, max_value=3), 4, "allowed: an int from 1 to 3."),
    (pt.Float(min_value=0), float("nan"), "is nan of type float; allowed: a float >= 0.0."),
    (pt.Float(), 10**400, "The number is too large for a float; declare the field as Int()."),
    (
        pt.Str(regex="conv"),
        "pool",
        "is 'pool' of type str; allowed: a str that starts with a match of 'conv'.",
    ),
    (pt.Enum(values=["relu", "swish"]), "rely", "allowed: one of 'relu', 'swish'. Did you mean 'relu'?"),
    (pt.Enum(values=[1, 2]), True, "is True of type bool; allowed: one of 1, 2."),
    (pt.Enum(values=list(range(20))), 20, "10, 11 and 8 more."),
    (pt.Enum(values=[1, 2]), [1], "is [1] of type list; allowed: one of 1, 2."),
    (
        pt.List(int, size=2),
        [1],
        "allowed: a list with exactly 2 elements, each of them an int. It has 1 elements; add 1.",
    ),
    (pt.List(min_size=1), [], "a list with at least 1 elements. It has 0 elements; add 1."),
    (pt.List(max_size=1), [1, 2, 3], "a list with 0 to 1 elements. It has 3 elements; remove 2."),
    (pt.Tuple([int, int]), (1,), "a tuple of 2: (an int, an int). It has 1 elements; add 1."),
    (pt.Int().freeze(3), 4, "allowed: only 3. The field is frozen: omit it, or give exactly that value."),
    (pt.Str().freeze("x"), 4, "allowed: only 'x'."),
    (pt.Union([pt.Int(min_value=0), pt.Str()]), -1, "Closest candidate: the value at path 'x' is -1"),
]


@pytest.mark.parametrize(("spec", "value", "text"), TYPE_ERRORS)
def test_a_value_of_a_wrong_type_is_refused(spec: pt.ValueSpec, value: Any, text: str) -> None:
    with pytest.raises(FieldTypeError, match=re.escape(text)) as caught:
        spec.check(value, Path(("x",)))
    assert str(caught.value).startswith("the value at path 'x' is ")
    assert isinstance(caught.value, TypeError)
    assert not spec.accepts(value)


@pytest.mark.parametrize(("spec", "value", "text"), VALUE_ERRORS)
def test_a_value_that_is_not_allowed_is_refused(spec: pt.ValueSpec, value: Any, text: str) -> None:
    with pytest.raises(FieldValueError, match=re.escape(text)) as caught:
        spec.check(value, Path(("x",)))
    assert str(caught.value).startswith("the value at path 'x' is ")
    assert isinstance(caught.value, ValueError)


NESTED: list[tuple[pt.ValueSpec, Any, type[PliantError], str]] = [
    (pt.List(int), [1, "a"], FieldTypeError, "at path 'x[1]' is 'a'"),
    (pt.List(pt.List(int)), [[1], [2, "a"]], FieldTypeError, "at path 'x[1][1]' is 'a'"),
    (pt.Tuple([int, str]), (1, 2), FieldTypeError, "at path 'x[1]' is 2"),
    (pt.Tuple(int), (1, None), FieldTypeError, "at path 'x[1]' is None"),
    (pt.Dict([("lr", pt.Float(min_value=0))]), {"lr": -1}, FieldValueError, "at path 'x.lr' is -1"),
    (pt.Dict([(pt.StrKey("a"), int)]), {"a.b": "1"}, FieldTypeError, "at path \"x['a.b']\" is '1'"),
    (
        pt.Dict([("lr", float)]),
        {"lrr": 1},
        UnknownFieldError,
        "unknown field 'lrr' at path 'x'; did you mean 'lr'? Fields: 'lr'.",
    ),
    (pt.Dict([("lr", float)]), {3: 1}, UnknownFieldError, "unknown field 3 at path 'x'. Fields: 'lr'."),
    (
        pt.Dict([("lr", float)]),
        {},
        MissingFieldError,
        "missing at path 'x': 'lr' (a float). Give it a value.",
    ),
    (pt.List(int), [pt.MISSING_VALUE], MissingFieldError, "at path 'x[0]' is missing; allowed: an int."),
    (
        pt.Union([pt.List(int), pt.Str()]),
        [1, "a"],
        FieldTypeError,
        "a list, each of them an int; or a str. Closest candidate: the value at path 'x[1]' is 'a'",
    ),
]


@pytest.mark.parametrize(("spec", "value", "error", "text"), NESTED)
def test_the_message_names_the_place(
    spec: pt.ValueSpec, value: Any, error: type[PliantError], text: str
) -> None:
    with pytest.raises(error, match=re.escape(text)):
        spec.check(value, Path(("x",)))


def test_at_the_root_the_message_says_so() -> None:
    with pytest.raises(FieldTypeError, match="the value at the root is 'a' of type str"):
        pt.Int().check("a")


def test_a_missing_value_is_refused_by_all() -> None:
    for spec in (pt.Any(), pt.Int(3), pt.Int().noneable(), pt.Union([int, str])):
        with pytest.raises(
            MissingFieldError, match=r"the value at path 'x' is missing; allowed: .* Give a value\."
        ):
            spec.check(pt.MISSING_VALUE, Path(("x",)))


def test_a_long_or_broken_repr_does_no_harm() -> None:
    with pytest.raises(FieldTypeError, match=r"is 'a{76}\.\.\. of type str"):
        pt.Int().check("a" * 1000)
    with pytest.raises(FieldTypeError, match="is <Rude whose repr raises RuntimeError> of type Rude"):
        pt.Int().check(Rude())
