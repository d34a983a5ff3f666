"""Hooks (``on_bound``, ``on_change``, ``on_parent_change``) see complete objects, wherever these come from."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import pliant as pg

SEEN: list[Any] = []


@pytest.fixture(autouse=True)
def _empty():
    SEEN.clear()


class Child(pg.Object):
    n: int = 0

    def on_parent_change(self, old_parent, new_parent):
        at = old_parent if new_parent is None else new_parent
        if self.n == 13:
            raise ValueError("unlucky")
        SEEN.append((self.n, repr(at), pg.get(pg.root(self), self.sym_path) is self))


class Parent(pg.Object):
    a: Any = None
    b: Child = Child(5)
    c: Any = 3


@pg.symbolize
class Foreign:
    def __init__(self, x, *more, y=1, **rest): ...


@pg.functor
def call(x, y): ...


@pg.members([("a", pg.typing.Any()), (pg.typing.StrKey(), pg.typing.Any())])
class Wild(pg.Object):
    pass


MADE = {
    "object": (lambda c: Parent(c, c=7), "Parent(a=Child(n=1), b=Child(n=5), c=7)"),
    "partial": (lambda c: Parent.partial(a=c), "Parent(a=Child(n=1), b=Child(n=5), c=3)"),
    "dict": (lambda c: pg.Dict(x=c, y=2), "{x=Child(n=1), y=2}"),
    "dict key": (lambda c: pg.Dict({(1, 2): c}), "{(1, 2)=Child(n=1)}"),
    "list": (lambda c: pg.List([1, c, 2]), "[1, Child(n=1), 2]"),
    "tuple": (lambda c: pg.Dict(x=(1, (c,)), y=2), "{x=(1, (Child(n=1),)), y=2}"),
    "nested": (lambda c: pg.Dict(x=[{"z": [c, 1]}], y=2), "[Child(n=1), 1]"),
    "symbolized": (lambda c: Foreign(c, 2, z=3), "Foreign(Child(n=1), 2, y=1, rest=...)"),
    "variadic": (lambda c: Foreign(0, c, y=3), "[Child(n=1)]"),
    "functor": (lambda c: call(c, 2), "call(x=Child(n=1), y=2)"),
    "wildcard": (lambda c: Wild(1, z=c), "Wild(a=1, z=Child(n=1))"),
    "json": (lambda c: pg.from_json({"q": [{"_type": f"{__name__}.Child", "n": 1}, 4]}), "[Child(n=1), 4]"),
}


@pytest.mark.parametrize("name", MADE)
def test_a_node_hears_of_its_parent_when_that_is_complete(name):
    make, text = MADE[name]
    made = make(Child(1))
    (seen,) = [s for s in SEEN if s[0] == 1]
    assert seen[2]
    assert seen[1] == (text if "..." not in text else repr(made))


CHANGES = {
    "set": lambda x: x.rebind(a=Child(2), c=9),
    "deep": lambda x: x.rebind({"c[0]": Child(2), "a": 4}),
    "append": lambda x: x.c.append(Child(2)),
    "insert": lambda x: x.c.insert(0, Child(2)),
    "slice": lambda x: x.c.__setitem__(slice(0, 2), [7, Child(2)]),
    "extend": lambda x: x.c.extend([8, Child(2)]),
    "assign": lambda x: setattr(x, "a", [Child(2)]),
    "function": lambda x: x.rebind(lambda k, v: Child(2) if k == "a" else v),
    "override": lambda x: x.clone(override={"a": Child(2)}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_node_hears_of_a_change_when_that_is_complete(name):
    x = Parent(1, c=[1, 2])
    SEEN.clear()
    x = CHANGES[name](x) or x
    ((_, text, found),) = [s for s in SEEN if s[0] == 2]
    assert found
    assert text in repr(x)


def test_copies_and_candidates_are_no_moves():
    space = Parent(pg.oneof([Child(1), 2]))
    SEEN.clear()
    assert len(list(pg.iter(space))) == 2
    space.clone()
    assert SEEN == []


@pytest.mark.parametrize(
    "make", [lambda *c: Parent(*c[:1], b=c[1]), lambda *c: pg.List(c), lambda *c: pg.Dict(enumerate(c))]
)
def test_a_hook_that_fails_frees_the_others(make):
    fine, bad = Child(1), Child(13)
    for children in ((fine, bad), (bad, fine)):
        with pytest.raises(ValueError, match="unlucky"):
            make(*children)
        assert pg.parent(fine) is pg.parent(bad) is None
    make(fine, Child(2))
    assert pg.parent(fine) is not None


def test_what_was_refused_is_not_reported_later():
    child = Child(1)
    with pytest.raises(TypeError, match="'b' is 'x' of type str"):
        Parent(child, b="x")
    x = pg.List([1])
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="contains itself"):
        x.rebind({"[0]": child, "[1]": loop})
    assert SEEN == []
    assert pg.parent(child) is None
    pg.List([Child(2)])
    assert [n for n, *_ in SEEN] == [2]


def test_hooks_of_other_threads_wait_for_their_own_tree():
    started, go = threading.Event(), threading.Event()

    class Slow(pg.Object):
        a: Any
        b: Any

    def items():
        yield Child(7)
        started.set()
        assert go.wait(30), "the main thread has not finished its list"
        yield Child(8)

    thread = threading.Thread(target=lambda: pg.List(items()))
    thread.start()
    assert started.wait(30), "the thread has not started"
    Slow(Child(1), [Child(2)])
    assert sorted(n for n, *_ in SEEN) == [1, 2]
    go.set()
    thread.join(30)
    assert sorted(n for n, *_ in SEEN) == [1, 2, 7, 8]
    assert all(found for *_, found in SEEN)


class Net(pg.Object):
    x: int
    kids: list[Any] = []
    extra: Any = None

    def on_bound(self):
        SEEN.append(("bound", self.x, repr(self.kids)))
        self.double = 2 * self.x

    def on_change(self, changes):
        SEEN.append((self.double, {str(k): (c.old_value, c.new_value) for k, c in changes.items()}))


def change(act) -> Any:
    """The changes that a Net gets for an edit of it, or None."""
    net = Net(1, [1, 2, 3])
    SEEN.clear()
    act(net)
    (found,) = [s for s in SEEN if s[0] != "bound"] or [(None, None)]
    return found[1]


GONE = pg.MISSING_VALUE
EDITS = {
    "append": (lambda n: n.kids.append(4), {"kids[3]": (GONE, 4)}),
    "past the end": (lambda n: n.rebind({"kids[9]": 4}), {"kids[3]": (GONE, 4)}),
    "negative": (lambda n: n.rebind({"kids[-1]": 4}), {"kids[2]": (3, 4)}),
    "two": (lambda n: n.rebind({"kids[0]": 4, "kids[-1]": 5}), {"kids[0]": (1, 4), "kids[2]": (3, 5)}),
    "pop": (lambda n: n.kids.pop(), {"kids[2]": (3, GONE)}),
    "delete the last": (lambda n: n.rebind({"kids[-1]": GONE}), {"kids[2]": (3, GONE)}),
    "delete": (lambda n: n.rebind({"kids[0]": GONE}), {"kids[0]": (1, GONE)}),
    "insert": (lambda n: n.rebind({"kids[0]": pg.insert(9)}), {"kids[0]": (GONE, 9)}),
    "del": (lambda n: n.kids.__delitem__(2), {"kids[2]": (3, GONE)}),
    "clear": (lambda n: n.kids.clear(), {"kids[0]": (1, GONE), "kids[1]": (2, GONE), "kids[2]": (3, GONE)}),
    "sort": (lambda n: n.kids.sort(reverse=True), {"kids[0]": (1, 3), "kids[2]": (3, 1)}),
    "no change": (lambda n: n.kids.sort(), None),
    "same value": (lambda n: n.rebind(kids=n.kids), None),
    "reset": (lambda n: n.rebind(kids=GONE), {"kids": ([1, 2, 3], [])}),
    "dict": (lambda n: n.rebind(extra={"a": 1}), {"extra": (None, {"a": 1})}),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_a_change_has_the_values_before_and_after(name):
    act, wanted = EDITS[name]
    assert change(act) == wanted


def test_the_new_value_is_the_one_in_the_tree():
    found = change(lambda n: n.rebind(extra={"a": [1]}))["extra"][1]
    assert type(found) is pg.Dict
    assert str(found.sym_path) == "extra"

    def edit(net):
        net.extra = pg.Dict(a=1, b=[2])
        SEEN.clear()
        net.extra.clear()

    assert change(edit) == {"extra.a": (1, GONE), "extra.b": ([2], GONE)}


def test_change_hooks_wait_for_a_complete_object():
    class Both(Net):
        y: int

    both = Both.partial()
    both.rebind(x=1)
    both.rebind(extra=pg.oneof([1, 2]))
    both.y = 5
    assert SEEN == []
    both.rebind(extra=2)
    assert [("bound", 1, "[]"), (2, {"extra": (pg.oneof([1, 2]), 2)})] == SEEN
    space = Both(1, y=pg.oneof([1, 2]))
    SEEN.clear()
    space.rebind(x=3)  # a space is edited as any program
    assert SEEN == []
    assert [p.double for p in pg.iter(space)] == [6, 6]


def test_hooks_see_all_fields_of_a_rebind_and_each_runs_once():
    outer = pg.Dict(net=Net(1, [Net(2)]))
    SEEN.clear()
    outer.rebind({"net.x": 5, "net.kids[0].x": 7, "net.extra": 1})
    inner_changes, outer_changes = [s for s in SEEN if s[0] != "bound"]
    assert inner_changes == (14, {"x": (2, 7)})
    assert outer_changes == (10, {"x": (1, 5), "extra": (None, 1), "kids[0].x": (2, 7)})


@pytest.mark.parametrize("make", [
    lambda: Net(3, [Net(1)]),
    lambda: Net(3, [Net(1)]).clone(),
    lambda: Net.partial(kids=[Net(1)]).rebind(x=3),
    lambda: pg.from_json(Net(3, [Net(1)]).to_json()),
    lambda: pg.random_sample(Net(pg.oneof([3]), [Net(1)])),
    lambda: Net(1).rebind(x=3, kids=[Net(1)]),
    lambda: type("Sub", (Net,), {"__annotations__": {"more": int}, "more": 1})(3, [Net(1)]),
], ids=["new", "clone", "partial", "json", "sampled", "rebound", "subclass"])  # fmt: skip
def test_computed_values_come_from_all_fields(make):
    made = make()
    SEEN.clear()
    assert made.double == 6
    bound = [s for s in SEEN if s[0] == "bound"]
    assert bound in ([], [("bound", 3, repr(made.kids))])


@pytest.mark.parametrize(
    "holder", [lambda: Parent(Child(1)), lambda: pg.List([Child(1)]), lambda: pg.Dict(a=Child(1))]
)
def test_a_refused_change_is_taken_back_for_all_nodes(holder):
    x = holder()
    old, key = next(iter(x.sym_init_args.values())), next(iter(x.sym_init_args))
    other: Any = {list: 1, dict: "z"}.get(type(x).__mro__[1], "c")
    text = repr(x)
    SEEN.clear()
    for bad in (Child(13), [Child(13)], (Child(13),)):
        for updates in ({key: old, other: bad}, {key: Child(2), other: bad}, {other: bad}):
            with pytest.raises(ValueError, match="unlucky"):
                x.rebind(updates)
            assert repr(x) == text
            assert old.sym_parent is x
            assert pg.get(x, old.sym_path) is old
            told = [n for n, *_ in SEEN]  # the new node came and went; the old one stayed
            assert told == ([2, 2] if updates.get(key) not in (None, old) else [])
            SEEN.clear()
    x.rebind({key: Child(3)})
    assert SEEN[0][:1] == (3,)
