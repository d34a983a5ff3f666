"""``space_of``: the space of widths, kernels and depths of an existing network, with a report of what was left out."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from pliant.hyper.functions import oneof
from pliant.hyper.hole import OneOf
from pliant.hyper.template import Template
from pliant.space import Choice, Decisions, Point, Space, walk_points
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.read.query import get
from pliant.symbolic.tree.realize import realize
from pliant.values.errors import (
    FieldValueError,
    PliantError,
    check_items,
    listing,
    quote,
    suggest,
)
from pliant.values.path import Path

from ..channels.propagation import WIDTH_NAME, follow
from ..choices.skip import Skip
from ..elastic.widths import find_widths, is_depthwise
from ..rewrite.foreign import open_kernel, open_network
from ..rewrite.ties import find_ties
from .blocks import find_blocks
from .groups import WidthGroup, find_groups
from .opening import check_example, check_network, find_nodes, run_once

WIDTHS = (0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
KERNEL_NAME, BLOCK_NAME = "kernel of ", "block "


@dataclass(frozen=True, eq=False)
class FoundSpace:
    """The space of an existing network, and what was left out of it.

    Attributes:
      space: an ordinary space; with the largest sizes and all blocks it is the network that was given.
      network: a copy of that network, whose weights the space has.
      example: its inputs.
      groups: the layers of each searched width.
      blocks: the paths of the blocks that may be left out.
      kernels: the paths of the convolutions with a searched kernel size.
      left_out: by path of a layer or block, why it has no decision.
    """

    space: Any
    network: nn.Module
    example: tuple[Any, ...]
    groups: tuple[WidthGroup, ...]
    blocks: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        size = Template(self.space).space.size
        counts = f"{len(self.groups)} widths, {len(self.kernels)} kernel sizes and {len(self.blocks)} blocks"
        lines = [f"{counts} to search in the {type(self.network).__name__}: {size:,} networks"]
        for group in self.groups:
            layers = len({carrier.path for carrier in group.carriers})
            sizes = ", ".join(map(str, group.sizes))
            lines.append(f"  {group.name}: {sizes} ({layers} layers)")
        if self.blocks:
            lines.append(f"  can be left out: {listing(self.blocks)}")
        for path, reason in self.left_out.items():
            lines.append(f"  not searched: {path or 'the network'}: {reason}")
        return "\n".join(lines)


def space_of(
    network: nn.Module,
    example: object,
    *,
    widths: Sequence[float] = WIDTHS,
    depth: bool = True,
    kernels: Sequence[int] | None = None,
    divisor: int | None = None,
    keep: Sequence[str] = (),
) -> FoundSpace:
    """Returns the space of the narrower and shallower versions of a network, with its weights.

    Widths of layers whose outputs are added become one decision, and all layers that receive a searched width follow it.
    A layer whose width cannot be followed, or decides the shape of the output, keeps it; ``print(found)`` says why.

    >>> network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 1))
    >>> found = space_of(network, torch.zeros(1, 3, 8, 8), widths=(0.5, 1.0))
    >>> print(found)
    1 widths, 0 kernel sizes and 0 blocks to search in the Sequential: 2 networks
      width of 0: 8, 16 (3 layers)
      not searched: 3: it computes the output of the network

    Args:
      network: any module, trained or not; it stays as it is.
      example: an input of it, or a tuple of inputs, of any batch size.
      widths: shares of the width of each layer; 1.0 is always one of them.
      depth: whether blocks that are residual, or keep the shape of their input, may be left out.
      kernels: odd kernel sizes to choose from, for convolutions that keep the size of images and have a larger kernel.
      divisor: widths are multiples of it; by default of the largest power of two up to 8 that is at most an eighth of the width.
      keep: patterns of paths whose widths, kernels and depth stay, such as ``"features.0*"``.

    Raises:
      FieldTypeError: the network or the example is not one that can be opened.
      FieldValueError: the network fails on the example, a pattern fits nothing, or nothing can be searched.
    """
    check_network(network)
    inputs = check_example(network, example)
    shares = _check_widths(widths)
    own = copy.deepcopy(network).eval()
    names = [name for name, _ in own.named_modules()]
    kept = _find_kept(keep, names)
    left_out: dict[str, str] = {name: "kept, as asked" for name in kept if _is_layer(own, name)}
    program = open_network(own)
    holes, reasons = _width_holes(program, own, inputs, shares, divisor, kept)
    left_out |= reasons
    program, reasons = _open_widths(program, holes, inputs, run_once(own, inputs))
    left_out |= reasons
    groups = find_groups(program, own)
    program, changed = _open_kernels(program, own, kernels or (), kept)
    blocks: tuple[str, ...] = ()
    if depth:
        program, blocks, reasons = _open_blocks(program, own, inputs, kept)
        left_out |= reasons
    if not groups and not changed and not blocks:
        why = "; ".join(f"{path}: {reason}" for path, reason in list(left_out.items())[:4])
        raise FieldValueError(
            f"nothing can be searched in this {type(network).__name__}. {why or 'It has no layers with a width.'}"
        )
    return FoundSpace(program, own, inputs, groups, blocks, changed, MappingProxyType(left_out))


def _check_widths(widths: Sequence[float]) -> list[float]:
    shares = [float(share) for share in check_items(widths, "space_of(widths=...)", "[0.5, 1.0]")]
    if not shares or not all(0 < share <= 1 for share in shares):
        raise FieldValueError(
            f"space_of(widths=...) takes shares of the widths of layers, above 0 and up to 1, such as (0.5, 0.75, 1.0); got {quote(widths)}."
        )
    return shares


def _find_kept(keep: Sequence[str], names: list[str]) -> set[str]:
    """Returns the paths that patterns fit, and all below them."""
    kept: set[str] = set()
    for pattern in check_items(keep, "space_of(keep=...)", '["features.0*"]'):
        fits = {name for name in names if isinstance(pattern, str) and name and fnmatchcase(name, pattern)}
        if not fits:
            raise FieldValueError(
                f"space_of(keep=...) has the pattern {quote(pattern)}, which fits the path of no module"
                f"{suggest(str(pattern), names) or '.'} Print `network` to see the paths."
            )
        kept |= {name for name in names if any(name == one or name.startswith(one + ".") for one in fits)}
    return kept


def _is_layer(network: nn.Module, name: str) -> bool:
    widths = find_widths(network.get_submodule(name))
    return widths is not None and widths.writes is not None


def find_sizes(width: int, shares: Iterable[float], divisor: int | None = None) -> list[int]:
    """Returns widths to choose from, ascending.

    >>> find_sizes(16, [0.5, 0.75, 1.0]), find_sizes(16, [0.5, 0.75], 8)
    ([8, 12, 16], [8, 16])
    """
    step = divisor or max(n for n in (1, 2, 4, 8) if n == 1 or 8 * n <= width)
    return sorted({min(width, max(step, round(width * share / step) * step)) for share in shares} | {width})


# ------------------------------------------------------------------ widths


def _width_holes(
    program: Any,
    network: nn.Module,
    inputs: tuple[Any, ...],
    shares: list[float],
    divisor: int | None,
    kept: set[str],
) -> tuple[dict[Path, OneOf], dict[str, str]]:
    """Returns a hole for each output width that may be searched, and the layers that have none."""
    names = {id(module): name for name, module in network.named_modules()}
    tied = {part.rpartition(".")[0] for tie in find_ties(network) for part in (tie.first, tie.place)}
    last = _find_last(network, inputs)
    holes: dict[Path, OneOf] = {}
    reasons: dict[str, str] = {}
    for path, node, module in find_nodes(program):
        widths, name = find_widths(module), names[id(module)]
        if widths is None or widths.writes is None or is_depthwise(module) or name in kept:
            continue
        width = node.sym_init_args.get(widths.writes)
        if name in tied:
            reasons[name] = "its weight is also that of another layer"
        elif name in last:
            reasons[name] = "it computes the output of the network"
        elif type(width) is not int:
            reasons[name] = f"the arguments of a {type(module).__name__} cannot be read from it"
        elif getattr(module, "groups", 1) != 1:
            reasons[name] = f"its channels are in {module.groups} groups"
        elif len(sizes := find_sizes(width, shares, divisor)) > 1:
            holes[path + widths.writes] = oneof(sizes, name=f"{WIDTH_NAME}{name}")
        else:
            reasons[name] = f"its width of {width} has no other size"
    return holes, reasons


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


def _open_widths(
    program: Any, holes: dict[Path, OneOf], inputs: tuple[Any, ...], outputs: list[Tensor]
) -> tuple[Any, dict[str, str]]:
    """Returns the program with all holes that can be followed, and why the others cannot."""
    reasons: dict[str, str] = {}
    found: dict[Path, OneOf] = {}
    opened = program

    def attempt(more: dict[Path, OneOf]) -> str:
        """Adds holes if all layers can follow them; returns why not."""
        nonlocal found, opened
        try:
            both = {**found, **more}
            made = follow(rebind(clone(program), {p: clone(h) for p, h in both.items()}), inputs, tie=True)
            reason = _check_outputs(made, inputs, outputs)
        except PliantError as error:
            return str(error)
        if not reason:
            found, opened = both, made
        return reason

    waiting = [dict(holes)] if holes else []
    is_split = False
    while waiting:
        more = waiting.pop(0)
        reason = attempt(more)
        if not reason:
            continue
        if len(more) == 1:
            (hole,) = more.values()
            reasons[str(hole.name).removeprefix(WIDTH_NAME)] = reason
        elif not is_split:  # layers at alike paths usually can be followed, or not, together
            is_split = True
            kinds: dict[str, dict[Path, OneOf]] = {}
            for path, hole in more.items():
                kinds.setdefault(re.sub(r"\d+", "*", str(path)), {})[path] = hole
            waiting = list(kinds.values()) if len(kinds) > 1 else _halve(more)
        else:
            first = dict([next(iter(more.items()))])
            if alone := attempt(first):
                for hole in more.values():
                    reasons[str(hole.name).removeprefix(WIDTH_NAME)] = alone
            else:
                waiting = [*_halve({p: h for p, h in more.items() if p not in first}), *waiting]
    return opened, reasons


def _halve(holes: dict[Path, OneOf]) -> list[dict[Path, OneOf]]:
    items = list(holes.items())
    halves = [dict(items[: len(items) // 2]), dict(items[len(items) // 2 :])]
    return [half for half in halves if half]


def _check_outputs(program: Any, inputs: tuple[Any, ...], outputs: list[Tensor]) -> str:
    """Returns why the smallest network of a space does not stand for the given one; empty if it does."""
    made = make_child(program, smallest(Template(program).space))
    found = run_once(made, inputs)
    if [x.shape for x in found] != [x.shape for x in outputs]:
        return "with another width, the output of the network has another shape"
    return ""


def make_child(program: Any, decisions: Decisions) -> nn.Module:
    """Returns the network of some decisions, with the parts of the weights that it has."""
    child: Any = Template(program).materialize(decisions)
    with torch.random.fork_rng(devices=[]):
        realize(child)
    return child  # type: ignore[no-any-return]  # a module


def smallest(space: Space) -> Decisions:
    """Returns the decisions for the smallest sizes, without blocks."""
    return compose(space, lambda point: 0 if point.values else point.count - 1)


def largest(space: Space) -> Decisions:
    """Returns the decisions for the network that was given."""
    return compose(space, lambda point: point.count - 1 if point.values else 0)


def compose(space: Space, choose: Any) -> Decisions:
    """Returns the decisions that a function makes for each active choice."""

    def decide(_: int, point: Point) -> Any:
        assert isinstance(point, Choice)
        return choose(point)

    return Decisions(space, walk_points(space, decide))


def change(space: Space, values: Mapping[str, int], path: str, index: int) -> Decisions:
    """Returns decisions by path with another candidate for one; decisions that become active are for the largest size."""

    def choose(point: Choice) -> int:
        return index if point.path == path else values.get(point.path, point.count - 1 if point.values else 0)

    return compose(space, choose)


# ------------------------------------------------------------------ kernels and blocks


def _open_kernels(
    program: Any, network: nn.Module, sizes: Sequence[int], kept: set[str]
) -> tuple[Any, tuple[str, ...]]:
    """Returns the program with searched kernel sizes, and the paths of their layers."""
    sizes = list(check_items(sizes, "space_of(kernels=...)", "[3, 5]"))
    names = {id(module): name for name, module in network.named_modules()}
    updates, changed = {}, []
    for path, node, module in find_nodes(program) if sizes else ():
        name = names[id(module)]
        if not isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)) or name in kept:
            continue
        kernel, step = set(module.kernel_size), set(module.dilation)
        own = kernel.pop()
        smaller = [size for size in sizes if size < own]
        same = (step.pop() * (own - 1) // 2,) * len(module.kernel_size)
        if kernel or step or own % 2 == 0 or tuple(module.padding) != same or not smaller:
            continue
        updates[path] = open_kernel(node, [*sorted(smaller), own], name=f"{KERNEL_NAME}{name}")
        changed.append(name)
    return (rebind(clone(program), updates) if updates else program), tuple(changed)


def _open_blocks(
    program: Any, network: nn.Module, inputs: tuple[Any, ...], kept: set[str]
) -> tuple[Any, tuple[str, ...], dict[str, str]]:
    """Returns the program in which blocks may be left out, their paths, and why others may not."""
    paths = {id(module): path for path, _, module in find_nodes(program)}
    wanted = [name for name in find_blocks(network, inputs) if name not in kept]
    outputs, chosen, reasons = run_once(network, inputs), list[str](), {}
    opened = program
    for names in [wanted, *([name] for name in wanted)]:
        if set(names) <= set(chosen):
            continue
        updates = {}
        for name in [*chosen, *names]:
            path = paths[id(network.get_submodule(name))]
            updates[path] = oneof([clone(get(program, path)), Skip()], name=f"{BLOCK_NAME}{name}")
        try:
            made = rebind(clone(program), updates)
            reason = _check_outputs(made, inputs, outputs)
        except (PliantError, RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
            reason = str(error)
        if not reason:
            opened, chosen = made, [*chosen, *names]
        elif len(names) == 1:
            reasons[names[0]] = f"without it, the network fails: {reason}"
    return opened, tuple(chosen), reasons
