"""A ``Ref`` is transparent: readers of lists, dicts, tuples and objects get the value; the tree keeps the ``Ref``."""

from __future__ import annotations

import copy
import heapq
import json
import operator
import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import pliant as pg

DATA: Any = [3, 1, 2]  # a value that a tree would copy


def head(items: Any) -> Any:
    return items[0]


class Opaque:
    def __init__(self, n: int = 0) -> None:
        self.n = n

    def __lt__(self, other: Any) -> bool:
        return self.n < other.n


class Box(pg.Object):
    x: Any
    y: Any = None


class Pair(NamedTuple):
    left: Any
    right: Any


LIST_READS: dict[str, Callable[[Any], Any]] = {
    "index": lambda x: x[0],
    "negative": lambda x: x[-2],
    "slice": lambda x: x[:1][0],
    "iteration": lambda x: next(iter(x)),
    "reversed": lambda x: list(reversed(x))[1],
    "unpacking": lambda x: (lambda a, b: a)(*x),
    "display": lambda x: head([*x]),
    "list": lambda x: head(list(x)),
    "tuple": lambda x: head(tuple(x)),
    "zip": lambda x: next(zip(x))[0],
    "sorted": lambda x: sorted(x, key=lambda v: isinstance(v, str))[0],
    "pop": lambda x: x.clone().pop(0),
    "plain + list": lambda x: ([] + x)[0],  # noqa: RUF005  # the operator is the test
    "list + plain": lambda x: (x + [])[0],  # noqa: RUF005
    "types": lambda x: _both_symbolic([] + x, x + []),  # noqa: RUF005
    "times": lambda x: (x * 2)[2],
    "copy": lambda x: x.copy()[0],
    "again": lambda x: pg.List(x)[0],
    "match": lambda x: _match(x),
    "heap": lambda x: heapq.nsmallest(1, x, key=lambda v: isinstance(v, str))[0],
    "operator": lambda x: operator.itemgetter(0)(x),
}


def _both_symbolic(a: Any, b: Any) -> Any:
    assert type(a) is type(b) is pg.List
    assert a[0] is b[0]
    return a.clone(deep=True)[0]


def _match(x: Any) -> Any:
    match x:
        case [first, _] | {"a": first}:
            return first


DICT_READS: dict[str, Callable[[Any], Any]] = {
    "key": lambda x: x["a"],
    "attribute": lambda x: x.a,
    "get": lambda x: x.get("a"),
    "values": lambda x: next(iter(x.values())),
    "items": lambda x: next(iter(x.items()))[1],
    "unpacking": lambda x: (lambda a, b: a)(**x),
    "display": lambda x: {**x}["a"],
    "dict": lambda x: dict(x)["a"],
    "plain or": lambda x: ({} | x)["a"],
    "or plain": lambda x: (x | {})["a"],
    "setdefault": lambda x: x.setdefault("a", 5),
    "pop": lambda x: x.clone().pop("a"),
    "popitem": lambda x: pg.Dict({"b": 1, "a": x.sym_init_args.a}).popitem()[1],
    "copy": lambda x: x.copy().a,
    "again": lambda x: pg.Dict(x).a,
    "match": _match,
    "update": lambda x: _updated({}, x)["a"],
    "symbolic update": lambda x: _updated(pg.Dict(), x)["a"],
}


def _updated(x: Any, other: Any) -> Any:
    x.update(other)
    return x


