"""Layout: gives the blocks of a program places on a page, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, sqrt
from typing import final

from .blocks import Block, Row
from .layering import place_graph
from .scene import Point, Scene, Shape, Wire, Words, measure

MARGIN, PAD, GAP, BESIDE = 16.0, 12.0, 24.0, 18.0
_TITLE, _TEXT = 13.0, 11.5  # sizes of type
_BOLD = 1.1  # how much wider bold type is
_LINE, _HEAD, _CHIP = 16.0, 20.0, 19.0  # heights
_TALL, _BROAD = 720.0, 960.0  # a chain that is taller has columns, and parts that are broader have rows
_GAIN = 0.75  # of the height, which columns must leave to be made
_CHARACTERS, _LINES = 40, 3  # of the arguments of a block
_CHIPS, _NODE = 300.0, 130.0  # the width of candidates; in a node of a graph
_BYPASS = 26.0
SIGNS = {"added": "+ ", "removed": "− ", "changed": "± "}  # for those who do not tell the colors apart


@final
@dataclass(slots=True)
class Placed:
    """A block with a size, and what is in it with places from its own corner."""

    block: Block
    size: Point
    inner: list[tuple[Point, Placed]] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)
    chips: list[Shape] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)
    has_frame: bool = True
    is_node: bool = False


def lay_out(block: Block, title: str = "") -> Scene:
    """Returns a block with places.

    >>> scene = lay_out(Block("Sequential", "chain", parts=(Block("Linear"), Block("ReLU"))))
    >>> [(shape.kind, shape.block.title) for shape in scene.shapes]
    [('frame', 'Sequential'), ('box', 'Linear'), ('box', 'ReLU')]

    Args:
      block: what is drawn.
      title: a line above it.
    """
    placed = _place(block)
    top = MARGIN + (22.0 if title else 0.0)
    shapes: list[Shape] = []
    words: list[Words] = [Words((MARGIN, MARGIN + 12), title, "head")] if title else []
    wires: list[Wire] = []
    _collect(placed, (MARGIN, top), 0, (shapes, words, wires))
    width = max(placed.size[0], measure(title, 15) if title else 0.0) + 2 * MARGIN
    return Scene((width, placed.size[1] + top + MARGIN), tuple(shapes), tuple(words), tuple(wires))


def _collect(
    placed: Placed, at: Point, depth: int, found: tuple[list[Shape], list[Words], list[Wire]]
) -> None:
    """Adds what is in a placed block to the lists of a scene."""
    shapes, words, wires = found
    x, y = at
    block = placed.block
    if placed.has_frame:
        kind = "frame" if placed.inner else "node" if placed.is_node else "box"
        shapes.append(
            Shape(kind, at, placed.size, block.role, block.is_open, depth, _note(block), block)  # type: ignore[arg-type]  # one of the kinds
        )
    for chip in placed.chips:
        corner = (x + chip.corner[0], y + chip.corner[1])
        shapes.append(Shape("chip", corner, chip.size, chip.role, chip.is_open, depth + 1, chip.note))
    words += [Words((x + w.at[0], y + w.at[1]), w.text, w.kind, w.role, w.is_middle) for w in placed.words]
    for wire in placed.wires:
        points = tuple((x + px, y + py) for px, py in wire.points)
        wires.append(Wire(points, wire.role, wire.has_head, wire.is_curve, wire.is_open))
    for (dx, dy), part in placed.inner:
        _collect(part, (x + dx, y + dy), depth + placed.has_frame, found)


def _note(block: Block) -> str:
    return "\n".join(filter(None, (block.path, block.note)))


# ---------------------------------------------------------------------- one block


def _place(block: Block, *, is_node: bool = False) -> Placed:
    """Returns a block with its size."""
    head = _Head(block, _NODE if is_node else _CHIPS)
    if not block.parts:
        width = max(head.width + 2 * PAD, 56.0)
        placed = Placed(block, (width, head.height + 8.0), is_node=is_node)
        head.write(placed, (PAD, 4.0), middle=width / 2)
        return placed
    inside = _INSIDES[block.form](
        block, [_place(part, is_node=block.form == "graph") for part in block.parts]
    )
    if not block.title and block.times == 1 and not block.is_open and not head.has_text:
        inside.has_frame = False
        return inside
    width = max(inside.size[0] + 2 * PAD, head.width + 2 * PAD)
    shift = ((width - inside.size[0]) / 2, head.height + PAD / 2)
    placed = Placed(block, (width, inside.size[1] + head.height + 1.5 * PAD))
    head.write(placed, (PAD, 4.0))
    placed.inner = [((x + shift[0], y + shift[1]), part) for (x, y), part in inside.inner]
    for wire in inside.wires:
        points = tuple((x + shift[0], y + shift[1]) for x, y in wire.points)
        placed.wires.append(Wire(points, wire.role, wire.has_head, wire.is_curve, wire.is_open))
    placed.words += [
        Words((w.at[0] + shift[0], w.at[1] + shift[1]), w.text, w.kind, w.role, w.is_middle)
        for w in inside.words
    ]
    return placed


@final
class _Head:
    """The title, the arguments and the rows of a block, before they have places."""

    def __init__(self, block: Block, broad: float) -> None:
        self.block = block
        each = ", each decided by itself" if block.is_separate else ""
        self.times = f"× {block.times}{each}" if block.times > 1 else ""
        self.lines = _wrap(block.texts)
        self.has_text = bool(self.lines or block.rows)
        self.rows = [_place_row(row, broad) for row in block.rows]
        self.title = f"{SIGNS.get(block.role, '')}{block.title}" if block.title else ""
        title = measure(self.title, _TITLE) * _BOLD
        label = measure(block.label, _TEXT) + 8 if block.label else 0.0
        self.label = label
        self.title_width = label + title + (measure(self.times, _TITLE) + 18 if self.times else 0.0)
        widths = [self.title_width, *(measure(line, _TEXT) for line in self.lines)]
        self.width = max([*widths, *(row.size[0] for row in self.rows)])
        has_title = bool(block.title or block.label or self.times)
        self.title_height = _HEAD if has_title else 0.0
        self.gap = 4.0 if self.rows and (self.lines or has_title) else 0.0
        rows = sum(row.size[1] + 3 for row in self.rows)
        self.height = self.title_height + _LINE * len(self.lines) + self.gap + rows

    def write(self, placed: Placed, at: Point, *, middle: float | None = None) -> None:
        """Adds the words and chips to a placed block; centred if there is a middle."""
        x, y = at
        block = self.block
        start = x if middle is None else middle - self.title_width / 2
        if self.title_height:
            if block.label:
                placed.words.append(Words((start, y + 14), block.label, "label", block.role))
            alone = middle is not None and not block.label and not self.times
            at_title = (middle or 0.0, y + 14) if alone else (start + self.label, y + 14)
            placed.words.append(Words(at_title, self.title, "title", block.role, is_middle=alone))
            if self.times:
                end = start + self.title_width - measure(self.times, _TITLE) / 2 - 3
                placed.words.append(Words((end, y + 14), self.times, "times", block.role, is_middle=True))
            y += _HEAD
        for line in self.lines:
            place = (x, y + 12) if middle is None else (middle, y + 12)
            placed.words.append(Words(place, line, "text", block.role, is_middle=middle is not None))
            y += _LINE
        y += self.gap
        for row in self.rows:
            left = x if middle is None else middle - row.size[0] / 2
            for chip in row.chips:
                corner = (left + chip.corner[0], y + chip.corner[1])
                placed.chips.append(Shape("chip", corner, chip.size, chip.role, chip.is_open, note=chip.note))
            placed.words += [
                Words((left + w.at[0], y + w.at[1]), w.text, w.kind, w.role, w.is_middle) for w in row.words
            ]
            y += row.size[1] + 3


def _wrap(texts: Sequence[str]) -> list[str]:
    """Returns arguments as a few short lines."""
    lines: list[str] = []
    for part in texts:
        if lines and len(lines[-1]) + len(part) + 2 <= _CHARACTERS:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], f"{lines[_LINES - 1]}, …"]
    return lines


@final
@dataclass(slots=True)
class _Row:
    """A row with its size, and its chips and words with places from its corner."""

    size: Point
    chips: list[Shape]
    words: list[Words]


def _place_row(row: Row, broad: float) -> _Row:
    name = measure(row.name, _TEXT) + 8 if row.name else 0.0
    chips: list[Shape] = []
    words = [Words((0.0, 13.0), row.name, "label")] if row.name else []
    x, y, right = name, 0.0, name
    for chip in row.chips:
        wide = measure(chip.text, _TEXT) * (_BOLD if chip.role == "lit" else 1.0) + 12
        if x > name and x + wide > name + broad:
            x, y = name, y + _CHIP + 3
        chips.append(Shape("chip", (x, y), (wide, _CHIP - 1), chip.role, row.is_open))
        words.append(Words((x + wide / 2, y + 13), chip.text, "chip", chip.role, is_middle=True))
        right = max(right, x + wide)
        x += wide + 4
    return _Row((right, y + _CHIP), chips, words)


# ---------------------------------------------------------------------- parts inside


def _chain(block: Block, parts: Sequence[Placed], *, has_arrows: bool = True) -> Placed:
    """Returns parts one below the other, in several columns if they are tall."""
    gap = GAP if has_arrows else 10.0
    total = sum(part.size[1] for part in parts) + gap * (len(parts) - 1)
    wide = max(part.size[0] for part in parts)
    columns = 1 if total <= _TALL else min(len(parts), max(2, ceil(sqrt(total / (0.9 * wide)))))
    split = _split([part.size[1] + gap for part in parts], columns)
    tallest = max(sum(parts[i].size[1] + gap for i in group) for group in split)
    if len(parts) < 4 or tallest > _GAIN * total:
        split = _split([part.size[1] for part in parts], 1)
    made = Placed(block, (0.0, 0.0), has_frame=False)
    x, high, beside = 0.0, 0.0, 34.0
    middles: list[float] = []
    edges: list[float] = []  # of the column of each part, at its left
    for group in split:
        chosen = [parts[i] for i in group]
        width = max(part.size[0] for part in chosen)
        y = 0.0
        for part in chosen:
            made.inner.append(((x + (width - part.size[0]) / 2, y), part))
            middles.append(x + width / 2)
            edges.append(x - beside / 2)
            y += part.size[1] + gap
        high = max(high, y - gap)
        x += width + beside
    made.size = (x - beside, high)
    if has_arrows:
        for (one, other), pair, edge in zip(pairwise(made.inner), pairwise(middles), edges[1:]):
            made.wires.append(_join(one, other, pair, edge))
        if len(split) > 1:  # arrows between columns leave and enter outside of them
            made.inner = [((px, py + 14), part) for (px, py), part in made.inner]
            made.wires = [Wire(tuple((px, py + 14) for px, py in w.points), w.role) for w in made.wires]
            made.size = (made.size[0], high + 28)
    return made


def _join(one: tuple[Point, Placed], other: tuple[Point, Placed], middles: Point, between: float) -> Wire:
    """Returns the arrow from a part to the next one, which may be in the next column."""
    bottom, top = one[0][1] + one[1].size[1], other[0][1]
    role = other[1].block.role if other[1].block.role in ("dim", "added", "removed") else "plain"
    if middles[0] == middles[1]:
        return Wire(((middles[0], bottom), (middles[1], top)), role)
    return Wire(
        (
            (middles[0], bottom),
            (middles[0], bottom + 10),
            (between, bottom + 10),
            (between, top - 12),
            (middles[1], top - 12),
            (middles[1], top),
        ),
        role,
    )


def _split(heights: Sequence[float], columns: int) -> list[list[int]]:
    """Returns the indices of parts in at most so many columns, the tallest of which is as low as possible."""

    def fill(limit: float) -> list[list[int]]:
        groups: list[list[int]] = [[]]
        used = 0.0
        for place, height in enumerate(heights):
            if groups[-1] and used + height > limit:
                groups.append([])
                used = 0.0
            groups[-1].append(place)
            used += height
        return groups

    low, high = max(heights), sum(heights)
    while high - low > 1:
        middle = (low + high) / 2
        low, high = (low, middle) if len(fill(middle)) <= columns else (middle, high)
    return fill(high)


def _stack(block: Block, parts: Sequence[Placed]) -> Placed:
    return _chain(block, parts, has_arrows=False)


def _rows(parts: Sequence[Placed]) -> list[list[Placed]]:
    rows: list[list[Placed]] = [[]]
    width = 0.0
    for part in parts:
        if rows[-1] and width + part.size[0] > _BROAD:
            rows.append([])
            width = 0.0
        rows[-1].append(part)
        width += part.size[0] + BESIDE
    return rows


def _choice(block: Block, parts: Sequence[Placed]) -> Placed:
    """Returns parts side by side, in rows."""
    made = Placed(block, (0.0, 0.0), has_frame=False)
    y = 0.0
    for row in _rows(parts):
        x = 0.0
        high = max(part.size[1] for part in row)
        for part in row:
            made.inner.append(((x, y), part))
            x += part.size[0] + BESIDE
        made.size = (max(made.size[0], x - BESIDE), y + high)
        y += high + 12.0
    return made


def _side(block: Block, parts: Sequence[Placed]) -> Placed:
    """Returns branches side by side, between a fork and a join; graphs without them."""
    made = _choice(block, parts)
    if any(part.block.form == "graph" for part in parts) or len({y for (_, y), _ in made.inner}) > 1:
        return made
    high, middle = made.size[1], made.size[0] / 2
    made.inner = [((x, 22 + (high - part.size[1]) / 2), part) for (x, _), part in made.inner]
    made.size = (made.size[0], high + 44)
    for (x, y), part in made.inner:
        at = x + part.size[0] / 2
        made.wires.append(Wire(((middle, 0.0), (middle, 6.0), (at, 6.0), (at, y))))
        made.wires.append(
            Wire(
                ((at, y + part.size[1]), (at, high + 36), (middle, high + 36), (middle, high + 44)),
                has_head=False,
            )
        )
    return made


def _bypass(block: Block, parts: Sequence[Placed]) -> Placed:
    """Returns a chain with a line from its input to its output."""
    cut = len(parts) - block.has_bypass_part
    made = _chain(block, parts[:cut])
    wide, chain = made.size
    high = max(chain, parts[-1].size[1]) if block.has_bypass_part else chain
    top = 22 + (high - chain) / 2
    made.inner = [((x, y + top), part) for (x, y), part in made.inner]
    made.wires = [Wire(tuple((x, y + top) for x, y in wire.points), wire.role) for wire in made.wires]
    first, last = made.inner[0], made.inner[-1]
    start, end = (first[0][0] + first[1].size[0] / 2), (last[0][0] + last[1].size[0] / 2)
    right = wide + _BYPASS
    if block.has_bypass_part:
        extra = parts[-1]
        corner = (wide + BESIDE, 22 + (high - extra.size[1]) / 2)
        made.inner.append((corner, extra))
        right = corner[0] + extra.size[0] / 2
        made.wires.append(Wire(((start, 6.0), (right, 6.0), (right, corner[1]))))
        below: tuple[Point, ...] = ((right, corner[1] + extra.size[1]), (right, high + 38))
        made.size = (corner[0] + extra.size[0], high + 48)
    else:
        made.wires.append(Wire(((start, 6.0), (right, 6.0), (right, high + 38)), has_head=False))
        below = ((right, high + 38),)
        made.size = (right, high + 48)
    made.wires.append(Wire(((start, 0.0), (start, first[0][1]))))
    made.wires.append(Wire((*below, (end + 8, high + 38))))
    made.wires.append(Wire(((end, last[0][1] + last[1].size[1]), (end, high + 30))))
    made.words.append(Words((end, high + 42.5), "+", "title", is_middle=True))
    return made


def _graph(block: Block, parts: Sequence[Placed]) -> Placed:
    """Returns the nodes of a graph in layers."""
    placed = place_graph([part.size for part in parts], [(link.start, link.end) for link in block.links])
    made = Placed(block, placed.size, list(zip(placed.corners, parts)), has_frame=False)
    made.wires = [
        Wire(route, link.role, is_curve=True, is_open=link.is_open)
        for route, link in zip(placed.routes, block.links)
    ]
    left = min([0.0, *(x for wire in made.wires for x, _ in wire.points)])
    right = max([placed.size[0], *(x for wire in made.wires for x, _ in wire.points)])
    made.inner = [((x - left, y), part) for (x, y), part in made.inner]
    made.wires = [
        Wire(tuple((x - left, y) for x, y in w.points), w.role, w.has_head, w.is_curve, w.is_open)
        for w in made.wires
    ]
    made.size = (right - left, placed.size[1])
    return made


_INSIDES: dict[str, Callable[[Block, Sequence[Placed]], Placed]] = {
    "chain": _chain,
    "stack": _stack,
    "side": _side,
    "choice": _choice,
    "bypass": _bypass,
    "graph": _graph,
}
