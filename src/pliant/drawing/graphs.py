"""Graphs that programs say they are: the method ``_graphs_`` of a class returns them, such as the cells of the zoo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from pliant.hyper.hole import Hole
from pliant.symbolic.tree.node import path
from pliant.values.path import Key
from pliant.values.text import to_printable

from .blocks import Block, Chip, Link, Row


@final
@dataclass(frozen=True, slots=True)
class Op:
    """The operation of an edge or of a node.

    Attributes:
      text: its name; empty if it does nothing.
      chips: its candidates, if it is not decided.
      is_open: whether it is a hole.
    """

    text: str
    chips: tuple[Chip, ...] = ()
    is_open: bool = False


ReadOp = Callable[[Any, tuple[Key, ...]], Op]


def read_graphs(program: Any, read_op: ReadOp) -> tuple[Block, ...]:
    """Returns the graphs of a program whose class has a method ``_graphs_``; none where it cannot tell them, as of open inputs.

    The method returns a dict from names to graphs with the attributes of ``pliant.zoo.cell_graph.CellGraph``; an operation
    may be a hole.

    Args:
      program: an object.
      read_op: from an operation and its path to what is shown.
    """
    find = getattr(type(program), "_graphs_", None)
    if find is None:
        return ()
    found = find(program)
    if found is None:
        return ()

    def read(op: Any) -> Op:
        return read_op(op, tuple(path(op)) if isinstance(op, Hole) else ())

    return tuple(_to_block(str(name), graph, read) for name, graph in found.items())


def _to_block(name: str, graph: Any, read: Callable[[Any], Op]) -> Block:
    """Returns a graph as a block; each operation on an edge is a part of its own."""
    parts = [Block(to_printable(one), path=f"input {one}") for one in graph.inputs]
    links: list[Link] = []
    tensors = list(range(len(parts)))  # the part that makes each tensor
    labels = graph.labels or [""] * len(graph.nodes)
    for number, (incoming, label) in enumerate(zip(graph.nodes, labels, strict=True), len(parts)):
        ends: list[tuple[int, bool]] = []
        for op, source in incoming:
            made = Op("") if _is_empty(op) else read(op)
            if made.is_open and all(chip.text in ("0", "1") for chip in made.chips):
                ends.append((tensors[source], True))  # an edge that is there or not
            elif made.text or made.chips:
                parts.append(_to_part(made, f"{made.text} from {source} to {number}"))
                links.append(Link(tensors[source], len(parts) - 1))
                ends.append((len(parts) - 1, False))
            else:
                ends.append((tensors[source], False))
        if _is_empty(label) and len(ends) == 1 and not ends[0][1]:
            tensors.append(ends[0][0])  # the sum of one summand
            continue
        own = Op("+" if ends else "0") if _is_empty(label) else read(label)
        parts.append(_to_part(own, f"tensor {number} {label if isinstance(label, str) else ''}"))
        tensors.append(len(parts) - 1)
        links += [Link(start, tensors[-1], is_open=is_open) for start, is_open in ends]
    parts.append(Block(to_printable(graph.output), path="output"))
    for end in graph.ends:
        op, source = end if isinstance(end, tuple) else ("", end)
        links.append(Link(tensors[source], len(parts) - 1, is_open=not _is_empty(op)))
    return Block(name, "graph", parts=tuple(parts), links=tuple(dict.fromkeys(links)))


def _is_empty(op: Any) -> bool:
    return isinstance(op, str) and not op  # a hole refuses comparisons


def _to_part(op: Op, path: str) -> Block:
    if op.chips:
        return Block("", rows=(Row("", op.chips),), is_open=True, path=path)
    return Block(op.text, path=path)
