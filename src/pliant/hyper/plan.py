"""What a program with holes is made of, as a tree of parts: the one analysis that all else reads.

Each part can describe its holes to the abstract space, is compiled into code that builds a candidate
(``compile``), and can recognize what it built (``match``).  Parts list their holes in depth-first order;
building consumes decisions in just that order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pliant.space import Hole as Described
from pliant.space import choice, floating, integer
from pliant.symbolic.compare import equal
from pliant.symbolic.node import ATOMS, Node, children
from pliant.symbolic.text import literal
from pliant.values.errors import SpaceError
from pliant.values.path import Key, step_text

from .hole import DerivedHole, Floatv, Hole, Intv, ManyOf, OneOf

Where = Callable[[Any], bool]


@dataclass(slots=True)
class Constant:
    """A subtree without open holes."""

    value: Any


@dataclass(slots=True)
class Branch:
    """A node or plain container with open holes below: its children as parts."""

    value: Any
    keys: list[Key]
    parts: list[Part]


@dataclass(slots=True)
class Pick:
    """A ``oneof`` or ``manyof``."""

    hole: Any
    candidates: list[Part]
    k: int | None
    symbolic: bool


@dataclass(slots=True)
class Number:
    """A ``floatv`` or ``intv``."""

    hole: Any


@dataclass(slots=True)
class Derived:
    """A hole of a user's kind."""

    hole: Any
    part: Part


@dataclass(slots=True)
class Tied:
    """A hole that repeats the decision of an earlier one of its name."""

    name: str
    source: Part


@dataclass(slots=True)
class Source:
    """A hole whose decision later ones of its name repeat."""

    name: str
    part: Part


Part = Constant | Branch | Pick | Number | Derived | Tied | Source


@dataclass(slots=True)
class Named:
    """Where a named hole stands: in which branches of which choices."""

    hole: Any
    scope: tuple[tuple[int, int], ...]
    part: Part
    location: str
    used: bool = False


@dataclass(slots=True)
class Plan:
    """The parts of a program, and the holes that they describe to the abstract space."""

    part: Part
    described: list[Described]
    names: dict[str, list[Named]] = field(default_factory=dict)


def make_plan(program: Any, where: Where | None = None) -> Plan:
    """Analyses a program; with ``where``, only the holes that it selects are open."""
    return _Planner(where).plan(program)


