"""Searches a proxy task: each that is proposed trains the reference models, until it is clear how well it orders them.

The best is the one that reaches a goal in the shortest time.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from pliant.study import Trial

from ..fault import NasError
from ..folder import JobFolder
from .agreement import (
    MIN_SHARE,
    MIN_VALUES,
    SUCCESSES,
    End,
    Goals,
    Moment,
    correlate,
    find_end,
    find_settled,
    is_enough,
    trace,
)
from .batch import PATIENCE, Board, Learned, Source, Supervisor, write_hours, write_percent
from .curve import Curve
from .generator import Candidate, generate
from .state import HuntState, Keeper, Model, Proxy, SelectionState
from .tool import DONE, FAILED, Tool, find_latency

COMPLETED, TOO_FEW, LATENCY = "completed", "too few models", "latency correlation"
NOW = 0.01  # percent: at once


@dataclasses.dataclass(frozen=True, slots=True)
class References:
    """The models that proxy tasks are held to.

    Attributes:
      folder: of the job that trained them in full.
      models: with their accuracies and latencies, by number.
      latency_metric: which metric is the latency; None without one.
    """

    folder: JobFolder
    models: tuple[Model, ...]
    latency_metric: str | None

    @property
    def accuracies(self) -> list[float | None]:
        """Of full training; None for a model that failed."""
        return [model.accuracy for model in self.models]

    @property
    def latencies(self) -> list[float | None]:
        """Of the models of full training; None where there is none."""
        return [model.latency for model in self.models]


def load_references(folder: Path) -> References:
    """Returns the models that a selection chose.

    Raises:
      NasError: there is no selection, it is not complete, or has too few models.
    """
    state = Keeper(folder).load(SelectionState)
    if not state.is_complete:
        raise NasError(
            f"the selection in {str(folder)!r} is not complete: `pliant nas select-proxy-models "
            f"--previous_model_selection_dir={folder}` goes on."
        )
    last = state.rounds[-1]
    count = sum(model.accuracy is not None for model in last.models)
    if not is_enough(count, len(last.models)):
        raise NasError(
            f"{count} of {len(last.models)} reference models in {str(folder)!r} were trained in full; a rank correlation needs "
            f"{MIN_VALUES}, and {MIN_SHARE:.0%} of them. Select others."
        )
    return References(JobFolder(folder / last.folder), last.models, state.latency_metric)


class Chase(Supervisor):
    """Trains the models of a proxy task until it is known where it can end.

    Args:
      references: the models of full training.
      goals: when it can end.
      hours: that a trial may train.
    """

    def __init__(self, references: References, goals: Goals, hours: float) -> None:
        self.accuracies, self.goals, self.hours = references.accuracies, goals, hours
        self.end: End | None = None
        self._seen: object = None
        self._told: dict[
            int, int | None
        ] = {}  # how many points a trial had, some time after it was told to stop

    def order(self, trial: Trial, home: Path) -> None:
        """See ``Supervisor``."""
        write_hours(home, self.hours)
        self._told.pop(trial.id, None)
        if self.end is not None:
            self._tell(trial, home)

    def look(self, board: Board, trial: Trial, home: Path) -> bool:
        """See ``Supervisor``."""
        if self.end is None:
            self._judge(board)
        if self.end is None:
            return False
        if trial.id not in self._told:
            self._tell(trial, home)
            return False
        curve = board.curves.get(trial.id)
        count = 0 if curve is None else len(curve.points)
        before = self._told[trial.id]
        if before is None:
            self._told[trial.id] = before = count
        return count >= before + PATIENCE

    def _tell(self, trial: Trial, home: Path) -> None:
        write_percent(home, NOW)
        self._told[trial.id] = None

    def _judge(self, board: Board) -> None:
        seen = (len(board.ended), [(number, len(curve.points)) for number, curve in board.curves.items()])
        if seen == self._seen:
            return
        self._seen = seen
        numbers = range(1, board.count + 1)
        curves = [board.curves.get(number) for number in numbers]
        settled = find_settled(curves, [number not in board.ended for number in numbers])
        if not can_tell(self.accuracies, [number in board.failed for number in numbers]):
            self.end = End(TOO_FEW)
        else:
            self.end = find_end(trace(curves, self.accuracies, settled), self.goals)


def can_tell(accuracies: Sequence[float | None], failed: Sequence[bool]) -> bool:
    """Returns whether enough models are left for a correlation."""
    count = sum(
        accuracy is not None and not fails for accuracy, fails in zip(accuracies, failed, strict=True)
    )
    return is_enough(count, len(accuracies))


def hunt(tool: Tool) -> int:
    """Goes on with the search until all proxy tasks were tried; returns the exit code.

    Raises:
      NasError: the user's function or the references are not right, or the folder cannot be read or written.
      StudyError: a study cannot be read or written.
    """
    keeper = Keeper(tool.folder)
    state = keeper.load(HuntState)
    references = load_references(Path(state.selection))
    flags, folder = tool.settings.search_flags, tool.settings.trainer.folder
    for candidate in generate(state.generator, folder, flags):
        state = begin_proxy(state, candidate)
        keeper.save(state)  # before anything runs: whatever happens then, the same folder goes on
        proxy = find_proxy(state, candidate.name)
        if proxy.end is not None:
            continue
        tool.say(f"Proxy task {proxy.name}, in {proxy.folder}")
        chase = Chase(references, make_goals(state), state.hours)
        batch = tool.batch(
            proxy.folder,
            len(references.models),
            source=Source(references.folder, tuple(model.trial for model in references.models)),
            max_failures=0,
            search_flags=proxy.flags,
        )
        ending = batch.run(chase, tool.console)
        if ending.how != "complete":
            return tool.stop(ending, batch)
        proxy = end_proxy(state, proxy, batch.results(), references)
        state = replace_proxy(state, proxy)
        keeper.save(state)
    _print_proxies(tool, state)
    return DONE if find_best(state) else FAILED


def begin_proxy(state: HuntState, candidate: Candidate) -> HuntState:
    """Returns the state with a proxy task in it, where it is not there yet.

    Raises:
      NasError: it is there with other flags.
    """
    for known in state.proxies:
        if known.name == candidate.name:
            if dict(known.flags) != candidate.flags:
                raise NasError(
                    f"{state.generator} gives the proxy task {candidate.name!r} other flags than when it was begun: "
                    f"{candidate.flags!r:.200}, then {dict(known.flags)!r:.200}. Restore it, or give it another name."
                )
            return state
    new = Proxy(candidate.name, candidate.flags, f"proxy_{len(state.proxies) + 1}")
    return dataclasses.replace(state, proxies=(*state.proxies, new))


def find_proxy(state: HuntState, name: str) -> Proxy:
    """Returns a proxy task by its name."""
    return next(proxy for proxy in state.proxies if proxy.name == name)


def replace_proxy(state: HuntState, new: Proxy) -> HuntState:
    """Returns the state with what came of a proxy task."""
    return dataclasses.replace(
        state, proxies=tuple(new if proxy.name == new.name else proxy for proxy in state.proxies)
    )


def find_best(state: HuntState) -> Proxy | None:
    """Returns the proxy task that reaches a goal in the shortest time, of equals the first; None where none reaches one."""
    good = [proxy for proxy in state.proxies if proxy.end is not None and proxy.end.how in SUCCESSES]
    return min(good, key=_hours, default=None)


def make_goals(state: HuntState) -> Goals:
    """Returns when the next proxy task can end."""
    best = find_best(state)
    return Goals(
        state.desired_correlation,
        state.desired_accuracy,
        state.hours,
        best.end.hours if best and best.end and state.stops_slower else None,
    )


def end_proxy(state: HuntState, proxy: Proxy, results: Sequence[Learned], references: References) -> Proxy:
    """Returns a proxy task with what came of it."""
    curves: list[Curve | None] = [one.curve for one in results]
    goals = make_goals(state)
    moments = cut(trace(curves, references.accuracies), goals)
    end = find_end(moments, goals)
    if end is None:
        enough = can_tell(references.accuracies, [curve is None for curve in curves])
        end = End(COMPLETED if enough else TOO_FEW)
    latencies = [
        None
        if one.curve is None
        else find_latency(one.curve.latency, one.trial.metrics, references.latency_metric)
        for one in results
    ]
    found = correlate(latencies, references.latencies)
    correlation = None if math.isnan(found) else found
    wanted = state.desired_latency_correlation
    is_asked = wanted is not None and any(latency is not None for latency in references.latencies)
    if (
        is_asked
        and wanted is not None
        and end.how in SUCCESSES
        and (correlation is None or correlation < wanted)
    ):
        end = End(LATENCY)
    return dataclasses.replace(proxy, end=end, moments=moments, latency_correlation=correlation)


def cut(moments: tuple[Moment, ...], goals: Goals) -> tuple[Moment, ...]:
    """Returns the moments up to the one that ends a proxy task: how far models went beyond it depends on how quick they were."""
    count = next((n for n in range(1, len(moments) + 1) if find_end(moments[:n], goals)), len(moments))
    return moments[:count]


def _hours(proxy: Proxy) -> float:
    hours = proxy.end.hours if proxy.end else None
    return math.inf if hours is None else hours


def _print_proxies(tool: Tool, state: HuntState) -> None:
    best = find_best(state)
    table = Table(title="Proxy tasks")
    for name in ("", "name", "ended by", "at step", "hours", "correlation", "of latency"):
        table.add_column(name)
    for proxy in state.proxies:
        end = proxy.end or End("")
        table.add_row(
            "best" if proxy is best else "",
            proxy.name,
            end.how,
            "" if end.step is None else str(end.step),
            "" if end.hours is None else f"{end.hours:.4g}",
            f"{max(moment.correlation for moment in proxy.moments):.3f}" if proxy.moments else "",
            "" if proxy.latency_correlation is None else f"{proxy.latency_correlation:.3f}",
        )
    tool.console.print(table)
    if best is None or best.end is None:
        tool.say(f"No proxy task reaches a goal. What each did is in {tool.folder / HuntState.FILE}")
        return
    flags = " ".join(f"{name}={value}" for name, value in best.flags.items())
    tool.say(f"The best is {best.name}: train to step {best.end.step} with --search_docker_flags {flags}")
