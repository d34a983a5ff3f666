"""The inverse of building: which decisions make a given program from a space."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pliant.symbolic.compare import equal, node_class
from pliant.symbolic.node import Node, children
from pliant.symbolic.text import one_line
from pliant.values.errors import DecisionError
from pliant.values.path import ROOT, Path, at_path

from .hole import Intv
from .plan import Branch, Constant, Derived, Number, Part, Pick, Source, Tied

Vector = tuple[Any, ...]


def find_decisions(part: Part, child: Any) -> Vector:
    """Returns the first decisions, in lexicographic order, that build ``child``.

    Raises:
      DecisionError: none do; names the first place that cannot be.
    """
    matcher = _Matcher()
    for vector, _ in matcher.match(part, child, ROOT, {}):
        return vector
    where, why = matcher.failure
    raise DecisionError(f"this program is not in the space: {at_path(where)} {why}.")


class _Matcher:
    """One match: remembers the deepest place that failed, for the message."""

    def __init__(self) -> None:
        self.failure: tuple[Path, str] = (ROOT, "it differs")

    def fail(self, at: Path, why: str) -> None:
        """Notes why nothing matches at a place."""
        if at.depth >= self.failure[0].depth:
            self.failure = (at, why)

    def match(self, part: Part, value: Any, at: Path, tied: dict[str, Any]) -> Iterator[tuple[Vector, dict[str, Any]]]:
        """Yields all decisions of a part that build ``value``, with the tied values that they fix."""
        if isinstance(part, Constant):
            if equal(part.value, value):
                yield (), tied
            else:
                self.fail(at, f"is {_show(value)}; the space has {_show(part.value)} there")
        elif isinstance(part, Tied):
            if part.name in tied and equal(tied[part.name], value):
                yield (), tied
            else:
                self.fail(at, f"differs from the other places of {part.name!r}, which are decided together")
        elif isinstance(part, Source):
            for vector, below in self.match(part.part, value, at, tied):
                yield vector, {**below, part.name: value}
        elif isinstance(part, Number):
            yield from self.match_number(part, value, at, tied)
        elif isinstance(part, Derived):
            yield from self.match(part.part, part.hole.unbuild(value), at, tied)
        elif isinstance(part, Pick):
            yield from self.match_pick(part, value, at, tied)
        else:
            yield from self.match_branch(part, value, at, tied)

    def match_number(
        self, part: Number, value: Any, at: Path, tied: dict[str, Any]
    ) -> Iterator[tuple[Vector, dict[str, Any]]]:
        """Matches a number against its range."""
        hole = part.hole
        kinds = (int,) if isinstance(hole, Intv) else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not hole.min_value <= value <= hole.max_value:
            self.fail(at, f"is {_show(value)}; allowed: {one_line(hole)}")
        elif isinstance(hole, Intv) and (value - hole.min_value) % hole.step:
            self.fail(at, f"is {value}, which the steps of {one_line(hole)} do not reach")
        else:
            yield (value if isinstance(hole, Intv) else float(value),), tied

    def match_pick(
        self, part: Pick, value: Any, at: Path, tied: dict[str, Any]
    ) -> Iterator[tuple[Vector, dict[str, Any]]]:
        """Matches one pick, or a list of picks."""
        if part.k is None:
            for i, candidate in enumerate(part.candidates):
                for vector, below in self.match(candidate, value, at, tied):
                    yield (i, *vector), below
            return
        if not isinstance(value, list) or len(value) != part.k:
            self.fail(at, f"is {_show(value)}; the space has a list of {part.k} picks there")
            return
        yield from self.match_picks(part, value, at, (), tied)

    def match_picks(
        self, part: Pick, values: Any, at: Path, picked: tuple[int, ...], tied: dict[str, Any]
    ) -> Iterator[tuple[Vector, dict[str, Any]]]:
        """Matches the picks from ``len(picked)`` on."""
        k = len(picked)
        if k == len(values):
            yield (), tied
            return
        first = picked[-1] if picked and part.hole.sorted else 0
        for i in range(first, len(part.candidates)):
            if part.hole.distinct and i in picked:
                continue
            for vector, below in self.match(part.candidates[i], values[k], at + k, tied):
                for rest, after in self.match_picks(part, values, at, (*picked, i), below):
                    yield (i, *vector, *rest), after

    def match_branch(
        self, part: Branch, value: Any, at: Path, tied: dict[str, Any]
    ) -> Iterator[tuple[Vector, dict[str, Any]]]:
        """Matches a node or container child by child."""
        wanted = part.value
        same = node_class(value) is node_class(wanted) or (
            not isinstance(wanted, Node)
            or isinstance(wanted, (list, dict))
            and isinstance(value, (list, dict))
            and isinstance(wanted, list) == isinstance(value, list)
        )
        items = children(value)
        if not same or items is None:
            self.fail(at, f"is a {node_class(value).__name__}; the space has a {node_class(wanted).__name__} there")
            return
        found = dict(items)
        if set(found) != set(part.keys):
            self.fail(at, f"has {_show(list(found))}; the space has {_show(part.keys)} there")
            return
        yield from self.match_all(part, found, 0, at, tied)

    def match_all(
        self, part: Branch, found: dict[Any, Any], i: int, at: Path, tied: dict[str, Any]
    ) -> Iterator[tuple[Vector, dict[str, Any]]]:
        """Matches the children from number ``i`` on."""
        if i == len(part.parts):
            yield (), tied
            return
        key = part.keys[i]
        for vector, below in self.match(part.parts[i], found[key], at + key, tied):
            for rest, after in self.match_all(part, found, i + 1, at, below):
                yield (*vector, *rest), after


def _show(value: Any) -> str:
    text = one_line(value)
    return text if len(text) <= 80 else text[:77] + "..."
