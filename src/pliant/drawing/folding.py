"""Folds equal blocks that follow each other, so that a network of hundreds of layers fits a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .blocks import Block, list_holes

_PERIOD = 12  # the longest group of blocks that is found to be repeated


def fold(block: Block) -> Block:
    """Returns a block in which equal neighbours, and groups of them, are shown once with their number.

    >>> layers = [Block("Linear"), Block("ReLU")] * 3
    >>> [(one.times, len(one.parts)) for one in fold(Block("Sequential", "chain", parts=tuple(layers))).parts]
    [(3, 2)]
    """
    parts = tuple(fold(part) for part in block.parts)
    if block.form == "chain":
        parts = tuple(fold_sequence(parts))
    elif block.form == "bypass":
        cut = len(parts) - block.has_bypass_part
        parts = (*fold_sequence(parts[:cut]), *parts[cut:])
    return replace(block, parts=parts)


def fold_sequence(parts: Sequence[Block]) -> list[Block]:
    """Returns blocks with the repeated ones folded: the group that saves most at each place, the shortest of such.

    Where holes of the repeated blocks are different decisions, the folded block says so.
    """
    found: list[Block] = []
    at = 0
    while at < len(parts):
        period, repeats = _find_group(parts, at)
        group = parts[at : at + period]
        if repeats == 1:
            found.append(parts[at])
            at += 1
            continue
        holes = [
            [hole for part in parts[at + period * place :][:period] for hole in list_holes(part)]
            for place in range(repeats)
        ]
        is_separate = any(one != holes[0] for one in holes)
        if period == 1:
            first = group[0]
            is_separate = is_separate or first.is_separate
            found.append(replace(first, times=first.times * repeats, is_separate=is_separate))
        else:
            parted = Block("", "chain", parts=tuple(group), times=repeats, path=group[0].path)
            found.append(replace(parted, is_separate=is_separate))
        at += period * repeats
    return found


def _find_group(parts: Sequence[Block], at: int) -> tuple[int, int]:
    """Returns how long the repeated group at a place is, and how often it is there."""
    best, saved = (1, 1), 0
    for period in range(1, min(_PERIOD, (len(parts) - at) // 2) + 1):
        group = parts[at : at + period]
        repeats = 1
        while parts[at + period * repeats : at + period * (repeats + 1)] == group:
            repeats += 1
        if period * (repeats - 1) > saved:
            best, saved = (period, repeats), period * (repeats - 1)
    return best
