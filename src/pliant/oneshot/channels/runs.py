"""Runs of the networks of a space, as propagation compares them: what a probe found, by paths in the program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from torch import nn

from pliant.space import Choice, Decisions, Point, Space, walk_points
from pliant.values.errors import DecisionError
from pliant.values.path import Path

from ..elastic.widths import find_widths, is_depthwise
from .probe import JoinPoint, MatchedNode, Probe
from .slicing import Sizes


@final
@dataclass(frozen=True)
class SearchedValue:
    """A searched value that may be a width.

    Attributes:
      key: the path of its decision.
      hole: the hole in the program.
      paths: the paths of the hole; several for tied holes.
      numbers: the value of each decision; empty if the values are not integers.
      layers: the paths of the layers whose output width it is; empty if it also occurs elsewhere.
    """

    key: str
    hole: Any
    paths: tuple[Path, ...]
    numbers: dict[int, int]
    layers: tuple[str, ...] = ()


@final
class Run:
    """The result of one probe, by paths in the program."""

    def __init__(self, found: Probe, pairs: list[MatchedNode]) -> None:
        self.layers = {str(p.path): p for p in pairs if isinstance(p.child, nn.Module)}
        names = {id(p.child): str(p.path) for p in pairs if isinstance(p.child, nn.Module)}
        for p in reversed(self.layers.values()):  # the innermost first
            for name, module in p.child.named_modules():
                names.setdefault(id(module), f"{p.path}>{name}")
        self.joins = found.joins
        self.widths = {names[key]: width for key, width in found.widths.items()}
        self.built_for = {names[key]: width for key, width in found.built_for.items()}
        origins = found.origins
        self.sizes = Sizes(
            origins.uses,
            {number: names[key] for key, number in origins.layers.items()},
            {names[key]: read for key, read in origins.reads.items()},
            self.widths,
            {names[key]: width for key, width in origins.outputs.items()},
        )


def compose_decisions(space: Space, turn: int, chosen: Mapping[str, Any]) -> Decisions:
    """Returns decisions with values by path, the first numbers, and the ``turn``-th candidates (modulo their number)."""

    def decide(_: int, point: Point) -> Any:
        if not isinstance(point, Choice):
            return chosen.get(point.path, point.min_value)
        return chosen.get(point.path, 0 if point.values else (turn + point.pick) % point.count)

    try:
        return Decisions(space, walk_points(space, decide))
    except DecisionError:  # the picks of a group depend on each other
        drawn = space.sample(turn).to_dict()
        drawn.update({key: value for key, value in chosen.items() if key in drawn})
        return space.parse(drawn)


def find_fixed_outputs(run: Run) -> Iterator[tuple[str, int]]:
    """Yields the layers with a fixed output width, and that width."""
    for path, p in run.layers.items():
        widths = find_widths(p.child)
        if widths is None or widths.writes is None or is_depthwise(p.child):
            continue
        width = getattr(p.value, "sym_init_args", {}).get(widths.writes)
        if type(width) is int:
            yield path, width


def changes(base: Run, run: Run, join: JoinPoint) -> bool:
    """Returns whether the sizes at a join point are other ones in a run."""
    return run.joins.get(join, base.joins[join]) != base.joins[join]


def find_causes(base: Run, effects: Mapping[str, Run], join: JoinPoint) -> tuple[frozenset[str], ...]:
    """Returns, for each tensor at a join point, the decisions and layers that change its size."""
    sizes = base.joins[join]
    found: list[set[str]] = [set() for _ in sizes]
    for key, run in effects.items():
        there = run.joins.get(join, sizes)
        if len(there) == len(sizes):
            for cause, before, after in zip(found, sizes, there):
                if before != after:
                    cause.add(key)
    return tuple(map(frozenset, found))


def merge_groups(groups: list[set[str]], more: set[str]) -> list[set[str]]:
    """Returns groups with a further one, which is joined with those that it overlaps."""
    apart = [group for group in groups if not group & more]
    return [*apart, more.union(*(group for group in groups if group & more))]
