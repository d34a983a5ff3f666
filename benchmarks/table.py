"""The table: its rows with their targets, and how a measurement becomes a line of text.  Measures nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import footprint
from timing import Timing

PLIANT, PLAIN, PEER = "pliant", "plain", "PyGlove"


@dataclass(frozen=True)
class Row:
    """An operation of the table: at least ``peer`` times faster than PyGlove, at most ``plain`` times plain Python."""

    key: str
    text: str
    peer: float | None = None
    plain: float | None = None
    rate: bool = False


ROWS = (
    Row("construct", "construct 3 typed fields", 100, 3),
    Row("construct_named", "construct 3 typed fields, by keyword", 100, 3),
    Row("build", "build a tree of 1,000 objects", 100, 3),
    Row("clone", "deep clone of 1,000 objects", 300, 2),
    Row("rebind_path", "rebind a leaf at depth 4, by path", 50),
    Row("rebind_function", "rebind 900 leaves by function", 30, 3),
    Row("query_where", "query by predicate", 5, 2),
    Row("query_regex", "query by regex", 5, 2),
    Row("eq", "equality of 1,000 objects", 5, 3),
    Row("hash", "hash of 1,000 objects", 5, 3),
    Row("json", "JSON out and in, 1,000 objects", 20),
    Row("json_out", "  JSON out"),
    Row("json_in", "  JSON in"),
    Row("cell", "NAS-Bench-101: next random child", 1000, 3),
    Row("cell_decided", "NAS-Bench-101: decisions + materialize", 1000, 3),
    Row("network", "ProxylessNAS-like: next random child", 1000, 3),
    Row("network_decided", "ProxylessNAS-like: decisions + materialize", 1000, 3),
    Row("evolve_short", "evolution, 1,000 trials", rate=True),
    Row("evolve_long", "evolution, 10,000 trials", 500, rate=True),
)
FACTS = ("flat", "trial", "children", "import")


def format_seconds(seconds: float | None) -> str:
    """Returns a time with three digits and a unit that fits."""
    if seconds is None:
        return "-"
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def format_bytes(count: float | None) -> str:
    """Returns a size with three digits and a unit that fits."""
    if count is None:
        return "-"
    for size, unit in ((1e6, "MB"), (1e3, "KB")):
        if abs(count) >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} B"


def format_row(row: Row, timing: Timing) -> list[str]:
    """Returns the cells of one operation."""
    shown = []
    for side in (PLIANT, PLAIN, PEER):
        seconds = timing.median(side)
        shown.append(f"{1 / seconds:,.0f}/s" if row.rate and seconds else format_seconds(seconds))
    faster, slower = timing.ratio(PEER, PLIANT), timing.ratio(PLIANT, PLAIN)
    against_peer = "-" if faster is None else f"{faster:,.0f}x faster"
    against_plain = "-" if slower is None else f"{slower:.2f}x"
    met = []
    if row.peer is not None:
        against_peer += f" (>= {row.peer:,.0f}x)"
        met.append(None if faster is None else faster >= row.peer)
    if row.plain is not None:
        against_plain += f" (<= {row.plain:g}x)"
        met.append(None if slower is None else slower <= row.plain)
    return [row.text, *shown, against_peer, against_plain, judge(met)]


def judge(met: list[bool | None]) -> str:
    """Returns the verdict over a row's targets: None stands for one that could not be measured."""
    if not met:
        return "-"
    if False in met:
        return "NO"
    return "yes" if None not in met else "not measured"


def report_flat(timing: Timing) -> list[str]:
    """Returns the row that compares a trial of a long evolution with one of a short evolution."""
    growth = timing.ratio("evolve_long", "evolve_short") or 0.0
    shown = f"{growth:.2f}x (<= 1.25x)"
    return ["evolution: a trial of 10,000 / of 1,000", shown, "-", "-", "-", "-", judge([growth <= 1.25])]


def report_trial(found: dict[str, dict[str, Any]]) -> list[str]:
    """Returns the row of the memory that an evolution trial leaves behind."""
    ours = found[PLIANT].get("bytes_per_trial")
    theirs = found.get(PEER, {}).get("bytes_per_trial")
    shown = [f"{format_bytes(ours)} (< 1 KB)", "-", format_bytes(theirs)]
    return [
        "evolution: memory kept per trial",
        *shown,
        "-",
        "-",
        judge([None if ours is None else ours < 1000]),
    ]


def report_children(found: dict[str, dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Returns the row of a MobileNet child's memory, and notes about it."""
    ours, theirs = found[PLIANT], found.get(PEER, {})
    if "error" in ours:
        return ["MobileNet space: memory per child", "-", "-", "-", "-", "-", "not measured"], []
    notes = [
        (
            f"MobileNet space over symbolized torch.nn: {ours['children']:,} children kept, "
            f"{format_bytes(ours['resident_bytes_per_child'])} resident and "
            f"{format_bytes(ours['traced_bytes_per_child'])} of Python objects each, "
            f"{format_seconds(ours['seconds_per_child'])} to draw one; tensor operations meanwhile: "
            f"{ours['tensor_operations']}. One of them, used as a module: {ours['tensor_operations_of_one_realized']} "
            f"tensor operations, {format_bytes(ours['weight_bytes_of_one_realized'])} of weights, "
            f"output {ours['output']}."
        )
    ]
    if "resident_bytes_per_child" in theirs:
        notes.append(
            f"PyGlove on the same space ({theirs['children']} children): "
            f"{theirs['tensor_operations']:,} tensor operations, "
            f"{format_seconds(theirs['seconds_per_child'])} to draw one."
        )
    shown = [
        format_bytes(one["resident_bytes_per_child"]) if "resident_bytes_per_child" in one else "-"
        for one in (ours, theirs)
    ]
    verdict = judge([ours["tensor_operations"] == 0])
    row = ["MobileNet space: memory per child", f"{shown[0]} (no weights)", "-", shown[1], "-", "-", verdict]
    return row, notes


def report_import(found: dict[str, dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Returns the row of the import, and notes about it."""
    ours, theirs = found[PLIANT], found.get(PEER, {})
    seconds = ours.get("wall_seconds")
    met = None if seconds is None else seconds < 0.3 and not set(ours["heavy"]) & {"numpy", "torch", "ray"}
    shown = [f"{format_seconds(seconds)} (< 300 ms)", "-", format_seconds(theirs.get("wall_seconds"))]
    notes = []
    if seconds is not None:
        absent = [name for name in footprint.HEAVY if name not in ours["heavy"]]
        notes.append(
            f"import pliant: {ours['modules']} modules, {format_seconds(ours['cpu_seconds'])} of CPU; "
            f"came along: {', '.join(ours['heavy']) or 'nothing heavy'}; not imported: {', '.join(absent)}."
        )
    return ["import, in a fresh process (wall)", *shown, "-", "-", judge([met])], notes


def format_table(rows: list[list[str]]) -> str:
    """Returns rows as an aligned Markdown table."""
    head = ["operation", "pliant", "plain Python", "PyGlove", "pliant vs PyGlove", "pliant vs plain", "met?"]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
        for row in [head, *rows]
    ]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)
