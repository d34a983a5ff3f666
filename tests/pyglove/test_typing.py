"""Value specs, keys, schemas and signatures with PyGlove's names."""

from __future__ import annotations

import copy
import inspect
import re
import sys
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant.pyglove import typing as pt
from pliant.pyglove import values as pv

MISSING = pv.MISSING_VALUE


class Node:
    pass


class Leaf(Node):
    pass


def check_positive(value):
    if value <= 0:
        raise ValueError("must be positive")
    return value


@pytest.mark.parametrize(
    ("spec", "given_value", "held"),
    [
        (pt.Int(), 3, 3),
        (pt.Int(), True, True),
        (pt.Float(), 3, 3.0),
        (pt.Str(regex="a.*"), "ab", "ab"),
        (pt.Enum("a", ["a", None]), None, None),
        (pt.List(pt.Float()), [1], [1.0]),
        (pt.List(int, transform=list), (1, 2), [1, 2]),
        (pt.Tuple([int, str]), (1, "a"), (1, "a")),
        (pt.Tuple(float), (1, 2), (1.0, 2.0)),
        (pt.Dict([("a", 1), ("b", str)]), {"b": "x"}, {"b": "x", "a": 1}),
        (pt.Dict(float), {"x": 1}, {"x": 1.0}),
        (pt.Object(pv.KeyPath), "a.b", pv.KeyPath(["a", "b"])),
        (pt.Type(Node), Leaf, Leaf),
        (pt.Union([float, str]), 1, 1.0),
        (pt.Any(), [None], [None]),
        (pt.Any().freeze(1), MISSING, 1),
        (pt.Callable([int]), check_positive, check_positive),
    ],
)
def test_apply(spec, given_value, held):
    assert spec.apply(given_value) == held
    assert type(spec.apply(given_value)) is type(held)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: pt.Int().apply("x"), TypeError, "Expect <class 'int'> but encountered <class 'str'>: x"),
        (lambda: pt.Bool().apply(1), TypeError, "Expect <class 'bool'>"),
        (lambda: pt.Int().apply(None), ValueError, r"Value cannot be None.*allow it: \.noneable"),
        (lambda: pt.Int().apply(MISSING), ValueError, "Required value is not specified"),
        (lambda: pt.Int(1).freeze().apply(2), ValueError, "Frozen field is not assignable"),
        (lambda: pt.Int().freeze(), ValueError, r"Cannot freeze Int\(\) without a default value. Give the value"),
        (lambda: pt.Int(min_value=1).apply(0), ValueError, r"Value 0 is out of range \(min=1, max=None\)"),
        (lambda: pt.Int(min_value=1, max_value=0), ValueError, "must be equal or greater"),
        (lambda: pt.Int[1], TypeError, "requires 2 arguments"),
        (lambda: pt.Str[1, 2], TypeError, "requires 1 argument"),
        (lambda: pt.Str(regex="a").apply("b"), ValueError, "does not match regular expression 'a'"),
        (lambda: pt.Enum("c", ["a"]), ValueError, "'c' is not in candidate list"),
        (lambda: pt.Enum("a", []), ValueError, "should be a non-empty list"),
        (lambda: pt.Enum["a"], TypeError, "at least 2 arguments"),
        (lambda: pt.Enum("a", ["a"]).apply("b"), ValueError, r"'b' is not in candidate list \['a'\]"),
        (lambda: pt.List(int).apply([1, "x"]), TypeError, r"\(path=\[1\]\)"),
        (lambda: pt.List(int, max_size=1).apply([1, 2]), ValueError, "greater than max size"),
        (lambda: pt.List(int, min_size=1).apply([]), ValueError, "less than min size"),
        (lambda: pt.List(int, size=1, min_size=1), ValueError, "Either \"size\" or"),
        (lambda: pt.List(int, min_size=-1), ValueError, "no less than 0"),
        (lambda: pt.List(int, min_size=2, max_size=1), ValueError, 'no less than "min_size"'),
        (lambda: pt.List[int, int], TypeError, "requires 1 type argument"),
        (lambda: pt.Tuple([]), ValueError, "must be a non-empty list"),
        (lambda: pt.Tuple([int], size=1), ValueError, "are not applicable"),
        (lambda: pt.Tuple([int]).apply((1, 2)), ValueError, "does not match the length of spec"),
        (lambda: pt.Tuple(int, min_size=2).apply((1,)), ValueError, "less than min size"),
        (lambda: pt.Tuple(int, max_size=0).apply((1,)), ValueError, "does not match|greater than max"),
        (lambda: pt.Dict([("a", int)]).apply({"b": 1}), KeyError, r"Keys \['b'\] are not allowed in Schema"),
        (lambda: pt.Dict([("a", int)]).apply({}), ValueError, r"Path='a'"),
        (lambda: pt.Dict[str], TypeError, "accepts 1 dict type argument"),
        (lambda: pt.Object(Node).apply(1), TypeError, "Expect .*Node"),
        (lambda: pt.Object(None), TypeError, "cannot be None"),
        (lambda: pt.Object(object), TypeError, "too general"),
        (lambda: pt.Object(1), TypeError, "should be a type"),
        (lambda: pt.Object[int, str], TypeError, "requires 1 type argument"),
        (lambda: pt.Object("NotYet").value_type, TypeError, "'NotYet' does not exist in module"),
        (lambda: pt.Type(1), TypeError, "1 is not a type"),
        (lambda: pt.Type[int, str], TypeError, "requires 1 type argument"),
        (lambda: pt.Type(Leaf).apply(Node), ValueError, "is not a subclass of"),
        (lambda: pt.Callable().apply(1), TypeError, "Value is not callable: 1"),
        (lambda: pt.Callable(1), TypeError, "'args' should be a list"),
        (lambda: pt.Callable(kw=["a"]), TypeError, "'kw' should be a list of"),
        (lambda: pt.Callable[int], TypeError, "requires 2 type arguments"),
        (lambda: pt.Callable([int, int]).apply(check_positive), TypeError, "only take 1 positional arguments"),
        (lambda: pt.Callable(kw=[("y", int)]).apply(check_positive), TypeError, "Keyword argument 'y' does not exist"),
        (lambda: pt.Callable()(), TypeError, "cannot be instantiated"),
        (lambda: pt.Functor().apply(check_positive), TypeError, "Expect .*Functor"),
        (lambda: pt.Union([int]), ValueError, "at least 2 elements"),
        (lambda: pt.Union([int, pt.Int(1)]), ValueError, "Found 2 value specs of the same type"),
        (lambda: pt.Union[int], TypeError, "at least 2 type arguments"),
        (lambda: pt.Union([int, str]).apply(1.5), TypeError, "Expect .* but encountered <class 'float'>"),
        (lambda: pt.Union([pt.Callable(), str]).apply(1), TypeError, "does not match any candidate"),
        (lambda: pt.Union([int, str])(), TypeError, "cannot be instantiated"),
        (lambda: pt.Any()(), TypeError, "cannot be instantiated"),
        (lambda: pt.Sequence(int), TypeError, r"Write Sequence\[\.\.\.\]"),
        (lambda: pt.Sequence[int, str], TypeError, "requires 1 type argument"),
        (lambda: pt.Optional[int, str], TypeError, "requires 1 type argument"),
        (lambda: pt.Annotated[int, 1], TypeError, "must be a str"),
        (lambda: pt.Annotated[int, "x", 1], TypeError, "must be a dict with str keys"),
        (lambda: pt.Annotated[int, "x", {}, 1], TypeError, "accepts 1 to 3"),
        (lambda: pt.ensure_value_spec(pt.Int(), pt.Bool()), TypeError, "is not compatible with destination spec"),
        (lambda: pt.ConstStrKey("a.b"), KeyError, r"'\.' cannot be used in key"),
        (lambda: pt.ConstStrKey(1), TypeError, "must be text"),
        (lambda: pt.ConstStrKey("a").extend(pt.ConstStrKey("b")), KeyError, "keys are different"),
        (lambda: pt.ListKey().extend(pt.TupleKey(1)), TypeError, "incompatible type"),
        (lambda: pt.ListKey(1).extend(pt.ListKey(2)), TypeError, "min_value is smaller"),
        (lambda: pt.ListKey(0, 3).extend(pt.ListKey(0, 2)), TypeError, "max_value is greater"),
        (lambda: pt.TupleKey(1).extend(pt.TupleKey(2)), KeyError, "unmatched index"),
        (lambda: pt.create_field((1, int)), TypeError, "The 1st element of field definition"),
        (lambda: pt.create_field(("a", int, 1)), TypeError, "should be text type"),
        (lambda: pt.create_field(("a", int, "d", 1)), TypeError, "should be a dict of objects"),
        (lambda: pt.create_field("a"), TypeError, "tuples with 2 to 4 elements"),
        (lambda: pt.create_schema(1), TypeError, "Schema definition should be a dict"),
        (lambda: pt.create_schema([], metadata=1), TypeError, "Metadata of schema should be a dict"),
        (lambda: pt.create_schema([(pt.StrKey(), int)]), ValueError, "Give allow_nonconst_keys=True"),
        (lambda: pt.Schema({}), TypeError, "'fields' must be a list"),
        (lambda: pt.Field("a", pt.Int(), None, 1), ValueError, "metadata must be a dict"),
        (lambda: pt.create_schema([("a", int)])["b"], KeyError, "has no field 'b'. It has a"),
        (lambda: pt.create_schema([]).is_compatible(1), TypeError, "should be a Schema object"),
        (lambda: pt.signature(1), TypeError, "1 is not callable"),
        (lambda: pt.signature(check_positive).annotate({"y": int}), KeyError, "found extra symbolic argument 'y'"),
        (lambda: pt.signature(check_positive).annotate(return_value=pt.Int(1)), ValueError, "should not have default"),
        (lambda: pt.register_converter(0, 1, int), TypeError, "must be a type or tuple of types"),
        (lambda: pt.ValueSpec.from_annotation(3, True), TypeError, "Cannot convert 3 to"),
        (lambda: pt.ValueSpec.from_annotation(dict[int, int], True), TypeError, "non-string key is not supported"),
        (lambda: pt.ValueSpec.from_annotation(tuple[...], True), TypeError, "exact 2 type arguments"),
        (lambda: pt.annotation_from_str("list[int"), SyntaxError, 'Expected "]"'),
        (lambda: pt.annotation_from_str("typing.List[]"), SyntaxError, "Expected type identifier"),
        (lambda: pt.annotation_from_str("typing.Nothing"), TypeError, "does not exist"),
        (lambda: pt.annotation_from_str("f(1)"), SyntaxError, "Expected type identifier"),
        (lambda: pt.get_type(1), TypeError, "1 is not a type"),
        (lambda: pt.get_outer_class(type("L", (), {"__qualname__": "f.<locals>.L"})), ValueError, "locally defined"),
    ],
)  # fmt: skip
def test_refusals(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_a_transform_is_called_before_the_check_and_its_error_names_the_path():
    spec = pt.Dict([("x", pt.Any(transform=check_positive))])
    assert spec.apply({"x": 1}) == {"x": 1}
    with pytest.raises(ValueError, match=re.escape("must be positive (path=x)")):
        spec.apply({"x": -1})


@pytest.mark.parametrize(
    ("own", "base", "merged"),
    [
        (pt.Int(min_value=2), pt.Int(max_value=5), pt.Int(min_value=2, max_value=5)),
        (pt.List(int), pt.List(int, max_size=3), pt.List(int, max_size=3)),
        (pt.Int(3), pt.Any(), pt.Int(3)),
        (pt.Int(), pt.Union([pt.Int(max_value=1), pt.Str()]), pt.Int(max_value=1)),
        (pt.Dict([("b", int)]), pt.Dict([("a", 1)]), pt.Dict([("a", 1), ("b", int)])),
        (pt.Object(Leaf), pt.Object(Node), pt.Object(Leaf)),
        (pt.Bool().freeze(True), pt.Enum(2, [2, True]), pt.Enum(True, [2, True]).freeze()),
        (pt.Tuple([int, int]), pt.Tuple(pt.Int(min_value=0)), pt.Tuple([pt.Int[0, None], pt.Int[0, None]])),
    ],
)
def test_extend(own, base, merged):
    assert copy.deepcopy(own).extend(base) == merged


@pytest.mark.parametrize(
    ("own", "base", "match"),
    [
        (pt.Int(), pt.Bool(), "incompatible type"),
        (pt.Int().noneable(), pt.Int(), "None is not allowed in base spec"),
        (pt.Int(), pt.Int(1).freeze(), "cannot extend a frozen value spec"),
        (pt.Int(min_value=0), pt.Int(min_value=1), "min_value is smaller"),
        (pt.Int(max_value=2), pt.Int(max_value=1), "max_value is larger"),
        (pt.Int(min_value=2), pt.Int(max_value=1), "after extension"),
        (pt.Int(), pt.Union([bool, str]), "no compatible type found in Union"),
        (pt.Object(Node), pt.Object(Leaf), "incompatible class"),
        (pt.Enum("b", ["a", "b"]), pt.Enum("a", ["a"]), "'b' is not an acceptable value"),
        (pt.Tuple(int), pt.Tuple([int]), "a variable length tuple cannot extend"),
        (pt.Tuple([int]), pt.Tuple([int, int]), "unmatched number"),
        (pt.Tuple([int]), pt.Tuple(int, min_size=2), "less elements"),
        (pt.Tuple([int, int, int]), pt.Tuple(int, min_size=0, max_size=2), "more elements"),
        (pt.Tuple(int, min_size=1), pt.Tuple(int, min_size=2), "smaller min size"),
        (pt.Tuple(int, max_size=4), pt.Tuple(int, max_size=2), "greater max size"),
        (pt.Union([int, str]), pt.Union([int, bool]), "incompatible value spec"),
        (pt.Bool().freeze(True), pt.Enum(2, [2, False]), "incompatible frozen value"),
        (pt.Object(Node), pt.Callable(), "incompatible type"),
        (pt.Type(Node), pt.Type(Leaf), "incompatible type"),
    ],
)
def test_extend_refuses_what_the_base_does_not_accept(own, base, match):
    with pytest.raises(TypeError, match=match):
        copy.deepcopy(own).extend(base)


LIMITS = st.none() | st.integers(-3, 3)


@given(LIMITS, LIMITS, LIMITS, LIMITS)
def test_a_compatible_spec_accepts_what_the_other_accepts(a, b, c, d):
    try:
        one, other = pt.Int(min_value=a, max_value=b), pt.Int(min_value=c, max_value=d)
    except ValueError:
        return

    def accepted(spec):
        return {n for n in range(-6, 7) if not refuses(spec, n)}

    def refuses(spec, n):
        try:
            spec.apply(n)
        except ValueError:
            return True
        return False

    assert one.is_compatible(other) <= (accepted(other) <= accepted(one))


SPECS = st.recursive(
    st.sampled_from([pt.Int(), pt.Int(1).freeze(), pt.Float(min_value=0.5), pt.Str("a", "a.*"), pt.Bool().noneable(),
                     pt.Enum("a", ["a", 1, None]), pt.Any(3), pt.Object(Node), pt.Type(Node), pt.Callable([int], returns=str)]),
    lambda inner: st.builds(pt.List, inner, max_size=st.integers(1, 3))
    | st.builds(pt.Tuple, st.lists(inner, min_size=1, max_size=2))
    | st.builds(lambda v: pt.Dict([("x", v, "an x"), (pt.StrKey("y.*"), v)]), inner),
    max_leaves=4,
)  # fmt: skip


@given(SPECS)
def test_json_form(spec):
    written = spec.to_json()
    assert written["_type"] == f"pyglove.typing.{type(spec).__name__}"
    assert pv.from_json(written) == spec
    assert copy.deepcopy(spec) == spec


def test_forward_reference():
    spec = pt.List(pt.Object("Late"))
    assert spec.forward_refs == {pt.ForwardRef(sys.modules[__name__], "Late")}
    assert not spec.type_resolved
    assert spec.apply([1]) == [1]
    globals()["Late"] = Node
    try:
        assert spec.type_resolved
        with pytest.raises(TypeError, match="Expect"):
            spec.apply([1])
        assert pt.Object("Late") == pt.Object(Node)
    finally:
        del globals()["Late"]


def test_custom_typing_decides_itself():
    class Placeholder(pt.CustomTyping):
        def custom_apply(self, path, value_spec, allow_partial, child_transform=None):
            return (isinstance(value_spec, pt.Str), "text" if isinstance(value_spec, pt.Str) else self)

    placeholder = Placeholder()
    assert pt.Int().apply(placeholder) is placeholder
    assert pt.Str().apply(placeholder) == "text"


def test_missing_values_know_their_spec():
    held = pt.Dict([("a", int), ("b", pt.Dict([("c", str)]))]).apply({"b": {}}, allow_partial=True)
    assert held == {"a": MISSING, "b": {"c": pt.MissingValue(pt.Str())}}
    assert held["a"].value_spec == pt.Int()
    assert (repr(held["a"]), str(held["a"])) == ("MISSING_VALUE", "MISSING_VALUE(Int())")
    assert pt.MissingValue(pt.Int()) != pt.MissingValue(pt.Str())
    assert copy.deepcopy(held["a"]) == MISSING


class ArrayLike:
    """Compares like an array: without a truth value."""

    def __eq__(self, other):
        return ArrayLike()

    def __bool__(self):
        raise ValueError("ambiguous")

    __hash__ = None


def test_values_are_never_asked_whether_they_are_missing():
    array = ArrayLike()
    assert pt.Any().apply(array) is array
    assert pt.Any(default=array).default is array
    assert pt.create_schema([("a", pt.Any())]).apply({"a": array})["a"] is array


def test_fields_and_schemas():
    base = pt.create_schema({"a": 1, "b": (str, "The b.")}, "base")
    schema = pt.create_schema([("c", float), ("b", pt.Str("x"))], "own", [base], metadata={"m": 1})
    assert list(schema.keys()) == ["a", "b", "c"]
    assert schema["b"].description == "The b."
    assert schema.apply({"c": 1}) == {"a": 1, "b": "x", "c": 1.0}
    assert schema.resolve(["c", "z"]) == ({"a": [], "b": [], "c": ["c"]}, ["z"])
    assert pv.from_json(schema.to_json()) == schema
    with pytest.raises(TypeError, match=re.escape("incompatible type. (path=a)")):
        pt.create_schema([("a", "text")], base_schema_list=[base])
    dynamic = pt.create_schema([(pt.StrKey("x.*"), int)], allow_nonconst_keys=True)
    assert dynamic.get_field("x1") is dynamic.dynamic_field
    assert dynamic.get_field("y") is None
    untouched = {"x1": 1}
    dynamic.validate(untouched)
    assert untouched == {"x1": 1}


def test_annotations():
    from_annotation = pt.ValueSpec.from_annotation
    assert from_annotation(int | None, True) == pt.Int().noneable(use_none_as_default=False)
    assert from_annotation(typing.Literal["a", 1], True) == pt.Enum(MISSING, ["a", 1])
    assert from_annotation("list[Node]", True, parent_module=sys.modules[__name__]) == pt.List(
        pt.Object(Node)
    )
    assert from_annotation(typing.Callable[[int], str], True) == pt.Callable([int], returns=str)
    assert from_annotation(int, False) == pt.Any(annotation=int)
    assert from_annotation([1], accept_value_as_annotation=True) == pt.List(int, default=[1])
    assert from_annotation(inspect.Parameter.empty) == pt.Any()
    assert pt.Field.from_annotation("x", pt.Annotated[int, "An x."]) == pt.Field("x", pt.Int(), "An x.")
    assert (pt.Int() | None) == (None | pt.Int()) == pt.Int().noneable()
    assert pt.Int[0, None] == pt.Int(min_value=0)
    assert typing.get_origin(pt.List[int].annotation) is list


def test_annotations_as_text_run_nothing():
    for text in (
        "__import__('os').system('true')",
        "[x for x in y]",
        "(lambda: int)()",
        "typing.Literal[open('x')]",
    ):
        with pytest.raises(SyntaxError, match="Expected"):
            pt.annotation_from_str(text)


def scale(x: int, *factors: float, by: str = "a", **rest: bool) -> float:
    """Scales.

    Args:
      x: The x.
      *factors: The factors.
      by: What by.
      **rest: The rest.
    """


def test_signature():
    found = pt.signature(scale)
    assert found.get_value_spec("x") == pt.Int()
    assert found.get_value_spec("anything") == pt.Bool()
    assert found.varargs.value_spec == pt.List(float, default=[])
    assert found.return_value == pt.Float()
    assert found.description == "Scales."
    assert [f.description for f in found.fields()] == ["The x.", "The factors.", "What by.", "The rest."]
    schema = pt.schema(scale)
    assert schema.metadata["init_arg_list"] == ["x", "*factors"]
    again = pt.Signature.from_schema(schema, found.module_name, found.name, is_method=False)
    assert again.to_parameters() == found.to_parameters()
    assert str(found.to_parameters()) == "(x: int, *factors: float, by: str = 'a', **rest: bool) -> float"
    assert pt.signature(Node).args == []


def test_presets():
    @pt.enable_preset_args(include_all_preset_kwargs=True)
    def add(x, y=pt.PresetArgValue(default=1), **rest):  # noqa: B008
        return x + y + sum(rest.values())

    assert add(1) == 2
    with pt.preset_args({"y": 5, "z": 10}):
        assert add(1) == 16
        assert add(1, 2) == 13
        with pt.preset_args({"y": 7}, inherit_preset=True):
            assert add(1) == 18
        with pt.preset_args({"y": 7}):
            assert add(1) == 8

    @pt.enable_preset_args()
    def needs(x=pt.PresetArgValue()):  # noqa: B008
        return x

    with pytest.raises(ValueError, match=r"Argument 'x' is not present\. Give it"):
        needs()


def test_generic_types():
    class Box(typing.Generic[typing.TypeVar("T")]):
        pass

    class IntBox(Box[int]):
        pass

    assert pt.is_subclass(IntBox, Box[int])
    assert not pt.is_subclass(IntBox, Box[str])
    assert pt.get_type_args(IntBox, Box) == (int,)
    assert pt.Object(Box[int]).apply(IntBox()) is not None
    with pytest.raises(TypeError, match="Expect"):
        pt.Object(Box[str]).apply(IntBox())
    assert pt.callable_eq(lambda x: x + 1, lambda y: y + 1)
    assert not pt.callable_eq(lambda x: x + 1, lambda x: x + 2)


def test_json_schema():
    assert pt.Int(min_value=0).noneable().to_json_schema() == {
        "anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]
    }
    assert pt.to_json_schema(dict[str, int]) == {
        "type": "object",
        "additionalProperties": {"type": "integer"},
    }
    schema = pt.create_schema([("a", str, "An a."), ("b", 1)])
    assert schema.to_json_schema() == {
        "type": "object",
        "properties": {"a": {"type": "string", "description": "An a."}, "b": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }

    class Tree:
        def __init__(self, size: int, inner: Inner): ...

    class Inner:
        def __init__(self, x: float = 1.0): ...

    globals()["Inner"] = Inner
    try:
        nested = pt.to_json_schema(Tree)
        inline = pt.to_json_schema(Tree, inline_nested_refs=True)
    finally:
        del globals()["Inner"]
    assert nested["properties"]["inner"] == {"$ref": "#/$defs/Inner"}
    assert inline["properties"]["inner"] == nested["$defs"]["Inner"]
    with pytest.raises(TypeError, match=r"Value spec Callable\(\) cannot be converted to JSON schema"):
        pt.to_json_schema(pt.Callable())
    with pytest.raises(ValueError, match="is not supported by JSON schemas"):
        pt.to_json_schema(pt.Enum("a", ["a", Leaf()]))


def test_defaults_of_arguments_stay():
    with pytest.raises(
        ValueError, match=r"default value 5 of 'by' of .*scale is not equal to the function's: 'a'"
    ):
        pt.signature(scale).annotate({"by": pt.Any(5)})
    with pytest.raises(
        ValueError, match=r"Variable positional argument 'factors' should have a value of .*List"
    ):
        pt.signature(scale).annotate({"factors": int})
    with pytest.raises(KeyError, match="multiple StrKey definitions"):
        pt.signature(scale).annotate([(pt.StrKey(), int), ("rest", str)])
    assert pt.signature(scale).annotate({"by": (str, "By.")}).kwonlyargs[0].description == "By."


def test_a_transform_may_return_what_decides_itself():
    class Reference(pt.CustomTyping):
        def custom_apply(self, path, value_spec, allow_partial, child_transform=None):
            return False, self

    spec = pt.Object(Node, transform=lambda value: Reference())
    assert isinstance(spec.apply(1), Reference)


def test_a_field_of_a_subclass_goes_before_its_bases():
    general = pt.create_schema([("a", int)], for_cls=Node)
    special = pt.create_schema([("a", 1)], for_cls=Leaf)
    assert pt.Schema.merge([general, special])["a"].default_value == 1
    assert pt.Schema.merge([special, general])["a"].default_value == 1


def test_json_calls_no_transform():
    with pytest.raises(ValueError, match="has a transform, which would be called when its JSON form is read"):
        pt.List(int, transform=sorted).to_json()
    data = {
        "_type": "pyglove.typing.Any",
        "default": -1,
        "transform": {"_type": "function", "name": f"{__name__}.check_positive"},
    }
    with pytest.raises(ValueError, match="Set the transform in the program"):
        pv.from_json(data)
