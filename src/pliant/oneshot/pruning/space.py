"""``space_of``: the space of widths, heads, kernels and depths of an existing network, with a report of what was left out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from types import MappingProxyType
from typing import Any

from torch import nn

from pliant.hyper.functions import oneof
from pliant.hyper.template import Template
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.read.query import get
from pliant.values.errors import FieldValueError, PliantError, check_items, listing, quote, suggest

from ..elastic.widths import find_widths
from ..rewrite.foreign import open_kernel, open_network
from .attention import replace_multihead
from .blocks import find_blocks, make_skip
from .decisions import check_outputs
from .groups import WidthGroup, find_groups
from .heads import HEADS_NAME, Attention, explain, find_attentions, narrow_attention
from .narrowing import widen
from .opening import check_example, check_network, find_detours, find_nodes
from .widths import Opener, Wish, head_units, width_units

WIDTHS = (0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
KERNEL_NAME, BLOCK_NAME = "kernel of ", "block "


@dataclass(frozen=True, eq=False)
class FoundSpace:
    """The space of an existing network, and what was left out of it.

    Attributes:
      space: an ordinary space; with the largest sizes and all blocks it is the network that was given.
      network: a copy of that network, whose weights the space has.
      example: its inputs.
      groups: the layers of each searched width and number of heads.
      blocks: the paths of the blocks that may be left out.
      kernels: the paths of the convolutions with a searched kernel size.
      left_out: by path of a layer or block, why it has no decision.
      replaced: by path, the kind of attention modules that equivalent ones replaced, whose heads can be left out.
    """

    space: Any
    network: nn.Module
    example: tuple[Any, ...]
    groups: tuple[WidthGroup, ...]
    blocks: tuple[str, ...] = ()
    kernels: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    replaced: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __str__(self) -> str:
        size = Template(self.space).space.size
        heads = sum(group.name.startswith(HEADS_NAME) for group in self.groups)
        counts = f"{len(self.groups) - heads} widths, " + f"{heads} numbers of heads, " * bool(heads)
        counts += f"{len(self.kernels)} kernel sizes and {len(self.blocks)} blocks"
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
    heads: bool = True,
    depth: bool = True,
    kernels: Sequence[int] | None = None,
    divisor: int | None = None,
    keep: Sequence[str] = (),
    others: Sequence[Any] = (),
) -> FoundSpace:
    """Returns the space of the narrower and shallower versions of a network, with its weights.

    Widths of layers whose outputs are added become one decision, and all layers that receive a searched width follow it.
    An attention block has the number of its heads as a decision; of grouped queries, that of the groups.
    A layer whose width cannot be followed, or decides the shape of the output, keeps it; ``print(found)`` says why.

    >>> network = nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 1))
    >>> import torch; found = space_of(network, torch.zeros(1, 3, 8, 8), widths=(0.5, 1.0))
    >>> print(found)
    1 widths, 0 kernel sizes and 0 blocks to search in the Sequential: 2 networks
      width of 0: 8, 16 (3 layers)
      not searched: 3: it computes the output of the network

    Args:
      network: any module, trained or not; it stays as it is.
      example: an input of it, or a tuple of inputs, of any batch size.
      widths: shares of the width of each layer, and of the heads of each attention block; 1.0 is always one of them.
      heads: whether the heads of attention blocks are searched.
      depth: whether blocks that are residual, or keep the shape of their input, may be left out.
      kernels: odd kernel sizes to choose from, for convolutions that keep the size of images and have a larger kernel.
      divisor: widths are multiples of it; by default of the largest power of two up to 8 that is at most an eighth of the width.
      keep: patterns of paths whose widths, kernels and depth stay, such as ``"features.0*"``.
      others: further inputs, for a network in which other layers run on other inputs: smaller networks must run on all.

    Raises:
      FieldTypeError: the network or the example is not one that can be opened.
      FieldValueError: the network fails on the example, a pattern fits nothing, or nothing can be searched.
    """
    check_network(network)
    inputs = check_example(network, example)
    shares = _check_widths(widths)
    own = copy.deepcopy(network).eval()
    replaced = replace_multihead(own) if heads else {}
    kept = _find_kept(keep, [name for name, _ in own.named_modules()])
    left_out: dict[str, str] = {name: "kept, as asked" for name in sorted(kept) if _is_layer(own, name)}
    detours = find_detours(own, inputs, check_items(others, "space_of(others=...)", "[x1, x2]"))
    make = partial(Opener, inputs=inputs, kept=kept, detours=detours)
    opener, reasons = _open_sizes(own, inputs, Wish(shares, divisor, kept), make, replaced if heads else None)
    left_out |= reasons
    groups = find_groups(opener.program, own)
    program, changed = _open_kernels(opener.program, own, kernels or (), kept)
    blocks: tuple[str, ...] = ()
    if depth:
        program, blocks, reasons = _open_blocks(program, own, opener, kept)
        left_out = {**reasons, **left_out}
    if not groups and not changed and not blocks:
        raise _refuse(network, left_out)
    return FoundSpace(program, own, inputs, groups, blocks, changed, MappingProxyType(left_out), replaced)


def _refuse(network: nn.Module, left_out: Mapping[str, str]) -> FieldValueError:
    why = "; ".join(f"{path}: {reason}" for path, reason in list(left_out.items())[:4])
    return FieldValueError(
        f"nothing can be searched in this {type(network).__name__}. {why or 'It has no layers with a width.'}"
    )


def _open_sizes(
    own: nn.Module,
    inputs: tuple[Any, ...],
    wish: Wish,
    make: Callable[[Any, nn.Module], Opener],
    replaced: dict[str, str] | None,
) -> tuple[Opener, dict[str, str]]:
    """Returns the program with searched widths and heads, and why layers and blocks have none.

    Attention modules that cannot have fewer heads are replaced in place, and added to ``replaced``; None for no heads.
    """
    attentions = find_attentions(own, inputs)
    opener = make(open_network(own), own)
    left_out: dict[str, str] = {}
    if replaced is not None:
        opener, reasons = _open_heads(opener, attentions, wish, make, replaced)
        left_out |= reasons
    units, reasons = width_units(opener.base, own, inputs, wish)
    within = {path for one in attentions for path in (*one.inputs, *one.upstream)}
    left_out |= {
        path: "its outputs are read by an attention block" for one in attentions for path in one.upstream
    }
    left_out |= {name: reason for name, reason in reasons.items() if name not in within}
    free = [one for one in units if one.name not in within and not one.updates.keys() & opener.updates.keys()]
    left_out |= opener.open(free)
    return opener, left_out


def _open_heads(
    opener: Opener,
    attentions: Sequence[Attention],
    wish: Wish,
    make: Callable[[Any, nn.Module], Opener],
    replaced: dict[str, str],
) -> tuple[Opener, dict[str, str]]:
    """Returns the program with searched heads, and why blocks have none; first as their code is, then with narrow inputs."""
    own, left, failed = opener.network, list(attentions), dict[str, str]()
    while True:
        several, reasons = head_units(opener.program, own, left, wish)
        found, fresh, is_undone = opener.open_heads(several), dict[str, str](), False
        for one in [one for one in left if one.path in found]:
            if replaced.get(one.path) == "narrow":
                widen(own.get_submodule(one.path))
                del replaced[one.path]
                is_undone = True
            elif narrow_attention(own, one, opener.inputs):
                fresh[one.path] = "narrow"
                continue
            failed[one.path] = found[one.path]
            left.remove(one)
        if not fresh and not is_undone:
            break
        replaced |= fresh
        opener = make(open_network(own), own)
    return opener, reasons | {path: explain(reason) for path, reason in failed.items()}


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
    program: Any, network: nn.Module, opener: Opener, kept: set[str]
) -> tuple[Any, tuple[str, ...], dict[str, str]]:
    """Returns the program in which blocks may be left out, their paths, and why others may not."""
    paths = {id(module): path for path, _, module in find_nodes(program)}
    lengths = {name: n for name, n in find_blocks(network, opener.inputs).items() if name not in kept}
    wanted = list(lengths)
    chosen, reasons = list[str](), {}
    opened = program
    for names in [wanted, *([name] for name in wanted)]:
        if set(names) <= set(chosen):
            continue
        updates = {}
        for name in [*chosen, *names]:
            block = network.get_submodule(name)
            path = paths[id(block)]
            candidates = [clone(get(program, path)), make_skip(block, lengths[name])]
            updates[path] = oneof(candidates, name=f"{BLOCK_NAME}{name}")
        try:
            made = rebind(clone(program), updates)
            reason = check_outputs(made, opener.inputs, opener.outputs, opener.detours)
        except (PliantError, RuntimeError, ValueError, TypeError, AttributeError, IndexError) as error:
            reason = str(error)
        if not reason:
            opened, chosen = made, [*chosen, *names]
        elif len(names) == 1:
            reasons[names[0]] = f"without it, the network fails: {reason}"
    return opened, tuple(chosen), reasons
