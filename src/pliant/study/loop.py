"""What one step of a study does to its record, its algorithm and its leases: ask, report, tell, put back.

Each step is one transaction.  A trial is written before it is handed out, and a reward before ``tell`` returns, each
with the event that the algorithm's state follows from; if anything fails, nothing of the step stays, and the next one
starts from the record again.  How a study is made and opened, and what may be read, is said in ``study`` and ``view``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar, final

from pliant.algorithms import Exhausted
from pliant.algorithms.base import check_arity
from pliant.space import Decisions
from pliant.values.errors import StaleError, StudyError

from .store.lock import name_process, now
from .store.objectives import count_objectives
from .store.reading import Progress
from .store.record import Record
from .store.store import LostConnection, Store
from .trials.check import ended_before, no_such_trial, reassigned, told_twice
from .trials.constraint import Constraint, find_broken
from .trials.learner import GIVE, Learner, Reward
from .trials.lease import Leases
from .trials.trial import RUNNING, Report, Trial, end_trial, start_trial

Result = TypeVar("Result")
MAX_COPIES = 1000  # trials in a row that are answered from the record; then the algorithm has nothing new
MAX_ATTEMPTS = 3  # of a trial whose worker was lost, before the trial is to blame


@final
class Loop:
    """The writing half of a study: a record, an algorithm kept in step with it, and who has which trial.

    Args:
      store: open for writing.
      learner: the algorithm.
      constraints: limits on what trials measure.
      reuse: whether decisions that have a reward in the record, or broke a constraint, are answered from there.
    """

    def __init__(
        self, store: Store, learner: Learner, *, constraints: tuple[Constraint, ...], reuse: bool
    ) -> None:
        self.leases = Leases()
        self.exhaustion: str | None = None
        self._store, self._learner = store, learner
        self._constraints, self._reuse = constraints, reuse
        self._seq = 0  # of the last event
        self._objectives: int | None = None  # how many rewards each trial has, once it is known
        self._stale = True  # whether the learner may be elsewhere than the record
        self._losses = store.losses  # of the connection; somebody else may have written meanwhile

    def ask(self, worker: str | None, seconds: float | None) -> Trial | None:
        """Hands out the next trial: one that was lost, one that was enqueued, or one that the algorithm proposes."""

        def work(record: Record) -> Trial | None:
            self._put_back_expired(record)
            waiting = self.leases.next_waiting()
            if waiting is not None:
                again = replace(waiting, attempts=waiting.attempts + 1, started=now(), worker=worker)
                record.start_again(again)
                return again
            return self._propose(record, worker)

        with self._store.lock:
            trial = self.step(work)
            if trial is not None:
                self.leases.end(trial.id)
                self.leases.grant(trial, seconds)
            return trial

    def report(
        self,
        trial_id: int,
        reward: float,
        step: float,
        *,
        token: int | None,
        metrics: Mapping[str, float] | None,
    ) -> bool:
        """Records an intermediate reward; returns whether the trial should stop."""

        def work(record: Record) -> tuple[Trial, Report]:
            trial = self._find_running(record, trial_id, token)
            report = Report(
                step, reward, self._learner.report(trial.decisions, reward, step), metrics or None
            )
            self._seq += 1
            record.add_report(trial.id, report, self._seq)
            self._save_if_due(record)
            return trial.with_report(report), report

        with self._store.lock:
            trial, report = self.step(work)
            self.leases.renew(trial)
            return report.stop

    def end(
        self,
        trial_id: int,
        reward: Reward,
        reason: str | None,
        *,
        token: int | None,
        metrics: Mapping[str, float],
    ) -> Trial:
        """Records how a trial ended."""
        found = self._objectives

        def work(record: Record) -> Trial:
            nonlocal found
            trial = self._find(record, trial_id)
            broken = None if reward is None else find_broken(self._constraints, metrics, trial_id)
            numbers = metrics if broken is None else _with_reward(metrics, reward)
            told = reward if broken is None else None
            ended = end_trial(trial, told, broken or reason, self._seconds_of(trial_id), metrics=numbers)
            if trial.status != RUNNING:
                raise told_twice(trial, ended)
            if token is not None and token != trial.attempts:
                raise reassigned(trial, token)
            if told is not None:
                found = check_arity(trial_id, told, self._objectives or count_objectives(record))
            self._seq += 1
            if not record.finish_trial(ended, self._seq):
                raise told_twice(self._find(record, trial_id), ended)
            self._learner.feedback(ended.decisions, told)
            self._save_if_due(record)
            return ended

        with self._store.lock:
            ended = self._step_or_note(work)
            self._objectives = found
            self.leases.end(trial_id)
            return ended

    def put_back(self, trial_id: int, reason: str, *, token: int | None, limit: int) -> Trial:
        """Lets a trial whose worker was lost wait to be handed out again; after ``limit`` attempts it failed."""

        def work(record: Record) -> Trial:
            return self._put_back(record, self._find_running(record, trial_id, token), reason, limit)

        with self._store.lock:
            trial = self.step(work)
            self._settle(trial)
            return trial

    def renew(self, trial_id: int, token: int | None, seconds: float | None = None) -> None:
        """Notes that the holder of a trial is alive; one whose trial waits again has it back."""
        with self._store.lock:
            lease = self.leases.find(trial_id)
            if lease is not None and token in (None, lease.trial.attempts):
                self.leases.renew(lease.trial)
                return
            trial = self.step(lambda record: self._find_running(record, trial_id, token))
            self.leases.renew(trial)
            if seconds is not None and self.leases.find(trial_id) is None:
                self.leases.end(trial_id)
                self.leases.grant(trial, seconds)

    def enqueue(self, decisions: Decisions, note: str) -> None:
        """Has decisions tried next."""
        self.step(lambda record: record.add_queued(decisions, note))

    def learn(self, told: list[tuple[Decisions, Reward, str]]) -> int:
        """Tells the algorithm rewards of trials of another study, those that it was not told before; returns how many."""

        def work(record: Record) -> int:
            known = set(record.priors())
            new = [one for one in told if one not in known]
            for decisions, reward, source in new:
                self._seq += 1
                record.add_prior(self._seq, decisions, reward, source)
                self._learner.feedback(decisions, reward)
            self._save_if_due(record)
            return len(new)

        return self.step(work)

    def rest(self) -> None:
        """Saves a replay, before the study is closed."""

        def work(record: Record) -> None:
            if self._learner.has_moved:
                record.add_state(self._seq, self._learner.save())
            record.change_settings(holder=None)

        self.step(work)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Several steps in one transaction: all of them, or nothing."""
        with self._store.lock:
            try:
                with self._store.transaction():
                    yield
            except BaseException:
                self._stale = True
                raise

    def step(self, work: Callable[[Record], Result]) -> Result:
        """Returns what ``work`` returns, in one transaction; again after a connection that was lost and came back.

        What was lost may be the answer only: a step that is found in the record is not done again.
        """
        with self._store.lock:
            is_part = self._store.record.connection.in_transaction()
            done: tuple[int, Result] | None = None  # the number of its last event, and what it returned
            while True:
                try:
                    with self._store.transaction() as record:
                        if self._stale or self._losses != self._store.losses:
                            self._stale = True
                            self._resume(record)
                            self._losses = self._store.losses
                        if done is not None and done[0] == self._seq and is_ours(record):
                            result = done[1]
                        else:
                            self._stale, start, done = True, self._seq, None
                            result = work(record)
                            done = (self._seq, result) if self._seq > start else None
                except LostConnection:
                    if is_part:
                        raise
                    self._stale = True
                    self._store.reconnect()
                    continue
                self._stale = False
                return result

    # ------------------------------------------------------------------ private

    def _step_or_note(self, work: Callable[[Record], Trial]) -> Trial:
        """One step; a result that came too late is noted for people, and refused."""
        try:
            return self.step(work)
        except StaleError as error:
            trial_id, text = error.trial_id, str(error)
            self.step(lambda record: record.add_note(trial_id, text))
            raise

    def _resume(self, record: Record) -> None:
        seq, state = record.last_state()
        self._learner.resume(state, record.events_after(seq))
        self._seq = record.last_seq()
        self.leases.reset(record.running())

    def _propose(self, record: Record, worker: str | None) -> Trial | None:
        for _ in range(MAX_COPIES):
            progress = record.progress()
            if progress.is_full:
                return None
            given = record.take_queued() if progress.queued is not None else None
            if given is not None:
                return self._give(record, progress, given, worker)
            if progress.exhausted:
                return None
            try:
                decisions = self._learner.propose()
            except Exhausted as error:
                self._exhaust(record, str(error))
                return None
            trial = start_trial(
                progress.proposed + 1, decisions, self._learner.parent(decisions), worker=worker
            )
            known = record.find_tried(decisions) if self._reuse else None
            self._add(record, trial if known is None else replace(trial, origin=f"copy of trial {known.id}"))
            if known is None:
                return trial
            self._copy(record, trial, known)
        self._exhaust(record, f"the last {MAX_COPIES} proposals were tried before: it repeats itself.")
        return None

    def _give(
        self, record: Record, progress: Progress, given: tuple[Decisions, str], worker: str | None
    ) -> Trial:
        """Starts a trial of decisions that somebody enqueued; the algorithm hears of it when it is told."""
        decisions, note = given
        origin = f"enqueued: {note}" if note else "enqueued"
        trial = start_trial(progress.proposed + 1, decisions, worker=worker, origin=origin)
        self._seq += 1
        record.add_trial(trial, self._seq, kind=GIVE)
        return trial

    def _add(self, record: Record, trial: Trial) -> None:
        self._seq += 1
        record.add_trial(trial, self._seq)
        self._save_if_due(record)

    def _copy(self, record: Record, trial: Trial, known: Trial) -> None:
        """Ends a trial as an earlier one of the same decisions: with its reward, or as breaking a constraint."""
        reward = known.told
        ended = end_trial(trial, reward, known.reason, 0.0, metrics=known.metrics)
        self._seq += 1
        record.finish_trial(ended, self._seq)
        self._learner.feedback(ended.decisions, reward)
        self._save_if_due(record)

    def _exhaust(self, record: Record, why: str) -> None:
        self.exhaustion = why
        record.change_settings(exhausted=True)

    def _put_back_expired(self, record: Record) -> None:
        for trial in self.leases.expired():
            lease = self.leases.find(trial.id)
            silent = 0.0 if lease is None or lease.seconds is None else lease.seconds
            reason = f"nothing was heard of {trial.worker or 'its worker'} for {silent:g} s"
            self._settle(self._put_back(record, trial, reason, MAX_ATTEMPTS))

    def _put_back(self, record: Record, trial: Trial, reason: str, limit: int) -> Trial:
        record.add_note(trial.id, f"attempt {trial.attempts} was lost: {reason}")
        if trial.attempts < limit:
            lost = replace(trial, reason=reason)
            record.keep_reason(lost)
            return lost
        ended = end_trial(
            trial, None, f"{reason} (attempt {trial.attempts} of {limit})", self._seconds_of(trial.id)
        )
        self._seq += 1
        record.finish_trial(ended, self._seq)
        self._learner.feedback(ended.decisions, None)
        self._save_if_due(record)
        return ended

    def _settle(self, trial: Trial) -> None:
        """Notes what became of a trial whose attempt was lost."""
        if trial.status == RUNNING:
            self.leases.put_back(trial)
        else:
            self.leases.end(trial.id)

    def _find_running(self, record: Record, trial_id: int, token: int | None) -> Trial:
        lease = self.leases.find(trial_id) if trial_id.__class__ is int else None
        trial = self._find(record, trial_id) if lease is None else lease.trial
        if trial.status != RUNNING:
            raise ended_before(trial)
        if token is not None and token != trial.attempts:
            raise reassigned(trial, token)
        return trial

    def _find(self, record: Record, trial_id: int) -> Trial:
        lease = self.leases.find(trial_id) if trial_id.__class__ is int else None
        return find_trial(record, trial_id) if lease is None else lease.trial

    def _seconds_of(self, trial_id: int) -> float | None:
        lease = self.leases.find(trial_id)
        return None if lease is None else round(self.leases.clock() - lease.since, 6)

    def _save_if_due(self, record: Record) -> None:
        if self._learner.is_due:
            record.add_state(self._seq, self._learner.save())


