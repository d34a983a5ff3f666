"""``TrainerPlots``: the figures of a training, ``trainer.plot``: losses, probabilities of candidates, entropy, ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, final

from pliant.space import Choice, Space
from pliant.space.literals import shorten_literals
from pliant.values.record import Record

from ..gradient.learner import GradientSampler
from ..sampler import Sampler
from .report import kendall_tau

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pliant.study.plot.figure import Figure

KEPT = 256  # epochs whose probabilities are kept; of more, every second one


def read_probabilities(sampler: Sampler) -> dict[str, tuple[float, ...]]:
    """Returns the probability of each candidate by key; empty for samplers without architecture parameters."""
    if not isinstance(sampler, GradientSampler):
        return {}
    return {key: tuple(row.tolist()) for key, row in sampler.architecture.probabilities().items()}


def bound_memory(records: list[Record]) -> None:
    """Drops the probabilities of every second epoch that has them, if there are more than ``KEPT``."""
    places = [place for place, record in enumerate(records) if record.probabilities]
    if len(places) > KEPT:
        for place in places[1:-1:2]:
            records[place] = replace(records[place], probabilities={})


@final
class TrainerPlots:
    """The figures of a training, as ``trainer.plot``: of the epochs that this process trained.

    Each method draws one with Matplotlib and returns its axes; ``axes=`` gives other ones. ``svg`` draws it without Matplotlib,
    ``figure`` returns it as data.

    >>> records = [Record(epoch, 2, 1.0 / epoch, 0.5, 0.1, 1.0, {"entropy": 0.5}) for epoch in (1, 2)]
    >>> plots = TrainerPlots(records, None)
    >>> plots.figure("losses").layers[0].y, plots.figure("entropy").layers[0].y
    ([1.0, 0.5], [0.5, 0.5])
    """

    def __init__(self, records: Sequence[Record], space: Space | None) -> None:
        self._records, self._space = records, space

    def figure(self, name: str) -> Figure:
        """Returns a figure as data.

        Args:
          name: ``losses``, ``probabilities`` or ``entropy``.

        Raises:
          FieldValueError: no figure has this name.
        """
        from pliant.study.plot.runs import Run
        from pliant.study.plot.training import make_figure

        run = Run("", list_candidates(self._space), tuple(self._records))
        return make_figure(run, name)

    def svg(self, name: str) -> str:
        """Returns a figure as text in SVG, drawn without other libraries."""
        from pliant.study.plot.svg import to_svg

        return to_svg(self.figure(name))

    def losses(self, *, axes: Axes | None = None) -> Axes:
        """Draws the mean loss of the weights, and the quality of the last network of each epoch."""
        return self._draw(self.figure("losses"), axes)

    def probabilities(self, *, axes: Axes | None = None) -> Axes:
        """Draws the probability of each candidate over the epochs, as shades, for samplers that learn by gradients."""
        return self._draw(self.figure("probabilities"), axes)

    def entropy(self, *, axes: Axes | None = None) -> Axes:
        """Draws the mean entropy of the decisions over the epochs, for samplers that learn a distribution."""
        return self._draw(self.figure("entropy"), axes)

    def ranks(self, inherited: Sequence[float], alone: Sequence[float], *, axes: Axes | None = None) -> Axes:
        """Draws the qualities of some networks with inherited weights against those when trained alone, with Kendall's tau.

        Args:
          inherited: a quality for each network, such as those by ``trainer.network(decisions)``.
          alone: the quality of the same networks, trained alone: by ``train_alone``, or of a benchmark.
          axes: where; None for new ones.

        Raises:
          FieldValueError: see ``kendall_tau``.
        """
        return self._draw(make_ranks(inherited, alone), axes)

    def _draw(self, figure: Figure, axes: Axes | None) -> Axes:
        from pliant.study.plot.axes import draw

        return draw(figure, axes)


def list_candidates(space: Space | None) -> dict[str, tuple[str, ...]]:
    """Returns the candidates of each choice in short, by its path and its name."""
    found: dict[str, tuple[str, ...]] = {}
    for point in () if space is None else space.points:
        if isinstance(point, Choice):
            texts = tuple(shorten_literals(point.literals, 24, 32))
            found |= {key: texts for key in (point.path, point.name) if key is not None}
    return found


def make_ranks(inherited: Sequence[float], alone: Sequence[float]) -> Figure:
    """Returns the figure of ``TrainerPlots.ranks``.

    >>> make_ranks([0.5, 0.6, 0.7], [0.8, 0.9, 0.85]).notes
    ("Kendall's tau: 0.33 of 3 networks.",)
    """
    from pliant.study.plot.runs import Ranks
    from pliant.study.plot.training import draw_ranks

    return draw_ranks(Ranks(tuple(inherited), tuple(alone), kendall_tau(inherited, alone)))
