"""Draws a ``Figure`` as SVG by itself: no other library, no scripts; colors follow the reader's scheme, and notes show under the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from .axes import COLORS
from .figure import Bars, Cells, Dots, Figure, Line, Ranges, Rule, Words, find_span
from .shapes import Axes, draw_note, draw_text, find_ticks, say_ticks, shorten

WIDTH: Final = 720
_TOP, _BOTTOM, _RIGHT, _LEFT, _NAMES, _NARROW = 46, 48, 18, 66, 210, 380
_HEIGHT, _ROW, _NOTE, _BARE = 250, 19, 16, 12

# The same colors as with Matplotlib on a light ground, and lighter ones of the same palette on a dark one.
DARK: Final = {
    "trial": "#56b4e9", "best": "#e69f00", "reference": "#9aa7b4", "stopped": "#e39ac7", "failed": "#9aa7b4",
    "front": "#e69f00", "limit": "#9aa7b4", "group": "#2fc796",
}  # fmt: skip
_RULES = ".pliant-figure text{font:12px system-ui,sans-serif;fill:#24292f}.pliant-figure .title{font-size:15px;font-weight:600}"
STYLE: Final = (
    "<style>.pliant-figure{background:#fff}"
    + _RULES
    + ".pliant-figure .small{font-size:11px;fill:#57606a}.pliant-figure .end{text-anchor:end}.pliant-figure .middle{text-anchor:middle}"
    + ".pliant-figure .ground{fill:#fff}.pliant-figure .grid{stroke:#e3e7eb}.pliant-figure .axis{stroke:#57606a}"
    + ".pliant-figure .field{fill:#0072b2;fill-opacity:.07}.pliant-figure .line{fill:none;stroke-width:1.8}"
    + "".join(
        f".pliant-figure .s-{role}{{stroke:{color}}}.pliant-figure .f-{role}{{fill:{color}}}"
        for role, color in COLORS.items()
    )
    + "@media (prefers-color-scheme:dark){.pliant-figure{background:#1e2129}.pliant-figure text{fill:#e6edf3}"
    + ".pliant-figure .small{fill:#9aa7b4}.pliant-figure .ground{fill:#1e2129}.pliant-figure .grid{stroke:#383f4a}"
    + ".pliant-figure .axis{stroke:#9aa7b4}.pliant-figure .field{fill:#56b4e9}"
    + "".join(
        f".pliant-figure .s-{role}{{stroke:{color}}}.pliant-figure .f-{role}{{fill:{color}}}"
        for role, color in DARK.items()
    )
    + "}</style>"
)


def to_svg(figure: Figure, *, has_style: bool = True, width: int = WIDTH, is_bare: bool = False) -> str:
    """Returns a figure as text in SVG.

    >>> from .figure import Axis
    >>> to_svg(Figure("Rewards", Axis("trial"), Axis("reward"), (Dots((1, 2), (0.5, 0.7)),)))[:4]
    '<svg'

    Args:
      figure: what is drawn.
      has_style: whether the colors are in it; a page with several figures has them once.
      width: in pixels.
      is_bare: whether the title, the legend and the notes are left out, for a page that writes them itself.
    """
    names = min(_NAMES, round(0.36 * width))
    left = names if figure.y.names else 24 if _has_words(figure) else _LEFT
    top = _BARE if is_bare else _TOP
    count = len(figure.y.names)
    rows = max(3 * _ROW, _ROW * count) if count else _HEIGHT
    bottom = _BOTTOM + (14 if figure.x.names else 0)
    height = top + rows + bottom + (0 if is_bare else _NOTE * len(figure.notes))
    x, y = find_span(figure, "x"), find_span(figure, "y")
    if _has_words(figure):
        y = (-0.08, 1.08)
    axes = Axes((left, top), (width - left - _RIGHT, rows), x, (y[1], y[0]) if count else y)
    parts = [] if is_bare else [draw_text((14, 24), figure.title, "title", limit=width // 9)]
    parts += _draw_axes(figure, axes)
    if figure.is_empty:
        parts.append(
            draw_text((left + (width - left) / 2, top + rows / 2), "nothing to show yet", "small middle")
        )
    for layer in figure.layers:
        parts += _draw_layer(layer, axes)
    if not is_bare:
        parts += _draw_legend([layer for layer in figure.layers if getattr(layer, "label", "")], width)
        parts += [
            draw_text((14, top + rows + bottom + _NOTE * place), note, "small", limit=130)
            for place, note in enumerate(figure.notes)
        ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pliant-figure" viewBox="0 0 {width} {height:g}" width="{width}" '
        f'height="{height:g}" role="img"><title>{shorten(figure.title, 80)}</title>'
    )
    ground = f'<rect x="0" y="0" width="{width}" height="{height:g}" class="ground"/>'
    return "\n".join([head, *([STYLE] if has_style else []), ground, *parts, "</svg>", ""])


def to_key(role: str, *, is_dots: bool) -> str:
    """Returns the mark of a layer for a legend, as a small picture in SVG.

    >>> to_key("trial", is_dots=True)[:4]
    '<svg'

    Args:
      role: of the layer.
      is_dots: whether it has marks, and not lines.
    """
    shape = _mark((9, 6), role, opacity=0.9) if is_dots else _draw_stroke(0, 6, role)
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="pliant-figure" viewBox="0 0 18 12" width="18" height="12" aria-hidden="true">{shape}</svg>'


def _has_words(figure: Figure) -> bool:
    return any(isinstance(layer, Words) for layer in figure.layers)


def _draw_axes(figure: Figure, axes: Axes) -> list[str]:
    (left, top), (width, rows) = axes.corner, axes.size
    right, bottom = left + width, top + rows
    parts: list[str] = []
    if figure.y.names:
        for place, name in enumerate(figure.y.names):
            height = axes.place(axes.x[0], place)[1]
            parts.append(_segment((left, height), (right, height), "grid"))
            parts.append(draw_text((left - 8, height + 4), name, "small end", limit=round(left / 6.5)))
    elif not _has_words(figure):
        ticks = find_ticks(*axes.y)
        for tick, words in zip(ticks, _say(ticks, is_share=figure.y.is_share), strict=True):
            height = axes.place(axes.x[0], tick)[1]
            parts.append(_segment((left, height), (right, height), "grid"))
            parts.append(draw_text((left - 8, height + 4), words, "small end"))
        parts.append(draw_text((16, top + rows / 2), figure.y.label, "small middle", turn=True, limit=48))
    parts.append(_segment((left, bottom), (right, bottom), "axis"))
    if figure.x.names:
        for place, name in enumerate(figure.x.names):
            at = axes.place(place, axes.y[0])[0]
            parts.append(_segment((at, top), (at, bottom), "grid"))
            limit = min(26, max(6, round(width / 3.2 / len(figure.x.names))))
            parts.append(draw_text((at, bottom + 16 + 13 * (place % 2)), name, "small middle", limit=limit))
    else:
        ticks = [
            one
            for one in find_ticks(*axes.x, count=8 if width > _NARROW else 4)
            if one % 1 == 0 or not figure.x.is_whole
        ]
        for tick, words in zip(ticks, _say(ticks, is_share=figure.x.is_share), strict=True):
            at = axes.place(tick, axes.y[0])[0]
            parts.append(_segment((at, bottom), (at, bottom + 4), "axis"))
            parts.append(draw_text((at, bottom + 16), words, "small middle"))
    parts.append(draw_text(((left + right) / 2, bottom + 32), figure.x.label, "small middle"))
    return parts


def _say(ticks: Sequence[float], *, is_share: bool) -> list[str]:
    return (
        [f"{tick:.0%}" if abs(tick * 100 % 1) < 1e-6 else f"{tick:.1%}" for tick in ticks]
        if is_share
        else say_ticks(ticks)
    )


def _segment(start: tuple[float, float], end: tuple[float, float], kind: str) -> str:
    return (
        f'<line x1="{start[0]:.5g}" y1="{start[1]:.5g}" x2="{end[0]:.5g}" y2="{end[1]:.5g}" class="{kind}"/>'
    )


def _draw_layer(layer: Any, axes: Axes) -> list[str]:
    if isinstance(layer, Dots):
        notes = [*layer.notes, *[""] * (len(layer.x) - len(layer.notes))]
        return [_mark(axes.place(x, y), layer.role, note) for x, y, note in zip(layer.x, layer.y, notes)]
    if isinstance(layer, Line):
        return _draw_line(layer, axes)
    if isinstance(layer, Ranges):
        parts = []
        for place, y in enumerate(layer.y):
            start, end = axes.place(layer.low[place], y), axes.place(layer.high[place], y)
            note = layer.notes[place] if layer.notes else ""
            parts.append(_segment(start, end, f"s-{layer.role}"))
            parts.append(_mark(axes.place(layer.x[place], y), layer.role, note, opacity=1.0))
        return parts
    if isinstance(layer, Bars):
        return _draw_bars(layer, axes)
    if isinstance(layer, Cells):
        return _draw_cells(layer, axes)
    if isinstance(layer, Rule):
        start, end = (
            (axes.place(axes.x[0], layer.y), axes.place(axes.x[1], layer.y))
            if layer.y is not None
            else (axes.place(layer.x or 0.0, axes.y[0]), axes.place(layer.x or 0.0, axes.y[1]))
        )
        line = _segment(start, end, f"s-{layer.role}")
        return [line.replace("/>", ' stroke-dasharray="5 4"/>')]
    return [
        draw_text((axes.place(x, y)[0] + (-5 if layer.is_end else 5), axes.place(x, y)[1] + 4), text,
                  "small end" if layer.is_end else "small", limit=20)
        for x, y, text in zip(layer.x, layer.y, layer.texts)
    ]  # fmt: skip


def _draw_line(layer: Line, axes: Axes) -> list[str]:
    points = [axes.place(x, y) for x, y in zip(layer.x, layer.y)]
    if layer.is_step:
        points = (
            [p for (x, y), (u, v) in zip(points, [*points[1:], points[-1]]) for p in ((x, y), (u, y))]
            if points
            else []
        )
    path = "L".join(f"{x:.5g} {y:.5g}" for x, y in points)
    dashes = ' stroke-dasharray="6 4"' if layer.role in ("reference", "failed") else ""
    faint = f' stroke-opacity="{layer.strength:g}"' if layer.strength < 1 else ""
    return [f'<path d="M{path}" class="line s-{layer.role}"{dashes}{faint}/>'] if points else []


def _draw_bars(layer: Bars, axes: Axes) -> list[str]:
    parts = []
    for place, (x, y) in enumerate(zip(layer.x, layer.y)):
        (left, height), right = axes.place(0.0, y), axes.place(x, y)[0]
        faint = ' fill-opacity="0.3"' if layer.is_faint and layer.is_faint[place] else ""
        note = draw_note(layer.notes[place]) if layer.notes else ""
        parts.append(
            f'<rect x="{left:.5g}" y="{height - 6:.5g}" width="{max(right - left, 0.5):.5g}" height="12" '
            f'class="f-{layer.role}"{faint}>{note}</rect>'
        )
    return parts


def _draw_cells(layer: Cells, axes: Axes) -> list[str]:
    parts = []
    for row, (y, shares) in enumerate(zip(layer.y, layer.shares)):
        start, height = axes.place(layer.edges[0], y)
        end = axes.place(layer.edges[-1], y)[0]
        parts.append(
            f'<rect x="{start:.5g}" y="{height - 8:.5g}" width="{end - start:.5g}" height="16" class="field"/>'
        )
        for column, share in enumerate(shares):
            if share:
                left, right = (axes.place(layer.edges[column + i], y)[0] for i in (0, 1))
                note = draw_note(layer.notes[row][column]) if layer.notes else ""
                parts.append(
                    f'<rect x="{left:.5g}" y="{height - 8:.5g}" width="{right - left:.5g}" height="16" class="f-trial" '
                    f'fill-opacity="{share:.3g}">{note}</rect>'
                )
    return parts


def _mark(at: tuple[float, float], role: str, note: str = "", *, opacity: float | None = None) -> str:
    x, y = at
    words = draw_note(note)
    if role == "failed":
        return f'<path d="M{x - 3.5:.5g} {y - 3.5:.5g}l7 7m0 -7l-7 7" class="line s-failed">{words}</path>'
    if role == "stopped":
        return f'<path d="M{x - 4:.5g} {y - 4:.5g}h8l-4 7z" class="f-stopped">{words}</path>'
    if role == "front":
        return f'<path d="M{x:.5g} {y - 5:.5g}l5 5l-5 5l-5 -5z" class="f-front">{words}</path>'
    shade = opacity if opacity is not None else 0.55
    return f'<circle cx="{x:.5g}" cy="{y:.5g}" r="3.5" class="f-{role}" fill-opacity="{shade:g}">{words}</circle>'


def _draw_legend(layers: Sequence[Any], width: int) -> list[str]:
    parts, right = [], float(width - _RIGHT)
    for layer in reversed(layers):
        right -= 6.2 * len(layer.label)
        parts.append(draw_text((right, 38), layer.label, "small"))
        is_dots = isinstance(layer, Dots | Ranges)
        parts.append(
            _mark((right - 10, 34), layer.role, opacity=0.9)
            if is_dots
            else _draw_stroke(right - 24, 34, layer.role)
        )
        right -= 36
    return parts


def _draw_stroke(x: float, y: float, role: str) -> str:
    dashes = ' stroke-dasharray="5 3"' if role in ("reference", "limit", "failed") else ""
    return f'<path d="M{x:.5g} {y:.5g}h18" class="line s-{role}"{dashes}/>'
