"""The columns of a study as a table: decisions by name, candidates as the space shows them; rows of trials.

``export`` and ``table`` write them.
"""

from __future__ import annotations

from ast import literal_eval
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from pliant.space import Choice, Float, Space
from pliant.space.literals import number_equal

from ..trials.trial import Trial

Row = dict[str, Any]

FIELDS: dict[str, type[Any]] = {
    "reason": str,
    "cause": str,
    "attempts": int,
    "started": str,
    "ended": str,
    "seconds": float,
    "worker": str,
    "origin": str,
    "copied_from": int,
}  # of a trial: the last columns


def make_columns(space: Space, rewards: int, metrics: Iterable[str]) -> dict[str, type[Any]]:
    """Returns the names of the columns, and the types of their non-empty cells.

    Args:
      space: of the study.
      rewards: the number of rewards of a trial that has several, else 0.
      metrics: the names of the metrics that trials have, in order.
    """
    return {
        "id": int,
        "status": str,
        **({f"reward {i}": float for i in range(1, rewards + 1)} or {"reward": float}),
        **{f"decisions.{label}": _kind(point) for label, point in zip(name_points(space), space.points)},
        **{f"metrics.{name}": float for name in metrics},
        **FIELDS,
    }


def find_columns(space: Space, trials: Iterable[Trial]) -> dict[str, type[Any]]:
    """Returns the columns of some trials."""
    rewards, names = 0, set[str]()
    for trial in trials:
        rewards = max(rewards, len(trial.rewards or ()))
        names.update(trial.metrics)
    return make_columns(space, rewards, sorted(names))


def make_row(trial: Trial, columns: Iterable[str]) -> Row:
    """Returns the cells of a trial by column; None where it has nothing."""
    cells = {name: getattr(trial, name) for name in ("id", "status", "reward", *FIELDS)}
    cells |= {f"reward {i}": reward for i, reward in enumerate(trial.rewards or (), 1)}
    cells |= {f"decisions.{path}": value for path, value in decided(trial).items()}
    cells |= {f"metrics.{name}": value for name, value in trial.metrics.items()}
    return {name: cells.get(name) for name in columns}


def decided(trial: Trial) -> dict[str, Any]:
    """Returns the decisions of a trial by name or path: numbers, and candidates as the space shows them."""
    found: dict[str, Any] = {}
    labels = name_points(trial.decisions.space)
    for index, value in zip(trial.decisions.active, trial.decisions.values, strict=True):
        point = trial.decisions.space.points[index]
        if isinstance(point, Choice):
            found[labels[index]] = list_candidates(point)[int(value)]
        else:
            found[labels[index]] = value
    return found


def list_candidates(point: Choice) -> Sequence[Any]:
    """Returns the candidates of a choice as ``decided`` has them: numbers, or texts that differ."""
    return point.values or plain_texts(point.literals)


@lru_cache(maxsize=16)
def name_points(space: Space) -> tuple[str, ...]:
    """Returns the name of each point: that of its hole, or its path where it has none of its own."""
    names = Counter([one for point in space.points for one in {point.name, point.path}])
    return tuple([p.name if p.name and names[p.name] == 1 else p.path for p in space.points])


def _kind(point: Any) -> type[Any]:
    if isinstance(point, Float):
        return float
    if isinstance(point, Choice) and not point.values:
        return str
    values = point.values if isinstance(point, Choice) else (point.min_value, point.max_value)
    return int if all(isinstance(value, int) and abs(value) < 1 << 63 for value in values) else float


@lru_cache(maxsize=256)
def plain_texts(literals: tuple[str, ...]) -> tuple[str, ...]:
    """Returns candidates as text, without the quotes of texts, unless two would then be equal; equal ones numbered."""
    plain = tuple([_unquote(text) for text in literals])
    return number_equal(plain if len(set(plain)) == len(set(literals)) else literals, literals)


def _unquote(text: str) -> str:
    try:
        return str(literal_eval(text)) if text[:1] in ("'", '"') else text
    except (SyntaxError, ValueError):
        return text
