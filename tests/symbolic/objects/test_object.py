"""``Object``: fields by annotation and by ``members``, inheritance, construction, and names of the user's own."""

from __future__ import annotations

import abc
import copy
import dataclasses
import enum
import inspect
import pickle
from typing import Annotated, Any, ClassVar, Generic, Optional, TypeVar

import pytest

import pliant as pg
from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    MissingFieldError,
    SchemaError,
    UnknownFieldError,
)

T = TypeVar("T")


class Conv(pg.Object):
    """A layer."""

    filters: int
    kernel: tuple[int, int] = (3, 3)
    LIMIT: ClassVar[int] = 9
    _cache: dict | None = None

    @property
    def size(self) -> int:
        return self.filters * self.kernel[0] * self.kernel[1]


class Chain(pg.Object):
    value: int
    rest: Optional[Chain] = None  # noqa: UP045  # the form that older programs use
    later: Later | None = None


class Later(pg.Object):
    x: int = 0


class TestFields:
    def test_arguments_by_place_and_by_name(self):
        assert Conv(8) == Conv(filters=8, kernel=(3, 3))
        assert Conv(8, (5, 5)).kernel == (5, 5)
        assert repr(Conv(8)) == "Conv(filters=8, kernel=(3, 3))"

    def test_class_variables_and_private_names_are_no_fields(self):
        assert list(Conv.__schema__) == ["filters", "kernel"]
        assert Conv.LIMIT == Conv(1).LIMIT == 9

    def test_methods_and_properties_follow_the_fields(self):
        conv = Conv(2)
        assert conv.size == 18
        conv.filters = 3
        assert conv.size == 27

    def test_a_field_may_hold_its_own_class_or_a_later_one(self):
        chain = Chain(1, Chain(2, later=Later(3)))
        assert pg.path(chain.rest.later) == "rest.later"
        with pytest.raises(FieldTypeError, match=r"'rest' is 3 of type int; allowed: an instance of Chain"):
            Chain(1, 3)
        with pytest.raises(FieldTypeError, match=r"'later' is 3 of type int; allowed: an instance of Later"):
            Chain(1, later=3)

    def test_local_classes_refer_to_themselves(self):
        class Local(pg.Object):
            next: Local | None = None

        assert Local(Local()).next == Local()
        with pytest.raises(FieldTypeError, match="allowed: an instance of Local or None"):
            Local(3)

    def test_defaults_that_can_change_are_made_new(self):
        class Holder(pg.Object):
            items: list[int] = []
            table: dict[str, list[int]] = {"a": [1]}
            conv: Conv = Conv(1)

        one, other = Holder(), Holder()
        one.items.append(1)
        one.table["a"].append(2)
        one.conv.filters = 7
        assert (other.items, other.table, other.conv) == ([], {"a": [1]}, Conv(1))
        assert pg.parent(other.conv) is other

    def test_dataclass_fields_give_defaults(self):
        class Holder(pg.Object):
            items: list[int] = dataclasses.field(default_factory=list)
            size: int = dataclasses.field(default=3)
            needed: int = dataclasses.field()

        holder = Holder(needed=1)
        holder.items.append(4)
        assert holder == Holder([4], 3, 1)
        assert Holder(needed=1).items == []

    def test_specs_may_stand_in_annotations_and_as_defaults(self):
        class Both(pg.Object):
            rate: Annotated[float, pg.typing.Float(min_value=0.0)] = 0.1
            steps: pg.typing.Int(min_value=1) = 2
            mode: str = pg.typing.Enum("a", ["a", "b"])

        assert Both() == Both(0.1, 2, "a")
        with pytest.raises(FieldValueError, match="'steps' is 0 of type int; allowed: an int >= 1"):
            Both(steps=0)
        with pytest.raises(FieldValueError, match="'mode' is 'c'"):
            Both(mode="c")

    def test_members_add_to_annotations(self):
        @pg.members([("p", pg.typing.Int(), "The p."), ("q", pg.typing.Str("s"))])
        class Both(Conv):
            r: int = 0

        made = Both(8, p=1)
        assert made.sym_init_args == {"filters": 8, "kernel": (3, 3), "r": 0, "p": 1, "q": "s"}
        assert Both.p.__doc__ == "The p."

    @pytest.mark.parametrize("name", ["class", "a b", "self", "__x", "_sym_x", "_v_x"])
    def test_names_that_cannot_be_fields(self, name):
        message = f"{name!r} cannot be the name of a field"
        with pytest.raises(SchemaError, match=message):
            pg.members([(name, pg.typing.Int())])(type("Bad", (pg.Object,), {}))


