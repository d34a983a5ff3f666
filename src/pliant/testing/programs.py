"""Hypothesis strategies for programs with holes, for property tests.

::

    @given(programs(), st.integers())
    def test_round_trip(program, seed):
        child = random_sample(program, seed)
        assert equal(materialize(program, encode(program, child)), child)

All numbers of a program differ, so that different decisions make different children, and encoded decisions can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

from hypothesis import strategies as st

from pliant.hyper import floatv, intv, manyof, oneof, permute
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.objects.containers import Dict, List
from pliant.symbolic.objects.object import Object


class Box(Object):
    """An object with two fields, for generated programs."""

    left: Any
    right: Any = None


@dataclass
class Pair:
    """A plain dataclass with two fields, for generated programs."""

    left: Any
    right: Any = None


class Opaque:
    """A mutable leaf that is compared by identity, such as a layer with weights."""

    def __init__(self, value: int) -> None:
        self.value = value


@st.composite
def programs(draw: st.DrawFn, *, depth: int = 3, floats: bool = True, plain: bool = True) -> Any:
    """A program with up to three fields and usually some holes, nested up to ``depth`` levels.

    Args:
      draw: given by Hypothesis.
      depth: largest nesting depth of nodes, containers and holes.
      floats: whether to use ``floatv``, which makes a space infinite.
      plain: whether to use plain dicts, lists, tuples and dataclasses.
    """
    maker = _Maker(draw, floats=floats, plain=plain)
    first = maker.hole(depth - 1, name=None)
    rest = [maker.value(depth - 1, top=True) for _ in range(draw(st.integers(0, 2)))]
    return maker.join([first, *rest])


class _Maker:
    """Makes one program; keeps the numbers used so far, and the named holes, which may be repeated."""

    def __init__(self, draw: st.DrawFn, *, floats: bool, plain: bool) -> None:
        self.draw, self.floats, self.plain = draw, floats, plain
        self.numbers = count(0, 100)
        self.named: list[Any] = []

    def value(self, depth: int, *, top: bool = False) -> Any:
        """Makes a value: an atom, a hole, or a container of values."""
        kinds = ["atom", "hole", "hole", "join", *["named"] * top, *["again"] * bool(self.named)]
        kind = self.draw(st.sampled_from(kinds)) if depth > 0 else "atom"
        if kind == "hole":
            return self.hole(depth, name=None)
        if kind == "named":  # always active, so that it can be repeated anywhere
            self.named.append(self.hole(depth, name=f"name {len(self.named)}"))
            return clone(self.named[-1])
        if kind == "again":
            return clone(self.draw(st.sampled_from(self.named)))
        if kind == "join":
            return self.join([self.value(depth - 1, top=top) for _ in range(self.draw(st.integers(1, 2)))])
        return next(self.numbers)

    def hole(self, depth: int, *, name: str | None) -> Any:
        """Makes a hole."""
        draw, low = self.draw, next(self.numbers)
        labels: dict[str, Any] = {"name": name, "hints": draw(st.sampled_from([None, "a", "b"]))}
        kind = draw(st.sampled_from(["oneof", "oneof", "manyof", "permute", "intv", "floatv"]))
        scale = draw(st.sampled_from(["linear", "log"]))
        if kind == "floatv" and self.floats:
            return floatv(low + 1.0, low + 2.0, scale, **labels)
        if kind in ("floatv", "intv"):
            return intv(low + 1, low + draw(st.integers(1, 6)), scale, step=draw(st.integers(1, 2)), **labels)
        candidates = [self.value(depth - 1) for _ in range(draw(st.integers(1, 3)))]
        if kind == "oneof":
            return oneof(candidates, **labels)
        if kind == "permute":
            return permute(candidates, **labels)
        distinct, sort = draw(st.booleans()), draw(st.booleans())
        most = min(2, len(candidates)) if distinct else 2
        return manyof(draw(st.integers(1, most)), candidates, distinct, sort, **labels)

    def join(self, values: list[Any]) -> Any:
        """Puts values into a node or plain container."""
        kinds = ["Dict", "List", "Box", *(["dict", "list", "tuple", "Pair"] if self.plain else [])]
        kind = self.draw(st.sampled_from(kinds))
        if kind in ("Box", "Pair"):
            made: Any = Box if kind == "Box" else Pair
            return made(values[0], values[1] if len(values) == 2 else values[1:])
        if kind in ("Dict", "dict"):
            keys = ["a", "odd key", "b"]
            items = dict(zip(keys, values))
            return Dict(items) if kind == "Dict" else items
        return {"List": List, "list": list, "tuple": tuple}[kind](values)
