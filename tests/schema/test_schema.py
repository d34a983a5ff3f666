"""Fields and schemas: lookup, completion, inheritance."""

from __future__ import annotations

import pickle
import re

import pytest

import pliant.schema as pt
from pliant.values.errors import FieldTypeError, MissingFieldError, SchemaError, UnknownFieldError
from pliant.values.path import Path

CONV = pt.schema_from_members(
    [
        ("filters", pt.Int(min_value=1), "Output channels."),
        ("kernel", pt.Tuple(int, (3, 3))),
        ("tags", pt.List(str, default=[]), "", {"hidden": True}),
    ],
    name="Conv",
)


def test_a_schema_is_a_mapping_of_fields() -> None:
    assert list(CONV) == ["filters", "kernel", "tags"]
    assert CONV["filters"] == pt.Field("filters", pt.Int(min_value=1), "Output channels.")
    assert CONV["filters"].value is CONV["filters"].value_spec
    assert [f.required for f in CONV.values()] == [True, False, False]
    assert CONV["tags"].metadata == {"hidden": True}
    assert pickle.loads(pickle.dumps(CONV)) == CONV
    assert hash(pickle.loads(pickle.dumps(CONV))) == hash(CONV)
    assert eval(repr(CONV), vars(pt).copy()) == CONV
    assert pt.Schema(reversed(list(CONV.values()))) != CONV
    assert CONV.__eq__(3) is NotImplemented
    assert CONV["filters"] != 3
    assert pt.schema_from_members(CONV) is CONV
    assert pt.schema_from_members({"x": int, "y": (str, "A name.")}) == pt.schema_from_members(
        [("x", int), ("y", str, "A name.")]
    )


def test_wildcards_stand_for_what_no_other_field_has() -> None:
    schema = pt.schema_from_members([("x", str), (pt.StrKey("x"), int), (pt.StrKey(), float)])
    assert schema.field_for("x") is schema["x"]
    assert schema.field_for("x1") is schema[pt.StrKey("x")]
    assert schema.field_for("y") is schema[pt.StrKey()]
    assert schema.field_for(1) is None
    assert [f.key for f in schema.wildcards] == [pt.StrKey("x"), pt.StrKey()]
    assert schema.check({"y": 1, "x1": 2, "x": "s"}) == {"x": "s", "y": 1.0, "x1": 2}
    assert CONV.field_for("y") is None
    assert pt.StrKey() != "x"


def test_check_completes_and_copies_defaults() -> None:
    given = {"filters": 3}
    first, second = CONV.check(given), CONV.check(given)
    assert first == {"filters": 3, "kernel": (3, 3), "tags": []}
    assert list(first) == list(CONV)
    assert first["tags"] is not second["tags"]
    assert given == {"filters": 3}


def test_check_may_leave_fields_open() -> None:
    assert CONV.check({}, allow_partial=True)["filters"] is pt.MISSING_VALUE
    assert CONV.check({"filters": pt.MISSING_VALUE}, allow_partial=True)["filters"] is pt.MISSING_VALUE
    with pytest.raises(FieldTypeError, match=r"at path 'net\.kernel' is 3 of type int"):
        CONV.check({"kernel": 3}, Path(("net",)), allow_partial=True)


def test_unknown_and_missing_fields_are_named() -> None:
    unknown = "unknown field 'filtres' in Conv at path 'net'; did you mean 'filters'? Fields: 'filters', 'kernel', 'tags'."
    with pytest.raises(UnknownFieldError, match=re.escape(unknown)):
        CONV.check({"filtres": 3}, Path(("net",)))
    both = pt.schema_from_members([("a", int), ("b", pt.Str(regex="x")), ("c", pt.Int(1))])
    missing = "required but missing at the root: 'a' (an int), 'b' (a str that starts with a match of 'x'). Give them a value."
    with pytest.raises(MissingFieldError, match=re.escape(missing)):
        both.check({})


def test_a_subclass_narrows_and_adds() -> None:
    base = pt.schema_from_members(
        [("x", pt.Int(1, min_value=0), "The x."), ("y", str), (pt.StrKey("z"), int)]
    )
    own = pt.schema_from_members(
        [("w", int), ("y", pt.Str("a")), ("x", pt.Int(2)), ("z1", pt.Int(3))], name="B"
    )
    merged = own.extend(base)
    assert merged.name == "B"
    assert list(merged) == ["x", "y", pt.StrKey("z"), "w", "z1"]
    assert merged["x"] == pt.Field("x", pt.Int(2, min_value=0), "The x.")
    assert merged["y"].value_spec == pt.Str("a")


def test_a_subclass_cannot_widen() -> None:
    base = pt.schema_from_members([("x", int), (pt.StrKey("z"), int)])
    text = "the field 'x': Str() does not narrow Int() of the base class: a str is not allowed there."
    with pytest.raises(SchemaError, match=re.escape(text) + r".*\(in B\)"):
        pt.schema_from_members([("x", str)], name="B").extend(base)
    with pytest.raises(SchemaError, match=r"the field 'z1': Str\(\) does not narrow"):
        pt.schema_from_members([("z1", str)]).extend(base)
