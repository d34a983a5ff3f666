"""``symbolize`` on classes as people write them: their own behaviour stays, and their arguments become a tree."""

from __future__ import annotations

import abc
import copy
import dataclasses
import datetime as dt
import enum
import inspect
import pickle
import typing
from typing import NamedTuple

import pytest

import pliant as pg
from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    MissingFieldError,
    SchemaError,
    SealedError,
    UnknownFieldError,
)


class Plain:
    def __init__(self, filters, kernel=3):
        self.width = filters * kernel


class Slotted:
    __slots__ = ("__secret", "a", "b")

    def __init__(self, a, b=2):
        self.a = a * 10
        self.b = b
        self.__secret = a

    def secret(self):
        return self.__secret


class WithDefault:
    filters = 3

    def __init__(self, filters):
        self.filters = filters * 2


class Variadic:
    def __init__(self, *args, **options):
        self.got = (args, options)


class WithNew:
    def __new__(cls, a, b=1):
        made = super().__new__(cls)
        made.made = a
        return made

    def __init__(self, a, b=1):
        self.b = b


class OnlyNew:
    def __new__(cls, a, b=1):
        made = object.__new__(cls)
        made.total = a + b
        return made


class WithProperty:
    def __init__(self, x):
        self._x = x

    @property
    def x(self):
        return self._x * 10

    @x.setter
    def x(self, value):
        self._x = value


class ReadOnly:
    def __init__(self, x):
        self._x = x

    @property
    def x(self):
        return self._x * 10


class WithEq:
    def __init__(self, x, y=0):
        self.x = x * 2
        self.y = y

    def __eq__(self, other):
        return isinstance(other, WithEq) and self.x == other.x

    def __hash__(self):
        return hash(self.x)


class WithGetattr:
    def __init__(self, x):
        self.table = {"x": x, "z": 1}

    def __getattr__(self, name):
        table = self.__dict__.get("table", {})
        if name in table:
            return table[name]
        raise AttributeError(name)


class WithSetattr:
    def __init__(self, x):
        self.log = []
        self.x = x

    def __setattr__(self, name, value):
        if name != "log":
            self.log.append(name)
        super().__setattr__(name, value)


class Meta(type):
    def __call__(cls, *args, **fields):
        made = super().__call__(*args, **fields)
        made.mark = "by the metaclass"
        return made


class WithMeta(metaclass=Meta):
    def __init__(self, a):
        self.twice = a * 2


class Abstract(abc.ABC):
    def __init__(self, a):
        self.a = a

    @abc.abstractmethod
    def run(self): ...


@dataclasses.dataclass
class Data:
    a: int
    b: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    a: int


class Odd:
    def __init__(this, a):  # a class may call it so
        this.b = a


