"""Plots curves with bands as PNG and SVG (needs Matplotlib), without global Matplotlib state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from pliant.values.packages import MissingLibraryError, require
from pliant.values.text import to_printable

from .curves import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (  # of Paul Tol's scheme "bright", then "vibrant": distinguishable with any colour vision
    "#4477AA #EE6677 #228833 #CCBB44 #66CCEE #AA3377 #BBBBBB #EE7733 #009988 #CC3311".split()
)
_DASHES = ("-", "--", ":", "-.")
_SHOWN = 1 / 8  # the axis starts below the lowest line after this share of the trials


class PlotError(MissingLibraryError):
    """Matplotlib, which plots need, is not installed."""


@final
@dataclass(frozen=True, slots=True)
class Series:
    """A line with a band around it."""

    label: str  # for the legend
    mean: Array  # [trials]; NaN where unknown
    std: Array  # [trials]; half the width of the band


@final
@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes; all start at trial 1."""

    title: str
    series: Sequence[Series]
    best: float | None = None  # the optimum, as a dashed line


def draw(panels: Sequence[Panel], stem: Path, *, title: str = "") -> list[Path]:
    """Draws panels with the same labels side by side into ``<stem>.png`` and ``<stem>.svg``, and returns these paths.

    Raises:
      PlotError: Matplotlib is not installed.

    >>> import tempfile
    >>> line = Series("random", np.array([0.1, 0.5, 0.6]), np.array([0.1, 0.1, 0.05]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.suffix for path in draw([Panel("reward", [line], best=0.7)], Path(folder, "curve"))]
    ['.png', '.svg']
    """
    require("a plot", "matplotlib", instead="use tables", kind=PlotError)
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4 * len(panels), 4.4), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, panel in zip(axes, panels):
        _draw_panel(axis, panel)
    if axes[-1].get_legend_handles_labels()[1]:
        axes[-1].legend(loc="lower right", fontsize="small", framealpha=0.9)
    if title:
        figure.suptitle(_to_plain(title))
    stem.parent.mkdir(parents=True, exist_ok=True)
    png, svg = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
    with mpl.rc_context({"svg.hashsalt": "pliant"}):  # same curves, same file
        figure.savefig(png, dpi=150, metadata={"Software": None})
        figure.savefig(svg, metadata={"Date": None})
    return [png, svg]


def limits(panel: Panel) -> tuple[float, float] | None:
    """Returns the lower and upper limit of a panel's axis; None without data.

    From the lowest line after the first eighth of its trials, band included, to the optimum: the first random trials
    are far below, and would hide the differences later.
    """
    low, high = [], [] if panel.best is None else [panel.best]
    for series in panel.series:
        known = ~np.isnan(series.mean)
        if known.any():
            first = max(int(len(series.mean) * _SHOWN), int(known.argmax()))
            low.append(float(series.mean[first] - series.std[first]))
            high.append(float((series.mean + series.std)[known].max()) if panel.best is None else panel.best)
    if not low:
        return None
    bottom, top = min(low), max(high)
    margin = 0.04 * (top - bottom) or 1e-3 * abs(top) or 1e-3
    return bottom - margin, top + margin


def _to_plain(text: str) -> str:
    return to_printable(text).replace("$", r"\$")  # Matplotlib reads formulas between dollars


def _draw_panel(axis: Axes, panel: Panel) -> None:
    for i, series in enumerate(panel.series):
        colour = _COLOURS[i % len(_COLOURS)]
        style: dict[str, Any] = {"color": colour, "linestyle": _DASHES[i // len(_COLOURS) % len(_DASHES)]}
        x = np.arange(1, len(series.mean) + 1)
        axis.plot(x, series.mean, label=_to_plain(series.label), linewidth=1.6, **style)
        axis.fill_between(
            x, series.mean - series.std, series.mean + series.std, color=colour, alpha=0.15, linewidth=0
        )
    if panel.best is not None:
        axis.axhline(panel.best, color="black", linestyle=(0, (4, 3)), linewidth=0.8, label="optimum")
    found = limits(panel)
    if found is not None:
        axis.set_ylim(*found)
    axis.set_xlim(1, max([2, *(len(series.mean) for series in panel.series)]))
    axis.set_title(_to_plain(panel.title))
    axis.set_xlabel("trials")
    axis.grid(visible=True, alpha=0.25)
