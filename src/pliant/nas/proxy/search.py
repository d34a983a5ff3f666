"""Searches for a proxy task: each candidate trains the reference models until its rank correlation with full training is known.

The best one reaches a goal in the shortest time.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, final

from pliant.study import Trial
from pliant.values.errors import PliantError, quote, quote_typed

from ..errors import NasError
from ..folder import JobFolder
from ..records import read_record
from ..settings import format_flags
from ..trainer import Source
from . import correlation as rank
from .correlation import End, Goals, Moment
from .selection import SelectionState
from .supervision import PATIENCE, Supervisor, Tool, Training, find_latency, write_hours, write_percent

COMPLETED, TOO_FEW, LATENCY = "completed", "too few models", "latency correlation"
NOW = 0.01  # percent of training: stop after the next report
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")


class Candidate(NamedTuple):
    """A proxy task to try: its name, and the flags of the trainer."""

    name: str
    flags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy task that was started."""

    name: str  # given by the user
    flags: Mapping[str, str]  # of the trainer
    folder: str  # its name
    end: End | None = None  # where it ends; None while it runs
    moments: tuple[Moment, ...] = ()  # its rank correlations, by step
    latency_correlation: float | None = None  # of its models with those of full training; None if unknown


@dataclass(frozen=True, slots=True)
class SearchState:
    """A search for a proxy task; None skips a goal."""

    FILE: ClassVar[str] = "SEARCH_CONTROLLER_STATE.json"
    KIND: ClassVar[str] = "search for a proxy task"
    selection: str  # the folder of the reference models
    generator: str  # the function that returns the candidates
    hours: float  # that a model may train
    desired_correlation: float | None = None  # with the accuracies of full training
    desired_accuracy: float | None = None  # of the median model
    desired_latency_correlation: float | None = None  # with the latencies of full training
    stops_slower: bool = True  # whether a proxy task ends when it takes longer than the best one
    proxies: tuple[Proxy, ...] = ()  # those that were started, in order

    @property
    def best(self) -> Proxy | None:
        """The proxy task that reaches a goal in the shortest time, of equals the first; None if none does."""
        good = [proxy for proxy in self.proxies if proxy.end is not None and proxy.end.how in rank.SUCCESSES]
        return min(good, key=_get_hours, default=None)

    def replace(self, new: Proxy) -> SearchState:
        """Returns the state with a proxy task added, or in place of the one of its name."""
        kept = {proxy.name: proxy for proxy in self.proxies} | {new.name: new}
        return dataclasses.replace(self, proxies=tuple(kept.values()))

    def make_goals(self) -> Goals:
        """Returns the goals and limits of the next proxy task."""
        limit = self.best.end.hours if self.stops_slower and self.best and self.best.end else None
        return Goals(self.desired_correlation, self.desired_accuracy, self.hours, limit)


def load_references(folder: Path) -> SelectionState:
    """Returns a complete selection of models."""
    state = read_record(folder / SelectionState.FILE, SelectionState, f"a {SelectionState.KIND}")
    if not state.is_complete:
        raise NasError(
            f"the selection in {str(folder)!r} is not complete. To continue it: `pliant nas select-proxy-models "
            f"--previous_model_selection_dir={folder}`."
        )
    models = state.rounds[-1].models
    count = sum(model.accuracy is not None for model in models)
    if not rank.is_enough(count, len(models)):
        raise NasError(
            f"{count} of {len(models)} reference models in {str(folder)!r} were trained in full. A rank correlation needs "
            f"{rank.MIN_VALUES}, and {rank.MIN_SHARE:.0%} of them. Select other models."
        )
    return state


