"""Lazy realization: when the user's code runs, how often, in what order; and hooks."""

from __future__ import annotations

import threading
import time

import pytest

import pliant as pg
from pliant.values.errors import IncompleteError

RUNS: list[str] = []


@pytest.fixture(autouse=True)
def _fresh():
    RUNS.clear()


class Part(pg.Object):
    n: int
    below: object = None

    def on_bound(self):
        RUNS.append(f"part{self.n}")
        self.double = self.n * 2


class OldStyle(pg.Object):
    n: int

    def _on_bound(self):
        super()._on_bound()
        RUNS.append("old")
        self.double = self.n * 2


@pg.symbolize
class Layer:
    def __init__(self, n, below=None):
        RUNS.append(f"layer{n}")
        self.double = n * 2
        self.below = below


class TestWhen:
    @pytest.mark.parametrize("make", [Part, Layer])
    def test_nothing_symbolic_runs_it(self, make):
        x = make(1, [make(2)])
        y = x.clone()
        x.rebind({"below[0].n": 5})
        _ = repr(x), str(x), x == y, pg.hash(x), pg.eq(x, y), pg.diff(x, y), x.query(".*"), pg.to_json(x)
        _ = (
            x.n,
            x.below[0].n,
            x.sym_init_args,
            x.sym_path,
            pg.parent(x.below),
            isinstance(x, make),
            x.is_partial,
        )
        _ = pg.random_sample(make(pg.oneof([1, 2])), 0), list(pg.iter(make(pg.oneof([1, 2])))), dir(x)
        pg.traverse(x, lambda k, v, p: None)
        assert pg.from_json(x.to_json(), allow=[make]) == x
        x.below[0].n = 6
        assert RUNS == []
        assert not pg.is_realized(x)

    @pytest.mark.parametrize("make", [Part, Layer])
    def test_the_first_use_runs_it_once(self, make):
        x = make(3)
        assert x.double == 6
        assert x.double == 6
        assert len(RUNS) == 1
        assert pg.is_realized(x)
        assert x.clone().double == 6
        assert len(RUNS) == 2  # the copy is a program, not the state

    def test_the_older_name_of_the_hook(self):
        x = OldStyle(2)
        assert RUNS == []
        assert x.rebind(n=4).double == 8
        assert RUNS == ["old"]

    def test_realize_asks_for_it(self):
        x = pg.realize(Part(1))
        assert RUNS == ["part1"]
        assert pg.realize(x) is x
        assert pg.realize(5) == 5
        assert RUNS == ["part1"]

    def test_setting_and_deleting_what_is_no_field(self):
        x = Layer(1)
        x.extra = 5
        assert (x.extra, RUNS) == (5, ["layer1"])
        del x.double
        with pytest.raises(AttributeError, match="no attribute 'double'"):
            x.double  # noqa: B018  # reading is the test

    def test_probes_of_notebooks_do_not(self):
        x = Layer(1)
        assert not hasattr(x, "_repr_latex_")
        assert not hasattr(x, "__array__")
        assert RUNS == []


class TestReset:
    def test_up_to_the_root_once_and_nowhere_else(self):
        root = Part(1, [Part(2, Part(3)), Part(4)])
        parts = [root, root.below[0], root.below[0].below, root.below[1]]
        assert [p.double for p in parts] == [2, 4, 6, 8]
        RUNS.clear()
        root.rebind({"below[0].below.n": 5, "below[0].n": 6})
        assert [pg.is_realized(p) for p in parts] == [False, False, False, True]
        assert [p.double for p in parts] == [2, 12, 10, 8]
        assert RUNS == ["part1", "part6", "part5"]

    @pytest.mark.parametrize(
        "change",
        [
            lambda x: x.below.append(1),
            lambda x: x.below.pop(),
            lambda x: x.below.clear(),
            lambda x: x.below.__setitem__(0, 5),
            lambda x: setattr(x, "n", 5),
            lambda x: delattr(x, "below"),
            lambda x: x.rebind(lambda k, v: 5 if k == "n" else v),
        ],
    )
    def test_every_way_to_change_counts(self, change):
        x = Part(1, [1, 2])
        root = Part(0, {"x": x})
        x = root.below.x
        _ = x.double, root.double
        change(x)
        assert not pg.is_realized(x)
        assert not pg.is_realized(root)

    def test_what_was_computed_is_forgotten(self):
        x = Part(1)
        x.note = "mine"
        assert x.double == 2
        x.n = 2
        assert x.double == 4
        assert not hasattr(x, "note")

    def test_a_refused_change_keeps_it(self):
        x = Part(1)
        assert x.double == 2
        with pytest.raises(TypeError, match="'n' is 'a'"):
            x.n = "a"
        assert pg.is_realized(x)

    def test_methods_without_hooks_may_keep_what_they_compute(self):
        class Cached(pg.Object):
            n: int

            def double(self):
                if not hasattr(self, "kept"):
                    self.kept = self.n * 2
                return self.kept

        x = Cached(1)
        assert x.double() == 2
        x.n = 3
        assert x.double() == 6


