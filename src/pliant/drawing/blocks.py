"""What a drawing shows, before it has places: blocks with arguments, candidates, and blocks inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, final

Role = Literal["plain", "lit", "dim", "added", "removed", "changed"]
Form = Literal["box", "chain", "stack", "side", "choice", "bypass", "graph"]


@final
@dataclass(frozen=True, slots=True)
class Chip:
    """A candidate of a hole, or a value of an argument.

    Attributes:
      text: what is written.
      role: ``lit`` if it was chosen, ``dim`` if another one was; ``added`` or ``removed`` in a difference.
    """

    text: str
    role: Role = "plain"


@final
@dataclass(frozen=True, slots=True)
class Row:
    """An argument that has a line of its own: a hole with its candidates, or a value that differs.

    Attributes:
      name: the argument, or the name of the hole.
      chips: the candidates or values.
      is_open: whether it is a hole.
      hole: of one that is to be decided: what tells it apart from the others; holes of the same name are decided together.
    """

    name: str
    chips: tuple[Chip, ...]
    is_open: bool = True
    hole: str = field(default="", compare=False)


@final
@dataclass(frozen=True, slots=True)
class Link:
    """An arrow between two parts of a graph, by their places in ``parts``."""

    start: int
    end: int
    role: Role = "plain"
    is_open: bool = False


@final
@dataclass(frozen=True, slots=True)
class Block:
    """A part of a program as it is drawn.  Blocks are equal if they look the same, wherever they are.

    Attributes:
      title: the name of the class; empty for a list.
      form: ``box`` for one without parts, else how the parts are arranged: one after another with arrows (``chain``) or
        without (``stack``), side by side, as candidates, as a chain with a bypass, or as a graph.
      label: the argument that holds it.
      texts: its arguments, one by one.
      rows: arguments with a line of their own.
      parts: the blocks inside; with the form ``bypass``, a last one with the role of the bypass if ``has_bypass_part``.
      links: the arrows of a graph.
      role: see ``Chip``; ``changed`` if its arguments differ.
      is_open: whether it is a hole.
      times: how many equal ones follow each other.
      is_separate: whether each of them is decided by itself.
      has_bypass_part: whether the last part is in the bypass.
      note: all arguments, shown under the pointer.
      path: where it is in the program.
      defaults: arguments that have their default, which are not drawn.
      names: the argument of each of ``texts``; empty where they are not known.
      hole: see ``Row``.
    """

    title: str
    form: Form = "box"
    label: str = ""
    texts: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    parts: tuple[Block, ...] = ()
    links: tuple[Link, ...] = ()
    role: Role = "plain"
    is_open: bool = False
    times: int = 1
    is_separate: bool = False
    has_bypass_part: bool = False
    note: str = ""
    path: str = field(default="", compare=False)
    defaults: tuple[str, ...] = field(default=(), compare=False)
    names: tuple[str, ...] = field(default=(), compare=False)
    hole: str = field(default="", compare=False)


def list_holes(block: Block) -> list[str]:
    """Returns what is to be decided in a block.

    >>> list_holes(Block("Layer", rows=(Row("width", (Chip("8"), Chip("16")), hole="layers[0].width"),)))
    ['layers[0].width']
    """
    found = []
    for one in walk(block):
        found += [one.hole, *(row.hole for row in one.rows)]
    return [hole for hole in found if hole]


def walk(block: Block) -> Iterator[Block]:
    """Yields a block and all blocks inside it, from the outside.

    >>> [one.title for one in walk(Block("a", "chain", parts=(Block("b"), Block("c"))))]
    ['a', 'b', 'c']
    """
    yield block
    for part in block.parts:
        yield from walk(part)
