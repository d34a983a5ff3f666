"""Class statements: Python's construction hooks work as in a dataclass or an ``abc.ABC``, or are refused with what to write."""

from __future__ import annotations

import abc
import dataclasses
import enum
import functools
import inspect
import re
import textwrap
from collections.abc import Callable
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

import pytest

import pliant as pg
from pliant.values.errors import FieldTypeError, SchemaError

T = TypeVar("T")


class Double:
    """A descriptor."""

    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, holder, owner):
        return self if holder is None else 2 * getattr(holder, self.name)

    def __set__(self, holder, value):
        setattr(holder, self.name, value)


SCOPE = {
    "Double": Double, "Final": Final,
    "pg": pg, "dataclasses": dataclasses, "Any": Any, "ClassVar": ClassVar, "functools": functools, "enum": enum,
    "Hook": type("Hook", (), {"__post_init__": lambda self: None}),
    "Single": type("Single", (), {"__new__": lambda cls, *args: object.__new__(cls)}),
    "Plain": dataclasses.make_dataclass("Plain", [("y", int, 2)]),
}  # fmt: skip


def make(body: str, bases: str = "pg.Object", fields: str = "x: int = 1") -> Any:
    """Runs a class statement as a module would."""
    text = f"class A({bases}):\n" + textwrap.indent(f"{fields}\n{body}", "    ")
    scope = dict(SCOPE)
    exec(text, scope)
    return scope["A"]


