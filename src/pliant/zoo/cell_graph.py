"""The graph of a cell or of a network: drawn as text, and compared without regard to the order of its nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any

from pliant.symbolic.tree.realize import hole_paths

Incoming = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class CellGraph:
    """A directed acyclic graph of tensors: the inputs come first, then nodes, each of which adds operations on earlier tensors.

    >>> graph = CellGraph(("older", "newer"), ((("conv", 0), ("skip", 1)), (("pool", 1), ("skip", 2))), (3,), "output")
    >>> print(graph.draw())
      0  1  2  3
      *           older
      |  *        newer
      o--o--*     conv(0) + skip(1)
         o--o--*  pool(1) + skip(2)
               o  output

    Attributes:
      inputs: the name of each input.
      nodes: for each node, the operation and the tensor of each summand; an operation without a name returns its tensor.
      ends: the tensors that go into the output.
      output: what is done with the ends.
      labels: for each node, the operation on its sum; empty where nodes are sums.
    """

    inputs: tuple[str, ...]
    nodes: tuple[Incoming, ...]
    ends: tuple[int, ...]
    output: str = "concatenation"
    labels: tuple[str, ...] = ()

    def draw(self) -> str:
        """Returns a drawing: a column for each tensor, a row for each node, ``*`` where it is made and ``o`` where it is taken."""
        count = len(self.inputs) + len(self.nodes)
        rows = [(set[int](), name) for name in self.inputs]
        labels = self.labels or [""] * len(self.nodes)
        rows += [
            ({source for _, source in node}, _describe(node, label))
            for node, label in zip(self.nodes, labels)
        ]
        rows.append((set(self.ends), self.output))
        last = {tensor: row for row, (taken, _) in enumerate(rows) for tensor in taken}
        lines = ["".join(f"{tensor:3}" for tensor in range(count))]
        for row, (taken, text) in enumerate(rows):
            right = row if row < count else max(taken, default=-1)
            line = ""
            for tensor in range(count):
                joined = bool(taken) and min(taken) < tensor <= right
                lives = tensor < row < last.get(tensor, -1)
                mark = "+" if joined and lives else "-" if joined else "|" if lives else " "
                mark = "o" if tensor in taken else "*" if tensor == row < count else mark
                line += ("--" if joined else "  ") + mark
            lines.append(f"{line}  {text}")
        return "\n".join(lines)

    def normalize(self) -> tuple[object, ...]:
        """Returns the nodes, ends and labels of a graph that is equal for isomorphic graphs: those that differ in the order of nodes or of summands.

        >>> one, other = (("conv", 0),), (("pool", 0), ("skip", 1))
        >>> graphs = CellGraph(("a", "b"), (one, other), (2, 3)), CellGraph(("a", "b"), (other[::-1], one), (3, 2))
        >>> graphs[0].normalize() == graphs[1].normalize()
        True
        """
        start, classes = len(self.inputs), self._classify()
        return min(
            self._renumber([*range(start), *(node for group in order for node in group)])
            for order in product(*(permutations(group) for group in classes))
        )

    def _renumber(
        self, order: Sequence[int]
    ) -> tuple[tuple[Incoming, ...], tuple[int, ...], tuple[str, ...]]:
        """Returns nodes, ends and labels with the tensors in another order."""
        start, place = len(self.inputs), {tensor: i for i, tensor in enumerate(order)}
        nodes = (
            tuple(sorted((op, place[source]) for op, source in self.nodes[i - start])) for i in order[start:]
        )
        labels = tuple(self.labels[i - start] for i in order[start:]) if self.labels else ()
        return tuple(nodes), tuple(sorted(place[end] for end in self.ends)), labels

    def _classify(self) -> list[list[int]]:
        """Returns the nodes in groups, within which neither sources nor uses tell them apart (color refinement)."""
        start, count = len(self.inputs), len(self.inputs) + len(self.nodes)
        names = [str(i) for i in range(start)] + [
            "node " + label for label in self.labels or [""] * len(self.nodes)
        ]
        colors: list[Any] = [(name, i in self.ends) for i, name in enumerate(names)]
        for _ in self.nodes:
            signatures = []
            for tensor in range(count):
                sources = self.nodes[tensor - start] if tensor >= start else ()
                into = sorted((op, colors[source]) for op, source in sources)
                out = sorted(
                    (op, colors[node + start])
                    for node, incoming in enumerate(self.nodes)
                    for op, source in incoming
                    if source == tensor
                )
                signatures.append((colors[tensor], into, out))
            ranks = sorted({repr(signature): signature for signature in signatures}.values())
            colors = [ranks.index(signature) for signature in signatures]
        groups: dict[int, list[int]] = {}
        for tensor in range(start, count):
            groups.setdefault(colors[tensor], []).append(tensor)
        return [groups[color] for color in sorted(groups)]


def _describe(node: Incoming, label: str) -> str:
    """Returns a node as a sum, and the operation on it."""
    text = " + ".join(f"{op}({source})" if op else str(source) for op, source in node) or "zero"
    return f"{label}({text})" if label else text


def draw_decided(
    program: Any, to_graphs: Callable[[Any], dict[str, CellGraph]]
) -> dict[str, CellGraph] | None:
    """Returns the graphs of a program for ``pg.draw``, which finds them by the method ``_graphs_``; None if it has holes."""
    return None if hole_paths(program) else to_graphs(program)
