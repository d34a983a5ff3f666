"""The table of decisions: a row per hole, with its candidates, its condition and its ties."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pliant.space import Choice, Float, Int, Space, find_parents
from pliant.space.layout import Unit
from pliant.space.literals import shorten_literals
from pliant.space.shares import count_below, hole_path, index_holes
from pliant.symbolic.read.text import one_line
from pliant.values.path import step_text

from ..plan import Branch, Constant, Derived, Echo, Number, Part, Pick, Source, Tied
from .candidates import tell_apart
from .facts import Candidate, Decision


def list_decisions(space: Space, holes: Holes, discrete_size: int) -> tuple[Decision, ...]:
    """Returns a row per hole, in depth-first order.

    Args:
      space: the abstract space.
      holes: those of the program; empty for an abstract space.
      discrete_size: the number of distinct decisions, with each float counted as one.
    """
    whole = math.log(discrete_size)
    parents = find_parents(space)
    rows: dict[int, Decision] = {}  # by index of the point
    for number, (index, unit) in enumerate(index_holes(space)):
        point, parent = unit.point, parents[index]
        above = None if parent is None else rows[parent[0]]
        rows[index] = Decision(
            path=hole_path(unit),
            kind=_say_kind(unit),
            values="" if isinstance(point, Choice) else _say_range(point),
            candidates=_list_candidates(unit, holes.found[number] if holes.found else None),
            share=math.log(unit.size) / whole if whole else 0.0,
            depth=0 if above is None else above.depth + 1,
            condition="" if parent is None else _say_condition(rows[parent[0]], parent[1]),
            name=point.name,
            ties=tuple(holes.ties.get(number, ())),
            hints="" if point.hints is None else one_line(point.hints, max_length=40),
        )
    return tuple(rows.values())


def find_holes(part: Part | None) -> Holes:
    """Returns the holes of a plan; none without a plan."""
    holes = Holes()
    if part is not None:
        holes.visit(part, "")
    return holes


class Holes:
    """The holes with a decision of their own in a plan, in depth-first order, and the places that repeat each.

    Attributes:
      found: the parts of the holes, ``Pick`` or ``Number``.
      ties: per index into ``found``, the paths of holes that share the decision.
      derived: the indices of those in a ``DerivedHole``.
    """

    def __init__(self) -> None:
        self.found: list[Any] = []
        self.ties: dict[int, list[str]] = {}
        self.derived: set[int] = set()
        self._named: dict[str, int] = {}  # by name, the index of the hole that later ones repeat

    def visit(self, part: Part, at: str, *, derived: bool = False) -> None:
        """Adds the holes of a part at a path."""
        if isinstance(part, Source):
            self._named[part.name] = len(self.found)
            self.visit(part.part, at, derived=derived)
        elif isinstance(part, Branch):
            for key, child in zip(part.keys, part.parts):
                self.visit(child, at + step_text(key, first=not at), derived=derived)
        elif isinstance(part, Derived):
            self.visit(part.part, at, derived=True)
        elif isinstance(part, (Tied, Echo)):
            self.ties.setdefault(self._named[part.name], []).append(at)
        elif not isinstance(part, Constant):
            if derived:
                self.derived.add(len(self.found))
            self.found.append(part)
            for index, candidate in enumerate(part.candidates if isinstance(part, Pick) else ()):
                self.visit(candidate, f"{at}[={index}/{len(part.candidates)}]", derived=derived)  # type: ignore[union-attr]  # a Pick


def _list_candidates(unit: Unit, part: Pick | Number | None) -> tuple[Candidate, ...]:
    """Returns the candidates of a hole: from the program, or where there is none, by the space's texts."""
    if not isinstance(unit.point, Choice):
        return ()
    sizes = count_below(unit)
    if isinstance(part, Pick):
        return tell_apart(list(part.hole.candidates._sym_values()), sizes)
    texts = shorten_literals(unit.point.literals)
    return tuple(Candidate(text, size=size) for text, size in zip(texts, sizes))


def _say_kind(unit: Unit) -> str:
    point = unit.point
    if not isinstance(point, Choice):
        return "intv" if isinstance(point, Int) else "floatv"
    if point.group is None:
        return f"oneof {point.count}"
    rule = (["distinct"] if point.group.distinct else []) + (["sorted"] if point.group.sorted else [])
    return f"manyof {point.group.picks} of {point.count}, {', '.join(rule) or 'repeated'}"


def _say_condition(above: Decision, candidate: int) -> str:
    return f"{tail(above.path) or 'it'} is {above.candidates[candidate].text}"


def tail(path: str) -> str:
    """Returns what follows the last candidate in a path.

    >>> tail("head[=1/2].layers[=0/3].width"), tail("head[=1/2]")
    ('width', '')
    """
    return re.split(r"\[=\d+/\d+\]\.?", path)[-1]


def _say_range(point: Int | Float) -> str:
    scale = "" if point.scale == "linear" else f", {point.scale} scale"
    step = f" in steps of {point.step}" if isinstance(point, Int) and point.step > 1 else ""
    return f"{point.min_value} to {point.max_value}{step}{scale}"


def say_values(candidates: Sequence[Candidate], limit: int | None = None) -> str:
    """Returns candidates on one line: the names of arguments once per class, then their values.

    >>> say_values([Candidate("Conv", (("kernel", "3"),)), Candidate("Conv", (("kernel", "5"),)), Candidate("Pool")])
    'Conv(kernel): 3, 5; Pool'
    >>> say_values([Candidate("", (("kernel", "3"), ("ratio", "6"))), Candidate("", (("kernel", "5"), ("ratio", "6")))])
    'kernel, ratio: (3, 6), (5, 6)'

    Args:
      candidates: the candidates of one choice.
      limit: the number of candidates that are shown; None for all.
    """
    texts = list(_group(candidates[:limit]))
    left = len(candidates) - len(candidates[:limit])
    plain = all(not c.arguments for c in candidates)
    return (", " if plain else "; ").join(texts) + (f", and {left} more" if left else "")


def _group(candidates: Sequence[Candidate]) -> Iterator[str]:
    groups: dict[tuple[str, ...], list[Candidate]] = {}
    for index, candidate in enumerate(candidates):
        names = tuple(name for name, _ in candidate.arguments)
        groups.setdefault((candidate.label, *names) if names else (str(index),), []).append(candidate)
    for (label, *rest), members in groups.items():
        if len(members) == 1 or not rest:
            yield members[0].text
            continue
        values = [[value for _, value in c.arguments] for c in members]
        shown = [v[0] if len(v) == 1 else f"({', '.join(v)})" for v in values]
        head = ", ".join(rest)
        yield f"{label}({head}): {', '.join(shown)}" if label else f"{head}: {', '.join(shown)}"
