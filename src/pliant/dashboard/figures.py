"""``Figures``: figures of studies as SVG for pages, kept until a trial ends; of large studies they are made of a part of the trials."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeVar, final

from pliant.study.plot.figure import Cells, Dots, Figure, Ranges, Words
from pliant.study.plot.plots import FIGURES, choose
from pliant.study.plot.source import Source, thin
from pliant.study.plot.svg import to_key, to_svg
from pliant.study.trials.trial import RUNNING
from pliant.values.errors import FieldValueError, PliantError, listing, quote

from .reader import Snapshot

KEPT: Final = 200  # figures in memory
SAMPLE: Final = 5000  # trials of which figures of decisions are made
WIDTHS: Final = (280, 1240)
_STEP: Final = 20
_OF_A_PART: Final = {"importance", "effects", "choices", "parallel", "curves", "lineage", "predicted"}
OPTIONS: Final = {
    "tradeoff": ("x", "y"),
    "importance": ("value",),
    "effects": ("value",),
    "parallel": ("value",),
}
"""The options of figures that an address may give."""


@final
@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure for a page.

    Attributes:
      figure: as data.
      svg: its picture, without title, legend and notes.
      legend: texts with their marks as SVG.
    """

    figure: Figure
    svg: str
    legend: tuple[tuple[str, str], ...]


Made = TypeVar("Made")


@final
class Figures:
    """Makes figures, and keeps the last ones."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def draw(
        self, key: str, snapshot: Snapshot, name: str, options: Mapping[str, str], *, width: int = 720
    ) -> Drawn:
        """Returns a figure of a study.

        Args:
          key: of the study.
          snapshot: its trials.
          name: of the figure.
          options: as an address gives them; empty ones are left out.
          width: in pixels; rounded, so that few widths are kept.

        Raises:
          FieldValueError: no figure has this name or option, or it does not apply to these trials.
        """
        if name not in FIGURES:
            raise FieldValueError(f"no figure is called {quote(name)}; there are {listing(FIGURES)}.")
        given = {key: value for key, value in options.items() if value}
        if unknown := set(given) - set(OPTIONS.get(name, ())):
            raise FieldValueError(f"the figure {name} has no option {listing(sorted(unknown))}.")
        wide = fit_width(width)
        chosen = tuple(sorted(given.items()))
        figure = self.keep(
            (key, name, chosen, *_stamp(snapshot)), lambda: make_figure(snapshot.source, name, given)
        )
        return self.keep((key, name, chosen, wide, *_stamp(snapshot)), lambda: draw_figure(figure, wide))

    def choose(self, key: str, snapshot: Snapshot) -> list[str]:
        """Returns the names of the figures that show something of a study."""
        return self.keep((key, "names", *_stamp(snapshot)), lambda: choose(snapshot.source))

    def keep(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Returns what was made under this key, or makes it; the last ones are kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                found: Made = self._kept[key]
                return found
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made


def make_figure(source: Source, name: str, options: Mapping[str, str]) -> Figure:
    """Returns a figure; one about decisions is made of an even part of many trials, and says so.

    Raises:
      FieldValueError: it does not apply to these trials.
    """
    part = source
    if name in _OF_A_PART and len(source.trials) > SAMPLE:
        part = source.memo.get("part ") or replace(
            source, trials=tuple(thin(list(source.trials), limit=SAMPLE))
        )
        source.memo["part "] = part
    try:
        figure = FIGURES[name](part, **options)
    except FieldValueError:
        raise
    except PliantError as error:  # the trials are read already: this figure is not for them
        raise FieldValueError(str(error)) from error
    if part is source:
        return figure
    note = f"Made of {len(part.trials):,} of {len(source.trials):,} trials, evenly spread."
    return replace(figure, notes=(*figure.notes, note))


def _stamp(snapshot: Snapshot) -> tuple[int, int]:
    """Returns what changes when a trial ends; of a large study, when it has grown by a fiftieth."""
    ended = sum(snapshot.counts.values()) - snapshot.counts[RUNNING]
    if ended > SAMPLE:
        step = 1 << (ended // 50).bit_length() - 1
        ended -= ended % step
    return ended, snapshot.is_whole


def fit_width(width: int) -> int:
    """Returns the width of a picture for a place: rounded, so that few widths are kept."""
    return min(max(width // _STEP * _STEP, WIDTHS[0]), WIDTHS[1])


def draw_figure(figure: Figure, width: int) -> Drawn:
    """Returns a figure with its picture and its legend."""
    legend = [
        (layer.label, to_key(layer.role, is_dots=isinstance(layer, Dots | Ranges)))
        for layer in figure.layers
        if not isinstance(layer, Cells | Words) and layer.label
    ]
    svg = to_svg(figure, has_style=False, width=width, is_bare=True)
    return Drawn(figure, svg, tuple(legend))


def to_data(figure: Figure) -> dict[str, Any]:
    """Returns a figure as JSON data: its title, axes, notes, and layers with their kind."""
    return {
        "title": figure.title,
        "x": asdict(figure.x),
        "y": asdict(figure.y),
        "notes": list(figure.notes),
        "layers": [{"kind": type(layer).__name__.lower(), **asdict(layer)} for layer in figure.layers],
    }
