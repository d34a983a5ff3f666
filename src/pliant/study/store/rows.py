"""Converts rows of a study to trials, decisions and numbers, and back, with a digest per row.  Executes no statement.

The digest finds rows that were damaged, or changed by another program.  It has no key: it is not cryptographically secure.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pliant.space import Decisions, Space
from pliant.values.errors import DecisionError, LoadError, StudyError
from pliant.values.lines import read_json

from ..trials.trial import Report, Trial
from .tables import DIGESTED, NUMBERED

_LABELS = {"trials": "trial", "events": "event", "states": "the state after event", "priors": "prior result"}
_LABELS |= {"spaces": "earlier space", "options": "option"}
_LABELS |= {"queue": "enqueued decisions", "journal": "journal line"}


def make_digest(table: str, values: Sequence[Any]) -> str:
    """Returns the digest of a row from its values, in the order of ``DIGESTED``; every database gives the same."""
    plain = [value if value is None or value.__class__ is str else value + 0 for value in values]
    return blake2b(json.dumps([table, *plain]).encode(), digest_size=8).hexdigest()


def seal(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a row with its digest."""
    return {**row, "digest": make_digest(table, [row.get(name) for name in DIGESTED[table]])}


def is_sound(table: str, row: Sequence[Any]) -> bool:
    """Returns whether a row, with all of its columns, agrees with its digest."""
    try:
        return bool(row[-1] == make_digest(table, row[1:-1] if table in NUMBERED else row[:-1]))
    except TypeError:  # bytes, which Pliant never writes
        return False


def name_row(table: str, row: Sequence[Any]) -> str:
    """Returns which row it is, for messages."""
    return "the row of its settings" if table == "study" else f"{_LABELS[table]} {row[0]}"


def check_row(path: Path | str, table: str, row: Any) -> Any:
    """Returns a row, with all of its columns, that agrees with its digest.

    Raises:
      StudyError: it does not.
    """
    if is_sound(table, row):
        return row
    raise damaged(path, f"{name_row(table, row)} does not agree with its digest")


def trial_to_row(trial: Trial) -> dict[str, Any]:
    """Returns the row of a trial, with its digest."""
    row = {name: getattr(trial, name) for name in DIGESTED["trials"]}
    row["decisions"] = to_text(trial.decisions)
    row["rewards"] = None if trial.rewards is None else json.dumps(trial.rewards)
    row["parent"] = None if trial.parent is None else to_text(trial.parent)
    row["metrics"] = metrics_to_text(trial.metrics)
    return seal("trials", row)


def read_trial(
    path: Path | str, space: Space | None, row: Sequence[Any], reports: dict[float, Report]
) -> Trial:
    """Returns a trial from its row and its reports."""
    columns = dict(zip(DIGESTED["trials"], check_row(path, "trials", row)[:-1], strict=True))
    trial_id, rewards, parent = columns["id"], columns["rewards"], columns["parent"]
    columns |= {
        "decisions": read_decisions(path, space, trial_id, columns["decisions"]),
        "rewards": None if rewards is None else read_rewards(path, trial_id, rewards),
        "parent": None if parent is None else read_decisions(path, space, trial_id, parent),
        "metrics": read_metrics(path, trial_id, columns["metrics"]),
    }
    return Trial(**columns, reports=tuple([reports[step] for step in sorted(reports)]))


def to_text(decisions: Decisions) -> str:
    """Returns decisions as stored text; equal decisions give equal text."""
    return json.dumps(decisions.values, separators=(",", ":"))


def to_old_text(decisions: Decisions, number: int) -> str:
    """Returns decisions of an earlier space as stored text, which ``find_old`` recognizes."""
    return json.dumps({"space": number, "values": decisions.values}, separators=(",", ":"))


def find_old(path: Path | str, trial_id: int, text: str) -> tuple[int, str] | None:
    """Returns the number of the earlier space of stored decisions, and their text; None for those of the present space.

    Raises:
      StudyError: they are damaged.
    """
    if not text.startswith("{"):
        return None
    try:
        found = read_json(text)
        number, values = found["space"], found["values"]
        if number.__class__ is not int:
            raise ValueError("its space is not a number")
    except (LoadError, KeyError, ValueError) as error:
        raise damaged(
            path, f"trial {trial_id}: its decisions are not those of an earlier space: {error}"
        ) from error
    return number, json.dumps(values)


def read_decisions(path: Path | str, space: Space | None, trial_id: int, text: str) -> Decisions:
    """Returns stored decisions.

    Raises:
      StudyError: they are damaged.
    """
    assert space is not None
    old = find_old(path, trial_id, text)
    try:
        return Decisions.from_json(space, text if old is None else old[1])
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
        f"{to_command('check', path)} lists all that is damaged. Restore a backup, as `pliant study backup` makes them."
    )


def to_command(name: str, path: Path | str, *options: str) -> str:
    """Returns a command of ``pliant study`` about a study, for messages."""
    return f"`{shlex.join(['pliant', 'study', name, str(path), *options])}`"
