"""Every legal signature can be symbolized: a functor or object passes its arguments as Python does."""

from __future__ import annotations

import asyncio
import collections
import copy
import dataclasses
import functools
import io
import pathlib
import pickle
import random
import types
from typing import Any, Generic, NamedTuple, Protocol, TypedDict, TypeVar

import pytest

import pliant as pg
from pliant.values.errors import FieldTypeError, SchemaError

UNSET = object()


class _Nothing:
    pass


NOTHING = _Nothing()


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


def same_names(a=5, /, b=6, *c, **rest):
    return a, b, c, rest


def sentinels(x=UNSET, y=NOTHING, *, z=None):
    return x is UNSET, y is NOTHING, z


@functools.singledispatch
def dispatched(x, y=1):
    return "any", x, y


@dispatched.register
def _(x: list, y=1):
    return "list", x, y


CALLS = [
    (same_names, (1,), {"a": 2}),
    (same_names, (), {"a": 2}),
    (same_names, (1, 2, 3, 4), {"a": 2, "self": 3, "a__": 4}),
    (lambda a, a_, /, **rest: (a, a_, rest), (1, 2), {"a": 3}),
    (sentinels, (), {}),
    (sentinels, (1,), {"z": 3}),
    (dispatched, ([1],), {}),
    (dispatched, (1,), {"y": 2}),
    (str.join, ("-", "ab"), {}),
    (dict.get, ({"a": 1}, "a"), {}),
    ("-".join, ("ab",), {}),
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


class Sum:
    def __init__(self, a, b=UNSET, /, *more, c=NOTHING, **rest):
        self.got = a, b is UNSET, more, c is NOTHING, rest


class Made:
    def __new__(cls, a, b=2, /, **rest):
        made = super().__new__(cls)
        made.got = a, b, rest
        return made


class Slotted:
    __slots__ = ("__hidden", "got")

    def __init__(self, a, **rest):
        self.got = a, rest
        self.__hidden = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    a: int
    got: tuple = (1,)


@dataclasses.dataclass
class Init:
    a: int
    scale: dataclasses.InitVar[int] = 4
    items: list = dataclasses.field(default_factory=lambda: [7])
    got: Any = dataclasses.field(init=False)
    key: int = dataclasses.field(default=3, kw_only=True)

    def __post_init__(self, scale):
        self.got = self.a * scale, list(self.items)


T = TypeVar("T")


class Box(Generic[T]):
    def __init__(self, a: T):
        self.got = a


class Counting(type):
    def __call__(cls, *args, **options):
        made = super().__call__(*args, **options)
        made.got = (*args, *options.values())
        return made


class WithMeta(metaclass=Counting):
    def __init__(self, a, **rest): ...


class Double:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, holder, owner):
        return self if holder is None else getattr(holder, self.name)

    def __set__(self, holder, value):
        setattr(holder, self.name, 2 * value)


class Described:
    a = Double()

    def __init__(self, a):
        self.a = a

    @property
    def got(self):
        return self.a


class Fallback:
    def __init__(self, a):
        self.data = {"got": a}

    def __getattr__(self, name):
        try:
            return self.__dict__["data"][name]
        except KeyError:
            raise AttributeError(name) from None


class Implements(Protocol):
    def size(self) -> int: ...


class Sized(Implements):
    def __init__(self, a):
        self.got = a

    def size(self):
        return 3


OBJECTS = [
    (Sum, (1,), {"a": 2, "b": 3}), (Sum, (1, 2, 3), {"c": 4, "z": 5}), (Made, (1,), {"a": 2}), (Slotted, (1,), {"z": 2}),
    (Frozen, (1,), {}), (Init, (2,), {"key": 5}), (Init, (2, 3, [1]), {}), (Box, (1,), {}), (Box[int], (1,), {}),
    (WithMeta, (1,), {"z": 2}), (Described, (3,), {}), (Fallback, (3,), {}), (Sized, (3,), {}),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "args", "options"), OBJECTS)
def test_a_class_of_any_kind(cls, args, options):
    wanted = cls(*args, **options).got
    symbolic = pg.symbolize(cls)
    x = symbolic(*args, **options)
    assert x.got == wanted
    for twin in (
        pg.clone(x),
        pg.from_json_str(pg.to_json_str(x)),
        copy.deepcopy(x),
        pickle.loads(pickle.dumps(x)),
    ):
        assert pg.eq(twin, x)
        assert twin.got == wanted
    name = next(iter(x.sym_init_args))
    first = cls(*(args[0] + 5, *args[1:]), **options).got
    assert pg.rebind(x, {name: args[0] + 5}).got == first
    assert "<" in repr(x) or eval(repr(x), {symbolic.__name__: symbolic}).got == first


