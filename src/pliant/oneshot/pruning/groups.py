"""Width groups: which layers of a network have the channels that one searched width counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from pliant.hyper.hole import OneOf

from ..channels.propagation import WidthSum
from ..elastic.widths import find_widths, is_depthwise
from .opening import find_nodes

Role = Literal["writes", "reads", "keeps"]


@dataclass(frozen=True, slots=True)
class Carrier:
    """A layer that has the channels of a width group.

    Attributes:
      path: of the layer in the network, such as ``"layer1.0.conv1"``.
      role: whether the layer computes the channels, reads them, or keeps them (normalization, depthwise convolutions).
      repeat: how many inputs of the layer belong to each channel; more than 1 behind flattening.
    """

    path: str
    role: Role
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class WidthGroup:
    """The layers whose widths are one decision.

    Attributes:
      name: of the decision.
      width: the number of channels of the network as it was given.
      sizes: the widths to choose from, ascending; the last one is ``width``.
      carriers: the layers.
      can_reorder: whether the channels can change places; not if a layer counts them together with other ones.
    """

    name: str
    width: int
    sizes: tuple[int, ...]
    carriers: tuple[Carrier, ...]
    can_reorder: bool = True


@dataclass(slots=True)
class _Draft:
    hole: OneOf
    carriers: list[Carrier] = field(default_factory=list)
    can_reorder: bool = True


def find_groups(program: Any, network: nn.Module) -> tuple[WidthGroup, ...]:
    """Returns the width groups of a space.

    Args:
      program: the space, in which ``follow`` has put the holes.
      network: the module that was opened.
    """
    names = {id(module): name for name, module in network.named_modules()}
    drafts: dict[str, _Draft] = {}
    for _, node, module in find_nodes(program):
        widths = find_widths(module)
        if widths is None:
            continue
        given = node.sym_init_args
        depthwise = is_depthwise(module)
        fields: list[tuple[str | None, Role]] = [(widths.reads, "reads"), (widths.writes, "writes")]
        if widths.writes is None or depthwise:
            fields = [(widths.reads, "keeps")]
        for name, role in fields:
            value = given.get(name) if name else None
            for hole, repeat, is_simple in _read_holes(value):
                draft = drafts.setdefault(str(hole.name), _Draft(hole))
                draft.carriers.append(Carrier(names[id(module)], role, repeat))
                movable = _can_move(module, depthwise=depthwise)
                draft.can_reorder = draft.can_reorder and is_simple and movable
    return tuple(
        WidthGroup(name, max(d.hole.candidates), tuple(d.hole.candidates), tuple(d.carriers), d.can_reorder)
        for name, d in drafts.items()
    )


def _read_holes(value: object) -> Iterator[tuple[OneOf, int, bool]]:
    """Yields the holes of a width, the factor of each, and whether its channels stand alone and in order."""
    if isinstance(value, OneOf):
        yield value, 1, True
    elif isinstance(value, WidthSum):
        is_simple = len(value.factors) == 1 and value.constant == 0
        for hole, factor in zip(value.holes, value.factors, strict=True):
            yield hole, factor, is_simple


def _can_move(module: Any, *, depthwise: bool) -> bool:
    """Returns whether the weights of a layer have one row or column for each channel, in any order."""
    if isinstance(module, nn.GroupNorm):
        return bool(module.num_groups in (1, module.num_channels))
    if isinstance(module, (nn.MultiheadAttention, nn.RNNBase)):
        return False
    return depthwise or getattr(module, "groups", 1) == 1
