"""Every change is all or nothing: values, parents, keys and lengths are as before when anything is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pliant as pg
from pliant.symbolic.tree.node import Node, children
from pliant.values.errors import PliantError, SealedError


class Leaf(pg.Object):
    n: int = 0
    tag: str = "a"


class Branch(pg.Object):
    leaves: list[Leaf] = []
    table: dict[str, int] = {}
    one: Leaf | None = None
    pair: tuple[Leaf, int] = (Leaf(), 0)


def build() -> Branch:
    return Branch([Leaf(1), Leaf(2), Leaf(3)], {"a": 1, "b": 2}, Leaf(4), (Leaf(5), 6))


def snapshot(value, found=None):
    """All nodes below with their identity, parent, key and plain content."""
    found = {} if found is None else found
    for key, child in children(value) or ():
        if isinstance(child, Node):
            found[id(child)] = (child, child._sym_parent, child._sym_key)
        found[id(value), key] = child
        snapshot(child, found)
    return found


GOOD = st.sampled_from(
    [
        ("leaves[0].n", 7),
        ("leaves[1]", Leaf(9)),
        ("leaves[2]", pg.MISSING_VALUE),
        ("leaves[0]", pg.insert(Leaf(8))),
        ("leaves[3]", Leaf(10)),
        ("table.a", 5),
        ("table.c", 5),
        ("table.b", pg.MISSING_VALUE),
        ("one", None),
        ("one.tag", "z"),
        ("pair[0].n", 3),
        ("pair[1]", 3),
        ("pair", (Leaf(1), 1)),
        ("leaves", [Leaf(0)]),
    ]
)
BAD = st.sampled_from(
    [
        ("leaves[1].n", "text"),
        ("leaves[2].m", 1),
        ("leaves[1]", 5),
        ("leaves[3]", "x"),
        ("leaves[0]", pg.insert(3)),
        ("table.x", "text"),
        ("table.y", pg.MISSING_VALUE),
        ("one", 3),
        ("pair[0]", 3),
        ("pair", (1,)),
        ("nothing", 1),
        ("leaves[9].n", 1),
        ("leaves", 3),
    ]
)


def fresh(value):
    if isinstance(value, pg.Insertion):
        return pg.insert(fresh(value.value))
    return pg.clone(value)


def undisturbed(tree, before, given):
    assert snapshot(tree) == before
    assert all(pg.parent(v) is None for v in given if isinstance(v, Node))


@given(st.lists(GOOD, max_size=3), BAD, st.lists(GOOD, max_size=2))
def test_one_bad_update_refuses_all(first, bad, last):
    tree = build()
    updates = {path: fresh(value) for path, value in [*first, bad, *last]}
    updates[bad[0]] = fresh(bad[1])
    before = snapshot(tree)
    with pytest.raises(PliantError, match=r"\w"):
        tree.rebind(updates)
    undisturbed(tree, before, updates.values())
    assert tree == build()


@given(st.lists(GOOD, min_size=1, max_size=4))
def test_good_updates_are_made_whole(chosen):
    tree = build()
    updates = {path: fresh(value) for path, value in chosen}
    before = snapshot(tree)
    try:
        tree.rebind(updates)
    except PliantError:  # two updates may contradict each other
        undisturbed(tree, before, updates.values())
        return
    for path, value in updates.items():
        if not isinstance(value, pg.Insertion) and value is not pg.MISSING_VALUE and "leaves" not in path:
            assert pg.eq(pg.get(tree, path), value)
    placed(tree)


def placed(tree):
    for key, child in children(tree) or ():
        steps = key
        if isinstance(child, Node):
            assert child._sym_parent is tree
            assert child._sym_key == steps
            placed(child)
        elif isinstance(child, tuple):
            for i, item in enumerate(child):
                if isinstance(item, Node):
                    assert item._sym_parent is tree
                    assert item._sym_key == (key, i)
                    placed(item)


class Fussy(pg.Object):
    items: list[Leaf] = []
    n: int = 0

    def on_change(self, changes):
        if self.n == 13 or len(self.items) > 3:
            raise RuntimeError("refused by a hook")


CHANGES = [
    lambda x: x.items.extend([Leaf(1), Leaf(2), Leaf(3)]),
    lambda x: x.items.__setitem__(slice(0, 1), [Leaf(1)] * 5),
    lambda x: x.items.__imul__(4),
    lambda x: setattr(x, "n", 13),
    lambda x: x.rebind({"items[0].n": 5, "items[1]": Leaf(7), "n": 13}),
    lambda x: x.rebind({"items[0]": pg.MISSING_VALUE, "n": 13}),
    lambda x: x.rebind({"items[0]": pg.insert(Leaf(1)), "items[1]": pg.insert(Leaf(1))}),
    lambda x: x.rebind(lambda k, v: 13 if k == "n" else v),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_hook_that_fails_takes_the_change_back(change):
    x = Fussy([Leaf(1), Leaf(2)])
    before = snapshot(x)
    with pytest.raises(RuntimeError, match="refused by a hook"):
        change(x)
    assert snapshot(x) == before
    placed(x)


SEALED = [
    lambda d: d.update(b=1),
    lambda d: d.pop("a"),
    lambda d: d.clear(),
    lambda d: d.a.append(1),
    lambda d: d.a.sort(),
    lambda d: d.a.__setitem__(0, 1),
    lambda d: setattr(d.a[0], "n", 1),
    lambda d: delattr(d.a[0], "n"),
    lambda d: d.rebind(a=1),
    lambda d: d.rebind(lambda k, v: 5 if k == "n" else v),
]


@pytest.mark.parametrize("change", SEALED)
def test_a_sealed_tree_stays(change):
    d = pg.Dict(a=[Leaf(3), Leaf(1)]).seal()
    before = snapshot(d)
    with pytest.raises(SealedError, match=r"is sealed \(read-only\), so .* nothing changes. Change a copy"):
        change(d)
    assert snapshot(d) == before


def test_a_sealed_part_leaves_the_rest_open():
    d = pg.Dict(a=[1], b=[1])
    d.a.seal()
    d.b.append(2)
    with pytest.raises(SealedError, match="the List at path 'a' is sealed"):
        d.a.append(2)
    assert d == {"a": [1], "b": [1, 2]}


class TestLongLists:
    """What is done to a list item by item takes time in proportion to its length."""

    def test_building_step_by_step(self):
        items = pg.List(value_spec=pg.typing.List(pg.typing.Object(Leaf)))
        for i in range(3000):
            items.append(Leaf(i))
        for i in range(3000):
            items[i] = Leaf(-i)
        assert len(items) == 3000
        placed(items)
        while items:
            last = items[-1]
            assert items.pop() is last
            assert pg.parent(last) is None

    def test_no_item_is_looked_at_that_stays(self, monkeypatch):
        items = pg.List([Leaf(i) for i in range(50)])
        seen = []
        original = pg.List.__iter__ if "__iter__" in pg.List.__dict__ else list.__iter__
        monkeypatch.setattr(pg.List, "__iter__", lambda self: seen.append(1) or original(self), raising=False)
        items.append(Leaf(1))
        items[3] = Leaf(2)
        items += [Leaf(4), 5]
        items.pop()
        assert seen == []

    def test_sizes_hold(self):
        items = pg.List([1], value_spec=pg.typing.List(pg.typing.Int(), min_size=1, max_size=2))
        items.extend([2])
        with pytest.raises(ValueError, match=r"0 to 2|1 to 2"):
            items.extend([3])
        items.pop()
        with pytest.raises(ValueError, match="1 to 2"):
            items.pop()
        assert items == [1]


def test_a_tree_too_deep_to_walk_stays_whole():
    top = at = pg.Dict()
    for _ in range(1500):
        at["a"] = {"n": 1}
        at = at.a
    with pytest.raises(RecursionError, match="maximum recursion depth"):
        top.rebind(lambda k, v: 2 if k == "n" else v)
    assert top.a.n == 1
    at["n"] = 3
    assert at.n == 3
    with pytest.raises(RecursionError, match="maximum recursion depth"):
        top.clone()
    assert pg.path(at).depth == 1500
    while at is not top:  # let it go without a deep destructor chain
        at = pg.parent(at)
        at.clear()
