"""An inspection as a report: sections of lines and tables, shown as text or as HTML."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pliant.space.text import say_size
from pliant.values.text import to_printable

from .decisions import say_values, tail
from .facts import Inspection, Programs
from .programs import LEVELS
from .rules import find_patterns, is_cell

_PARTS = 24  # rows of the table of parts
_LINES = 40  # rows of the table of decisions as text
_WIDTH = 72  # characters of a cell as text
_PAGE = 110  # characters of a line of prose as text
_CANDIDATES = 8  # candidates of a choice that are listed


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a report: lines, then a table, then blocks of code."""

    title: str
    lines: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    blocks: tuple[str, ...] = ()


def to_text(found: Inspection) -> str:
    """Returns the report as printable text."""
    parts = [to_printable(_headline(found))]
    for section in make_sections(found):
        lines = [f"\n{section.title}"]
        for line in section.lines:
            lines += textwrap.wrap(line, _PAGE, initial_indent="  ", subsequent_indent="    ")
        lines += [f"  {line}" for line in _align([section.header, *section.rows][: _LINES + 1])]
        if len(section.rows) > _LINES:
            lines.append(f"  ... and {len(section.rows) - _LINES} more")
        parts += [to_printable(line, keep="\n") for line in lines]
        parts += ["\n" + to_printable(block, keep="\n") for block in section.blocks]
    return "\n".join(parts)


def to_html(found: Inspection) -> str:
    """Returns the report as HTML; all text is escaped."""
    parts = [f"<p><b>{html.escape(_headline(found))}</b></p>"]
    for section in make_sections(found):
        inner = "".join(f"<p>{html.escape(line)}</p>" for line in section.lines)
        if section.rows:
            rows = [_html_row("th", section.header), *(_html_row("td", row) for row in section.rows)]
            inner += f"<table>{''.join(rows)}</table>"
        inner += "".join(f"<pre>{html.escape(block)}</pre>" for block in section.blocks)
        opened = "" if section.blocks else " open"
        parts.append(f"<details{opened}><summary>{html.escape(section.title)}</summary>{inner}</details>")
    return f'<div class="pliant-inspection">{"".join(parts)}</div>'


def make_sections(found: Inspection) -> Iterator[Section]:
    """Yields the sections of a report that have something to say."""
    programs = found.programs
    yield Section("Size", lines=tuple(_say_size(found)))
    if len(found.parts) > 1:
        header = ("part", "holes", "programs", "share (log)")
        yield Section("Parts", header=header, rows=tuple(_list_parts(found)))
    if found.decisions:
        yield _decision_section(found)
    conditional = [d for d in found.decisions if any(c.size > 1 for c in d.candidates)]
    if conditional:
        rows = tuple(
            (d.path or "(root)", c.text, say_size(c.size)) for d in conditional for c in d.candidates
        )
        yield Section("Programs below candidates", header=("choice", "candidate", "programs"), rows=rows)
    ties = tuple(
        (d.name or "", d.path, f"{len(d.ties)}: {', '.join(d.ties)}") for d in found.decisions if d.ties
    )
    if ties:
        yield Section("Ties", header=("name", "decision", "places that repeat it"), rows=ties)
    if programs.examples:
        blocks = tuple(f"Program {number}:\n{code}" for number, code in enumerate(programs.examples, start=1))
        yield Section("Examples", blocks=blocks)
    if programs.drawn:
        yield Section("Programs", lines=tuple(_say_programs(programs)))
    lines = tuple(f"[{a.rule}] {a.text}" for a in found.advice) or ("None.",)
    yield Section("Advice", lines=lines)


def _headline(found: Inspection) -> str:
    count = len(found.space.points)
    return f"Space of size {say_size(found.size)} with {count} decision point{'' if count == 1 else 's'}"


def _say_size(found: Inspection) -> Iterator[str]:
    size = found.discrete_size
    exact = f"{size:,}" if size < 10**40 else f"10 ** {math.log10(size):.1f}"
    if found.size == math.inf:
        yield f"{exact} combinations of choices and integers, times the floats"
    else:
        yield f"{exact} program{'' if size == 1 else 's'}"
    cells = [d for d in found.decisions if is_cell(d)]
    if cells:
        yield f"cells: {len(cells)} of the decisions are repeated at places that differ only in numbers"
    for pattern, rows in find_patterns(found.decisions).items():
        yield f"macro: {len(rows)} independent decisions at {pattern} ({sum(d.share for d in rows):.0%} of the space)"


def _list_parts(found: Inspection) -> Iterator[tuple[str, ...]]:
    """Yields rows of the parts: as many levels as fit, at least the first."""
    depth = max(p.depth for p in found.parts)
    while depth and sum(p.depth <= depth for p in found.parts) > _PARTS:
        depth -= 1
    for part in found.parts:
        if part.depth <= depth:
            path = "  " * part.depth + (part.path or "(root)")
            yield path, str(part.holes), say_size(part.size), f"{part.share:.1%}"


def _decision_section(found: Inspection) -> Section:
    """Returns the table of decisions, without columns in which nothing stands."""
    header = ("decision", "kind", "values", "share (log)", "when", "name", "hints", found.programs.cost_name)
    rows = []
    for d in found.decisions:
        values = d.values or say_values(d.candidates, _CANDIDATES)
        cost = "" if d.costs is None else f"{_say(d.costs[0])} to {_say(d.costs[1])}"
        path = "  " * d.depth + (tail(d.path) or d.path or "(root)")
        rows.append((path, d.kind, values, f"{d.share:.1%}", d.condition, d.name or "", d.hints, cost))
    used = [i for i in range(len(header)) if any(row[i] for row in rows)]
    return Section(
        "Decisions",
        header=tuple(header[i] for i in used),
        rows=tuple(tuple(row[i] for i in used) for row in rows),
    )


def _say_programs(programs: Programs) -> Iterator[str]:
    drawn = f"{programs.drawn:,} {'different' if programs.is_all else 'random'} program{'' if programs.drawn == 1 else 's'}"
    valid = programs.drawn - programs.invalid
    whole = ", the whole space" if programs.is_all else ""
    yield f"{drawn}{whole}: {programs.invalid:,} invalid; {valid:,} valid with {programs.distinct:,} structures"
    for reason, count in programs.reasons:
        yield f"{count:,} times {reason}"
    of = f" of {programs.costed:,} programs" if programs.costed < valid else ""
    for name, quantiles in ((programs.cost_name, programs.quantiles), *programs.others):
        if quantiles:
            texts = (f"{level:.0%}: {_say(value)}" for level, value in zip(LEVELS, quantiles))
            yield f"quantiles of {name}{of}: {', '.join(texts)}"


def _say(number: float) -> str:
    return f"{number:,.0f}" if number == round(number, 0) else f"{number:.4g}"


def _html_row(tag: str, cells: Sequence[str]) -> str:
    inner = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
    return f"<tr>{inner}</tr>"


def _align(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yields the rows of a table as lines with aligned columns; long cells are cut."""
    cut = [[cell if len(cell) <= _WIDTH else cell[: _WIDTH - 3] + "..." for cell in row] for row in rows]
    if not cut or not cut[0]:
        return
    widths = [max(map(len, column)) for column in zip(*cut)]
    for row in cut:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
