"""``run``: runs the trials of a study as jobs of a launcher, and keeps all of its slots busy.

The launcher runs jobs; the caller makes the job of a trial and interprets its outcome.  ``Interrupts`` handles Ctrl-C, and
``Patience`` ends a search whose first trials all fail.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, NamedTuple, final

from pliant.launch import Ended, Job, Launcher, Message, Outcome, Started
from pliant.launch.output import TAIL_LINES
from pliant.values.errors import EvaluationError, FeedbackError, FieldTypeError, PliantError, RewardError

from .interrupts import Interrupts
from .pause import PauseNotice
from .store.failpoint import reach
from .trials.constraint import check_metrics
from .trials.trial import FAILED, FAILURES, MAX_ATTEMPTS, Cause, Trial
from .view import View
from .walltime import Walltime
from .writable import Writable

LINES, LETTERS = 30, 3000  # of the output of a failed trial, at most, that the journal keeps
TICK = 0.2  # seconds between checks without events: Ctrl-C, metrics files
PATIENCE = 5  # failures before the first reward that end a search


@dataclass(frozen=True, slots=True)
class Told:
    """The outcome of a job with a reward, and other numbers by name."""

    reward: float | tuple[float, ...]
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """The outcome of a job whose trial failed; the end of its output goes into the journal of the study."""

    reason: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    output: str = ""
    cause: Cause = "error"


@dataclass(frozen=True, slots=True)
class Lost:
    """The outcome of a job that was lost, so that its trial is tried again."""

    reason: str


Result = Told | Failed | Lost


class Seen(NamedTuple):
    """A report that a running trial wrote: step, reward, and other numbers by name."""

    step: float
    reward: float
    metrics: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes:
      how: ``complete`` (nothing is left to propose), ``interrupted`` (by Ctrl-C or a signal), ``failures``, ``timeout`` or ``stopped``.
      message: one line for people.
    """

    how: str
    message: str


def run(
    study: Writable,
    launcher: Launcher,
    make_job: Callable[[Trial], Job],
    *,
    read: Callable[[Trial, Outcome], Result] | None = None,
    watch: Callable[[Trial], list[Seen]] | None = None,
    on_end: Callable[[Trial], object] | None = None,
    attempts: int | None = MAX_ATTEMPTS,
    max_failures: int | None = None,
    timeout_seconds: float | None = None,
    walltime: Walltime | None = None,
    stop: Callable[[], str | None] | None = None,
    on_interrupt: Callable[[int], object] | None = None,
    tick: float = TICK,
) -> Ending:
    """Runs the remaining trials of a study, as many at once as the launcher has slots.

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
      launcher: runs the jobs; the caller closes it.
      make_job: makes the job of a trial. Its id must be new for each attempt: use the trial's id and token.
      read: interprets the outcome of a job; ``read_call`` when None.
      watch: returns the new reports of a running trial, such as those that a command writes to a file.
      on_end: called with each trial that ended, including copies of earlier ones; if it raises, all jobs are ended.
      attempts: the largest number of attempts of a trial whose worker, or this process, is lost; then it fails.
      max_failures: the number of failed trials of the study after which nothing more is proposed.
      timeout_seconds: wall-clock limit: no job starts after it, and running ones are finished.
      walltime: of the job of a cluster that this process runs in: no job starts that would not end before it.
      stop: returns why no job should start any more, running ones are finished; None to go on.
      on_interrupt: called once, after the first Ctrl-C, with the number of running jobs.
      tick: seconds between checks without events.

    Raises:
      KeyboardInterrupt: a second Ctrl-C: the interrupted trials run again later. The first one lets them end, then stops.
      LaunchError: a job can never run. Fix this and run again: the study continues with that trial.
      StudyError: the study cannot be written.
    """
    hooks = {"read": read or read_call, "watch": watch, "on_end": on_end, "on_interrupt": on_interrupt}
    running = _Run(study, launcher, make_job, **hooks, attempts=attempts, max_failures=max_failures)
    running.walltime, running.stop = walltime, stop
    with Interrupts(running.tell_interrupt) as interrupts:
        try:
            return running.loop(interrupts, tick, timeout_seconds)
        except BaseException:
            interrupts.is_cleaning = True
            running.cancel_all()
            raise


def read_call(trial: Trial, outcome: Outcome) -> Result:
    """Interprets the outcome of a ``Call`` whose function returns the reward.

    The function returns a number; a list of them, for several objectives; or a dict with ``reward`` and ``metrics``, or with
    ``failed``, the reason why the reward is missing, and perhaps its ``cause`` and ``trace``, the lines of a traceback.

    >>> read_call(None, Outcome("returned", 0.5)), read_call(None, Outcome("lost", reason="killed"))
    (Told(reward=0.5, metrics={}), Lost(reason='killed'))
    """
    if outcome.how == "lost":
        return Lost(outcome.reason)
    if not outcome.ok:
        return Failed(outcome.reason, output=outcome.tail, cause=find_cause(outcome))
    value: Any = outcome.value
    said: dict[str, Any] = value if isinstance(value, dict) else {"reward": value}
    metrics = said.get("metrics") or {}
    if "failed" in said:
        cause = said.get("cause")
        return Failed(
            str(said["failed"]),
            metrics,
            str(said.get("trace") or outcome.tail),
            cause if cause in FAILURES else "error",
        )
    reward: Any = said.get("reward")
    return Told(tuple(reward) if isinstance(reward, list) else reward, metrics)