def find_trial(record: Record, trial_id: int) -> Trial:
    """Returns a trial.

    Raises:
      FeedbackError: there is none of this number.
    """
    trial = record.find_trial(trial_id) if trial_id.__class__ is int and trial_id > 0 else None
    if trial is None:
        raise no_such_trial(record.settings()["name"], trial_id, record.progress().proposed)
    return trial


def is_ours(record: Record) -> bool:
    """Returns whether this process was the last to take the right to write."""
    return str(record.settings()["holder"]).startswith(f"{name_process()},")


def _with_reward(metrics: Mapping[str, float], reward: Reward) -> dict[str, float]:
    """Returns metrics with a reward among them, for a trial that keeps it but is not judged by it.

    It is called ``reward``, in brackets where the trial has a metric of that name.
    """
    named = {f"reward {i}": one for i, one in enumerate(reward, 1)} if isinstance(reward, tuple) else {}
    if isinstance(reward, float):
        named = {"reward": reward}
    found = dict(metrics)
    for name, number in named.items():
        while name in found:
            name = f"({name})"
        found[name] = number
    return found


def no_writer(path: object) -> StudyError:
    """Returns the error for a step of a study that is open for reading."""
    return StudyError(
        f"the study {str(path)!r} is open for reading. To go on with it, pass its algorithm: "
        "Study.open(path, space, algorithm)."
    )