class TestInheritance:
    class Base(pg.Object):
        x: int = 1
        y: float = 2.0

    def test_plain_assignment_gives_another_default(self):
        class Sub(self.Base):
            x = 5

        assert Sub() == Sub(5, 2.0)
        assert Sub.__schema__["x"].value_spec == pg.typing.Int(5)
        with pytest.raises(FieldTypeError, match="'x' is 'a' of type str"):
            Sub(x="a")

    def test_a_default_must_fit(self):
        with pytest.raises(
            SchemaError, match=r"Sub.x: the default of Int\(\) does not fit it.*'abc' of type str"
        ):

            class Sub(self.Base):
                x = "abc"

    def test_fields_narrow_and_never_widen(self):
        class Narrow(self.Base):
            x: pg.typing.Int(min_value=3) = 4

        with pytest.raises(FieldValueError, match="'x' is 1 of type int; allowed: an int >= 3"):
            Narrow(1)
        with pytest.raises(SchemaError, match=r"does not narrow .* of the base class"):

            class Wide(self.Base):
                x: str

    def test_several_bases(self):
        class A(pg.Object):
            a: int = 1
            both: int = 1

        class B(pg.Object):
            b: int = 2
            both: int = 2

        class C(A, B):
            c: int = 3

        assert C().sym_init_args == {"b": 2, "both": 1, "a": 1, "c": 3}

    def test_a_method_may_take_the_place_of_nothing(self):
        class Sub(self.Base):
            def z(self):
                return self.x + self.y

        assert Sub(2).z() == 4.0

    def test_abstract_classes(self):
        class Layer(pg.Object, metaclass=abc.ABCMeta):
            n: int

            @abc.abstractmethod
            def run(self): ...

        class Real(Layer):
            def run(self):
                return self.n

        assert Real(3).run() == 3
        with pytest.raises(TypeError, match="abstract"):
            Layer(3)

    def test_generic_classes(self):
        class Box(pg.Object, Generic[T]):
            x: T

        class IntBox(Box[int]):
            y: int = 1

        assert Box[str]("a") == Box("a")
        assert IntBox(1).sym_init_args == {"x": 1, "y": 1}


class TestOwnConstructor:
    class Square(pg.Object):
        width: int
        area: int

        def __init__(self, width):
            super().__init__(width=width, area=width * width)

    def test_it_runs_at_the_call_only(self):
        square = self.Square(3)
        assert square.area == 9
        assert square.clone() == square
        assert square.rebind(width=4).area == 9
        assert pickle.loads(pickle.dumps(Module(3))) == Module(3)
        assert pg.from_json(Module(3).to_json()) == Module(3)

    def test_subclasses_inherit_it(self):
        class Named(self.Square):
            name: str = "a"

        assert Named(2).sym_init_args == {"width": 2, "area": 4, "name": "a"}

    def test_it_may_stand_below_a_made_one(self):
        class Base(pg.Object):
            a: int

        class Sub(Base):
            b: int = 5

            def __init__(self, text):
                super().__init__(a=len(text))

        assert Sub("xyz").sym_init_args == {"a": 3, "b": 5}
        assert Base(1) == Base(a=1)
        assert Base(1).clone() == Base(1)

    def test_with_state(self):
        class Lazy(self.Square):
            def on_bound(self):
                self.text = f"{self.width}:{self.area}"

        assert Lazy(3).text == "3:9"
        assert Lazy(3).rebind(area=1).text == "3:1"


class Module(pg.Object):
    n: int

    def __init__(self, n):
        super().__init__(n=n)


@pg.members([("p", pg.typing.Int()), (pg.typing.StrKey("x.*"), pg.typing.Int())])
class Wild(pg.Object):
    pass


class TestWildcards:
    def test_more_keys_are_children_and_attributes(self):
        wild = Wild(1, xa=2)
        assert wild.xa == 2
        wild.xa = 5
        assert wild == Wild(1, xa=5)
        assert wild.rebind(xb=6).xb == 6
        assert wild.clone() == wild
        assert pickle.loads(pickle.dumps(wild)) == wild
        assert pg.from_json(wild.to_json()) == wild
        assert wild.rebind({"xb": pg.MISSING_VALUE}) == Wild(1, xa=5)

    def test_they_are_checked(self):
        with pytest.raises(UnknownFieldError, match="Wild has no field 'ya'"):
            Wild(1, ya=2)
        with pytest.raises(FieldTypeError, match="'xa' is 's' of type str"):
            Wild(1, xa="s")
        with pytest.raises(FieldTypeError, match="'xc' is 's' of type str"):
            Wild(1).rebind(xc="s")
        with pytest.raises(UnknownFieldError, match="Wild has no field 'ya'"):
            Wild(1).rebind(ya=1)
        with pytest.raises(AttributeError, match="'Wild' object has no attribute 'xz'"):
            Wild(1).xz  # noqa: B018  # reading is the test


