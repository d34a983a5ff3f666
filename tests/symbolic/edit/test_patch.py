from __future__ import annotations

import pytest

from pliant.symbolic.edit.patch import (
    patch_on_key,
    patch_on_member,
    patch_on_path,
    patch_on_type,
    patch_on_value,
)
from pliant.symbolic.objects.containers import Dict
from pliant.symbolic.objects.object import Object
from pliant.values.errors import FieldTypeError, FieldValueError


class Conv(Object):
    filters: int
    kernel: int = 3


class Watched(Object):
    conv: Conv

    def on_change(self, changes):
        SEEN.append(sorted(map(str, changes)))


SEEN: list[list[str]] = []


def tree():
    return Dict(a=Conv(1), b=[Conv(2), Dict(filters=3, name="x")], filters=4)


def test_on_key():
    x = tree()
    assert patch_on_key(x, "filt", 9) is x
    assert x == Dict(a=Conv(9), b=[Conv(9), Dict(filters=9, name="x")], filters=9)


def test_on_key_by_function():
    assert patch_on_key(tree(), "filters$", value_fn=lambda v: v * 10) == Dict(
        a=Conv(10), b=[Conv(20), Dict(filters=30, name="x")], filters=40
    )


def test_keys_match_from_their_start_and_indices_do_not():
    assert patch_on_key(tree(), "ilters", 9) == tree()
    assert patch_on_key(tree(), "0", 9) == tree()


def test_on_path():
    assert patch_on_path(tree(), r"b\[\d\]\.filters", 9) == Dict(
        a=Conv(1), b=[Conv(9), Dict(filters=9, name="x")], filters=4
    )
    assert patch_on_path(tree(), "b", None) == Dict(a=Conv(1), b=None, filters=4)
    assert patch_on_path(tree(), ".*kernel", 5) == Dict(
        a=Conv(1, 5), b=[Conv(2, 5), Dict(filters=3, name="x")], filters=4
    )


def test_on_value():
    assert patch_on_value(tree(), Conv(2), Conv(7)).b[0] == Conv(7)
    assert patch_on_value(tree(), 3, value_fn=lambda v: v + 1) == Dict(
        a=Conv(1, 4), b=[Conv(2, 4), Dict(filters=4, name="x")], filters=4
    )


def test_on_type():
    assert patch_on_type(tree(), str, value_fn=str.upper).b[1].name == "X"
    assert patch_on_type(tree(), (Conv, str), "new") == Dict(
        a="new", b=["new", Dict(filters=3, name="new")], filters=4
    )


def test_on_member():
    assert patch_on_member(tree(), Conv, "filters", 9) == Dict(
        a=Conv(9), b=[Conv(9), Dict(filters=3, name="x")], filters=4
    )
    assert patch_on_member(Conv(1), Conv, "kernel", value_fn=lambda v: v + 2) == Conv(1, 5)


def test_a_new_node_is_copied_to_every_place():
    x = patch_on_type(Dict(a="x", b="y"), str, Conv(1))
    assert x == Dict(a=Conv(1), b=Conv(1))
    assert x.a is not x.b
    assert x.a.sym_path == "a"
    assert x.b.sym_path == "b"


def test_the_root_is_never_replaced():
    assert patch_on_path(Dict(a=1), ".*", 5) == Dict(a=5)
    assert patch_on_type(Dict(a=Dict()), dict, 5) == Dict(a=5)


def test_nothing_that_fits_is_no_error():
    assert patch_on_key(tree(), "nothing", 1) == tree()


def test_hooks_hear_of_it_unless_told_not_to():
    SEEN.clear()
    patch_on_key(Watched(Conv(1)), "filters", 2)
    assert SEEN == [["conv.filters"]]
    patch_on_key(Watched(Conv(1)), "filters", 2, skip_notification=True)
    assert SEEN == [["conv.filters"]]


def test_new_values_are_checked_and_nothing_changes_when_one_is_refused():
    x = tree()
    with pytest.raises(FieldTypeError, match=r"'a\.filters'"):
        patch_on_key(x, "filters", "many")
    assert x == tree()


def test_wrong_calls():
    with pytest.raises(FieldTypeError, match=r"\(`value=`\) or .* \(`value_fn=`\); neither was given"):
        patch_on_key(tree(), "a")
    with pytest.raises(FieldTypeError, match="both were given"):
        patch_on_type(tree(), int, 1, value_fn=abs)
    with pytest.raises(FieldValueError, match=r"'\*' is not a regular expression"):
        patch_on_path(tree(), "*", 1)
    with pytest.raises(FieldTypeError, match="rebind changes symbolic objects, Dicts and Lists; got"):
        patch_on_key({"a": 1}, "a", 2)
