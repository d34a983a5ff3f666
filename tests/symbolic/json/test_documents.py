from __future__ import annotations

import collections
import contextlib
import enum
import functools
import json
import math
import os
import sys
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pliant import schema as typing
from pliant.symbolic.json.documents import from_json, from_json_str, load, save, to_json, to_json_str
from pliant.symbolic.json.leaves import NAMED
from pliant.symbolic.objects.containers import Dict, List
from pliant.symbolic.objects.functor import functor
from pliant.symbolic.objects.object import Object, members
from pliant.symbolic.objects.symbolize import symbolize
from pliant.symbolic.read.compare import equal
from pliant.symbolic.read.text import one_line
from pliant.symbolic.tree.node import parent
from pliant.symbolic.tree.realize import is_realized
from pliant.values.errors import FieldTypeError, LoadError, UnregisteredTypeError
from pliant.values.path import Path

HERE = __name__


class Conv(Object):
    filters: int
    kernel: tuple[int, int] = (3, 3)


class Holder(Object):
    x: object = None


class Watcher(Object):
    x: int

    def on_bound(self):
        raise AssertionError("loading ran the user's code")


@members([("low", typing.Int(min_value=0)), ("names", typing.List(typing.Str(), default=[]))])
class Checked(Object):
    pass


@functor
def scale(x, y=2):
    return x * y


@symbolize
class Stack:
    def __init__(self, *layers, name="s", **options):
        raise AssertionError("loading realized it")


class Foreign:
    def __init__(self, width):
        raise AssertionError("loading realized it")


class Activation:
    pass


SymbolicActivation = symbolize(Activation)


def double(x):
    return 2 * x


Double = symbolize(double)


class Allowed(Foreign):
    """The test that symbolizes it registers it."""


def helper():
    pass


class Color(enum.Enum):
    RED = "r"
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1


class Number(float):
    pass


@dataclass
class Config:
    size: int
    child: object = None
    computed: int = field(init=False, default=0)


Pair = collections.namedtuple("Pair", "a b")


def through(value, **options):
    text = to_json_str(value)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no standard JSON"))
    assert to_json_str(from_json_str(text, **options)) == text
    return from_json_str(text, **options)


def test_the_form():
    model = Dict(layers=[Conv(8)], rate=0.5, on=True, name="a", nothing=None)
    assert to_json(model) == {
        "layers": [{"_type": f"{HERE}.Conv", "filters": 8, "kernel": ["__tuple__", 3, 3]}],
        "rate": 0.5,
        "on": True,
        "name": "a",
        "nothing": None,
    }
    assert to_json(scale(1)) == {"_type": f"{HERE}.scale", "x": 1, "y": 2}
    assert to_json(Stack(1, 2, z=3)) == {"_type": f"{HERE}.Stack", "layers": [1, 2], "name": "s", "z": 3}


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (math.inf, {"_type": "float", "value": "inf"}),
        (-math.inf, {"_type": "float", "value": "-inf"}),
        (1 << 2048, {"_type": "int", "value": hex(1 << 2048)}),
        (-(10**5000), {"_type": "int", "value": hex(-(10**5000))}),
        (1j, {"_type": "complex", "value": "1j"}),
        (b"\x00\xff", {"_type": "bytes", "value": "AP8="}),
        (range(1, 9, 2), {"_type": "range", "value": [1, 9, 2]}),
        (Path.parse("a[0]['x.y']"), {"_type": "path", "value": "a[0]['x.y']"}),
        (int, {"_type": "type", "name": "builtins.int"}),
        (Conv, {"_type": "type", "name": f"{HERE}.Conv"}),
        (Activation, {"_type": "type", "name": f"{HERE}.Activation", "origin": True}),
        (SymbolicActivation, {"_type": "type", "name": f"{HERE}.Activation"}),
        (double, {"_type": "function", "name": f"{HERE}.double", "origin": True}),
        (Double, {"_type": "type", "name": f"{HERE}.double"}),
        ((), ["__tuple__"]),
        (((1,), [2]), ["__tuple__", ["__tuple__", 1], [2]]),
        (["__tuple__", 1], {"_type": "list", "items": ["__tuple__", 1]}),
        ({"_type": "x"}, {"_type": "dict", "items": [["_type", "x"]]}),
        (
            {1: "a", "1": "b", (2,): None},
            {"_type": "dict", "items": [[1, "a"], ["1", "b"], [["__tuple__", 2], None]]},
        ),
        (["a", "__tuple__"], ["a", "__tuple__"]),
    ],
    ids=lambda v: one_line(v, max_length=30),
)
def test_special_forms(value, form):
    assert to_json(value) == form
    loaded = through(value)
    assert equal(loaded, value)
    assert loaded is value or not isinstance(value, type)


