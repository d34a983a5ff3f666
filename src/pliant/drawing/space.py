"""Reads an abstract space as blocks: a row for each decision point, candidates under the choices that open them."""

from __future__ import annotations

from typing import Any

from pliant.space import Decisions, Space
from pliant.values.text import to_printable

from .blocks import Block, Chip, Row

_CHIPS, _TEXT = 16, 30


def read_space(space: Space, decisions: Decisions | None = None) -> Block:
    """Returns an abstract space as a block.

    >>> import pliant as pg
    >>> space = pg.abstract_search_space(pg.Dict(kernel=pg.oneof([3, 5])))
    >>> read_space(space, space.parse([1])).rows[0].chips
    (Chip(text='3', role='dim'), Chip(text='5', role='lit'))

    Args:
      space: decision points.
      decisions: what is chosen; None if nothing is.
    """
    values = None if decisions is None else dict(zip(decisions.active, decisions.values))
    rows = tuple(_read_point(index, point, values) for index, point in enumerate(space.points))
    return Block("Space", rows=rows, note=to_printable(space)[:400])


def _read_point(index: int, point: Any, values: dict[int, Any] | None) -> Row:
    name = to_printable(point.name or point.path or "(root)")
    literals = getattr(point, "literals", None)
    if literals is None:
        chips = [Chip(f"{point.min_value} … {point.max_value}", "plain" if values is None else "dim")]
        if values is not None and index in values:
            chips.append(
                Chip(
                    f"{values[index]:.4g}" if isinstance(values[index], float) else str(values[index]), "lit"
                )
            )
        return Row(name, tuple(chips))
    texts = [to_printable(one) for one in literals]
    chips = []
    for place, text in enumerate(texts):
        role = "plain" if values is None else "lit" if values.get(index) == place else "dim"
        if place < _CHIPS or role == "lit":
            chips.append(Chip(text if len(text) <= _TEXT else f"{text[: _TEXT - 1]}…", role))  # type: ignore[arg-type]  # a role
    if len(texts) > len(chips):
        chips.append(Chip(f"{len(texts) - len(chips)} more"))
    return Row(name, tuple(chips))
