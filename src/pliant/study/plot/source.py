"""``Source``: the trials that figures are made of, from a study or from the result of a search."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, final

from pliant.space import Space
from pliant.values.errors import FieldTypeError, FieldValueError, listing, quote, quote_typed, suggest

from ..trials.trial import COMPLETED, STOPPED, Trial

MANY = 1500
"""More dots than this are thinned out, evenly; a note says so."""


@final
@dataclass(frozen=True, slots=True)
class Source:
    """Trials in the order of proposal.

    Attributes:
      space: the search space.
      trials: those that ended, and those that run.
      maximize: whether higher rewards are better.
      name: of the study; empty without.
      constraints: limits on what trials measure, as text.
      memo: what was computed of these trials and several figures need.
    """

    space: Space
    trials: tuple[Trial, ...]
    maximize: bool = True
    name: str = ""
    constraints: tuple[str, ...] = ()
    memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def told(self) -> tuple[Trial, ...]:
        """The trials with a reward, or with several."""
        if "told " not in self.memo:  # once, as there may be many; with a blank, as no number has this name
            self.memo["told "] = tuple([trial for trial in self.trials if trial.told is not None])
        found: tuple[Trial, ...] = self.memo["told "]
        return found

    @property
    def objectives(self) -> int:
        """How many rewards a trial has; 1 before the first."""
        return next((len(trial.rewards) for trial in self.trials if trial.rewards is not None), 1)

    @property
    def sign(self) -> float:
        """1 where higher rewards are better, else -1."""
        return 1.0 if self.maximize else -1.0


def read_source(study: Any) -> Source:
    """Returns the trials of a study, a view, or the result of ``pg.sample`` or ``pg.search``.

    Raises:
      FieldTypeError: it has no trials of a space.
    """
    if isinstance(study, Source):
        return study
    space, trials = getattr(study, "space", None), getattr(study, "trials", None)
    if not isinstance(space, Space) or trials is None:
        raise FieldTypeError(
            f"a figure is made of a study, or of the result of pg.sample or pg.search; got {quote_typed(study)}. "
            "Open a study by its file: `pliant.study.Study.open(path)`, which also reads one that is being written."
        )
    found: Iterable[Trial] = trials() if callable(trials) else trials
    return Source(
        space,
        tuple(found),
        maximize=bool(getattr(study, "maximize", True)),
        name=str(getattr(study, "name", "") or ""),
        constraints=tuple(getattr(study, "constraints", ()) or ()),
    )


def find_values(source: Source, name: str) -> dict[int, float]:
    """Returns a number of each trial that has it, by id.

    Args:
      source: trials.
      name: ``reward``; ``reward 1``, ``reward 2``, ... of several; ``seconds``; or a metric.

    Raises:
      FieldValueError: no trial has such a number; the names that there are, are shown.
    """
    found = {trial.id: value for trial in source.told if (value := _read(trial, name)) is not None}
    if not found:
        names = list_values(source)
        raise FieldValueError(
            f"no trial has a number {quote(name)}; there {'are' if names else 'is'} {listing(names) if names else 'none yet'}"
            f"{suggest(name, names) or '.'}"
        )
    return found


def list_values(source: Source) -> list[str]:
    """Returns the names of the numbers that trials have, the rewards first."""
    if "values " in source.memo:
        return list(source.memo["values "])
    count = source.objectives
    rewards = ["reward"] if count == 1 else [f"reward {place + 1}" for place in range(count)]
    metrics = sorted({name for trial in source.told for name in trial.metrics})
    has_seconds = any(trial.seconds is not None for trial in source.told)
    source.memo["values "] = [
        *(rewards if source.told else []),
        *metrics,
        *(["seconds"] if has_seconds else []),
    ]
    return list(source.memo["values "])


def _read(trial: Trial, name: str) -> float | None:
    value: Any = None
    if name in trial.metrics:
        value = trial.metrics[name]
    elif name == "seconds":
        value = trial.seconds
    elif trial.rewards is None:
        value = trial.reward if name == "reward" else None
    elif name.startswith("reward ") and name[7:].isdecimal() and 1 <= int(name[7:]) <= len(trial.rewards):
        value = trial.rewards[int(name[7:]) - 1]
    return float(value) if value is not None and math.isfinite(value) else None


def is_whole_run(trial: Trial) -> bool:
    """Returns whether a trial ended by itself, and was not stopped early."""
    return trial.status == COMPLETED


def was_stopped(trial: Trial) -> bool:
    """Returns whether the algorithm stopped a trial early."""
    return trial.status == STOPPED


def thin(items: list[Any], kept: set[int] | None = None, limit: int = MANY) -> list[Any]:
    """Returns at most about ``limit`` of the items, evenly spread, and those whose ``id`` is to be kept.

    >>> [one for one in thin(list(range(10)), limit=4)]
    [0, 2, 5, 7]
    """
    if len(items) <= limit:
        return items
    places = {place * len(items) // limit for place in range(limit)}
    return [
        item
        for place, item in enumerate(items)
        if place in places or (kept is not None and getattr(item, "id", None) in kept)
    ]


def say(value: float) -> str:
    """Returns a number as it is shown in notes.

    >>> say(0.123456), say(1200.0), say(3.0)
    ('0.1235', '1200', '3')
    """
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e6 else f"{value:.4g}"


def say_trial(trial: Trial, limit: int = 200) -> str:
    """Returns a trial as a note: its id, reward and decisions."""
    told = trial.told
    reward = (
        ", ".join(map(say, told)) if isinstance(told, tuple) else "no reward" if told is None else say(told)
    )
    text = f"trial {trial.id}: {reward}. {say_decisions(trial)}"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def say_decisions(trial: Trial) -> str:
    """Returns the decisions of a trial as a line."""
    shown = (
        (name, say(one) if isinstance(one, float) else one) for name, one in trial.decisions.params.items()
    )
    return ", ".join(f"{name}={value}" for name, value in shown)