def test_nan():
    assert math.isnan(through(Holder(math.nan)).x)


def test_objects_of_every_kind():
    for value in [
        Conv(8),
        Stack(1, Conv(2), name="t", z=[1]),
        Stack(),
        scale(Conv(1), y=3),
        scale(),
        scale(y=(1,)),
        Checked(3, ["a"]),
        List([Conv(1), (Conv(2), {"a": Conv(3)})]),
        Holder(Holder(Dict(a=Holder()))),
        SymbolicActivation(),
        Double(3),
    ]:
        loaded = through(value)
        assert equal(loaded, value)
        assert type(loaded) is type(value)


def test_loading_runs_no_code_of_the_user():
    stack = through(Dict(a=Stack(1), b=Watcher(2)))
    assert not is_realized(stack.a)
    assert not is_realized(stack.b)


def test_what_is_loaded_is_symbolic():
    x = from_json_str('{"a": {"b": [1, {"c": 2}]}}')
    assert isinstance(x, Dict)
    assert x.rebind({"a.b[1].c": 3}).a.b[1].c == 3
    assert parent(x.a.b) is x.a
    assert parent(x) is None
    assert isinstance(from_json([1]), List)
    assert isinstance(from_json(["__tuple__", {"a": 1}])[0], Dict)


def test_functors_keep_their_arguments():
    loaded = through(scale(3))
    assert loaded() == 6
    assert through(scale(y=5))(2) == 10


def test_a_field_named_type():
    @functor
    def odd(_type, y=1):
        return _type

    loaded = through(odd("conv", y=2))
    assert loaded == odd("conv", y=2)
    assert to_json(odd("conv"))["_type"] == "object"


def test_enums_dataclasses_and_named_tuples_are_loaded_where_allowed():
    for value, allow in [(Color.BLUE, Color), (Level.LOW, Level), (Pair(1, (2,)), Pair)]:
        loaded = through(Holder(value), allow=[allow]).x
        assert loaded == value
        assert type(loaded) is allow
        with pytest.raises(UnregisteredTypeError, match=f"'{HERE}.{allow.__name__}' is not registered"):
            from_json(to_json(value))
    assert through(Config(3, Conv(1)), allow=[Config]) == Config(3, Conv(1))


def test_classes_and_functions_are_loaded_where_allowed():
    for value in (Foreign, helper):
        assert through(Holder(value), allow=[value]).x is value
        with pytest.raises(
            UnregisteredTypeError,
            match=rf"the stored value at path 'x' cannot be loaded: the type '{HERE}.{value.__name__}' is not "
            r"registered, and stored data never causes an import.* `allow=\[(Foreign|helper)\]`",
        ):
            from_json(to_json(Holder(value)))


def test_a_class_and_its_symbolic_form_are_told_apart():
    both = Dict(a=Activation, b=SymbolicActivation, c=SymbolicActivation(), d=double, e=Double)
    for allow in ([], [Activation, double]):
        loaded = through(both, allow=allow)
        assert loaded.a is Activation
        assert loaded.b is SymbolicActivation
        assert type(loaded.c) is type(both.c)
        assert loaded.d is double
        assert loaded.e is Double


