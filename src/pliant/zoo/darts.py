"""The search space of DARTS: cells of four nodes, each the sum of two operations on earlier nodes (PyTorch).

Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section 2.1 and appendix A: the networks
that are searched, and those that are trained afterwards (without drop path and auxiliary classifier).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from pliant.hyper import manyof, oneof
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote, suggest

from .cell_graph import CellGraph
from .operations import Convolution, FactorizedReduce, Pooling, Separable, Zero
from .sizes import checked

OPS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""The eight operations, in the order of the paper's code; ``none`` means that the edge is absent."""

NODES = 4
"""Nodes of a cell, without its two inputs, which are nodes 0 and 1."""

OP_HINT, INPUT_HINT = "op", "input"
"""The hints of the holes over operations and over inputs."""

Pairs = tuple[tuple[str, int], ...]


class Genotype(NamedTuple):
    """A normal and a reduction cell in the paper's notation: (operation, source node), two per node in order."""

    normal: Pairs
    reduction: Pairs


DARTS_V2 = Genotype(
    normal=(
        ("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1),
        ("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2),
    ),
    reduction=(
        ("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1),
        ("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1),
    ),
)  # fmt: skip
"""The cells that the paper found with second-order DARTS on CIFAR-10 (figures 4 and 5)."""


@symbolize
@final
class Operation(nn.Module):
    """The operation of one edge, in all cells of a kind, with separate weights for each cell.

    All cells of a kind have the same structure, so an edge is one decision.

    Args:
      name: one of ``OPS``.
      filters: the channels of each cell of the kind.
      stride: 2 on the edges of a reduction cell that start at its inputs.
      affine: whether normalization has weights; if not, pooling is also normalized, as in the paper's search.
    """

    def __init__(self, name: str, filters: Sequence[int], *, stride: int = 1, affine: bool = True) -> None:
        super().__init__()
        self.is_zero, self.is_skip = name == "none", name == "skip_connect"
        self.by_cell = nn.ModuleList(_make_operation(name, wide, stride, affine=affine) for wide in filters)

    def forward(self, x: Tensor, cell: int) -> Tensor:
        """Returns the output of the operation in one cell."""
        out: Tensor = self.by_cell[cell](x)
        return out


@symbolize
@final
class Edge(nn.Module):
    """An edge: an operation and its source node."""

    def __init__(self, source: int, op: nn.Module) -> None:
        super().__init__()
        self.place, self.operation = source, op

    def forward(self, nodes: Sequence[Tensor], cell: int) -> Tensor:
        """Returns the output of the operation on its node."""
        out: Tensor = self.operation(nodes[self.place], cell)
        return out


@symbolize
@final
class Node(nn.Module):
    """The sum of its incoming edges."""

    def __init__(self, edges: Sequence[nn.Module]) -> None:
        super().__init__()
        self.incoming = nn.ModuleList(edges)

    def forward(self, nodes: Sequence[Tensor], cell: int) -> Tensor:
        """Returns the next node."""
        found = [edge(nodes, cell) for edge in self.incoming]
        return sum(found[1:], found[0])  # type: ignore[no-any-return]  # modules return anything


@symbolize
@final
class Network(nn.Module):
    """A convolution, cells with two reduction cells among them, and a linear layer.

    A cell takes the outputs of the two cells before it, each through a 1 x 1 convolution to its width, and returns
    the concatenation of its four nodes.

    Args:
      normal: the nodes of normal cells.
      reduction: the nodes of reduction cells, a third and two thirds down the network, which double the width.
      width: the channels of the nodes of the first cell.
      cells: the number of cells.
      classes: the number of logits.
      affine: whether the normalization before cells has weights.
    """

    def __init__(
        self,
        normal: Sequence[nn.Module],
        reduction: Sequence[nn.Module],
        *,
        width: int = 16,
        cells: int = 8,
        classes: int = 10,
        affine: bool = True,
    ) -> None:
        super().__init__()
        self.normal_nodes, self.reduction_nodes = nn.ModuleList(normal), nn.ModuleList(reduction)
        self.plan = plan_cells(width, cells)
        first, second, was_reduction = 3 * width, 3 * width, False
        self.stem = nn.Sequential(nn.Conv2d(3, first, 3, padding=1, bias=False), nn.BatchNorm2d(first))
        self.adapters = nn.ModuleList()
        for filters, is_reduction in self.plan:
            older: nn.Module = (
                FactorizedReduce(first, filters, affine=affine)
                if was_reduction
                else Convolution(first, filters, 1, affine=affine)
            )
            self.adapters += [older, Convolution(second, filters, 1, affine=affine)]
            first, second, was_reduction = second, NODES * filters, is_reduction
        self.classifier = nn.Linear(second, classes)

    def _graphs_(self) -> dict[str, CellGraph] | None:
        return _find_graphs(self)

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class."""
        older = newer = self.stem(x)
        counts = [0, 0]  # cells of each kind so far
        adapters, kinds = iter(self.adapters), (self.normal_nodes, self.reduction_nodes)
        for _, is_reduction in self.plan:
            nodes = [next(adapters)(older), next(adapters)(newer)]
            for node in kinds[is_reduction]:
                nodes.append(node(nodes, counts[is_reduction]))
            counts[is_reduction] += 1
            older, newer = newer, torch.cat(nodes[2:], dim=1)
        out: Tensor = self.classifier(newer.mean(dim=(2, 3)))
        return out


def _find_graphs(network: Any) -> dict[str, CellGraph] | None:
    """Returns the graphs of the two cells, in which operations may be holes; None where inputs are."""
    cells = (("normal cell", network.normal), ("reduction cell", network.reduction))
    if not all(isinstance(node.edges, list) for _, nodes in cells for node in nodes):
        return None
    ends = tuple(range(2, 2 + NODES))
    return {
        kind: CellGraph(
            ("older input", "newer input"),
            tuple(
                tuple((edge.op, edge.source) for edge in node.edges if getattr(edge.op, "name", "") != "none")
                for node in nodes
            ),
            ends,
        )
        for kind, nodes in cells
    }


def plan_cells(width: int, cells: int) -> list[tuple[int, bool]]:
    """Returns the channels of each cell, and whether it is a reduction cell.

    >>> plan_cells(16, 4)
    [(16, False), (32, True), (64, True), (64, False)]
    """
    plan = []
    for cell in range(cells):
        is_reduction = cell in (cells // 3, 2 * cells // 3)
        width *= 2 if is_reduction else 1
        plan.append((width, is_reduction))
    return plan


@checked()
def make_space(
    *, inputs: int | None = None, width: int = 16, cells: int = 8, classes: int = 10, affine: bool = False
) -> Any:
    """Returns the network with holes in its cells.

    With ``inputs=None``, the network of the paper's search: an operation, or ``none``, on each of the 14 edges of a
    cell.  A gradient algorithm keeps two edges of each node by ``derivation=pg.oneshot.CellRule(darts.node_keys())``.
    With ``inputs=2``, only the cells that such a derivation can return: each node chooses two inputs, and one of seven
    operations on each.  An input then has separate weights as a node's first and second input.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == 8**28
    True
    >>> pg.abstract_search_space(make_space(inputs=2)).size == (180 * 7**8) ** 2  # about 10 ** 18, as published
    True

    Args:
      inputs: the number of inputs that each node chooses; None for an operation on all inputs.
      width: channels of the nodes of the first cell.
      cells: the number of cells.
      classes: the number of logits.
      affine: whether normalization has weights.
    """
    names = OPS if inputs is None else OPS[1:]

    def make_node(node: int, filters: tuple[int, ...], is_reduction: bool) -> Any:
        edges = [
            Edge(
                source,
                oneof([_make_edge(n, source, filters, is_reduction, affine) for n in names], hints=OP_HINT),
            )
            for source in range(node + 2)
        ]
        return Node(edges if inputs is None else manyof(inputs, edges, sorted=True, hints=INPUT_HINT))

    return _make(make_node, width, cells, classes, affine)


@checked()
def make_network(
    genotype: Genotype = DARTS_V2, *, width: int = 36, cells: int = 20, classes: int = 10, affine: bool = True
) -> Any:
    """Returns the network of two cells; by default in the size that the paper trains on CIFAR-10.

    >>> sum(p.numel() for p in make_network().parameters())  # 3.3M, as published
    3349342

    Raises:
      FieldValueError: a cell is not in this space.
    """
    for pairs in genotype:
        _check_pairs(pairs)

    def make_node(node: int, filters: tuple[int, ...], is_reduction: bool) -> Any:
        pairs = genotype[is_reduction][2 * node : 2 * node + 2]
        return Node(
            [Edge(source, _make_edge(name, source, filters, is_reduction, affine)) for name, source in pairs]
        )

    return _make(make_node, width, cells, classes, affine)


def to_genotype(network: Any) -> Genotype:
    """Returns the cells of a concrete network, without absent edges; the inverse of ``make_network``.

    >>> to_genotype(make_network(DARTS_V2, cells=3)) == DARTS_V2
    True
    """
    normal, reduction = (
        tuple((edge.op.name, edge.source) for node in nodes for edge in node.edges if edge.op.name != "none")
        for nodes in (network.normal, network.reduction)
    )
    return Genotype(normal, reduction)


def to_graphs(network: Any) -> dict[str, CellGraph]:
    """Returns the graphs of the two cells of a concrete network, without absent edges.

    >>> print(to_graphs(make_network(cells=3))["normal cell"].draw())
      0  1  2  3  4  5
      *                 older input
      |  *              newer input
      o--o--*           sep_conv_3x3(0) + sep_conv_3x3(1)
      o--o--+--*        sep_conv_3x3(0) + sep_conv_3x3(1)
      o--o--+--+--*     sep_conv_3x3(1) + skip_connect(0)
      o-----o--+--+--*  skip_connect(0) + dil_conv_3x3(2)
            o--o--o--o  concatenation
    """
    return {
        kind: CellGraph(
            ("older input", "newer input"),
            tuple(
                tuple((edge.op.name, edge.source) for edge in node.edges if edge.op.name != "none")
                for node in nodes
            ),
            tuple(range(2, 2 + NODES)),
        )
        for kind, nodes in (("normal cell", network.normal), ("reduction cell", network.reduction))
    }


def read_structure(network: Any) -> Any:
    """Returns what networks share that differ only in absent edges and in the order of nodes and edges.

    >>> sep, none = ("sep_conv_3x3", 0), ("none", 1)
    >>> networks = [make_network(Genotype(DARTS_V2.normal, pairs * 4), cells=3) for pairs in ((sep, none), (none, sep))]
    >>> read_structure(networks[0]) == read_structure(networks[1])
    True
    """
    return tuple(graph.normalize() for graph in to_graphs(network).values())


def node_keys() -> list[list[str]]:
    """Returns the keys of the edges of each node of ``make_space()``, for rules that keep some of them.

    >>> node_keys()[0], len(node_keys())
    (['normal[0].edges[0].op', 'normal[0].edges[1].op'], 8)
    """
    return [
        [f"{kind}[{node}].edges[{edge}].op" for edge in range(node + 2)]
        for kind in Genotype._fields
        for node in range(NODES)
    ]


def _make(make_node: Any, width: int, cells: int, classes: int, affine: bool) -> Any:
    plan = plan_cells(width, cells)
    normal, reduction = (
        [
            make_node(node, tuple(f for f, kind in plan if kind is is_reduction), is_reduction)
            for node in range(NODES)
        ]
        for is_reduction in (False, True)
    )
    return Network(normal, reduction, width=width, cells=cells, classes=classes, affine=affine)


def _make_edge(name: str, source: int, filters: tuple[int, ...], is_reduction: bool, affine: bool) -> Any:
    return Operation(name, filters, stride=2 if is_reduction and source < 2 else 1, affine=affine)


def _make_operation(name: str, filters: int, stride: int, *, affine: bool) -> Any:
    kind, _, size = name.rpartition("_")
    if name == "none":
        return Zero(stride=stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduce(filters, filters, affine=affine)
    if kind.endswith("pool"):
        return Pooling(kind[:3], filters, stride=stride, normalized=not affine)
    kernel, is_dilated = int(size[0]), kind == "dil_conv"
    return Separable(
        filters,
        kernel,
        stride=stride,
        dilation=2 if is_dilated else 1,
        repeats=1 if is_dilated else 2,
        affine=affine,
    )


def _check_pairs(pairs: Pairs) -> None:
    """Raises FieldValueError for an invalid cell."""
    for name, _ in pairs:
        if name not in OPS:
            raise FieldValueError(
                f"the operations of DARTS are {', '.join(OPS)}; got {quote(name)}{suggest(name, OPS) or '.'}"
            )
    if len(pairs) != 2 * NODES or any(not 0 <= source < 2 + i // 2 for i, (_, source) in enumerate(pairs)):
        raise FieldValueError(
            f"a cell has two inputs for each of its {NODES} nodes, each an earlier node (0 and 1 are the cell's inputs); "
            f"got sources {[source for _, source in pairs]}."
        )
