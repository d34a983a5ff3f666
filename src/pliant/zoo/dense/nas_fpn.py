"""NAS-FPN: a feature pyramid of merging nodes, each of which combines two earlier features (PyTorch).

Ghiasi et al., "NAS-FPN: Learning Scalable Feature Pyramid Architecture for Object Detection", CVPR 2019, section 3; figure 12
of the PyGlove paper.  Feature level l has 1 / 2**l of the rows and columns of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from torch import Tensor, nn

from pliant.hyper import manyof, oneof
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.objects.object import Object
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError

from ..cell_graph import CellGraph, draw_decided
from ..layers import ConvNormAct
from ..sizes import checked

MIN_LEVEL, MAX_LEVEL = 3, 7
"""The levels of the pyramid; the paper's."""

COMBINES = ("sum", "attention")
"""The candidates of a node: the sum of its inputs, or global attention of the finer one to the coarser one."""

LEVEL_HINT, COMBINE_HINT, INPUT_HINT = "level", "combine", "input"
"""The hints of the holes."""


@final
class Node(Object):
    """A merging node.

    Attributes:
      combine: ``"sum"`` or ``"attention"``.
      inputs: two different indices of earlier features: first those of the backbone, finest first, then nodes in order.
      level: the level of an intermediate node; None for the nodes of the output.
    """

    combine: str
    inputs: list[int]
    level: int | None = None


FOUND = (
    ("attention", (1, 3), 4),
    ("sum", (1, 5), 4),
    ("sum", (0, 6), 3),
    ("sum", (6, 7), 4),
    ("attention", (7, 8), 5),
    ("attention", (6, 9), 7),
    ("attention", (9, 10), 6),
)
"""The cell that the paper found: combination, inputs and level of each node (figure 6); the last five are the output."""


@symbolize
@final
class Cell(nn.Module):
    """One pyramid network: features of all levels to features of the same levels.

    The inputs of a node are brought to its level by nearest upsampling or max pooling, combined, and pass ReLU, a 3 x 3
    convolution and batch normalization.  A node that no other uses is added to the output node of its level.

    Args:
      nodes: the intermediate nodes, then one for each level of the output.
      output_levels: the level of each node of the output, a permutation of the levels.
      filters: channels of all features.
      min_level: the finest level.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        output_levels: Sequence[int],
        filters: int = 256,
        *,
        min_level: int = MIN_LEVEL,
    ) -> None:
        super().__init__()
        count = len(output_levels)
        inner = len(nodes) - count
        if inner < 0 or sorted(output_levels) != list(range(min_level, min_level + count)):
            raise FieldValueError(
                f"the output of a pyramid has a node for each level from {min_level}; got levels {list(output_levels)} and "
                f"{len(nodes)} nodes."
            )
        levels: list[Any] = [*range(min_level, min_level + count)]
        self.plan: list[tuple[str, int, int, int]] = []
        for place, node in enumerate(nodes):
            first, second = node.inputs
            level = node.level if place < inner else output_levels[place - inner]
            if not 0 <= first < len(levels) > second >= 0 or first == second:
                raise FieldValueError(
                    f"node {place} merges two different features of the {len(levels)} before it; got {list(node.inputs)}."
                )
            if level is None:
                raise FieldValueError(f"node {place} is intermediate, so it needs a level.")
            self.plan.append((node.combine, first, second, level))
            levels.append(level)
        self.levels, self.n_outputs = levels, count
        self.convolutions = nn.ModuleList(
            nn.Sequential(nn.ReLU(), ConvNormAct(filters, filters, 3, activation="none")) for _ in nodes
        )

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Returns the features of each level, finest first.

        Args:
          features: of each level, finest first, (batch, filters, rows, columns) each.
        """
        found, used = list(features), set()
        sizes = {level: tuple(one.shape[-2:]) for level, one in zip(self.levels, features)}
        for place, (combine, first, second, level) in enumerate(self.plan):
            if self.levels[first] < self.levels[second]:
                first, second = second, first  # the coarser one first
            one, other = (resample(found[i], sizes[level]) for i in (first, second))
            used |= {first, second}
            merged = (
                one + other * one.amax((2, 3), keepdim=True).sigmoid()
                if combine == "attention"
                else one + other
            )
            if place >= len(self.plan) - self.n_outputs:
                for i in range(len(found)):
                    if i not in used and self.levels[i] == level:
                        merged = merged + found[i]
                        used.add(i)
            found.append(self.convolutions[place](merged))
        outputs = zip(self.levels[-self.n_outputs :], found[-self.n_outputs :])
        return [feature for _, feature in sorted(outputs, key=lambda pair: pair[0])]


