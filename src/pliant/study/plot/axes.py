"""Draws a ``Figure`` with Matplotlib, on given axes or new ones, without global state of Matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pliant.values.packages import MissingLibraryError, require
from pliant.values.text import to_printable

from .figure import Bars, Cells, Dots, Figure, Line, Ranges, Rule, Words, find_span

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette, which all kinds of color vision distinguish.
COLORS: Final[dict[str, str]] = {
    "trial": "#0072b2",
    "best": "#d55e00",
    "reference": "#767676",
    "stopped": "#cc79a7",
    "failed": "#767676",
    "front": "#d55e00",
    "limit": "#767676",
    "group": "#009e73",
}
_MARKERS: Final = {"stopped": "v", "failed": "x", "front": "D"}
_WIDTH, _HEIGHT, _ROW = 7.0, 4.2, 0.26


def draw(figure: Figure, axes: Axes | None = None) -> Axes:
    """Draws a figure and returns its axes; ``axes.figure.savefig(path)`` writes it.

    Args:
      figure: what is drawn.
      axes: where; None for new ones.

    Raises:
      MissingLibraryError: Matplotlib is not installed.
    """
    if axes is None:
        axes = _make_axes(figure)
    for layer in figure.layers:
        _draw_layer(axes, layer)
    for side, own in (("x", figure.x), ("y", figure.y)):
        low, high = find_span(figure, side)  # type: ignore[arg-type]  # a side
        is_upright = side == "y"
        ends = (high, low) if is_upright and own.names else (low, high)
        (axes.set_ylim if is_upright else axes.set_xlim)(*ends)
        if own.names:
            names = [_plain(name if len(name) <= 48 else f"{name[:47]}…") for name in own.names]
            options: dict[str, Any] = (
                {"fontsize": "small"} if is_upright else {"fontsize": "small", "rotation": 30, "ha": "right"}
            )
            (axes.set_yticks if is_upright else axes.set_xticks)(range(len(names)), names, **options)
        elif own.is_whole or own.is_share:
            from matplotlib.ticker import MaxNLocator, PercentFormatter

            part = axes.yaxis if is_upright else axes.xaxis
            if own.is_share:
                part.set_major_formatter(PercentFormatter(1.0))
            else:
                part.set_major_locator(MaxNLocator(integer=True))
    if any(isinstance(layer, Words) for layer in figure.layers):
        axes.set_yticks([])
        for place in range(len(figure.x.names)):
            axes.axvline(place, color="#b0b0b0", linewidth=0.8, zorder=0)
        axes.set_ylim(-0.08, 1.08)
    if figure.is_empty:
        axes.text(
            0.5,
            0.5,
            "nothing to show yet",
            ha="center",
            va="center",
            transform=axes.transAxes,
            color="#767676",
        )
    axes.set_title(_plain(figure.title), loc="left")
    axes.set_xlabel("\n".join([_plain(figure.x.label), *map(_plain, figure.notes)]), fontsize="small")
    axes.set_ylabel(_plain(figure.y.label))
    axes.grid(visible=True, alpha=0.25)
    axes.set_axisbelow(True)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize="small", framealpha=0.85)
    return axes


def write_png(figure: Figure, path: Path) -> None:
    """Writes a figure as a PNG file of 1,400 pixels width.

    Raises:
      MissingLibraryError: Matplotlib is not installed.
      OSError: the file cannot be written.
    """
    draw(figure).get_figure(root=True).savefig(path, dpi=200)  # type: ignore[union-attr]  # it was just made


def write_pdf(figures: Sequence[Figure], path: Path) -> None:
    """Writes figures as a PDF file, a page for each.

    Raises:
      MissingLibraryError: Matplotlib is not installed.
      OSError: the file cannot be written.
    """
    require("a PDF of figures", "matplotlib", instead="write SVG", kind=MissingLibraryError)
    from matplotlib.backends.backend_pdf import PdfPages

    with PdfPages(path) as pages:
        for figure in figures:
            pages.savefig(draw(figure).get_figure(root=True))


def _make_axes(figure: Figure) -> Axes:
    require(
        "a figure",
        "matplotlib",
        instead="use `study.plot.svg(...)`, which needs nothing",
        kind=MissingLibraryError,
    )
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    height = max(_HEIGHT, 1.4 + _ROW * len(figure.y.names))
    canvas = Canvas(figsize=(_WIDTH, height), layout="constrained")
    FigureCanvasAgg(canvas)
    return canvas.subplots()


def _plain(text: str) -> str:
    return to_printable(text).replace("$", r"\$")  # Matplotlib reads formulas between dollars


def _draw_layer(axes: Axes, layer: Any) -> None:
    color = COLORS[getattr(layer, "role", "trial")]
    label = _plain(layer.label) if getattr(layer, "label", "") else None
    if isinstance(layer, Dots):
        marker = _MARKERS.get(layer.role, "o")
        alpha = 0.45 if layer.role == "trial" else 0.9
        axes.scatter(
            layer.x, layer.y, s=16, marker=marker, color=color, alpha=alpha, label=label, linewidths=1.0
        )
    elif isinstance(layer, Line):
        style = {"reference": "--", "failed": ":"}.get(layer.role, "-")
        options: dict[str, Any] = {"drawstyle": "steps-post"} if layer.is_step else {}
        axes.plot(
            layer.x, layer.y, style, color=color, label=label, linewidth=1.4, alpha=layer.strength, **options
        )
    elif isinstance(layer, Ranges):
        halves = [
            [m - low for m, low in zip(layer.x, layer.low)],
            [high - m for m, high in zip(layer.x, layer.high)],
        ]
        axes.errorbar(
            layer.x, layer.y, xerr=halves, fmt="o", markersize=4, color=color, label=label, capsize=2
        )
    elif isinstance(layer, Bars):
        shades = [0.3 if is_faint else 0.9 for is_faint in layer.is_faint] or [0.9] * len(layer.x)
        for x, y, shade in zip(layer.x, layer.y, shades):
            axes.barh(y, x, height=0.7, color=color, alpha=shade)
    elif isinstance(layer, Cells):
        from matplotlib.patches import Rectangle

        for y, row in zip(layer.y, layer.shares):
            for start, end, share in zip(layer.edges, layer.edges[1:], row):
                if share:
                    axes.add_patch(
                        Rectangle(
                            (start, y - 0.42),
                            end - start,
                            0.84,
                            color=COLORS["trial"],
                            alpha=share,
                            linewidth=0,
                        )
                    )
    elif isinstance(layer, Rule):
        line, at = (axes.axhline, layer.y) if layer.x is None else (axes.axvline, layer.x)
        line(at or 0.0, color=color, linestyle=(0, (4, 3)), linewidth=1.0, label=label)
    else:
        for x, y, text in zip(layer.x, layer.y, layer.texts):
            axes.annotate(_plain(text), (x, y), (-4 if layer.is_end else 4, 0), textcoords="offset points",
                          fontsize="x-small", va="center", ha="right" if layer.is_end else "left")  # fmt: skip
