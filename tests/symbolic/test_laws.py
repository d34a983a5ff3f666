"""Laws of trees, on generated trees and generated sequences of changes."""

from __future__ import annotations

import copy
import pickle

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

import pliant as pg
from pliant.symbolic.tree.node import Node, children
from pliant.values.errors import PliantError


class Leaf(pg.Object):
    n: int = 0
    tag: str | None = None


class Branch(pg.Object):
    left: object = None
    right: object = None


class Watched(pg.Object):
    inner: object = None

    def on_bound(self):
        raise AssertionError("nothing here asks for what is computed")


@pg.symbolize
class Foreign:
    def __init__(self, a, *rest, **more):
        raise AssertionError("nothing here asks for what is computed")


@pg.functor
def call(x, y=2):
    raise AssertionError("nothing here calls")


KEYS = st.sampled_from(["a", "b", "items", "x.y", "0", "get"])
ATOMS = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=True) | st.text("ab", max_size=2)


def containers(inner):
    return (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.tuples(inner, inner)
        | st.builds(Branch, inner, inner)
        | st.builds(Watched, inner)
        | st.builds(Foreign, inner, inner, k=inner)
        | st.builds(call, inner)
    )


TREES = st.recursive(ATOMS | st.builds(Leaf, st.integers(0, 9)), containers, max_leaves=8)
NODES = TREES.map(lambda v: pg.Dict(root=v))


def placed(node) -> None:
    """Every node below knows its parent and key, and its path leads to it."""
    for key, child in children(node) or ():
        check_below(node, (key,), child)


def check_below(holder, steps, child) -> None:
    if isinstance(child, Node):
        assert child._sym_parent is holder
        assert child._sym_key == (steps if len(steps) > 1 else steps[0])
        placed(child)
    elif isinstance(child, tuple):
        for i, item in enumerate(child):
            check_below(holder, (*steps, i), item)


@given(NODES)
def test_copies_equal_their_original_and_share_no_node(x):
    for made in (
        x.clone(),
        x.clone(deep=True),
        copy.copy(x),
        copy.deepcopy(x),
        pickle.loads(pickle.dumps(x)),
    ):
        assert made == x
        assert pg.hash(made) == pg.hash(x)
        placed(made)
        mine = {id(v) for v in pg.query(x, where=lambda v: isinstance(v, pg.Symbolic)).values()}
        assert not mine & {id(v) for v in pg.query(made, where=lambda v: isinstance(v, pg.Symbolic)).values()}


@given(NODES)
def test_every_path_leads_to_its_node(x):
    placed(x)
    for path, value in pg.query(x, enter_selected=True).items():
        assert pg.get(x, path) is value
        if isinstance(value, Node):
            assert pg.path(value) == path
            assert pg.root(value) is x


@given(NODES)
def test_printing_and_storing_realize_nothing_and_lose_nothing(x):
    assert repr(x)
    assert str(x)
    again = pg.from_json(x.to_json())
    assert pg.eq(again, x)
    placed(again)
    assert pg.from_json_str(x.to_json_str(json_indent=2)) == x


@given(NODES, TREES, st.data())
def test_rebind_by_path_is_the_tree_built_anew(x, value, data):
    paths = list(pg.query(x, enter_selected=True))
    path = data.draw(st.sampled_from([p for p in paths if p]))
    changed = x.clone()
    try:
        changed.rebind({path: pg.clone(value)})
    except PliantError:
        assert changed == x
        return
    placed(changed)
    assert pg.eq(pg.get(changed, path), value)
    assert pg.eq(pg.rebind(changed, {path: pg.clone(pg.get(x, path))}), x)
    by_function = x.clone().rebind(
        lambda k, v: pg.clone(value) if str(k) == path else v, raise_on_no_change=False
    )
    assert pg.eq(by_function, x.clone().rebind({path: pg.clone(value)}))


