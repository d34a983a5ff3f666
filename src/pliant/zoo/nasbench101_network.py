"""The network that NAS-Bench-101 trains for a cell: three stacks of three cells (PyTorch).

Ying et al., "NAS-Bench-101", ICML 2019, section 2.1 and figure 1.  ``nasbench101`` has the cells as data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote, suggest

from .layers import ConvNormAct
from .nasbench101 import CONV1X1, CONV3X3, EDGE_HINT, OP_HINT, OPS
from .sizes import checked

STACKS, CELLS = 3, 3
"""Stacks, between which images are halved and channels doubled, and cells of a stack."""


class InvalidCellError(FieldValueError):
    """A cell without a path from its input to its output."""


@symbolize
@final
class CellLayer(nn.Module):
    """A cell: each vertex sums the vertices with an edge to it; the output concatenates them.

    What comes from the input passes a 1 x 1 convolution.  Vertices that are on no path from input to output are left out.
    The channels of the output are divided among the vertices that it concatenates; other vertices have as many as the
    widest of those that they lead to.

    Args:
      filters_in: channels that come in.
      filters: channels that go out.
      nodes: the operations of the inner vertices.
      edges: 1 for each pair (i, j), i < j, that an edge joins, as ``nasbench101.Cell.edges``.

    Raises:
      InvalidCellError: no path leads from the input to the output.
    """

    def __init__(self, filters_in: int, filters: int, nodes: Sequence[str], edges: Sequence[int]) -> None:
        super().__init__()
        matrix, ops = prune(nodes, edges)
        last = len(matrix) - 1
        self.sources = [[i for i in range(j) if matrix[i][j]] for j in range(last + 1)]
        self.channels = divide_channels(matrix, filters_in, filters)
        self.operations, self.projections = nn.ModuleDict(), nn.ModuleDict()
        for vertex in range(1, last):
            wide = self.channels[vertex]
            self.operations[str(vertex)] = _make_operation(ops[vertex - 1], wide)
            if matrix[0][vertex]:
                self.projections[str(vertex)] = ConvNormAct(filters_in, wide, 1)
        if matrix[0][last]:
            self.projections[str(last)] = ConvNormAct(filters_in, filters, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns images with ``filters`` channels."""
        last, found = len(self.sources) - 1, [x]
        for vertex in range(1, last):
            wide = self.channels[vertex]
            inputs = [
                self.projections[str(vertex)](x) if source == 0 else found[source][:, :wide]
                for source in self.sources[vertex]
            ]
            found.append(self.operations[str(vertex)](sum(inputs[1:], inputs[0])))
        inner = [found[source] for source in self.sources[last] if source]
        parts = [torch.cat(inner, dim=1)] if inner else []
        if 0 in self.sources[last]:
            parts.append(self.projections[str(last)](x))
        return sum(parts[1:], parts[0])


