"""Every legal signature can be symbolized: a functor or object passes its arguments as Python does."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

import pliant as pg
from pliant.values.errors import FieldTypeError, SchemaError


def everything(a, b=2, /, c=3, *args, d, e=5, **kw):
    return a, b, c, args, d, e, kw


def names(self, cls, rebind, clone, override_args, items, fields):
    return self, cls, rebind, clone, override_args, items, fields


def mutable(x=[], *, y={}):  # noqa: B006 - a default that changes
    x.append(1)
    y["k"] = x
    return x, y


def text(x: int, y: list[NoSuch] | None = None) -> NoSuch:  # noqa: F821 - an annotation that names nothing
    return x, y


async def waits(x, y=1):
    return x + y


class Tool:
    def __init__(self, k=1):
        self.k = k

    @classmethod
    def make(cls, x):
        return cls.__name__, x

    @staticmethod
    def plain(x, /):
        return x

    def method(self, y):
        return self.k, y

    def __call__(self, z, *more):
        return self.k, z, more


CALLS = [
    (everything, (1,), {"d": 2}),
    (everything, (1, 2, 3, 4, 5), {"d": 6, "z": 7}),
    (everything, (1, 9), {"d": 6, "c": 8}),
    (names, (1, 2, 3, 4, 5, 6, 7), {}),
    (names, (), dict.fromkeys(["self", "cls", "rebind", "clone", "override_args", "items", "fields"], 1)),
    (text, (3,), {}),
    (lambda *self, **cls: (self, cls), (1, 2), {"args": 3}),
    (lambda a=1, /, b=2: (a, b), (), {"b": 5}),
    (functools.partial(everything, 1, d=3), (), {}),
    (functools.partial(functools.partial(everything, 1), 2, d=3), (4,), {"z": 1}),
    (functools.lru_cache(everything), (1,), {"d": 2}),
    (functools.wraps(everything)(lambda *a, **k: everything(*a, **k)), (1,), {"d": 2}),
    (Tool.make, (3,), {}),
    (Tool.plain, (3,), {}),
    (Tool(4).method, (3,), {}),
    (Tool.method, (Tool(2), 3), {}),
    (Tool(5), (3, 4), {}),
    (len, ([1, 2],), {}),
    (sorted, ([2, 1],), {"reverse": True}),
    (dict.fromkeys, ("ab",), {}),
]


@pytest.mark.parametrize(("function", "args", "options"), CALLS)
def test_a_functor_passes_arguments_as_python_does(function, args, options):
    wanted = function(*args, **options)
    cls = pg.symbolize(function)
    bound = cls(*args, **options)
    assert bound() == wanted
    assert pg.clone(bound)() == wanted
    if function is not names:  # arguments of a call may have the names of its own options
        assert cls()(*args, **options) == wanted


@pytest.mark.parametrize(("args", "options"), [((1,), {"d": 2}), ((1, 2, 3, 4, 5), {"d": 6, "z": 7})])
def test_a_class_takes_arguments_as_python_does(args, options):
    class Layer:
        def __init__(this, a, b=2, /, c=3, *args, d, e=5, **kw):
            this.got = a, b, c, args, d, e, kw

    made = pg.symbolize(Layer)(*args, **options)
    assert made.got == made.clone().got == Layer(*args, **options).got
    assert made.rebind(d=9).got == Layer(*args, **{**options, "d": 9}).got


def test_each_object_has_its_own_mutable_defaults():
    cls = pg.symbolize(mutable)
    assert cls()() == cls()() == ([1], {"k": [1]})


def test_an_async_function():
    assert asyncio.run(pg.symbolize(waits)(3)(y=4)) == 7


def test_what_shares_a_name_is_not_stored_by_name():
    for function in (functools.partial(everything, 1, d=3), Tool(5)):
        made: Any = pg.symbolize(function)(4)
        with pytest.raises(FieldTypeError, match="has no name that can be loaded"):
            made.to_json()
    functools.partial(everything, 5)
    stored = pg.symbolize(everything)(1, d=2).to_json_str()
    assert pg.from_json_str(stored)() == everything(1, d=2)


@pytest.mark.parametrize("target", [max, range, int])
def test_what_cannot_be_symbolized_is_wrapped_in_a_function(target):
    with pytest.raises(SchemaError, match=r"symbolize (a function that returns it|that)"):
        pg.symbolize(target)

    def make(n):
        return target([n]) if target is max else target(n)

    assert pg.symbolize(make)(3)() == make(3)