@symbolize
@final
class Pyramid(nn.Module):
    """Features of a backbone through equal cells; runs on any backbone.

    Args:
      cell: the cell, which is repeated with separate weights.
      filters_in: channels of the backbone's features from ``MIN_LEVEL`` on, finest first; coarser levels are pooled.
      filters: channels of the pyramid.
      repeats: the number of cells.
      levels: the number of levels.
    """

    def __init__(
        self,
        cell: nn.Module,
        filters_in: Sequence[int],
        filters: int = 256,
        *,
        repeats: int = 7,
        levels: int = MAX_LEVEL - MIN_LEVEL + 1,
    ) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(ConvNormAct(wide, filters, 1, activation="none") for wide in filters_in)
        self.cells = nn.ModuleList(clone(cell) for _ in range(repeats))
        self.n_levels = levels

    def _graphs_(self) -> dict[str, CellGraph] | None:
        return draw_decided(self, to_graphs)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Returns the features of each level, finest first.

        Args:
          features: of the backbone, finest first, each half as large as the one before.
        """
        found = [lateral(one) for lateral, one in zip(self.laterals, features, strict=True)]
        while len(found) < self.n_levels:
            found.append(nn.functional.max_pool2d(found[-1], 2, ceil_mode=True))
        for cell in self.cells:
            found = cell(found)
        return found


def resample(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Returns features with other rows and columns: nearest upsampling, or the maxima of windows.

    >>> import torch
    >>> resample(torch.ones(1, 2, 3, 3), (6, 6)).shape
    torch.Size([1, 2, 6, 6])
    """
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    if x.shape[-1] < size[-1]:
        return nn.functional.interpolate(x, size, mode="nearest")
    return nn.functional.adaptive_max_pool2d(x, size)


@checked()
def make_network(
    filters_in: Sequence[int] = (512, 1024, 2048), *, filters: int = 256, repeats: int = 7
) -> Any:
    """Returns the pyramid that the paper found, for a backbone such as ResNet-50.

    Args:
      filters_in: channels of the backbone's features of levels 3, 4, ...
      filters: channels of the pyramid.
      repeats: the number of cells.
    """
    nodes = [Node(combine, list(inputs), level) for combine, inputs, level in FOUND]
    levels = [level for _, _, level in FOUND[-5:]]
    return Pyramid(Cell(nodes, levels, filters), filters_in, filters, repeats=repeats)


@checked()
def make_space(
    filters_in: Sequence[int] = (512, 1024, 2048),
    *,
    intermediate: int = 2,
    level_candidates: Sequence[int] = (3, 4, 5, 6),
    filters: int = 256,
    repeats: int = 7,
) -> Any:
    """Returns the space of pyramids: for each node its combination and inputs, the levels of nodes, and the output's order.

    With two intermediate nodes the size is that of the cloud service's setting.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size
    1931334451200000

    Args:
      filters_in: channels of the backbone's features of levels 3, 4, ...
      intermediate: the number of intermediate nodes.
      level_candidates: levels of intermediate nodes, to choose from.
      filters: channels of the pyramid.
      repeats: the number of cells, which are all equal.
    """
    count = MAX_LEVEL - MIN_LEVEL + 1

    def make_node(place: int) -> Any:
        inputs = manyof(2, list(range(count + place)), distinct=True, sorted=True, hints=INPUT_HINT)
        level = oneof(list(level_candidates), hints=LEVEL_HINT) if place < intermediate else None
        return Node(oneof(COMBINES, hints=COMBINE_HINT), inputs, level)

    levels = manyof(
        count, list(range(MIN_LEVEL, MAX_LEVEL + 1)), distinct=True, sorted=False, hints=LEVEL_HINT
    )
    cell = Cell([make_node(place) for place in range(intermediate + count)], levels, filters)
    return Pyramid(cell, filters_in, filters, repeats=repeats)


def to_graphs(network: Any) -> dict[str, CellGraph]:
    """Returns the graph of the cell of a concrete pyramid.

    >>> print(to_graphs(make_network())["cell"].draw().splitlines()[6])
      |  o-----o-----*                    attention of level 4(1 + 3)
    """
    cell, count = network.cell, MAX_LEVEL - MIN_LEVEL + 1
    inner = len(cell.nodes) - count
    levels = [node.level for node in cell.nodes[:inner]] + list(cell.output_levels)
    labels = tuple(f"{node.combine} of level {level}" for node, level in zip(cell.nodes, levels))
    nodes = tuple(tuple(("", source) for source in node.inputs) for node in cell.nodes)
    inputs = tuple(f"feature of level {level}" for level in range(MIN_LEVEL, MAX_LEVEL + 1))
    ends = tuple(range(count + inner, count + len(nodes)))
    return {"cell": CellGraph(inputs, nodes, ends, "output", labels)}
