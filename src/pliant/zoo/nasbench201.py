"""The search space of NAS-Bench-201 and of NATS-Bench's topology space: cells of 4 nodes, an operation on each edge.

Dong and Yang, "NAS-Bench-201", ICLR 2020; Dong et al., "NATS-Bench", TPAMI 2021.  Their
accuracies are in ``pliant.bench``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, final

from pliant.hyper import oneof
from pliant.symbolic.objects.object import Object
from pliant.values.errors import FieldValueError, quote

from .cell_graph import CellGraph

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""The operations, in the order of the paper; a decision is an index into them."""

EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
"""The edges as (to, from), in the order of ``Cell.ops``."""

OP_HINT = "op"
"""The hint of the holes over operations."""


@final
class Cell(Object):
    """A cell: the operation on each of the six edges, in the order of ``EDGES``."""

    ops: list[str]

    def _graphs_(self) -> dict[str, CellGraph]:
        return to_graphs(self)


def make_space() -> Cell:
    """Returns the cell with holes for its six operations: 5 ** 6 = 15,625 programs.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size
    15625
    """
    return Cell([oneof(OPS, hints=OP_HINT) for _ in EDGES])


def to_text(ops: Sequence[str]) -> str:
    """Returns the name of a cell in the published tables.

    >>> to_text(["avg_pool_3x3", "nor_conv_1x1", "skip_connect", "nor_conv_1x1", "skip_connect", "skip_connect"])
    '|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|'
    """
    nodes = (
        "|"
        + "|".join(f"{op}~{start}" for op, (end, start) in zip(ops, EDGES, strict=True) if end == node)
        + "|"
        for node in (1, 2, 3)
    )
    return "+".join(nodes)


def from_text(text: str) -> Cell:
    """Returns the cell of a published name; the inverse of ``to_text``.

    >>> from_text("|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|").ops[5]
    'nor_conv_3x3'

    Raises:
      FieldValueError: the text is not such a name.
    """
    ops = re.findall(r"(\w+)~\d", text)
    if len(ops) != len(EDGES) or not set(ops) <= set(OPS) or to_text(ops) != text:
        raise FieldValueError(
            f"{quote(text, 120)} is not the name of a cell of NAS-Bench-201; a name looks like {to_text(['none'] * 6)!r}, with the "
            f"operations {', '.join(OPS)}."
        )
    return Cell(ops)


def structure(ops: Sequence[str]) -> str:
    """Returns the function of a cell as text, equal for cells that compute the same: 6,466 texts for 15,625 cells.

    As the paper counts: a skip connection hands its input on, an edge with ``none`` or from a node that is zero is zero,
    and the inputs of a node are sorted.  The number is that of this notation, which is not a normal form: a zero
    summand is written, and a sum that is handed on is one piece when inputs are sorted; without both there are 4,930.

    >>> none = ["none"] * 3
    >>> structure(["skip_connect", "nor_conv_3x3", "none", *none]) == structure(["none"] * 6)
    True
    """
    nodes = ["0"]
    for node in (1, 2, 3):
        inputs = []
        for op, (end, start) in zip(ops, EDGES, strict=True):
            if end == node:
                inputs.append(_apply(op, nodes[start]))
        nodes.append("+".join(sorted(inputs)))
    return nodes[3]


def read_structure(program: Any) -> str:
    """Returns ``structure`` of a ``Cell``, or of the network of a cell (``nasbench201_network``)."""
    return structure(_read_ops(program))


def to_graphs(program: Any) -> dict[str, CellGraph]:
    """Returns the graph of a ``Cell``, or of the network of a cell, without edges that are zero.

    >>> print(to_graphs(Cell(["nor_conv_3x3", "none", "avg_pool_3x3", "skip_connect", "none", "nor_conv_1x1"]))["cell"].draw())
      0  1  2  3
      *           input
      o--*        nor_conv_3x3(0)
      |  o--*     avg_pool_3x3(1)
      o-----o--*  skip_connect(0) + nor_conv_1x1(2)
               o  output
    """
    named = list(zip(_read_ops(program), EDGES, strict=True))
    nodes = tuple(
        tuple((op, start) for op, (end, start) in named if end == node and op != "none") for node in (1, 2, 3)
    )
    return {"cell": CellGraph(("input",), nodes, (3,), "output")}


def _read_ops(program: Any) -> list[str]:
    return list(program.ops) if isinstance(program, Cell) else [edge.name for edge in program.edges]


def _apply(op: str, x: str) -> str:
    if op == "none" or x == "#":
        return "#"
    return x if op == "skip_connect" else f"({x})@{op}"
