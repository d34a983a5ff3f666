"""Which candidates decisions choose: for each hole, by its path in the program with holes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, final

from pliant.hyper.compile import compile_part, decided
from pliant.hyper.plan import Branch, Derived, Echo, Number, Part, Pick, Source, Tied
from pliant.hyper.template import Template
from pliant.space import Decisions
from pliant.values.path import Key

Place = tuple[Key, ...]


@final
@dataclass(frozen=True, slots=True)
class Choice:
    """What was decided at a hole.

    Attributes:
      picks: the indices of the chosen candidates; empty for a number.
      value: the number, or what a derived hole became.
    """

    picks: tuple[int, ...] = ()
    value: Any = None


def find_choices(template: Template, decisions: Decisions) -> dict[Place, Choice]:
    """Returns what decisions choose at each hole that they decide; holes inside of the n-th pick of several are at ``picks[n]``.

    >>> import pliant as pg
    >>> template = Template(pg.Dict(kernel=pg.oneof([3, 5, 7])))
    >>> find_choices(template, template.space.parse([2]))
    {('kernel',): Choice(picks=(2,), value=None)}
    """
    finder = _Finder()
    finder.walk(template._part, (), iter(decisions.values).__next__)
    return finder.found


@dataclass(slots=True)
class _Finder:
    """Walks the parts of a program in the order in which building it consumes decisions."""

    found: dict[Place, Choice] = field(default_factory=dict)
    tied: dict[Any, Any] = field(default_factory=dict)  # as for `compile_part`
    sources: dict[str, Place] = field(default_factory=dict)

    def walk(self, part: Part, at: Place, following: Callable[[], Any]) -> None:
        if isinstance(part, Branch):
            for key, inner in zip(part.keys, part.parts):
                self.walk(inner, (*at, key), following)
        elif isinstance(part, Pick):
            picks = []
            for place in range(1 if part.k is None else part.k):
                picks.append(following())
                where = ("candidates", picks[-1]) if part.k is None else ("picks", place)
                self.walk(part.candidates[picks[-1]], (*at, *where), following)
            self.found[at] = Choice(tuple(picks))
        elif isinstance(part, Number):
            self.found[at] = Choice(value=following())
        elif isinstance(part, Derived):
            self.found[at] = Choice(value=compile_part(part)(following, self.tied))
        elif isinstance(part, Source):
            self._walk_source(part, at, following)
        elif isinstance(part, Echo):
            again: Iterator[Any] = iter(self.tied[decided(part.name)])
            self.walk(part.part, at, again.__next__)
        elif isinstance(part, Tied):
            start = self.sources[part.name]
            same = {place: one for place, one in self.found.items() if place[: len(start)] == start}
            self.found.update({(*at, *place[len(start) :]): one for place, one in same.items()})

    def _walk_source(self, part: Source, at: Place, following: Callable[[], Any]) -> None:
        seen: list[Any] = []

        def record() -> Any:
            seen.append(following())
            return seen[-1]

        self.walk(part.part, at, record)
        self.sources[part.name] = at
        self.tied[decided(part.name)] = tuple(seen)
        self.tied[part.name] = compile_part(part.part)(iter(seen).__next__, self.tied)