class TestMistakes:
    def test_missing(self):
        with pytest.raises(
            MissingFieldError,
            match=r"Conv needs a value for 'filters'; its required fields are \(filters: Int\(\)\).*Conv.partial",
        ):
            Conv()

    def test_unknown(self):
        with pytest.raises(UnknownFieldError, match="Conv has no field 'filtres'; did you mean 'filters'"):
            Conv(filtres=1)

    def test_too_many(self):
        with pytest.raises(
            UnknownFieldError, match=r"takes 2 positional arguments \(filters, kernel\), but 3"
        ):
            Conv(1, (1, 1), 7)

    def test_a_failed_construction_leaves_its_arguments_free(self):
        conv = Conv(1)
        with pytest.raises(FieldTypeError, match="'value'"):
            Chain(value="x", rest=None, later=None)
        with pytest.raises(UnknownFieldError, match="Chain has no field 'rset'; did you mean 'rest'"):
            pg.Dict(a=Chain(1)).a.rebind(rset=conv)
        assert pg.parent(conv) is None

    def test_values_are_checked_when_assigned(self):
        conv = Conv(1)
        with pytest.raises(FieldTypeError, match="at path 'filters' is 'a' of type str; allowed: an int"):
            conv.filters = "a"
        outer = pg.Dict(layers=[conv])
        with pytest.raises(FieldTypeError, match=r"at path 'layers\[0\].filters' is 'a'"):
            outer.layers[0].filters = "a"

    def test_deleting_gives_the_default(self):
        conv = Conv(1, (5, 5))
        del conv.kernel
        assert conv.kernel == (3, 3)
        with pytest.raises(MissingFieldError, match="Conv needs a value for 'filters'"):
            del conv.filters
        assert conv == Conv(1)


class TestPartial:
    def test_missing_fields_can_follow(self):
        conv = Conv.partial(kernel=(1, 1))
        assert conv.is_partial
        assert conv.filters is pg.MISSING_VALUE
        assert repr(conv) == "Conv(kernel=(1, 1))"
        assert conv.clone().is_partial
        conv.rebind(filters=1)
        assert not conv.is_partial
        assert conv == Conv(1, (1, 1))

    def test_given_values_are_checked(self):
        with pytest.raises(FieldTypeError, match="'filters' is 'a' of type str"):
            Conv.partial("a")


class Names(pg.Object):
    """Fields named like Pliant's methods."""

    query: int = 1
    clone: int = 2
    get: int = 3
    rebind: int = 4
    partial: int = 5
    to_json: int = 6
    seal: int = 7


def test_free_functions_work_whatever_the_fields_are_called():
    x = Names()
    assert (x.query, x.clone, x.rebind) == (1, 2, 4)
    pg.rebind(x, query=9)
    assert pg.query(x, where=lambda v: v == 9) == {"query": 9}
    assert pg.eq(pg.clone(x), x)
    assert pg.get(x, "seal") == 7
    assert copy.deepcopy(x) == pickle.loads(pickle.dumps(x)) == copy.copy(x) == x
    assert pg.from_json(pg.to_json(x)) == x
    assert pg.diff(x, Names())
    assert pg.random_sample(pg.Dict(x=Names(pg.oneof([5, 6]))), 0).x.query in (5, 6)


class TestSignature:
    def test_it_reads_as_a_person_would_write_it(self):
        assert str(inspect.signature(Conv)) == "(filters: int, kernel: tuple[int, int] = (3, 3))"
        assert str(inspect.signature(Wild)) == "(p: int, **fields)"

    def test_required_fields_after_others_are_given_by_name(self):
        class Sub(TestInheritance.Base):
            z: str

        assert str(inspect.signature(Sub)) == "(x: int = 1, y: float = 2.0, *, z: str)"

    def test_own_constructors_show_their_own(self):
        assert str(inspect.signature(Module)) == "(n)"

    def test_objects_that_are_called_show_their_call(self):
        class Called(pg.Object):
            n: int

            def __call__(self, x, y=1):
                return self.n + x + y

        assert str(inspect.signature(Called(1))) == "(x, y=1)"


