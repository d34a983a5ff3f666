"""Random sampling of decision vectors: each decision independently (the default), or uniformly over distinct vectors.

Samplers are generated code (see ``values.source``), because a loop over point records costs ten times what the
random numbers do.  The source consists of numbers and of names chosen here; no text of a user enters it.
Equal shapes share one function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from pliant.values.errors import SpaceError, quote_typed
from pliant.values.numbers import to_whole
from pliant.values.source import define_function

from .active import active_points
from .enumeration import unrank_units
from .layout import Unit, Units, make_units, measure
from .points import Choice, Float, Int
from .scale import from_unit
from .validate import Vector

if TYPE_CHECKING:
    from .space import Space

Draw = Callable[[], float]
Sampler = Callable[[Draw, list[Any]], None]  # appends the decisions of some units

_KINDS = 4  # up to this many kinds of branches are compared in a chain of `if`, more are looked up in a table
_EXACT = 1 << 40  # below it, int(random() * n) is as good as uniform


def as_random(seed: int | Random | None) -> Random:
    """Returns the generator that ``seed`` stands for; None stands for seed 0, never for a global one.

    Raises:
      SpaceError: ``seed`` is neither a whole number nor a ``random.Random``.
    """
    if isinstance(seed, Random):
        return seed
    if seed is None:
        return Random(0)
    number = to_whole(seed)
    if number is None:
        raise SpaceError(
            f"seed must be a whole number, a random.Random, or None for seed 0; got {quote_typed(seed)}."
        )
    return Random(number)


def make_sampler(units: Units) -> Any:
    """Returns a function of ``random`` (a callable) that draws a whole vector."""
    append = compile_sampler(units)

    def sampler(random: Any) -> Vector:
        values: list[Any] = []
        append(random, values)
        return tuple(values)

    return sampler


def branch_sampler(space: Space, indices: Sequence[int]) -> Sampler:
    """Returns the function that draws the points of one branch; made once per branch and space."""
    cache = space._cache
    key = tuple(indices)
    found: Sampler | None = cache.get(key)
    if found is None:
        found = cache[key] = compile_sampler(make_units(space.points, key))
    return found


def sample_branch(space: Space, indices: Sequence[int], rng: Random) -> Vector:
    """Draws decisions for the points of one branch and all that becomes active below them."""
    if not indices:
        return ()
    values: list[Any] = []
    branch_sampler(space, indices)(rng.random, values)
    return tuple(values)


def sample_uniform(space: Space, rng: Random) -> Vector:
    """Draws a vector uniformly over the distinct ones; floats, which have no count, by their scale."""
    values = unrank_units(space._units, rng.randrange(measure(space._units)))
    if space.size == math.inf:
        active = active_points(space, [0 if v is None else v for v in values])
        for at, value in enumerate(values):
            if value is None:
                point: Any = space.points[active[at]]
                values[at] = from_unit(point, rng.random())
    return tuple(values)


def compile_sampler(units: Units) -> Sampler:
    """Returns a function ``(random, vector)`` that draws each decision by itself and appends them all."""
    return _Compiler().sampler(units)


def draw_distinct(random: Draw, count: int, picks: int) -> list[int]:
    """Returns ``picks`` different numbers below ``count`` in random order (Fisher and Yates, cut short)."""
    pool = list(range(count))
    for at in range(picks):
        other = at + int(random() * (count - at))
        pool[at], pool[other] = pool[other], pool[at]
    del pool[picks:]
    return pool


class _Compiler:
    """The functions made so far, and the constants of the one being written."""

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}

    def sampler(self, units: Units) -> Sampler:
        names: dict[str, Any] = {"from_unit": from_unit, "draw_distinct": draw_distinct}
        lines: list[str] = []
        simple: list[str] = []
        for unit in units:
            expressions = self.simple(unit, names)
            if expressions:
                simple += expressions
                continue
            _flush(simple, lines)
            lines += self.branching(unit, names)
        _flush(simple, lines)
        source = ["def sampler(r, v):", *(f"    {line}" for line in lines or ["pass"])]
        key = ("\n".join(source), tuple((name, id(value)) for name, value in names.items()))
        if key not in self.known:
            self.known[key] = define_function("sampler", source, names, title="sampler")
        return self.known[key]  # type: ignore[no-any-return]  # a function made just now

    def simple(self, unit: Unit, names: dict[str, Any]) -> list[str]:
        """Returns an expression per decision where nothing below has to be drawn, else nothing."""
        point = unit.point
        if isinstance(point, Choice):
            if any(unit.branches):
                return []
            if unit.picks == 1 or (point.group and not point.group.distinct and not point.group.sorted):
                return [_index(point.count)] * unit.picks
            return [f"*{_picks(unit)}"]
        if point.scale == "linear":
            if isinstance(point, Float):
                low, high = point.min_value, point.max_value
                return [f"min({low!r} + r() * {high - low!r}, {high!r})"]
            if point.count < _EXACT:
                return [f"{point.min_value} + {point.step} * {_index(point.count)}"]
        return [f"from_unit({self.constant(names, self.anonymous(point))}, r())"]

    def branching(self, unit: Unit, names: dict[str, Any]) -> list[str]:
        """Returns the lines that draw candidates and then what is below each."""
        below = self.inline(unit, names)
        if not below:
            functions = tuple(self.sampler(branch) if branch else None for branch in unit.branches)
            table = self.constant(names, self.known.setdefault(("table", functions), functions))
            below = ["v.append(i)", f"if f := {table}[i]: f(r, v)"]
        if unit.picks == 1:
            return [f"i = {_index(len(unit.branches))}", *below]
        return [f"for i in {_picks(unit)}:", *(f"    {line}" for line in below)]

    def inline(self, unit: Unit, names: dict[str, Any]) -> list[str]:
        """Returns a chain of ``if i ...`` where few kinds of branches hold simple units only, else nothing."""
        kinds: dict[tuple[str, ...], list[int]] = {}
        for candidate, branch in enumerate(unit.branches):
            parts = [self.simple(below, names) for below in branch]
            if not all(parts):
                return []
            kinds.setdefault(tuple(e for part in parts for e in part), []).append(candidate)
        if len(kinds) > _KINDS:
            return []
        *chain, last = sorted(kinds.items(), key=lambda kind: len(kind[1]))
        lines: list[str] = []
        for kind, candidates in chain:
            test = f"in {tuple(candidates)}" if len(candidates) > 1 else f"== {candidates[0]}"
            lines += [f"{'el' if lines else ''}if i {test}:", f"    {_append('i', *kind)}"]
        body = _append("i", *last[0])
        return [*lines, "else:", f"    {body}"] if lines else [body]

    def anonymous(self, point: Int | Float) -> Int | Float:
        plain = replace(point, path="", name=None, hints=None)
        return self.known.setdefault(plain, plain)  # type: ignore[no-any-return]  # equal to its key

    def constant(self, names: dict[str, Any], value: object) -> str:
        for name, known in names.items():
            if known is value:
                return name
        name = f"c{len(names)}"
        names[name] = value
        return name


def _flush(simple: list[str], lines: list[str]) -> None:
    if simple:
        lines.append(_append(*simple))
    simple.clear()


def _append(*expressions: str) -> str:
    if len(expressions) == 1 and expressions[0][0] != "*":
        return f"v.append({expressions[0]})"
    return f"v += ({', '.join(expressions)},)"


def _index(count: int) -> str:
    return f"int(r() * {count})" if count > 1 else "0"


def _picks(unit: Unit) -> str:
    point = unit.point
    assert isinstance(point, Choice)
    assert point.group is not None
    count, group = point.count, point.group
    if group.distinct:
        drawn = f"draw_distinct(r, {count}, {group.picks})"
    else:
        drawn = f"[int(r() * {count}) for _ in range({group.picks})]"
    return f"sorted({drawn})" if group.sorted else drawn