@final
class UntilEnd(Supervisor):
    """Trains the models of a proxy task until its end is known.

    Args:
      accuracies: of the models in full training.
      goals: and limits.
    """

    def __init__(self, accuracies: Sequence[float | None], goals: Goals) -> None:
        super().__init__()
        self.accuracies, self.goals = accuracies, goals
        self.proxy_end: End | None = None
        self._seen: object = None
        self._told: dict[int, int] = {}  # trial -> its number of points when it was told to stop

    def prepare(self, trial: Trial, home: Path) -> None:
        """See ``Supervisor``."""
        write_hours(home, self.goals.hours or 0.0)
        self._told.pop(trial.id, None)
        if self.proxy_end is not None:
            self._tell(trial, home, 0)

    def is_beyond(self, trial: Trial, home: Path) -> bool:
        """See ``Supervisor``."""
        if self.proxy_end is None:
            self._judge()
        if self.proxy_end is None:
            return False
        curve = self.curves.get(trial.id)
        count = 0 if curve is None else len(curve.points)
        if trial.id not in self._told:
            self._tell(trial, home, count)
        return count > self._told[trial.id] + PATIENCE

    def _tell(self, trial: Trial, home: Path, count: int) -> None:
        write_percent(home, NOW)
        self._told[trial.id] = count

    def _judge(self) -> None:
        seen = len(self.ended), [(number, len(curve.points)) for number, curve in self.curves.items()]
        if seen != self._seen:
            self._seen = seen
            numbers = range(1, len(self.accuracies) + 1)
            curves = [self.curves.get(number) for number in numbers]
            settled = rank.find_settled(curves, [number not in self.ended for number in numbers])
            self.proxy_end = rank.find_end(rank.trace(curves, self.accuracies, settled), self.goals)
            if not has_enough(self.accuracies, [number in self.failed for number in numbers]):
                self.proxy_end = End(TOO_FEW)


def has_enough(accuracies: Sequence[float | None], failed: Sequence[bool]) -> bool:
    """Returns whether enough models are left for a correlation."""
    valid = [accuracy is not None and not fails for accuracy, fails in zip(accuracies, failed, strict=True)]
    return rank.is_enough(sum(valid), len(valid))


def read_candidates(
    function: Callable[[dict[str, str]], Iterable[Any]], flags: Mapping[str, str], name: str
) -> Iterator[Candidate]:
    """Yields the proxy tasks that the user's function returns for the flags of full training."""
    names: set[str] = set()
    try:
        for given in function(dict(flags)):
            candidate = _read_candidate(given, name)
            if candidate.name in names:
                raise NasError(
                    f"{name} gives the name {candidate.name!r} twice; each proxy task needs its own."
                )
            names.add(candidate.name)
            yield candidate
    except PliantError:
        raise
    except Exception as error:
        raise NasError(
            f"{name} is called with the flags of full training as a dict, and returns proxy tasks. It failed: "
            f"{type(error).__name__}: {error}"
        ) from error


def _read_candidate(given: Any, source: str) -> Candidate:
    is_mapping = isinstance(given, Mapping)
    name, flags = (
        given.get(key) if is_mapping else getattr(given, key, None) for key in ("name", "docker_args_map")
    )
    if not isinstance(name, str) or not isinstance(flags, Mapping):
        raise NasError(
            'a proxy task has a name and a docker_args_map, such as {"name": "half_data", "docker_args_map": '
            f'{{**flags, "data": "0.5"}}}}; {source} gave {quote_typed(given, 120)}.'
        )
    if not _NAME.fullmatch(name):
        raise NasError(
            f"a proxy task's name is letters, digits, '_', '-' and '.', at most 64; {source} gave {quote(name)}."
        )
    return Candidate(name, {str(key): str(value) for key, value in flags.items()})