def test_an_allowed_foreign_class_is_symbolized():
    made = from_json({"_type": f"{HERE}.Allowed", "width": 3}, allow=[Allowed])
    assert made == symbolize(Allowed)(3)
    assert not is_realized(made)


def test_subclasses_of_simple_values_become_simple():
    assert to_json([Number(1.5), Number("inf")]) == [1.5, {"_type": "float", "value": "inf"}]
    assert to_json(Level) == {"_type": "type", "name": f"{HERE}.Level"}


def test_partial_objects():
    half = Dict(a=Conv.partial(kernel=(1, 1)))
    text = to_json_str(half)
    assert text == f'{{"a": {{"_type": "{HERE}.Conv", "kernel": ["__tuple__", 1, 1]}}}}'
    loaded = from_json_str(text, allow_partial=True)
    assert loaded == half
    assert loaded.is_partial
    with pytest.raises(
        LoadError,
        match=r"stored value at path 'a' cannot be loaded: Conv needs a value for 'filters'.*"
        r"Or load it with allow_partial=True",
    ):
        from_json_str(text)


def test_hidden_defaults():
    value = Dict(a=Conv(8), b=Holder(Stack()), c=scale(1), d=Conv(1, (1, 1)))
    data = to_json(value, hide_default_values=True)
    assert data == {
        "a": {"_type": f"{HERE}.Conv", "filters": 8},
        "b": {"_type": f"{HERE}.Holder", "x": {"_type": f"{HERE}.Stack"}},
        "c": {"_type": f"{HERE}.scale", "x": 1},
        "d": {"_type": f"{HERE}.Conv", "filters": 1, "kernel": ["__tuple__", 1, 1]},
    }
    assert from_json(data) == value


def test_indented_text():
    assert to_json_str(Dict(a=1), json_indent=2) == '{\n  "a": 1\n}'


def test_methods():
    conv = Conv(8)
    assert conv.to_json() == to_json(conv)
    assert conv.to_json_str(json_indent=1) == to_json_str(conv, json_indent=1)
    assert Conv.from_json(conv.to_json()) == conv


