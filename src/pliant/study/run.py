"""A study whose trials run somewhere: every free slot of a launcher is filled at once, whatever becomes of the jobs.

Here a trial meets a job.  How jobs run is the launcher's business, what a trial means the caller's: it says how a job is
made of a trial, and what the outcome of a job tells about it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple, final

from pliant.launch import Ended, Job, Launcher, Message, Outcome, Started
from pliant.values.errors import FeedbackError, FieldTypeError, PliantError, RewardError

from .interrupt import Interrupts
from .loop import MAX_ATTEMPTS
from .store.failpoint import reach
from .study import Study
from .trials.constraint import check_metrics
from .trials.trial import FAILED, Trial

LINES, LETTERS = 30, 3000  # of the output of a failed trial, at most, that the journal keeps
TICK = 0.2  # seconds between looks at what no event tells: Ctrl-C, metrics files


@dataclass(frozen=True, slots=True)
class Told:
    """An outcome that is a reward, with other numbers by name."""

    reward: float | tuple[float, ...]
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """An outcome that is the trial's own fault; the end of its output goes into the study's journal."""

    reason: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    output: str = ""


@dataclass(frozen=True, slots=True)
class Lost:
    """An outcome that is not the trial's fault, so that it is tried again."""

    reason: str


Result = Told | Failed | Lost