class TestArguments:
    def test_a_live_view(self):
        conv = Conv(8)
        view = conv.sym_init_args
        assert (view.filters, view["kernel"], len(view)) == (8, (3, 3), 2)
        assert view == {"filters": 8, "kernel": (3, 3)}
        assert repr(view) == "{'filters': 8, 'kernel': (3, 3)}"
        conv.filters = 9
        assert view.filters == 9
        view.filters = 10
        view["kernel"] = (1, 1)
        assert conv == Conv(10, (1, 1))

    def test_wrong_names(self):
        with pytest.raises(AttributeError, match="Conv has no value for 'filtres'; did you mean 'filters'"):
            Conv(8).sym_init_args.filtres  # noqa: B018  # reading is the test
        with pytest.raises(KeyError, match=r"Conv has no value for 'zzz'. It has: 'filters', 'kernel'"):
            Conv(8).sym_init_args["zzz"]

    def test_missing_values_are_left_out(self):
        assert list(Conv.partial().sym_init_args) == ["kernel"]


class TestContainersInFields:
    class Net(pg.Object):
        xs: list[list[int]]
        table: dict[str, list[int]] = {}
        pair: tuple[list[int], str] = ([], "")
        either: list[int] | list[str] | None = None
        free: Any = None

    @pytest.mark.parametrize("inner", [[[1]], [pg.List([1])], pg.List([[1]]), pg.List([pg.List([1])])])
    def test_specs_reach_all_levels(self, inner):
        net = self.Net(inner.clone() if isinstance(inner, pg.List) else list(inner))
        for owner in (net, net.clone(), pg.from_json(net.to_json(), allow=[self.Net])):
            with pytest.raises(FieldTypeError, match=r"at path 'xs\[0\]\[1\]' is 's' of type str"):
                owner.xs[0].append("s")
            assert owner.xs == [[1]]

    def test_in_dicts_tuples_and_unions(self):
        net = self.Net([], table={"k": [1]}, pair=([1], "a"), either=["a"])
        with pytest.raises(FieldTypeError, match=r"'table.k\[1\]' is 's'"):
            net.table.k.append("s")
        with pytest.raises(FieldTypeError, match=r"'pair\[0\]\[1\]' is 's'"):
            net.pair[0].append("s")
        net.either.append("b")
        with pytest.raises(FieldTypeError, match=r"'either\[2\]' is 1"):
            net.either.append(1)

    def test_a_free_field_leaves_a_containers_own_spec(self):
        net = self.Net([], free=pg.List([1], value_spec=pg.typing.List(pg.typing.Int())))
        with pytest.raises(FieldTypeError, match=r"'free\[1\]' is 's'"):
            net.free.append("s")


def test_a_user_setattr_sees_no_storage():
    seen = []

    class Watched(pg.Object):
        x: int

        def __setattr__(self, name, value):
            seen.append(name)
            super().__setattr__(name, value)

    watched = Watched(1)
    assert watched.clone() == Watched(1)
    assert seen == []
    watched.x = 2
    assert seen == ["x"]
    assert watched.x == 2


def test_a_ref_is_shared_and_read_through():
    rows = [1, 2, 3]

    class Data(pg.Object):
        rows: list[int]
        size: int = 0
        net: Any = None

    data = Data(pg.Ref(rows), pg.Ref(3), pg.Ref(rows))
    assert data.rows is rows
    assert data.net is rows
    assert data.size == 3
    assert data.clone(deep=True).rows is rows
    assert data.is_deterministic
    with pytest.raises(FieldTypeError, match=r"'rows' is 3 of type int; allowed: a list"):
        Data(pg.Ref(3))


def test_a_ref_under_a_key_of_a_wildcard_field():
    rows = [1, 2]

    @pg.members([("size", pg.typing.Int()), (pg.typing.StrKey(), pg.typing.Any())])
    class Data(pg.Object):
        def on_bound(self):
            self.first = self.rows

    data = Data(size=3, rows=pg.Ref(rows))
    assert data.rows is rows
    assert data.first is rows
    assert data.rows is rows
    assert data.sym_init_args["rows"] == pg.Ref(rows)
    assert data.clone(deep=True).rows is rows


def test_an_enum_is_a_value_of_a_field_and_not_a_second_base():
    """Follows the message literally."""
    with pytest.raises(
        SchemaError,
        match=r"Use a plain Enum, whose members can be values of fields, and a pg\.Object without Enum as base",
    ):

        class Both(pg.Object, enum.Enum):
            RED = 1

    class Color(enum.Enum):
        RED = 1

    class Paint(pg.Object):
        color: Color

    assert Paint(Color.RED).color is Color.RED
