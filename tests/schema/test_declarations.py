"""Specs, fields and schemas that cannot be, and the lesson that each message gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import pliant.schema as pt
from pliant.values.errors import SchemaError


class Layer:
    pass


class Conv(Layer):
    def __call__(self) -> None: ...


MALFORMED: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: pt.Int(5, max_value=3),
        "the default of Int(max_value=3) does not fit it: the value at path 'default' is 5",
    ),
    (
        lambda: pt.Int(min_value=3, max_value=1),
        "Int(min_value=3, max_value=1) allows nothing: min_value must not be above",
    ),
    (lambda: pt.Int(min_value=0.5), "the min_value of an Int must be an int or None; got 0.5."),  # type: ignore[arg-type]
    (lambda: pt.Int(max_value=True), "the max_value of an Int must be an int or None; got True."),
    (lambda: pt.Float(min_value="1"), "the min_value of a Float must be a number or None; got '1'."),  # type: ignore[arg-type]
    (lambda: pt.Float(max_value=float("nan")), "the max_value of a Float must be a number or None; got nan."),
    (
        lambda: pt.Int().freeze(),
        "a frozen Int needs a default, the only value that it allows. Write Int(..., default=value, frozen=True)",
    ),
    (
        lambda: pt.Int(3).freeze().with_default(4),
        "Int(default=3, frozen=True) is frozen, so its default cannot be changed to 4.",
    ),
    (lambda: pt.Str(regex="("), "the regex of a Str is '(', which is not a regular expression"),
    (lambda: pt.StrKey("("), "the regex of a StrKey is '(', which is not a regular expression"),
    (lambda: pt.Enum(values=[]), "an Enum needs at least one value. Write Enum(values=['a', 'b'])"),
    (lambda: pt.Enum("a", "ab"), "the values of an Enum must be a list; got 'ab'. Write Enum(values=[...])."),
    (lambda: pt.Enum("c", ["a"]), "the default of Enum(values=['a']) does not fit it"),
    (lambda: pt.List(int, size=-1), "the size of a List must be an int >= 0 or None; got -1."),
    (lambda: pt.List(int, min_size=True), "the min_size of a List must be an int >= 0 or None; got True."),
    (lambda: pt.List(int, size=1, max_size=2), "a List takes either size or min_size and max_size, not both"),
    (lambda: pt.List(int, min_size=3, max_size=2), "List(min_size=3, max_size=2) allows nothing"),
    (
        lambda: pt.List(3),
        "3 of type int is neither a spec nor an annotation. Write a spec such as pg.typing.Int",
    ),
    (
        lambda: pt.Tuple([int], size=1),
        "the size of a Tuple with one spec per position is their number. Omit size",
    ),
    (lambda: pt.Dict([("a", 1)]), "the field 'a': 1 of type int is neither a spec nor an annotation."),
    (lambda: pt.Dict([("a", True)]), "For a default, write Bool(True)."),
    (
        lambda: pt.Object(3),
        "Object(...) takes a class or the name of one; got 3 of type int. Write Object(TheClass)",
    ),
    (lambda: pt.Type(int | str), "Type(...) takes a class or the name of one; got int | str"),
    (
        lambda: pt.Object(pt.ForwardRef("len")).check(1),
        "Object('len') needs a class, but 'len' is <built-in function len>.",
    ),
    (lambda: pt.Callable(int), "the args of a Callable must be a list of specs; got <class 'int'>."),
    (lambda: pt.Union([]), "a Union needs at least one candidate. Write Union([Int(), Str()])."),
    (lambda: pt.Union(int), "the candidates of a Union must be a list of specs; got <class 'int'>."),  # type: ignore[arg-type]
    (
        lambda: pt.Field(1, int),
        "the key of a field must be a name or a StrKey; got 1 of type int. Write (key, spec)",
    ),  # type: ignore[arg-type]
    (lambda: pt.Field("", int), "the key of a field must be a name or a StrKey; got '' of type str."),
    (lambda: pt.Field("x", int, 3), "the description of a field must be text; got 3. Write (key, spec)"),  # type: ignore[arg-type]
    (lambda: pt.Field("x", int, "", 3), "the metadata of a field must be a dict; got 3. Write (key, spec)"),  # type: ignore[arg-type]
    (
        lambda: pt.schema_from_members([("x",)]),
        "a field must have 2 to 4 parts; got 1 in ('x',). Write (key, spec), (key",
    ),
    (
        lambda: pt.schema_from_members(["x"]),
        "a field must be a tuple or a Field; got 'x' of type str. Write (key, spec)",
    ),
    (
        lambda: pt.schema_from_members("x", name="A"),
        "members must be a list of (key, spec) tuples in A; got 'x' of type str. Write",
    ),
    (lambda: pt.schema_from_members(3), "members must be a list of (key, spec) tuples; got 3 of type int."),
    (
        lambda: pt.schema_from_members([("x", int), ("x", str)], name="A"),
        "the field 'x' is declared twice in A: Field('x', Int()) and Field('x', Str()). Remove one.",
    ),
    (lambda: pt.Schema([("x", int)]), "the items of a schema must be Fields; got ('x', <class 'int'>)."),  # type: ignore[list-item]
    (
        lambda: setattr(pt.Int(), "default", 1),
        "the attribute 'default' of Int() cannot be changed: specs are immutable",
    ),
    (
        lambda: delattr(pt.Int(), "default"),
        "the attribute 'default' of Int() cannot be changed: specs are immutable",
    ),
    (
        lambda: setattr(pt.StrKey(), "regex", ""),
        "the attribute 'regex' of StrKey() cannot be changed: keys are immutable",
    ),
    (
        lambda: setattr(pt.Field("x", int), "key", ""),
        "the attribute 'key' of Field('x', Int()) cannot be changed: fields are immutable",
    ),
    (
        lambda: setattr(pt.Schema(), "name", ""),
        "the attribute 'name' of a schema cannot be changed: schemas are immutable",
    ),
]


@pytest.mark.parametrize(("declare", "text"), MALFORMED, ids=[text for _, text in MALFORMED])
def test_a_malformed_declaration_is_refused(declare: Callable[[], Any], text: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(text)):
        declare()


NARROWER: list[tuple[pt.ValueSpec, pt.ValueSpec, pt.ValueSpec]] = [
    (pt.Int(min_value=2), pt.Int(min_value=1), pt.Int(min_value=2)),
    (pt.Int(3), pt.Int(min_value=1, max_value=9), pt.Int(3, 1, 9)),
    (pt.Int(), pt.Int(5).noneable(), pt.Int(5)),
    (pt.Int(), pt.Int().noneable(), pt.Int()),
    (pt.Int(min_value=6), pt.Int(5), pt.Int(min_value=6)),
    (pt.Int(), pt.Float(min_value=0.5, max_value=3.5), pt.Int(min_value=1, max_value=3)),
    (pt.Int(), pt.Any(1), pt.Int(1)),
    (pt.Str(), pt.Str(regex="a"), pt.Str(regex="a")),
    (pt.Enum(values=["a"]), pt.Enum("b", ["a", "b"]), pt.Enum(values=["a"])),
    (pt.Enum(values=[1, 2]), pt.Int(min_value=1), pt.Enum(values=[1, 2])),
    (pt.Int().freeze(3), pt.Int(), pt.Int().freeze(3)),
    (pt.Int(), pt.Int().freeze(3), pt.Int().freeze(3)),
    (
        pt.List(pt.Int(min_value=1), max_size=3),
        pt.List(int, min_size=1),
        pt.List(pt.Int(min_value=1), min_size=1, max_size=3),
    ),
    (pt.Tuple([int, int]), pt.Tuple(pt.Int(min_value=0)), pt.Tuple([pt.Int(min_value=0)] * 2)),
    (pt.Dict(), pt.Dict([("a", int)]), pt.Dict([("a", int)])),
    (pt.Dict([("a", pt.Int(1))]), pt.Dict([("a", int), ("b", int)]), pt.Dict([("a", pt.Int(1)), ("b", int)])),
    (pt.Dict([("x", pt.Int(1))]), pt.Dict(float), pt.Dict([(pt.StrKey(), float), ("x", pt.Int(1))])),
    (pt.Object(Conv), pt.Object(Layer), pt.Object(Conv)),
    (pt.Object(Conv), pt.Object("Layer"), pt.Object(Conv)),
    (pt.Object("Later"), pt.Object("Later"), pt.Object("Later")),
    (pt.Object(Conv), pt.Callable(), pt.Object(Conv)),
    (pt.Type(Conv), pt.Type(Layer), pt.Type(Conv)),
    (pt.Callable(), pt.Callable([int], returns=str), pt.Callable([int], returns=str)),
    (pt.Int(), pt.Union([str, int]), pt.Int()),
    (pt.Int(), pt.Union([pt.Int(min_value=0), pt.Int()]), pt.Int()),
    (pt.Union([int, str]), pt.Union([str, float, int]), pt.Union([int, str])),
]


@pytest.mark.parametrize(("own", "base", "result"), NARROWER)
def test_a_field_narrows_its_base(own: pt.ValueSpec, base: pt.ValueSpec, result: pt.ValueSpec) -> None:
    assert own.extend(base) == result


WIDER: list[tuple[pt.ValueSpec, pt.ValueSpec, str]] = [
    (
        pt.Int(min_value=0),
        pt.Int(min_value=1),
        "Int(min_value=0) does not narrow Int(min_value=1) of the base class: min_value=0 is below 1.",
    ),
    (
        pt.Int(max_value=9),
        pt.Int(max_value=1),
        "max_value=9 is above 1. A subclass may allow less than its base, never more; the base allows: an int <= 1.",
    ),
    (pt.Int(min_value=5), pt.Int(max_value=1), "the two have no value in common"),
    (pt.Int(5), pt.Int(max_value=1), "the default 5 is not allowed there"),
    (pt.Int().noneable(), pt.Int(), "None is not allowed there"),
    (pt.Any(), pt.Int().noneable(), "it allows anything"),
    (pt.Float(), pt.Int(), "a float is not allowed there"),
    (pt.Int(), pt.Str(), "an int is not allowed there"),
    (pt.Bool(), pt.Int(), "a bool is not allowed there"),
    (pt.Str(), pt.Int(), "a str is not allowed there"),
    (pt.Str(regex="b"), pt.Str(regex="a"), "regular expressions cannot be compared"),
    (pt.Enum(values=["a", "c"]), pt.Enum(values=["a", "b"]), "'c' is not allowed there"),
    (pt.Int(4), pt.Int(3).freeze(), "it is frozen at 3"),
    (pt.Str(), pt.Int(3).freeze(), "it is frozen at 3"),
    (pt.List(str), pt.List(int), "Str() does not narrow Int() of the base class"),
    (pt.List(int), pt.Tuple(int), "a list is not allowed there"),
    (pt.List(int, max_size=3), pt.List(int, max_size=2), "max_size=3 is above 2"),
    (pt.List(int, min_size=1), pt.List(int, min_size=2), "min_size=1 is below 2"),
    (pt.List(int, min_size=3), pt.List(int, max_size=2), "the two have no size in common"),
    (
        pt.List(int, [1]),
        pt.List(pt.Int(min_value=2)),
        "the default of List(Int(min_value=2)) does not fit it",
    ),
    (pt.Tuple(int), pt.List(int), "a tuple is not allowed there"),
    (pt.Tuple(int), pt.Tuple([int, int]), "its size is not fixed, there it is 2"),
    (pt.Dict(), pt.List(), "a dict is not allowed there"),
    (pt.Dict([("b", int)]), pt.Dict([("a", int)]), "the key 'b' is not allowed there"),
    (
        pt.Dict([("a", str)]),
        pt.Dict([("a", int)]),
        "the field 'a': Str() does not narrow Int() of the base class",
    ),
    (pt.Object(Layer), pt.Object(Conv), "an instance of Layer is not allowed there"),
    (pt.Object(Layer), pt.Callable(), "an instance of Layer is not allowed there"),
    (pt.Type(Layer), pt.Type(Conv), "the class Layer or a subclass of it is not allowed there"),
    (pt.Callable([int]), pt.Callable([]), "it takes 1 arguments, there 0"),
    (pt.Callable(kw=[("a", int)]), pt.Callable(kw=[("b", int)]), "the names of the keyword arguments differ"),
    (pt.Callable(), pt.Object(Layer), "a callable is not allowed there"),
    (pt.Bool(), pt.Union([int, str]), "none of its candidates allows all of it"),
    (pt.Union([int, str]), pt.Int(), "a str is not allowed there"),
    (pt.Union([int, str], 5), pt.Union([pt.Int(max_value=3), pt.Str()]), "does not fit it"),
]


@pytest.mark.parametrize(("own", "base", "text"), WIDER)
def test_a_field_cannot_be_wider_than_its_base(own: pt.ValueSpec, base: pt.ValueSpec, text: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(text)):
        own.extend(base)
    assert not base.is_compatible(own.with_default(own.default) if own.frozen else own)


def test_compatibility() -> None:
    assert pt.Float(min_value=0).is_compatible(pt.Int(min_value=1))
    assert pt.Int(min_value=3).is_compatible(pt.Enum(values=[3, 4]))
    assert pt.Union([int, str]).is_compatible(pt.Str(regex="a"))
    assert pt.Int().is_compatible(pt.Int(3).freeze())
    assert not pt.Int(min_value=3).is_compatible(pt.Int())
    assert not pt.Int(3).freeze().is_compatible(pt.Int())
    assert not pt.List(int).is_compatible(pt.List())
    assert pt.Dict([("a", int)]).is_compatible(pt.Dict([("a", pt.Int(3))]))
    assert pt.Dict([("a", pt.Int(3))]).is_compatible(pt.Dict([("a", int)]))
