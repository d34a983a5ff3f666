"""The cell space of NASNet and AmoebaNet: two cells of five blocks, stacked (PyTorch).

Zoph et al., "Learning Transferable Architectures for Scalable Image Recognition", CVPR 2018, section 3; Real et al.,
"Regularized Evolution for Image Classifier Architecture Search", AAAI 2019.  A block adds two operations, each on one of the
tensors before it; the output concatenates the tensors that no block takes.  The published cells also concatenate some tensors
that blocks take (the ``keeps`` of a genotype), as in the code of their authors.  Without drop path and auxiliary classifier,
which the published parameters do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.objects.object import Object
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote, suggest

from .cell_graph import CellGraph, draw_decided
from .operations import Convolution, FactorizedReduce, Pooling, Separable
from .sizes import checked

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
    """A normal and a reduction cell: (operation, source), two for each block.

    Sources 0 and 1 are the cell's inputs, the older one first.  A cell concatenates the tensors that no block takes, and its
    ``keeps``, which blocks take.
    """

    normal: Pairs
    reduction: Pairs
    normal_keeps: tuple[int, ...] = ()
    reduction_keeps: tuple[int, ...] = ()


NASNET_A = Genotype(
    normal=(
        ("sep_conv_5x5", 1), ("sep_conv_3x3", 0), ("sep_conv_5x5", 0), ("sep_conv_3x3", 0), ("avg_pool_3x3", 1),
        ("skip_connect", 0), ("avg_pool_3x3", 0), ("avg_pool_3x3", 0), ("sep_conv_3x3", 1), ("skip_connect", 1),
    ),
    reduction=(
        ("sep_conv_5x5", 1), ("sep_conv_7x7", 0), ("max_pool_3x3", 1), ("sep_conv_7x7", 0), ("avg_pool_3x3", 1),
        ("sep_conv_5x5", 0), ("skip_connect", 3), ("avg_pool_3x3", 2), ("sep_conv_3x3", 2), ("max_pool_3x3", 1),
    ),
    normal_keeps=(0,),
    reduction_keeps=(3,),
)  # fmt: skip
"""The cells of NASNet-A (figure 4 of the paper)."""

AMOEBANET_A = Genotype(
    normal=(
        ("avg_pool_3x3", 1), ("max_pool_3x3", 1), ("sep_conv_3x3", 0), ("skip_connect", 0), ("skip_connect", 1),
        ("avg_pool_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_5x5", 2), ("avg_pool_3x3", 5), ("sep_conv_3x3", 1),
    ),
    reduction=(
        ("sep_conv_3x3", 0), ("avg_pool_3x3", 1), ("max_pool_3x3", 1), ("sep_conv_7x7", 2), ("max_pool_3x3", 0),
        ("max_pool_3x3", 1), ("sep_conv_3x3", 4), ("conv_1x7_7x1", 1), ("avg_pool_3x3", 0), ("sep_conv_7x7", 1),
    ),
    normal_keeps=(0,),
    reduction_keeps=(2, 4),
)  # fmt: skip
"""The cells of AmoebaNet-A."""

AMOEBANET_OPS = (
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "avg_pool_3x3",
    "max_pool_3x3",
    "dil_conv_3x3",
    "conv_1x7_7x1",
)
"""The eight operations of AmoebaNet."""


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
      keeps: tensors that are concatenated although blocks take them.
      halves: whether it is a reduction cell, whose operations on its inputs have stride 2.
      adapts: whether the older input has twice the rows of the newer one.
      calibrates: whether the newer input passes a second 1 x 1 convolution, as in ENAS.
    """

    def __init__(
        self,
        blocks: Sequence[Sequence[Branch]],
        filters: int,
        filters_in: Sequence[int],
        *,
        keeps: Sequence[int] = (),
        halves: bool = False,
        adapts: bool = False,
        calibrates: bool = False,
    ) -> None:
        super().__init__()
        older, newer = filters_in
        first: Any = FactorizedReduce(older, filters) if adapts else Convolution(older, filters, 1)
        second: Any = Convolution(newer, filters, 1)
        if calibrates:
            second = nn.Sequential(second, Convolution(filters, filters, 1))
        self.inputs = nn.ModuleList([first, second])
        self.sources, self.operations = [], nn.ModuleList()
        for place, block in enumerate(blocks):
            for branch in block:
                check_branch(branch, place, OPS, "NASNet")
                self.sources.append(branch.source)
                stride = 2 if halves and branch.source < 2 else 1
                self.operations.append(_make_operation(branch.op, filters, stride))
        self.ends = find_ends(len(blocks), self.sources, keeps)
        self.reductions = nn.ModuleList(
            FactorizedReduce(filters, filters) for i in self.ends if halves and i < 2
        )

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """Returns the tensors at the ends, concatenated."""
        found = [adapt(x) for adapt, x in zip(self.inputs, (older, newer))]
        steps = zip(self.sources, self.operations)
        for (one, first), (other, second) in zip(steps, steps):
            found.append(first(found[one]) + second(found[other]))
        for end, reduce in zip(self.ends, self.reductions):  # inputs come first
            found[end] = reduce(found[end])
        return torch.cat([found[i] for i in self.ends], dim=1)


