"""Figures of the training of a super-network: losses, probabilities of candidates, entropy of decisions, rank correlation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pliant.values.errors import FieldValueError, listing, quote, suggest
from pliant.values.record import Record

from .figure import Axis, Cells, Dots, Figure, Line
from .runs import Ranks, Run

_ROWS, _COLUMNS = 40, 60


def losses(run: Run) -> Figure:
    """Returns the mean loss of the weights, and the quality of the last network of each epoch."""
    lost = [record for record in run.records if math.isfinite(record.loss)]
    judged = [record for record in run.records if math.isfinite(record.quality)]
    layers = (
        Line([one.epoch for one in lost], [one.loss for one in lost], "loss", "trial"),
        Line([one.epoch for one in judged], [one.quality for one in judged], "quality", "best"),
    )
    return Figure(
        "Training of the super-network", Axis("epoch", is_whole=True), Axis("loss, quality"), layers
    )


def entropy(run: Run) -> Figure:
    """Returns the mean entropy of the decisions over the epochs, for samplers that learn a distribution."""
    known = [record for record in run.records if math.isfinite(record.metrics.get("entropy", math.nan))]
    line = Line([one.epoch for one in known], [one.metrics["entropy"] for one in known], "", "best")
    notes = ("0: one candidate of each decision has all probability.",) if known else ()
    return Figure("Entropy of the decisions", Axis("epoch", is_whole=True), Axis("nats"), (line,), notes)


def probabilities(run: Run) -> Figure:
    """Returns the probability of each candidate over the epochs, as shades, for samplers that learn by gradients."""
    known = _thin([record for record in run.records if record.probabilities])
    names: list[str] = []
    shares: list[list[float | None]] = []
    left_out = 0
    for key, last in known[-1].probabilities.items() if known else ():
        rows = [record.probabilities.get(key, ()) for record in known]
        if len(names) + len(last) > _ROWS:
            left_out += 1
            continue
        for place, candidate in enumerate(list_candidates(run.candidates, key, len(last))):
            names.append(f"{key} = {candidate}")
            shares.append([row[place] if place < len(row) else None for row in rows])
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


def ranks(run: Run) -> Figure:
    """Returns the qualities of networks with inherited weights against those when trained alone, with Kendall's tau.

    Raises:
      FieldValueError: the run has none.
    """
    if run.ranks is None:
        raise FieldValueError(
            "this training has no rank correlation: RunLog.add_ranks(inherited, alone) writes one, of networks that were trained alone."
        )
    return draw_ranks(run.ranks)


def draw_ranks(found: Ranks) -> Figure:
    """Returns the figure of a rank correlation."""
    return Figure(
        "Inherited weights against training alone",
        Axis("quality with inherited weights"),
        Axis("quality when trained alone"),
        (Dots(list(found.inherited), list(found.alone)),),
        (f"Kendall's tau: {found.tau:.2f} of {len(found.inherited)} networks.",),
    )


FIGURES: Final[dict[str, Callable[[Run], Figure]]] = {
    "losses": losses,
    "probabilities": probabilities,
    "entropy": entropy,
    "ranks": ranks,
}
"""Functions from a ``Run`` to a figure, by name."""


def make_figure(run: Run, name: str) -> Figure:
    """Returns a figure of a training.

    >>> records = (Record(1, 2, 1.0, 0.5, 0.1, 1.0), Record(2, 2, 0.5, 0.5, 0.1, 1.0))
    >>> make_figure(Run("SPOS()", {}, records), "losses").layers[0].y
    [1.0, 0.5]

    Args:
      run: the training.
      name: one of ``FIGURES``.

    Raises:
      FieldValueError: no figure has this name, or the run has not what it shows.
    """
    if name not in FIGURES:
        raise FieldValueError(
            f"no figure of a training is called {quote(name)}; there are {listing(FIGURES)}{suggest(str(name), FIGURES) or '.'}"
        )
    return FIGURES[name](run)


def choose(run: Run) -> list[str]:
    """Returns the names of the figures that show something of a run."""
    return [
        name
        for name in FIGURES
        if (name != "ranks" or run.ranks is not None) and not FIGURES[name](run).is_empty
    ]


def list_candidates(candidates: Mapping[str, Sequence[str]], key: str, count: int) -> Sequence[str]:
    """Returns the candidates of a choice as texts; their numbers where they are not known."""
    found = candidates.get(key, ())
    return found if len(found) == count else [str(place) for place in range(count)]


def say_choice(record: Record, key: str, candidates: Mapping[str, Sequence[str]]) -> tuple[str, float, float]:
    """Returns the most probable candidate of a choice, its probability, and the one of the next candidate.

    >>> say_choice(Record(1, 2, 1.0, 0.5, 0.1, 1.0, probabilities={"op": (0.25, 0.75)}), "op", {"op": ["conv", "skip"]})
    ('skip', 0.75, 0.25)
    """
    row = record.probabilities[key]
    order = sorted(range(len(row)), key=lambda place: -row[place])
    names = list_candidates(candidates, key, len(row))
    return names[order[0]], row[order[0]], row[order[1]] if len(row) > 1 else 0.0


def _thin(known: list[Record]) -> list[Record]:
    count = min(_COLUMNS, len(known))
    return [known[(place + 1) * len(known) // count - 1] for place in range(count)]
