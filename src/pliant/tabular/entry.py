"""``Entry``: a trial of a search as the leaderboard has it.  Frozen data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Entry:
    """A trial of a search.

    Attributes:
      trial: its number.
      score: on the validation rows; None where it failed.
      epochs: passes after which the network was best.
      parameters: numbers that the network learned.
      seconds: of its training.
      share: of the final prediction; 0 where the network is not used.
      network: what was decided, as text.
      reason: why it failed; empty where it did not.
      choices: what was decided, by the name of the decision.
      predicted: the score that the algorithm predicted before the trial; None where it predicted none.
    """

    trial: int
    score: float | None
    epochs: int
    parameters: int
    seconds: float
    share: float
    network: str
    reason: str = ""
    choices: Mapping[str, str] = field(default_factory=dict, hash=False)
    predicted: float | None = None


def sort_entries(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Returns trials, the best score first, failed ones last."""
    return tuple(sorted(entries, key=lambda one: (one.score is None, -(one.score or 0.0), one.trial)))
