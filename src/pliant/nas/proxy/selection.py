"""Selects reference models: trains many random ones a little, drops similar ones, and trains the rest further, to the end.

A proxy task is good if it ranks the reference models as their full training does (``search``).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pliant.values.errors import listing

from ..errors import NasError
from ..folder import JobFolder
from ..trainer import Source
from .supervision import CHECKPOINT, MIN_VALID, Tool, Training, UpTo, find_latency, list_reasons

MAX_FAILURE_SHARE = 5  # one model in five may fail: 6 of 30
MIN_KEPT = 2
Score = tuple[float, float]
"""Accuracy and latency of a model."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that was trained in a round."""

    trial: int  # its trial in the round
    origin: int  # its trial in the first round
    accuracy: float | None = None  # at the end of the round; None if it failed
    latency: float | None = None  # None if it failed, or without a latency metric


@dataclass(frozen=True, slots=True)
class Round:
    """A round of the selection."""

    folder: str  # its name
    count: int  # the number of models
    percent: float  # of the training, at which it ends
    models: tuple[Model, ...] = ()  # their results; empty until it has ended
    kept: tuple[int, ...] = ()  # trials that continue


@dataclass(frozen=True, slots=True)
class SelectionState:
    """A selection of models."""

    FILE: ClassVar[str] = "MODEL_SELECTION_STATE.json"
    KIND: ClassVar[str] = "selection of models"
    start: int  # the number of models in the first round
    final: int  # the number of models that are trained in full
    each: int  # the number of models that are dropped after a round
    latency_metric: str | None = None  # None to compare accuracies only
    rounds: tuple[Round, ...] = ()  # those that have started

    @property
    def is_complete(self) -> bool:
        """Whether the last models are trained in full."""
        return bool(self.rounds) and self.rounds[-1].percent >= 100 and bool(self.rounds[-1].models)


def select_models(tool: Tool) -> None:
    """Runs the remaining rounds.

    Raises:
      NasError: too many models failed, or the folder cannot be read or written.
      StudyError: a study cannot be read or written.
    """
    state = tool.load(SelectionState)
    while not state.is_complete:
        if not state.rounds or state.rounds[-1].models:
            count, percent = state.start, 0.0
            if state.rounds:
                count, percent = len(state.rounds[-1].kept), state.rounds[-1].percent
            new = Round(f"round_{len(state.rounds) + 1}", count, next_percent(percent, count, state.final))
            state = dataclasses.replace(state, rounds=(*state.rounds, new))
            tool.save(state)
        now = state.rounds[-1]
        tool.screen.say(f"{now.folder}: trains {now.count} models to {now.percent:.4g} %.")
        state = _end_round(state, _train_round(tool, state))
        tool.save(state)
    _show_models(tool, state)


