"""HTML as text: ``tag`` makes an element, and escapes everything in it that is not ``Markup`` already."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any, Final, final

from pliant.values.text import to_printable

LONGEST: Final = 20_000  # letters of one text that a page shows
_VOID: Final = {"br", "hr", "img", "input", "link", "meta"}


@final
class Markup(str):
    """Text that is HTML."""

    __slots__ = ()


def escape(value: object) -> Markup:
    """Returns a value as HTML that shows it: long text is cut, and characters that readers cannot see are escaped.

    >>> escape("<b>"), escape(Markup("<b>"))
    ('&lt;b&gt;', '<b>')
    """
    if isinstance(value, Markup):
        return value
    return Markup(html.escape(to_printable(shorten(value, LONGEST), keep="\n")))


def shorten(value: object, limit: int) -> str:
    """Returns a value as text of at most so many letters.

    >>> shorten("convolution", 5)
    'conv…'
    """
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """Returns an element of HTML.

    >>> tag("a", "1 < 2", href="/x", class_="link", data_key=3, hidden=False)
    '<a href="/x" class="link" data-key="3">1 &lt; 2</a>'

    Args:
      name: of the element.
      *children: texts and elements, or iterables of them; None is left out.
      **attributes: with ``_`` for ``-``; None and False are left out, True has no value.
    """
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Any) -> Markup:
    """Returns texts and elements after each other, as HTML; None is left out."""
    if children is None or children is False:
        return Markup("")
    if isinstance(children, str) or not isinstance(children, Iterable):
        return escape(children)
    return Markup("".join([join(child) for child in children]))
