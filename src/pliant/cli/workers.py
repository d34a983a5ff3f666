"""Runs the trials of a command in worker processes; ``trials`` runs them in this process, one at a time."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, final

from pliant.launch import Channel, Limits, Outcome, Processes
from pliant.study import Study, Trial
from pliant.study.run import Patience, Result, read_call, run, undisturbed
from pliant.tune.progress import Display
from pliant.values.errors import RewardError

from .target import Target, explain, load_target
from .trials import ADVICE, explain_reward

PRELOAD = (
    "pliant.cli.workers",
    "pliant.tune.worker",
)  # what workers share; each loads the user's file itself


@final
@dataclass(frozen=True, slots=True)
class Pool:
    """Worker processes: how many, and the limits of each evaluation."""

    workers: int
    limits: Limits


def describe_target(target: Target, space: Path | None) -> dict[str, str]:
    """Returns what a worker needs to load the same file again, as JSON."""
    file = getattr(target.module, "__file__", None)
    place = str(file) if target.label.endswith(".py") and file else target.label
    return {"target": f"{place}:{target.space_name}", "space": "" if space is None else str(space.resolve())}


def run_in_workers(study: Study, sent: dict[str, str], pool: Pool, display: Display) -> None:
    """Runs what is left of a study in worker processes.

    Raises:
      EvaluationError: the first trials all failed.
      KeyboardInterrupt: it was interrupted; after the first Ctrl-C, the trials that ran have ended.
    """
    from pliant.tune.parallel import announce
    from pliant.tune.worker import make_job

    traces: dict[int, str] = {}
    patience = Patience(study, ADVICE)

    def read(trial: Trial, outcome: Outcome) -> Result:
        said = outcome.value if isinstance(outcome.value, dict) else {}
        traces[trial.id] = str(said.get("trace", outcome.tail))
        return read_call(trial, outcome)

    def on_end(trial: Trial) -> None:
        display.add(trial)
        patience.note(trial, traces.pop(trial.id, ""))

    launcher = Processes(pool.workers, preload=PRELOAD)
    try:
        jobs = partial(make_job, evaluate_target, sent, pool.limits)
        ending = run(study, launcher, jobs, read=read, on_end=on_end, on_interrupt=announce)
    finally:
        undisturbed(launcher.close)
    if ending.how == "interrupted":
        raise KeyboardInterrupt


def evaluate_target(payload: Any, channel: Channel) -> dict[str, Any]:
    """Evaluates one program of a user's file, in a worker; returns what ``read_call`` takes."""
    from pliant.tune import check_reward
    from pliant.tune.worker import read_result, run_one, split_metrics

    template, evaluate = _load(payload["target"], payload["space"])
    try:
        found, told = run_one(evaluate, template, payload, channel)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # as in `trials`, and with the place in the user's file
        return {"failed": explain(error), "trace": "".join(traceback.format_exception(error))}
    if told is not None:
        return told
    reward, _ = split_metrics(found)
    try:
        check_reward(reward)
    except RewardError as error:
        return {"failed": explain_reward(reward, error), "cause": "reward"}
    return read_result(found)


@lru_cache(maxsize=2)
def _load(target: str, space: str) -> tuple[Any, Callable[..., Any]]:
    from pliant.hyper.template import Template

    from .opening import open_file, open_space

    loaded = load_target(target)
    opened = open_file(Path(space)) if space else open_space(loaded.make_space())
    return Template(opened.program), loaded.function("evaluate")
