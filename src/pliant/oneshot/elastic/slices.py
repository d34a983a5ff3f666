"""Slices: which entries of the largest width of a layer a smaller width keeps, such as 0, 1 and 4 to 7 behind a concatenation.

A ``Width`` is a number that carries them, from the holes of a program into the attributes of a layer (``in_channels``).
Where a width keeps the first entries of the largest one, it is an ordinary number.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from .rules import Rule
from .widths import CONV1D, Widths, find_widths, is_depthwise, name_class


@final
@dataclass(frozen=True, slots=True)
class Block:
    """Entries of the largest width that form a grid: ``start + i * steps[0] + j * steps[1] + ...``.

    >>> list(Block(8, (4, 1), (2, 3)).entries())
    [8, 9, 10, 12, 13, 14]

    Attributes:
      start: the first entry.
      steps: the distance of two neighbours in each dimension of the grid.
      counts: how many entries a width keeps in each dimension.
    """

    start: int
    steps: tuple[int, ...]
    counts: tuple[int, ...]

    def entries(self) -> Iterator[int]:
        """Yields the entries, not in order."""
        for place in itertools.product(*map(range, self.counts)):
            yield self.start + sum(step * i for step, i in zip(self.steps, place))


@final
class Width(int):
    """A width that knows which entries of the largest width it keeps; otherwise an ordinary number.

    >>> narrow = Width(6, 12, (Block(0, (1,), (2,)), Block(4, (1,), (4,))))
    >>> narrow, narrow.kept()
    (6, (0, 1, 4, 5, 6, 7))

    Attributes:
      full: the largest width.
      blocks: the entries that it keeps.
    """

    full: int
    blocks: tuple[Block, ...]

    def __new__(cls, value: int, full: int, blocks: tuple[Block, ...]) -> Width:
        made = super().__new__(cls, value)
        made.full, made.blocks = full, blocks
        return made

    def __getnewargs__(self) -> Any:  # for copies and pickles
        return int(self), self.full, self.blocks

    def kept(self) -> tuple[int, ...]:
        """Returns the entries that it keeps, in rising order."""
        return tuple(sorted(entry for block in self.blocks for entry in block.entries()))


def to_width(value: int, full: int, blocks: tuple[Block, ...]) -> int:
    """Returns a ``Width``, or an ordinary number if the first entries are kept or ``blocks`` do not fit the number.

    >>> type(to_width(6, 12, (Block(0, (1,), (6,)),)))
    <class 'int'>
    """
    found = Width(value, full, blocks)
    kept = found.kept()
    is_usual = kept == tuple(range(value))
    return value if is_usual or len(set(kept)) != value or (kept and kept[-1] >= full) else found


@final
class SlicedRule:
    """The rule of a tensor whose slices are not its first entries: takes these, then what the rule of its layer takes.

    Args:
      rule: the rule of the layer.
      dims: by dimension, the entries of the maximal tensor that are kept.
    """

    def __init__(self, rule: Rule, dims: dict[int, Tensor]) -> None:
        self.rule, self.dims = rule, dims

    def __call__(self, layer: nn.Module, name: str, full: Tensor) -> Tensor:
        for dim, index in self.dims.items():
            full = full.index_select(dim, self._on(dim, index, full.device))
        return self.rule(layer, name, full)

    def write(self, full: Tensor, part: Tensor) -> None:
        """Writes a part of one dimension, such as running statistics, into the maximal tensor."""
        ((dim, index),) = self.dims.items()
        with torch.no_grad():
            full.index_copy_(dim, self._on(dim, index, full.device), part.detach())

    def _on(self, dim: int, index: Tensor, device: torch.device) -> Tensor:
        if index.device != device:
            self.dims[dim] = index = index.to(device)  # moved once
        return index


def slice_rule(
    rule: Rule, layer: nn.Module, name: str, *, part: Sequence[int], full: Sequence[int]
) -> Rule | SlicedRule:
    """Returns the rule for a tensor of a layer: with slices, if a width of the layer has them and they fit.

    Args:
      rule: the rule of the layer's class.
      layer: the layer of the wanted size.
      name: the name of the tensor.
      part: the shape of the layer's tensor.
      full: the shape of the maximal tensor.
    """
    dims: dict[int, Tensor] = {}
    for dim, kept, most in _find_slices(layer, name, part, full):
        if part[dim] == len(kept) and full[dim] == most:
            dims[dim] = torch.tensor(kept)
    return SlicedRule(rule, dims) if dims else rule


def _find_slices(
    layer: nn.Module, name: str, part: Sequence[int], full: Sequence[int]
) -> Iterator[tuple[int, tuple[int, ...], int]]:
    """Yields the sliced dimensions of a tensor: the dimension, what is kept, and the largest size."""
    widths = find_widths(layer)
    if widths is None:
        return
    for is_input, field in ((True, widths.reads), (False, widths.writes)):
        width: Any = None if field is None else getattr(layer, field, None)
        if isinstance(width, tuple) and len(width) == 1:  # the shape that layer normalization keeps
            width = width[0]
        if not isinstance(width, Width):
            continue
        if is_depthwise(layer):
            if is_input:
                convolution: Any = layer
                times = convolution.out_channels // convolution.in_channels
                yield 0, tuple(times * i + j for i in width.kept() for j in range(times)), times * width.full
            continue
        dim = _find_dim(layer, widths, name, part, full, width=width, is_input=is_input)
        if dim is not None:
            yield dim, width.kept(), width.full


def _find_dim(
    layer: nn.Module,
    widths: Widths,
    name: str,
    part: Sequence[int],
    full: Sequence[int],
    *,
    width: Width,
    is_input: bool,
) -> int | None:
    """Returns the dimension of a tensor that a width of its layer decides; None if it does not decide one."""
    count = len(part)
    if widths.writes is None:  # normalization: the last dimension of what it has for each channel
        return count - 1 if count else None
    is_matrix = isinstance(layer, (nn.Linear, _ConvNd)) and name == "weight"
    if is_matrix and getattr(layer, "groups", 1) != 1 and (is_input or isinstance(layer, _ConvTransposeNd)):
        return None  # a group's own channels, of which the first are kept
    if is_matrix:
        return int(is_input) ^ int(isinstance(layer, _ConvTransposeNd))
    if isinstance(layer, (nn.Linear, _ConvNd)):  # a bias
        return None if is_input else 0
    if any(name_class(base) == CONV1D for base in type(layer).__mro__):
        return (None if is_input else 0) if count == 1 else int(not is_input)
    if isinstance(layer, nn.RNNBase):
        return 1 if is_input and name.startswith("weight_ih_l0") else None
    fits = [dim for dim in range(count) if part[dim] == width and full[dim] == width.full]
    return fits[0] if len(fits) == 1 else None


def take_channels(value: Tensor, dim: int, width: int) -> Tensor:
    """Returns the channels of a wider input that a layer of some width reads: the first ones, or its slices."""
    if isinstance(width, Width) and value.shape[dim] == width.full:
        return value.index_select(dim, torch.tensor(width.kept(), device=value.device))
    return value.narrow(dim, 0, width)


def place_channels(value: Tensor, dim: int, width: object) -> Tensor:
    """Returns an output with its channels at their places in the largest width, and zeros between them."""
    if not isinstance(width, Width) or value.shape[dim] != width:
        return value
    shape = list(value.shape)
    shape[dim] = width.full
    return value.new_zeros(shape).index_copy(dim, torch.tensor(width.kept(), device=value.device), value)
