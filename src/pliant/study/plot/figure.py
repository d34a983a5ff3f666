"""``Figure``: what a figure shows, as plain data; Matplotlib, the SVG of reports and notebooks draw the same description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, final

Role = Literal["trial", "best", "reference", "stopped", "failed", "front", "limit", "group"]
"""What a layer stands for, which decides its color and shape, the same in all figures."""

Numbers = Sequence[float]


@final
@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a figure.

    Attributes:
      label: its name, with the unit.
      names: texts at 0, 1, 2, ... in place of numbers; of an upright axis from the top.
      is_whole: whether only whole numbers are marked.
      is_share: whether numbers are shares, shown in percent.
    """

    label: str
    names: tuple[str, ...] = ()
    is_whole: bool = False
    is_share: bool = False


@final
@dataclass(frozen=True, slots=True)
class Dots:
    """Points, each with a text that is shown under the pointer."""

    x: Numbers
    y: Numbers
    label: str = ""
    role: Role = "trial"
    notes: Sequence[str] = ()


@final
@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; as ``is_step`` it stays level until the next point."""

    x: Numbers
    y: Numbers
    label: str = ""
    role: Role = "best"
    is_step: bool = False
    strength: float = 1.0  # from 0, invisible, to 1


@final
@dataclass(frozen=True, slots=True)
class Ranges:
    """A mark with a horizontal bar from a lowest to a highest number, at each height."""

    x: Numbers
    low: Numbers
    high: Numbers
    y: Numbers
    label: str = ""
    role: Role = "best"
    notes: Sequence[str] = ()


@final
@dataclass(frozen=True, slots=True)
class Bars:
    """Horizontal bars from 0, one at each height; faint ones are those that could be chance."""

    x: Numbers
    y: Numbers
    label: str = ""
    role: Role = "best"
    is_faint: Sequence[bool] = ()
    notes: Sequence[str] = ()


@final
@dataclass(frozen=True, slots=True)
class Cells:
    """A table of shares from 0 to 1, as shades: a row for each height, a column between two of the edges."""

    edges: Numbers
    y: Numbers
    shares: Sequence[Sequence[float | None]]
    notes: Sequence[Sequence[str]] = ()


@final
@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line across the whole figure, at one x or one y."""

    x: float | None = None
    y: float | None = None
    label: str = ""
    role: Role = "limit"


@final
@dataclass(frozen=True, slots=True)
class Words:
    """Small texts at points; they start there, or end there."""

    x: Numbers
    y: Numbers
    texts: Sequence[str]
    is_end: bool = False


Layer = Dots | Line | Ranges | Bars | Cells | Rule | Words


@final
@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: two axes, and layers from the lowest to the highest.

    Attributes:
      title: what it shows.
      x: the axis below.
      y: the axis at the left.
      layers: what is drawn.
      notes: sentences below it, such as how many trials are not shown.
    """

    title: str
    x: Axis
    y: Axis
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is drawn."""
        return not any(
            len(layer.x) for layer in self.layers if isinstance(layer, Dots | Line | Ranges | Bars)
        ) and not any(isinstance(layer, Cells) and layer.shares for layer in self.layers)


def find_span(figure: Figure, axis: Literal["x", "y"]) -> tuple[float, float]:
    """Returns the lowest and the highest number of an axis, with a small margin; 0 to 1 without data.

    >>> find_span(Figure("", Axis("trial"), Axis("reward"), (Dots((1, 3), (0.0, 2.0)),)), "x")
    (0.92, 3.08)
    """
    own: Axis = getattr(figure, axis)
    if own.names:
        return (-0.5, len(own.names) - 0.5)
    found: list[float] = []
    for layer in figure.layers:
        if isinstance(layer, Cells):
            found += layer.edges if axis == "x" else layer.y
        elif isinstance(layer, Rule):
            at = layer.x if axis == "x" else layer.y
            found += [] if at is None else [at]
        else:
            found += getattr(layer, axis)
            if axis == "x" and isinstance(layer, Ranges):
                found += [*layer.low, *layer.high]
            if axis == "x" and isinstance(layer, Bars):
                found.append(0.0)
    if not found:
        return 0.0, 1.0
    low, high = min(found), max(found)
    if any(isinstance(layer, Cells) for layer in figure.layers):
        return low, high
    margin = 0.04 * (high - low) or 0.05 * abs(high) or 0.5
    starts_at_zero = axis == "x" and any(isinstance(layer, Bars) for layer in figure.layers) and low == 0
    return (low if starts_at_zero else low - margin), high + margin
