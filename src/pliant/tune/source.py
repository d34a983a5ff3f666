"""Sources of trials for a search loop: an algorithm in memory, or a study in a file."""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic, sleep, time
from types import FrameType
from typing import TYPE_CHECKING, Any, final

from pliant.algorithms import Algorithm, Exhausted
from pliant.algorithms.rewards import check_arity
from pliant.space import Decisions
from pliant.values.errors import EvaluationError

from .arguments import split_callbacks
from .feedback import Feedback, Told
from .progress import Display, calls_from, claim, open_progress, write_line
from .result import Tally
from .text import say_end

if TYPE_CHECKING:
    from pliant.study import Trial, View
    from pliant.study.callbacks import Beginning
    from pliant.study.store.location import Location
    from pliant.study.writable import Writable

    from .files import Storage
    from .stopping import Rule, Stopping
    from .watchers import Watchers

Callback = Callable[["Trial"], object]
CONTINUES = "; with another `stop`, or without, the same call continues"
PAUSE = 0.05  # seconds between requests while others have all remaining trials, or the search is paused


class Source(ABC):
    """Hands out trials and passes rewards on; keeps the best, the time limit, the callbacks and the display of a search."""

    continues = ""  # how a search that a rule stopped goes on

    def __init__(self, *, maximize: bool) -> None:
        self.tally = Tally(maximize=maximize)
        self.how: str | None = None  # the search ended: "complete", "timeout" or "stopped"
        self.ended: str | None = None  # why the search has no next trial, unless all trials have ended
        self.callbacks: tuple[Callback, ...] = ()
        self.watchers: Watchers | None = None
        self.timeout: float | None = None  # seconds
        self.attempts: int | None = None  # of a trial whose process ends, at most
        self.deadline: float | None = None
        self.stopping: Stopping | None = None
        self.display: Display | None = None
        self.earlier = 0  # trials that had ended when the display was opened
        self.has_progress = False
        self.running: Any = None  # the program of the loop's trial, until its feedback
        self.storage = _make_storage()  # of the files of its trials
        self._over: tuple[str, str] | None = None  # how and why it ended while it waited for a trial
        self._frame: int | None = None  # of the loop, by its id, while a trial of it runs
        self._thread = threading.get_ident()

    @abstractmethod
    def ask(self) -> Feedback | None:
        """Returns the feedback of the next trial, or None at the end."""

    @abstractmethod
    def report(self, trial: Feedback, reward: float, step: float) -> bool:
        """Passes an intermediate reward on; returns whether the trial should stop."""

    @abstractmethod
    def tell(self, trial: Feedback, told: Told) -> bool:
        """Passes feedback on; returns whether its reward counts: it keeps all constraints."""

    @abstractmethod
    def trials(self) -> list[Trial]:
        """Returns the trials that ended, in the order of proposal."""

    @abstractmethod
    def trial(self, id: int) -> Trial:
        """Returns one trial that ended."""

    @abstractmethod
    def _later(self, after: int) -> Iterable[Trial]:
        """Returns the trials with larger ids, also of other processes of the search."""

    @abstractmethod
    def _remove_others(self) -> None:
        """Removes the files of the trials that the search does not keep."""

    @abstractmethod
    def _begin_callbacks(self) -> Beginning:
        """Returns what callbacks know of the search."""

    @property
    def total(self) -> int | None:
        """How many trials the search has in all; None without a limit."""
        return None

    def explain(self) -> str | None:
        """Returns which algorithm ``auto`` has chosen, and why; None for other algorithms."""
        return None

    def close(self) -> None:  # noqa: B027 - a hook that may stay empty
        """Closes what was opened for the loop."""

    # ------------------------------------------------------------------ a loop

    def watch(
        self,
        *,
        progress: bool,
        timeout_seconds: float | None,
        callbacks: tuple[Callback, ...],
        stop: Rule | None = None,
        attempts: int | None = None,
        files: tuple[object, object] = (None, None),
    ) -> None:
        """Takes the options of a search that are not the algorithm's; ``files`` are its ``artifacts`` and ``keep``."""
        if files != (None, None):
            self.storage = _make_storage(*files, self.storage.study)
        self.has_progress, self.timeout = progress, timeout_seconds
        self.callbacks, self.watchers = split_callbacks(callbacks)
        self.attempts = attempts
        if stop is not None:
            from .stopping import Stopping

            self.stopping = Stopping(stop, maximize=self.tally.maximize)

    def take(self) -> Feedback | None:
        """Returns the feedback of the next trial of a loop; None at its end, or when its time is over."""
        if self.watchers is not None:
            self.watchers.start(self._begin_callbacks, self.trials)
        if self.has_progress:
            self._show()
        over = self._find_end()
        if over is not None:
            self.how, self.ended = over
            self.finish()
            self.close()
            return None
        try:
            asked = self.ask()
        except BaseException:
            if self.display is not None:
                self.display.stop()
                self.display = None
            raise
        if asked is None:
            self.how, self.ended = self._over or ("complete", self.ended)
            self.finish()
        elif self.display is not None:
            self._frame = id(sys._getframe(2))
        return asked

    def _find_end(self) -> tuple[str, str] | None:
        """Returns how and why the search ends before all its trials; starts its time."""
        if self.timeout is not None and self.deadline is None:
            self.deadline = monotonic() + self.timeout
        if self.timeout is not None and self.deadline is not None and monotonic() >= self.deadline:
            return "timeout", f"stopped after the time limit of {self.timeout:g} seconds"
        why = find_reason(self)
        return None if why is None else ("stopped", f"stopped: {why}{self.continues}")

    def begin(self, frame: FrameType) -> bool:
        """Opens the display of a search whose trials run elsewhere, while a frame is there; returns whether it is shown."""
        self._frame, self._thread = id(frame), threading.get_ident()
        if self.watchers is not None:
            self.watchers.start(self._begin_callbacks, self.trials)
        return self.has_progress and self._show()

    def _show(self) -> bool:
        self.has_progress, self._thread = False, threading.get_ident()
        if claim(self):
            self.display, self.earlier = open_progress(self.total, self.tally), self.tally.done
            self.display.start()
        return self.display is not None

    def is_running(self) -> bool:
        """Returns whether what is being called now was called from the loop's body, before the feedback."""
        return self._frame is not None and calls_from(self._frame, self._thread)

    def end(self, trial: Feedback, told: Told, *, counts: bool) -> None:
        """Notes a trial of the loop that has its feedback: the best, the display, the callbacks."""
        self._frame = None
        reward = told.reward if counts else None
        is_best = self.tally.add(trial.id, trial.decisions, reward)
        self.tally.keep(trial.id, self.running)
        self.running = None
        remove_files(self)
        why = None if counts else told.reason or "it breaks a constraint"
        self.tally.reason = self.tally.reason if why is None else f"trial {trial.id}: {why}"
        if self.display is not None:
            self.display.show(trial.id, reward, why, is_best=is_best)
        if self.callbacks or self.watchers:
            self._call(self.trial(trial.id))

    def add(self, trial: Trial, program: tuple[Any, ...] = ()) -> None:
        """Notes a trial that ended, and its program if it ran in this process."""
        self.tally.reason = f"trial {trial.id}: {trial.reason}" if trial.reason else self.tally.reason
        if self.display is not None:
            self.display.add(trial)
        else:
            self.tally.add(trial.id, trial.decisions, trial.told)
        for one in program:
            self.tally.keep(trial.id, one)
        remove_files(self)
        self._call(trial)

    def _keep_weights(self, trial: Feedback, told: Told) -> None:
        """Saves the weights of the program of a loop's trial before its reward is recorded."""
        if self.storage.keep is not None and told.reward is not None:
            trial.keep_weights(self.running)

    def _call(self, trial: Trial) -> None:
        if self.watchers is not None:
            self.watchers.add(trial)
        for callback in self.callbacks:
            callback(trial)

    def finish(self) -> None:
        """Ends the callbacks, and the display with a summary of what was found."""
        if self.watchers is not None:
            self.watchers.finish()
        display, self.display = self.display, None
        if display is None:
            return
        display.stop()
        if not self.tally.done:
            return
        with suppress(Exception):  # also called when the search is garbage: a summary must not fail it
            lines = say_end(self.tally, self.total, display.seconds, why=self.ended, earlier=self.earlier)
            chosen = self.explain()
            lines += [] if chosen is None else [f"  algorithm: auto chose {chosen}"]
            for line in lines:
                write_line(line)