# What cannot be written.


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            Dict(a=[deque([1])]),
            r"at path 'a\[0\]': JSON has no form for deque\(\[1\]\) of type deque\. Store `list\(value\)` instead",
        ),
        (
            object(),
            r"at the root: JSON has no form for <object object .*numbers, text, lists, the name of a file",
        ),
        (Conv(8, (1, 2)).rebind, r"at the root: JSON has no form for .* of type method"),
        (Holder(functools.partial(helper)), r"at path 'x': JSON has no form for functools\.partial"),
        (
            Holder(lambda: 1),
            r"at path 'x': <lambda> has no name that can be loaded",
        ),
        ({(1, frozenset()): object()}, r"JSON has no form for <object"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_has_no_form(value, message):
    with pytest.raises(FieldTypeError, match=message):
        to_json(value)


def test_local_functions_have_no_lasting_name():
    def local():
        pass

    class Local:
        pass

    for value in (local, Local):
        with pytest.raises(
            FieldTypeError, match=r"at path 'x': .*<locals>.* no name .* at the top of a module"
        ):
            to_json(Holder(value))


def test_local_symbolic_classes_are_found():
    class Local(Object):
        x: int

    assert through(Local(1)) == Local(1)
    assert through(Holder(Local)).x is Local


def test_values_that_contain_themselves_or_are_too_deep():
    around = []
    around.append(around)
    with pytest.raises(
        FieldTypeError, match=r"a list cannot be written as JSON: it is nested too deeply \(or contains"
    ):
        to_json(around)
    deep = []
    for _ in range(sys.getrecursionlimit()):
        deep = [deep]
    with pytest.raises(FieldTypeError, match="nested too deeply"):
        to_json_str(deep)


# What cannot be read.


def conv_text(**changes):
    return json.dumps({"_type": f"{HERE}.Conv", "filters": 8, "kernel": ["__tuple__", 3, 3], **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            r"this is not JSON: Expecting value \(line 1, column 1\)\. The text is cut off",
        ),
        (conv_text()[:-1], r"this is not JSON: .* The text is cut off"),
        (conv_text()[:12], r"this is not JSON: Unterminated string .* is cut off"),
        ("hello", r"this is not JSON: Expecting value \(line 1, column 1\)\.$"),
        ("{} {}", r"this is not JSON: Extra data"),
        ("{'a': 1}", r"this is not JSON: Expecting property name"),
        ("[" * 100_000, r"nested too deeply"),
        ('{"a":' * 100_000, r"nested too deeply"),
        ("[" * 900 + "]" * 900 + ",", r"not JSON|nested too deeply"),
        ('{"a": 1, "b": 2, "a": 3}', r"the key 'a' occurs twice in one JSON object"),
        ("1" * 5000, r"cannot be loaded: Exceeds the limit \(4300 digits\)"),
        (
            conv_text(filters="8"),
            r"stored value at the root cannot be loaded: Conv rejects the stored arguments: .*filters",
        ),
        (conv_text(filters=1e400), r"Conv rejects the stored arguments"),
        (conv_text(kernel=[3, 3, 3]), r"Conv rejects the stored arguments"),
        (
            conv_text(filtres=1),
            r"Conv rejects the stored arguments: Conv has no field 'filtres'; did you mean 'filters'\?",
        ),
        (json.dumps({"_type": f"{HERE}.Conv"}), r"Conv needs a value for 'filters'"),
        (json.dumps({"_type": f"{HERE}.Checked", "low": -1}), r"Checked rejects the stored arguments: .*low"),
        (json.dumps({"_type": f"{HERE}.Checked", "low": 1, "names": [1]}), r"names\[0\]"),
        (
            json.dumps({"a": [1, {"_type": 5}]}),
            r"at path 'a\[1\]' .* '_type' must be the name of a type.*got 5",
        ),
        (json.dumps({"_type": None}), r"at the root .* '_type' must be the name of a type.*got None"),
        (json.dumps({"_type": ["__tuple__"]}), r"'_type' must be the name of a type"),
        (json.dumps({"_type": {"_type": "float", "value": "nan"}}), r"'_type' must be the name of a type"),
        (json.dumps({"_type": "float"}), r"a stored 'float' needs 'value' \(text\); got nothing"),
        (json.dumps({"_type": "float", "value": 1}), r"a stored 'float' needs 'value' \(text\); got 1"),
        (json.dumps({"_type": "float", "value": "x"}), r"'x' is not a stored 'float': could not convert"),
        (json.dumps({"_type": "int", "value": "z"}), r"'z' is not a stored 'int'"),
        (json.dumps({"_type": "complex", "value": "z"}), r"'z' is not a stored 'complex'"),
        (json.dumps({"_type": "bytes", "value": "*"}), r"'\*' is not a stored 'bytes'"),
        (json.dumps({"_type": "bytes", "value": "\xff"}), r"is not a stored 'bytes'"),
        (json.dumps({"_type": "range", "value": [1, 2, 0]}), r"is not a stored 'range': .*must not be zero"),
        (json.dumps({"_type": "range", "value": [1.5]}), r"is not a stored 'range'"),
        (json.dumps({"_type": "path", "value": "a..b"}), r"'a\.\.b' is not a stored 'path'"),
        (
            json.dumps({"_type": "list", "items": {}}),
            r"a stored 'list' needs 'items' \(a JSON list\); got \{\}",
        ),
        (json.dumps({"_type": "dict"}), r"a stored 'dict' needs 'items' \(a JSON list\); got nothing"),
        (
            json.dumps({"_type": "dict", "items": [[1]]}),
            r"item 0 of a stored 'dict' is not a \[key, value\] pair",
        ),
        (
            json.dumps({"_type": "dict", "items": [[[], 1]]}),
            r"item 0 of a stored 'dict' has a key that cannot be hashed",
        ),
        (
            json.dumps({"_type": "dict", "items": [[1, 1], [1, 2]]}),
            r"the key 1 occurs twice in a stored 'dict'",
        ),
        (
            json.dumps({"_type": "object", "name": "x", "fields": []}),
            r"needs 'fields' \(a JSON object\); got \[\]",
        ),
        (json.dumps({"_type": "type", "name": f"{HERE}.no"}), r"not registered"),
        (json.dumps({"_type": "function", "name": f"{HERE}.Conv"}), r"Conv' is a class, not a function"),
        (
            json.dumps({"_type": "enum", "name": f"{HERE}.Conv", "member": "A"}),
            r"is not an enum with a member 'A'",
        ),
        (json.dumps({"_type": "enum", "name": f"{HERE}.Conv"}), r"needs 'member' \(text\); got nothing"),
    ],
    ids=lambda v: v[:40],
)
def test_hostile_and_damaged_text(text, message):
    with pytest.raises(LoadError, match=message):
        from_json_str(text)


