"""Laws that hold for all specs and values, over generated ones."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import pliant.schema as pt
from pliant.values.errors import PliantError, SchemaError

from .strategies import VALUES, specs


def stored(spec: pt.ValueSpec, value: Any) -> tuple[bool, Any]:
    try:
        return True, spec.check(value)
    except PliantError:
        return False, None


@given(specs(), VALUES)
def test_check_is_idempotent(spec: pt.ValueSpec, value: Any) -> None:
    ok, once = stored(spec, value)
    if ok:
        assert spec.check(once) is once


@given(specs(), VALUES)
def test_check_changes_nothing_that_was_given(spec: pt.ValueSpec, value: Any) -> None:
    before = copy.deepcopy(value)
    stored(spec, value)
    assert pt.same_value(value, before)


@given(specs(), VALUES)
def test_fast_class_is_no_more_than_a_short_cut(spec: pt.ValueSpec, value: Any) -> None:
    if spec.fast_class is type(value):
        assert spec.check(value) is value


@given(specs())
def test_repr_builds_an_equal_spec(spec: pt.ValueSpec) -> None:
    again = eval(repr(spec), vars(pt).copy())
    assert again == spec
    assert hash(again) == hash(spec)
    assert repr(again) == repr(spec)


@given(specs())
def test_copies_and_pickles_are_equal(spec: pt.ValueSpec) -> None:
    assert copy.deepcopy(spec) is spec
    assert pickle.loads(pickle.dumps(spec)) == spec


@given(specs(), VALUES)
def test_noneable_adds_none_and_nothing_else(spec: pt.ValueSpec, value: Any) -> None:
    assume(not spec.frozen)
    noneable = spec.noneable()
    assert noneable.is_noneable
    assert noneable.check(None) is None
    if value is not None:
        assert stored(noneable, value) == stored(spec, value)


@given(specs())
def test_a_default_is_accepted(spec: pt.ValueSpec) -> None:
    if spec.default is not pt.MISSING_VALUE:
        assert spec.check(spec.default) is spec.default


@settings(max_examples=300)
@given(specs(), specs(), st.lists(VALUES, max_size=5))
@example(pt.Int(), pt.Float(min_value=0.5), [0, 1])
@example(pt.Union([pt.Int(), pt.Str()]), pt.Union([pt.Str(regex="a"), pt.Any()]), ["b"])
def test_what_an_extension_stores_its_base_accepts(
    own: pt.ValueSpec, base: pt.ValueSpec, values: list[Any]
) -> None:
    try:
        narrowed = own.extend(base)
    except SchemaError:
        assert not base.is_compatible(own)
        return
    assert base.is_compatible(narrowed)
    for value in [*values, narrowed.default]:
        if value is not pt.MISSING_VALUE:
            ok, result = stored(narrowed, value)
            assert not ok or base.accepts(result), (narrowed, value, result)


@given(specs(), VALUES)
def test_a_spec_is_compatible_with_itself_and_extends_itself(spec: pt.ValueSpec, value: Any) -> None:
    assert spec.is_compatible(spec)
    assert stored(spec.extend(spec), value) == stored(spec, value)
    assert pt.Any().is_compatible(spec)


@settings(max_examples=300)
@given(specs(), specs(), st.lists(VALUES, max_size=5))
def test_compatible_means_accepts_all_that_the_other_stores(
    wide: pt.ValueSpec, other: pt.ValueSpec, values: list[Any]
) -> None:
    if wide.is_compatible(other):
        for value in values:
            ok, result = stored(other, value)
            assert not ok or wide.accepts(result), (wide, other, value)


@given(specs(), specs(), specs())
def test_extending_is_transitive(a: pt.ValueSpec, b: pt.ValueSpec, c: pt.ValueSpec) -> None:
    try:
        narrowed = a.extend(b.extend(c))
    except SchemaError:
        return
    assert c.is_compatible(narrowed)


@given(specs(), VALUES)
def test_an_annotation_allows_what_its_spec_does(spec: pt.ValueSpec, value: Any) -> None:
    back = pt.from_annotation(pt.to_annotation(spec))
    ok, result = stored(spec, value)
    assert not ok or back.accepts(result), (spec, back)


@given(specs())
def test_specs_are_frozen(spec: pt.ValueSpec) -> None:
    with pytest.raises(SchemaError, match="cannot be changed: specs are immutable"):
        spec.default = 1
