"""Runs the trials of a command: in this process, one after another, or in worker processes."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, final

from pliant.launch import Channel, Job, Limits, Outcome, Processes
from pliant.study import Trial
from pliant.study.interrupts import undisturbed
from pliant.study.run import Patience, Result, read_call, run
from pliant.study.walltime import Walltime
from pliant.study.writable import Writable
from pliant.tune.progress import Display
from pliant.values.errors import FieldTypeError, RewardError, quote

from .target import Target, explain, load_target

ADVICE = "Fix this and run the same command again: it continues with the next trial."
PRELOAD = ("pliant.cli.trials", "pliant.tune.worker")  # what workers share; each loads the user's file itself


def run_trials(search: Any, study: Writable, evaluate: Callable[..., Any], display: Display) -> None:
    """Runs the remaining trials of a search, also after failures; raises EvaluationError if the first trials all failed."""
    from pliant.tune.worker import takes_feedback

    patience = Patience(study, ADVICE)
    has_two = takes_feedback(evaluate)
    for program, feedback in search:
        trace = ""
        try:
            found = evaluate(program, feedback) if has_two else evaluate(program)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the search continues after any error of a program
            trace = "".join(traceback.format_exception(error))
            feedback.is_told or feedback.skip(explain(error), cause="error")
        else:
            _tell(feedback, found)
        trial = study.trial(feedback.id)
        display.add(trial)
        patience.note(trial, trace)


def _tell(feedback: Any, found: Any) -> None:
    """Tells the reward of a program, or that it is not a valid one."""
    from pliant.tune.worker import split_metrics

    if found is None and feedback.is_told:
        return
    reward, metrics = split_metrics(found)
    try:
        feedback(reward, metrics=metrics)
    except (RewardError, FieldTypeError) as error:
        feedback.skip(explain_reward(reward, error), cause="reward")


def explain_reward(reward: Any, error: Exception) -> str:
    """Returns why the result of ``evaluate`` is not a valid reward of this search."""
    text = quote(reward, 60)
    if not _is_finite(reward):
        return f"evaluate returned {text} of type {type(reward).__name__}; a reward is a finite number"
    if isinstance(error, RewardError) and error.takes_one:
        return (
            f"evaluate returned {text}: {error.fault} Combine them into one number, or use an algorithm for several "
            "objectives, such as --algorithm nsga2."
        )
    return f"evaluate returned {text}: {error.fault if isinstance(error, RewardError) else error}"


def _is_finite(reward: Any) -> bool:
    """Returns whether all numbers of a reward are finite, so that only their count can be wrong."""
    numbers = reward if isinstance(reward, (tuple, list)) else [reward]
    return bool(numbers) and all(
        isinstance(number, (int, float)) and math.isfinite(number) for number in numbers
    )


@final
@dataclass(frozen=True, slots=True)
class Pool:
    """Worker processes: how many, the limits of each evaluation, and what each of them has."""

    workers: int
    limits: Limits
    gpus: float | None = None  # each; None for all, shared
    cpus: int = 1  # threads of each


def describe_target(target: Target, space: Path | None) -> dict[str, str]:
    """Returns what a worker needs to load the same file again, as JSON."""
    file = getattr(target.module, "__file__", None)
    place = str(file) if target.label.endswith(".py") and file else target.label
    return {"target": f"{place}:{target.space_name}", "space": "" if space is None else str(space.resolve())}


def run_in_workers(
    search: Any,
    sent: dict[str, Any],
    pool: Pool,
    display: Display,
    *,
    time_limit: float | None = None,
) -> None:
    """Runs what is left of a study in worker processes; after ``time_limit`` seconds starts no more.

    Args:
      search: what ``sample`` returned for the study, which is open for writing.
      sent: of ``describe_target``.
      pool: the workers.
      display: shows the trials that ended.
      time_limit: in seconds.

    Raises:
      EvaluationError: the first trials all failed.
      KeyboardInterrupt: it was interrupted; after the first Ctrl-C, the trials that ran have ended.
    """
    from pliant.tune.parallel import announce
    from pliant.tune.source import StudySource, find_reason, remove_files
    from pliant.tune.worker import make_job

    source: StudySource = search._source
    study = source.study
    traces: dict[int, str] = {}
    patience = Patience(study, ADVICE)

    def read(trial: Trial, outcome: Outcome) -> Result:
        said = outcome.value if isinstance(outcome.value, dict) else {}
        traces[trial.id] = str(said.get("trace", outcome.tail))
        return read_call(trial, outcome)

    walltime = Walltime.of_environment()
    if walltime is not None:
        for earlier in study.trials():
            walltime.note(earlier.seconds)

    def on_end(trial: Trial) -> None:
        display.add(trial)
        remove_files(source)
        patience.note(trial, traces.pop(trial.id, ""))

    launcher = Processes(pool.workers, preload=PRELOAD, threads=pool.cpus, gpus_per_worker=pool.gpus)
    try:
        job = partial(make_job, evaluate_target, {**sent, "files": source.storage.describe()}, pool.limits)

        def jobs(trial: Trial) -> Job:
            return job(trial, parent_id=source.find_parent(trial))

        given: dict[str, Any] = {"read": read, "on_end": on_end, "on_interrupt": announce}
        given |= {"walltime": walltime, "stop": partial(find_reason, source)}
        ending = run(study, launcher, jobs, timeout_seconds=time_limit, **given)
    finally:
        undisturbed(launcher.close)
    if ending.how == "interrupted":
        raise KeyboardInterrupt
    source.how, source.ended = ending.how, ending.message.replace("Stopped", "stopped", 1).rstrip(".")


def evaluate_target(payload: Any, channel: Channel) -> dict[str, Any]:
    """Evaluates one program of a user's file, in a worker; returns what ``read_call`` takes."""
    from pliant.tune import check_reward
    from pliant.tune.worker import read_result, run_one, split_metrics

    template, evaluate = _load(payload["target"], payload["space"])
    try:
        found, told = run_one(evaluate, template, payload, channel)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # as in `run_trials`, with the place in the user's file
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
