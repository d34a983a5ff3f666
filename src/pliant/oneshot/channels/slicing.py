"""Finds the slices of searched widths: which entries of the largest width each narrow one keeps.

A concatenation keeps the first channels of each of its parts; a fused layer, such as one for query, key and value, the first
rows of each block.  Both are read from the origins in the largest network and from the sizes in narrow ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import torch
from torch import Tensor

from pliant.hyper.hole import DerivedHole
from pliant.symbolic.edit.clone import clone

from ..elastic.slices import Block, to_width
from .origins import LIMIT, Use


@final
@dataclass(frozen=True)
class Sizes:
    """The record of one run, by names of layers.

    Attributes:
      uses: the tensors that something computes with.
      layers: the layers whose numbers are in origins.
      reads: the origins of the channels of inputs.
      inputs: the widths of inputs.
      outputs: the widths of outputs.
    """

    uses: list[Use]
    layers: dict[int, str]
    reads: dict[str, Tensor]
    inputs: dict[str, int]
    outputs: dict[str, int]


@final
@dataclass(frozen=True)
class Grid:
    """A grid of entries of a width, in every run.

    Attributes:
      start: the first entry.
      steps: the distances of neighbours in the largest network.
      counts: by dimension, the number of entries in each run; the last run is the largest network.
    """

    start: int
    steps: tuple[int, ...]
    counts: tuple[tuple[int, ...], ...]

    def block(self, run: int) -> Block:
        """Returns the entries in one run."""
        return Block(self.start, self.steps, tuple(count[run] for count in self.counts))

    @property
    def size(self) -> int:
        """The number of entries in the largest network."""
        return math.prod(count[-1] for count in self.counts)

    def entries(self) -> Tensor:
        """Returns the entries in the largest network, as a grid."""
        found = torch.tensor(self.start)
        for step, count in zip(self.steps, self.counts):
            found = found.unsqueeze(-1) + step * torch.arange(count[-1])
        return found


Count = tuple[int, int, tuple[int, ...]]
"""A number of entries, as a function of searched numbers: ``(constant + factors . numbers) / divisor``."""


@final
@dataclass(frozen=True)
class Slices:
    """The entries that a width keeps, as a function of searched numbers.

    Attributes:
      keys: the decisions.
      full: the largest width.
      blocks: for each block: its start, its steps, and its counts.
    """

    keys: tuple[str, ...]
    full: int
    blocks: tuple[tuple[int, tuple[int, ...], tuple[Count, ...]], ...]

    def to_lists(self) -> list[Any]:
        """Returns the blocks as lists of numbers, as a ``SlicedWidth`` has them."""
        return [
            [start, list(steps), [[constant, divisor, *factors] for constant, divisor, factors in counts]]
            for start, steps, counts in self.blocks
        ]


class SlicedWidth(DerivedHole):
    """A width of which a layer keeps other entries than the first ones; ``follow`` puts it where that is so.

    Attributes:
      width: the width, a hole.
      holes: the holes over the numbers on which the blocks depend; empty if it is the width itself.
      full: the largest width.
      blocks: for each block its start, its steps and its counts; a count is a constant, a divisor and a factor per number.

    >>> import pliant as pg
    >>> halves = [[0, [1], [[0, 2, 1]]], [4, [1], [[0, 2, 1]]]]
    >>> [child.width.kept() for child in pg.iter(pg.Dict(width=SlicedWidth(pg.oneof([4, 6]), [], 8, halves)))]
    [(0, 1, 4, 5), (0, 1, 2, 4, 5, 6)]
    """

    width: Any
    holes: list[Any]
    full: int
    blocks: list[Any]

    def inner(self) -> Any:
        return [clone(self.width), *map(clone, self.holes)] if self.holes else clone(self.width)

    def build(self, value: Any) -> Any:
        width, numbers = (value[0], value[1:]) if self.holes else (value, [value])
        return slice_width(width, numbers, self.full, self.blocks)

    def unbuild(self, value: Any) -> Any:
        if self.holes:
            raise NotImplementedError(
                f"the numbers that decide the slices of the width {value} cannot be recovered from it. Put the named holes at the "
                "output widths of layers, as follow does: the numbers are read there."
            )
        return int(value)


def slice_width(width: int, numbers: Sequence[int], full: int, blocks: Any) -> int:
    """Returns a width with the slices for some numbers; without slices if these do not fit the width."""
    found = []
    for start, steps, counts in blocks:
        sizes = [
            Fraction(constant + sum(f * n for f, n in zip(factors, numbers)), divisor)
            for constant, divisor, *factors in counts
        ]
        if any(size.denominator != 1 or size < 0 for size in sizes):
            return width
        found.append(Block(start, tuple(steps), tuple(map(int, sizes))))
    return to_width(width, full, tuple(found))


@final
class SliceFinder:
    """Finds the slices of all widths of a network.

    Args:
      runs: the first network, then one for each key, in which only its number is another one.
      largest: the network with the largest numbers, with origins.
      steps: by key: its first number, its number in its run, and its largest one.
    """

    def __init__(
        self, runs: Sequence[Sizes], largest: Sizes, steps: Mapping[str, tuple[int, int, int]]
    ) -> None:
        self.runs, self.largest, self.steps = [*runs, largest], largest, dict(steps)
        self.tiles: dict[str, list[Grid]] = {}
        if len({len(run.uses) for run in self.runs}) == 1:
            self.tiles = self._find_tiles()

    def outputs(self) -> Iterator[tuple[str, Slices]]:
        """Yields the layers whose outputs keep other rows than the first ones."""
        for name, tiles in self.tiles.items():
            widths = self._by_run(name, lambda run: run.outputs)
            found = None if widths is None else self._conclude(tiles, widths)
            if found is not None:
                yield name, found

    def inputs(self) -> Iterator[tuple[str, Slices]]:
        """Yields the layers that read other channels than the first ones."""
        for name, origins in self.largest.reads.items():
            widths = self._by_run(name, lambda run: run.inputs)
            grids = None if widths is None or len(origins) != widths[-1] else self._place(origins)
            found = None if widths is None or grids is None else self._conclude(grids, widths)
            if found is not None:
                yield name, found

    def _by_run(self, name: str, read: Any) -> tuple[int, ...] | None:
        found = tuple(read(run).get(name, -1) for run in self.runs)
        return None if -1 in found else found

    # ------------------------------------------------------------------ outputs

    def _find_tiles(self) -> dict[str, list[Grid]]:
        """Returns, by layer, the grids that its output is used in, which cover it without overlap."""
        grids: dict[str, list[Grid]] = {}
        whole: dict[str, Grid] = {}
        for name in self.largest.layers.values():
            widths = self._by_run(name, lambda run: run.outputs)
            if widths is not None:
                whole[name] = Grid(0, (1,), (widths,))
        groups = {name: name for name in whole}  # layers whose channels are joined one by one
        seen: list[tuple[str, Grid] | None] = []
        for index, use in enumerate(self.largest.uses):
            found = self._read_use(index, use)
            seen.append(found)
            if found is None or found[0] not in whole:
                continue
            grids.setdefault(found[0], []).append(found[1])
            other = None if use.joint is None else seen[use.joint]
            if (
                other is not None
                and other[0] in whole
                and found[1] == whole[found[0]]
                and other[1] == whole[other[0]]
            ):
                before, after = groups[found[0]], groups[other[0]]
                groups = {name: after if group == before else group for name, group in groups.items()}
        joined = {
            group: [grid for name in groups if groups[name] == group for grid in grids.get(name, [])]
            for group in set(groups.values())
        }
        return {name: _tile(joined[groups[name]], whole[name]) for name in whole}

    def _read_use(self, index: int, use: Use) -> tuple[str, Grid] | None:
        """Returns the layer that a used tensor comes from, and the grid of its channels; None if it is not one grid."""
        shapes = [run.uses[index].shape for run in self.runs]
        if use.origins is None or len({len(shape) for shape in shapes}) != 1:
            return None
        origins = use.origins
        dims = _varying(origins)
        for dim in reversed(range(origins.dim())):
            if dim not in dims:
                origins = origins.select(dim, 0)
        line = _read_line(origins)
        if line is None or line[0] < LIMIT:
            return None
        number, start = divmod(line[0], LIMIT)
        last = start + sum(step * (count - 1) for step, count in zip(line[1], origins.shape))
        if number not in self.largest.layers or not 0 <= last < LIMIT:
            return None
        counts = tuple(tuple(shape[dim] for shape in shapes) for dim in dims)
        return self.largest.layers[number], _sorted(Grid(start, line[1], counts))

    # ------------------------------------------------------------------ inputs

    def _place(self, origins: Tensor) -> list[Grid] | None:
        """Returns the grids of an input: those of the outputs that it consists of, at their places; None if unknown."""
        found: list[Grid] = []
        order = origins.argsort(stable=True)
        ranked = origins[order]
        for number in sorted(set((origins // LIMIT).tolist())):
            if number == 0:
                found += _fixed((origins == 0).nonzero().flatten().tolist(), len(self.runs))
                continue
            tiles = self.tiles.get(self.largest.layers.get(number, ""))
            if tiles is None:
                return None
            for tile in tiles:
                placed = _place_grid(tile, number, ranked, order)
                if placed is None:
                    return None
                found += placed
        return found

    # ------------------------------------------------------------------ concluding

    def _conclude(self, grids: Sequence[Grid], widths: tuple[int, ...]) -> Slices | None:
        """Returns the slices of a width; None if it keeps the first entries, or if they are not known."""
        if len(set(widths)) == 1:
            return None
        is_usual, seen = True, set()
        for run, width in enumerate(widths):
            blocks_here = tuple(grid.block(run) for grid in grids)
            if blocks_here in seen:
                continue
            seen.add(blocks_here)
            kept = sorted(entry for block in blocks_here for entry in block.entries())
            if len(set(kept)) != width or (kept and kept[-1] >= widths[-1]):
                return None
            is_usual = is_usual and kept == list(range(width))
        if is_usual:
            return None
        found = [[self._fit(count) for count in grid.counts] for grid in grids]
        used: set[str] = set()
        for counts in found:
            for fit in counts:
                if fit is None:
                    return None
                used |= fit[1].keys()
        keys = tuple(key for key in self.steps if key in used)
        blocks = tuple(
            (grid.start, grid.steps, tuple(_to_count(*fit, keys) for fit in counts if fit is not None))
            for grid, counts in zip(grids, found)
        )
        return Slices(keys, widths[-1], blocks)

    def _fit(self, counts: tuple[int, ...]) -> tuple[Fraction, dict[str, Fraction]] | None:
        """Returns a number of entries as a linear function of searched numbers; None if it is not one."""
        first, last = counts[0], counts[-1]
        factors: dict[str, Fraction] = {}
        constant = predicted = Fraction(first)
        for (key, (least, other, most)), count in zip(self.steps.items(), counts[1:]):
            if count != first:
                factors[key] = Fraction(count - first, other - least)
                constant -= factors[key] * least
                predicted += factors[key] * (most - least)
        return (constant, factors) if predicted == last else None


def _to_count(constant: Fraction, factors: Mapping[str, Fraction], keys: Sequence[str]) -> Count:
    divisor = math.lcm(constant.denominator, *(f.denominator for f in factors.values()))
    return int(constant * divisor), divisor, tuple(int(factors.get(k, Fraction(0)) * divisor) for k in keys)


def _varying(origins: Tensor) -> list[int]:
    """Returns the dimensions along which origins differ."""
    if not origins.numel():
        return []
    return [
        dim
        for dim, size in enumerate(origins.shape)
        if size > 1
        and origins.stride(dim)
        and not torch.equal(origins.narrow(dim, 0, 1).expand(origins.shape), origins)
    ]


def _read_line(values: Tensor) -> tuple[int, tuple[int, ...]] | None:
    """Returns the first value and the rising steps of a grid of numbers; None if it is not regular."""
    if not values.numel():
        return None
    start = int(values.flatten()[0])
    steps: list[int] = []
    wanted = torch.tensor(start)
    for dim, size in enumerate(values.shape):
        step = int(values.select(dim, 1).flatten()[0]) - start if size > 1 else 0
        steps.append(step)
        wanted = wanted.unsqueeze(-1) + step * torch.arange(size)
    if any(step < 0 for step in steps) or not torch.equal(wanted, values):
        return None
    return start, tuple(steps)


def _sorted(grid: Grid) -> Grid:
    """Returns the grid with its largest steps first."""
    order = sorted(range(len(grid.steps)), key=lambda dim: -grid.steps[dim])
    return Grid(grid.start, tuple(grid.steps[d] for d in order), tuple(grid.counts[d] for d in order))


def _tile(grids: Sequence[Grid], whole: Grid) -> list[Grid]:
    """Returns the finest grids that cover a width without overlap; the whole width if there are none."""
    order = sorted(set(grids), key=lambda grid: (grid.size, -len(grid.steps)))
    order = [grid for grid in order if grid.size > 0 and int(grid.entries().max()) < whole.size]
    for first in range(len(order)):  # a small one may be a use of a few channels beside the others
        covered = torch.zeros(whole.size, dtype=torch.bool)
        found: list[Grid] = []
        for grid in order[first:]:
            entries = grid.entries().flatten()
            if not covered[entries].any():
                covered[entries] = True
                found.append(grid)
        if covered.all():
            return sorted(found, key=lambda grid: grid.start)
    return [whole]


def _fixed(places: Sequence[int], runs: int) -> Iterator[Grid]:
    """Yields the grids of channels that are always there."""
    start = 0
    for end in range(1, len(places) + 1):
        if end == len(places) or places[end] != places[end - 1] + 1:
            yield Grid(places[start], (1,), ((end - start,) * runs,))
            start = end


def _place_grid(tile: Grid, number: int, ranked: Tensor, order: Tensor) -> list[Grid] | None:
    """Returns a grid of an output at its places in an input, given the sorted origins there and their places.

    A channel may be at several places: after flattening, for example.
    """
    wanted = number * LIMIT + tile.entries()
    first = torch.searchsorted(ranked, wanted)
    times = torch.searchsorted(ranked, wanted, right=True) - first
    counts = list(tile.counts)
    steps = list(tile.steps)
    for dim in reversed(range(times.dim())):  # the input may have one of several heads
        if (
            times.shape[dim] > 1
            and times.select(dim, 0).any()
            and not times.narrow(dim, 1, times.shape[dim] - 1).any()
        ):
            times, first = times.select(dim, 0), first.select(dim, 0)
            del counts[dim], steps[dim]
    most = int(times.max()) if times.numel() else 0
    if most == 0:
        return []  # another part of the output
    if not torch.equal(times, torch.full_like(times, most)):
        return None
    places = order[first.unsqueeze(-1) + torch.arange(most)]
    line = _read_line(places)
    always = (most,) * len(tile.counts[0]) if tile.counts else (most,)
    if line is not None and most == 1:
        return [Grid(line[0], line[1][:-1], tuple(counts))]
    if line is not None:
        return [Grid(line[0], line[1], (*counts, always))]
    lines = [_read_line(places[..., i]) for i in range(most)]
    return None if None in lines else [Grid(*line, tuple(counts)) for line in lines if line is not None]
