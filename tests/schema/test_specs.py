"""What each spec accepts, converts and says about itself."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest

import pliant.schema as pt
from pliant.values.errors import FieldTypeError
from pliant.values.path import ROOT, Path
from pliant.values.placeholder import Placeholder


class Layer:
    pass


class Conv(Layer):
    pass


class Width(enum.IntEnum):
    NARROW = 8


class Names(list[str]):
    pass


class Config(dict[str, Any]):
    pass


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        (pt.Any(), None),
        (pt.Any(), object()),
        (pt.Bool(), False),
        (pt.Int(), 10**400),
        (pt.Int(min_value=0, max_value=3), 3),
        (pt.Int(), Width.NARROW),
        (pt.Float(), float("nan")),
        (pt.Float(min_value=0.0), float("inf")),
        (pt.Str(regex="conv"), "conv3x3"),
        (pt.Enum(values=[1, "a", None]), None),
        (pt.Enum(values=[Layer, [1]]), [1]),
        (pt.List(str), Names(["a"])),
        (pt.List(), [1, None, []]),
        (pt.Tuple(), (1, None)),
        (pt.Tuple([]), ()),
        (pt.Dict(), Config(a=1)),
        (pt.Dict(), {1: 2}),
        (pt.Dict([("a", int), (pt.StrKey("x"), str)]), Config(x1="s", a=1)),
        (pt.Object(Layer), Conv()),
        (pt.Object("Layer"), Conv()),
        (pt.Type(Layer), Conv),
        (pt.Type("Layer"), Conv),
        (pt.Callable([int, int]), max),
        (pt.Callable([int]), Conv.__init__),
        (pt.Callable([int], kw=[("b", int)]), lambda a, *, b: a + b),
        (pt.Union([int, str]), "a"),
    ],
)
def test_what_is_allowed_is_returned_as_it_is(spec: pt.ValueSpec, value: Any) -> None:
    assert spec.check(value) is value
    assert spec.apply(value) is value


@pytest.mark.parametrize(
    ("spec", "value", "stored"),
    [
        (pt.Float(), 1, 1.0),
        (pt.Float(), np.float64(0.5), 0.5),
        (pt.Float(), np.float32(0.5), 0.5),
        (pt.Float(), np.int64(2), 2.0),
        (pt.Int(), np.int64(3), 3),
        (pt.Int(), np.array(3), 3),
        (pt.Bool(), np.bool_(True), True),
        (pt.Enum(values=[1, 2]), 2.0, 2),
        (pt.Float().freeze(1.0), 1, 1.0),
        (pt.List(float), Names([1, 2.0]), [1.0, 2.0]),  # type: ignore[list-item]  # to be converted
        (pt.Tuple([float, str]), (1, "a"), (1.0, "a")),
        (pt.Tuple(float), (1,), (1.0,)),
        (pt.Dict([("a", float), ("b", pt.Str("x"))]), Config(a=1), {"a": 1.0, "b": "x"}),
        (pt.List(pt.Dict([("a", pt.List(float))])), [{"a": [1]}], [{"a": [1.0]}]),
        (pt.Union([pt.Float(), pt.Str()]), 1, 1.0),
        (pt.Union([pt.Float(), pt.Int()]), 1, 1),
        (pt.Union([pt.List(float), pt.List(int)]), [1], [1]),
    ],
)
def test_conversions(spec: pt.ValueSpec, value: Any, stored: Any) -> None:
    result = spec.check(value)
    assert pt.same_value(result, stored)
    assert type(result) is type(stored)


def test_a_dict_is_completed_in_the_order_of_its_fields() -> None:
    spec = pt.Dict([("a", pt.Int(1)), ("b", pt.List(int, default=[])), ("c", int)])
    first, second = spec.check({"c": 3}), spec.check({"c": 3})
    assert list(first.items()) == [("a", 1), ("b", []), ("c", 3)]
    assert first["b"] is not second["b"]


def test_a_dict_that_needs_nothing_is_its_own_default() -> None:
    assert pt.Dict([("a", pt.Int(1))]).default == {"a": 1}
    assert pt.Dict([("a", pt.Dict([("b", pt.Int(1))]))]).check({}) == {"a": {"b": 1}}
    for spec in (pt.Dict(), pt.Dict([("a", int)]), pt.Dict([("a", pt.Int(1)), (pt.StrKey(), int)])):
        assert spec.default is pt.MISSING_VALUE


def test_none_is_allowed_where_it_is_said() -> None:
    for spec in (pt.Int(is_noneable=True), pt.Int(default=None), pt.Int().noneable(), pt.Int(None)):
        assert spec == pt.Int(default=None)
        assert spec.is_noneable
        assert spec.default is None
    kept = pt.Int(3).noneable()
    assert (kept.default, kept.check(None), repr(kept)) == (3, None, "Int(default=3, is_noneable=True)")
    assert pt.Any().is_noneable
    assert pt.Any().default is pt.MISSING_VALUE
    assert pt.Enum(values=["a", None]).is_noneable
    assert pt.Enum(values=["a"]).noneable() == pt.Enum(None, ["a", None])
    assert pt.Union([pt.Int().noneable(), pt.Str()]) == pt.Union([int, str]).noneable()


@pytest.mark.parametrize(
    ("spec", "fast", "holds"),
    [
        (pt.Any(), None, True),
        (pt.Bool(), bool, False),
        (pt.Int(3).noneable(), int, False),
        (pt.Int(min_value=0), None, False),
        (pt.Float(), float, False),
        (pt.Str(), str, False),
        (pt.Str(regex="a"), None, False),
        (pt.Enum(values=[1, "a"]), None, False),
        (pt.Enum(values=[Layer()]), None, True),
        (pt.Int().freeze(3), None, False),
        (pt.List(int), None, True),
        (pt.Tuple(int), None, False),
        (pt.Tuple([int, dict]), None, True),
        (pt.Dict(), None, True),
        (pt.Object(Layer), Layer, True),
        (pt.Object(complex), complex, False),
        (pt.Object("Layer"), None, True),
        (pt.Type(Layer), None, False),
        (pt.Callable(), None, True),
        (pt.Union([int, str]), None, False),
        (pt.Union([int, Layer]), None, True),
    ],
)
def test_what_generated_code_wants_to_know(spec: pt.ValueSpec, fast: type | None, holds: bool) -> None:
    assert spec.fast_class is fast
    assert spec.holds_nodes is holds


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (pt.Int(min_value=0), "Int(min_value=0)"),
        (pt.List(pt.Int(), max_size=3), "List(Int(), max_size=3)"),
        (pt.List(int, size=2), "List(Int(), min_size=2, max_size=2)"),
        (pt.Tuple([int, str]), "Tuple([Int(), Str()])"),
        (pt.Dict(), "Dict()"),
        (pt.Dict(int), "Dict([(StrKey(), Int())])"),
        (pt.Dict({"a": (int, "what for")}), "Dict([('a', Int(), 'what for')])"),
        (pt.Enum("a", ["a", "b"]), "Enum(values=['a', 'b'], default='a')"),
        (pt.Object(Layer), "Object(Layer)"),
        (pt.Object("Layer"), "Object('Layer')"),
        (pt.Callable([int], returns=str), "Callable([Int()], returns=Str())"),
        (pt.Union([int, pt.Union([str, int])]), "Union([Int(), Str()])"),
        (pt.Str(regex="a").freeze("ab"), "Str(regex='a', default='ab', frozen=True)"),
    ],
)
def test_specs_are_written_as_one_writes_them(spec: pt.ValueSpec, text: str) -> None:
    assert repr(spec) == text


def test_specs_differ_in_what_python_calls_equal() -> None:
    assert pt.Enum(values=[1]) != pt.Enum(values=[True])
    assert pt.Int(1) != pt.Float(1)
    assert pt.Any(1) != pt.Any(1.0)
    assert pt.Any(np.array([1, 2])) != pt.Any(np.array([1, 2]))
    assert pt.Int().__eq__(int) is NotImplemented
    assert len({pt.Int(), pt.Int(), pt.Enum(values=[[1]]), pt.Enum(values=[[1]])}) == 2


def test_a_forward_reference_finds_a_class_that_is_declared_later() -> None:
    names: dict[str, Any] = {}
    spec = pt.from_annotation("list[Later]", globals=names)
    names["Later"] = Layer
    layers = [Conv()]
    assert spec.check(layers) is layers
    with pytest.raises(FieldTypeError, match="an instance of Later"):
        spec.check([1])
    element = pt.Object(pt.ForwardRef("Later", names))
    assert (element.check(layers[0]), element.fast_class, element.cls) == (layers[0], Layer, Layer)


def test_a_reference_to_a_local_class_can_be_bound() -> None:
    fields = pt.Schema([pt.Field("child", pt.from_annotation("list[Local | None]", owner_name="Local"))])

    class Local:
        pass

    Other = type("Local", (), {})
    assert fields["child"].value_spec.accepts([Other()])  # by name is all there is to go by
    fields.bind_owner(Local)
    assert fields["child"].value_spec.accepts([Local(), None])
    assert not fields["child"].value_spec.accepts([Other()])


class Hole(Placeholder):
    """A hole that becomes one of its candidates, as the hyper values do."""

    def __init__(self, *candidates: Any) -> None:
        self.candidates = candidates

    def admit(self, spec: Any, path: Path) -> Any:
        checked = [spec.check(c, path + "candidates" + i) for i, c in enumerate(self.candidates)]
        return Hole(*checked) if checked != list(self.candidates) or spec == pt.Float() else self


@pytest.mark.parametrize(
    "spec",
    [pt.Any(), pt.Int(), pt.Int(min_value=1), pt.Union([int, str]), pt.Enum(values=[1, 2]), pt.Object(int)],
)
def test_a_placeholder_is_asked(spec: pt.ValueSpec) -> None:
    hole = Hole(1, 2)
    assert spec.check(hole) is hole
    nested = [hole]
    assert pt.List(spec).check(nested) is nested


def test_a_placeholder_may_convert_and_may_refuse() -> None:
    converted = pt.List(float).check([Hole(1, 2)])
    assert [type(c) for c in converted[0].candidates] == [float, float]
    with pytest.raises(FieldTypeError, match=r"at path 'x\[0\]\.candidates\[1\]' is 'a'"):
        pt.List(int).check([Hole(1, "a")], ROOT + "x")
    assert pt.Callable([int]).check(hole := Hole(len)) is hole
    counts = Hole(1, 2)
    assert pt.Int(default=counts).default is counts


class LayerHole(Hole, Layer):
    """A hole that is an object of the field's class as well."""


def test_a_placeholder_of_the_right_class_is_asked_all_the_same() -> None:
    for spec in (pt.Object(Layer), pt.Object(Layer).noneable(), pt.Union([Layer, int])):
        with pytest.raises(FieldTypeError, match=r"at path 'candidates\[0\]' is 'no layer'"):
            spec.check(LayerHole("no layer"))