class TestFailure:
    def test_the_error_is_the_users_and_the_object_stays(self):
        @pg.symbolize
        class Broken:
            def __init__(self, n):
                self.half = 1 / n

        x = Broken(0)
        with pytest.raises(ZeroDivisionError, match="division by zero"):
            x.half  # noqa: B018  # reading is the test
        assert not pg.is_realized(x)
        assert x == Broken(0)
        assert x.rebind(n=2).half == 0.5

    def test_an_attribute_error_is_not_taken_for_a_missing_name(self):
        class Broken(pg.Object):
            n: int

            def on_bound(self):
                self.x = self.nothing

        with pytest.raises(
            RuntimeError, match=r"building Broken at layers\[0\] failed: .* no attribute 'nothing'"
        ):
            pg.Dict(layers=[Broken(1)]).layers[0].x  # noqa: B018  # reading is the test

    def test_incomplete(self):
        with pytest.raises(
            IncompleteError,
            match=r"Part is not complete: no value at 'a.n', 'a.below.n'. Set it with `x.rebind\({'a.n': ...}\)`",
        ):
            pg.Dict(a=Part.partial(below=Part.partial())).a.double  # noqa: B018  # reading is the test
        with pytest.raises(
            IncompleteError, match="Layer is a search space, not a program: undecided holes at 'n'"
        ):
            Layer(pg.oneof([1, 2])).double  # noqa: B018  # reading is the test
        assert RUNS == []


class TestSpecialMethods:
    def test_they_see_the_realized_object(self):
        @pg.symbolize
        class Doubling:
            def __init__(self, n):
                self.n = n * 2

            def __call__(self):
                return self.n

            def __len__(self):
                return self.n

            def __eq__(self, other):
                return self.n == other.n

            def __hash__(self):
                return hash(self.n)

            def __str__(self):
                return f"<{self.n}>"

        assert Doubling(4)() == 8
        assert len(Doubling(4)) == 8
        assert hash(Doubling(4)) == hash(8)
        assert str(Doubling(4)) == "<8>"
        assert Doubling(4) == Doubling(4)
        assert repr(Doubling(4)) == "Doubling(n=4)"

    def test_an_object_never_used_is_not_cleaned_up(self):
        @pg.symbolize
        class Resource:
            def __init__(self, n):
                self.open = True

            def __del__(self):
                RUNS.append("closed" if self.open else "")

        Resource(1)
        assert RUNS == []
        _ = Resource(1).open
        assert RUNS == ["closed"]