class _Planner:
    """One analysis: the selection, and the named holes met so far."""

    def __init__(self, where: Where | None) -> None:
        self.where = where
        self.names: dict[str, list[Named]] = {}
        self.scope: tuple[tuple[int, int], ...] = ()
        self.serial = 0

    def plan(self, program: Any) -> Plan:
        """Returns the plan of a whole program."""
        described: list[Described] = []
        part = self.visit(program, "", described, isinstance(program, (Node, Hole)))
        part = _mark_sources(part, {id(n.part): name for name, all_ in self.names.items() for n in all_ if n.used})
        return Plan(part, described, self.names)

    def visit(self, value: Any, location: str, described: list[Described], symbolic: bool) -> Part:
        """Returns the part for a value, and appends the holes in it to ``described``."""
        if value.__class__ in ATOMS:
            return Constant(value)
        if isinstance(value, Hole) and (self.where is None or self.where(value)):
            return self.visit_hole(value, location, described, symbolic)
        symbolic = symbolic or isinstance(value, Node)
        items = children(value)
        if not items:
            return Constant(value)
        parts = [
            self.visit(child, location + step_text(key, first=not location), described, symbolic) for key, child in items
        ]
        if all(part.__class__ is Constant for part in parts):
            return Constant(value)
        return Branch(value, [key for key, _ in items], parts)

    def visit_hole(self, hole: Any, location: str, described: list[Described], symbolic: bool) -> Part:
        """Returns the part for an open hole."""
        if hole.name is not None:
            earlier = self.tie(hole, location)
            if earlier is not None:
                earlier.used = True
                return Tied(hole.name, earlier.part)
        part = self.describe(hole, location, described, symbolic)
        if hole.name is not None:
            self.names.setdefault(hole.name, []).append(Named(hole, self.scope, part, location))
        return part

    def tie(self, hole: Any, location: str) -> Named | None:
        """Returns the earlier hole of the same name whose decision this one repeats, if any."""
        for earlier in self.names.get(hole.name, ()):
            if self.scope[: len(earlier.scope)] == earlier.scope:
                if not equal(earlier.hole, hole):
                    raise SpaceError(
                        f"two holes have the name {hole.name!r} but differ: {earlier.hole!r} at {earlier.location!r} and "
                        f"{hole!r} at {location!r}. One name is one decision: make them equal, or name them apart."
                    )
                return earlier
            if not _exclusive(earlier.scope, self.scope):
                raise SpaceError(
                    f"the hole named {hole.name!r} at {location!r} repeats the one at {earlier.location!r}, which is "
                    "active only for some decisions. Put one hole of this name where it is always active, or name them apart."
                )
        return None

    def describe(self, hole: Any, location: str, described: list[Described], symbolic: bool) -> Part:
        """Returns the part for a hole with a decision of its own, and describes it."""
        if isinstance(hole, (OneOf, ManyOf)):
            return self.describe_pick(hole, location, described, symbolic)
        if isinstance(hole, Floatv):
            described.append(
                floating(location, hole.min_value, hole.max_value, scale=hole.scale, name=hole.name, hints=hole.hints)
            )
            return Number(hole)
        if isinstance(hole, Intv):
            described.append(
                integer(
                    location,
                    hole.min_value,
                    hole.max_value,
                    scale=hole.scale,
                    step=hole.step,
                    name=hole.name,
                    hints=hole.hints,
                )
            )
            return Number(hole)
        if isinstance(hole, DerivedHole):
            return Derived(hole, self.visit(hole.inner(), location, described, symbolic))
        raise SpaceError(f"{hole!r} at {location!r} is no hole that can be decided; derive from DerivedHole.")

    def describe_pick(self, hole: Any, location: str, described: list[Described], symbolic: bool) -> Part:
        """Describes a choice, candidates and what is open in them included."""
        self.serial += 1
        outer, serial = self.scope, self.serial
        below: list[Any] = []
        parts = []
        for i, candidate in enumerate(hole.candidates):
            inner: list[Described] = []
            self.scope = (*outer, (serial, i))
            parts.append(self.visit(candidate, "", inner, symbolic))
            below.append(inner or None)
        self.scope = outer
        many = isinstance(hole, ManyOf)
        candidates = list(hole.candidates)
        numbers = all(c.__class__ in (int, float) for c in candidates)
        described.append(
            choice(
                location,
                below,
                literals=[literal(c) for c in candidates],
                values=candidates if numbers else (),
                picks=hole.num_choices if many else 1,
                distinct=hole.distinct if many else True,
                sorted=hole.sorted if many else False,
                name=hole.name,
                hints=hole.hints,
            )
        )
        return Pick(hole, parts, hole.num_choices if many else None, symbolic)


def _exclusive(a: tuple[tuple[int, int], ...], b: tuple[tuple[int, int], ...]) -> bool:
    """Returns whether two places can never be active together: they lie in different candidates of one choice."""
    for x, y in zip(a, b):
        if x != y:
            return x[0] == y[0]
    return False


def _mark_sources(part: Part, sources: dict[int, str]) -> Part:
    """Wraps the parts whose decision is repeated later."""
    name = sources.get(id(part))
    if isinstance(part, Branch):
        part.parts = [_mark_sources(p, sources) for p in part.parts]
    elif isinstance(part, Pick):
        part.candidates = [_mark_sources(p, sources) for p in part.candidates]
    elif isinstance(part, Derived):
        part.part = _mark_sources(part.part, sources)
    return part if name is None else Source(name, part)
