"""The cell space of NASNet and AmoebaNet: two cells of five blocks, stacked (PyTorch).

Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", CVPR 2018, section 3; Real et al.,
"Regularized Evolution for Image Classifier Architecture Search", AAAI 2019.  A block adds two operations, each on one of the
tensors before it; the output concatenates the tensors that no block takes.  Without drop path and auxiliary classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.objects.object import Object
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, suggest

from .operations import Convolution, FactorizedReduce, Pooling, Separable

OPS = (
    "skip_connect",
    "conv_1x3_3x1",
    "conv_1x7_7x1",
    "dil_conv_3x3",
    "avg_pool_3x3",
    "max_pool_3x3",
    "max_pool_5x5",
    "max_pool_7x7",
    "conv_1x1",
    "conv_3x3",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
)
"""The 13 operations of NASNet; a decision is an index into them."""

BLOCKS = 5
"""The blocks of a cell."""

OP_HINT, INPUT_HINT = "op", "input"
"""The hints of the holes."""

Pairs = tuple[tuple[str, int], ...]


class Genotype(NamedTuple):
    """A normal and a reduction cell: (operation, source), two for each block; sources 0 and 1 are the cell's inputs."""

    normal: Pairs
    reduction: Pairs


NASNET_A = Genotype(
    normal=(
        ("sep_conv_5x5", 1), ("sep_conv_3x3", 0), ("sep_conv_5x5", 0), ("sep_conv_3x3", 0), ("avg_pool_3x3", 1),
        ("skip_connect", 0), ("avg_pool_3x3", 0), ("avg_pool_3x3", 0), ("sep_conv_3x3", 1), ("skip_connect", 1),
    ),
    reduction=(
        ("sep_conv_5x5", 1), ("sep_conv_7x7", 0), ("max_pool_3x3", 1), ("sep_conv_7x7", 0), ("avg_pool_3x3", 1),
        ("sep_conv_5x5", 0), ("skip_connect", 3), ("avg_pool_3x3", 2), ("sep_conv_3x3", 2), ("max_pool_3x3", 1),
    ),
)  # fmt: skip
"""The cells of NASNet-A (figure 4 of the paper)."""

AMOEBANET_A = Genotype(
    normal=(
        ("avg_pool_3x3", 0), ("max_pool_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_5x5", 2), ("sep_conv_3x3", 0),
        ("avg_pool_3x3", 3), ("sep_conv_3x3", 1), ("skip_connect", 1), ("skip_connect", 0), ("avg_pool_3x3", 1),
    ),
    reduction=(
        ("avg_pool_3x3", 0), ("sep_conv_3x3", 1), ("max_pool_3x3", 0), ("sep_conv_7x7", 2), ("sep_conv_7x7", 0),
        ("avg_pool_3x3", 1), ("max_pool_3x3", 0), ("max_pool_3x3", 1), ("conv_1x7_7x1", 0), ("sep_conv_3x3", 5),
    ),
)  # fmt: skip
"""The cells of AmoebaNet-A."""


@final
class Branch(Object):
    """One of the two branches of a block: an operation, and the index of the earlier tensor that it takes.

    Tensors 0 and 1 are the inputs of the cell, the outputs of the two layers before it.
    """

    op: str
    source: int


@symbolize
@final
class Cell(nn.Module):
    """A cell.

    Args:
      blocks: the two branches of each block.
      filters: channels of each block.
      filters_in: channels of the outputs of the two cells before it, the older first.
      halves: whether it is a reduction cell, whose operations on its inputs have stride 2.
      adapts: whether the older input has twice the rows of the newer one.
    """

    def __init__(
        self,
        blocks: Sequence[Sequence[Branch]],
        filters: int,
        filters_in: Sequence[int],
        *,
        halves: bool = False,
        adapts: bool = False,
    ) -> None:
        super().__init__()
        older, newer = filters_in
        first: Any = FactorizedReduce(older, filters) if adapts else Convolution(older, filters, 1)
        self.inputs = nn.ModuleList([first, Convolution(newer, filters, 1)])
        self.sources, self.operations = [], nn.ModuleList()
        for place, block in enumerate(blocks):
            for branch in block:
                check_branch(branch, place, OPS, "NASNet")
                self.sources.append(branch.source)
                stride = 2 if halves and branch.source < 2 else 1
                self.operations.append(_make_operation(branch.op, filters, stride))
        used = set(self.sources)
        self.ends = [i for i in range(2, len(blocks) + 2) if i not in used]
        self.passes = [] if halves else [i for i in range(2) if i not in used]

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """Returns the tensors that no block takes, concatenated."""
        found = [adapt(x) for adapt, x in zip(self.inputs, (older, newer))]
        steps = zip(self.sources, self.operations)
        for (one, first), (other, second) in zip(steps, steps):
            found.append(first(found[one]) + second(found[other]))
        return torch.cat([found[i] for i in (*self.passes, *self.ends)], dim=1)

    @property
    def width(self) -> int:
        """The number of tensors that are concatenated."""
        return len(self.ends) + len(self.passes)