class TestClasses:
    def test_plain(self):
        cls = pg.symbolize(Plain)
        x = cls(4)
        assert (x, x.filters, x.width) == (cls(filters=4, kernel=3), 4, 12)
        assert x.rebind(kernel=5).width == 20
        assert isinstance(x, Plain)
        assert not isinstance(Plain(1), pg.Symbolic)
        assert Plain(1).width == 3
        assert cls.__name__ == "Plain"
        assert pg.symbolize(Plain) is cls
        assert pg.symbolize(cls) is cls

    def test_slots(self):
        x = pg.symbolize(Slotted)(1)
        assert (x.a, x.b, x.secret()) == (10, 2, 1)
        assert x.rebind(a=5).a == 50
        for made in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
            assert (made.a, made.secret()) == (50, 5)
        assert copy.deepcopy(pg.symbolize(Slotted)(1)).a == 10

    def test_class_level_default(self):
        x = pg.symbolize(WithDefault)(1)
        assert x.filters == 2
        assert x.sym_init_args.filters == 1
        assert x.rebind(filters=5).filters == 10
        assert pg.symbolize(WithDefault).filters == 3

    def test_variadic(self):
        cls = pg.symbolize(Variadic)
        x = cls(1, 2, k=3)
        assert repr(x) == "Variadic(1, 2, k=3)"
        assert x.k == 3
        assert x.got == ((1, 2), {"k": 3})
        assert x.k == 3
        assert x.rebind({"args[0]": 9}).got == ((9, 2), {"k": 3})
        x.k = 4
        assert x.got == ((9, 2), {"k": 3})  # a live object keeps what it is ...
        assert x.clone().got == ((9, 2), {"k": 4})  # ... and its copy follows the program
        assert cls().got == ((), {})

    def test_own_new(self):
        x = pg.symbolize(WithNew)(1)
        assert (x.made, x.b) == (1, 1)
        assert x.rebind(a=7).made == 7

    def test_only_new(self):
        x = pg.symbolize(OnlyNew)(1)
        assert x.total == 2
        assert x.rebind(b=7).total == 8
        assert repr(x) == "OnlyNew(a=1, b=7)"

    def test_a_new_that_makes_something_else(self):
        class Other:
            def __new__(cls, a):
                return [a]

        with pytest.raises(
            SchemaError, match=r"Other.__new__ returned a list, so it cannot be realized in place"
        ):
            pg.symbolize(Other)(1).b  # noqa: B018  # asking is what realizes

    def test_properties(self):
        x = pg.symbolize(WithProperty)(2)
        assert x.x == 20
        x.x = 5
        assert (x.x, x.sym_init_args.x, x.clone().x) == (50, 5, 50)
        y = pg.symbolize(ReadOnly)(2)
        assert y.x == 20
        with pytest.raises(AttributeError, match="no setter"):
            y.x = 5
        assert y == pg.symbolize(ReadOnly)(2)

    def test_own_equality(self):
        cls = pg.symbolize(WithEq)
        assert cls(1, 2) == cls(1, 3)
        assert hash(cls(1, 2)) == hash(cls(1, 3)) == hash(2)
        assert not pg.eq(cls(1, 2), cls(1, 3))
        assert cls(1) == WithEq(1)

    def test_identity_when_asked_for(self):
        cls = pg.symbolize(Plain, eq=False)
        assert cls(1) != cls(1)
        assert pg.eq(cls(1), cls(1))
        assert pg.symbolize(Plain)(1) == pg.symbolize(Plain)(1)

    def test_own_getattr_and_setattr(self):
        x = pg.symbolize(WithGetattr)(3)
        assert (x.x, x.z, x.x) == (3, 1, 3)
        assert not hasattr(x, "zz")
        y = pg.symbolize(WithSetattr)(3)
        assert (y.x, y.log) == (3, ["x"])
        y.x = 4
        y.q = 5
        assert (y.log, y.sym_init_args.x) == (["x", "x", "q"], 4)

    def test_metaclass(self):
        x = pg.symbolize(WithMeta)(3)
        assert not pg.is_realized(x)
        assert (x.mark, x.twice) == ("by the metaclass", 6)
        assert (x.rebind(a=5).twice, x.mark) == (10, "by the metaclass")

    def test_abstract(self):
        cls = pg.symbolize(Abstract)
        with pytest.raises(TypeError, match="abstract"):
            cls(1)

        class Real(cls):
            def run(self):
                return self.a

        assert Real(3).run() == 3

    def test_dataclasses(self):
        cls = pg.symbolize(Data)
        x = cls(1)
        x.b.append(5)
        assert cls(1).b == []
        assert repr(cls(1)) == "Data(a=1, b=[])"
        assert cls(1) == cls(1)
        y = pg.symbolize(Frozen)(1)
        assert y.a == 1
        assert y.rebind(a=4).a == 4
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field"):
            pg.realize(y).a = 5
        assert y == pg.symbolize(Frozen)(4)

    def test_self_by_another_name(self):
        assert pg.symbolize(Odd)(3).b == 3

    def test_an_argument_a_class_keeps_elsewhere_is_read_from_the_program(self):
        @pg.symbolize
        class Keeps:
            def __init__(self, kernel):
                self.size = len(getattr(self, "kernel", "none")) + kernel

        x = Keeps(3)
        assert (x.size, x.kernel) == (7, 3)


class TestSubclasses:
    Base = pg.symbolize(WithDefault)

    def test_with_a_constructor_of_their_own(self):
        class Sub(self.Base):
            def __init__(self, filters, k=3):
                super().__init__(filters + 1)
                self.k = k * 10

        x = Sub(4)
        assert (x, x.filters, x.k) == (Sub(filters=4, k=3), 10, 30)
        assert pg.realize(x.rebind(k=7)).k == 70
        assert x.clone() == x
        assert isinstance(x, WithDefault)

    def test_without(self):
        class Sub(self.Base):
            def extra(self):
                return self.filters + 1

        assert Sub(4).extra() == 9
        assert Sub(4) != self.Base(4)