class Trees(RuleBasedStateMachine):
    """Trees that are changed in every way there is stay consistent."""

    trees = Bundle("trees")

    def __init__(self):
        super().__init__()
        self.roots = []

    @rule(target=trees, value=TREES)
    def make(self, value):
        made = pg.Dict(a=[value, Leaf(1)], b=Branch(Leaf(2), (Leaf(3), [Leaf(4)])))
        self.roots.append(made)
        return made

    @rule(target=trees, tree=trees)
    def copy(self, tree):
        made = tree.clone()
        self.roots.append(made)
        return made

    def node(self, tree, data):
        found = list(pg.query(tree, where=lambda v: isinstance(v, pg.Symbolic), enter_selected=True).values())
        return data.draw(st.sampled_from([*found, tree]))

    @rule(tree=trees, other=trees, data=st.data())
    def put(self, tree, other, data):
        """A node of one tree is put somewhere else: copied, or refused where it would hold itself."""
        holder, value = self.node(tree, data), self.node(other, data)
        keys = [k for k, _ in children(holder)]
        key = data.draw(st.sampled_from(keys)) if keys else None
        if key is None or (isinstance(holder, Leaf)):
            return
        self.attempt(lambda: pg.rebind(holder, {pg.Path((key,)): value}))

    @rule(tree=trees, data=st.data(), value=TREES)
    def edit_list(self, tree, data, value):
        lists = [v for v in pg.query(tree, enter_selected=True).values() if isinstance(v, pg.List)]
        if not lists:
            return
        items = data.draw(st.sampled_from(lists))
        i = data.draw(st.integers(-2, 3))
        change = data.draw(st.integers(0, 9))
        changes = [
            lambda: items.append(value),
            lambda: items.insert(i, value),
            lambda: items.pop(i),
            lambda: items.__setitem__(i, value),
            lambda: items.extend([value, *items[:1]]),
            lambda: items.reverse(),
            lambda: items.__setitem__(slice(i, None), items[:2]),
            lambda: items.__delitem__(slice(0, 1)),
            lambda: items.__imul__(2) if len(items) < 4 else None,
            lambda: items.rebind({f"[{i}]": pg.insert(value)}),
        ]
        self.attempt(changes[change])

    @rule(tree=trees, data=st.data(), value=TREES, key=KEYS)
    def edit_dict(self, tree, data, value, key):
        dicts = [v for v in pg.query(tree, enter_selected=True).values() if isinstance(v, pg.Dict)]
        target = data.draw(st.sampled_from([*dicts, tree]))
        changes = [
            lambda: target.__setitem__(key, value),
            lambda: target.pop(key, None),
            lambda: target.update({key: value, "b": target.get("b")}),
            lambda: target.setdefault(key, value),
            lambda: target.rebind({pg.Path((key,)): value, pg.Path(("c",)): value}),
        ]
        self.attempt(changes[data.draw(st.integers(0, len(changes) - 1))])

    @rule(tree=trees, n=st.integers(0, 9))
    def edit_all(self, tree, n):
        self.attempt(lambda: tree.rebind(lambda k, v: Leaf(n) if isinstance(v, Leaf) and v.n > n else v))

    @rule(
        tree=trees, value=TREES, bad=st.sampled_from([{"a": 1, "zz.x": 2}, {"b.left.n": "x"}, {"b.lft": 1}])
    )
    def refused(self, tree, value, bad):
        self.attempt(lambda: tree.rebind({**bad, "q": value}))

    @rule(tree=consumes(trees))
    def drop(self, tree):
        self.roots = [root for root in self.roots if root is not tree]

    def attempt(self, change):
        before = [(root, root.clone()) for root in self.roots]
        try:
            change()
        except (PliantError, IndexError):
            for root, was in before:
                assert pg.eq(root, was)

    @invariant()
    def consistent(self):
        seen = set()
        for tree in self.roots:
            if pg.parent(tree) is not None:  # it was put into another one
                assert pg.get(pg.root(tree), str(pg.path(tree))) is tree
                continue
            placed(tree)
            nodes = list(
                pg.query(tree, where=lambda v: isinstance(v, pg.Symbolic), enter_selected=True).values()
            )
            assert not seen & {id(v) for v in nodes}
            seen |= {id(v) for v in nodes}


Trees.TestCase.settings = settings(max_examples=80, stateful_step_count=25)
TestTrees = Trees.TestCase
