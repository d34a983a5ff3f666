"""Channel propagation: ``follow`` puts the holes over output widths into all layers that receive these widths.

Layers have the width of their input as an argument (``in_channels``, ``num_features``), so a hole over the output width
of one layer must also be in the next layer.  ``follow`` runs the network with other widths and records which layers
receive them.  It changes the space only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from math import lcm
from typing import Any, final

import torch
from torch import nn

from pliant.hyper.hole import DerivedHole, Hole, Intv, OneOf
from pliant.hyper.template import Template
from pliant.space import Choice, Decisions
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.read.query import get
from pliant.symbolic.tree.node import Node
from pliant.symbolic.tree.realize import realize
from pliant.values.errors import FieldTypeError, FieldValueError, quote_typed
from pliant.values.path import Path

from ..choices.hole_keys import HoleKeys
from ..elastic.widths import find_widths, is_depthwise
from .probe import MatchedNode, match_nodes, probe
from .runs import (
    Run,
    SearchedValue,
    changes,
    compose_decisions,
    find_causes,
    find_fixed_outputs,
    merge_groups,
)
from .slicing import SlicedWidth, SliceFinder, Slices, slice_width

WIDTH_NAME = "width of "  # the prefix of names given to unnamed holes that other layers follow
WIDENING = 64  # channels added to the output of a layer to find out which layers receive it
MAX_NETWORKS = 16  # at most so many networks are run to cover the candidates of all choices


class WidthSum(DerivedHole):
    """A width that is a weighted sum of other widths: ``(constant + factors[0] * holes[0] + ...) / divisor``; for concatenations.

    With ``blocks``, as those of a ``SlicedWidth``, it knows which channels of the largest width are kept.

    >>> import pliant as pg
    >>> list(pg.iter(pg.Dict(width=WidthSum([pg.oneof([2, 4]), pg.oneof([1, 3])], [1, 10], 5))))
    [{width=17}, {width=37}, {width=19}, {width=39}]
    """

    holes: list[Any]
    factors: list[int]
    constant: int = 0
    divisor: int = 1
    full: int = 0
    blocks: list[Any] | None = None

    def inner(self) -> Any:
        return [clone(hole) for hole in self.holes]

    def build(self, value: Any) -> Any:
        total = self.constant + sum(factor * width for factor, width in zip(self.factors, value))
        width = total // self.divisor
        return width if self.blocks is None else slice_width(width, value, self.full, self.blocks)

    def unbuild(self, value: Any) -> Any:
        if len(self.factors) != 1:
            raise NotImplementedError(
                f"{value} is the sum of {len(self.factors)} widths, which cannot be recovered from it. Give each hole a name and put a "
                "hole of this name at the output width of a layer, as follow does: the widths are read there."
            )
        return [(value * self.divisor - self.constant) // self.factors[0]]


def follow(space: object, example: object, *, tie: bool = False) -> Any:
    """Propagates searched output widths: returns a space in which all layers take the widths that they receive.

    These follow a searched width: layers that receive it (``in_channels``, ``in_features``, ``num_features``, ...), also
    after flattening or concatenation; all three arguments of depthwise convolutions; and layers of a fixed width whose
    output is added to, or multiplied with, a searched one.

    >>> import pliant as pg
    >>> Conv2d, BatchNorm2d, Sequential = map(pg.symbolize, (nn.Conv2d, nn.BatchNorm2d, nn.Sequential))
    >>> net = Sequential(Conv2d(3, pg.oneof([8, 16], name="width"), 3), BatchNorm2d(16), Conv2d(16, 4, 1))
    >>> open = follow(net, torch.zeros(1, 3, 8, 8))
    >>> [child.args[2].in_channels for child in pg.iter(open)]
    [8, 16]

    Args:
      space: a symbolic module with holes; it stays as it is.  Layers must be symbolic.  Layers that a module creates itself
        must get their widths from its arguments or from their input (``nn.LazyConv2d``).
      example: an input of the network, or a tuple of inputs.  The networks run on its device; ``meta`` needs no memory but is
        often slower.
      tie: whether widths that must be equal because their tensors are added become one decision over their common
        values; otherwise they are refused.

    Raises:
      FieldValueError: a width cannot be propagated; the message names both places.
      FieldTypeError: ``space`` is not a symbolic module.
    """
    if not isinstance(space, Node) or not isinstance(space, nn.Module):
        raise FieldTypeError(
            f"follow takes a symbolic module with holes; got {quote_typed(space)}. Symbolize its "
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
    updates = _slice_widths(program, networks.find_slices(), networks.sources)
    program = rebind(program, updates) if updates else program
    _Networks(program, inputs).check()
    return program


LinearWidth = tuple[dict[str, Fraction], Fraction]
"""A width as a linear function of decisions: a factor for each decision path, and a constant."""


@final
class _Networks:
    """Builds and probes the networks of a program."""

    def __init__(self, program: object, inputs: tuple[Any, ...]) -> None:
        self.program, self.inputs = program, inputs
        self.template = Template(program)
        self.space = self.template.space
        self.keys = HoleKeys(self.space)
        self.device = next((x.device for x in inputs if isinstance(x, torch.Tensor)), torch.device("cpu"))
        # The last network: values, module, nodes.
        self.built: tuple[tuple[Any, ...], Any, list[MatchedNode]] | None = None
        counts = [p.count for p in self.space.points if isinstance(p, Choice) and not p.values]
        self.turns = range(min(MAX_NETWORKS, max(counts, default=1)))
        self.sources: dict[str, SearchedValue] = {}
        self.measured: dict[int, tuple[Run, dict[tuple[str, Any], Run]]] = {}  # by turn: the first and others

    def find_ties(self) -> list[set[str]]:
        """Returns groups of decisions and of layers with a fixed width, by path, whose widths must be equal."""
        groups: list[set[str]] = []
        for turn in self.turns:
            base = self.run(turn)
            effects = {key: self.run(turn, {key: self._furthest(key)}) for key in self._simple_first()}
            touched = {join for run in effects.values() for join in base.joins if changes(base, run, join)}
            if any(len(set(find_causes(base, effects, join))) > 1 for join in touched):
                for path, width in find_fixed_outputs(base):
                    with suppress(FieldValueError):  # nothing can be added to what needs just this width
                        effects[path] = self.run(turn, outputs={path: width + WIDENING})
            for join in sorted(touched):
                causes = find_causes(base, effects, join)
                if len(set(causes)) == 1:
                    continue
                if not all(causes):
                    named = next(iter(next(cause for cause in causes if cause)))
                    raise FieldValueError(
                        f"the output whose width {named!r} decides is added to, or multiplied with, a tensor of the fixed width "
                        f"{min(base.joins[join])} that no symbolic layer returns. Fix the width {named!r}, or symbolize the layer that "
                        "returns the other tensor."
                    )
                groups = merge_groups(groups, set().union(*causes))
        return groups

    def find_updates(self) -> dict[Path, Any]:
        """Returns values by path that make each layer take the width that it receives."""
        found: dict[str, LinearWidth] = {}
        layers: dict[str, MatchedNode] = {}
        for turn in self.turns:
            base = self.run(turn)
            runs = {
                (key, number): self.run(turn, {key: index})
                for key in self._simple_first()
                for index, number in self._ends(key)
            }
            self.measured[turn] = base, runs
            for name in base.widths:
                reached = [run for run in (base, *runs.values()) if name in run.widths]
                seen = [(run.built_for[name], run.widths[name]) for run in reached]
                fits = all(built_for == width for built_for, width in seen)
                if fits and len(set(seen)) > 1:
                    continue  # the layer has a hole already
                width_terms: LinearWidth = (
                    ({}, Fraction(seen[0][1])) if fits else self._find_width(name, base, runs)
                )
                if not fits and (">" in name or name not in base.layers):
                    self._raise_inner_layer(name, base, width_terms)
                if found.setdefault(name, width_terms) != width_terms:
                    raise FieldValueError(
                        f"the width that the layer at {name!r} receives depends on the modules chosen before it: "
                        f"{_format_width(found[name])} or {_format_width(width_terms)}. Give the candidates equal output widths."
                    )
                if not fits:
                    layers[name] = base.layers[name]
        return dict(self._updates({name: found[name] for name in layers}, layers))

    def find_slices(self) -> dict[Path, Slices]:
        """Returns, by the path of a width, which entries of the largest one it keeps, if these are not the first ones."""
        found: dict[Path, Slices | None] = {}
        for turn, (base, runs) in self.measured.items():
            firsts = {key: next(iter(s.numbers.values())) for key, s in self.sources.items() if s.numbers}
            ends: dict[str, int] = {}
            for key, number in runs:
                if number is not None and abs(number - firsts[key]) > abs(
                    ends.get(key, firsts[key]) - firsts[key]
                ):
                    ends[key] = number
            try:
                largest = self.run(turn, {key: self._largest(key) for key in ends}, traced=True)
            except FieldValueError:  # the largest values do not go together
                continue
            steps = {
                key: (firsts[key], n, max(self.sources[key].numbers.values())) for key, n in ends.items()
            }
            others = [base.sizes, *(runs[key, n].sizes for key, n in ends.items())]
            finder = SliceFinder(others, largest.sizes, steps)
            for role, slices in (("reads", finder.inputs()), ("writes", finder.outputs())):
                for name, one in slices:
                    p = base.layers.get(name)
                    field = None if p is None else getattr(find_widths(p.child), role)
                    if p is not None and field and found.setdefault(p.path + field, one) != one:
                        found[p.path + field] = None
        return {path: slices for path, slices in found.items() if slices is not None}

    def check(self) -> None:
        """Checks the widths in some random networks."""
        for seed in range(4):
            decisions = self.space.sample(seed)
            run = self._run(decisions, {})
            for name, width in run.widths.items():
                if run.built_for[name] != width:
                    raise FieldValueError(
                        f"with the decisions {decisions.to_dict()} the layer at {name!r} receives the width {width} and takes "
                        f"{run.built_for[name]}: the width depends on several decisions at once. Put a hole there yourself, or use a lazy layer."
                    )

    # ------------------------------------------------------------------ running

    def run(
        self,
        turn: int,
        chosen: Mapping[str, Any] | None = None,
        outputs: Mapping[str, int] | None = None,
        *,
        traced: bool = False,
    ) -> Run:
        """Runs the network of the ``turn``-th candidates and the first values, except ``chosen`` and the widths in ``outputs``."""
        values, wide = dict(chosen or {}), dict(outputs or {})
        for key in list(values):
            source = self.sources[key]
            if source.layers:  # no new network is needed: only the output changes
                wide |= dict.fromkeys(source.layers, source.numbers[values.pop(key)])
        return self._run(compose_decisions(self.space, turn, values), wide, chosen, traced=traced)

    def _run(
        self,
        decisions: Decisions,
        outputs: Mapping[str, int],
        chosen: Mapping[str, Any] | None = None,
        *,
        traced: bool = False,
    ) -> Run:
        try:
            child, pairs = self._build(decisions)
            ids = {str(p.path): id(p.child) for p in pairs}
            widened = {ids[path]: width for path, width in outputs.items() if path in ids}
            return Run(probe(child, self.inputs, widened, traced=traced), pairs)
        except Exception as error:
            what = f"with {dict(chosen)} and the first value of all other decisions, " if chosen else ""
            raise FieldValueError(
                f"{what}the network fails on the example, so its widths cannot be propagated: {error}"
            ) from error

    def _build(self, decisions: Decisions) -> tuple[Any, list[MatchedNode]]:
        """Returns the network of some decisions, and its nodes; records the searched values that are new."""
        if self.built is None or self.built[0] != decisions.values:
            child = self.template.materialize(decisions)
            pairs = list(match_nodes(self.program, child, decisions.to_dict(), self.keys))
            with torch.device(self.device), torch.random.fork_rng(devices=[]):
                realize(child)
                child.to(self.device)
            self.built = decisions.values, child, pairs
            modules = {str(p.path): p for p in pairs if isinstance(p.child, nn.Module)}
            for p in pairs:
                if p.key:
                    self._record_value(p, modules)
        return self.built[1:]

    def _record_value(self, p: MatchedNode, modules: Mapping[str, MatchedNode]) -> None:
        """Records a searched value and its path."""
        above, last = Path(p.path.keys[:-1]), p.path.keys[-1] if p.path.keys else None
        layer = modules.get(str(above))
        widths = find_widths(layer.child) if layer is not None else None
        is_output = widths is not None and last == widths.writes and not is_depthwise(layer.child)  # type: ignore[union-attr]  # there is one
        known = self.sources.get(p.key)
        if known is not None:
            if p.path not in known.paths:
                layers = (*known.layers, str(above)) if known.layers and is_output else ()
                self.sources[p.key] = replace(known, paths=(*known.paths, p.path), layers=layers)
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
        self.sources[p.key] = SearchedValue(p.key, hole, (p.path,), numbers, layers)

    def _simple_first(self) -> list[str]:
        """Returns all decisions, first those that need no new network."""
        return sorted(self.sources, key=lambda key: not self.sources[key].layers)

    def _largest(self, key: str) -> Any:
        """Returns the decision for the largest number, or for the last candidate."""
        numbers = self.sources[key].numbers
        if not numbers:
            return len(self.sources[key].hole.candidates) - 1
        return max(numbers, key=lambda index: numbers[index])

    def _furthest(self, key: str) -> Any:
        """Returns the decision for the number that differs most from the first one, which the first network has."""
        numbers = self.sources[key].numbers
        if not numbers:
            return self._largest(key)
        first = next(iter(numbers.values()))
        return max(numbers, key=lambda index: (abs(numbers[index] - first), numbers[index]))

    def _ends(self, key: str) -> Iterator[tuple[Any, int | None]]:
        source = self.sources[key]
        if not source.numbers:
            for index in range(1, len(source.hole.candidates)):
                yield index, None
            return
        order = sorted(source.numbers, key=lambda index: source.numbers[index])
        first = next(iter(source.numbers))  # already run
        for index in {order[0], order[len(order) // 2], order[-1]} - {first}:
            yield index, source.numbers[index]

    # ------------------------------------------------------------------ concluding

    def _find_width(self, name: str, base: Run, runs: Mapping[tuple[str, int | None], Run]) -> LinearWidth:
        """Returns the width that a layer receives as a linear function of decisions."""
        factors: dict[str, Fraction] = {}
        width = base.widths[name]
        for (key, number), run in runs.items():
            change = run.widths.get(name, width) - width
            if not change:
                continue
            source = self.sources[key]
            first = next(iter(source.numbers.values()), None)
            step = 0 if number is None or first is None else number - first
            factor = Fraction(change, step or 1)
            if not step or factors.setdefault(key, factor) != factor:
                raise FieldValueError(
                    f"the width that the layer at {name!r} receives does not depend linearly on {key!r} ({width}, then {width + change}). "
                    "Use padding that keeps image sizes, put a hole there yourself, or use a lazy layer (nn.LazyLinear)."
                )
        if not factors:
            raise FieldValueError(
                f"the layer at {name!r} takes the width {base.built_for[name]} but receives {width} with any decisions. Correct its "
                "width: follow changes only searched widths."
            )
        firsts = {key: next(iter(self.sources[key].numbers.values())) for key in factors}
        return factors, width - sum((factors[key] * firsts[key] for key in factors), Fraction(0))

    def _updates(
        self, found: Mapping[str, LinearWidth], layers: Mapping[str, MatchedNode]
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
            width: Any = holes[0] if is_same else _sum(holes, factors, constant)
            yield layers[name].path + widths.reads, width
            if is_depthwise(layer):
                times = layer.out_channels // layer.in_channels
                yield layers[name].path + "groups", clone(width)
                more = _sum(holes, {key: factor * times for key, factor in factors.items()}, constant * times)
                yield layers[name].path + "out_channels", clone(width) if times == 1 else more

    def _raise_inner_layer(self, name: str, base: Run, width_terms: LinearWidth) -> None:
        outer, _, inner = name.partition(">")
        kind = type(base.layers[outer].child).__name__ if outer in base.layers else "module"
        raise FieldValueError(
            f"the layer {inner!r} that the {kind} at {outer or 'the root'!r} creates receives the width that "
            f"{' and '.join(map(repr, width_terms[0]))} decides. Put the hole, with a name, into an argument of {kind} for its input width, "
            "or create a lazy layer (nn.LazyConv2d)."
        )


def _apply_ties(program: Any, ties: list[set[str]], sources: Mapping[str, SearchedValue], tie: bool) -> Any:
    """Returns the program with one hole for each group of equal widths."""
    updates: dict[Path, Any] = {}
    for group in ties:
        keys = [key for key in sources if key in group]
        if len(keys) > 1 and not tie:
            raise FieldValueError(
                f"the outputs whose widths {keys[0]!r} and {keys[1]!r} decide are added, so the widths must be equal. Give both holes "
                "the same name and candidates, which makes them one decision, or call follow(..., tie=True)."
            )
        common = set.intersection(*(set(sources[key].numbers.values()) for key in keys))
        if not common:
            raise FieldValueError(
                f"the outputs whose widths {' and '.join(map(repr, keys))} decide are added, but the holes have no width in common. "
                "Give them a common candidate."
            )
        first = sources[keys[0]]
        kept = [n for n in first.numbers.values() if n in common]
        name = first.hole.name or f"{WIDTH_NAME}{first.key}"
        hole = first.hole if len(kept) == len(first.numbers) else OneOf(kept)
        one = rebind(clone(hole), name=name)
        for key in keys:
            updates |= {path: clone(one) for path in sources[key].paths}
        for path in group - set(keys):
            widths = find_widths(get(program, path))
            assert widths is not None
            assert widths.writes is not None
            updates[Path.parse(path) + widths.writes] = clone(one)
    return rebind(program, updates)


def _format_width(width_terms: LinearWidth) -> str:
    factors, constant = width_terms
    terms = [repr(key) if factor == 1 else f"{factor} x {key!r}" for key, factor in factors.items()]
    return " + ".join([*terms, *([str(constant)] if constant or not terms else [])])


def _sum(holes: list[Any], factors: Mapping[str, Fraction], constant: Fraction) -> WidthSum:
    divisor = lcm(constant.denominator, *(factor.denominator for factor in factors.values()))
    scaled = [int(factor * divisor) for factor in factors.values()]
    return WidthSum(list(map(clone, holes)), scaled, int(constant * divisor), divisor)


def _slice_widths(
    program: Any, found: Mapping[Path, Slices], sources: Mapping[str, SearchedValue]
) -> dict[Path, Any]:
    """Returns values by path that give widths their slices."""
    updates: dict[Path, Any] = {}
    for path, slices in found.items():
        width, blocks = get(program, path), slices.to_lists()
        if not isinstance(width, Hole):
            continue
        if isinstance(width, (OneOf, Intv)) and len(slices.keys) == 1:
            updates[path] = SlicedWidth(clone(width), [], slices.full, blocks)
            continue
        holes = [_named(sources[key].hole, key) for key in slices.keys]
        if isinstance(width, WidthSum) and [h.name for h in width.holes] == [h.name for h in holes]:
            updates[path] = rebind(clone(width), full=slices.full, blocks=blocks)
            continue
        updates[path] = SlicedWidth(clone(width), holes, slices.full, blocks)
        for key in slices.keys:
            source = sources[key]
            for place in source.paths if source.hole.name is None else ():
                updates.setdefault(place, _named(source.hole, key))
    return updates


def _named(hole: Any, key: str) -> Any:
    return clone(hole) if hole.name is not None else rebind(clone(hole), name=f"{WIDTH_NAME}{key}")
