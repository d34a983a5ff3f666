"""Widths that follow: holes over widths are put wherever a layer takes such a width in.

A network's layers name the width of their input (``in_channels``, ``num_features``), so a hole over one layer's output
has to stand in the next layer too.  ``follow`` finds out where, by running the network with other widths and looking
which layers these reach.  It changes the space, not the networks' code; it knows no weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import nn

from pliant.hyper.hole import DerivedHole, Intv, OneOf
from pliant.hyper.template import Template
from pliant.space import Choice, Decisions, Point, Space, walk_points
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.tree.node import Node
from pliant.symbolic.tree.realize import realize
from pliant.values.errors import DecisionError, FieldTypeError, FieldValueError
from pliant.values.path import Path

from ..choices.hole_keys import HoleKeys
from ..elastic.widths import find_widths, is_depthwise
from .pairing import Pair, pair
from .probe import Probe, Spot, probe

WIDTH_NAME = "width of "  # how the names of holes begin that other layers follow, and that had none
MARGIN = 64  # by so many channels a layer's output is widened to see what it reaches
TURNS = 16  # so many networks are looked at, at most, to have seen every candidate of every choice


class WidthSum(DerivedHole):
    """A width that is a sum of other widths, as a concatenation has it: ``constant + factors[0] * holes[0] + ...``.

    >>> import pliant as pg
    >>> list(pg.iter(pg.Dict(width=WidthSum([pg.oneof([2, 4]), pg.oneof([1, 3])], [1, 10], 5))))
    [{width=17}, {width=37}, {width=19}, {width=39}]
    """

    holes: list[Any]
    factors: list[int]
    constant: int = 0

    def inner(self) -> Any:
        return [clone(hole) for hole in self.holes]

    def build(self, value: Any) -> Any:
        return self.constant + sum(factor * width for factor, width in zip(self.factors, value))

    def unbuild(self, value: Any) -> Any:
        if len(self.factors) != 1:
            raise NotImplementedError(
                f"{value} is the sum of {len(self.factors)} widths, and which they are cannot be told from it. Give each a name "
                "and put the hole of this name where the width is given out, as follow does: there they are read."
            )
        return [(value - self.constant) // self.factors[0]]


def follow(space: Any, example: Any, *, tie: bool = False) -> Any:
    """Returns a space in which layers take in the widths that other layers' holes give out.

    What follows: layers (``in_channels``, ``in_features``, ``num_features``, ...), behind flattening and concatenation
    too; depthwise convolutions, in all three arguments; and layers of a fixed width whose output is added to
    or multiplied with one that is searched.

    >>> import pliant as pg
    >>> Conv2d, BatchNorm2d, Sequential = map(pg.symbolize, (nn.Conv2d, nn.BatchNorm2d, nn.Sequential))
    >>> net = Sequential(Conv2d(3, pg.oneof([8, 16], name="width"), 3), BatchNorm2d(16), Conv2d(16, 4, 1))
    >>> open = follow(net, torch.zeros(1, 3, 8, 8))
    >>> [child.args[2].in_channels for child in pg.iter(open)]
    [8, 16]

    Args:
      space: a symbolic module with holes; it stays as it is.  Layers have to be symbolic to be followed; those that a
        module makes for itself have to get their widths from its arguments, or from their input (``nn.LazyConv2d``).
      example: an input of the network, or a tuple of inputs.  The networks are run on its device; ``meta`` needs no
        memory, and is often slower.
      tie: whether widths that must be equal, because their tensors are added, become one decision over what they have
        in common; otherwise they are refused.

    Raises:
      FieldValueError: a width cannot be followed; both places are named.
      FieldTypeError: ``space`` is no symbolic module.
    """
    if not isinstance(space, Node) or not isinstance(space, nn.Module):
        raise FieldTypeError(
            f"follow takes a symbolic module with holes; got {space!r:.80} of type {type(space).__name__}. Symbolize its "
            "class with pg.symbolize, or open a module that is not symbolic with pg.oneshot.open_network."
        )
    inputs = example if isinstance(example, tuple) else (example,)
    program: Any = clone(space)
    while True:
        networks = _Networks(program, inputs)
        ties = networks.find_ties()
        if not ties:
            break
        program = _apply_ties(program, ties, networks.sources, tie)
    updates = networks.find_updates()
    program = rebind(program, updates) if updates else program
    _Networks(program, inputs).check()
    return program


Relation = tuple[dict[str, int], int]
"""A width, as factors of decisions (by their paths) and a constant."""


@final
@dataclass(frozen=True)
class Source:
    """A value that is searched, and may be a width.

    Attributes:
      key: the path of its decision.
      hole: what stands in the program.
      paths: where; several where it is tied.
      numbers: by decision, what it becomes; empty when these are no whole numbers.
      layers: where it is the width of the output of layers, and nothing else: their paths.
    """

    key: str
    hole: Any
    paths: tuple[Path, ...]
    numbers: dict[int, int]
    layers: tuple[str, ...] = ()


@final
class _Run:
    """What a run showed, by places in the program."""

    def __init__(self, found: Probe, pairs: list[Pair]) -> None:
        self.layers = {str(p.path): p for p in pairs if isinstance(p.child, nn.Module)}
        names = {id(p.child): str(p.path) for p in pairs if isinstance(p.child, nn.Module)}
        for p in reversed(self.layers.values()):  # the innermost first
            for name, module in p.child.named_modules():
                names.setdefault(id(module), f"{p.path}>{name}")
        self.joins = found.joins
        self.widths = {names[key]: width for key, width in found.widths.items()}
        self.built_for = {names[key]: width for key, width in found.built_for.items()}


@final
class _Networks:
    """The networks of a program, as far as they have to be looked at."""

    def __init__(self, program: Any, inputs: tuple[Any, ...]) -> None:
        self.program, self.inputs = program, inputs
        self.template = Template(program)
        self.space = self.template.space
        self.keys = HoleKeys(self.space)
        self.device = next((x.device for x in inputs if isinstance(x, torch.Tensor)), torch.device("cpu"))
        self.built: tuple[tuple[Any, ...], Any, list[Pair]] | None = None  # the network that was built last
        counts = [p.count for p in self.space.points if isinstance(p, Choice) and not p.values]
        self.turns = range(min(TURNS, max(counts, default=1)))
        self.sources: dict[str, Source] = {}

    def find_ties(self) -> list[set[str]]:
        """Returns groups of decisions and of layers of a fixed width (``str`` of their paths) that must be equal."""
        groups: list[set[str]] = []
        for turn in self.turns:
            base = self.run(turn)
            effects = {key: self.run(turn, {key: self._other(key)}) for key in self._simple_first()}
            touched = {spot for run in effects.values() for spot in base.joins if _changes(base, run, spot)}
            if any(len(set(_sides(base, effects, spot))) > 1 for spot in touched):
                for path, width in _fixed_outputs(base):
                    effects[path] = self.run(turn, outputs={path: width + MARGIN})
            for spot in sorted(touched):
                sides = _sides(base, effects, spot)
                if len(set(sides)) == 1:
                    continue
                if not all(sides):
                    self._refuse_join(sides, base.joins[spot])
                groups = _merge(groups, set().union(*sides))
        return groups

    def find_updates(self) -> dict[Path, Any]:
        """Returns what to put where, so that each layer takes what it gets."""
        found: dict[str, Relation] = {}
        layers: dict[str, Pair] = {}
        for turn in self.turns:
            base = self.run(turn)
            runs = {
                (key, number): self.run(turn, {key: index})
                for key in self._simple_first()
                for index, number in self._ends(key)
            }
            for name in base.widths:
                seen = [
                    (r.built_for[name], r.widths[name]) for r in (base, *runs.values()) if name in r.widths
                ]
                fits = all(built_for == width for built_for, width in seen)
                if fits and len(set(seen)) > 1:
                    continue  # a hole stands there already
                relation = ({}, seen[0][1]) if fits else self._relate(name, base, runs)
                if not fits and (">" in name or name not in base.layers):
                    self._refuse_inside(name, base, relation)
                if found.setdefault(name, relation) != relation:
                    raise FieldValueError(
                        f"the width that the layer at {name!r} gets depends on which modules are chosen before it: "
                        f"{_say(found[name])} or {_say(relation)}. Give the candidates outputs of one width."
                    )
                if not fits:
                    layers[name] = base.layers[name]
        return dict(self._updates({name: found[name] for name in layers}, layers))

    def check(self) -> None:
        """Checks some networks.

        Raises:
          FieldValueError: a layer gets another width than it takes.
        """
        for seed in range(4):
            decisions = self.space.sample(seed)
            run = self._run(decisions, {})
            for name, width in run.widths.items():
                if run.built_for[name] != width:
                    raise FieldValueError(
                        f"with the decisions {decisions.to_dict()} the layer at {name!r} gets the width {width} and takes "
                        f"{run.built_for[name]}: it depends on several decisions at once. Put a hole there by hand, or take a lazy layer."
                    )

    # ------------------------------------------------------------------ running

    def run(
        self, turn: int, chosen: Mapping[str, Any] | None = None, outputs: Mapping[str, int] | None = None
    ) -> _Run:
        """Runs one network: the ``turn``-th candidates, the first values but ``chosen``, some outputs widened."""
        values, wide = dict(chosen or {}), dict(outputs or {})
        for key in list(values):
            source = self.sources[key]
            if source.layers:  # as wide as that without building the network anew
                wide |= dict.fromkeys(source.layers, source.numbers[values.pop(key)])
        return self._run(compose(self.space, turn, values), wide, chosen)

    def _run(
        self, decisions: Decisions, outputs: Mapping[str, int], chosen: Mapping[str, Any] | None = None
    ) -> _Run:
        try:
            return self._try(decisions, outputs)
        except Exception as error:
            what = f"with {dict(chosen)} and the others at their first values, " if chosen else ""
            raise FieldValueError(
                f"{what}the network does not run on the example, so its widths cannot be followed: {error}"
            ) from error

    def _try(self, decisions: Decisions, outputs: Mapping[str, int]) -> _Run:
        if self.built is None or self.built[0] != decisions.values:
            child = self.template.materialize(decisions)
            pairs = list(pair(self.program, child, decisions.to_dict(), self.keys))
            with torch.device(self.device), torch.random.fork_rng(devices=[]):
                realize(child)
                child.to(self.device)
            self.built = decisions.values, child, pairs
            modules = {str(p.path): p for p in pairs if isinstance(p.child, nn.Module)}
            for p in pairs:
                if p.key:
                    self._meet(p, modules)
        _, child, pairs = self.built
        ids = {str(p.path): id(p.child) for p in pairs}
        widened = {ids[path]: width for path, width in outputs.items() if path in ids}
        return _Run(probe(child, self.inputs, widened), pairs)

    def _meet(self, p: Pair, modules: Mapping[str, Pair]) -> None:
        """Learns of a value that is searched, and where it stands."""
        above, last = Path(p.path.keys[:-1]), p.path.keys[-1] if p.path.keys else None
        layer = modules.get(str(above))
        widths = find_widths(layer.child) if layer is not None else None
        is_output = widths is not None and last == widths.writes and not is_depthwise(layer.child)  # type: ignore[union-attr]  # there is one
        known = self.sources.get(p.key)
        if known is not None:
            if p.path not in known.paths:
                layers = (*known.layers, str(above)) if known.layers and is_output else ()
                self.sources[p.key] = Source(p.key, known.hole, (*known.paths, p.path), known.numbers, layers)
            return
        hole: Any = p.value
        numbers: dict[int, int] = {}
        if isinstance(hole, OneOf) and all(type(c) is int for c in hole.candidates):
            numbers = dict(enumerate(hole.candidates))
        elif isinstance(hole, Intv):
            numbers = {n: n for n in range(hole.min_value, hole.max_value + 1, hole.step)}
        elif not isinstance(hole, OneOf) or any(isinstance(c, (nn.Module, list)) for c in hole.candidates):
            return
        layers = (str(above),) if is_output and numbers else ()
        self.sources[p.key] = Source(p.key, hole, (p.path,), numbers, layers)

    def _simple_first(self) -> list[str]:
        """Returns all decisions, those first for which no network has to be built."""
        return sorted(self.sources, key=lambda key: not self.sources[key].layers)

    def _other(self, key: str) -> Any:
        """Returns a decision that differs from the first: of the largest number."""
        numbers = self.sources[key].numbers
        if not numbers:
            return len(self.sources[key].hole.candidates) - 1
        return max(numbers, key=lambda index: numbers[index])

    def _ends(self, key: str) -> Iterator[tuple[Any, int | None]]:
        source = self.sources[key]
        if not source.numbers:
            for index in range(1, len(source.hole.candidates)):
                yield index, None
            return
        order = sorted(source.numbers, key=lambda index: source.numbers[index])
        first = next(iter(source.numbers))  # seen already
        for index in {order[0], order[len(order) // 2], order[-1]} - {first}:
            yield index, source.numbers[index]

    # ------------------------------------------------------------------ concluding

    def _relate(self, name: str, base: _Run, runs: Mapping[tuple[str, int | None], _Run]) -> Relation:
        """Returns a layer's width as factors of decisions and a constant."""
        factors: dict[str, int] = {}
        width = base.widths[name]
        for (key, number), run in runs.items():
            change = run.widths.get(name, width) - width
            if not change:
                continue
            source = self.sources[key]
            first = next(iter(source.numbers.values()), None)
            step = 0 if number is None or first is None else number - first
            if not step or change % step or factors.setdefault(key, change // step) != change // step:
                raise FieldValueError(
                    f"the layer at {name!r} gets another width when {key!r} changes ({width}, then {width + change}), and not in "
                    "proportion. Pad so that sizes stay, put a hole there by hand, or take a lazy layer (nn.LazyLinear)."
                )
        if not factors:
            raise FieldValueError(
                f"the layer at {name!r} takes the width {base.built_for[name]} and gets {width}, whatever is decided. Correct "
                "it first: follow changes only what is searched."
            )
        firsts = {key: next(iter(self.sources[key].numbers.values())) for key in factors}
        return factors, width - sum(factors[key] * firsts[key] for key in factors)

    def _updates(
        self, found: Mapping[str, Relation], layers: Mapping[str, Pair]
    ) -> Iterator[tuple[Path, Any]]:
        for key in {key for factors, _ in found.values() for key in factors}:
            source = self.sources[key]
            for path in source.paths if source.hole.name is None else ():
                yield path, _named(source.hole, key)
        for name, (factors, constant) in found.items():
            layer, widths = layers[name].child, find_widths(layers[name].child)
            assert widths is not None
            assert widths.reads is not None
            holes = [_named(self.sources[key].hole, key) for key in factors]
            is_same = constant == 0 and list(factors.values()) == [1]
            width: Any = holes[0] if is_same else WidthSum(holes, list(factors.values()), constant)
            yield layers[name].path + widths.reads, width
            if is_depthwise(layer):
                times = layer.out_channels // layer.in_channels
                yield layers[name].path + "groups", clone(width)
                scaled = WidthSum(
                    list(map(clone, holes)), [f * times for f in factors.values()], constant * times
                )
                yield layers[name].path + "out_channels", clone(width) if times == 1 else scaled

    def _refuse_join(self, sides: tuple[frozenset[str], ...], sizes: tuple[int, ...]) -> None:
        named = next(iter(next(side for side in sides if side)))
        raise FieldValueError(
            f"the output that {named!r} decides on is added to, or multiplied with, one of the width {min(sizes)} that no "
            "symbolic layer gives out, so it cannot vary. Fix it, or symbolize the layer that makes the other."
        )

    def _refuse_inside(self, name: str, base: _Run, relation: Relation) -> None:
        outer, _, inner = name.partition(">")
        kind = type(base.layers[outer].child).__name__ if outer in base.layers else "module"
        raise FieldValueError(
            f"the layer {inner!r} that the {kind} at {outer or 'the root'!r} makes for itself would get the width of "
            f"{' and '.join(map(repr, relation[0]))}. Put the hole, with a name, into an argument of {kind} that says how wide its "
            "input is, or let it make a lazy layer (nn.LazyConv2d)."
        )


def compose(space: Space, turn: int, chosen: Mapping[str, Any]) -> Decisions:
    """Returns decisions: ``chosen`` by path, the first of numbers, the ``turn``-th candidates (in a circle) of all else."""

    def decide(_: int, point: Point) -> Any:
        if not isinstance(point, Choice):
            return chosen.get(point.path, point.min_value)
        return chosen.get(point.path, 0 if point.values else (turn + point.pick) % point.count)

    try:
        return space.parse(walk_points(space, decide))
    except DecisionError:  # the picks of a group have rules of their own
        drawn = space.sample(turn).to_dict()
        return space.parse({**drawn, **{key: value for key, value in chosen.items() if key in drawn}})


def _apply_ties(program: Any, ties: list[set[str]], sources: Mapping[str, Source], tie: bool) -> Any:
    """Returns the program with one hole for each group.

    Raises:
      FieldValueError: a group has several holes, and ``tie`` is False; or they have no number in common.
    """
    updates: dict[Path, Any] = {}
    for group in ties:
        keys = [key for key in sources if key in group]
        if len(keys) > 1 and not tie:
            raise FieldValueError(
                f"the outputs that {keys[0]!r} and {keys[1]!r} decide on are added, so their widths must be equal. Give both holes "
                "one name and the same candidates, which makes them one decision, or call follow(..., tie=True)."
            )
        common = set.intersection(*(set(sources[key].numbers.values()) for key in keys))
        if not common:
            raise FieldValueError(
                f"the outputs that {' and '.join(map(repr, keys))} decide on must be equally wide, and they have no width in common."
            )
        first = sources[keys[0]]
        kept = [n for n in first.numbers.values() if n in common]
        name = first.hole.name or f"{WIDTH_NAME}{first.key}"
        hole = first.hole if len(kept) == len(first.numbers) else OneOf(kept)
        one = rebind(clone(hole), name=name)
        for key in keys:
            updates |= {path: clone(one) for path in sources[key].paths}
        for path in group - set(keys):
            layer = program if not path else _at(program, Path.parse(path))
            widths = find_widths(layer)
            assert widths is not None
            assert widths.writes is not None
            updates[Path.parse(path) + widths.writes] = clone(one)
    return rebind(program, updates)


def _say(relation: Relation) -> str:
    factors, constant = relation
    terms = [repr(key) if factor == 1 else f"{factor} x {key!r}" for key, factor in factors.items()]
    return " + ".join([*terms, *([str(constant)] if constant or not terms else [])])


def _at(program: Any, path: Path) -> Any:
    for key in path.keys:
        program = program._sym_child(key) if isinstance(program, Node) else program[key]
    return program


def _named(hole: Any, key: str) -> Any:
    return clone(hole) if hole.name is not None else rebind(clone(hole), name=f"{WIDTH_NAME}{key}")


def _fixed_outputs(run: _Run) -> Iterator[tuple[str, int]]:
    """Yields the layers whose output has a width of its own that is not searched, and that width."""
    for path, p in run.layers.items():
        widths = find_widths(p.child)
        if widths is None or widths.writes is None or is_depthwise(p.child):
            continue
        width = getattr(p.value, "sym_init_args", {}).get(widths.writes)
        if type(width) is int:
            yield path, width


def _changes(base: _Run, run: _Run, spot: Spot) -> bool:
    return run.joins.get(spot, base.joins[spot]) != base.joins[spot]


def _sides(base: _Run, effects: Mapping[str, _Run], spot: Spot) -> tuple[frozenset[str], ...]:
    """Returns for each tensor that meets others there, what changes its size."""
    sizes = base.joins[spot]
    found: list[set[str]] = [set() for _ in sizes]
    for key, run in effects.items():
        there = run.joins.get(spot, sizes)
        if len(there) == len(sizes):
            for side, before, after in zip(found, sizes, there):
                if before != after:
                    side.add(key)
    return tuple(map(frozenset, found))


def _merge(groups: list[set[str]], more: set[str]) -> list[set[str]]:
    apart = [group for group in groups if not group & more]
    return [*apart, more.union(*(group for group in groups if group & more))]
