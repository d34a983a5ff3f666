"""Macro spaces, which decide about whole networks: chains, multi-branch networks, and unconstrained graphs (PyTorch).

The design spaces without an author: a chain (o_1, ..., o_L) of operations; a multi-branch network, whose layers also choose
which earlier layers they add; and a directed acyclic graph with an operation at each node and any forward edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote, suggest

from .layers import ConvNormAct, ImageClassifier, PooledHead
from .operations import Convolution, Identity, Pooling, Separable
from .sizes import checked

OPS = ("conv_3x3", "conv_5x5", "conv_7x7", "sep_conv_3x3", "dil_conv_3x3", "max_pool_3x3", "skip_connect")
"""The operations for image classification; a decision is an index into them."""

OP_HINT, EDGE_HINT = "op", "edge"
"""The hints of the holes over operations and over edges."""


@symbolize
@final
class Graph(nn.Module):
    """Nodes in order, each of which applies an operation to the sum of earlier nodes.

    A node without an edge from an earlier one takes the input of the graph.  The output is the sum of the nodes that no
    other node takes.

    Args:
      ops: the operation of each node.
      edges: 1 for each pair (i, j), i < j, that an edge joins, in the order (0, 1), (0, 2), (1, 2), (0, 3), ...
    """

    def __init__(self, ops: Sequence[nn.Module], edges: Sequence[int]) -> None:
        super().__init__()
        pairs = [(i, j) for j in range(len(ops)) for i in range(j)]
        if len(edges) != len(pairs):
            raise FieldValueError(
                f"a graph of {len(ops)} nodes has {len(pairs)} pairs, each 1 with an edge or 0; got {len(edges)} numbers."
            )
        self.nodes = nn.ModuleList(ops)
        joined = [pair for pair, edge in zip(pairs, edges) if edge]
        self.sources = [[i for i, end in joined if end == j] for j in range(len(ops))]
        taken = {i for i, _ in joined}
        self.ends = [j for j in range(len(ops)) if j not in taken]

    def forward(self, x: Tensor) -> Tensor:
        """Returns images in the shape of ``x``."""
        found: list[Tensor] = []
        for node, sources in zip(self.nodes, self.sources):
            inputs = [found[i] for i in sources] or [x]
            found.append(node(sum(inputs[1:], inputs[0])))
        ends = [found[j] for j in self.ends]
        return sum(ends[1:], ends[0])


@checked()
def make_operation(name: str, filters: int) -> Any:
    """Returns an operation from images to images of the same shape.

    Raises:
      FieldValueError: the name is unknown.
    """
    if name not in OPS:
        raise FieldValueError(
            f"the operations are {', '.join(OPS)}; got {quote(name)}{suggest(name, OPS) or '.'}"
        )
    kind, _, size = name.rpartition("_")
    if name == "skip_connect":
        return Identity()
    if kind == "max_pool":
        return Pooling("max", filters)
    kernel_size = int(size[0])
    if kind == "conv":
        return Convolution(filters, filters, kernel_size)
    return Separable(filters, kernel_size, dilation=2 if kind == "dil_conv" else 1)


@checked()
def make_chain(length: int = 10, *, ops: Sequence[str] = OPS, filters: int = 16, classes: int = 10) -> Any:
    """Returns chains of operations: len(ops) ** length networks.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_chain(10)).size == 7**10
    True

    Args:
      length: the number of layers.
      ops: the candidates of each.
      filters: channels.
      classes: how many logits the network returns.
    """
    return _wrap([_choose(ops, filters) for _ in range(length)], filters, classes)


@checked()
def make_multi_branch(
    length: int = 6, *, ops: Sequence[str] = OPS, reach: int = 3, filters: int = 16, classes: int = 10
) -> Any:
    """Returns networks whose layers add some of the ``reach`` layers before them.

    Layer j chooses an operation and, for each of the min(j, reach) layers before it, whether it is added:
    len(ops) ** length * 2 ** (sum of min(j, reach) over j) networks.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_multi_branch(6)).size == 7**6 * 2**12
    True

    Args:
      length: the number of layers.
      ops: the candidates of each.
      reach: how many layers back a branch starts.
      filters: channels.
      classes: how many logits the network returns.
    """
    edges = [_decide() if j - i <= reach else 0 for j in range(length) for i in range(j)]
    return _wrap([Graph([_choose(ops, filters) for _ in range(length)], edges)], filters, classes)


@checked()
def make_graph(nodes: int = 10, *, ops: Sequence[str] = OPS, filters: int = 16, classes: int = 10) -> Any:
    """Returns unconstrained directed acyclic graphs: len(ops) ** n * 2 ** (n (n - 1) / 2) networks for n nodes.

    So large a space can hardly be searched: 9.9 * 10**21 for ten nodes.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_graph(10)).size == 7**10 * 2**45
    True

    Args:
      nodes: the number of nodes.
      ops: the candidates of each.
      filters: channels.
      classes: how many logits the network returns.
    """
    edges = [_decide() for _ in range(nodes * (nodes - 1) // 2)]
    return _wrap([Graph([_choose(ops, filters) for _ in range(nodes)], edges)], filters, classes)


def _choose(ops: Sequence[str], filters: int) -> Any:
    return oneof([make_operation(name, filters) for name in ops], hints=OP_HINT)


def _decide() -> Any:
    return oneof([0, 1], hints=EDGE_HINT)


def _wrap(layers: list[Any], filters: int, classes: int) -> Any:
    head = PooledHead(filters, classes, filters=0, dropout=0.0)
    return ImageClassifier(ConvNormAct(3, filters, 3), layers, head)
