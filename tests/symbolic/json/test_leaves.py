"""Leaves in JSON: what people put into configurations is stored and loaded, or refused with advice that works."""

from __future__ import annotations

import contextlib
import enum
import json
import re
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import FunctionType, MappingProxyType, SimpleNamespace
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg
from pliant.symbolic.json.leaves import NAMED
from pliant.values.errors import FieldTypeError, LoadError, UnregisteredTypeError
from pliant.values.registry import registered, type_name

DAY = datetime(2024, 1, 2, 3, 4, 5, 6)  # noqa: DTZ001 - one without a time zone
LEAVES = [
    {1, 2}, set(), frozenset({"a"}), {frozenset({(1, "a")})}, bytearray(b"ab"), slice(1, None, 2), slice("a", 3), ...,
    date(2024, 1, 2), DAY, DAY.replace(fold=1), time(1, 2, 3, 4), timedelta(-1, 2, 3),
    datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=timezone(timedelta(hours=2), "CET")),
    datetime(2024, 1, 2, tzinfo=ZoneInfo("UTC")), time(1, tzinfo=UTC), timezone(timedelta(minutes=-90)),
    Path("a/b"), PurePosixPath("/x"), PureWindowsPath("c:\\x"), Decimal("1.10"), Decimal("-Infinity"), Decimal("NaN"),
    Fraction(1, 3), UUID(int=3), complex(1, -2), b"\x00", range(5, 1, -2),
    np.int64(3), np.uint8(255), np.float32(0.1), np.float16("inf"), np.float32("nan"), np.True_, np.complex64(1 + 2j),
    np.bytes_(b"a"), np.datetime64("2024-01-02"), np.timedelta64(3, "D"), np.longdouble("0.1"),
    np.arange(6).reshape(2, 3), np.array([1.5, np.nan], "f4"), np.array(3), np.array(["a", "bb"]), np.zeros((0, 3)),
    np.zeros(2, [("a", "i4"), ("b", "f8", (2,))]), np.arange(3, dtype=">i4"), np.asfortranarray(np.arange(4).reshape(2, 2)),
    np.dtype("float32"), np.dtype([("a", "i4")]), np.dtype("<M8[s]"),
]  # fmt: skip


@pytest.mark.parametrize("value", LEAVES)
def test_a_leaf_comes_back_as_it_was(value):
    for program in (pg.Dict(x=value), pg.List([value, (value, {"y": value})])):
        text = pg.to_json_str(program)
        back = pg.from_json_str(text)
        assert pg.to_json_str(back) == text
        json.loads(text, parse_constant=pytest.fail)  # valid JSON, without NaN
    back = pg.from_json_str(pg.to_json_str(pg.Dict(x=value))).x
    assert type(back) is type(value)
    assert repr(back) == repr(value)
    if isinstance(value, np.ndarray):
        assert (back.dtype, back.shape, back.flags.writeable) == (value.dtype, value.shape, True)