def test_defaults_of_attrs():
    attrs = pytest.importorskip("attrs")

    @attrs.define
    class Layer:
        a: int
        _sizes: list = attrs.field(factory=lambda: [7])
        unit: Any = attrs.field(default=attrs.Factory(lambda self: self.a, takes_self=True))

    x = pg.symbolize(Layer)(1)
    assert x.sym_init_args.sizes == [7]
    assert (x._sizes, x.unit) == ([7], 1)
    assert x.clone(override={"sizes[0]": 8})._sizes == [8]


def test_a_keyword_with_the_name_of_the_positional_arguments():
    def collect(*args, **rest):
        return args, rest

    with pytest.raises(
        TypeError, match=r"collect got the keyword 'args', which is the name of its \*args, beside extra"
    ):
        pg.symbolize(collect)(1, args=2)
    assert pg.symbolize(collect)(1, rest=2)() == collect(1, rest=2)

    def renamed(items, named):
        return collect(*items, **named)

    assert pg.symbolize(renamed)([1], {"args": 2})() == collect(1, args=2)


@pytest.mark.parametrize("name", ["_sym_x", "_v_x", "__x"])
def test_a_reserved_name_is_passed_on_by_a_function(name):
    def collect(**rest):
        return rest

    with pytest.raises(
        SchemaError, match=f"'{name}' cannot be the name of a field.*Rename it, or symbolize a function with"
    ):
        pg.symbolize(collect)(**{name: 1})
    assert pg.symbolize(lambda x: collect(**{name: x}))(1)() == {name: 1}
    with pytest.raises(
        SchemaError,
        match=r"'a-b' cannot be .* must be a Python identifier. Keep values of any keys in a field",
    ):
        pg.symbolize(collect)(**{"a-b": 1})


REFUSED = {
    "object": (object, "objects of it are not programs"),
    "metaclass": (Counting, "objects of it are not programs"),
    "protocol": (Implements, "objects of it are not programs"),
    "named tuple": (NamedTuple("Point", [("x", int)]), "immutable values"),
    "path": (pathlib.Path, "immutable values"),
    "iterator": (zip, "immutable values"),
    "typed dict": (TypedDict("Config", {"x": int}), "its content is not in attributes"),
    "deque": (collections.deque, "its content is not in attributes"),
    "subclass": (type("Mine", (collections.deque,), {}), "its content is not in attributes"),
    "namespace": (types.SimpleNamespace, "its content is not in attributes"),
    "stream": (io.StringIO, "its content is not in attributes"),
    "future": (asyncio.Future, "its content is not in attributes"),
    "base in C": (random.Random, "its content is not in attributes"),
    "property": (property, "its content is not in attributes"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_class_whose_objects_are_no_programs_is_refused(name):
    target, reason = REFUSED[name]
    with pytest.raises(SchemaError, match=f"cannot be symbolized: .*{reason}.*a function that returns it"):
        pg.symbolize(target)


@pytest.mark.parametrize("target", [3, "x", classmethod(Tool.make.__func__), functools.partialmethod(Tool.method, 1)], ids=["int", "text", "classmethod", "partialmethod"])  # fmt: skip
def test_what_is_neither_class_nor_function(target):
    with pytest.raises(
        SchemaError, match=r"needs a class or a function; got .*Pass a method as an attribute of its class"
    ):
        pg.symbolize(target)


@pytest.mark.parametrize("target", [max, range, int])
def test_what_cannot_be_symbolized_is_wrapped_in_a_function(target):
    with pytest.raises(SchemaError, match=r"symbolize (a function that returns it|that)"):
        pg.symbolize(target)

    def make(n):
        return target([n]) if target is max else target(n)

    assert pg.symbolize(make)(3)() == make(3)


def test_a_default_that_is_compared_by_identity_stays_the_same():
    bound = pg.symbolize(sentinels)()
    space = pg.Dict(f=bound, k=pg.oneof([1, 2]))
    for made in (
        pg.clone(bound, deep=True),
        copy.deepcopy(bound),
        bound.clone().clone(),
        pg.from_json(bound.to_json()),
        *(p.f for p in pg.iter(space)),
        bound.rebind(x=1).rebind(x=pg.MISSING_VALUE),
    ):
        assert made() == (True, True, None)
    assert bound.to_json() == {"_type": f"{__name__}.sentinels", "z": None}

    class Net(pg.Object):
        size: Any = UNSET

    assert Net().size is Net().clone(deep=True).size is UNSET


def test_a_default_with_state_is_copied():
    class Model:
        def __init__(self):
            self.weights = [1]

    def train(model=Model()):  # noqa: B008  # a default that can change
        model.weights.append(2)
        return model.weights

    cls = pg.symbolize(train)
    assert cls()() == cls()() == [1, 2]
