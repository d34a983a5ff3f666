"""Chooses reference models: trains many a little, lets those go that are like others, and trains the rest further.

In the end a few are trained in full; a proxy task is good if it puts those in the same order (``hunt``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from rich.table import Table

from pliant.values.errors import listing

from ..fault import NasError
from ..folder import JobFolder
from .batch import Batch, Learned, Source, UpTo
from .spread import Score, choose_kept, count_removed, next_percent
from .state import Keeper, Model, Round, SelectionState
from .tool import DONE, MAX_FAILURE_SHARE, MIN_VALID, Tool, find_latency

CHECKPOINT = "retrain_use_search_job_checkpoint"


def select(tool: Tool) -> int:
    """Goes on with the selection until it is complete; returns the exit code.

    Raises:
      NasError: too many models failed, or the folder cannot be read or written.
      StudyError: a study cannot be read or written.
    """
    keeper = Keeper(tool.folder)
    state = keeper.load(SelectionState)
    while not state.is_complete:
        if not state.rounds or state.rounds[-1].models:
            state = begin_round(state)
            keeper.save(state)
        now = state.rounds[-1]
        tool.say(f"{now.folder}: {now.count} models, each trained to {now.percent:.4g} %.")
        batch = make_batch(tool, state)
        ending = batch.run(UpTo(now.percent), tool.console)
        if ending.how != "complete":
            return tool.stop(ending, batch)
        state = end_round(state, batch.results())
        keeper.save(state)
    _print_models(tool, state)
    return DONE


def begin_round(state: SelectionState) -> SelectionState:
    """Returns the state with one more round, in which the models are trained that the one before kept."""
    before = state.rounds[-1] if state.rounds else None
    count = len(before.kept) if before else state.start
    percent = next_percent(before.percent if before else 0.0, count, state.final)
    new = Round(f"round_{len(state.rounds) + 1}", count, percent)
    return dataclasses.replace(state, rounds=(*state.rounds, new))


def make_batch(tool: Tool, state: SelectionState) -> Batch:
    """Returns the trials of the last round; from the second round on, those that were kept, from their checkpoints."""
    now = state.rounds[-1]
    allowed = min(state.start // MAX_FAILURE_SHARE, now.count)
    if len(state.rounds) == 1:
        return tool.batch(now.folder, now.count, max_failures=allowed + 1)
    before = state.rounds[-2]
    return tool.batch(
        now.folder,
        now.count,
        source=Source(JobFolder(tool.folder / before.folder), before.kept),
        max_failures=allowed + 1,
        search_flags={**tool.settings.search_flags, CHECKPOINT: "True"},
    )


def end_round(state: SelectionState, results: list[Learned]) -> SelectionState:
    """Returns the state with what came of the last round, and which models go on.

    Raises:
      NasError: less than 70 % of the models are valid.
    """
    now = state.rounds[-1]
    before = state.rounds[-2] if len(state.rounds) > 1 else None
    known = {model.origin: model.latency for model in before.models} if before else {}
    models = []
    for one in results:
        number = one.trial.id
        origin = before.models[before.kept[number - 1] - 1].origin if before else number
        models.append(_judge(one, state, origin, known))
    needs_latency = state.latency_metric is not None
    scores: dict[int, Score] = {
        model.trial: (model.accuracy, model.latency or 0.0)
        for model in models
        if model.accuracy is not None and (model.latency is not None or not needs_latency)
    }
    if not scores or len(scores) < MIN_VALID * len(models):
        raise NasError(_explain_invalid(state, now, len(scores), results))
    remove = count_removed(len(models), len(models) - len(scores), final=state.final, each=state.each)
    done = dataclasses.replace(now, models=tuple(models), kept=choose_kept(scores, remove))
    return dataclasses.replace(state, rounds=(*state.rounds[:-1], done))


def _judge(one: Learned, state: SelectionState, origin: int, known: Mapping[int, float | None]) -> Model:
    trial, curve, percent = one.trial, one.curve, state.rounds[-1].percent
    if curve is None:
        return Model(trial.id, origin)
    accuracy = trial.reward if percent >= 100 else curve.accuracy_at_percent(percent)
    latency = find_latency(curve.latency, trial.metrics, state.latency_metric)
    return Model(trial.id, origin, accuracy, known.get(origin) if latency is None else latency)


def _explain_invalid(state: SelectionState, now: Round, count: int, results: list[Learned]) -> str:
    reasons = [
        f"trial {one.trial.id}: {one.trial.reason}"
        for one in results
        if one.curve is None and one.trial.reason
    ]
    wanted = "an accuracy" if state.latency_metric is None else f"an accuracy and {state.latency_metric!r}"
    names = sorted({name for one in results for name in one.trial.metrics})
    return (
        f"{count} of {len(results)} models have {wanted} at {now.percent:.4g} % of training, and {MIN_VALID:.0%} are needed. "
        f"{reasons[-1] + '. ' if reasons else ''}The trainer reported {listing(names)}. It stops where pliant.nas.trial.should_stop says so, after "
        "a report."
    )


def _print_models(tool: Tool, state: SelectionState) -> None:
    last = state.rounds[-1]
    table = Table(title="Reference models")
    for name in ("trial", "drawn as", "accuracy", "latency"):
        table.add_column(name, justify="right")
    for model in last.models:
        if model.trial in last.kept:
            latency = "" if model.latency is None else f"{model.latency:.4g}"
            table.add_row(str(model.trial), str(model.origin), f"{model.accuracy:.4f}", latency)
    tool.console.print(table)
    tool.say(f"They are in {tool.folder / last.folder}")
    tool.say(
        f"Next: `pliant nas search-proxy-task --proxy_task_model_selection_job_id={tool.folder} ...` tries proxy tasks on them."
    )