VALUES = {
    "list": DATA,
    "opaque": Opaque(),
    "node": Box(1),
    "list node": pg.List([1]),
    "dict": {"k": 1},
    "array": pytest.importorskip("numpy").ones(3),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("read", LIST_READS.values(), ids=LIST_READS)
def test_every_way_to_read_a_list_gives_the_value(value, read):
    assert read(pg.List([pg.Ref(value), "z"])) is value


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("read", DICT_READS.values(), ids=DICT_READS)
def test_every_way_to_read_a_dict_gives_the_value(value, read):
    assert read(pg.Dict(a=pg.Ref(value), b="z")) is value


def test_a_tuple_is_read_with_values():
    box = Box((pg.Ref(DATA), 1, (pg.Ref(DATA),)), Pair(pg.Ref(DATA), Box(2)))
    assert box.x[0] is box.x[2][0] is box.y.left is DATA
    assert type(box.y) is Pair
    assert box.y.right.sym_path == "y[1]"
    assert box.x == (DATA, 1, (DATA,))
    for holder in (pg.List([box.sym_init_args.x]), pg.Dict({0: box.sym_init_args.x})):
        assert holder[0][0] is holder[0][2][0] is DATA
        assert holder.clone(deep=True)[0][0] is DATA
        assert copy.deepcopy(holder)[0][0] is DATA
        assert holder[0] is holder[0]
    plain = Box((1, 2))
    assert plain.x is plain.x


def test_raw_access_gives_the_ref():
    ref = pg.Ref(DATA)
    for holder, key in ((pg.List([ref]), 0), (pg.Dict({0: ref}), 0), (pg.Dict(a=ref), "a"), (Box(ref), "x")):
        assert holder.sym_init_args[key] is ref
        assert next(iter(holder.sym_init_args.values())) is ref
        assert pg.get(holder, key) is ref
        assert "Ref([3, 1, 2])" in repr(holder)
        assert list(pg.query(holder, where=lambda v: isinstance(v, pg.Ref)).values()) == [ref]


COPIES: dict[str, Callable[[Any], Any]] = {
    "clone": pg.clone,
    "deep": lambda x: pg.clone(x, deep=True),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "materialized": lambda x: pg.random_sample(pg.Dict(x=x, k=pg.oneof([1, 2]))).x,
    "sampled": lambda x: pg.random_sample(pg.oneof([x])),
    "picked": lambda x: pg.random_sample(pg.manyof(1, [x]))[0],
    "again": lambda x: type(x)(x),
}


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
def test_copies_share_the_value(make):
    shared = Opaque(1)
    for holder in (
        pg.List([pg.Ref(shared), Box(1), (pg.Ref(shared), Box(2))]),
        pg.Dict({0: pg.Ref(shared), 1: Box(1), 2: (pg.Ref(shared), Box(2))}),
    ):
        made = make(holder)
        assert made[0] is made[2][0] is shared
        assert type(made.sym_init_args[0]) is pg.Ref
        assert made == holder
        assert hash(made) == hash(holder)
        assert made[1].sym_parent is made[2][1].sym_parent is made
        assert made[2][1] is not holder[2][1]


def test_candidates_share_the_value():
    first, second = Opaque(1), Opaque(2)
    space = Box(pg.oneof([pg.Ref(first), pg.Ref(second)]), pg.manyof(1, [pg.Ref(first)]))
    programs = list(pg.iter(space))
    assert [p.x for p in programs] == [first, second]
    assert programs[0].y[0] is first
    assert [pg.encode(space, p).values for p in programs] == [(0, 0), (1, 0)]
    joined = Box(pg.oneof([[pg.Ref(first)], [1]]) + [pg.Ref(second)])  # noqa: RUF005  # of holes
    assert [p.x[-1] for p in pg.iter(joined)] == [second, second]
    assert next(iter(pg.iter(joined))).x[0] is first

    def program() -> Any:
        return pg.oneof([pg.Ref(first), pg.Ref(second)]), pg.oneof(
            [lambda: pg.Ref(first).value, pg.Ref(second)]
        )

    traced = pg.trace(program)
    with traced.apply([1, 1]):
        assert all(map(operator.is_, program(), (second, second)))


def test_changes_keep_what_is_shared():
    a, b = Opaque(1), Opaque(2)
    items = pg.List([pg.Ref(b), 5, pg.Ref(a)])
    items.insert(0, 7)
    items.reverse()
    del items[1]
    items.sort(key=lambda v: v.n if isinstance(v, Opaque) else v)
    items *= 2
    assert [type(v) for v in items.sym_init_args.values()] == [pg.Ref, pg.Ref, int] * 2
    assert items[0] is items[3] is a
    items.remove(a)
    assert items.index(a) == 2
    assert items.count(a) == 1
    items[0:1] = [Box(1)]
    items += pg.List([pg.Ref(b)])
    assert [type(v) for v in items.sym_init_args.values()] == [Box, int, pg.Ref, pg.Ref, int, pg.Ref]
    entries = pg.Dict(a=pg.Ref(a))
    entries |= pg.Dict(b=pg.Ref(b))
    entries.update(c=1)
    del entries.c
    assert [type(v) for v in entries.sym_init_args.values()] == [pg.Ref, pg.Ref]


def test_a_value_that_was_replaced_is_no_longer_shared():
    value = Opaque(1)
    for holder in (pg.List([pg.Ref(value), pg.Ref(value)]), pg.Dict({0: pg.Ref(value), 1: pg.Ref(value)})):
        holder[0] = 1
        assert holder[1] is holder.clone(deep=True)[1] is value
        holder[1] = 2
        holder[0] = value
        assert holder.sym_init_args[0] is value
        assert holder.clone(deep=True)[0] is not value
        holder[0] = pg.Ref(value)
        holder.clear()
        holder.rebind({0: value}) if isinstance(holder, dict) else holder.append(value)
        assert holder.sym_init_args[0] is value


def test_a_failed_change_leaves_the_refs():
    items = pg.List([pg.Ref(DATA)])

    class Parent(pg.Object):
        items: Any

        def on_change(self, changes):
            raise ValueError("stop")

    parent = Parent(items)
    for change in (
        lambda: items.append(pg.Ref(VALUES["opaque"])),
        lambda: items.clear(),
        lambda: items.pop(),
    ):
        with pytest.raises(ValueError, match="stop"):
            change()
        assert parent.items[0] is DATA
        assert list(items.sym_init_args.values()) == [pg.Ref(DATA)]


def test_equality_is_that_of_the_values():
    value = Opaque(1)
    items, entries = pg.List([pg.Ref(value)]), pg.Dict(a=pg.Ref(value))
    assert items == [value] == items == pg.List([pg.Ref(value)])
    assert entries == {"a": value} == entries == pg.Dict(a=pg.Ref(value))
    assert value in items
    assert [value] in [items]
    assert items != [Opaque(2)]
    assert not items != [value]  # noqa: SIM202  # `!=` is the test
    assert hash(items) == hash(pg.List([value]))
    assert pg.List([pg.Ref([1, 2])]) == [[1, 2]]


def test_stored_in_json_as_the_value():
    x = pg.Dict(
        a=pg.Ref([1, {"b": (1, 2)}]), b=[pg.Ref(Box(1))], c=(pg.Ref(["__tuple__"]),), d=Box(pg.Ref({1: 2}))
    )
    made = pg.from_json_str(x.to_json_str())
    assert made == x or made.d.x == x.d.x
    assert [type(v) for v in made.sym_init_args.values()] == [pg.Ref, pg.List, tuple, Box]
    assert type(made.b.sym_init_args[0]) is type(made.d.sym_init_args.x) is pg.Ref
    assert made.c == (["__tuple__"],)
    assert made.b[0].sym_parent is None
    assert json.loads(json.dumps(x.b[0].sym_init_args.x)) == 1
    assert json.dumps(pg.List([pg.Ref([1])])) == "[[1]]"
    assert json.dumps(pg.Dict(a=pg.Ref([1]))) == '{"a": [1]}'
    with pytest.raises(TypeError, match=r"at path 'b': JSON has no form for .*Opaque"):
        pg.Dict(b=pg.Ref(Opaque())).to_json()


def test_pickled_with_the_value():
    shared = Box(1)
    holder = pg.List([pg.Ref(shared), pg.Dict(a=pg.Ref(shared)), (pg.Ref(shared), 1)])
    made = pickle.loads(pickle.dumps(holder))
    assert made == holder
    assert made[0] is made[1].a is made[2][0]
    assert type(made.sym_init_args[0]) is pg.Ref
    assert made[0].sym_parent is None


def test_an_immutable_value_needs_no_ref():
    items = pg.List([pg.Ref(3), 3, pg.Ref("a")])
    assert list(items.sym_init_args.values()) == [3, 3, "a"]
    assert pg.Ref(pg.Ref(DATA)).value is DATA


def test_the_constructor_of_a_symbolized_class_gets_values():
    @pg.symbolize
    class Reads:
        def __init__(self, *more, **named):
            self.got = more, named

    made = Reads(Pair(pg.Ref(DATA), [pg.Ref(DATA)]), [(pg.Ref(DATA),)], k={"z": pg.Ref(DATA)})
    (pair, items), named = made.got
    assert pair.left is pair.right[0] is items[0][0] is named["k"]["z"] is DATA
    assert type(pair) is Pair
