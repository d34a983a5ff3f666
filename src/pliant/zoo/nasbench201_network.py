"""The networks of NAS-Bench-201 and of NATS-Bench's size space, with holes for operations or for widths (PyTorch).

Dong and Yang, "NAS-Bench-201", ICLR 2020, section 2.1 and figure 1; Dong et al., "NATS-Bench", TPAMI 2021, section 3.2.
``nasbench201`` has the cells without PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, final

from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote, suggest

from .cell_graph import CellGraph
from .layers import ConvNormAct, ImageClassifier
from .nasbench201 import EDGES, OP_HINT, OPS
from .operations import Convolution, Pooling, Zero
from .sizes import checked

WIDTHS, WIDTH_HINT = (8, 16, 24, 32, 40, 48, 56, 64), "width"
"""The candidates for the widths of the size space, and the hint of its holes."""

SIZED_CELL = ("nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3", "skip_connect", "nor_conv_3x3", "nor_conv_3x3")
"""The cell of all networks of the size space."""


@symbolize
@final
class Operation(nn.Module):
    """The operation of one edge, in all cells, with separate weights for each cell.

    All cells have the same structure, so an edge is one decision.

    Args:
      name: one of ``nasbench201.OPS``.
      filters: the channels of each cell.
      affine: whether the normalization has weights.
    """

    def __init__(self, name: str, filters: Sequence[int], *, affine: bool = True) -> None:
        super().__init__()
        self.is_zero, self.is_skip = name == "none", name == "skip_connect"
        self.by_cell = nn.ModuleList(_make_operation(name, wide, affine) for wide in filters)

    def forward(self, x: Tensor, cell: int) -> Tensor:
        """Returns the output of the operation in one cell."""
        out: Tensor = self.by_cell[cell](x)
        return out


@symbolize
@final
class Reduction(nn.Module):
    """A residual block with stride 2 between stages."""

    def __init__(self, filters_in: int, filters: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Convolution(filters_in, filters, 3, stride=2), Convolution(filters, filters, 3)
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, 2, 0, ceil_mode=True), nn.Conv2d(filters_in, filters, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns half the rows and columns."""
        out: Tensor = self.shortcut(x) + self.body(x)
        return out