ZONES = st.none() | st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), ZoneInfo("UTC")])
HASHABLE = st.recursive(
    st.dates() | st.datetimes(timezones=ZONES) | st.times() | st.timedeltas() | st.uuids() | st.decimals(allow_nan=False)
    | st.fractions() | st.complex_numbers(allow_nan=False) | st.binary() | st.text() | st.integers() | st.booleans() | st.none(),
    lambda inner: st.frozensets(inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)  # fmt: skip


@given(
    st.recursive(
        HASHABLE | st.sets(HASHABLE, max_size=3),
        lambda t: st.lists(t, max_size=3) | st.dictionaries(st.text(), t, max_size=3),
        max_leaves=8,
    )
)
def test_any_configuration_comes_back(value):
    program = pg.Dict(value=value)
    assert pg.eq(pg.from_json_str(program.to_json_str()), program)


def test_equal_sets_have_one_text():
    texts = {pg.to_json_str({*order}) for order in (["a", "b", "c"], ["c", "b", "a"])}
    assert len(texts) == 1


CONVERSIONS = [
    OrderedDict(a=1), defaultdict(list, a=[1]), Counter("aab"), MappingProxyType({"a": 1}), deque([1, 2]), memoryview(b"ab"),
    {"a": 1}.keys(), type("Words", (list,), {})([1]), type("Names", (dict,), {})(a=1), type("Tags", (set,), {})({1}),
]  # fmt: skip


@pytest.mark.parametrize("value", CONVERSIONS, ids=lambda v: type(v).__name__)
def test_the_advice_for_a_container_works(value):
    with pytest.raises(
        FieldTypeError, match=r"JSON has no form for .* Store `\w+\(value\)` instead"
    ) as caught:
        pg.to_json((value,))
    kind = {"dict": dict, "list": list, "bytes": bytes, "set": set}[
        re.search(r"Store `(\w+)", str(caught.value))[1]
    ]
    back = pg.from_json_str(pg.to_json_str(kind(value)))
    assert back == kind(value)


class Plain:
    def __init__(self, x):
        self.x = x


def plain_function():
    """Is stored by name."""


def test_the_advice_for_an_object_works():
    with pytest.raises(FieldTypeError, match=r"Symbolize its class \(`pg.symbolize\(Plain\)`\)"):
        pg.to_json(pg.Dict(x=Plain(1)))
    made = pg.Dict(x=pg.symbolize(Plain)(1))
    assert pg.from_json_str(made.to_json_str()).x.x == 1
    with pytest.raises(FieldTypeError, match=r"Store an array of it as a list, `array.tolist\(\)`"):
        pg.to_json(np.array([None, "a"], object))
    assert pg.from_json(pg.to_json(np.array([None, "a"], object).tolist())) == [None, "a"]
    with pytest.raises(
        FieldTypeError, match=r"time zone .* has no JSON form. Use datetime.timezone or zoneinfo.ZoneInfo"
    ):
        pg.to_json(
            datetime(
                2024, 1, 1, tzinfo=type("Odd", (tzinfo,), {"utcoffset": lambda self, at: timedelta(0)})()
            )
        )
    for value in (object(), np.add, iter([]), list[int], sys):
        with pytest.raises(
            FieldTypeError,
            match=r"\. Store what it is made from: .* and make it in `on_bound` of a pg.Object",
        ):
            pg.to_json(value)


class Mode(enum.Enum):
    FAST = 1


class Bits(enum.Flag):
    A = 1
    B = 2


class Grade(str, enum.Enum):  # noqa: UP042 - StrEnum is another kind of class
    GOOD = "good"


Pair = namedtuple("Pair", "a b")


@dataclass
class Options:
    rate: float
    tags: list[str] = field(default_factory=list)


class Uses(pg.Object):
    mode: Mode
    bits: Bits = Bits.A
    options: Options | None = None
    pairs: list[Pair] = []
    grade: Any = Grade.GOOD


def test_types_that_fields_and_candidates_name_need_no_registration():
    made = Uses(Mode.FAST, Bits.A | Bits.B, Options(0.1, ["a"]), [Pair(1, 2)])
    assert pg.from_json_str(made.to_json_str()) == made

    class Colour(enum.Enum):
        RED = "r"

    @dataclass(frozen=True)
    class Local:
        x: int

    space = pg.Dict(a=pg.oneof([Colour.RED, Local(1), Pair(3, 4), Local]))
    assert pg.eq(pg.from_json_str(space.to_json_str()), space)
    for program in pg.iter(space):
        assert pg.from_json_str(program.to_json_str()) == program


def test_arrays_need_numpy_and_nothing_is_imported():
    text = pg.to_json_str(np.arange(3))
    code = "import sys, pliant as pg\ntry: pg.from_json_str(sys.argv[1])\nexcept Exception as e: print(e, 'numpy' in sys.modules)\nimport numpy\nprint(pg.from_json_str(sys.argv[1]))"
    shown = subprocess.run(
        [sys.executable, "-c", code, text], capture_output=True, text=True, check=True
    ).stdout
    assert "write `import numpy` before you load it" in shown
    assert shown.endswith("False\n[0 1 2]\n")


DAMAGED = [
    *({"_type": name} for name in NAMED),
    *({"_type": name, "value": value} for name in NAMED for value in (None, 3, "x", [], ["x"], [1, 2, 3, 4], {"a": 1}, [["O"], [1], ""])),
    {"_type": "array", "value": ["|O", [1], "AAAAAAAAAAA="]},
    {"_type": "array", "value": ["<i8", [1 << 60], ""]},
    {"_type": "array", "value": ["<i8", [-1, -1], "AAAAAAAAAAA="]},
    {"_type": "set", "value": [[1]]},
    *({"_type": "fraction", "value": value} for value in ("1/0", "1e999999999", "1e99999999999", [1, 0], [1.5, 2], [1])),
    *({"_type": "torch", "value": ["Size", value]} for value in ([-1], [10**30], 3, [[1]])),
    {"_type": "decimal", "value": "1e999999999"},
    {"_type": "range", "value": [0, {"_type": "int", "value": "0x" + "f" * 10**5}, 1]},
    {"_type": "int", "value": "0x" + "f" * 10**6},
    {"_type": "array", "value": ["V1000000000", [1], ""]},
    {"_type": "array", "value": [[["a", {}]], [1], ""]},
    {"_type": "decimal", "value": "x"},
    {"_type": "zone", "value": "../../etc/passwd"},
    {"_type": "file_path", "value": ["os.system", "ls"]},
    {"_type": "enum", "name": f"{__name__}.Bits", "value": "x"},
]  # fmt: skip


@pytest.mark.parametrize("data", DAMAGED, ids=lambda data: str(data)[:80])
def test_damaged_leaves_raise_an_error_of_ours(data):
    with contextlib.suppress(LoadError):  # some values are valid, such as an empty set
        program = pg.from_json({"x": data})
        assert pg.to_json_str(pg.from_json_str(pg.to_json_str(program))) == pg.to_json_str(program)


TEXT = pg.to_json_str(pg.Dict(a=LEAVES[:12], b=pg.oneof([1, Uses(Mode.FAST)])))


@given(st.integers(0, len(TEXT)), st.text(max_size=3), st.integers(0, 9))
def test_damaged_text_raises_an_error_of_ours(at, text, cut):
    with contextlib.suppress(LoadError):
        pg.from_json_str(TEXT[:at] + text + TEXT[at + cut :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "NaN",
        "[" * 100_000,
        '{"a":' * 100_000,
        "\x00",
        "nul",
        '"\\ud800"',
        "1e999",
        "9" * 5000,
        "[1,]",
        "﻿{}",
        '{"_type": []}',
        '{"_type": NaN}',
        "\ud800",
        b"{}",
    ],
)
def test_any_text_is_loaded_or_refused(text):
    with contextlib.suppress(LoadError):
        pg.from_json_str(text)


class Anything(pg.Object):
    x: Any


TORCH = [torch.float32, torch.bfloat16, torch.complex64, torch.device("cuda:1"), torch.device("cpu"), torch.Size([1, 2]), torch.Size([])]  # fmt: skip


@pytest.mark.parametrize("value", TORCH, ids=str)
def test_values_of_torch(value):
    back = pg.from_json_str(pg.to_json_str(pg.Dict(x=[value, {"y": value}])))
    assert [(type(one), one) for one in (back.x[0], back.x[1].y)] == [(type(value), value)] * 2


@pytest.mark.parametrize(
    "value",
    [["dtype", "load"], ["dtype", "nothing"], ["device", "no:such"], ["Size", ["a"]], ["Tensor", [1]], ["dtype"], ["dtype", []], "x"],
    ids=str,
)  # fmt: skip
def test_damaged_values_of_torch(value):
    with pytest.raises(LoadError, match="cannot be loaded"):
        pg.from_json({"x": {"_type": "torch", "value": value}})


@pytest.mark.parametrize(
    "cls",
    [np.float32, np.int64, np.bool_, np.str_, datetime, date, Decimal, Fraction, Path, UUID, int],
    ids=lambda c: c.__name__,
)  # fmt: skip
def test_classes_of_leaves_need_no_registration(cls):
    assert pg.from_json_str(pg.to_json_str(Anything(cls))).x is cls


@pytest.mark.parametrize(
    "name", ["numpy.load", "numpy.memmap", "numpy.core", "numpy.", "numpy", ".", "", "numpy.random.rand"]
)
def test_other_names_of_numpy_are_not_found(name):
    with pytest.raises(LoadError, match=r"is not registered, and stored data never causes an import"):
        pg.from_json({"_type": "type", "name": name})


CONVERTED = [
    torch.ones(2, 2), torch.nn.Parameter(torch.ones(2)), np.arange(3).view(type("Mine", (np.ndarray,), {})),
    np.rec.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", ">f8")]), np.ma.array([1, 2], mask=[0, 1]),
    pd.DataFrame({"a": [1, 2], "b": ["x", None]}), pd.Series([1.5, 2]), pd.Index([1, 2]), pd.RangeIndex(3),
]  # fmt: skip


@pytest.mark.parametrize("value", CONVERTED, ids=lambda v: type(v).__name__)
def test_the_advice_for_arrays_tensors_and_tables_keeps_all_values(value):
    with pytest.raises(FieldTypeError, match=r"Store `value\.[^`]*` instead") as caught:
        pg.to_json(Anything(value))
    instead = eval(re.search(r"Store `([^`]*)`", str(caught.value))[1])
    back = pg.from_json(pg.to_json(Anything(instead))).x
    assert repr(type(value)(back) if isinstance(value, pd.DataFrame) else back) == repr(
        value if isinstance(value, pd.DataFrame) else pg.List(instead)
    )


@pytest.mark.parametrize(
    "dtype",
    [
        np.dtype({"names": ["a"], "formats": ["i4"], "offsets": [4], "itemsize": 12}),
        np.dtype({"names": ["b", "a"], "formats": ["i4", "i4"], "offsets": [4, 0]}),
        np.dtype([("a", "i1"), ("b", "i4")], align=True),
    ],
)
def test_dtypes_with_gaps_are_refused_with_advice_that_works(dtype):
    for value in (dtype, np.zeros(2, dtype)):
        with pytest.raises(FieldTypeError, match="Store one without gaps"):
            pg.to_json(value)
    plain = np.dtype([(name, dtype[name]) for name in dtype.names])
    assert pg.from_json(pg.to_json(plain)) == plain
    array = np.zeros(2, dtype).astype(plain)
    assert pg.from_json(pg.to_json(array)).dtype == plain


def test_dtypes_with_a_shape_or_objects_are_refused_with_advice_that_works():
    dtype = np.dtype(("i4", (2,)))
    with pytest.raises(FieldTypeError, match=r"`dtype.base` and `dtype.shape`"):
        pg.to_json(dtype)
    base, shape = pg.from_json(pg.to_json((dtype.base, dtype.shape)))
    assert np.dtype((base, shape)) == dtype
    with pytest.raises(FieldTypeError, match=r"the dtype as text, `str\(dtype\)`"):
        pg.to_json(np.dtype("O"))
    assert np.dtype(pg.from_json(pg.to_json(str(np.dtype("O"))))) == np.dtype("O")


@pytest.mark.parametrize("value", [Literal["a"], int | None, pg.typing.Int(), pg.algorithms.Random(), re.compile("a"), SimpleNamespace(a=1)], ids=lambda value: type(value).__name__)  # fmt: skip
def test_classes_of_libraries_are_not_to_be_symbolized(value):
    with pytest.raises(FieldTypeError, match="JSON has no form for") as caught:
        pg.to_json(Anything(value))
    assert "ymbolize" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [Mode.FAST, Bits.A | Bits.B, Options(0.1), Pair(1, 2), Plain, plain_function],
    ids=["enum", "flag", "dataclass", "namedtuple", "class", "function"],
)
def test_the_advice_for_types_that_no_field_names(value):
    text = pg.to_json_str(Anything(value))
    kind = value if isinstance(value, (type, FunctionType)) else type(value)
    if registered(type_name(kind)) is None:  # another test may have registered it
        with pytest.raises(UnregisteredTypeError, match=rf"`allow=\[{kind.__qualname__}\]`"):
            pg.from_json_str(text)
    assert pg.from_json_str(text, allow=[kind]).x == value


@pytest.mark.parametrize(
    "value",
    [10**5000, Fraction(-1, 10**5000), range(0, 10**5000, 10**4900), slice(10**5000)],
    ids=lambda v: type(v).__name__,
)
def test_integers_that_python_does_not_print(value):
    assert pg.from_json_str(pg.to_json_str(Anything(value))).x == value


def test_fractions_of_older_files():
    assert pg.from_json({"_type": "fraction", "value": "-1/3"}) == Fraction(-1, 3)
    assert pg.from_json({"_type": "fraction", "value": "4"}) == 4


@pytest.mark.parametrize(
    "data", [b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"\x00", b"\x80", "{}".encode("utf-16"), b"", b"{"]
)
def test_files_that_are_not_json(tmp_path, data):
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(LoadError, match=r"a\.json.* not JSON"):
        pg.load(tmp_path / "a.json")
    with pytest.raises(LoadError, match=r"'a\\x00b' is not the name of a file"):
        pg.load("a\0b")
