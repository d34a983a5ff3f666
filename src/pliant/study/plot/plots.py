"""``Plots``: the figures of a study or of a search, each drawn with Matplotlib, as SVG, or returned as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, final

from pliant.values.errors import FieldValueError, UnknownFieldError, listing, quote, suggest
from pliant.values.signature import read_signature

from .axes import draw
from .choices import choices, parallel
from .curves import curves, lineage, predicted
from .figure import Figure
from .history import history, hypervolume, throughput
from .importance import effects, importance
from .source import Source, list_values, read_source
from .svg import to_svg
from .tradeoff import tradeoff

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGURES: Final[dict[str, Callable[..., Figure]]] = {
    "history": history,
    "throughput": throughput,
    "tradeoff": tradeoff,
    "hypervolume": hypervolume,
    "choices": choices,
    "effects": effects,
    "importance": importance,
    "parallel": parallel,
    "curves": curves,
    "lineage": lineage,
    "predicted": predicted,
}
"""Functions from a ``Source`` to a figure, by name."""


@final
class Plots:
    """The figures of a study, as ``study.plot``, or of a search, as ``search.plot``.

    Each method draws one with Matplotlib and returns its axes; ``axes=`` gives other ones.  ``svg`` draws it without Matplotlib,
    ``figure`` returns it as data.

    >>> import pliant as pg
    >>> search = pg.sample(pg.Dict(x=pg.intv(0, 9)), "random", 20, seed=1, progress=False)
    >>> for program, feedback in search:
    ...     feedback(-abs(program.x - 7))
    >>> search.plot.figure("history").title
    'Reward of each trial'
    >>> search.plot.history().get_xlabel()
    'trial'
    """

    def __init__(self, study: Any) -> None:
        """Makes the figures of a study; its trials are read when a figure is made."""
        self._study = study

    def figure(self, name: str, **options: Any) -> Figure:
        """Returns a figure as data.

        Args:
          name: of ``FIGURES``.
          **options: those of the method of this name.

        Raises:
          FieldValueError: no figure has this name.
          UnknownFieldError: it has no such option.
        """
        make = FIGURES.get(name)
        if make is None:
            raise FieldValueError(
                f"no figure is called {quote(name)}; there are {listing(FIGURES)}{suggest(str(name), FIGURES) or '.'}"
            )
        allowed = list(read_signature(make).parameters)[1:]
        for option in options:
            if option not in allowed:
                raise UnknownFieldError(
                    f"the figure {quote(name)} has no option {quote(option)}; it has {listing(allowed) if allowed else 'none'}"
                    f"{suggest(option, allowed) or '.'}"
                )
        return make(read_source(self._study), **options)

    def svg(self, name: str, **options: Any) -> str:
        """Returns a figure as text in SVG, drawn without other libraries; the arguments are those of ``figure``."""
        return to_svg(self.figure(name, **options))

    def history(self, *, axes: Axes | None = None) -> Axes:
        """Draws the rewards over the trials and the best so far; see ``history.history``."""
        return draw(self.figure("history"), axes)

    def throughput(self, *, axes: Axes | None = None) -> Axes:
        """Draws how many trials had ended over time."""
        return draw(self.figure("throughput"), axes)

    def tradeoff(
        self,
        x: str | None = None,
        y: str | None = None,
        *,
        maximize: dict[str, bool] | None = None,
        axes: Axes | None = None,
    ) -> Axes:
        """Draws two numbers of each trial, with the Pareto front and the limits; see ``tradeoff.tradeoff``."""
        return draw(self.figure("tradeoff", x=x, y=y, maximize=maximize), axes)

    def hypervolume(self, reference: Sequence[float] | None = None, *, axes: Axes | None = None) -> Axes:
        """Draws the hypervolume of the front over the trials; see ``history.hypervolume``."""
        return draw(self.figure("hypervolume", reference=reference), axes)

    def choices(self, *, axes: Axes | None = None) -> Axes:
        """Draws which share of the trials had each candidate over time."""
        return draw(self.figure("choices"), axes)

    def effects(
        self, value: str = "reward", decisions: Sequence[str] | None = None, *, axes: Axes | None = None
    ) -> Axes:
        """Draws the mean of a number by candidate, with intervals; see ``importance.effects``."""
        return draw(self.figure("effects", value=value, decisions=decisions), axes)

    def importance(self, value: str = "reward", *, axes: Axes | None = None) -> Axes:
        """Draws how much of the variance of a number each decision explains; see ``importance.importance``."""
        return draw(self.figure("importance", value=value), axes)

    def parallel(self, value: str = "reward", *, axes: Axes | None = None) -> Axes:
        """Draws parallel coordinates: a line for each trial through its decisions; see ``choices.parallel``."""
        return draw(self.figure("parallel", value=value), axes)

    def curves(self, *, axes: Axes | None = None) -> Axes:
        """Draws the learning curves of trials that reported, and which were stopped early."""
        return draw(self.figure("curves"), axes)

    def lineage(self, *, axes: Axes | None = None) -> Axes:
        """Draws which trial continued which."""
        return draw(self.figure("lineage"), axes)

    def predicted(
        self, metric: str = "predicted", value: str = "reward", *, axes: Axes | None = None
    ) -> Axes:
        """Draws a prediction against what was measured; see ``curves.predicted``."""
        return draw(self.figure("predicted", metric=metric, value=value), axes)

    def __repr__(self) -> str:
        return f"<figures: {', '.join(FIGURES)}>"


def choose(source: Source) -> list[str]:
    """Returns the names of the figures that show something of these trials, the most important first."""
    names = ["history" if source.objectives == 1 else "hypervolume"]
    metrics = [name for name in list_values(source) if name != "seconds"]
    if len(metrics) > 1:
        names.append("tradeoff")
    names += ["importance", "effects", "choices", "parallel"]
    if any(trial.reports for trial in source.trials):
        names.append("curves")
    if any(trial.parent is not None for trial in source.trials):
        names.append("lineage")
    if "predicted" in metrics:
        names.append("predicted")
    return [*names, "throughput"] if source.told else (["throughput"] if source.trials else [])