def search_proxies(tool: Tool, candidates: Iterable[Candidate]) -> bool:
    """Tries the remaining candidates; returns whether one of them reaches a goal.

    Raises:
      NasError: a candidate or the references are wrong, or the folder cannot be read or written.
      StudyError: a study cannot be read or written.
    """
    state = tool.load(SearchState)
    references = load_references(Path(state.selection))
    last = references.rounds[-1]
    folder = JobFolder(Path(state.selection) / last.folder)
    source = Source(folder, tuple(model.trial for model in last.models))
    for candidate in candidates:
        proxy = _find_proxy(state, candidate)
        state = state.replace(proxy)
        tool.save(state)  # before anything runs, so that a killed search continues in the same folder
        if proxy.end is not None:
            continue
        tool.screen.say(f"Proxy task {proxy.name}, in {proxy.folder}")
        supervisor = UntilEnd([model.accuracy for model in last.models], state.make_goals())
        trainings = tool.train(proxy.folder, len(last.models), supervisor, source, search_flags=proxy.flags)
        state = state.replace(_end_proxy(state, proxy, trainings, references))
        tool.save(state)
    _show_proxies(tool, state)
    return state.best is not None


def _find_proxy(state: SearchState, candidate: Candidate) -> Proxy:
    """Returns the proxy task of a candidate, which may be new."""
    for known in state.proxies:
        if known.name == candidate.name:
            if dict(known.flags) != candidate.flags:
                raise NasError(
                    f"{state.generator} gives the proxy task {candidate.name!r} other flags than when it was started: "
                    f"{quote(candidate.flags, 200)}, then {quote(dict(known.flags), 200)}. Restore them, or give it another name."
                )
            return known
    return Proxy(candidate.name, candidate.flags, f"proxy_{len(state.proxies) + 1}")


def _end_proxy(
    state: SearchState, proxy: Proxy, trainings: Sequence[Training], references: SelectionState
) -> Proxy:
    """Returns a proxy task with its end.

    Moments after the end are dropped, as they depend on how fast each model stopped.
    """
    models, curves, goals = references.rounds[-1].models, [one.curve for one in trainings], state.make_goals()
    accuracies = [model.accuracy for model in models]
    moments = rank.trace(curves, accuracies)
    count = next((n for n in range(1, len(moments) + 1) if rank.find_end(moments[:n], goals)), len(moments))
    end = rank.find_end(moments, goals)
    if end is None:
        end = End(COMPLETED if has_enough(accuracies, [curve is None for curve in curves]) else TOO_FEW)
    latencies = [model.latency for model in models]
    found = rank.correlate([find_latency(one, references.latency_metric) for one in trainings], latencies)
    wanted = state.desired_latency_correlation
    needs_latency = wanted is not None and any(latency is not None for latency in latencies)
    if needs_latency and end.how in rank.SUCCESSES and not found >= (wanted or 0.0):  # it may be NaN
        end = End(LATENCY)
    tau = None if math.isnan(found) else found
    return dataclasses.replace(proxy, end=end, moments=moments[:count], latency_correlation=tau)


def _get_hours(proxy: Proxy) -> float:
    return math.inf if proxy.end is None or proxy.end.hours is None else proxy.end.hours


def _show_proxies(tool: Tool, state: SearchState) -> None:
    best, rows = state.best, []
    for proxy in state.proxies:
        end = proxy.end or End("")
        rows.append(
            [
                "best" if proxy is best else "",
                proxy.name,
                end.how,
                "" if end.step is None else str(end.step),
                "" if end.hours is None else f"{end.hours:.4g}",
                f"{max(moment.correlation for moment in proxy.moments):.3f}" if proxy.moments else "",
                "" if proxy.latency_correlation is None else f"{proxy.latency_correlation:.3f}",
            ]
        )
    columns = ["", "name", "ended by", "at step", "hours", "correlation", "of latency"]
    tool.screen.show_table("Proxy tasks", columns, rows)
    if best is None or best.end is None:
        tool.screen.say(
            f"No proxy task reaches a goal. Their results are in {tool.folder / SearchState.FILE}"
        )
        return
    flags = format_flags(best.flags)
    tool.screen.say(
        f"The best is {best.name}: train to step {best.end.step} with --search_docker_flags {flags}"
    )
