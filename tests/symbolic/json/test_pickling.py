"""Pickles: of programs and of realized objects, within and across processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import pliant as pg

SOURCE = Path(__file__).parents[3] / "src"


class Part(pg.Object):
    n: int
    below: object = None

    def on_bound(self):
        self.double = self.n * 2


class Plain(pg.Object):
    items: list[int] = []
    table: dict[str, object] = {}


class Layer:
    def __init__(self, n, *args, **more):
        self.double = n * 2
        self.rest = (args, more)


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a):
        self.a = a * 2


class Careful:
    def __init__(self, n):
        self.n = n
        self.handle = lambda: n

    def __getstate__(self):
        return {"n": self.n}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.handle = lambda: self.n


SymbolicLayer = pg.symbolize(Layer)
SymbolicSlotted = pg.symbolize(Slotted)
SymbolicCareful = pg.symbolize(Careful)


@pg.functor
def scale(x, factor=2):
    return x * factor


@pg.symbolize
class Decorated:
    def __init__(self, n):
        self.double = n * 2


VALUES = [
    Plain([1], {"a": Part(1), "b": (Part(2), 3)}),
    Plain.partial(),
    Part(1, [Part(2)]),
    Part.partial(),
    pg.List([1, Part(1), {"a": [2]}]),
    pg.Dict({"x": 1, 5: 2, "items": Part(3)}),
    scale(factor=7),
    SymbolicLayer(1, 2, k=3),
    Decorated(1),
    SymbolicSlotted(1),
    pg.oneof([Part(1), 2]),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_program_comes_back(value, protocol):
    made = pickle.loads(pickle.dumps(value, protocol))
    assert type(made) is type(value)
    assert pg.eq(made, value)
    assert pg.parent(made) is None
    for path in pg.query(made, where=lambda v: isinstance(v, pg.Symbolic)):
        assert pg.path(pg.get(made, path)) == path
    assert not [v for v in pg.query(made, where=lambda v: isinstance(v, Part)).values() if pg.is_realized(v)]


@pytest.mark.parametrize("value", [Part(3), SymbolicLayer(3), Decorated(3)], ids=repr)
def test_what_was_computed_comes_along(value):
    value.double = 77
    made = pickle.loads(pickle.dumps(value))
    assert pg.is_realized(made)
    assert made.double == 77
    assert made.rebind(n=4).double == 8


def test_slots_and_own_states():
    slotted = SymbolicSlotted(1)
    slotted.b = 5
    made = pickle.loads(pickle.dumps(slotted))
    assert (made.a, made.b, made) == (2, 5, SymbolicSlotted(1))
    careful = SymbolicCareful(3)
    assert careful.handle() == 3
    made = pickle.loads(pickle.dumps(careful))
    assert made.handle() == 3
    assert made == careful


def test_a_part_is_pickled_without_what_holds_it():
    tree = pg.Dict(a=Part(1), secret="x" * 10000)
    assert len(pickle.dumps(tree.a)) < 1000


def test_a_functor_keeps_what_is_bound():
    made = pickle.loads(pickle.dumps(scale(factor=7)))
    assert made(2) == 14
    with pytest.raises(TypeError, match="'factor' of scale is bound already, to 7"):
        made(2, factor=1)


def test_specs_come_along():
    made = pickle.loads(pickle.dumps(Plain([1])))
    with pytest.raises(TypeError, match=r"'items\[1\]' is 's'"):
        made.items.append("s")
    alone = pickle.loads(pickle.dumps(Plain([1]).items))
    with pytest.raises(TypeError, match=r"'\[1\]' is 's'"):
        alone.append("s")


PROGRAM = """
import pickle, sys
import pliant as pg
import shapes
value = pickle.load(sys.stdin.buffer)
assert value == shapes.make(), value
assert value.below.double == 6
assert value.functor(2) == 10
value.rebind({"below.n": 5})
sys.stdout.buffer.write(pickle.dumps(value))
"""
SHAPES = """
import fractions
import pliant as pg
class Base:
    def __init__(self, n):
        self.double = n * 2
Sym = pg.symbolize(Base)
@pg.functor
def times(x, k):
    return x * k
class Top(pg.Object):
    below: object
    functor: object
    def on_bound(self):
        self.ready = True
def make():
    return Top(Sym(3), times(k=5))
"""


def test_across_processes(tmp_path, monkeypatch):
    (tmp_path / "shapes.py").write_text(SHAPES)
    monkeypatch.syspath_prepend(tmp_path)
    import shapes

    value = shapes.make()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=pickle.dumps(value),
        capture_output=True,
        check=False,
        env={"PYTHONPATH": f"{SOURCE}:{tmp_path}", "PATH": ""},
    )
    assert done.returncode == 0, done.stderr.decode()
    assert pickle.loads(done.stdout) == value.clone().rebind({"below.n": 5})
