"""Extension of Griffe, which reads docstrings for the reference: shows their doctests as code.

Without it, Markdown takes `>>>` for quotations, and what an example prints for text and links.
"""

from __future__ import annotations

from typing import Any

import griffe


class Doctests(griffe.Extension):
    """Puts a fence around each doctest."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Changes the docstring of a module, class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.value = fence(obj.docstring.value)


def fence(text: str) -> str:
    """Returns a docstring in which each doctest, which ends at an empty line, is a block of code."""
    lines: list[str] = []
    indent: str | None = None
    for line in [*text.splitlines(), ""]:
        start = line.lstrip()
        if indent is None and start.startswith(">>> "):
            indent = line[: len(line) - len(start)]
            lines.append(f"{indent}```pycon")
        elif indent is not None and not start:
            lines.append(f"{indent}```")
            indent = None
        lines.append(line)
    return "\n".join(lines[:-1])