def _train_round(tool: Tool, state: SelectionState) -> list[Training]:
    """Trains the models of the last round; after the first one, they continue from checkpoints."""
    now, more, source = state.rounds[-1], {}, None
    if len(state.rounds) > 1:
        before = state.rounds[-2]
        source = Source(JobFolder(tool.folder / before.folder), before.kept)
        more = {"search_flags": {**tool.settings.search_flags, CHECKPOINT: "True"}}
    allowed = min(state.start // MAX_FAILURE_SHARE, now.count)
    return tool.train(now.folder, now.count, UpTo(now.percent), source, max_failures=allowed + 1, **more)


def _end_round(state: SelectionState, trainings: list[Training]) -> SelectionState:
    """Returns the state with the results of the last round, and the models that continue."""
    now, before = state.rounds[-1], state.rounds[-2] if len(state.rounds) > 1 else None
    models = []
    for one in trainings:
        number = one.trial.id
        old = None if before is None else before.models[before.kept[number - 1] - 1]
        model = Model(number, number if old is None else old.origin)
        if one.curve is not None:
            accuracy = one.trial.reward if now.percent >= 100 else one.curve.accuracy_at_percent(now.percent)
            latency = find_latency(one, state.latency_metric)
            if latency is None and old is not None:
                latency = old.latency
            model = dataclasses.replace(model, accuracy=accuracy, latency=latency)
        models.append(model)
    scores: dict[int, Score] = {
        model.trial: (model.accuracy, model.latency or 0.0)
        for model in models
        if model.accuracy is not None and (model.latency is not None or state.latency_metric is None)
    }
    if not scores or len(scores) < MIN_VALID * len(models):
        raise _too_few_valid(state, len(scores), trainings)
    remove = count_removed(len(models), len(models) - len(scores), final=state.final, each=state.each)
    done = dataclasses.replace(now, models=tuple(models), kept=choose_kept(scores, remove))
    return dataclasses.replace(state, rounds=(*state.rounds[:-1], done))


def _too_few_valid(state: SelectionState, count: int, trainings: Sequence[Training]) -> NasError:
    wanted = "an accuracy" if state.latency_metric is None else f"an accuracy and {state.latency_metric!r}"
    reasons = list_reasons(trainings)
    names = sorted({name for one in trainings for name in one.trial.metrics})
    return NasError(
        f"{count} of {len(trainings)} models have {wanted} at {state.rounds[-1].percent:.4g} % of training; "
        f"{MIN_VALID:.0%} are needed. {reasons[-1] + '. ' if reasons else ''}The trainer reported {listing(names)}. It must "
        "report before it stops at pliant.nas.trial.should_stop. Fix the trainer, and start again."
    )


def _show_models(tool: Tool, state: SelectionState) -> None:
    last = state.rounds[-1]
    rows = []
    for model in last.models:
        if model.trial in last.kept:
            latency = "" if model.latency is None else f"{model.latency:.4g}"
            rows.append([str(model.trial), str(model.origin), f"{model.accuracy:.4f}", latency])
    tool.screen.show_table("Reference models", ["trial", "trial of round 1", "accuracy", "latency"], rows)
    tool.screen.say(f"They are in {tool.folder / last.folder}")
    tool.screen.say(
        f"Next, try proxy tasks on them: `pliant nas search-proxy-task --proxy_task_model_selection_job_id={tool.folder} ...`."
    )


# ---------------------------------------------------------------- arithmetic


def normalize(scores: Sequence[Score]) -> list[Score]:
    """Returns scores with each of their two numbers scaled to 0 ... 1; a constant one becomes 0.

    >>> normalize([(0.25, 10.0), (0.5, 30.0), (0.75, 20.0)])
    [(0.0, 0.0), (0.5, 1.0), (1.0, 0.5)]
    """
    columns = [scale(column) for column in zip(*scores, strict=True)]
    return [(accuracy, latency) for accuracy, latency in zip(*columns, strict=True)]


def scale(values: Sequence[float]) -> list[float]:
    """Returns values scaled to 0 ... 1; zeros if they are constant."""
    low, width = min(values), max(values) - min(values)
    return [(value - low) / width if width > 0 else 0.0 for value in values]


def find_redundant(scores: Sequence[Score]) -> int:
    """Returns the index of the most redundant score.

    Of the closest pair, it is the one whose second neighbour is closer; of equal pairs the first.

    >>> find_redundant([(0.0, 0.0), (0.5, 0.5), (0.6, 0.6), (1.0, 1.0)])  # 0.6 is closer to 1.0 than 0.5 is to 0.0
    2

    Args:
      scores: at least three.
    """
    nearest = []
    for index, score in enumerate(scores):
        others = sorted((math.dist(score, other), n) for n, other in enumerate(scores) if n != index)
        nearest.append((others[0], others[1][0]))
    first = min(range(len(scores)), key=lambda index: nearest[index][0][0])
    second = nearest[first][0][1]
    return first if nearest[first][1] < nearest[second][1] else second


def choose_kept(scores: Mapping[int, Score], remove: int) -> tuple[int, ...]:
    """Returns the models to keep, so that they still cover the range of accuracies and latencies.

    >>> choose_kept({1: (0.1, 5.0), 2: (0.5, 5.0), 3: (0.52, 5.0), 4: (0.9, 5.0)}, remove=2)
    (1, 4)

    Args:
      scores: by model.
      remove: the number of models that are dropped, one after the other; two always stay.
    """
    numbers = sorted(scores)
    points = normalize([scores[number] for number in numbers])
    for _ in range(min(remove, len(numbers) - MIN_KEPT)):
        index = find_redundant(points)
        del numbers[index], points[index]
    return tuple(numbers)


def next_percent(before: float, count: int, final: int) -> float:
    """Returns to which part of its training each of ``count`` models is trained in the next round.

    A round costs one full training, 100 / count percent for each model; the ``final`` models are trained to the end.

    >>> next_percent(0.0, 30, 10), next_percent(25.0, 20, 10), next_percent(30.0, 10, 10)
    (3.3333333333333335, 30.0, 100.0)
    """
    return 100.0 if count <= final else min(before + 100.0 / count, 100.0)


def count_removed(count: int, invalid: int, *, final: int, each: int) -> int:
    """Returns how many valid models are dropped after a round with ``invalid`` models, which are dropped anyway.

    >>> count_removed(30, 0, final=10, each=5), count_removed(30, 2, final=10, each=5), count_removed(12, 3, final=10, each=5)
    (5, 3, 0)
    """
    return max(min(each, count - final) - invalid, 0)