def remove_files(source: Source) -> None:
    """Removes the files that a search does not keep: after each trial, and at its end, when folders are of no use."""
    if source.storage.keep is not None and source.storage.opened is not None:
        source._remove_others()


def find_reason(source: Source) -> str | None:
    """Returns why the rule of a search stops it now; None if it does not, or all trials have ended."""
    if source.stopping is None:
        return None
    why = source.stopping.why(source._later)
    return None if source.stopping.count == source.total else why


@final
class MemorySource(Source):
    """Trials of an algorithm, kept in memory."""

    def __init__(self, algorithm: Algorithm, trials: int | None, *, maximize: bool) -> None:
        super().__init__(maximize=maximize)
        self.algorithm = algorithm
        self.count = 0
        self.arity: int | None = None  # how many numbers a reward has, once it is known
        self._trials = trials
        self._ended: list[tuple[Decisions, Told, float, float]] = []  # a trial each, small; start and end
        self._reports: dict[
            int, dict[float, tuple[float, bool]]
        ] = {}  # by trial and step: reward, whether to stop
        self._asked = 0.0

    @property
    def total(self) -> int | None:
        return self._trials

    def _begin_callbacks(self) -> Beginning:
        from pliant.study.callbacks import Beginning

        up = self.tally.maximize
        return Beginning("search", _say_time(time()), self.algorithm.space, maximize=up, total=self.total)

    def explain(self) -> str | None:
        return self.algorithm.explain()

    def ask(self) -> Feedback | None:
        if self._trials is not None and self.count >= self._trials:
            return None
        try:
            decisions = self.algorithm.propose()
        except Exhausted as error:
            if not self.count:
                raise
            self.ended = str(error)
            return None
        self.count += 1
        self._asked = time()
        parent = self.algorithm.parent(decisions)
        files = self.storage.open_trial(self.count, parent=self._find_latest(parent))
        return Feedback(self, self.count, decisions, parent=parent, files=files)

    def _find_latest(self, decisions: Decisions | None) -> int | None:
        """Returns the id of the latest trial of these decisions that has a reward."""
        if decisions is None:
            return None
        ids = range(len(self._ended), 0, -1)
        return next(
            (
                i
                for i in ids
                if self._ended[i - 1][0] == decisions and self._ended[i - 1][1].reward is not None
            ),
            None,
        )

    def _remove_others(self) -> None:
        from pliant.study.artifacts.removal import list_trials, remove_others

        keep, files = self.storage.keep, self.storage.open()
        assert keep is not None
        folders = type(self.algorithm)._parent is Algorithm._parent
        known = [
            self.trial(one) for one in list_trials(files, keep, folders=folders) if one <= len(self._ended)
        ]
        remove_others(files, keep, known, self.tally.front_ids, maximize=self.tally.maximize, folders=folders)

    def report(self, trial: Feedback, reward: float, step: float) -> bool:
        stop = self.algorithm.report(trial.decisions, _turn(reward, self.tally), step=step)
        self._reports.setdefault(trial.id, {})[step] = reward, stop
        return stop

    def tell(self, trial: Feedback, told: Told) -> bool:
        reward = told.reward
        self._keep_weights(trial, told)
        arity = self.arity if reward is None else check_arity(trial.id, reward, self.arity)
        self.algorithm.feedback(trial.decisions, None if reward is None else _turn(reward, self.tally))
        self.arity = arity
        self._ended.append((trial.decisions, told, self._asked, time()))
        return reward is not None

    def _later(self, after: int) -> list[Trial]:
        return [self.trial(number) for number in range(after + 1, len(self._ended) + 1)]

    def trials(self) -> list[Trial]:
        return [self.trial(number) for number in range(1, len(self._ended) + 1)]

    def trial(self, id: int) -> Trial:
        from pliant.study import Report
        from pliant.study.trials.trial import end_trial, start_trial

        decisions, (reward, reason, metrics, cause), start, end = self._ended[id - 1]
        steps = sorted(self._reports.get(id, {}).items())
        trial = replace(
            start_trial(id, decisions),
            started=_say_time(start),
            reports=tuple([Report(step, at, stop) for step, (at, stop) in steps]),
            files=self.storage.opened,
        )
        seconds = max(end - start, 0.0)
        why = cause if reward is None else "stopped" if trial.should_stop else None
        ended = end_trial(trial, reward, reason or None, seconds, cause=why, metrics=dict(metrics or {}))
        return replace(ended, ended=_say_time(end))


