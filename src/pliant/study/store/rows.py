"""Converts rows of a study to trials, decisions and numbers, and back.  Executes no statement."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pliant.space import Decisions, Space
from pliant.values.errors import DecisionError, LoadError, StudyError
from pliant.values.lines import read_json

from ..trials.trial import Report, Trial


def read_trial(path: Path | str, space: Space | None, row: Any, reports: dict[float, Report]) -> Trial:
    """Returns a trial from its row and its reports."""
    trial_id, rewards, parent = row.id, row.rewards, row.parent
    columns = {
        **row._mapping,
        "decisions": read_decisions(path, space, trial_id, row.decisions),
        "rewards": None if rewards is None else read_rewards(path, trial_id, rewards),
        "parent": None if parent is None else read_decisions(path, space, trial_id, parent),
        "metrics": read_metrics(path, trial_id, row.metrics),
    }
    return Trial(**columns, reports=tuple([reports[step] for step in sorted(reports)]))


def to_text(decisions: Decisions) -> str:
    """Returns decisions as stored text; equal decisions give equal text."""
    return json.dumps(decisions.values, separators=(",", ":"))


def read_decisions(path: Path | str, space: Space | None, trial_id: int, text: str) -> Decisions:
    """Returns stored decisions.

    Raises:
      StudyError: they are damaged.
    """
    assert space is not None
    try:
        return Decisions.from_json(space, text)
    except (LoadError, DecisionError) as error:
        raise damaged(path, f"trial {trial_id}: {error}") from error


def read_rewards(path: Path | str, trial_id: int, text: str) -> tuple[float, ...]:
    """Returns the stored rewards of a trial of several objectives.

    Raises:
      StudyError: they are damaged.
    """
    try:
        return tuple([float(reward) for reward in read_json(text)])
    except (TypeError, ValueError, OverflowError) as error:
        raise damaged(path, f"trial {trial_id}: its rewards are not a list of numbers: {error}") from error


def metrics_to_text(metrics: Mapping[str, float] | None) -> str | None:
    """Returns metrics as stored text; None without metrics."""
    return json.dumps(dict(metrics), separators=(",", ":")) if metrics else None


def read_metrics(path: Path | str, trial_id: int, text: str | None) -> dict[str, float]:
    """Returns stored metrics.

    Raises:
      StudyError: they are damaged.
    """
    if text is None:
        return {}
    try:
        return {name: float(value) for name, value in read_json(text).items()}
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise damaged(path, f"trial {trial_id}: its metrics are not numbers by name: {error}") from error


def damaged(path: Path | str, what: str) -> StudyError:
    """Returns the error for a study whose content is not as Pliant wrote it."""
    return StudyError(
        f"{str(path)!r} is damaged, or was changed by another program: {what.rstrip('.')}. "
        "Restore a copy of it, together with its '-wal' file, if there is one."
    )