class Seen(NamedTuple):
    """What a running trial was seen to have reported: step, reward, and other numbers by name."""

    step: float
    reward: float
    metrics: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes:
      how: ``complete`` (nothing is left to propose), ``interrupted`` (by Ctrl-C or a signal), ``failures`` or ``timeout``.
      message: a line for people.
    """

    how: str
    message: str


def run(
    study: Study,
    launcher: Launcher,
    make_job: Callable[[Trial], Job],
    *,
    read: Callable[[Trial, Outcome], Result] | None = None,
    watch: Callable[[Trial], list[Seen]] | None = None,
    on_end: Callable[[Trial], object] | None = None,
    attempts: int = MAX_ATTEMPTS,
    max_failures: int | None = None,
    timeout_seconds: float | None = None,
    on_interrupt: Callable[[int], object] | None = None,
    tick: float = TICK,
) -> Ending:
    """Runs what is left of a study, as many trials at once as the launcher has slots.

    Ctrl-C once: what runs is waited for. Twice: jobs are ended at once, and run again when the study goes on; more of them
    change nothing.

    >>> import tempfile
    >>> from pliant.algorithms import Random
    >>> from pliant.launch import Call, InPlace
    >>> from pliant.space import flatten, integer
    >>> from pliant.study import Study
    >>> def make_job(trial):
    ...     return Job(f"{trial.id}.{trial.token}", Call("pliant.testing.jobs:echo", trial.decisions["x"]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Study.create(f"{folder}/a.db", flatten([integer("x", 0, 9)]), Random(), trials=8) as study:
    ...         print(run(study, InPlace(), make_job).how, study.counts()["completed"])
    complete 8

    Args:
      study: open for writing.
      launcher: where the jobs run; the caller closes it.
      make_job: makes the job of a trial. Its id must be new for each attempt: use the trial's id and token.
      read: what the outcome of a job says; ``read_call`` when None.
      watch: what a running trial, such as a command that writes a file, reported since this was last asked.
      on_end: called with each trial that ended, copies of earlier ones included; if it raises, all jobs are ended.
      attempts: how often a trial is tried whose worker is lost, before it counts as failed.
      max_failures: after so many failed trials of the study, nothing more is proposed.
      timeout_seconds: wall-clock limit: no job starts after it, and those that run are finished.
      on_interrupt: called once, after the first Ctrl-C, with how many jobs are waited for.
      tick: seconds between looks at what no event tells.

    Raises:
      KeyboardInterrupt: a second Ctrl-C.
      LaunchError: a job can never run; the study goes on from its trial when that is mended.
      StudyError: the study cannot be written.
    """
    hears = {"read": read or read_call, "watch": watch, "on_end": on_end, "on_interrupt": on_interrupt}
    running = _Run(study, launcher, make_job, **hears, attempts=attempts, max_failures=max_failures)
    with Interrupts() as interrupts:
        try:
            return running.loop(interrupts, tick, timeout_seconds)
        except BaseException:
            interrupts.is_cleaning = True
            running.cancel_all()
            raise


def read_call(trial: Trial, outcome: Outcome) -> Result:
    """Says what the outcome of a ``Call`` means that returns its reward.

    The function returns a number; a list of them, for several objectives; or a dict with ``reward`` and ``metrics``, or with
    ``failed``, why there is no reward, and perhaps ``trace``, lines about where.

    >>> read_call(None, Outcome("returned", 0.5)), read_call(None, Outcome("lost", reason="killed"))
    (Told(reward=0.5, metrics={}), Lost(reason='killed'))
    """
    if outcome.how == "lost":
        return Lost(outcome.reason)
    if not outcome.ok:
        return Failed(outcome.reason, output=outcome.tail)
    value: Any = outcome.value
    said: dict[str, Any] = value if isinstance(value, dict) else {"reward": value}
    metrics = said.get("metrics") or {}
    if "failed" in said:
        return Failed(str(said["failed"]), metrics, str(said.get("trace") or outcome.tail))
    reward: Any = said.get("reward")
    return Told(tuple(reward) if isinstance(reward, list) else reward, metrics)


@final
class _Run:
    """A run under way: which job is which trial."""

    def __init__(
        self, study: Study, launcher: Launcher, make_job: Callable[[Trial], Job], **options: Any
    ) -> None:
        self.study, self.launcher, self.make_job = study, launcher, make_job
        self.read, self.watch, self.on_end = options["read"], options["watch"], options["on_end"]
        self.attempts, self.max_failures = options["attempts"], options["max_failures"]
        self.on_interrupt = options["on_interrupt"]
        self.failures = study.counts()[FAILED]
        self.seen = study.info().proposed  # the last trial of which is known whether it is a copy
        self.trials: dict[str, Trial] = {}  # by job
        self.stopping: set[str] = set()  # jobs that were asked to end, as they need not go on

    def loop(self, interrupts: Interrupts, tick: float, timeout_seconds: float | None) -> Ending:
        """Runs until nothing is left."""
        deadline = math.inf if timeout_seconds is None else monotonic() + timeout_seconds
        while True:
            is_late = monotonic() >= deadline
            has_failed = self.max_failures is not None and self.failures >= self.max_failures
            if not (interrupts.count or has_failed or is_late):
                self._fill()
            if not self.trials:
                break
            if interrupts.count and self.on_interrupt is not None:
                self.on_interrupt, tell = None, self.on_interrupt
                tell(len(self.trials))
            for event in self.launcher.poll(tick):
                self._handle(event)
            if self.watch is not None:
                self._look()
        if interrupts.count and not self.study.is_complete:
            return Ending("interrupted", "Stopped: all that was started has ended; the study can go on.")
        if has_failed and not self.study.is_complete:
            return Ending(
                "failures", f"{self.failures} trials failed, and at most {self.max_failures} may: stopped."
            )
        if is_late and not self.study.is_complete:
            return Ending("timeout", f"Stopped after the time limit of {timeout_seconds:g} seconds.")
        return Ending("complete", self.study.exhaustion or "All trials have ended.")

    def cancel_all(self) -> None:
        """Ends all jobs, and puts their trials back, which are tried again when the study goes on."""
        running = set(self.trials)
        for job_id in running:
            self.launcher.cancel(job_id, "the search was stopped")
        while running:
            events = self.launcher.poll(5.0)
            for event in events:
                if isinstance(event, Message):
                    self.launcher.reply(event.job, {"stop": True})
                elif isinstance(event, Ended):
                    running.discard(event.job)
            if not events:  # whatever holds them, the launcher's close ends them
                break
        with suppress(PliantError):  # a study that cannot be written hands them out again when it is opened
            for trial in self.trials.values():
                self._give_back(trial)
        self.trials.clear()

    def _fill(self) -> None:
        while len(self.trials) < self.launcher.slots:
            trial = self.study.ask()
            try:
                self._tell_copies(trial)
                if trial is None:
                    return
                job = self.make_job(trial)
                if not isinstance(job, Job):
                    raise FieldTypeError(
                        f"make_job returns a Job; for trial {trial.id} it returned {job!r:.80} of type {type(job).__name__}."
                    )
                reach("hand-over")
                self.launcher.start(job)
                reach("started")
            except BaseException:
                if trial is not None:
                    self._give_back(trial)
                raise
            self.trials[job.id] = trial

    def _tell_copies(self, trial: Trial | None) -> None:
        """Tells of trials that ended as they were proposed: copies of earlier ones, where a study reuses rewards.

        They have the numbers before that of the trial which was asked for, if it is new; or are the last, if there is none.
        """
        if self.on_end is None:
            return
        before, self.seen = (
            self.seen,
            max(self.seen, self.study.info().proposed if trial is None else trial.id),
        )
        for number in range(before + 1, self.seen + (trial is None)):
            found = self.study.trial(number)
            if found.ended is not None and (found.origin or "").startswith("copy of trial "):
                self.on_end(found)

    def _give_back(self, trial: Trial) -> None:
        """Puts a trial back that is not to blame, however often it was tried."""
        self.study.put_back(
            trial.id, "the search was stopped", token=trial.token, attempts=trial.attempts + 1
        )

    def _handle(self, event: Started | Message | Ended) -> None:
        trial = self.trials.get(event.job)
        if trial is None:
            return
        if isinstance(event, Ended):
            del self.trials[event.job]
            self._end(trial, event)
        elif isinstance(event, Message):
            self.launcher.reply(event.job, self._report(trial, event.payload))

    def _report(self, trial: Trial, payload: Any) -> dict[str, Any]:
        """Passes on what a call reported: ``{"reward": ..., "step": ..., "metrics": {...}}``; returns the answer."""
        try:
            stop = self.study.report(
                trial.id,
                payload["reward"],
                step=payload["step"],
                token=trial.token,
                metrics=payload.get("metrics"),
            )
        except (RewardError, FeedbackError, FieldTypeError, KeyError, TypeError, AttributeError) as error:
            # The fault of the trial, which is to hear of it; that of the study is raised.
            return {"error": f"{type(error).__name__}: {error}"}
        return {"stop": stop}

    def _look(self) -> None:
        """Passes on what running trials wrote; ends the jobs of those that should stop."""
        for job_id, trial in list(self.trials.items()):
            for seen in self.watch(trial):
                try:
                    stop = self.study.report(
                        trial.id, seen.reward, step=seen.step, token=trial.token, metrics=seen.metrics
                    )
                except RewardError:
                    continue  # a half-written or diverging metric; the outcome tells
                if stop and job_id not in self.stopping:
                    self.stopping.add(job_id)
                    self.launcher.cancel(job_id, "the algorithm stopped this trial early")

    def _end(self, trial: Trial, event: Ended) -> None:
        reach("ended")
        try:
            result = self.read(trial, event.outcome)
        except BaseException:
            self._give_back(trial)
            raise
        if event.job in self.stopping and event.outcome.how == "cancelled" and not isinstance(result, Told):
            self.stopping.discard(event.job)
            reports = self.study.trial(trial.id).reports
            result = Told(reports[-1].reward, reports[-1].metrics or {})
        ended = self._tell(trial, result)
        if ended.status == FAILED:
            self.failures += 1
        if ended.ended is not None and self.on_end is not None:
            self.on_end(ended)

    def _tell(self, trial: Trial, result: Result) -> Trial:
        if isinstance(result, Lost):
            return self.study.put_back(trial.id, result.reason, token=trial.token, attempts=self.attempts)
        if isinstance(result, Told):
            try:
                return self.study.tell(trial.id, result.reward, token=trial.token, metrics=result.metrics)
            except (RewardError, FieldTypeError) as error:
                told = {**to_numbers(_by_name(result.reward)), **to_numbers(result.metrics)}
                return self.study.fail(trial.id, f"no reward: {error}", token=trial.token, metrics=told)
        ended = self.study.fail(
            trial.id, result.reason, token=trial.token, metrics=to_numbers(result.metrics)
        )
        if lines := _last_lines(result.output):
            self.study.note(trial.id, f"its last output:\n{lines}")
        return ended


def to_numbers(metrics: Any) -> dict[str, float]:
    """Returns those of the metrics of a failed trial that are finite numbers; the others are left out.

    >>> to_numbers({"loss": 2, "size": "large", "latency": float("nan")})
    {'loss': 2.0}
    """
    found = {}
    for name, value in metrics.items() if isinstance(metrics, Mapping) else ():
        with suppress(PliantError):
            found.update(check_metrics(0, {str(name): value}))
    return found


def _by_name(reward: Any) -> dict[str, Any]:
    if isinstance(reward, tuple):
        return {f"reward {number}": one for number, one in enumerate(reward, 1)}
    return {"reward": reward}


def _last_lines(output: str) -> str:
    """Returns the end of an output."""
    return "\n".join(output.rstrip().splitlines()[-LINES:])[-LETTERS:]