def test_threads_realize_once():
    @pg.symbolize
    class Slow:
        def __init__(self, n):
            RUNS.append("slow")
            time.sleep(0.02)
            self.done = n

    x = Slow(7)
    results = []
    threads = [threading.Thread(target=lambda: results.append(x.done)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == [7] * 8
    assert RUNS == ["slow"]


class Listener(pg.Object):
    n: int = 0
    below: object = None

    def on_change(self, changes):
        RUNS.append((self.n, {str(k): (c.old_value, c.new_value) for k, c in changes.items()}))
        if self.n == 13:
            raise ValueError("unlucky")


class TestOnChange:
    def test_children_before_parents_with_relative_paths(self):
        root = Listener(1, [Listener(2, Listener(3)), Listener(4)])
        root.rebind({"below[0].below.n": 30, "below[1].n": 40})
        assert RUNS[-1] == (1, {"below[0].below.n": (3, 30), "below[1].n": (4, 40)})
        assert sorted(RUNS[:-1], key=str) == [
            (2, {"below.n": (3, 30)}),
            (30, {"n": (3, 30)}),
            (40, {"n": (4, 40)}),
        ]
        assert RUNS.index((30, {"n": (3, 30)})) < RUNS.index((2, {"below.n": (3, 30)}))

    def test_lists_and_dicts(self):
        root = Listener(1, {"a": [1]})
        root.below.a.append(2)
        root.below.a[-1] = 3
        root.below["b"] = 4
        root.rebind({"below.a[0]": pg.insert(0)})
        root.below.a.pop()
        missing = pg.MISSING_VALUE
        assert [changes for _, changes in RUNS] == [
            {"below.a[1]": (missing, 2)},
            {"below.a[1]": (2, 3)},
            {"below.b": (missing, 4)},
            {"below.a[0]": (missing, 0)},
            {"below.a[2]": (3, missing)},
        ]

    def test_it_can_be_skipped(self):
        Listener(1).rebind(n=2, skip_notification=True)
        assert RUNS == []

    def test_an_exception_takes_everything_back(self):
        root = Listener(1, [Listener(2), Part(3)])
        before = root.clone()
        old = root.below[0]
        _ = root.below[1].double
        with pytest.raises(ValueError, match="unlucky"):
            root.rebind({"below[0]": Listener(5), "below[1].n": 9, "n": 13})
        assert root == before
        assert root.below[0] is old
        assert pg.path(old) == "below[0]"
        assert root.below[1].double == 6

    def test_the_older_name(self):
        class Old(pg.Object):
            n: int

            def _on_change(self, changes):
                RUNS.append(list(map(str, changes)))

        Old(1).rebind(n=2)
        assert RUNS == [["n"]]


class Child(pg.Object):
    n: int = 0

    def on_parent_change(self, old_parent, new_parent):
        RUNS.append((type(old_parent).__name__, type(new_parent).__name__))
        if self.n == 13:
            raise ValueError("unlucky")


class TestOnParentChange:
    def test_put_in_and_taken_out(self):
        child = Child()
        tree = pg.Dict(a=child)
        tree.a = 5
        tree.b = child
        del tree["b"]
        assert RUNS == [("NoneType", "Dict"), ("Dict", "NoneType")] * 2
        RUNS.clear()
        holder = Part(1, child)
        holder.rebind(below=None)
        pg.List([child]).clear()
        assert RUNS == [
            ("NoneType", "Part"),
            ("Part", "NoneType"),
            ("NoneType", "List"),
            ("List", "NoneType"),
        ]

    def test_other_changes_and_copies_are_none(self):
        tree = pg.Dict(a=[Child()])
        RUNS.clear()
        tree.a.append(1)
        tree.a.insert(0, 2)
        tree.a[1].n = 5
        tree.clone()
        assert RUNS == []
        assert pg.path(tree.a[1]) == "a[1]"

    def test_an_exception_takes_the_change_back(self):
        tree = pg.Dict(a=1)
        child = Child(13)
        with pytest.raises(ValueError, match="unlucky"):
            tree.a = child
        assert (tree, pg.parent(child)) == ({"a": 1}, None)
        child.n = 1
        tree.a = child
        child.n = 13
        for change in (lambda: tree.pop("a"), lambda: setattr(tree, "a", 2), lambda: tree.clear()):
            with pytest.raises(ValueError, match="unlucky"):
                change()
            assert tree.a is child
            assert pg.path(child) == "a"

    def test_the_older_name(self):
        class Old(pg.Object):
            def _on_parent_change(self, old_parent, new_parent):
                RUNS.append("moved")

        pg.List([Old()])
        assert RUNS == ["moved"]
