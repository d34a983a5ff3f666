"""Draws the map of the code from its imports: `python docs/how/draw_map.py` writes map.svg beside it.

A box is a folder of `src/pliant`, an arrow an import. Arrows that follow from others are left out: if a imports b, and b imports c, then the
arrow from a to c is not drawn. Rows are by the longest path of imports, so arrows only go down.
"""

from __future__ import annotations

import ast
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "pliant"
OLD = {"evolve", "parallel", "trial"}  # deprecated names of folders
STYLE = (
    "rect{fill:#e0f2f1;stroke:#00796b}text{font:13px system-ui,sans-serif;text-anchor:middle;fill:#1b3a37}"
    "path{fill:none;stroke:#78909c;stroke-width:1.1}.page{fill:#fff;stroke:none}"
)
WIDTH, HEIGHT, GAP, ROW = 92, 30, 14, 84


def read_imports(source: Path = SOURCE) -> dict[str, set[str]]:
    """Returns which folders each folder imports, also inside of functions."""
    folders = {path.parent.name for path in source.glob("*/__init__.py")} - OLD
    found: dict[str, set[str]] = {folder: set() for folder in folders}
    for folder in folders:
        for file in (source / folder).rglob("*.py"):
            package = ["pliant", *file.relative_to(source).with_suffix("").parts]
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                for name in names_of(node, package):
                    parts = name.split(".")
                    if parts[0] == "pliant" and len(parts) > 1 and parts[1] in folders:
                        found[folder].add(parts[1])
    return {folder: imports - {folder} for folder, imports in found.items()}


def names_of(node: ast.AST, package: list[str]) -> list[str]:
    """Returns the absolute names that an import statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = package[: len(package) - node.level] if node.level else []
    start = ".".join([*base, *([node.module] if node.module else [])])
    return [f"{start}.{alias.name}" for alias in node.names]


def reduce(imports: dict[str, set[str]]) -> dict[str, set[str]]:
    """Returns the imports without those that follow from others."""

    def reach(folder: str) -> set[str]:
        return set().union(*({other} | reach(other) for other in imports[folder]))

    return {
        folder: {other for other in mine if not any(other in reach(third) for third in mine - {other})}
        for folder, mine in imports.items()
    }


def draw(imports: dict[str, set[str]]) -> str:
    """Returns the map as SVG."""
    levels: dict[str, int] = {}

    def level(folder: str) -> int:
        if folder not in levels:
            levels[folder] = max((level(other) + 1 for other in imports[folder]), default=0)
        return levels[folder]

    rows: dict[int, list[str]] = {}
    for folder in sorted(imports):
        rows.setdefault(level(folder), []).append(folder)
    top, widest = max(rows), max(map(len, rows.values()))
    total = widest * (WIDTH + GAP) + GAP
    spots = {
        folder: ((total - len(row) * (WIDTH + GAP) + GAP) / 2 + place * (WIDTH + GAP), (top - floor) * ROW + GAP)
        for floor, row in rows.items()
        for place, folder in enumerate(row)
    }
    height = top * ROW + HEIGHT + 2 * GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height}" width="{total}" height="{height}" role="img">',
        "<title>The folders of Pliant, and which imports which; arrows go down</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{total}" height="{height}"/>',
    ]
    for folder, others in sorted(reduce(imports).items()):
        for other in sorted(others):
            (x, y), (a, b) = spots[folder], spots[other]
            x, y, a = x + WIDTH / 2, y + HEIGHT, a + WIDTH / 2
            middle = (y + b) / 2
            lines.append(f'<path d="M{x:g} {y:g}C{x:g} {middle:g} {a:g} {middle:g} {a:g} {b:g}"/>')
    for folder, (x, y) in sorted(spots.items()):
        lines.append(f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="4"/>')
        lines.append(f'<text x="{x + WIDTH / 2:g}" y="{y + 20:g}">{folder}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("map.svg").write_text(draw(read_imports()), "utf-8")
