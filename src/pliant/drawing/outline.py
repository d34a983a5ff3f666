"""Writes blocks as an indented outline, the text form of a drawing."""

from __future__ import annotations

from collections.abc import Iterator

from pliant.values.text import to_printable

from .blocks import Block, Row

_SIGNS = {"added": "+ ", "removed": "- ", "changed": "~ "}


def to_outline(block: Block) -> str:
    """Returns a block as text, a line for each block and row.

    >>> print(to_outline(Block("Sequential", "chain", parts=(Block("Linear", texts=("2", "8")), Block("ReLU", times=3)))))
    Sequential
      Linear  2, 8
      ReLU  x 3
    """
    return "\n".join(_lines(block, 0))


def _lines(block: Block, depth: int) -> Iterator[str]:
    pad = "  " * depth
    times = f"x {block.times}" if block.times > 1 else ""
    times += ", each decided by itself" if block.is_separate else ""
    title = block.title or {"choice": "choice", "graph": "graph"}.get(block.form, "")
    label = f"{block.label}:" if block.label else ""
    words = " ".join(filter(None, (label, title)))
    line = "  ".join(filter(None, (words, ", ".join(block.texts), times)))
    if line:
        yield to_printable(f"{pad}{_SIGNS.get(block.role, '')}{line}")
    inner = depth + bool(line)
    for row in block.rows:
        yield to_printable(f"{'  ' * inner}{_say_row(row)}")
    for part in block.parts:
        yield from _lines(part, inner)


def _say_row(row: Row) -> str:
    marks = {"lit": "[{}]", "added": "+{}", "removed": "-{}"}
    chips = " | ".join(marks.get(chip.role, "{}").format(chip.text) for chip in row.chips)
    return f"{row.name}: {chips}" if row.name else chips