@symbolize
@final
class Network(nn.Module):
    """A convolution, three stages of normal cells with a reduction cell between them, and a linear layer.

    Args:
      normal: the blocks of normal cells.
      reduction: the blocks of reduction cells, which double the channels.
      keeps: tensors that normal cells, and that reduction cells concatenate although blocks take them.
      filters: channels of a block of the first stage.
      repeats: normal cells of a stage.
      classes: how many logits it returns.
      calibrates: whether the newer input of a cell passes a second 1 x 1 convolution, as in ENAS.
    """

    def __init__(
        self,
        normal: Sequence[Sequence[Branch]],
        reduction: Sequence[Sequence[Branch]],
        *,
        keeps: Sequence[Sequence[int]] = ((), ()),
        filters: int = 32,
        repeats: int = 6,
        classes: int = 10,
        calibrates: bool = False,
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
                    reduction if halves else normal,
                    filters,
                    (older, newer),
                    keeps=keeps[halves],
                    halves=halves,
                    adapts=adapts,
                    calibrates=calibrates,
                )
                cells.append(cell)
                older, newer, adapts = newer, len(cell.ends) * filters, halves
        self.cells, self.classifier = nn.ModuleList(cells), nn.Linear(newer, classes)

    def _graphs_(self) -> dict[str, CellGraph] | None:
        return draw_decided(self, to_graphs)

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class."""
        older = newer = self.stem(x)
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        out: Tensor = self.classifier(newer.relu().mean(dim=(2, 3)))
        return out


@checked()
def make_network(
    genotype: Genotype = NASNET_A,
    *,
    filters: int = 32,
    repeats: int = 6,
    classes: int = 10,
    calibrates: bool = False,
) -> Any:
    """Returns the network of two cells; by default NASNet-A (6 @ 768) for CIFAR-10.

    >>> sum(p.numel() for p in make_network().parameters())  # 3.3M, as published
    3328234

    Args:
      genotype: its cells.
      filters: channels of a block of the first stage; 768 / 24 = 32 in NASNet-A (6 @ 768).
      repeats: normal cells of a stage.
      classes: how many logits it returns.
      calibrates: see ``Cell``.
    """
    normal, reduction = (
        [[Branch(*pair) for pair in pairs[2 * block : 2 * block + 2]] for block in range(len(pairs) // 2)]
        for pairs in (genotype.normal, genotype.reduction)
    )
    keeps = (genotype.normal_keeps, genotype.reduction_keeps)
    return _make(normal, reduction, keeps, filters, repeats, classes, calibrates)


@checked()
def make_amoebanet(*, filters: int = 36, repeats: int = 6, classes: int = 10) -> Any:
    """Returns AmoebaNet-A for CIFAR-10; the paper trains 32 filters (2.6M parameters) and 36 filters (3.2M).

    >>> sum(p.numel() for p in make_amoebanet().parameters())
    3207106

    Args:
      filters: channels of a block of the first stage.
      repeats: normal cells of a stage.
      classes: how many logits it returns.
    """
    return make_network(AMOEBANET_A, filters=filters, repeats=repeats, classes=classes)


@checked()
def make_space(
    *,
    blocks: int = BLOCKS,
    ops: Sequence[str] = OPS,
    keeps: Sequence[Sequence[int]] = ((), ()),
    filters: int = 32,
    repeats: int = 6,
    classes: int = 10,
    calibrates: bool = False,
) -> Any:
    """Returns the space of two cells: (product over blocks i of ((i + 2) * len(ops)) ** 2) ** 2 programs.

    Cells that differ in the order of branches or of blocks compute the same; ``structure`` is equal for them.

    >>> import pliant as pg
    >>> size = pg.abstract_search_space(make_space()).size
    >>> size == ((2 * 3 * 4 * 5 * 6) ** 2 * 13**10) ** 2
    True

    Args:
      blocks: of a cell.
      ops: the candidates of a branch.
      keeps: see ``Network``.
      filters: channels of a block of the first stage.
      repeats: normal cells of a stage.
      classes: how many logits it returns.
      calibrates: see ``Cell``.
    """

    def make_branch(place: int) -> Any:
        return Branch(oneof(list(ops), hints=OP_HINT), oneof(list(range(place + 2)), hints=INPUT_HINT))

    normal, reduction = (
        [[make_branch(place), make_branch(place)] for place in range(blocks)] for _ in range(2)
    )
    return _make(normal, reduction, keeps, filters, repeats, classes, calibrates)


@checked()
def make_amoebanet_space(*, filters: int = 36, repeats: int = 6, classes: int = 10) -> Any:
    """Returns the space of AmoebaNet: NASNet's with eight operations, 3.1 * 10**29 programs.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_amoebanet_space()).size == ((2 * 3 * 4 * 5 * 6) ** 2 * 8**10) ** 2
    True

    Args:
      filters: channels of a block of the first stage.
      repeats: normal cells of a stage.
      classes: how many logits it returns.
    """
    return make_space(ops=AMOEBANET_OPS, filters=filters, repeats=repeats, classes=classes)


def to_graphs(network: Any) -> dict[str, CellGraph]:
    """Returns the graphs of the two cells of a concrete network.

    >>> print(to_graphs(make_network())["normal cell"].draw())
      0  1  2  3  4  5  6
      *                    older input
      |  *                 newer input
      o--o--*              sep_conv_5x5(1) + sep_conv_3x3(0)
      o--+--+--*           sep_conv_5x5(0) + sep_conv_3x3(0)
      o--o--+--+--*        avg_pool_3x3(1) + skip_connect(0)
      o--+--+--+--+--*     avg_pool_3x3(0) + avg_pool_3x3(0)
      |  o--+--+--+--+--*  sep_conv_3x3(1) + skip_connect(1)
      o-----o--o--o--o--o  concatenation
    """
    graphs = {}
    for kind, blocks, keeps in zip(
        ("normal cell", "reduction cell"), (network.normal, network.reduction), network.keeps, strict=True
    ):
        nodes = tuple(tuple((branch.op, branch.source) for branch in block) for block in blocks)
        ends = find_ends(len(nodes), [source for node in nodes for _, source in node], keeps)
        graphs[kind] = CellGraph(("older input", "newer input"), nodes, tuple(ends))
    return graphs


def read_structure(network: Any) -> Any:
    """Returns what networks share that differ only in the order of branches and of blocks.

    >>> import pliant as pg
    >>> first = make_network()
    >>> other = pg.clone(first, override={"normal[0]": first.normal[0][::-1]})
    >>> pg.eq(first, other), read_structure(first) == read_structure(other)
    (False, True)
    """
    return tuple(graph.normalize() for graph in to_graphs(network).values())


def find_ends(blocks: int, sources: Sequence[int], keeps: Sequence[int]) -> list[int]:
    """Returns the tensors of a cell that are concatenated, in order.

    >>> find_ends(2, [0, 1, 0, 2], keeps=[0])
    [0, 3]

    Raises:
      FieldValueError: a tensor to keep is not one of the cell.
    """
    for kept in keeps:
        if not 0 <= kept < blocks + 2:
            raise FieldValueError(
                f"a cell of {blocks} blocks has tensors 0 to {blocks + 1}, and keeps some of them; got {kept}."
            )
    return [i for i in range(blocks + 2) if i not in sources or i in keeps]


def check_branch(branch: Branch, place: int, ops: Sequence[str], network: str) -> None:
    """Raises FieldValueError for a branch that takes a tensor that is not there, or an unknown operation."""
    if not 0 <= branch.source < place + 2:
        raise FieldValueError(
            f"block {place} takes tensors 0 to {place + 1} (0 and 1 are the cell's inputs); got {branch.source}."
        )
    if branch.op not in ops:
        raise FieldValueError(
            f"the operations of {network} are {', '.join(ops)}; got {quote(branch.op)}{suggest(branch.op, ops) or '.'}"
        )


def _make(
    normal: Any, reduction: Any, keeps: Any, filters: int, repeats: int, classes: int, calibrates: bool
) -> Any:
    return Network(
        normal,
        reduction,
        keeps=[list(kept) for kept in keeps],
        filters=filters,
        repeats=repeats,
        classes=classes,
        calibrates=calibrates,
    )


def _make_operation(name: str, filters: int, stride: int) -> Any:
    kind, _, size = name.rpartition("_")
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(filters, filters)
    if name in _SHARES:
        return _make_narrowed(name, filters, stride)
    kernel_size = int(size[0])
    if kind == "avg_pool":
        return Pooling("avg", filters, stride=stride)
    if kind == "max_pool":
        return nn.MaxPool2d(kernel_size, stride, kernel_size // 2)
    if kind == "conv":
        return Convolution(filters, filters, 1, stride=stride)
    return Separable(filters, kernel_size, stride=stride, repeats=2)


_SHARES = {"conv_1x3_3x1": 3 / 8, "conv_1x7_7x1": 1 / 4, "conv_3x3": 1 / 4, "dil_conv_3x3": 1 / 4}
"""The share of channels on which large convolutions work, as in the code of AmoebaNet's authors."""


def _make_narrowed(name: str, filters: int, stride: int) -> nn.Module:
    """Returns convolutions on a share of the channels, between two 1 x 1 convolutions; on all channels if there are few."""
    dilation = 2 if name.startswith("dil") else 1
    kernels = [(int(size[0]), int(size[2])) for size in name.split("_") if "x" in size]
    narrow = int(filters * _SHARES[name])
    wide = narrow or filters
    layers: list[Any] = [Convolution(filters, wide, 1)] if narrow else []
    for rows, columns in kernels:
        strides = (stride if rows > 1 else 1, stride if columns > 1 else 1)
        padding = (dilation * (rows // 2), dilation * (columns // 2))
        layers += [
            nn.ReLU(),
            nn.Conv2d(wide, wide, (rows, columns), strides, padding, dilation, bias=False),
            nn.BatchNorm2d(wide),
        ]
    return nn.Sequential(*layers, *([Convolution(wide, filters, 1)] if narrow else []))