@symbolize
@final
class Network(nn.Module):
    """A convolution, three stages of normal cells with a reduction cell between them, and a linear layer.

    Args:
      normal: the blocks of normal cells.
      reduction: the blocks of reduction cells, which double the channels.
      filters: channels of a block of the first stage.
      repeats: normal cells of a stage.
      classes: how many logits it returns.
    """

    def __init__(
        self,
        normal: Sequence[Sequence[Branch]],
        reduction: Sequence[Sequence[Branch]],
        *,
        filters: int = 32,
        repeats: int = 6,
        classes: int = 10,
    ) -> None:
        super().__init__()
        wide = older = newer = 3 * filters
        self.stem = nn.Sequential(nn.Conv2d(3, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide))
        cells: list[Any] = []
        adapts = False
        for stage in range(3):
            filters *= 2 if stage else 1
            for place in range(repeats + (stage > 0)):
                halves = stage > 0 and place == 0
                cell: Any = Cell(
                    reduction if halves else normal, filters, (older, newer), halves=halves, adapts=adapts
                )
                cells.append(cell)
                older, newer, adapts = newer, cell.width * filters, halves
        self.cells, self.classifier = nn.ModuleList(cells), nn.Linear(newer, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class."""
        older = newer = self.stem(x)
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        out: Tensor = self.classifier(newer.relu().mean(dim=(2, 3)))
        return out


def make_network(
    genotype: Genotype = NASNET_A, *, filters: int = 32, repeats: int = 6, classes: int = 10
) -> Any:
    """Returns the network of two cells; by default NASNet-A (6 @ 768) for CIFAR-10.

    It has 3.1M parameters, and AmoebaNet-A with 36 filters 3.1M; the papers print 3.3M and 3.2M for networks whose code
    brings tensors of different sizes together in more ways than the papers describe.

    Args:
      genotype: its cells.
      filters: channels of a block of the first stage; 768 / 24 = 32 in NASNet-A (6 @ 768).
      repeats: normal cells of a stage.
      classes: how many logits it returns.
    """
    cells = (
        [[Branch(*pair) for pair in pairs[2 * block : 2 * block + 2]] for block in range(len(pairs) // 2)]
        for pairs in genotype
    )
    return Network(*cells, filters=filters, repeats=repeats, classes=classes)


def make_space(
    *,
    blocks: int = BLOCKS,
    ops: Sequence[str] = OPS,
    filters: int = 32,
    repeats: int = 6,
    classes: int = 10,
) -> Any:
    """Returns the space of two cells: (product over blocks i of ((i + 2) * len(ops)) ** 2) ** 2 programs.

    Cells that differ in the order of branches or of blocks compute the same.

    >>> import pliant as pg
    >>> size = pg.abstract_search_space(make_space()).size
    >>> size == ((2 * 3 * 4 * 5 * 6) ** 2 * 13**10) ** 2
    True

    Args:
      blocks: of a cell.
      ops: the candidates of a branch.
      filters: channels of a block of the first stage.
      repeats: normal cells of a stage.
      classes: how many logits it returns.
    """

    def make_branch(place: int) -> Any:
        return Branch(oneof(list(ops), hints=OP_HINT), oneof(list(range(place + 2)), hints=INPUT_HINT))

    normal, reduction = (
        [[make_branch(place), make_branch(place)] for place in range(blocks)] for _ in range(2)
    )
    return Network(normal, reduction, filters=filters, repeats=repeats, classes=classes)


def check_branch(branch: Branch, place: int, ops: Sequence[str], network: str) -> None:
    """Raises FieldValueError for a branch that takes a tensor that is not there, or an unknown operation."""
    if not 0 <= branch.source < place + 2:
        raise FieldValueError(
            f"block {place} takes tensors 0 to {place + 1} (0 and 1 are the cell's inputs); got {branch.source}."
        )
    if branch.op not in ops:
        raise FieldValueError(
            f"the operations of {network} are {', '.join(ops)}; got {branch.op!r:.80}{suggest(branch.op, ops) or '.'}"
        )


def _make_operation(name: str, filters: int, stride: int) -> Any:
    kind, _, size = name.rpartition("_")
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(filters, filters)
    if name in ("conv_1x3_3x1", "conv_1x7_7x1"):
        return _make_factorized(int(name[-3]), filters, stride)
    kernel_size = int(size[0])
    if kind == "avg_pool":
        return Pooling("avg", filters, stride=stride)
    if kind == "max_pool":
        return nn.MaxPool2d(kernel_size, stride, kernel_size // 2)
    if kind == "conv":
        return Convolution(filters, filters, kernel_size, stride=stride)
    if kind == "dil_conv":
        return Separable(filters, kernel_size, stride=stride, dilation=2)
    return Separable(filters, kernel_size, stride=stride, repeats=2)


def _make_factorized(size: int, filters: int, stride: int) -> nn.Module:
    """Returns a 1 x n and an n x 1 convolution."""
    half = size // 2
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(filters, filters, (1, size), (1, stride), (0, half), bias=False),
        nn.Conv2d(filters, filters, (size, 1), (stride, 1), (half, 0), bias=False),
        nn.BatchNorm2d(filters),
    )
