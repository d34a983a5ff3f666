"""Colours of text in a terminal, as escape sequences: ``colored``, ``decolor``, ``colored_block``."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, Final

_COLORS: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_STYLES: Final = {
    "bold": 1,
    "dark": 2,
    "italic": 3,
    "underline": 4,
    "blink": 5,
    "reverse": 7,
    "concealed": 8,
    "strike": 9,
}
_ESCAPE: Final = re.compile(r"\x1b\[[0-9;]*m")
_RESET: Final = "\x1b[0m"
termcolor: Any = True
"""PyGlove's name of the library that it colours with; None switches colours off."""


def _allowed() -> bool:
    if termcolor is None or os.environ.get("NO_COLOR") or os.environ.get("ANSI_COLORS_DISABLED"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or bool(getattr(sys.stdout, "isatty", bool)())


def _codes(color: str | None, background: str | None, styles: list[str] | None) -> str:
    codes = [_STYLES[s] for s in styles or ()]
    if color is not None:
        codes.append(30 + _COLORS.index(color))
    if background is not None:
        codes.append(40 + _COLORS.index(background))
    return "".join(f"\x1b[{code}m" for code in reversed(codes))


def decolor(text: str) -> str:
    r"""Returns text without its escape sequences of colours.

    >>> decolor("\x1b[34mblue\x1b[0m")
    'blue'
    """
    return _ESCAPE.sub("", text)


def colored(
    text: str, color: str | None = None, background: str | None = None, styles: list[str] | None = None
) -> str:
    """Returns text in a colour, where the output is a terminal (or the variable ``FORCE_COLOR`` is set).

    Args:
      text: the text.
      color: its colour: black, red, green, yellow, blue, magenta, cyan or white.
      background: the colour behind it.
      styles: bold, dark, italic, underline, blink, reverse, concealed or strike.
    """
    codes = _codes(color, background, styles)
    return f"{codes}{text}{_RESET}" if codes and _allowed() else text


def colored_block(
    text: str,
    block_start: str,
    block_end: str,
    color: str | None = None,
    *,
    background: str | None = None,
    styles: list[str] | None = None,
) -> str:
    """Returns text in which the parts between two marks have a colour; after each, the text's own colour goes on.

    Args:
      text: the text.
      block_start: the mark at the beginning of a part.
      block_end: the mark at its end.
      color: as in ``colored``.
      background: as in ``colored``.
      styles: as in ``colored``.
    """
    codes = _codes(color, background, styles)
    if not codes or not _allowed():
        return text
    outer = "".join(re.match(rf"(?:{_ESCAPE.pattern})*", text).group())  # type: ignore[union-attr]  # it always matches
    pattern = re.escape(block_start) + ".*?" + re.escape(block_end)
    return re.sub(pattern, lambda m: f"{codes}{decolor(m.group())}{_RESET}{outer}", text, flags=re.DOTALL)
