"""The trials of a job as a list: JSON as the service writes it, a table, or CSV.  Reads; starts nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pliant.study import Study, Trial
from pliant.study.export import rows_to_csv
from pliant.tune.text import say, summarize

from .measure import STEP
from .settings import Settings

STATES = {"completed": "SUCCEEDED", "failed": "INFEASIBLE", "running": "ACTIVE"}
"""The service's names for what a trial is."""
STOPPED_EARLY = "stopped early: the algorithm asked for it"  # in the journal of a study
SOURCE = "nas_trial_id"  # in stage 2, the trial of the search
COLUMNS = {"id", "state", SOURCE, "reward", "step", "seconds", "attempts", "stopped", "reason"}


def choose(study: Study, state: str, count: int) -> list[Trial]:
    """Returns the trials of a state, the best first and those without reward behind, at most ``count``; 0 for all."""
    wanted = [trial for trial in study.trials() if state in ("ALL", STATES[trial.status])]
    sign = -1.0 if study.maximize else 1.0
    wanted.sort(key=lambda trial: (trial.reward is None, sign * (trial.reward or 0.0), trial.id))
    return wanted[:count] if count else wanted


def to_data(trial: Trial, stage: str, settings: Settings, *, stopped: Collection[int] = ()) -> dict[str, Any]:
    """Returns a trial in the service's form.

    Where it is so, it also has a ``reason`` why it failed, ``attempts``, ``stopped`` (early, by the algorithm), and in stage 2
    ``nas_trial_id``, the trial of the search.
    """
    entry: dict[str, Any] = {"id": str(trial.id), "state": STATES[trial.status]}
    if (source := find_source(trial)) is not None:
        entry[SOURCE] = str(source)
    metrics = list_metrics(trial, settings)
    if metrics:
        entry["finalMeasurement"] = {
            "stepCount": str(int(trial.metrics.get(STEP, 0))),
            "metrics": [{"metricId": name, "value": value} for name, value in metrics.items()],
        }
    entry["startTime"] = _to_zulu(trial.started)
    if trial.ended is not None:
        entry["endTime"] = _to_zulu(trial.ended)
    if trial.reason is not None:
        entry["reason"] = trial.reason
    if trial.attempts > 1:
        entry["attempts"] = trial.attempts
    if trial.id in stopped:
        entry["stopped"] = True
    name = "searchTrial" if stage == "search" else "trainTrial"
    return {"name": f"nas/{stage}/{trial.id}", "parameters": trial.decisions.to_params_str(), name: entry}


def find_stopped(study: Study) -> set[int]:
    """Returns the trials that were ended early; one that was asked to stop as it came to its end is none of them."""
    return {number for _, number, text in study.journal() if number is not None and text == STOPPED_EARLY}


def say_source(number: int) -> str:
    """Returns the note of a trial of stage 2 about the trial of the search."""
    return f"trial {number} of the search"


def find_source(trial: Trial) -> int | None:
    """Returns the trial of the search that a trial of stage 2 trains; None for others.

    >>> say_source(7)
    'trial 7 of the search'
    """
    found = re.search(say_source(0).replace("0", r"(\d+)"), trial.origin or "")
    return int(found[1]) if found else None


def list_metrics(trial: Trial, settings: Settings) -> dict[str, float]:
    """Returns what a trial measured by name, its target metric first; and ``reward``, where that is another number."""
    tag = settings.rules.metric
    others = {name: value for name, value in trial.metrics.items() if name not in (STEP, tag)}
    found: dict[str, float] = {}
    if tag in trial.metrics:
        found[tag] = trial.metrics[tag]
        if trial.reward is not None:
            found["reward"] = trial.reward
    elif trial.reward is not None:
        found[tag] = trial.reward
    return {**found, **others}


def to_json(trials: Iterable[Trial], stage: str, settings: Settings, *, stopped: Collection[int] = ()) -> str:
    """Returns trials as the service's JSON list."""
    return json.dumps([to_data(trial, stage, settings, stopped=stopped) for trial in trials], indent=4)


def to_csv(trials: Sequence[Trial], settings: Settings, *, stopped: Collection[int] = ()) -> str:
    """Returns trials as a table in text: a row for each, a column for each metric and decision.

    A metric with the name of another column is ``metrics.NAME``, and no cell is one that a spreadsheet would run.
    """
    rows = [_to_row(trial, settings, stopped) for trial in trials]
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["id", "state"]
    return rows_to_csv(names, [[row.get(name, "") for name in names] for row in rows]).rstrip("\n")


def print_table(
    console: Console,
    title: str,
    trials: Sequence[Trial],
    settings: Settings,
    *,
    stopped: Collection[int] = (),
) -> None:
    """Prints trials for people."""
    metrics = list(dict.fromkeys(name for trial in trials for name in list_metrics(trial, settings)))
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    of_search = [SOURCE] if any(find_source(trial) is not None for trial in trials) else []
    for name in ("trial", *of_search, "state", *metrics, "seconds"):
        table.add_column(escape(name), justify="right")
    table.add_column("decisions, or why not", overflow="fold")
    for trial in trials:
        found = list_metrics(trial, settings)
        seconds = "-" if trial.seconds is None else f"{trial.seconds:.1f}"
        text = summarize(trial) if trial.reason is None else trial.reason
        numbers = [say(found.get(name)) for name in metrics]
        state = STATES[trial.status] + (", stopped" if trial.id in stopped else "")
        source = [str(find_source(trial) or "-")] if of_search else []
        table.add_row(str(trial.id), *source, state, *numbers, seconds, escape(text))
    console.print(table)


def _to_row(trial: Trial, settings: Settings, stopped: Collection[int]) -> Mapping[str, Any]:
    source = find_source(trial)
    metrics = list_metrics(trial, settings)
    own = {"reward"} if settings.rules.metric in trial.metrics else set()  # the trial's, and no report's
    return {
        "id": trial.id,
        **({} if source is None else {SOURCE: source}),
        "state": STATES[trial.status],
        **{_name_column(name, COLUMNS - own): value for name, value in metrics.items()},
        "step": trial.metrics.get(STEP, ""),
        "seconds": "" if trial.seconds is None else round(trial.seconds, 3),
        "attempts": trial.attempts,
        "stopped": "yes" if trial.id in stopped else "",
        "reason": trial.reason or "",
        **{f"params.{path}": value for path, value in trial.decisions.to_params().items()},
    }


def _name_column(metric: str, taken: set[str]) -> str:
    is_taken = metric in taken or metric.startswith(("params.", "metrics."))
    return f"metrics.{metric}" if is_taken else metric


def _to_zulu(time: str) -> str:
    return time.replace("+00:00", "Z")
