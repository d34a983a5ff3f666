"""Auto-DeepLab: a two-level space of cells and of paths through resolutions, for segmentation (PyTorch).

Liu et al., "Auto-DeepLab: Hierarchical Neural Architecture Search for Semantic Image Segmentation", CVPR 2019, section 3.  The
cell level chooses inputs and operations of five blocks; the network level chooses the resolution of each of 12 layers,
from 1/4 to 1/32 of the image, which changes by at most one step between layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.objects.symbolize import symbolize

from ..cell_graph import CellGraph, draw_decided
from ..darts import OPS
from ..layers import ConvNormAct
from ..nasnet import Branch, check_branch
from ..operations import Identity, Pooling, Separable, Zero
from ..sizes import checked

LAYERS, BLOCKS, LEVELS = 12, 5, 4
"""Layers of the network, blocks of a cell, and resolutions: 1/4, 1/8, 1/16 and 1/32 of the image."""

OP_HINT, INPUT_HINT, STEP_HINT = "op", "input", "step"
"""The hints of the holes: operations and inputs of the cell, and steps between resolutions."""


@symbolize
@final
class Cell(nn.Module):
    """A cell: blocks that each add two branches on earlier tensors; the output concatenates all blocks.

    Args:
      blocks: the two branches of each block.
      filters: channels of each block.
      filters_in: channels of the two inputs.
    """

    def __init__(self, blocks: Sequence[Sequence[Branch]], filters: int, filters_in: Sequence[int]) -> None:
        super().__init__()
        self.inputs = nn.ModuleList(ConvNormAct(wide, filters, 1) for wide in filters_in)
        self.branches = [(branch.source, place) for place, block in enumerate(blocks) for branch in block]
        self.operations = nn.ModuleList(
            _make_operation(branch.op, filters) for block in blocks for branch in block
        )

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """Returns the outputs of the blocks, concatenated; both inputs have the same rows and columns."""
        found: list[Tensor] = [adapt(x) for adapt, x in zip(self.inputs, (older, newer))]
        for (source, place), operation in zip(self.branches, self.operations):
            out = operation(found[source])
            if len(found) == place + 2:
                found.append(out)
            else:
                found[-1] = found[-1] + out
        return torch.cat(found[2:], dim=1)


@symbolize
@final
class Segmenter(nn.Module):
    """A stem to 1/4 of the image, layers of equal cells along a path of resolutions, and scores for each pixel.

    Args:
      blocks: of each cell, as ``Cell.blocks``.
      steps: between layers: 0 keeps the resolution, 1 halves it, -1 doubles it.  A step beyond 1/4 or 1/32 has no effect, so
        that every path is valid; see ``follow_path``.
      filters: channels of a block at 1/4; each halving doubles them.
      classes: scores of each pixel.
    """

    def __init__(
        self, blocks: Sequence[Sequence[Branch]], steps: Sequence[int], *, filters: int = 8, classes: int = 19
    ) -> None:
        super().__init__()
        for place, block in enumerate(blocks):
            for branch in block:
                check_branch(branch, place, OPS, "Auto-DeepLab")
        older = newer = filters * len(blocks)
        self.stem = nn.Sequential(
            ConvNormAct(3, filters, 3, stride=2), ConvNormAct(filters, newer, 3, stride=2)
        )
        self.path = follow_path(steps)
        cells: list[Any] = []
        for level in self.path:
            wide = filters * 2**level
            cells.append(Cell(clone(blocks), wide, (older, newer)))
            older, newer = newer, wide * len(blocks)
        self.cells, self.score = nn.ModuleList(cells), nn.Conv2d(newer, classes, 1)

    def _graphs_(self) -> dict[str, CellGraph] | None:
        return draw_decided(self, to_graphs)

    def forward(self, x: Tensor) -> Tensor:
        """Returns scores (batch, classes, rows, columns) in the size of the images."""
        older = newer = self.stem(x)
        rows, columns = newer.shape[-2:]
        for cell, level in zip(self.cells, self.path):
            size = (max(1, rows >> level), max(1, columns >> level))
            older, newer = newer, cell(resize(older, size), resize(newer, size))
        return resize(self.score(newer), x.shape[-2:])


def follow_path(steps: Sequence[int]) -> list[int]:
    """Returns the level of each layer: 0 for 1/4 of the image to 3 for 1/32; the first layer has level 0.

    >>> follow_path([1, 1, 0, 1, 1, -1])
    [0, 1, 2, 2, 3, 3, 2]
    """
    path = [0]
    for step in steps:
        path.append(min(max(path[-1] + step, 0), LEVELS - 1))
    return path


def count_paths(layers: int = LAYERS) -> int:
    """Returns the number of different paths, by the recursion over layers: 2.9 * 10**4 in the paper.

    >>> count_paths(1), count_paths(2), count_paths(12)
    (1, 2, 28657)
    """
    ends = [1] + [0] * (LEVELS - 1)
    for _ in range(layers - 1):
        ends = [sum(ends[max(0, level - 1) : level + 2]) for level in range(LEVELS)]
    return sum(ends)


def count_cells(blocks: int = BLOCKS) -> int:
    """Returns the number of cells: block i, from 0, has (i + 2)**2 pairs of inputs and 8**2 of operations.

    >>> f"{count_cells() * count_paths():.0e}"  # about 10**19, as published
    '2e+19'
    """
    count = 1
    for block in range(blocks):
        count *= (block + 2) ** 2 * len(OPS) ** 2
    return count


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Returns images with other rows and columns, by bilinear interpolation.

    >>> resize(torch.ones(1, 2, 4, 4), (2, 8)).shape
    torch.Size([1, 2, 2, 8])
    """
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    return nn.functional.interpolate(x, tuple(size), mode="bilinear", align_corners=False)


@checked()
def make_space(*, blocks: int = BLOCKS, layers: int = LAYERS, filters: int = 8, classes: int = 19) -> Any:
    """Returns the space: ``count_cells()`` cells and 3 ** 11 sequences of steps for ``count_paths()`` paths.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == count_cells() * 3**11
    True

    Args:
      blocks: of a cell.
      layers: of the network.
      filters: channels of a block at 1/4.
      classes: scores of each pixel.
    """

    def make_branch(place: int) -> Any:
        return Branch(oneof(OPS, hints=OP_HINT), oneof(list(range(place + 2)), hints=INPUT_HINT))

    cell = [[make_branch(place), make_branch(place)] for place in range(blocks)]
    steps = [oneof([0, 1, -1], hints=STEP_HINT) for _ in range(layers - 1)]
    return Segmenter(cell, steps, filters=filters, classes=classes)


def to_graphs(network: Any) -> dict[str, CellGraph]:
    """Returns the graph of the cell of a concrete network."""
    nodes = tuple(tuple((branch.op, branch.source) for branch in block) for block in network.blocks)
    ends = tuple(range(2, 2 + len(nodes)))
    return {"cell": CellGraph(("older input", "newer input"), nodes, ends)}


def _make_operation(name: str, filters: int) -> Any:
    kind, _, size = name.rpartition("_")
    if name == "none":
        return Zero()
    if name == "skip_connect":
        return Identity()
    if kind.endswith("pool"):
        return Pooling(kind[:3], filters)
    return Separable(filters, int(size[0]), dilation=2 if kind == "dil_conv" else 1)
