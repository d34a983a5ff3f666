"""``draw``: a program, a space, or the difference of two programs as a picture (SVG), without other libraries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, final

from pliant.hyper.context import Traced
from pliant.hyper.template import Template, open_program, template_of
from pliant.space import Decisions, Space
from pliant.symbolic.tree.node import Node
from pliant.values.errors import FieldTypeError, FieldValueError, check_file, listing, quote, quote_typed
from pliant.values.files import write_atomically

from .blocks import Block, walk
from .chosen import find_choices
from .difference import merge
from .folding import fold
from .layout import lay_out
from .outline import to_outline
from .reading import has_hole, is_module, read_program
from .scene import Scene
from .space import read_space
from .svg import SCHEMES, to_svg


@final
@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing, made by ``pg.draw``.  A notebook shows it; ``print`` writes it as an outline.

    Attributes:
      title: what is drawn.
      block: the program as blocks.
      scene: shapes, words and wires with their places, in pixels.
      svg: the drawing as text in SVG.
    """

    title: str
    block: Block
    scene: Scene
    svg: str

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the drawing to a file whose name ends in ``.svg``.

        Raises:
          FieldTypeError: it is not a path.
          FieldValueError: the name has another ending.
          OSError: the file cannot be written.
        """
        file = Path(check_file(path, "a drawing's save(path)"))
        if file.suffix.lower() != ".svg":
            raise FieldValueError(
                f"a drawing is saved as SVG; got {quote(str(file))}. Let the name end in .svg, and convert the file for other formats."
            )
        write_atomically(file, self.svg)

    def __str__(self) -> str:
        return to_outline(self.block)

    def __repr__(self) -> str:
        width, height = self.scene.size
        return f"<drawing of {self.title}, {width:.0f} x {height:.0f} pixels; see .save(path), .svg, print()>"

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x:auto">{self.svg}</div>'


def draw(
    program: Any,
    other: Any = None,
    *,
    chosen: Any = None,
    title: str = "",
    folded: bool = True,
    scheme: str | None = None,
) -> Drawing:
    """Draws a program or a space; what decisions choose in a space; or the difference of two programs.

    >>> import pliant as pg
    >>> space = pg.Dict(width=pg.oneof([8, 16]), rate=pg.floatv(0.1, 1.0))
    >>> print(pg.draw(space, [1, 0.5]))
    Dict
      width: 8 | [16]
      rate: 0.1 … 1.0 | [0.5]
    >>> print(pg.draw(pg.Dict(width=8), pg.Dict(width=16)))
    ~ Dict
      width: -8 | +16

    Args:
      program: a program (any symbolic object, or a module of PyTorch), a program with holes, a ``pg.trace`` or an abstract space.
      other: decisions in this space, in any format, whose candidates are lit; or a second program, whose difference to the first
        one is colored.
      chosen: a program of this space, whose candidates are lit; in place of ``other``.
      title: a line above the drawing.
      folded: whether equal neighbours are drawn once, with their number.
      scheme: its colors, ``"light"`` or ``"dark"``, such as for a printed page; those of the reader's system when None.

    Returns:
      The drawing.  A notebook shows it; ``draw(...).save("network.svg")`` writes it.

    Raises:
      DecisionError: the decisions, or the chosen program, are not of this space.
      FieldTypeError: ``other`` is neither decisions of this space nor a program.
      FieldValueError: the program is nested too deeply, or the scheme is another one.
    """
    if not isinstance(title, str):
        raise FieldTypeError(f"draw(title=...) is a text; got {quote_typed(title)}.")
    if scheme not in (None, *SCHEMES):
        raise FieldValueError(
            f"draw(scheme=...) is {listing(SCHEMES)}, or None for the reader's; got {quote(scheme)}."
        )
    if other is not None and chosen is not None:
        raise FieldTypeError("draw(...) takes decisions or `chosen`, not both. Leave one of them out.")
    try:
        block = _read(program, other, chosen)
        return _finish(fold(block) if folded else block, title, scheme)
    except RecursionError:
        raise FieldValueError(
            f"this {type(program).__name__} cannot be drawn: it is nested too deeply. Draw a part of it, such as `pg.draw(program.encoder)`."
        ) from None


def _read(program: Any, other: Any, chosen: Any) -> Block:
    """Returns a program, a space with what is chosen in it, or a difference as a block."""
    program = program.space if isinstance(program, Traced) else open_program(program)
    if isinstance(other, Decisions) or (not isinstance(other, Node) and hasattr(other, "decisions")):
        return _draw_chosen(program, getattr(other, "decisions", other))
    if chosen is not None:
        return _draw_chosen(program, template_of(program).encode(chosen))
    if isinstance(program, Space):
        return read_space(program, None if other is None else program.parse(other))
    if other is None:
        return read_program(program)
    if has_hole(program) and not isinstance(other, Node) and not is_module(other):
        return _draw_chosen(program, other)
    if _is_program(other):
        return merge(read_program(program), read_program(open_program(other)))
    raise FieldTypeError(
        f"draw(program, other) compares two programs, or lights decisions in a program with holes; got {quote_typed(other)}."
    )


def _is_program(value: Any) -> bool:
    return isinstance(value, (Node, dict, list, tuple)) or is_module(value)


def _draw_chosen(program: Any, decisions: Any) -> Block:
    """Returns a space with what decisions choose."""
    if isinstance(program, Space):
        return read_space(program, program.parse(decisions))
    template: Template = template_of(program)
    parsed = template.space.parse(decisions)
    return read_program(program, find_choices(template, parsed))


def _finish(block: Block, title: str, scheme: str | None) -> Drawing:
    scene = lay_out(block, title)
    name = title or block.title or "a program"
    return Drawing(name, block, scene, to_svg(scene, name, _find_legend(block), scheme=scheme))


def _find_legend(block: Block) -> Sequence[tuple[str, str]]:
    """Returns the roles that a drawing has, with their meanings."""
    roles: set[str] = set()
    for one in walk(block):
        roles |= {one.role, *(link.role for link in one.links)}
        roles |= {chip.role for row in one.rows for chip in row.chips}
        if one.is_open or any(row.is_open for row in one.rows):
            roles.add("open")
    meanings = (
        ("added", "added"),
        ("removed", "removed"),
        ("changed", "changed arguments"),
        ("lit", "chosen"),
        ("dim", "not chosen"),
        ("open", "to be decided"),
    )
    if "lit" in roles or "dim" in roles or {"added", "removed"} & roles:
        roles.discard("open")
    return [(role, text) for role, text in meanings if role in roles]
