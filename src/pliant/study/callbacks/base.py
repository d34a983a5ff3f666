"""``Callback``: what ``pg.sample`` and ``pg.search`` call at the start, for each trial that ended, and at the end."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Container
from dataclasses import dataclass
from typing import final

from pliant.space import Space

from ..export.columns import decided
from ..trials.trial import Trial


@final
@dataclass(frozen=True, slots=True)
class Beginning:
    """What a callback knows of a search at its start.

    Attributes:
      name: of the study; ``search`` without one.
      created: when the study was made, in ISO 8601, UTC; without one, when the search started.
      space: the search space.
      maximize: whether higher rewards are better.
      total: how many trials there will be; None without a limit.
    """

    name: str
    created: str
    space: Space
    maximize: bool
    total: int | None = None

    @property
    def key(self) -> str:
        """The name and the time as the name of a file or folder, which no other study has.

        >>> from pliant.space import flatten, integer
        >>> Beginning("../a b", "2026-12-01T10:11:12.345+00:00", flatten([integer("x", 0, 9)]), True).key
        'a_b-2026-12-01T101112.345'
        """
        name = re.sub(r"[^\w.-]", "_", self.name, flags=re.ASCII).strip("._-")[:80] or "search"
        return f"{name}-{self.created[:23].replace(':', '')}"


class Callback(ABC):
    """Receives the trials of a search.  An exception of a callback is reported, and the search goes on.

    State belongs to the callback, not to the study: where a search is resumed, ``start`` returns which trials are
    recorded already, and the others are passed to ``add`` again. So nothing is recorded twice, and nothing is missing.

    >>> import pliant as pg
    >>> class Best(Callback):
    ...     def start(self, search):
    ...         self.rewards = []
    ...         return ()
    ...     def add(self, trial):
    ...         self.rewards.append(trial.reward)
    ...     def finish(self):
    ...         print("best", max(self.rewards), "of", len(self.rewards))
    >>> for program, feedback in pg.sample(pg.Dict(x=pg.intv(0, 9)), "sweep", callbacks=[Best()], progress=False):
    ...     feedback(program.x)
    best 9.0 of 10
    """

    def start(self, search: Beginning) -> Container[int] | None:
        """Called once, before the first trial.

        Returns:
          The ids of the trials that this callback has already; the others that ended before are passed to ``add``. None, to
          receive only trials that end from now on.
        """
        return None

    @abstractmethod
    def add(self, trial: Trial) -> None:
        """Called with each trial that ended, in the process that runs the search, after the trial was recorded."""

    def finish(self) -> None:  # noqa: B027 - a hook that may stay empty
        """Called once, when the search ends, also by an error or Ctrl-C."""


def read_numbers(trial: Trial) -> dict[str, float]:
    """Returns the rewards, the metrics and the seconds of a trial, by name."""
    several = {f"reward {place}": one for place, one in enumerate(trial.rewards or (), 1)}
    rewards = several or ({} if trial.reward is None else {"reward": trial.reward})
    seconds = {} if trial.seconds is None else {"seconds": trial.seconds}
    return {**seconds, **trial.metrics, **rewards}


def read_decisions(trial: Trial) -> dict[str, bool | int | float | str]:
    """Returns the decisions of a trial by name or path: numbers, and candidates as text."""
    return {
        name: value if isinstance(value, bool | int | float | str) else str(value)
        for name, value in decided(trial).items()
    }
