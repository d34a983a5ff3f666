"""Patches by pattern and by rule."""

import pytest

from pliant import pyglove as pg
from pliant.pyglove import patching
from pliant.pyglove.patching import rule_based


@pg.patcher([("factor", pg.typing.Int(min_value=1)), ("only", pg.typing.List(pg.typing.Str()).noneable())])
def widen(model, factor, only=None):
    return lambda k, v: v * factor if k and k.key in (only or ["a"]) else v


@pg.patcher()
def needs_a(model):
    def check(value):
        if "a" not in value:
            raise ValueError("there is no a")

    return {}, check


def test_by_pattern():
    d = pg.Dict(a=1, b=pg.Dict(a=2, c="x"))
    assert pg.patch_on_key(d, "a", value_fn=lambda v: v + 1) == {"a": 2, "b": {"a": 3, "c": "x"}}
    assert pg.patch_on_path(d, "b\\.c", "y").b.c == "y"
    assert pg.patch_on_value(d, 3, 4).b.a == 4
    assert pg.patch_on_type(d, str, "z").b.c == "z"
    with pytest.raises(ValueError, match="Either `value` or `value_fn`"):
        pg.patch_on_key(d, "a", 1, lambda v: v)


def test_by_rule():
    assert pg.patch(pg.Dict(a=2, b=3), "widen?4") == {"a": 8, "b": 3}
    assert pg.patch(pg.Dict(a=2, b=3), ["widen?4&a:b", {"c": 1}, "needs_a"]) == {"a": 8, "b": 12, "c": 1}
    assert patching.from_uri("widen?only=b&factor=2").patch(pg.Dict(a=1, b=1)) == {"a": 1, "b": 2}
    assert "widen" in patching.patcher_names()


@pytest.mark.parametrize(
    ("rule", "error", "text"),
    [
        ("nothing?1", KeyError, "is not registered"),
        ("1a", ValueError, "is not a valid Patcher name"),
        ("widen?x", ValueError, r"Cannot convert 'x' to int. \(Patcher='.*widen', Argument='factor'\)"),
        ("widen?0", ValueError, "out of range"),
        ("widen?1&a&b", KeyError, "Too many positional arguments"),
        ("widen?size=1", KeyError, "Unexpected argument 'size'"),
        ("widen?factor=1&2", ValueError, "Positional argument should be provided before"),
        ("widen?a-b=1", ValueError, "Invalid argument specification"),
        (3, TypeError, "should be a dict of path to values"),
        ("needs_a", ValueError, "there is no a"),
    ],
)
def test_wrong_rules(rule, error, text):
    with pytest.raises(error, match=text):
        pg.patch(pg.Dict(b=1), rule)


def test_wrong_patchers():
    with pytest.raises(TypeError, match="at least 1 argument as patching target"):
        pg.patcher()(eval("lambda: 1"))
    with pytest.raises(TypeError, match="cannot be used for constraining Patcher argument"):
        pg.patcher([("x", pg.typing.Dict())])(lambda m, x: 1)
    rule_based.allow_repeated_patcher_registration(False)
    try:
        with pytest.raises(KeyError, match="already registered"):
            pg.patcher(name="widen")(lambda m: 1)
    finally:
        rule_based.allow_repeated_patcher_registration()


def test_object_factory(tmp_path):
    path = str(tmp_path / "d.json")
    pg.Dict(a=1).save(path)
    build = pg.ObjectFactory
    assert build(pg.Dict, path, "widen?3", {"b": 4})() == {
        "a": 3,
        "b": 4,
    }
    assert build(pg.Dict, lambda: pg.Dict(a=2), params_override='{"a": 7}')() == {"a": 7}
    with pytest.raises(TypeError, match="is neither an instance of"):
        build(pg.List, pg.Dict())()
