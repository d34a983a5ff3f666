"""A drawing as plain data: shapes, words and wires with their places, in pixels from the upper left corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

from .blocks import Block, Role

Point = tuple[float, float]

_NARROW, _WIDE = frozenset("iljtfrI.,:;|'!()[] "), frozenset("mwMW@%…→×")
_SHARES = 0.38, 0.95, 0.7, 0.62  # of narrow, wide, capital and other letters, in the size of the type


@final
@dataclass(frozen=True, slots=True)
class Shape:
    """A rectangle.

    Attributes:
      kind: ``frame`` around parts, ``box`` of a leaf, ``node`` of a graph, or ``chip`` of a candidate.
      corner: its upper left corner.
      size: width and height.
      role: see ``Chip``.
      is_open: whether it is a hole.
      depth: frames around it.
      note: what is shown under the pointer.
      block: what it shows; None for a chip.
    """

    kind: Literal["frame", "box", "node", "chip"]
    corner: Point
    size: Point
    role: Role = "plain"
    is_open: bool = False
    depth: int = 0
    note: str = ""
    block: Block | None = None


@final
@dataclass(frozen=True, slots=True)
class Words:
    """A text on one line.

    Attributes:
      at: the start of its base line, or the middle if ``is_middle``.
      text: what is written.
      kind: ``title``, ``label``, ``text``, ``chip`` or ``times``.
      role: see ``Chip``.
      is_middle: whether ``at`` is its middle.
    """

    at: Point
    text: str
    kind: Literal["title", "label", "text", "chip", "times", "head"]
    role: Role = "plain"
    is_middle: bool = False


@final
@dataclass(frozen=True, slots=True)
class Wire:
    """A line through points; with an arrow at its end if ``has_head``; smooth if ``is_curve``."""

    points: tuple[Point, ...]
    role: Role = "plain"
    has_head: bool = True
    is_curve: bool = False
    is_open: bool = False


@final
@dataclass(frozen=True, slots=True)
class Scene:
    """All that is drawn.

    Attributes:
      size: width and height.
      shapes: rectangles, outer ones first.
      words: texts.
      wires: lines.
    """

    size: Point
    shapes: tuple[Shape, ...]
    words: tuple[Words, ...]
    wires: tuple[Wire, ...]


def measure(text: str, size: float) -> float:
    """Returns about how wide a text is; a little more than in most fonts without serifs.

    >>> measure("Linear", 10) < measure("Linear(2, 8)", 10)
    True
    """
    narrow, wide, capital, other = _SHARES
    total = 0.0
    for letter in text:
        if letter in _NARROW:
            total += narrow
        elif letter in _WIDE or ord(letter) > 0x2E80:
            total += wide
        else:
            total += capital if letter.isupper() else other
    return total * size