@symbolize
@final
class Network(nn.Module):
    """A convolution, stacks of equal cells with pooling between them, and a linear layer.

    Args:
      nodes: see ``CellLayer``.
      edges: see ``CellLayer``.
      width: channels of the first stack.
      classes: how many logits it returns.
    """

    def __init__(
        self, nodes: Sequence[str], edges: Sequence[int], *, width: int = 128, classes: int = 10
    ) -> None:
        super().__init__()
        self.stem = ConvNormAct(3, width, 3)
        layers: list[Any] = []
        filters_in = width
        for stack in range(STACKS):
            layers += [nn.MaxPool2d(2, 2)] if stack else []
            for _ in range(CELLS):
                layers.append(CellLayer(filters_in, width * 2**stack, nodes, edges))
                filters_in = width * 2**stack
        self.body, self.classifier = nn.Sequential(*layers), nn.Linear(filters_in, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class, for images (batch, 3, rows, columns)."""
        out: Tensor = self.classifier(self.body(self.stem(x)).mean(dim=(2, 3)))
        return out


def prune(nodes: Sequence[str], edges: Sequence[int]) -> tuple[list[list[int]], list[str]]:
    """Returns the adjacency matrix and the operations of the vertices on a path from input to output.

    >>> prune(["conv1x1-bn-relu", "conv3x3-bn-relu"], [1, 0, 0, 0, 1, 0])  # 0 -> 1 -> 3
    ([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ['conv1x1-bn-relu'])

    Raises:
      InvalidCellError: no path leads from the input to the output.
      FieldValueError: the number of edges does not fit, or an operation is unknown.
    """
    count = len(nodes) + 2
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    if len(edges) != len(pairs):
        raise FieldValueError(
            f"a cell of {count} vertices has {len(pairs)} pairs, each 1 with an edge or 0; got {len(edges)} numbers."
        )
    for name in nodes:
        if name not in OPS:
            raise FieldValueError(
                f"the operations of NAS-Bench-101 are {', '.join(OPS)}; got {quote(name)}{suggest(name, OPS) or '.'}"
            )
    joined = {pair for pair, edge in zip(pairs, edges) if edge}
    forward, backward = {0}, {count - 1}
    for i, j in sorted(joined):
        forward |= {j} if i in forward else set()
    for i, j in sorted(joined, reverse=True):
        backward |= {i} if j in backward else set()
    kept = sorted(forward & backward)
    if 0 not in kept or count - 1 not in kept:
        raise InvalidCellError("the cell is invalid: no path leads from its input to its output.")
    matrix = [[int((i, j) in joined) for j in kept] for i in kept]
    return matrix, [nodes[vertex - 1] for vertex in kept[1:-1]]


def divide_channels(matrix: Sequence[Sequence[int]], filters_in: int, filters: int) -> list[int]:
    """Returns the channels of each vertex, given those of input and output.

    >>> divide_channels([[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]], 8, 9)
    [8, 5, 4, 9]
    """
    last = len(matrix) - 1
    channels = [filters_in] + [0] * (last - 1) + [filters]
    ends = [vertex for vertex in range(1, last) if matrix[vertex][last]]
    for place, vertex in enumerate(ends):
        channels[vertex] = filters // len(ends) + (place < filters % len(ends))
    for vertex in range(last - 1, 0, -1):
        if not matrix[vertex][last]:
            channels[vertex] = max(channels[j] for j in range(vertex + 1, last) if matrix[vertex][j])
    return channels


@checked()
def make_network(nodes: Sequence[str], edges: Sequence[int], *, width: int = 128, classes: int = 10) -> Any:
    """Returns the network of one cell.

    >>> ops = ["conv3x3-bn-relu"]
    >>> network = make_network(ops, [1, 0, 1], width=16)  # input -> convolution -> output
    >>> sum(p.numel() for p in network.parameters())
    161178

    Args:
      nodes: the operations of the inner vertices, as ``nasbench101.Cell.nodes``.
      edges: as ``nasbench101.Cell.edges``.
      width: channels of the first stack.
      classes: how many logits it returns.
    """
    return Network(list(nodes), list(edges), width=width, classes=classes)


@checked()
def make_space(vertices: int = 7, *, width: int = 128, classes: int = 10) -> Any:
    """Returns the network with holes for the nodes and edges of its cell.

    Decisions are those of ``nasbench101.make_space()``.  A program whose cell is invalid raises ``InvalidCellError`` at
    its first use.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == 3**5 * 2**21
    True

    Args:
      vertices: of a cell, input and output included.
      width: channels of the first stack.
      classes: how many logits it returns.
    """
    nodes = [oneof(OPS, hints=OP_HINT) for _ in range(vertices - 2)]
    edges = [oneof([0, 1], hints=EDGE_HINT) for _ in range(vertices * (vertices - 1) // 2)]
    return Network(nodes, edges, width=width, classes=classes)


def _make_operation(name: str, filters: int) -> nn.Module:
    if name == CONV1X1:
        return ConvNormAct(filters, filters, 1)
    if name == CONV3X3:
        return ConvNormAct(filters, filters, 3)
    return nn.MaxPool2d(3, 1, 1)