REFUSED = {
    "__init__": ("def __init__(self, x):\n    self.x = x", "pg.Object", r"__init__ does not call super\(\).__init__"),
    "attribute": ("def __init__(self, x):\n    super().__init__(x)\n    self.y = 2 * x", "pg.Object", r"self.y in __init__ would be lost"),
    "attribute first": ("def __init__(self, x):\n    self.y = 2 * x\n    super().__init__(x)", "pg.Object", "self.y in __init__ would"),
    "private": ("_y: int = 1\ndef __init__(self, x):\n    super().__init__(x)\n    self._y = 2", "pg.Object", "self._y in __init__ would"),
    "descriptor": ("x: int = Double()", "pg.Object", "x is a Double and also a field"),
    "descriptor of any": ("x: Any = Double()", "pg.Object", "x is a Double and also a field"),
    "final": ("LIMIT: Final = 3", "pg.Object", "LIMIT is written as a constant"),
    "final int": ("LIMIT: Final[int] = 3", "pg.Object", "LIMIT is written as a constant"),
    "final text": ("LIMIT: 'Final[int]' = 3", "pg.Object", "LIMIT is written as a constant"),
    "__post_init__": ("def __post_init__(self):\n    self.y = 2 * self.x", "pg.Object", "__post_init__ is not called"),
    "mixin": ("", "Hook, pg.Object", "__post_init__ of Hook is not called"),
    "_on_init": ("def _on_init(self):\n    self.y = 2 * self.x", "pg.Object", "_on_init is not called"),
    "sym_eq": ("def sym_eq(self, other): return True", "pg.Object", "sym_eq is not called"),
    "sym_hash": ("def sym_hash(self): return 1", "pg.Object", "sym_hash is not called"),
    "__new__": ("def __new__(cls, *args): return object.__new__(cls)", "pg.Object", "__new__ is not called"),
    "mixin new": ("", "pg.Object, Single", "__new__ of Single is not called"),
    "setting": ("use_symbolic_comparison = False", "pg.Object", "use_symbolic_comparison = False has no effect"),
    "assign": ("allow_symbolic_assignment = False", "pg.Object", "allow_symbolic_assignment = False has no effect"),
    "method": ("def x(self): return 3", "pg.Object", "x is a method and also a field"),
    "property": ("@property\ndef x(self): return 3", "pg.Object", "x is a property and also a field"),
    "cached": ("@functools.cached_property\ndef x(self): return 3", "pg.Object", "x is a cached_property and"),
    "classmethod": ("@classmethod\ndef x(cls): return 3", "pg.Object", "x is a classmethod and also a field"),
    "static": ("@staticmethod\ndef x(): return 3", "pg.Object", "x is a staticmethod and also a field"),
    "constant": ("LIMIT: int = 3", "pg.Object", "LIMIT is written as a constant"),
    "InitVar": ("s: dataclasses.InitVar[int] = 3", "pg.Object", "s: InitVar is an argument that is not kept"),
    "no init": ("s: int = dataclasses.field(default=1, init=False)", "pg.Object", r"s: field\(init=...\) has no effect"),
    "no compare": ("s: int = dataclasses.field(default=1, compare=False)", "pg.Object", r"s: field\(compare=...\) has no"),
    "dataclass": ("", "Plain, pg.Object", r"Plain is a dataclass, and its fields \(y\)"),
    "dataclass last": ("", "pg.Object, Plain", r"Plain is a dataclass, and its fields \(y\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_have_no_effect_is_refused_with_the_lines_to_write(name):
    body, bases, match = REFUSED[name]
    with pytest.raises(SchemaError, match=f"A: {match}") as caught:
        make(body, bases)
    right = textwrap.dedent("    " + str(caught.value).split("Write instead:\n    ", 1)[1])
    if "cls(...)" in right:
        right = right.replace("...", "x")
    right = right.replace("self.y = ...", "self.y = 2 * self.x").replace(
        "self._y = ...", "self.y = 2 * self.x"
    )
    made = make(right)(x=2)  # the advice works
    assert made.x == 2
    assert made.clone() == made
    if "on_bound" in right:
        assert (made.y, made.rebind(x=3).y) == (4, 6)


@pytest.mark.parametrize("body", ["def x(self): return 3", "@property\ndef x(self): return 3"])
def test_an_inherited_field_cannot_become_a_method(body):
    SCOPE["Base"] = make("")
    with pytest.raises(SchemaError, match=r"x is a (method|property) and also a field"):
        make(body, "Base", "")


@pytest.mark.parametrize("body", [
    "def __init__(self, y):\n    self.build(y)\ndef build(self, y):\n    super().__init__(x=y)",
    "def __init__(self, y):\n    [super(A, self).__init__(x=v) for v in [y]]",
    "def __init__(self, y):\n    super().__init__(x=0)\n    self.x = y",
    "other = Double()\ndef __init__(self, y):\n    super().__init__(x=y)\n    y.other = 1 if False else y",
    "def __init__(self, y):\n    pg.Object.__init__(self, x=y)",
], ids=["method", "inner function", "field", "other object", "base"])  # fmt: skip
def test_an_own_constructor_that_sets_the_fields(body):
    if "y.other" in body:
        body = body.replace("y.other = 1 if False else y", "SEEN.other = y")
        SCOPE["SEEN"] = type("Seen", (), {})()
    made = make(body)(3)
    assert made.x == made.clone().x == pg.from_json(made.to_json(), allow=[type(made)]).x == 3
    assert made.rebind(x=5).x == 5


@pytest.mark.parametrize(
    "body", ["def __init__(self, width):\n    self.x = 2 * width", "__init__ = lambda self, width: None"]
)
def test_an_own_constructor_with_other_arguments(body):
    with pytest.raises(
        SchemaError, match=r"__init__ does not call super\(\).__init__, which sets the fields"
    ) as caught:
        make(body, fields="x: int\nz: int = 3")
    right = str(caught.value).split("Write instead:\n    ", 1)[1]
    assert "super().__init__(x=..., z=...)" in right
    made = make(
        textwrap.dedent("    " + right).replace("x=...", "x=2 * width").replace("z=...", "z=4"),
        fields="x: int\nz: int = 3",
    )(5)
    assert (made.x, made.clone().x, made.z) == (10, 10, 4)


def test_slots_are_no_defaults():
    made = make("__slots__ = ('x', 'seen')\ndef on_bound(self):\n    self.seen = self.x", fields="x: int")
    with pytest.raises(TypeError, match="needs a value for 'x'"):
        made()
    assert (made(2).seen, made(2).clone().seen, made(2).rebind(x=3).seen) == (2, 2, 3)


def test_match_statements_take_fields_by_position():
    class A(pg.Object):
        x: int
        y: int = 2

    class B(A):
        z: int = dataclasses.field(default=3, kw_only=True)
        more: int = 4

    class C(pg.Object):
        __match_args__ = ("y",)
        x: int
        y: int

    def by_place(value):
        match value:
            case A(1, y):
                return y
            case C(y):
                return ("C", y)

    assert (by_place(A(1)), by_place(B(1, 5)), by_place(C(1, 7)), by_place(A(2))) == (2, 5, ("C", 7), None)
    assert B.__match_args__ == ("x", "y", "more")


def test_a_function_is_a_default_as_any_value():
    def twice(v):
        return 2 * v

    class A(pg.Object):
        act: Callable[..., Any] = twice
        kind: type = int
        other: Any = lambda v: 3 * v

    class B(A):
        act = abs
        kind = float
        other = twice

    assert (A().act(2), A().other(2), A().kind) == (4, 6, int)
    assert (B().act(-2), B().other(2), B().kind) == (2, 4, float)


@pytest.mark.parametrize("base", [pg.Object, pg.Functor])
@pytest.mark.parametrize("hooks", [{}, {"on_bound": lambda self: None}])
@pytest.mark.parametrize("abstract", ["method", "property", "classmethod", "staticmethod"])
def test_abstract_methods_prevent_objects(base, hooks, abstract):
    wrap = {"method": lambda f: f}.get(abstract) or {
        "property": property,
        "classmethod": classmethod,
        "staticmethod": staticmethod,
    }[abstract]
    cls: Any = type(
        "A",
        (base,),
        {
            "f": wrap(abc.abstractmethod(lambda *args: 1)),
            "__annotations__": {"x": int},
            "__module__": __name__,
            **hooks,
        },
    )
    for create in (
        lambda: cls(1),
        cls.partial,
        lambda: pg.from_json({"_type": f"{__name__}.A", "x": 1}, allow=[cls]),
    ):
        with pytest.raises((TypeError, ValueError), match="abstract"):
            create()

    class B(cls):
        def f(self):
            return 2

    assert B(1).f() == B(1).clone().f() == 2
    assert inspect.isabstract(cls)


def test_a_field_implements_an_abstract_property():
    class A(pg.Object, abc.ABC):
        @property
        @abc.abstractmethod
        def width(self): ...

    class B(A):
        width: int

    assert B(3).width == 3
    with pytest.raises(TypeError, match="abstract"):
        A()


def test_several_bases_work_as_in_python():
    class Greets:
        def hello(self):
            return f"hello {self.x}"

    class Sized(Protocol):
        def size(self) -> int: ...

    class First(pg.Object):
        a: int = 1

    class Second(pg.Object):
        b: int = 2

    class A(Greets, First, Second, Generic[T]):
        x: T

        def size(self): return 3  # fmt: skip

    class B(pg.Object, Sized):
        def size(self): return 4  # fmt: skip

    made = A[int](x=5)
    assert (made.hello(), made.a, made.b, made.size(), B().size()) == ("hello 5", 1, 2, 3, 4)
    assert pg.from_json_str(made.to_json_str()) == made


def test_an_enum_cannot_be_an_object():
    with pytest.raises((SchemaError, RuntimeError), match=r"(?s)plain Enum|__set_name__"):

        class A(pg.Object, enum.Enum):
            X = 1


def test_keyword_only_fields():
    class A(pg.Object, kw_only=True):
        x: int

    class B(A):
        y: int = 2
        z: int = dataclasses.field(default=3, kw_only=True)

    class C(pg.Object):
        x: int
        _: dataclasses.KW_ONLY
        y: int

    assert (A(x=1).x, B(5, x=1).y, C(1, y=2).y) == (1, 5, 2)
    assert str(inspect.signature(B)) == "(y: int = 2, *, x: int, z: int = 3)"
    for wrong in (lambda: A(1), lambda: B(1, 2, x=1), lambda: C(1, 2)):
        with pytest.raises(TypeError, match="positional argument"):
            wrong()


def test_hooks_of_class_creation_run():
    class Named:
        def __set_name__(self, owner, name):
            self.name = name

    class A(pg.Object):
        kind: ClassVar[str] = ""
        named = Named()
        limit: Final[int] = 3
        __slots__ = ("memo",)

        def __init_subclass__(cls, kind="", **options):
            super().__init_subclass__(**options)
            cls.kind = kind

    class B(A, kind="b"):
        @functools.cached_property
        def double(self):
            return 2 * self.limit

    made = B(4)
    assert (B.kind, B.named.name, made.double, made.rebind(limit=5).double) == ("b", "named", 8, 10)
    with pytest.raises(TypeError, match=r"no keyword arguments|unexpected keyword"):
        type("C", (pg.Object,), {}, colour=1)


def test_a_functor_class_with_call():
    class Add(pg.Functor):
        x: int
        y: int = 2

        def _call(self):
            return self.x + self.y

    class Direct(pg.Functor):
        x: int

        def __call__(self, more):
            return self.x + more

    assert (Add(1)(), Add()(3), Add(1)(y=5), Add(1)(4, override_args=True), Direct(1)(2)) == (3, 5, 6, 6, 3)
    with pytest.raises(
        SchemaError, match=r"Empty derives from pg.Functor but has nothing to run. Define `def _call"
    ):
        type("Empty", (pg.Functor,), {})()()


def test_a_functor_class_with_computed_values():
    class Scale(pg.Functor):
        x: int = 1
        factor: int = 2

        def on_bound(self):
            self.product = self.x * self.factor

        def _call(self):
            return self.product

    scale = Scale(3)
    for made in (scale, scale.clone(), pg.from_json(scale.to_json(), allow=[Scale])):
        assert isinstance(made, Scale)
    assert (scale(), Scale()(5), scale(factor=4), scale.clone()(), scale.rebind(x=5)()) == (6, 10, 12, 6, 10)
    with pytest.raises(TypeError, match="'x' of Scale is bound already"):
        scale(x=4)
    assert [f() for f in pg.iter(Scale(pg.oneof([1, 2])))] == [2, 4]


OPTIONS = [
    (lambda: pg.symbolize(dict, eqq=False), "pg.symbolize has no argument 'eqq'; did you mean 'eq'"),
    (lambda: pg.symbolize([("x", pg.typing.Int())], rep=False), "pg.symbolize has no argument 'rep'; did you mean 'repr'"),
    (lambda: pg.members([], init_arg_lists=["x"]), "pg.members has no argument 'init_arg_lists'; did you mean 'init_arg"),
    (lambda: pg.members([], metadata={"serialization_key": "a"}), "pg.members has no argument 'serialization_key'"),
    (lambda: pg.functor(return_spec=pg.typing.Int()), "pg.functor has no argument 'return_spec'"),
    (lambda: pg.as_functor(len, returns=3), "has no argument 'returns'"),
    (lambda: pg.from_json({}, auto_dict=True), "has no argument 'auto_dict'"),
    (lambda: pg.from_json_str("{}", allow_partials=True), "pg.from_json_str has no argument 'allow_partials'; did you mean 'allow_partial'"),
    (lambda: pg.load("x.json", root_path="a"), "has no argument 'root_path'"),
    (lambda: pg.trace(lambda: 1, per_thread=True), "has no argument 'per_thread'"),
    (lambda: pg.Dict(x=1, sealed=True), r"pg.Dict has no argument 'sealed'. Write pg.Dict(...).seal(); for an entry"),
    (lambda: pg.Dict(x=1, allow_partial=True), "pg.Dict has no argument 'allow_partial'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "text"), OPTIONS)
def test_an_unknown_option_is_refused(call, text):
    with pytest.raises(TypeError, match=re.escape(text)):
        call()


def test_an_entry_of_a_dict_may_have_the_name_of_an_option():
    made = pg.Dict({"sealed": True}, x=1)
    assert made.sealed is True
    assert not made.is_sealed
    assert pg.from_json_str(made.to_json_str()) == made.clone() == made
    with pytest.raises(FieldTypeError, match=r"write pg.Dict\(\{'sealed': True\}\)"):
        pg.Dict(sealed=True)


def test_symbolize_keeps_the_repr_of_the_class():
    class A:
        def __init__(self, x):
            self.x = x

        def __repr__(self):
            return "mine"

    assert repr(pg.symbolize(A, repr=False)(1)) == str(pg.symbolize(A, repr=False)(1)) == "mine"
    assert repr(pg.symbolize(A)(1)) == "A(x=1)"
    with pytest.raises(SchemaError, match=r"symbolize\(test, eq=False\) has no effect"):
        pg.symbolize(lambda_named(), eq=False)


def lambda_named():
    def test(x): ...

    return test


def test_the_order_of_positional_arguments_is_that_of_init_arg_list():
    fields = [
        ("x", pg.typing.Int()),
        ("y", pg.typing.Int(2)),
        ("rest", pg.typing.List(pg.typing.Int(), default=[])),
    ]

    @pg.members(fields, init_arg_list=["y", "x", "*rest"])
    class A(pg.Object):
        pass

    @pg.members(fields, metadata={"init_arg_list": ["x"]})
    class B(pg.Object):
        pass

    assert A(1, 2, 3, 4) == A(x=2, y=1, rest=[3, 4])
    assert list(inspect.signature(B).parameters.values())[1].kind is inspect.Parameter.KEYWORD_ONLY
    assert B(1, y=3) == B(x=1, y=3).clone()
    with pytest.raises(TypeError, match="positional argument"):
        B(1, 2)
    with pytest.raises(SchemaError, match=r"init_arg_list of C has 'z', which is not a field"):
        pg.members(fields, init_arg_list=["z"])(type("C", (pg.Object,), {}))