def find_cause(outcome: Outcome) -> Cause:
    """Returns the cause of a trial whose job did not return: a limit that it exceeded, or an error."""
    return outcome.how if outcome.how == "timeout" or outcome.how == "memory" else "error"


@final
class _Run:
    """A run in progress, with the trial of each job."""

    def __init__(
        self, study: Writable, launcher: Launcher, make_job: Callable[[Trial], Job], **options: Any
    ) -> None:
        self.study, self.launcher, self.make_job = study, launcher, make_job
        self.read, self.watch, self.on_end = options["read"], options["watch"], options["on_end"]
        self.attempts, self.max_failures = options["attempts"], options["max_failures"]
        self.on_interrupt = options["on_interrupt"]
        self.failures = study.counts()[FAILED]
        self.trials: dict[str, Trial] = {}  # by job
        self.pauses = PauseNotice(study)
        self.is_starting = False
        self.walltime: Walltime | None = None
        self.stop: Callable[[], str | None] | None = None
        self.stopping: set[str] = set()  # jobs that were cancelled early, as the algorithm asked

    def loop(self, interrupts: Interrupts, tick: float, timeout_seconds: float | None) -> Ending:
        """Runs until no trials are left."""
        deadline = math.inf if timeout_seconds is None else monotonic() + timeout_seconds
        why: str | None = None  # a rule stops the search
        while True:
            is_last = self.walltime is not None and not self.walltime.may_start()
            is_late = is_last or monotonic() >= deadline
            has_failed = self.max_failures is not None and self.failures >= self.max_failures
            if why is None and self.stop is not None:
                why = self.stop()
            is_stopped = interrupts.count > 0
            if not (is_stopped or has_failed or is_late or why):
                self.is_starting = True
                self._fill(interrupts)
                self.is_starting = False
                if interrupts.count:  # a signal came meanwhile
                    self.tell_interrupt()
            if not self.trials and (is_stopped or has_failed or is_late or why or not self.study.waits):
                break
            if not self.trials:  # other processes have all remaining trials, or the search is paused
                self.pauses.look()
                sleep(tick)
                continue
            for event in self.launcher.poll(tick):
                self._handle(event)
            if self.watch is not None:
                self._look()
        if interrupts.count and not self.study.is_complete:
            return Ending(
                "interrupted", "Stopped: all started trials have ended; the study can be continued."
            )
        if has_failed and not self.study.is_complete:
            return Ending(
                "failures",
                f"Stopped: {self.failures} trials failed, and max_failures is {self.max_failures}.",
            )
        if is_last and not self.study.is_complete:
            return Ending("timeout", "Stopped: the job of the cluster ends before another trial would.")
        if is_late and not self.study.is_complete:
            return Ending("timeout", f"Stopped after the time limit of {timeout_seconds:g} seconds.")
        if why is not None and not self.study.is_complete:
            return Ending("stopped", f"Stopped: {why}.")
        return Ending("complete", self.study.exhaustion or "All trials have ended.")

    def tell_interrupt(self) -> None:
        """Tells the caller how many jobs still run after the first Ctrl-C: at once, or when a job has started that is starting."""
        if self.on_interrupt is not None and self.trials and not self.is_starting:
            self.on_interrupt(len(self.trials))

    def cancel_all(self) -> None:
        """Ends all jobs and puts their trials back, to be tried again when the study is continued."""
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
            if not events:  # closing the launcher ends the remaining ones
                break
        with suppress(
            PliantError
        ):  # if the study cannot be written, it hands them out again when it is opened
            for trial in self.trials.values():
                self._give_back(trial)
        self.trials.clear()

    def _fill(self, interrupts: Interrupts) -> None:
        while len(self.trials) < self.launcher.slots and not interrupts.count:
            trial = self.study.ask(attempts=self.attempts, on_end=self._show)
            if trial is None:
                return
            try:
                job = self.make_job(trial)
                if not isinstance(job, Job):
                    raise FieldTypeError(
                        f"make_job returns a Job; for trial {trial.id} it returned a value of type {type(job).__name__}."
                    )
                reach("hand-over")
                self.launcher.start(job)
                reach("started")
            except BaseException:
                self._give_back(trial)
                raise
            self.trials[job.id] = trial

    def _show(self, ended: Trial) -> None:
        """Counts a trial that ended, and passes it to ``on_end``."""
        if self.walltime is not None:
            self.walltime.note(ended.seconds)
        if ended.status == FAILED:
            self.failures += 1
        if ended.ended is not None and self.on_end is not None:
            self.on_end(ended)

    def _give_back(self, trial: Trial) -> None:
        """Puts an interrupted trial back, whatever its number of attempts."""
        self.study.put_back(trial.id, "the search was stopped", token=trial.token, attempts=None)

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
        """Records a report of a call, ``{"reward": ..., "step": ..., "metrics": {...}}``; returns the answer."""
        try:
            stop = self.study.report(
                trial.id,
                payload["reward"],
                step=payload["step"],
                token=trial.token,
                metrics=payload.get("metrics"),
            )
        except (RewardError, FeedbackError, FieldTypeError, KeyError, TypeError, AttributeError) as error:
            # An error of the trial is its answer; an error of the study is raised.
            return {"error": f"{type(error).__name__}: {error}"}
        return {"stop": stop}

    def _look(self) -> None:
        """Records the reports that running trials wrote; cancels the jobs of those that should stop."""
        for job_id, trial in list(self.trials.items()):
            for seen in self.watch(trial):
                try:
                    stop = self.study.report(
                        trial.id, seen.reward, step=seen.step, token=trial.token, metrics=seen.metrics
                    )
                except RewardError:
                    continue  # a half-written or diverging metric; the outcome will show which
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
        self._show(self._tell(trial, result))

    def _tell(self, trial: Trial, result: Result) -> Trial:
        if isinstance(result, Lost):
            return self.study.put_back(trial.id, result.reason, token=trial.token, attempts=self.attempts)
        if isinstance(result, Told):
            try:
                return self.study.tell(trial.id, result.reward, token=trial.token, metrics=result.metrics)
            except (RewardError, FieldTypeError) as error:
                told = {**to_numbers(_by_name(result.reward)), **to_numbers(result.metrics)}
                fault = error.fault if isinstance(error, RewardError) and not error.takes_one else error
                reason = f"no reward: {fault}"
                return self.study.fail(trial.id, reason, cause="reward", token=trial.token, metrics=told)
        numbers = to_numbers(result.metrics)
        ended = self.study.fail(
            trial.id, result.reason, cause=result.cause, token=trial.token, metrics=numbers
        )
        if lines := _last_lines(result.output):
            self.study.note(trial.id, f"its last output:\n{lines}")
        return ended


