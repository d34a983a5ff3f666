"""``TrainerPlots``: the figures of a training, ``trainer.plot``: losses, probabilities of candidates, entropy, ranks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, final

from pliant.space import Choice, Space
from pliant.space.literals import shorten_literals
from pliant.values.errors import FieldValueError, listing, quote, suggest

from ..gradient.learner import GradientSampler
from ..sampler import Sampler
from .logs import Record
from .report import kendall_tau

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pliant.study.plot.figure import Figure

KEPT = 256  # epochs whose probabilities are kept; of more, every second one
FIGURES: Final = ("losses", "probabilities", "entropy")
_ROWS, _COLUMNS = 40, 60


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
        makers = {"losses": self._losses, "probabilities": self._probabilities, "entropy": self._entropy}
        if name not in makers:
            raise FieldValueError(
                f"no figure of a training is called {quote(name)}; there are {listing(FIGURES)}{suggest(str(name), FIGURES) or '.'}"
            )
        return makers[name]()

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

    def _losses(self) -> Figure:
        from pliant.study.plot.figure import Axis, Figure, Line

        x = [record.epoch for record in self._records]
        judged = [record for record in self._records if math.isfinite(record.quality)]
        layers = (
            Line(x, [record.loss for record in self._records], "loss", "trial"),
            Line([one.epoch for one in judged], [one.quality for one in judged], "quality", "best"),
        )
        return Figure(
            "Training of the super-network", Axis("epoch", is_whole=True), Axis("loss, quality"), layers
        )

    def _entropy(self) -> Figure:
        from pliant.study.plot.figure import Axis, Figure, Line

        known = [record for record in self._records if "entropy" in record.metrics]
        line = Line([one.epoch for one in known], [one.metrics["entropy"] for one in known], "", "best")
        notes = ("0: one candidate of each decision has all probability.",) if known else ()
        return Figure("Entropy of the decisions", Axis("epoch", is_whole=True), Axis("nats"), (line,), notes)

    def _probabilities(self) -> Figure:
        from pliant.study.plot.figure import Axis, Cells, Figure

        known = [record for record in self._records if record.probabilities]
        known = [
            known[place * len(known) // min(_COLUMNS, len(known))]
            for place in range(min(_COLUMNS, len(known)))
        ]
        names: list[str] = []
        shares: list[list[float | None]] = []
        left_out = 0
        for key, last in known[-1].probabilities.items() if known else ():
            if len(names) + len(last) > _ROWS:
                left_out += 1
                continue
            for place, candidate in enumerate(self._list_candidates(key, len(last))):
                names.append(f"{key} = {candidate}")
                shares.append([record.probabilities[key][place] for record in known])
        edges = [record.epoch - 0.5 for record in known] + [known[-1].epoch + 0.5 for _ in known[-1:]]
        texts = [
            [f"{name}: {share or 0.0:.0%} after epoch {one.epoch}" for one, share in zip(known, row)]
            for name, row in zip(names, shares)
        ]
        cells = Cells(edges, list(range(len(names))), shares, texts)
        more = (f"{left_out} more decisions are left out.",) if left_out else ()
        return Figure(
            "Probability of each candidate",
            Axis("epoch", is_whole=True),
            Axis("", names=tuple(names)),
            (cells,) if names else (),
            ("Shade: the probability.", *more) if names else (),
        )

    def _list_candidates(self, key: str, count: int) -> Sequence[str]:
        """Returns the candidates of a decision in short; their numbers where the space does not know them."""
        for point in () if self._space is None else self._space.points:
            if isinstance(point, Choice) and key in (point.path, point.name) and len(point.literals) == count:
                return shorten_literals(point.literals, 24, 32)
        return [str(place) for place in range(count)]


def make_ranks(inherited: Sequence[float], alone: Sequence[float]) -> Figure:
    """Returns the figure of ``TrainerPlots.ranks``.

    >>> make_ranks([0.5, 0.6, 0.7], [0.8, 0.9, 0.85]).notes
    ("Kendall's tau: 0.33 of 3 networks.",)
    """
    from pliant.study.plot.figure import Axis, Dots, Figure

    tau = kendall_tau(inherited, alone)
    return Figure(
        "Inherited weights against training alone",
        Axis("quality with inherited weights"),
        Axis("quality when trained alone"),
        (Dots(list(inherited), list(alone)),),
        (f"Kendall's tau: {tau:.2f} of {len(inherited)} networks.",),
    )
