"""Width groups: which layers of a network have the channels, or the heads, that one searched number counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from pliant.hyper.hole import DerivedHole, OneOf

from ..channels.propagation import WidthSum
from ..channels.slicing import SlicedWidth
from ..elastic.slices import Width
from ..elastic.widths import find_widths, is_depthwise
from .opening import find_nodes

Role = Literal["writes", "reads", "keeps"]


@dataclass(frozen=True, slots=True)
class Carrier:
    """A layer that has the channels of a width group.

    Attributes:
      path: of the layer in the network, such as ``"layer1.0.conv1"``.
      role: whether the layer computes the channels, reads them, or keeps them (normalization, depthwise convolutions).
      repeat: how many entries of the layer belong to each channel; more than 1 behind flattening, and for heads.
      places: by channel, its entries; empty if they are ``repeat`` neighbours in the order of the channels.
    """

    path: str
    role: Role
    repeat: int = 1
    places: tuple[tuple[int, ...], ...] = ()

    def index(self, width: int) -> Tensor:
        """Returns the entries of each channel, of shape (width, repeat).

        >>> Carrier("0", "reads", 2).index(3).tolist()
        [[0, 1], [2, 3], [4, 5]]
        """
        if self.places:
            return torch.tensor(self.places)
        return torch.arange(width * self.repeat).view(width, self.repeat)


@dataclass(frozen=True, slots=True)
class WidthGroup:
    """The layers whose widths are one decision.

    Attributes:
      name: of the decision.
      width: the number of channels, or of heads, of the network as it was given.
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
            for hole in {str(h.name): h for h in find_holes(value)}.values():
                draft = drafts.setdefault(str(hole.name), _Draft(hole))
                places = _find_places(value, hole)
                movable = places is not None and _can_move(module, depthwise=depthwise)
                draft.can_reorder = draft.can_reorder and movable
                draft.carriers.append(_make_carrier(names[id(module)], role, places or ()))
    return tuple(
        WidthGroup(name, max(d.hole.candidates), tuple(d.hole.candidates), tuple(d.carriers), d.can_reorder)
        for name, d in drafts.items()
    )


def _make_carrier(path: str, role: Role, places: tuple[tuple[int, ...], ...]) -> Carrier:
    repeat = len(places[0]) if places else 1
    in_order = [entry for channel in places for entry in channel] == list(range(len(places) * repeat))
    return Carrier(path, role, repeat, () if in_order else places)


def find_holes(value: object) -> Iterator[OneOf]:
    """Yields the holes of a width."""
    if isinstance(value, OneOf):
        yield value
    elif isinstance(value, DerivedHole):
        inner: Any = value.inner()
        for part in inner if isinstance(inner, list) else [inner]:
            yield from find_holes(part)


def _find_places(value: object, hole: OneOf) -> tuple[tuple[int, ...], ...] | None:
    """Returns the entries of a width that belong to each channel that a hole counts; None if that is not known."""
    if len({str(one.name) for one in find_holes(value)}) > 1 and not _has_slices(value):
        return None  # the first entries: of which part is not known
    found, before = [], set(_keep(value, str(hole.name), 0))
    for count in range(1, max(hole.candidates) + 1):
        kept = set(_keep(value, str(hole.name), count))
        if not before <= kept:
            return None
        found.append(tuple(sorted(kept - before)))
        before = kept
    return tuple(found) if len(set(map(len, found))) == 1 and found[0] else None


def _has_slices(value: object) -> bool:
    return isinstance(value, SlicedWidth) or (isinstance(value, WidthSum) and value.blocks is not None)


def _keep(value: object, name: str, number: int) -> tuple[int, ...]:
    """Returns the entries that a width keeps with a number for one hole, and the largest ones for others."""
    width = _evaluate(value, name, number)
    return width.kept() if isinstance(width, Width) else tuple(range(width))


def _evaluate(value: Any, name: str, number: int) -> Any:
    if isinstance(value, OneOf):
        return number if value.name == name else max(value.candidates)
    if isinstance(value, DerivedHole):
        inner = value.inner()
        is_list = isinstance(inner, list)
        return value.build(
            [_evaluate(x, name, number) for x in inner] if is_list else _evaluate(inner, name, number)
        )
    return value


def _can_move(module: Any, *, depthwise: bool) -> bool:
    """Returns whether the weights of a layer have one row or column for each channel, in any order."""
    if isinstance(module, nn.GroupNorm):
        return bool(module.num_groups in (1, module.num_channels))
    if isinstance(module, (nn.MultiheadAttention, nn.RNNBase)):
        return False
    return depthwise or getattr(module, "groups", 1) == 1
