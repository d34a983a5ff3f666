"""``Dict`` and ``List``: still a dict and a list, and nodes whose every change is checked and told."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass

import pytest

import pliant as pg
from pliant.values.errors import CycleError, FieldTypeError, FieldValueError, PathError, SealedError


class Leaf(pg.Object):
    n: int = 0


def assert_placed(node) -> None:
    """Every node below knows its parent and the key under which the parent holds it."""
    for key, child in pg.symbolic.tree.node.children(node) or ():
        if isinstance(child, pg.Symbolic):
            assert pg.parent(child) is node
            assert child._sym_key == key
            assert_placed(child)


def test_a_dict_is_a_dict_with_attributes():
    d = pg.Dict(a=1, b={"c": [1, 2]})
    assert d == {"a": 1, "b": {"c": [1, 2]}}
    assert isinstance(d, dict)
    assert isinstance(d.b.c, pg.List)
    assert d.b.c[1] == 2
    assert list(d) == ["a", "b"]
    assert {**d} == d
    assert_placed(d)


def test_every_way_to_change_a_dict_keeps_places():
    d = pg.Dict(a=Leaf(1))
    d["b"] = Leaf(2)
    d.c = Leaf(3)
    d.update(d={"x": Leaf(4)}, e=Leaf(5))
    d |= {"f": Leaf(6)}
    assert d.setdefault("g", Leaf(7)) is d.g
    old = d.a
    del d["a"]
    assert pg.parent(old) is None
    popped = d.pop("b")
    assert pg.parent(popped) is None
    assert d.pop("zzz", 5) == 5
    assert d.popitem()[0] == "g"
    assert_placed(d)
    d.clear()
    assert d == {}


def test_a_node_put_twice_is_copied():
    leaf = Leaf(1)
    d = pg.Dict(a=leaf, b=leaf)
    assert d.a is leaf
    assert d.b == leaf
    assert d.b is not leaf
    d.c = d.a
    assert d.c is not d.a
    assert_placed(d)
    items = pg.List([leaf, leaf])
    assert items[0] is not items[1]
    items.append(items[0])
    items.extend([items[0], items[0]])
    assert len({id(v) for v in items}) == 5
    assert_placed(items)


def test_every_way_to_change_a_list_keeps_places():
    items = pg.List([Leaf(i) for i in range(4)])
    first = items[0]
    items.insert(0, Leaf(9))
    assert pg.path(first) == "[1]"
    items[0:2] = [Leaf(7)]
    assert pg.parent(first) is None
    del items[-1]
    items += [Leaf(5), {"x": 1}]
    items.reverse()
    assert_placed(items)
    assert [v.n for v in items[1:]] == [5, 2, 1, 7]
    items.pop(0)
    items.sort(key=lambda leaf: leaf.n)
    assert [v.n for v in items] == [1, 2, 5, 7]
    items.remove(Leaf(5))
    items *= 2
    assert [v.n for v in items] == [1, 2, 7] * 2
    assert_placed(items)
    items.clear()
    assert items == []


def test_swapping_and_sorting_keep_the_very_nodes():
    items = pg.List([Leaf(2), Leaf(1)])
    a, b = items
    items.sort(key=lambda leaf: leaf.n)
    assert items[0] is b
    assert items[1] is a
    assert_placed(items)


def test_specs_govern_every_change():
    items = pg.List([1], value_spec=pg.typing.List(pg.typing.Int(), max_size=2))
    items.append(2)
    with pytest.raises(
        FieldValueError,
        match=r"allowed: a list with 0 to 2 elements, each of them an int. It has 3 elements; remove 1",
    ):
        items.append(3)
    with pytest.raises(FieldTypeError, match=r"at path '\[0\]' is 'x' of type str; allowed: an int"):
        items[0] = "x"
    assert items == [1, 2]
    d = pg.Dict({"x": 1}, value_spec=pg.typing.Dict([("x", pg.typing.Int()), ("y", pg.typing.Int(5))]))
    assert d == {"x": 1, "y": 5}
    with pytest.raises(FieldTypeError, match="'a' of type str; allowed: an int"):
        d.x = "a"
    assert d == {"x": 1, "y": 5}


def test_wrong_keys_and_indices_are_lessons():
    d = pg.Dict(kernel=1)
    with pytest.raises(AttributeError, match="Dict has no key 'kernal'; did you mean 'kernel'"):
        d.kernal  # noqa: B018  # reading is the test
    with pytest.raises(PathError, match="has no 'kernal' to delete; did you mean 'kernel'"):
        del d["kernal"]
    items = pg.List([1])
    with pytest.raises(PathError, match="has 1 items; item 4 does not exist"):
        items[4] = 1
    with pytest.raises(IndexError, match="index out of range"):
        items[4]


def test_a_tree_cannot_contain_itself():
    d = pg.Dict(a={"b": {}})
    with pytest.raises(CycleError, match=r"cannot be put at path 'a.b.c', which is inside it.*x.clone\(\)"):
        d.a.b["c"] = d
    assert d == {"a": {"b": {}}}
    d.a.b["c"] = d.clone()
    assert d.a.b.c == {"a": {"b": {}}}


def test_sealed_trees_refuse_changes_below():
    d = pg.Dict(a={"b": [1]}).seal()
    with pytest.raises(SealedError, match=r"the Dict at the root is sealed \(read-only\).*clone"):
        d.a.b.append(2)
    with pytest.raises(SealedError, match="is sealed"):
        d.rebind({"a.b[0]": 3})
    assert d == {"a": {"b": [1]}}
    assert d.a.is_sealed
    d.seal(False)
    d.a.b.append(2)
    assert d.a.b == [1, 2]
    assert not d.clone().is_sealed


def test_tuples_are_looked_through():
    d = pg.Dict(pair=(Leaf(1), 2, [3]))
    assert pg.path(d.pair[0]) == "pair[0]"
    d.rebind({"pair[0].n": 5, "pair[1]": 6})
    assert d.pair == (Leaf(5), 6, [3])
    assert pg.path(d.pair[0]) == "pair[0]"
    d.rebind(lambda k, v: v + 1 if isinstance(v, int) else v)
    assert d.pair == (Leaf(6), 7, [4])
    clone = d.clone()
    assert clone == d
    assert clone.pair[0] is not d.pair[0]
    assert pg.parent(clone.pair[0]) is clone


def test_a_marker_is_no_value():
    assert pg.Dict(a=pg.MISSING_VALUE) == {}


def test_copies_of_plain_containers_are_of_their_class_and_nobody_elses():
    @dataclass
    class Pair:
        left: object
        right: object

    d = pg.Dict(pair=Pair([1], Leaf(2)))
    made = d.clone()
    made.pair.left.append(5)
    made.pair.right.rebind(n=7)
    assert d.pair == Pair([1], Leaf(2))
    plain = {"m": OrderedDict(x=[1]), "d": defaultdict(list, y=2)}
    copied = pg.clone(plain)
    assert copied == plain
    assert type(copied["m"]) is OrderedDict
    assert copied["d"].default_factory is list
    assert copied["m"]["x"] is not plain["m"]["x"]


def test_a_plain_list_that_contains_itself_is_refused():
    loop: list = [1]
    loop.append(loop)
    for make in (lambda: pg.Dict(a=loop), lambda: pg.List(loop), lambda: pg.oneof([loop])):
        with pytest.raises(CycleError, match="it contains itself, or is nested too deeply for Python"):
            make()