@symbolize
@final
class Network(nn.Module):
    """A convolution, cells in three stages with a reduction between them, and a linear layer.

    A cell has four nodes; each is the sum of what the operations on its incoming edges make of earlier nodes.

    Args:
      edges: an ``Operation`` for each edge, in the order of ``nasbench201.EDGES``.
      filters: the channels of each cell.
      classes: how many logits it returns.
    """

    def __init__(self, edges: Sequence[nn.Module], filters: Sequence[int], classes: int = 10) -> None:
        super().__init__()
        self.operations, self.widths = nn.ModuleList(edges), tuple(filters)
        self.stem = nn.Sequential(
            nn.Conv2d(3, filters[0], 3, padding=1, bias=False), nn.BatchNorm2d(filters[0])
        )
        self.reductions = nn.ModuleList(Reduction(a, b) for a, b in pairwise(filters) if a != b)
        self.norm = nn.Sequential(nn.BatchNorm2d(filters[-1]), nn.ReLU())
        self.classifier = nn.Linear(filters[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class."""
        x, width, reductions = self.stem(x), self.widths[0], iter(self.reductions)
        for cell, wide in enumerate(self.widths):
            if wide != width:
                x, width = next(reductions)(x), wide
            x = self.run_cell(x, cell)
        out: Tensor = self.classifier(self.norm(x).mean(dim=(2, 3)))
        return out

    def _graphs_(self) -> dict[str, CellGraph]:
        return _find_graphs(self)

    def run_cell(self, x: Tensor, cell: int) -> Tensor:
        """Returns the last node of one cell."""
        nodes = [x]
        for node in (1, 2, 3):
            found = [
                op(nodes[start], cell) for op, (end, start) in zip(self.operations, EDGES) if end == node
            ]
            nodes.append(sum(found[1:], found[0]))
        return nodes[3]


def _find_graphs(network: Any) -> dict[str, CellGraph]:
    """Returns the graph of the cells, in which operations may be holes."""
    named = [(op, edge) for op, edge in zip(network.edges, EDGES) if getattr(op, "name", "") != "none"]
    nodes = tuple(tuple((op, start) for op, (end, start) in named if end == node) for node in (1, 2, 3))
    return {"cell": CellGraph(("input",), nodes, (3,), "output")}


@checked()
def make_network(
    ops: Sequence[str], *, width: int = 16, cells: int = 5, classes: int = 10, affine: bool = True
) -> Any:
    """Returns the network of one cell.

    >>> sum(p.numel() for p in make_network(["nor_conv_3x3"] * 6).parameters())  # the largest, as published
    1531546

    Args:
      ops: the operation on each edge, as ``nasbench201.Cell.ops``.
      width: channels of the first stage; each stage has twice as many as the one before.
      cells: how many there are in a stage.
      classes: how many logits it returns.
      affine: whether the normalization inside cells has weights.

    Raises:
      FieldValueError: an operation is unknown.
    """
    for name in ops:
        if name not in OPS:
            raise FieldValueError(
                f"the operations of NAS-Bench-201 are {', '.join(OPS)}; got {quote(name)}{suggest(name, OPS) or '.'}"
            )
    filters = _make_filters(width, cells)
    return Network([Operation(name, filters, affine=affine) for name in ops], filters, classes)


@checked()
def make_space(*, width: int = 16, cells: int = 5, classes: int = 10, affine: bool = True) -> Any:
    """Returns the network with holes in its cells: 5 ** 6 = 15,625 networks.

    A decision over an edge is an index into ``nasbench201.OPS``, as in ``nasbench201.make_space()``, and the decisions
    of both spaces have the same vectors.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size
    15625
    """
    filters = _make_filters(width, cells)
    edges = [oneof([Operation(name, filters, affine=affine) for name in OPS], hints=OP_HINT) for _ in EDGES]
    return Network(edges, filters, classes)


@symbolize
@final
class SizedCell(nn.Module):
    """A cell with the operations ``SIZED_CELL``, which changes the number of channels.

    Args:
      filters_in: channels that come in.
      filters: channels that go out, and of each node.
    """

    def __init__(self, filters_in: int, filters: int) -> None:
        super().__init__()
        self.edges = nn.ModuleList()
        for name, (_, start) in zip(SIZED_CELL, EDGES):
            wide = filters if start else filters_in
            if name == "skip_connect":
                changes = wide != filters
                op: Any = ConvNormAct(wide, filters, 1, activation="none") if changes else nn.Identity()
            else:
                op = Convolution(wide, filters, 3)
            self.edges.append(op)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the last node."""
        nodes = [x]
        for node in (1, 2, 3):
            found = [op(nodes[start]) for op, (end, start) in zip(self.edges, EDGES) if end == node]
            nodes.append(sum(found[1:], found[0]))
        return nodes[3]


@symbolize
@final
class Head(nn.Module):
    """Normalization, ReLU, pooling and a linear layer."""

    def __init__(self, filters: int, classes: int) -> None:
        super().__init__()
        self.norm, self.classifier = nn.BatchNorm2d(filters), nn.Linear(filters, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class."""
        out: Tensor = self.classifier(self.norm(x).relu().mean(dim=(2, 3)))
        return out


@checked()
def make_size_network(widths: Sequence[int], *, classes: int = 10) -> Any:
    """Returns a network of NATS-Bench's size space.

    >>> sum(p.numel() for p in make_size_network([64] * 5).parameters())  # the largest, as published
    713674

    Args:
      widths: channels of the first cell, the first reduction, the second cell, the second reduction and the third cell.
      classes: how many logits it returns.

    Raises:
      FieldValueError: not five widths.
    """
    if len(widths) != 5:
        raise FieldValueError(f"a network of the size space has five widths; got {len(widths)}.")
    return _make_sized(list(widths), classes)


@checked()
def make_size_space(widths: Sequence[int] = WIDTHS, *, classes: int = 10) -> Any:
    """Returns NATS-Bench's size space: a width for each of five layers, 8 ** 5 = 32,768 networks.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_size_space()).size
    32768

    Args:
      widths: to choose from.
      classes: how many logits the network returns.
    """
    holes = [oneof(list(widths), name=f"width{place}", hints=WIDTH_HINT) for place in range(5)]
    return _make_sized(holes, classes)


def _make_sized(widths: list[Any], classes: int) -> Any:
    first, second, third, fourth, fifth = widths
    layers = [
        SizedCell(first, clone(first)),
        Reduction(clone(first), second),
        SizedCell(clone(second), third),
        Reduction(clone(third), fourth),
        SizedCell(clone(fourth), fifth),
    ]
    stem = ConvNormAct(3, clone(first), 3, activation="none")
    return ImageClassifier(stem, layers, Head(clone(fifth), classes))


def _make_filters(width: int, cells: int) -> tuple[int, ...]:
    return tuple(width * 2**stage for stage in range(3) for _ in range(cells))


def _make_operation(name: str, filters: int, affine: bool) -> nn.Module:
    if name == "none":
        return Zero()
    if name == "skip_connect":
        return nn.Identity()
    if name == "avg_pool_3x3":
        return Pooling("avg", filters)
    return Convolution(filters, filters, int(name[-1]), affine=affine)