def to_numbers(metrics: object) -> dict[str, float]:
    """Returns the metrics of a failed trial that are finite numbers.

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


def explain_failures(study: View) -> str | None:
    """Returns what to do where a study is complete and all of its trials failed, so that its loop would end without a word.

    None for all other studies, and where trials only broke a constraint or were skipped.
    """
    counts = study.counts()
    failed = counts[FAILED]
    if failed != sum(counts.values()) or not failed or not study.is_complete:
        return None
    causes = {trial.cause for trial in study.trials(FAILED)}
    if causes <= {"constraint", "skipped"}:
        return None
    info = study.info()
    more = "" if info.exhausted else f" give more trials, such as trials={2 * failed}; or"
    which = f"all {failed} trials" if failed > 1 else "the only trial"
    return (
        f"the study {str(info.path)!r} is complete, and {which} of it failed. The last one: {study.trial(failed).reason}\n"
        f"Fix this, and{more} start over with another study."
    )


@final
class Patience:
    """Ends a search whose first trials all fail, as the fault is then in the code, not in the programs.

    Trials that break a constraint or were skipped do not count as failures here.

    Args:
      study: once it has a reward, no failure ends the search.
      advice: what to do, as the last words of the error.
    """

    def __init__(self, study: View, advice: str) -> None:
        self._study, self._advice = study, advice
        self._failures, self._trace, self._others = 0, "", False
        self._reason: str | None = None

    def note(self, trial: Trial, trace: str = "", *, is_expected: bool = False) -> None:
        """Counts a trial that ended.

        Args:
          trial: as it ended.
          trace: the last lines of its output, such as its traceback.
          is_expected: whether its failure was expected, so that it does not count.

        Raises:
          EvaluationError: the first ``PATIENCE`` trials failed.
        """
        if trial.status != FAILED or trial.cause in ("constraint", "skipped") or is_expected:
            self._others = True
            return
        self._failures, self._trace = self._failures + 1, trace
        self._reason = trial.reason
        if self._failures == PATIENCE:
            self.finish()

    def finish(self) -> None:
        """Checks the failures of a search that has ended, or had ``PATIENCE`` of them.

        Raises:
          EvaluationError: no other trial ran.
        """
        count, trace = self._failures, self._trace.rstrip().splitlines()[-TAIL_LINES:]
        if not 0 < count <= PATIENCE or (count < PATIENCE and self._others) or self._study.front():
            return
        which = f"all {count} trials failed" if count > 1 else "the only trial failed"
        if count == PATIENCE:
            which = f"the first {PATIENCE} trials all failed, so the search stops"
        lines = "\n".join([f"{which}. The last one: {self._reason}", *trace, self._advice])
        raise EvaluationError(lines)