@pytest.mark.parametrize(
    "name", ["os.system", "builtins.eval", "subprocess.Popen", "pliant.symbolic.json.documents.load", ""]
)
@pytest.mark.parametrize("kind", ["type", "function", "enum", "object", None])
def test_nothing_unregistered_is_found(name, kind):
    data = {"_type": name} if kind is None else {"_type": kind, "name": name, "fields": {}, "member": "A"}
    with pytest.raises(
        UnregisteredTypeError, match=r"is not registered, and stored data never causes an import"
    ):
        from_json(data)


def test_importing_is_not_triggered():
    assert "this" not in sys.modules
    with pytest.raises(UnregisteredTypeError, match=r"'this\.s' is not registered"):
        from_json({"_type": "function", "name": "this.s"})
    assert "this" not in sys.modules


def test_wrong_kinds_of_argument():
    for given_, name in [(b"{}", "bytes"), ({}, "dict"), (None, "NoneType")]:
        with pytest.raises(
            LoadError, match=f"from_json_str needs JSON text; got a {name}. Use `pg.from_json`"
        ):
            from_json_str(given_)
    with pytest.raises(LoadError, match=r"at path 'a\[0\]' cannot be loaded: a set is not JSON data"):
        from_json({"a": [{1}]})
    with pytest.raises(
        LoadError, match=r"'.*helper' is a function, and not a class of objects\. Symbolize it"
    ):
        from_json({"_type": f"{HERE}.helper"}, allow=[helper])
    with pytest.raises(LoadError, match=r"is a function, not a class"):
        from_json({"_type": "type", "name": f"{HERE}.helper"}, allow=[helper])
    around = []
    around.append(around)
    with pytest.raises(LoadError, match="nested too deeply"):
        from_json(around)


def test_constructors_that_fail_are_named():
    @dataclass
    class Broken:
        x: int

        def __post_init__(self):
            raise ZeroDivisionError("by design")

    with pytest.raises(
        LoadError, match=r"at path 'a' cannot be loaded: Broken rejects the stored arguments: by design"
    ):
        from_json({"a": {"_type": f"{HERE}.{Broken.__qualname__}", "x": 1}}, allow=[Broken])


TEXTS = st.text(max_size=4) | st.sampled_from(["_type", "__tuple__", "origin"])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda t: (
        st.lists(t, max_size=3)
        | st.dictionaries(
            TEXTS | st.sampled_from(["_type", "name", "value", "items", "fields"]), t, max_size=4
        )
        | st.builds(
            lambda kind, rest: {"_type": kind, **rest},
            st.sampled_from(" ".join(["float int type function enum list dict object", *NAMED]).split())
            | st.just(f"{HERE}.Conv"),
            st.dictionaries(st.sampled_from("name value items fields member filters".split()), t, max_size=3),
        )
    ),
    max_leaves=10,
)


