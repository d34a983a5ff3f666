"""Plans: analyses a program with holes into a tree of parts.

Parts describe their holes to the abstract space, are compiled to code that builds candidates (``compile``), and are
matched with programs to find their decisions (``match``).  Parts list holes in depth-first order, the order in which
building consumes decisions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pliant.space import Hole as Described
from pliant.space import choice, floating, integer
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.read.compare import equal, kind_of, node_class
from pliant.symbolic.read.text import literal, one_line
from pliant.symbolic.tree.leaf import Ref, is_shared
from pliant.symbolic.tree.node import ATOMS, Node, children, path
from pliant.values.errors import ConditionalHoleError, SpaceError, quote
from pliant.values.path import Key, Path, step_text

from .context import run_apart
from .hole import DerivedHole, Floatv, Hole, Intv, ManyOf, OneOf
from .partition import ByPath, Where


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
    """A user-defined hole (``DerivedHole``)."""

    hole: Any
    part: Part


@dataclass(slots=True)
class Tied:
    """A hole that repeats the decision of an earlier hole with its name."""

    name: str
    source: Part


@dataclass(slots=True)
class Echo:
    """A hole that repeats the decision of an earlier hole with its name, with candidates of its own."""

    name: str
    part: Part


@dataclass(slots=True)
class Source:
    """A hole whose decision later holes with its name repeat.

    Attributes:
      echoed: whether some of them have candidates of their own, and so need the decision, not the value.
    """

    name: str
    part: Part
    echoed: bool


Part = Constant | Branch | Pick | Number | Derived | Tied | Echo | Source


@dataclass(slots=True)
class Named:
    """A named hole and its position: the branches of the choices that enclose it.

    Attributes:
      known: by name, the number of named holes that were met before the holes inside this one.
    """

    hole: Any
    spot: _Spot
    scope: tuple[tuple[int, int], ...]
    part: Part
    known: dict[str, int]
    used: bool = False
    echoed: bool = False


@dataclass(slots=True)
class Plan:
    """The parts of a program, and the descriptions of its holes for the abstract space.

    Attributes:
      is_watched: whether every change to the program is noticed, because it has no plain mutable container.
    """

    part: Part
    described: list[Described]
    is_watched: bool


@dataclass(slots=True)
class _Spot:
    """The position of the planner: location relative to the enclosing candidate, and the holes described there.

    Attributes:
      symbolic: whether lists built here become symbolic.
    """

    location: str
    path: Path
    described: list[Described]
    symbolic: bool

    def below(self, key: Key, *, symbolic: bool) -> _Spot:
        """Returns the spot of a child."""
        location = self.location + step_text(key, first=not self.location)
        return _Spot(location, self.path + key, self.described, symbolic)


def make_plan(program: object, where: Where | None = None) -> Plan:
    """Analyses a program; with ``where``, only the holes that it selects are open.

    The plan refers to a copy, so later changes to the program do not affect it.

    Raises:
      SpaceError: holes with one name contradict each other, or the program is nested too deeply.
    """
    try:
        return _Planner(where).plan(program)
    except RecursionError as error:
        raise SpaceError(
            f"this {type(program).__name__} is nested too deeply for a search space: Python allows "
            f"{sys.getrecursionlimit()} nested calls. Nest it less, or raise the limit with sys.setrecursionlimit."
        ) from error


class _Planner:
    """One analysis: the selection, and the named holes met so far.

    Walks the program and a copy of it side by side: the selection gets the holes of the program itself, and the plan
    refers to the copy.
    """

    def __init__(self, where: Where | None) -> None:
        self.where = where
        self.names: dict[str, list[Named]] = {}
        self.met: list[tuple[str, Named]] = []  # all of them, including those in echoes
        self.left: dict[
            str, tuple[Any, _Spot]
        ] = {}  # by name: a hole that was not selected, and its position
        self.scope: tuple[tuple[int, int], ...] = ()
        self.serial = 0
        self.is_watched = True

    def plan(self, program: object) -> Plan:
        """Returns the plan of a whole program."""
        spot = _Spot("", path(program), [], isinstance(program, Node))
        part = self.visit(program, clone(program), spot)
        for name in self.left.keys() & self.names.keys():
            raise SpaceError(
                f"the partition selects the hole named {name!r} at {str(self.names[name][0].spot.path)!r}, but not the one "
                f"at {str(self.left[name][1].path)!r}. Holes with one name share a decision: select all of them, or none."
            )
        used = {id(n.part): (name, n.echoed) for name, n in self.met if n.used}
        return Plan(_mark_sources(part, used), spot.described, self.is_watched)

    def visit(self, original: object, value: object, spot: _Spot) -> Part:
        """Returns the part for a value (a copy of ``original``), and describes the holes in it."""
        if value.__class__ in ATOMS:
            return Constant(value)
        if isinstance(value, Hole):
            if self.selects(original, spot):
                return self.visit_hole(original, value, spot)
            if value.name is not None and value.name in self.left:
                self.refuse_split(*self.left[value.name], selected=False)
                self.refuse_split(original, spot, selected=False)
            if value.name is not None:
                self.left.setdefault(value.name, (original, spot))
        items, originals = children(value), children(original)
        if items is None or originals is None:
            return Constant(value)
        is_node = isinstance(value, Node)
        if not (is_node or is_frozen(value)):
            self.is_watched = False
        symbolic = spot.symbolic or is_node
        parts = [
            self.visit(twin, child, spot.below(key, symbolic=symbolic))
            for (key, child), (_, twin) in zip(items, originals)
        ]
        if all(part.__class__ is Constant for part in parts):
            return Constant(value)
        return Branch(value, [key for key, _ in items], parts)

    def selects(self, hole: object, spot: _Spot) -> bool:
        """Returns whether a hole is open in this plan."""
        where = self.where
        if where is None:
            return True
        return where.selects(spot.path) if isinstance(where, ByPath) else bool(where(hole))

    def visit_hole(self, original: Any, hole: Any, spot: _Spot) -> Part:
        """Returns the part for an open hole."""
        if hole.name is not None:
            earlier = self.tie(hole, str(spot.path))
            if earlier is not None:
                self.refuse_split(earlier.hole, earlier.spot, selected=True)
                self.refuse_split(original, spot, selected=True)
                earlier.used = True
                if is_same(earlier.hole, hole):
                    return Tied(hole.name, earlier.part)
                earlier.echoed = True
                return Echo(hole.name, self.describe_echo(original, hole, spot, earlier))
        known = {name: len(found) for name, found in self.names.items()}
        part = self.describe(original, hole, spot)
        if hole.name is not None:
            met = Named(original, spot, self.scope, part, known)
            self.names.setdefault(hole.name, []).append(met)
            self.met.append((hole.name, met))
        return part

    def describe_echo(self, original: object, hole: object, spot: _Spot, earlier: Named) -> Part:
        """Returns the part for a hole that repeats the decisions of an earlier one, including those in its candidates.

        Names in it are resolved as in the earlier hole, so that both have the same number of decisions.
        """
        names, self.names = self.names, {n: self.names[n][:count] for n, count in earlier.known.items()}
        try:
            return self.describe(original, hole, _Spot(spot.location, spot.path, [], spot.symbolic))
        finally:
            self.names = names

    def tie(self, hole: Any, at: str) -> Named | None:
        """Returns the earlier hole of the same name whose decision this one repeats, if any."""
        for earlier in self.names.get(hole.name, ()):
            if self.scope[: len(earlier.scope)] == earlier.scope:
                if not is_same(earlier.hole, hole) and not is_alike(earlier.hole, hole):
                    raise SpaceError(
                        f"two holes have the name {hole.name!r} but differ: {quote(earlier.hole, 200)} at {str(earlier.spot.path)!r} and "
                        f"{quote(hole, 200)} at {at!r}. Holes with one name share a decision: make them equal (objects among the candidates "
                        "may differ in their arguments, not in their class or in their holes), or use two names."
                    )
                return earlier
            if not _exclusive(earlier.scope, self.scope):
                raise ConditionalHoleError(
                    f"the hole named {hole.name!r} at {at!r} repeats the one at {str(earlier.spot.path)!r}, which is "
                    "active only for some decisions. Put one hole with this name where it is always active, or use two names.",
                    name=hole.name,
                )
        return None

    def refuse_split(self, hole: Any, spot: _Spot, *, selected: bool) -> None:
        """Raises SpaceError if a partition selects a tied hole but not a hole inside it, or the reverse.

        A hole that stays open inside a tied hole would be decided separately at each of its places.
        """
        for at, inner in _holes_below(hole, spot.path):
            if inner.name is None and self.selects(inner, _Spot("", at, [], False)) is not selected:
                verbs = ("selects", "not") if selected else ("does not select", "does")
                raise SpaceError(
                    f"the partition {verbs[0]} the hole named {hole.name!r} at {str(spot.path)!r}, but {verbs[1]} the hole at "
                    f"{str(at)!r} in it. Holes with one name are decided together: select both, or none, or name the inner hole."
                )

    def describe(self, original: object, hole: Any, spot: _Spot) -> Part:
        """Returns the part for a hole with a decision of its own, and describes it."""
        if isinstance(hole, (OneOf, ManyOf)):
            return self.describe_pick(original, hole, spot)
        described, location = spot.described, spot.location
        labels = {"name": hole.name, "hints": hole.hints}
        if isinstance(hole, Floatv):
            described.append(floating(location, hole.min_value, hole.max_value, scale=hole.scale, **labels))
            return Number(hole)
        if isinstance(hole, Intv):
            described.append(
                integer(location, hole.min_value, hole.max_value, scale=hole.scale, step=hole.step, **labels)
            )
            return Number(hole)
        if isinstance(hole, DerivedHole):
            inner = run_apart(hole.inner)  # its holes belong to this hole, not to a traced program
            return Derived(hole, self.visit(inner, inner, spot))
        raise SpaceError(
            f"the {type(hole).__name__} at {location!r} cannot be decided; derive its class from pg.DerivedHole."
        )

    def describe_pick(self, original: Any, hole: Any, spot: _Spot) -> Part:
        """Describes a choice, its candidates, and the holes in them."""
        self.serial += 1
        outer, serial = self.scope, self.serial
        below: list[Any] = []
        parts = []
        at = spot.path + "candidates"
        candidates = list(hole.candidates._sym_values())
        for i, candidate in enumerate(candidates):
            inner: list[Described] = []
            self.scope = (*outer, (serial, i))
            parts.append(
                self.visit(original.candidates[i], candidate, _Spot("", at + i, inner, spot.symbolic))
            )
            below.append(inner or None)
        self.scope = outer
        many = isinstance(hole, ManyOf)
        spot.described.append(
            choice(
                spot.location,
                below,
                literals=[literal(c) for c in candidates],
                values=candidates if all(kind_of(c) in (int, float) for c in candidates) else (),
                picks=hole.num_choices if many else 1,
                distinct=hole.distinct if many else True,
                sorted=hole.sorted if many else False,
                name=hole.name,
                hints=hole.hints,
            )
        )
        return Pick(hole, parts, hole.num_choices if many else None, spot.symbolic)


def _holes_below(value: object, at: Path) -> Iterator[tuple[Path, Any]]:
    """Yields the holes below a value, with their paths."""
    for key, child in children(value) or ():
        if isinstance(child, Hole):
            yield at + key, child
        yield from _holes_below(child, at + key)


def is_frozen(value: object) -> bool:
    """Returns whether a plain container cannot be changed in place: a tuple, a frozen dataclass."""
    parameters = getattr(type(value), "__dataclass_params__", None)
    return isinstance(value, tuple) or (parameters is not None and parameters.frozen)


def _exclusive(a: tuple[tuple[int, int], ...], b: tuple[tuple[int, int], ...]) -> bool:
    """Returns whether two positions are never active together: they are in different candidates of one choice."""
    for x, y in zip(a, b):
        if x != y:
            return x[0] == y[0]
    return False


def _mark_sources(part: Part, sources: dict[int, tuple[str, bool]]) -> Part:
    """Wraps the parts whose decisions are repeated later in ``Source``."""
    found = sources.get(id(part))
    if isinstance(part, Branch):
        part.parts = [_mark_sources(p, sources) for p in part.parts]
    elif isinstance(part, Pick):
        part.candidates = [_mark_sources(p, sources) for p in part.candidates]
    elif isinstance(part, (Derived, Echo)):
        part.part = _mark_sources(part.part, sources)
    return part if found is None else Source(found[0], part, found[1])


def is_same(first: object, second: object) -> bool:
    """Returns whether two values are equal and of equal types: 1 equals 1.0, but differs in type."""
    return equal(first, second) and one_line(first) == one_line(second)


def is_alike(first: Any, second: Any) -> bool:
    """Returns whether two holes may share one decision: same kind, rules and numbers, and corresponding candidates.

    Candidates correspond if they are equal, or objects of one class with corresponding holes at the same paths, or
    containers of such.

    >>> import pliant as pg
    >>> class Layer(pg.Object):
    ...     width: int
    >>> is_alike(pg.oneof([Layer(8), None]), pg.oneof([Layer(16), None])), is_alike(pg.oneof([8]), pg.oneof([16]))
    (True, False)
    """
    if node_class(first) is not node_class(second):
        return False
    if isinstance(first, DerivedHole):
        return _ask_alike(run_apart(first.inner), run_apart(second.inner))
    if not isinstance(first, (OneOf, ManyOf)):
        return is_same(first, second)
    a, b = dict(first.sym_init_args), dict(second.sym_init_args)
    ours, theirs = a.pop("candidates"), b.pop("candidates")
    return equal(a, b) and len(ours) == len(theirs) and all(map(_correspond, ours, theirs))


def _correspond(a: Any, b: Any) -> bool:
    """Returns whether two candidates correspond; see ``is_alike``."""
    if isinstance(a, Hole) or isinstance(b, Hole):
        return isinstance(a, Hole) and isinstance(b, Hole) and is_alike(a, b)
    if is_same(a, b):
        return True
    if a.__class__ in ATOMS or node_class(a) is not node_class(b):
        return False
    if a.__class__ is Ref:
        return type(a.value) is type(b.value)
    if isinstance(a, Node) and not isinstance(a, (list, dict)):
        return _ask_alike(a, b)
    ours, theirs = children(a), children(b)
    if ours is None or theirs is None:
        return not (is_shared(a) or isinstance(a, Enum))  # immutable values are compared by value
    return [key for key, _ in ours] == [key for key, _ in theirs] and all(
        _correspond(x, y) for (_, x), (_, y) in zip(ours, theirs)
    )


def _ask_alike(a: object, b: object) -> bool:
    """Returns whether two values have corresponding holes at the same paths."""
    ours, theirs = list(_outer_holes(a, Path())), list(_outer_holes(b, Path()))
    return [at for at, _ in ours] == [at for at, _ in theirs] and all(
        is_alike(x, y) for (_, x), (_, y) in zip(ours, theirs)
    )


def _outer_holes(value: object, at: Path) -> Iterator[tuple[Path, Any]]:
    """Yields the outermost holes in a value, with their paths."""
    if isinstance(value, Hole):
        yield at, value
        return
    for key, child in children(value) or ():
        yield from _outer_holes(child, at + key)