@final
class StudySource(Source):
    """Trials of a study, which keeps them in a file."""

    continues = CONTINUES

    def __init__(self, study: Writable, *, owned: bool, algorithm: Algorithm | None = None) -> None:
        super().__init__(maximize=study.maximize)
        self.study = study
        self.algorithm = algorithm  # of a study that was opened for this loop
        self.owned = owned  # opened for this loop, so closed at its end
        self._has_asked = False  # whether it handed out a trial
        self._is_closed = False
        self._budget = study.info().budget
        self.storage = _make_storage(study=study._location)
        self.tally.resume(study)

    def watch(self, **options: Any) -> None:
        super().watch(**options)
        stop, keep = options.get("stop"), self.storage.keep
        if (stop is not None or keep is not None) and getattr(self.study, "_loop", self) is not None:
            from .recorded import record_options

            record_options(self.study, keep=keep, stop=stop)

    @property
    def total(self) -> int | None:
        return self._budget

    def _begin_callbacks(self) -> Beginning:
        from pliant.study.callbacks import Beginning

        study, info = self.study, self.study.info()
        return Beginning(study.name, info.created, study.space, maximize=study.maximize, total=self.total)

    def explain(self) -> str | None:
        return None if self.algorithm is None else self.algorithm.explain()

    def ask(self) -> Feedback | None:
        from pliant.study.pause import PauseNotice
        from pliant.study.run import explain_failures

        pauses: PauseNotice | None = None
        while (trial := self.study.ask(attempts=self.attempts, on_end=self.add)) is None and self.study.waits:
            if (over := self._find_end()) is not None:
                self._over = over
                break
            pauses = pauses or PauseNotice(self.study)
            pauses.look()
            sleep(PAUSE)
        if trial is None:
            info = self.study.info()
            hopeless = None if self._has_asked else explain_failures(self.study)
            if info.exhausted:
                self.ended = (
                    self.study.exhaustion or "the algorithm of this study had nothing left to propose."
                )
            self.close()
            if self.ended and not info.proposed:
                raise Exhausted(self.ended)
            if hopeless:
                raise EvaluationError(hopeless)
            return None
        self._has_asked = True
        files = self.storage.open_trial(trial.id, trial.attempts, self.find_parent(trial))
        return Feedback(self, trial.id, trial.decisions, parent=trial.parent, files=files)

    def find_parent(self, trial: Trial) -> int | None:
        """Returns the id of the trial that a trial continues; None without one."""
        found = None if trial.parent is None else self.study.latest(trial.parent)
        return None if found is None else found.id

    def _remove_others(self) -> None:
        from pliant.study.artifacts.removal import list_trials, remove_others

        study, keep, files = self.study, self.storage.keep, self.storage.open()
        assert keep is not None
        folders = not study.continues or study.is_complete
        known = [study.trial(one) for one in list_trials(files, keep, folders=folders)]
        front = [trial.id for trial in study.front()]
        remove_others(files, keep, known, front, maximize=study.maximize, folders=folders)

    def report(self, trial: Feedback, reward: float, step: float) -> bool:
        return self.study.report(trial.id, reward, step=step)

    def close(self) -> None:
        if self.owned:
            self._is_closed = True
            self.study.close()

    def tell(self, trial: Feedback, told: Told) -> bool:
        self._keep_weights(trial, told)
        if told.reward is None:
            self.study.fail(trial.id, told.reason, cause=told.cause)
            return False
        return self.study.tell(trial.id, told.reward, metrics=told.metrics).reason is None

    def _later(self, after: int) -> Iterable[Trial]:
        return self.study.trials(after=after)

    def trials(self) -> list[Trial]:
        return [self.with_files(trial) for trial in self._readable().trials() if trial.ended is not None]

    def trial(self, id: int) -> Trial:
        return self.with_files(self._readable().trial(id))

    def with_files(self, trial: Trial) -> Trial:
        """Returns a trial that reads its files where this search stores them."""
        return trial if self.storage.opened is None else replace(trial, files=self.storage.opened)

    def _readable(self) -> View:
        from pliant.study import Study

        return Study.open(self.study._location) if self._is_closed else self.study


def _make_storage(place: object = None, keep: object = None, study: Location | str | None = None) -> Storage:
    from .files import Storage

    return Storage(place, keep, study)


def _turn(reward: Any, tally: Tally) -> Any:
    """Returns a reward so that higher is better."""
    if tally.maximize:
        return reward
    return tuple([-one for one in reward]) if isinstance(reward, tuple) else -reward


def _say_time(seconds: float) -> str:
    """Returns a time since the epoch in ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
