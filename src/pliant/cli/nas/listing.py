"""The trials of a job as a list: JSON as the service writes it, a table, or CSV.  Reads; starts nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pliant.study import Study, Trial

from ..text import say, summarize
from .measure import STEP
from .settings import Settings

STATES = {"completed": "SUCCEEDED", "failed": "INFEASIBLE", "running": "ACTIVE"}
"""The service's names for what a trial is."""


def choose(study: Study, state: str, count: int) -> list[Trial]:
    """Returns the trials of a state, the best first and those without reward behind, at most ``count``; 0 for all."""
    wanted = [trial for trial in study.trials() if state in ("ALL", STATES[trial.status])]
    sign = -1.0 if study.maximize else 1.0
    wanted.sort(key=lambda trial: (trial.reward is None, sign * (trial.reward or 0.0), trial.id))
    return wanted[:count] if count else wanted


def to_data(trial: Trial, stage: str, settings: Settings) -> dict[str, Any]:
    """Returns a trial in the service's form; one that failed has its ``reason``, too."""
    entry: dict[str, Any] = {"id": str(trial.id), "state": STATES[trial.status]}
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
    name = "searchTrial" if stage == "search" else "trainTrial"
    return {"name": f"nas/{stage}/{trial.id}", "parameters": trial.decisions.to_params_str(), name: entry}


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


def to_json(trials: Iterable[Trial], stage: str, settings: Settings) -> str:
    """Returns trials as the service's JSON list."""
    return json.dumps([to_data(trial, stage, settings) for trial in trials], indent=4)


def to_csv(trials: Sequence[Trial], settings: Settings) -> str:
    """Returns trials as a table in text: a row for each, a column for each metric and decision."""
    rows = [_to_row(trial, settings) for trial in trials]
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["id", "state"]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def print_table(console: Console, title: str, trials: Sequence[Trial], settings: Settings) -> None:
    """Prints trials for people."""
    metrics = list(dict.fromkeys(name for trial in trials for name in list_metrics(trial, settings)))
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("trial", "state", *metrics, "seconds"):
        table.add_column(escape(name), justify="right")
    table.add_column("decisions, or why not", overflow="fold")
    for trial in trials:
        found = list_metrics(trial, settings)
        seconds = "-" if trial.seconds is None else f"{trial.seconds:.1f}"
        text = summarize(trial) if trial.reason is None else trial.reason
        numbers = [say(found.get(name)) for name in metrics]
        table.add_row(str(trial.id), STATES[trial.status], *numbers, seconds, escape(text))
    console.print(table)


def _to_row(trial: Trial, settings: Settings) -> Mapping[str, Any]:
    return {
        "id": trial.id,
        "state": STATES[trial.status],
        **list_metrics(trial, settings),
        "step": trial.metrics.get(STEP, ""),
        "seconds": "" if trial.seconds is None else round(trial.seconds, 3),
        "attempts": trial.attempts,
        "reason": trial.reason or "",
        **{f"params.{path}": value for path, value in trial.decisions.to_params().items()},
    }


def _to_zulu(time: str) -> str:
    return time.replace("+00:00", "Z")
