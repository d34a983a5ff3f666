"""The search space of NAS-Bench-101: cells with an operation on each inner vertex, and any forward edges.

Ying et al., "NAS-Bench-101", ICML 2019.  The space as in the PyGlove paper (section 4.3): hints distinguish nodes and
edges.  ``pliant.bench.nasbench101`` checks whether cells are valid or equal.
"""

from __future__ import annotations

from typing import Any, final

from pliant.hyper import oneof
from pliant.symbolic.objects.object import Object
from pliant.values.errors import FieldTypeError, FieldValueError, quote_typed
from pliant.values.numbers import to_whole

from .cell_graph import CellGraph
from .sizes import checked

INPUT, OUTPUT = "input", "output"
CONV1X1, CONV3X3, MAXPOOL3X3 = "conv1x1-bn-relu", "conv3x3-bn-relu", "maxpool3x3"

OPS = (CONV1X1, CONV3X3, MAXPOOL3X3)
"""The operations; a decision over a node is an index into them."""

VERTICES, EDGES = 7, 9
"""The published limits: vertices of a cell with input and output, and edges."""

OP_HINT, EDGE_HINT = "op", "edge"
"""The hints of the holes over operations and over edges, to partition the space by."""


@final
class Cell(Object):
    """A cell of n vertices: 0 is the input, n - 1 the output.

    Attributes:
      nodes: the operations of vertices 1 to n - 2.
      edges: 1 for each pair (i, j), i < j, that an edge joins, in the order (0, 1), (0, 2), ..., (n - 2, n - 1).
    """

    nodes: list[str]
    edges: list[int]

    def _graphs_(self) -> dict[str, CellGraph]:
        return to_graphs(self)


@checked()
def make_space(vertices: int = VERTICES) -> Cell:
    """Returns the cell with holes for all nodes and edges: 3 ** (n - 2) * 2 ** (n (n - 1) / 2) programs for n vertices.

    Most are infeasible (too many edges, or no path from input to output), or equal to others.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == 3**5 * 2**21
    True
    >>> pg.abstract_search_space(make_space(), where=pg.by_hints(OP_HINT)).size
    243

    Args:
      vertices: the largest number of vertices, 2 to 7, input and output included.

    Raises:
      FieldTypeError, FieldValueError: ``vertices`` is out of range.
    """
    count = to_whole(vertices)
    if count is None:
        raise FieldTypeError(
            f"make_space(vertices=...) takes an integer from 2 to {VERTICES}; got {quote_typed(vertices)}."
        )
    if not 2 <= count <= VERTICES:
        raise FieldValueError(
            f"make_space(vertices=...) takes an integer from 2 to {VERTICES}; got {vertices}."
        )
    return Cell(
        nodes=[oneof(OPS, hints=OP_HINT) for _ in range(count - 2)],
        edges=[oneof([0, 1], hints=EDGE_HINT) for _ in range(count * (count - 1) // 2)],
    )


def to_graphs(program: Any) -> dict[str, CellGraph]:
    """Returns the graph of a ``Cell``, or of the network of a cell (``nasbench101_network``), with all vertices and edges.

    >>> print(to_graphs(Cell(["maxpool3x3", "conv3x3-bn-relu"], [1, 1, 0, 1, 0, 1]))["cell"].draw())
      0  1  2
      *        input
      o--*     maxpool3x3(0)
      o--o--*  conv3x3-bn-relu(0 + 1)
            o  output
    """
    last, flags = len(program.nodes) + 1, iter(program.edges)
    sources: list[list[tuple[Any, int]]] = [[] for _ in range(last + 1)]
    for i in range(last + 1):
        for j in range(i + 1, last + 1):
            flag = next(flags)
            if not isinstance(flag, int):
                sources[j].append((flag, i))  # not decided
            elif flag:
                sources[j].append(("", i))
    *nodes, ends = map(tuple, sources[1:])
    graph = CellGraph(
        (INPUT,),
        tuple(nodes),
        tuple(source if isinstance(op, str) else (op, source) for op, source in ends),  # type: ignore[misc]  # an edge that is not decided
        OUTPUT,
        tuple(program.nodes),
    )
    return {"cell": graph}