class TestArguments:
    def test_constraints(self):
        cls = pg.symbolize(Plain, [("filters", pg.typing.Int(min_value=1))])
        with pytest.raises(FieldValueError, match="'filters' is 0 of type int; allowed: an int >= 1"):
            cls(0)
        x = cls(1)
        with pytest.raises(FieldTypeError, match="'filters' is 'a'"):
            x.filters = "a"
        _ = x.width
        with pytest.raises(FieldTypeError, match="'filters' is 'a'"):
            x.filters = "a"
        assert x.sym_init_args.filters == 1
        assert pg.symbolize(Plain)(0).width == 0

    def test_as_a_decorator(self):
        @pg.symbolize([("n", pg.typing.Int())])
        class A:
            def __init__(self, n):
                self.n = n

        @pg.symbolize()
        class B:
            pass

        with pytest.raises(FieldTypeError, match="'n' is 'x'"):
            A("x")
        assert B() == B()

    def test_signatures_read_as_the_users(self):
        assert str(inspect.signature(pg.symbolize(Plain))) == "(filters, kernel=3)"
        assert str(inspect.signature(pg.symbolize(Plain).__init__)) == "(self, filters, kernel=3)"
        assert str(inspect.signature(pg.symbolize(Variadic))) == "(*args, **options)"
        assert str(inspect.signature(pg.symbolize(OnlyNew))) == "(a, b=1)"

    def test_live_changes_are_recorded_with_their_place(self):
        x = pg.symbolize(Plain)(1)
        _ = x.width
        old = pg.Dict(a=1)
        x.filters = [old, pg.symbolize(Plain)(2)]
        assert isinstance(x.filters, list)
        recorded = x.sym_init_args.filters
        assert pg.path(recorded[1]) == "filters[1]"
        assert pg.parent(recorded) is x
        assert x.width == 3
        x.seal()
        with pytest.raises(SealedError, match="the Plain at the root is sealed"):
            x.filters = 3

    def test_deleting_an_argument_gives_its_default(self):
        x = pg.symbolize(Plain)(1, 5)
        del x.kernel
        assert x.kernel == 3

    def test_a_ref_reaches_the_constructor_as_what_it_refers_to(self):
        rows = [1, 2]

        @pg.symbolize
        class Reads:
            def __init__(self, rows, more):
                self.same = rows
                self.inner = more[0]

        x = Reads(pg.Ref(rows), [pg.Ref(rows)])
        assert x.same is rows
        assert x.inner is rows
        assert x.rows is rows
        assert x.clone(deep=True).same is rows

    def test_a_ref_among_arguments_of_any_name_and_number(self):
        rows = [1, 2]

        @pg.symbolize
        class Reads:
            def __init__(self, *more, **fields):
                self.got = more, fields

        x = Reads(pg.Ref(rows), rows=pg.Ref(rows))
        assert x.rows is rows
        assert x.got[0][0] is rows
        assert x.got[1]["rows"] is rows
        assert x.rows is rows
        assert x.clone(deep=True).rows is rows
        assert x.rebind(rows=3).rows == 3

    def test_containers_reach_the_constructor_plain(self):
        @pg.symbolize
        class Keeps:
            def __init__(self, options):
                self.kept = options

        x = Keeps({"a": [1, {"b": (2, [3])}]})
        assert type(x.kept) is dict
        assert type(x.kept["a"]) is list
        assert type(x.kept["a"][1]["b"][1]) is list

    def test_mistakes(self):
        cls = pg.symbolize(Plain)
        with pytest.raises(UnknownFieldError, match="Plain has no field 'filtres'; did you mean 'filters'"):
            cls(filtres=1)
        with pytest.raises(MissingFieldError, match="Plain needs a value for 'filters'"):
            cls()
        with pytest.raises(
            UnknownFieldError, match=r"takes 2 positional arguments \(filters, kernel\), but 3"
        ):
            cls(1, 2, 3)
        with pytest.raises(
            SchemaError, match=r"Plain has no argument 'x'. Its arguments are: 'filters', 'kernel'"
        ):
            pg.symbolize(Plain, [("x", pg.typing.Int())])


class Point(NamedTuple):
    x: int


class Color(enum.Enum):
    RED = 1


REFUSED = [
    (int, "int cannot be symbolized: its objects are immutable values"),
    (dt.timedelta, "timedelta cannot be symbolized: its objects are immutable values"),
    (Point, "Point cannot be symbolized: its objects are immutable values"),
    (Color, "Color cannot be symbolized: its objects are immutable values"),
    (type("Config", (dict,), {}), "Config cannot be symbolized: its content is not in attributes"),
    (type("Items", (list,), {}), "Items cannot be symbolized: its content is not in attributes"),
    (type("Oops", (ValueError,), {}), "Oops cannot be symbolized: its content is not in attributes"),
    (3, "symbolize needs a class or a function; got 3 of type int"),
    (pg.symbolize(lambda x: x)(1), "is symbolic already"),
]


@pytest.mark.parametrize(("target", "message"), REFUSED, ids=lambda v: getattr(v, "__name__", str(v))[:20])
def test_what_cannot_be_symbolized(target, message):
    with pytest.raises(SchemaError, match=message):
        pg.symbolize(target)


def test_a_generic_class_can_still_be_given_parameters():
    class Box(typing.Generic[typing.TypeVar("T")]):
        def __init__(self, x):
            self.x = x

    symbolic = pg.symbolize(Box)

    class IntBox(symbolic[int]):
        pass

    assert symbolic[int] is symbolic
    assert IntBox(3).x == 3