@given(JSON_VALUES)
def test_any_json_is_loaded_or_refused_with_a_lesson(data):
    with contextlib.suppress(LoadError):
        from_json_str(json.dumps(data))


# Files.


def test_save_and_load(tmp_path):
    file = tmp_path / "model.json"
    model = Dict(a=[Conv(8), (1, math.inf)])
    save(model, file)
    assert load(file) == model
    assert file.read_text().startswith('{\n  "a": [')
    save(model, str(file), indent=None, hide_default_values=True)
    assert file.read_text().count("\n") == 1
    assert load(str(file)) == model
    model.save(file)
    assert load(file) == model
    assert os.listdir(tmp_path) == ["model.json"]


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "model.json"
    save(Conv(1), file)
    with pytest.raises(FieldTypeError, match="JSON has no form"):
        save(Holder(object()), file)
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save(Conv(2), file)
    assert load(file) == Conv(1)
    assert os.listdir(tmp_path) == ["model.json"]


def test_saving_through_a_link_keeps_the_link(tmp_path):
    (tmp_path / "real.json").write_text("{}")
    os.symlink(tmp_path / "real.json", tmp_path / "link.json")
    save(Conv(1), tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    assert load(tmp_path / "real.json") == Conv(1)


def test_load_names_the_file(tmp_path):
    file = tmp_path / "model.json"
    file.write_text(conv_text()[:20])
    with pytest.raises(LoadError, match=r"model\.json: this is not JSON: .*is cut off"):
        load(file)
    file.write_text(json.dumps({"_type": "no.Such"}))
    with pytest.raises(
        UnregisteredTypeError, match=r"model\.json: the stored value at the root .*'no\.Such'"
    ):
        load(file)
    file.write_bytes(b"\x80\x04\x95")
    with pytest.raises(LoadError, match=r"model\.json: this is not JSON, and not text"):
        load(file)
    with pytest.raises(FileNotFoundError, match="absent"):
        load(tmp_path / "absent.json")
    save(Conv.partial(), file)
    assert load(file, allow_partial=True) == Conv.partial()


# The law.

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**700, 10**701)
    | st.floats(allow_nan=False)
    | st.binary(max_size=4)
    | TEXTS
    | st.sampled_from([range(3), 2j, Path.parse("a.b[0]"), int, Conv, scale, Activation, double])
)
KEYS = TEXTS | st.integers(-2, 2) | st.none() | st.booleans() | st.tuples(st.integers(0, 2), TEXTS)
TREES = st.recursive(
    ATOMS,
    lambda t: (
        st.lists(t, max_size=3)
        | st.lists(t, max_size=3).map(tuple)
        | st.dictionaries(KEYS, t, max_size=3)
        | st.builds(Conv, st.integers(0, 9), kernel=st.tuples(st.integers(), st.integers()))
        | st.builds(Holder, t)
        | st.builds(scale, t, y=t)
        | st.builds(
            lambda layers, options: Stack(*layers, **options),
            st.lists(t, max_size=2),
            st.fixed_dictionaries({}, optional={"name": t, "z": t}),
        )
        | st.builds(Dict, st.dictionaries(KEYS, t, max_size=3))
        | st.builds(List, st.lists(t, max_size=3))
    ),
    max_leaves=12,
)


@given(TREES)
def test_round_trip(x):
    assert equal(from_json_str(to_json_str(x)), x)
    assert equal(from_json(to_json(x)), x)
    assert equal(from_json_str(to_json_str(x, hide_default_values=True, json_indent=1)), x)
    assert to_json_str(from_json_str(to_json_str(x))) == to_json_str(x)
