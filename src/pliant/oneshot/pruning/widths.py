"""Puts searched widths and numbers of heads into a program, those that all layers behind them can follow."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.hyper.functions import oneof
from pliant.hyper.hole import OneOf
from pliant.hyper.template import Template
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.read.query import get
from pliant.symbolic.tree.node import Node
from pliant.values.errors import PliantError
from pliant.values.path import Path

from ..channels.propagation import WIDTH_NAME, follow
from ..choices.nested import change_leaves
from ..elastic.widths import find_widths, is_depthwise
from ..rewrite.ties import find_ties
from .decisions import check_outputs, make_child, smallest
from .groups import find_groups
from .heads import HEADS_NAME, Attention, head_updates
from .opening import find_nodes, list_calls, run_once
from .order import channel_dims, is_close


@final
@dataclass(frozen=True, slots=True)
class Unit:
    """What one decision changes in a program, before the layers behind follow.

    Attributes:
      name: the path of the layer or block.
      updates: by path in the program, what is put there.
    """

    name: str
    updates: Mapping[Path, Any]

    @property
    def kind(self) -> str:
        """The path without numbers: blocks of one kind usually can be followed, or not, together."""
        return re.sub(r"\d+", "*", self.name)


def find_sizes(width: int, shares: Iterable[float], divisor: int | None = None) -> list[int]:
    """Returns widths to choose from, ascending.

    >>> find_sizes(16, [0.5, 0.75, 1.0]), find_sizes(16, [0.5, 0.75], 8)
    ([8, 12, 16], [8, 16])
    """
    step = divisor or max(n for n in (1, 2, 4, 8) if n == 1 or 8 * n <= width)
    return sorted({min(width, max(step, round(width * share / step) * step)) for share in shares} | {width})


@final
@dataclass(frozen=True, slots=True)
class Wish:
    """Which sizes are asked for.

    Attributes:
      shares: of the width of each layer, and of the heads of each block.
      divisor: widths are multiples of it; None for a suitable one.
      kept: the paths whose sizes stay.
    """

    shares: Sequence[float]
    divisor: int | None
    kept: set[str]


def width_units(
    program: Any, network: nn.Module, inputs: tuple[Any, ...], wish: Wish
) -> tuple[list[Unit], dict[str, str]]:
    """Returns a unit for each output width that may be searched, and why other layers have none."""
    names = {id(module): name for name, module in network.named_modules()}
    tied = {part.rpartition(".")[0] for tie in find_ties(network) for part in (tie.first, tie.place)}
    last, called = _find_last(network, inputs), set(list_calls(network, inputs))
    units: list[Unit] = []
    reasons: dict[str, str] = {}
    for path, node, module in find_nodes(program):
        widths, name = find_widths(module), names[id(module)]
        if widths is None or widths.writes is None or is_depthwise(module) or name in wish.kept:
            continue
        width = node.sym_init_args.get(widths.writes)
        if name in tied:
            reasons[name] = "its weight is also that of another layer"
        elif name in last:
            reasons[name] = "it computes the output of the network"
        elif name not in called:
            reasons[name] = "it does not run on the example, so the layers that read it are not known"
        elif type(width) is not int:
            reasons[name] = f"the arguments of a {type(module).__name__} cannot be read from it"
        elif getattr(module, "groups", 1) != 1:
            reasons[name] = f"its channels are in {module.groups} groups"
        elif len(sizes := find_sizes(width, wish.shares, wish.divisor)) > 1:
            hole = oneof(sizes, name=f"{WIDTH_NAME}{name}")
            units.append(Unit(name, {path + widths.writes: hole}))
        else:
            reasons[name] = f"its width of {width} has no other size"
    return units, reasons


def _find_last(network: nn.Module, inputs: tuple[Any, ...]) -> set[str]:
    """Returns the paths of the layers that return a tensor which the network returns."""
    returned: dict[int, tuple[Tensor, str]] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                returned[id(output)] = output, name  # the tensor stays alive, and its id its own

        return hook

    layers = [(n, m) for n, m in network.named_modules() if find_widths(m) is not None]
    hooks = [module.register_forward_hook(note(name)) for name, module in layers]
    try:
        outputs = run_once(network, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return {returned[id(x)][1] for x in outputs if id(x) in returned}


def head_units(
    program: Any, network: nn.Module, attentions: Sequence[Attention], wish: Wish
) -> tuple[list[list[Unit]], dict[str, str]]:
    """Returns for each attention block the units that may search its heads, the likeliest first, and why others have none."""
    nodes = {id(module): (path, node) for path, node, module in find_nodes(program)}
    units: list[list[Unit]] = []
    reasons: dict[str, str] = {}
    for one in attentions:
        layers: dict[str, tuple[Path, str, int]] = {}
        for place in one.inputs:
            layer: Any = network.get_submodule(place)
            path, node = nodes.get(id(layer), (None, None))
            widths = find_widths(layer)
            if node is not None and path is not None and widths is not None and widths.writes is not None:
                width = node.sym_init_args.get(widths.writes)
                if type(width) is int:
                    layers[place] = path, widths.writes, width
        whole = one.heads // one.groups * one.head_dim
        step = wish.divisor // gcd(wish.divisor, whole) if wish.divisor and whole else 1
        if {one.path, *one.inputs} & wish.kept:
            continue
        if not one.inputs:
            reasons[one.path] = "its queries, keys and values are not computed by layers in it"
        elif one.groups < 2:
            reasons[one.path] = "its heads share the keys and values, or it has one"
        elif one.tokens < 2:
            reasons[one.path] = (
                "the example has one token, so it does not show what belongs to which head; give more"
            )
        elif len(layers) < len(one.inputs):
            reasons[one.path] = "the arguments of a layer for its queries, keys or values cannot be read"
        elif len(sizes := find_sizes(one.groups, wish.shares, step)) < 2:
            reasons[one.path] = f"{one.groups} heads have no other number"
        else:
            path, node = nodes[id(network.get_submodule(one.path))]
            hole = OneOf(sizes, name=f"{HEADS_NAME}{one.path}")
            settings = {k: v for k, v in node.sym_init_args.items() if type(v) is int}
            units.append(
                [
                    Unit(one.path, {path + k if isinstance(k, str) else k: v for k, v in found.items()})
                    for found in head_updates(one, settings, layers, hole)
                ]
            )
    return units, reasons


@final
class Opener:
    """A program into which units are put one after the other.

    Attributes:
      program: with all units that were put into it.

    Args:
      program: without holes.
      network: that it is a copy of.
      inputs: of the network.
      kept: the paths of layers whose widths stay.
      detours: see ``find_detours``.
    """

    def __init__(
        self,
        program: Any,
        network: nn.Module,
        inputs: tuple[Any, ...],
        *,
        kept: Iterable[str] = (),
        detours: Sequence[tuple[Any, list[Tensor]]] = (),
    ) -> None:
        self.program, self.base = program, program
        self.network, self.inputs = network, inputs
        self.kept = frozenset(kept)
        self.outputs, self.detours = run_once(network, inputs), detours
        self.updates: dict[Path, Any] = {}
        self.tried: Any = None  # the last program that layers could follow

    def open_heads(self, alternatives: Sequence[Sequence[Unit]]) -> dict[str, str]:
        """Searches the heads of attention blocks; returns by path why others cannot be."""
        waiting, reasons, turn = list(alternatives), dict[str, str](), 0
        while waiting := [units for units in waiting if len(units) > turn]:
            failed = self.open([units[turn] for units in waiting], is_exact=True)
            waiting, turn = [units for units in waiting if units[0].name in failed], turn + 1
            reasons = {**{units[0].name: failed[units[0].name] for units in waiting}, **reasons}
        opened = {str(path) for path in self.updates}
        return {
            units[0].name: reasons[units[0].name]
            for units in alternatives
            if not any(str(path) in opened for path in units[0].updates)
        }

    def open(self, units: Sequence[Unit], *, is_exact: bool = False) -> dict[str, str]:
        """Puts all units into the program that can be followed; returns by name why the others cannot.

        Args:
          units: to put into it.
          is_exact: whether the smallest network must compute what the given one does without the channels.
        """
        reasons: dict[str, str] = {}
        if not units or not (reason := self._attempt(units, is_exact=is_exact)):
            return reasons
        if len(units) == 1:
            return {units[0].name: reason}
        kinds: dict[str, list[Unit]] = {}
        for unit in units:
            kinds.setdefault(unit.kind, []).append(unit)
        waiting = list(kinds.values())
        while waiting:
            more = [unit for unit in waiting.pop(0) if unit.name not in reasons]
            if not more:
                continue
            first, rest = more[0], more[1:]
            if alone := self._attempt([first], is_exact=is_exact):
                reasons |= {unit.name: alone for unit in [*more, *self._find_tied(first, units)]}
            elif rest and self._attempt(rest, is_exact=is_exact):
                waiting = [*_halve(rest), *waiting]
        return reasons

    def _find_tied(self, first: Unit, units: Sequence[Unit]) -> list[Unit]:
        """Returns the units whose layers have the width of a unit that was tried last, because their outputs are added."""
        tied: list[Unit] = []
        places = [next(iter(unit.updates)) for unit in units if len(unit.updates) == 1]
        if self.tried is None or len(first.updates) != 1 or len(places) < len(units):
            return tied
        here = get(self.tried, next(iter(first.updates)))
        for unit, place in zip(units, places, strict=True):
            there = get(self.tried, place)
            if isinstance(there, OneOf) and isinstance(here, OneOf) and here.name == there.name:
                tied.append(unit)
        return tied

    def _attempt(self, units: Sequence[Unit], *, is_exact: bool) -> str:
        """Adds units if all layers can follow them; returns why not."""
        self.tried = None
        updates = {**self.updates, **{path: value for unit in units for path, value in unit.updates.items()}}
        try:
            given = rebind(clone(self.base), {path: _copy(value) for path, value in updates.items()})
            self.tried = made = follow(given, self.inputs, tie=True)
            reason = self._check_kept(made) or check_outputs(made, self.inputs, self.outputs, self.detours)
            if not reason and is_exact:
                reason = self._check_exact(made)
        except (PliantError, RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
            return str(error)
        if not reason:
            self.updates, self.program = updates, made
        return reason

    def _check_kept(self, program: Any) -> str:
        """Returns which layer with a width that stays would get a searched one, because the outputs of layers are added."""
        for group in find_groups(program, self.network) if self.kept else ():
            for carrier in group.carriers:
                if carrier.role == "writes" and carrier.path in self.kept:
                    return f"its width is also that of {carrier.path!r}, which is kept, as asked"
        return ""

    def _check_exact(self, program: Any) -> str:
        """Returns why the smallest network is not the given one without channels, which no layer reads then."""
        child = make_child(program, smallest(Template(program).space))
        masked = copy.deepcopy(self.network)
        with torch.no_grad():
            for group in find_groups(program, self.network):
                readers = [one for one in group.carriers if one.role == "reads"]
                if not readers or not group.can_reorder:
                    return "which channels belong to each head is not known"
                for carrier in readers:
                    gone = carrier.index(group.width)[group.sizes[0] :].flatten()
                    for tensor, dim in channel_dims(masked.get_submodule(carrier.path), carrier):
                        tensor.index_fill_(dim, gone.to(tensor.device), 0)
        others = change_leaves(self.inputs, shake)  # the example may be too regular to show a difference
        if all(is_close(run_once(masked, x), run_once(child, x)) for x in (self.inputs, others)):
            return ""
        return "with fewer heads, the network does not compute what it does without them"


def shake(x: Any) -> Any:
    """Returns an input with noise; whole numbers in another order.

    >>> shake(torch.arange(4)).tolist()
    [3, 0, 1, 2]
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        return x.roll(1, -1) if isinstance(x, Tensor) and x.dim() else x
    if not x.isfinite().all():  # a mask
        return x
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).to(x)
    return x + noise * (x.std(correction=0) + 0.1)


def _copy(value: Any) -> Any:
    return clone(value) if isinstance(value, Node) else value


def _halve(units: Sequence[Unit]) -> list[list[Unit]]:
    halves = [list(units[: len(units) // 2]), list(units[len(units) // 2 :])]
    return [half for half in halves if half]
