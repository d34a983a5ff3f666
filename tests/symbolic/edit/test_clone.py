"""Copies: what is copied, what is shared, and what the copy is to the original."""

from __future__ import annotations

import copy
import dataclasses

import pytest

import pliant as pg
from pliant.values.errors import FieldTypeError, PathError


class Box(pg.Object):
    x: object = None
    y: object = None


class Lazy(pg.Object):
    x: object = None

    def on_bound(self):
        self.state = [self.x]


def test_nodes_are_copied_and_placed():
    tree = pg.Dict(a=[Box(1), {"b": Box(2)}], t=(Box(3), 4))
    made = tree.clone()
    assert made == tree
    for path in ("a", "a[0]", "a[1]", "a[1].b", "t[0]"):
        assert pg.get(made, path) is not pg.get(tree, path)
        assert pg.path(pg.get(made, path)) == path
    assert pg.parent(made) is None
    assert pg.parent(made.t[0]) is made


def test_the_copy_of_a_part_is_a_root():
    tree = pg.Dict(a=Box(Box(1)))
    made = tree.a.clone()
    assert pg.parent(made) is None
    made.x.x = 5
    assert tree.a.x.x == 1


def test_leaves_are_shared_unless_deep():
    leaf = {1, 2}
    tree = Box(leaf, [leaf])
    assert tree.clone().x is leaf
    deep = tree.clone(deep=True)
    assert deep.x == leaf
    assert deep.x is not leaf
    assert deep.x is deep.y[0]  # one leaf stays one leaf


def test_a_tuple_without_nodes_is_shared():
    pair = (1, (2, 3))
    assert Box(pair).clone().x is pair


def test_override():
    tree = pg.Dict(a=Box(1))
    assert tree.clone(override={"a.x": 2}) == {"a": Box(2)}
    assert tree == {"a": Box(1)}
    with pytest.raises(PathError, match="has nothing at 'zz'"):
        tree.clone(override={"zz.x": 2})


def test_plain_containers_and_leaves():
    @dataclasses.dataclass
    class D:
        x: object

    value = {"a": [Box(1), D(Box(2))], "b": (3,)}
    made = pg.clone(value)
    assert pg.eq(made, value)
    assert made["a"][0] is not value["a"][0]
    assert made["a"][1].x is not value["a"][1].x
    leaf = object()
    assert pg.clone(leaf) is leaf
    assert pg.clone({1}, deep=True) == {1}


def test_specs_go_along():
    made = pg.List([1], value_spec=pg.typing.List(pg.typing.Int())).clone()
    with pytest.raises(FieldTypeError, match="'s' of type str"):
        made.append("s")


def test_copy_is_a_clone():
    tree = Box([1])
    made = copy.copy(tree)
    assert made == tree
    assert made.x is not tree.x


def test_clone_leaves_state_behind_and_deepcopy_takes_it():
    lazy = Lazy({1})
    state = lazy.state
    assert not pg.is_realized(lazy.clone(deep=True))
    made = copy.deepcopy(lazy)
    assert pg.is_realized(made)
    assert made.state == state
    assert made.state is not state
    assert made.x is made.state[0]  # one value stays one value
    assert not pg.is_realized(copy.deepcopy(Lazy(1)))


@pytest.mark.parametrize("make", [lambda v: pg.List([v]), lambda v: pg.Dict(a=v), Box])
def test_deepcopy_of_a_part_and_of_all(make):
    tree = pg.Dict(r=make(Box({1})))
    for part in (tree, tree.r):
        made = copy.deepcopy(part)
        assert made == part
        assert pg.parent(made) is None
        for path in pg.query(made, where=lambda v: isinstance(v, pg.Symbolic)):
            assert pg.path(pg.get(made, path)) == path


def test_partial_and_functor_marks_go_along():
    @pg.functor
    def f(a, b=1):
        return a + b

    assert Strict.partial().clone().is_partial
    assert copy.deepcopy(f(b=3)).clone()(1) == 4
    with pytest.raises(TypeError, match="bound already"):
        copy.deepcopy(f(b=3))(1, b=2)


class Strict(pg.Object):
    n: int


def test_sealing_does_not_go_along():
    assert not pg.Dict(a=1).seal().clone().is_sealed


def test_lists_of_several_classes():
    class Leaf(pg.Object):
        n: int

    class Other(pg.Object):
        n: object

    items = pg.List([Leaf(1), Other({2}), 3, [Leaf(4)], (Leaf(5), 6), Leaf(7), None])
    made = items.clone()
    assert made == items
    assert [pg.parent(v) for v in made if isinstance(v, pg.Object)] == [made] * 3
    assert str(pg.path(made[3][0])) == "[3][0]"
    assert pg.parent(made[4][0]) is made
    assert made[4][0] is not items[4][0]
    assert made[1].n is items[1].n
    assert items.clone(deep=True)[1].n is not items[1].n
