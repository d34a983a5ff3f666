"""Shapes of an SVG picture, and axes with ticks.  Text from data is escaped and shortened; colors follow the reader's scheme."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final
from xml.sax.saxutils import escape

from pliant.values.text import to_printable

Point = tuple[float, float]

# Blue and orange of Okabe and Ito's palette, which all kinds of color vision distinguish; both with enough contrast on both grounds.
STYLE = """<style>
.pliant-plot{background:#fff}.pliant-plot text{font:12px system-ui,sans-serif;fill:#24292f}
.pliant-plot .title{font-size:14px;font-weight:600}.pliant-plot .small{font-size:11px;fill:#57606a}.pliant-plot .name{font-weight:600}
.pliant-plot .name.end{font-size:11px}.pliant-plot .end{text-anchor:end}.pliant-plot .middle{text-anchor:middle}.pliant-plot .ground{fill:#fff}
.pliant-plot .grid{stroke:#d8dee4}.pliant-plot .axis{stroke:#57606a}.pliant-plot .dot{fill:#0072b2;fill-opacity:.55}
.pliant-plot .line{fill:none;stroke:#d55e00;stroke-width:2}.pliant-plot .mark{fill:none;stroke:#57606a;stroke-width:1.5}
.pliant-plot .cell{fill:#0072b2}.pliant-plot .field{fill:#0072b2;fill-opacity:.06}
@media (prefers-color-scheme:dark){.pliant-plot{background:#1e2129}.pliant-plot text{fill:#e6edf3}.pliant-plot .small{fill:#9aa7b4}
.pliant-plot .ground{fill:#1e2129}.pliant-plot .grid{stroke:#383f4a}.pliant-plot .axis,.pliant-plot .mark{stroke:#9aa7b4}
.pliant-plot .dot,.pliant-plot .cell,.pliant-plot .field{fill:#56b4e9}.pliant-plot .line{stroke:#e69f00}}
</style>"""


def draw_text(at: Point, words: object, kind: str = "", *, limit: int = 120, turn: bool = False) -> str:
    """Returns words that start at a point; the kinds ``end`` and ``middle`` place them otherwise.

    >>> draw_text((1, 2), "a<b", "small")
    '<text x="1" y="2" class="small">a&lt;b</text>'

    Args:
      at: where the line of writing is.
      words: any text.
      kind: classes of the style.
      limit: letters that are shown, at most.
      turn: whether they are written upwards.
    """
    more = f' transform="rotate(-90 {at[0]:g} {at[1]:g})"' if turn else ""
    return f'<text x="{at[0]:.4g}" y="{at[1]:.4g}" class="{kind}"{more}>{shorten(words, limit)}</text>'


def shorten(words: object, limit: int) -> str:
    """Returns text for XML, without characters that XML or a reader's eye does not take, and with an ellipsis where it is long."""
    plain = to_printable(words)
    return escape(plain if len(plain) <= limit else plain[: limit - 1] + "…", {'"': "&quot;"})


def draw_note(words: str) -> str:
    """Returns what is shown under the pointer, inside of a shape; nothing for an empty text."""
    return f"<title>{shorten(words, 300)}</title>" if words else ""


def draw_line(points: Iterable[Point], kind: str) -> str:
    """Returns a line through points."""
    path = "L".join(f"{x:.5g} {y:.5g}" for x, y in points)
    return f'<path d="M{path}" class="{kind}"/>'


def draw_dot(at: Point, note: str = "") -> str:
    """Returns a dot; the note is shown under the pointer."""
    return f'<circle cx="{at[0]:.5g}" cy="{at[1]:.5g}" r="3.5" class="dot">{draw_note(note)}</circle>'


def draw_box(
    at: Point, width: float, height: float, kind: str, *, opacity: float = 1.0, note: str = ""
) -> str:
    """Returns a rectangle."""
    faint = "" if opacity == 1 else f' fill-opacity="{opacity:.3g}"'
    size = f'x="{at[0]:.5g}" y="{at[1]:.5g}" width="{width:.5g}" height="{height:.5g}"'
    return f'<rect {size} class="{kind}"{faint}>{draw_note(note)}</rect>'


def find_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Returns about ``count`` round numbers between two numbers: multiples of 1, 2 or 5 times a power of ten.

    >>> find_ticks(0, 1), find_ticks(0.81, 0.93)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.82, 0.84, 0.86, 0.88, 0.9, 0.92])
    """
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{place * step:.12g}") for place in range(first, last + 1)]


def say_ticks(ticks: Sequence[float]) -> list[str]:
    """Returns ticks as texts with equally many decimals.

    >>> say_ticks([0.0, 0.25]), say_ticks([0.0, 20.0])
    (['0.00', '0.25'], ['0', '20'])
    """
    found = [f"{tick:.6g}" for tick in ticks]
    if any("e" in text for text in found):
        return found
    decimals = max((len(text.partition(".")[2]) for text in found), default=0)
    return [f"{tick:.{decimals}f}" for tick in ticks]


@final
@dataclass(frozen=True, slots=True)
class Axes:
    """A field with two axes.

    Attributes:
      corner: the upper left corner of the field.
      size: its width and height.
      x: the first and the last number of the axis below it.
      y: the numbers at the lower and the upper end of the axis at its left.
    """

    corner: Point
    size: Point
    x: Point
    y: Point

    def place(self, x: float, y: float) -> Point:
        """Returns the point of two numbers; one outside of an axis is at its end."""
        along, up = (min(max((at - a) / (b - a), 0.0), 1.0) for at, (a, b) in ((x, self.x), (y, self.y)))
        return self.corner[0] + along * self.size[0], self.corner[1] + (1 - up) * self.size[1]

    def draw(self, across: str, upwards: str) -> list[str]:
        """Returns the axes with ticks and their names; the numbers of the axis below are whole."""
        left, bottom = self.corner[0], self.corner[1] + self.size[1]
        right, parts = left + self.size[0], []
        ticks = find_ticks(*self.y)
        for tick, words in zip(ticks, say_ticks(ticks), strict=True):
            height = self.place(self.x[0], tick)[1]
            parts.append(draw_line([(left, height), (right, height)], "grid"))
            parts.append(draw_text((left - 8, height + 4), words, "small end"))
        parts.append(draw_line([(left, bottom), (right, bottom)], "axis"))
        for tick in find_ticks(*self.x, count=8):
            if tick % 1 == 0:
                at = self.place(tick, self.y[0])[0]
                parts.append(draw_line([(at, bottom), (at, bottom + 4)], "axis"))
                parts.append(draw_text((at, bottom + 17), f"{tick:.0f}", "small middle"))
        parts.append(draw_text(((left + right) / 2, bottom + 34), across, "middle"))
        middle = self.corner[1] + self.size[1] / 2
        return [*parts, draw_text((left - 48, middle), upwards, "middle", turn=True)]
