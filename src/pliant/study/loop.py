"""The steps of a study: ask, report, tell, put back; each is one transaction on record, algorithm and leases.

A trial is written before it is handed out, and a reward before ``tell`` returns, together with the event from which the
state of the algorithm follows.  If a step fails, nothing of it stays, and the next one starts from the record again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TypeVar, final

from pliant.algorithms import Exhausted
from pliant.algorithms.rewards import check_arity
from pliant.space import Decisions
from pliant.values.errors import StaleError, StudyError

from .store.reading import Progress, count_objectives
from .store.record import Record
from .store.store import LostConnection, Store
from .trials.check import check_token, ended_before, no_such_trial, told_twice
from .trials.constraint import Constraint, find_broken
from .trials.learner import GIVE, Learner, Reward
from .trials.lease import Leases
from .trials.trial import INTERRUPTED, RUNNING, Cause, Report, Trial, end_trial, now, start_trial

Result = TypeVar("Result")
_ENDED = "its process ended, or its loop raised an error"
MAX_COPIES = 1000  # trials in a row that get an earlier result; then the algorithm counts as exhausted


@final
class Loop:
    """The writing part of a study: its record, its algorithm, and the leases of running trials.

    Args:
      store: open for writing.
      learner: the algorithm.
      constraints: limits on what trials measure.
      reuse: whether decisions that have a reward in the record, or broke a constraint, get that result again.
    """

    def __init__(
        self, store: Store, learner: Learner, *, constraints: tuple[Constraint, ...], reuse: bool
    ) -> None:
        self.leases = Leases()
        self.exhaustion: str | None = None
        self._store, self._learner = store, learner
        self._constraints, self._reuse = constraints, reuse
        self._seq = 0  # of the last event
        self._objectives: int | None = None  # the number of rewards of each trial, once it is known
        self._stale = True  # whether the learner may differ from the record
        self._losses = store.losses  # of the connection; another process may have written meanwhile

    def ask(
        self,
        worker: str | None,
        seconds: float | None,
        limit: int | None,
        on_end: Callable[[Trial], object],
    ) -> Trial | None:
        """Returns the next trial: a lost one, an enqueued one, or one that the algorithm proposes.

        None also while the search is paused.  Passes the trials that ended meanwhile to ``on_end``: lost ones after ``limit`` attempts, and copies of earlier results.
        """

        def work(record: Record) -> tuple[Trial | None, list[Trial]]:
            self._put_back_expired(record, limit)
            ended: list[Trial] = []
            if record.progress().paused is not None:
                return None, ended
            while (waiting := self.leases.next_waiting()) is not None:
                if limit is None or waiting.attempts < limit or waiting.cause == INTERRUPTED:
                    count = waiting.attempts + 1
                    self._note_end(record, waiting)
                    again = replace(waiting, attempts=count, started=now(), worker=worker, cause=None)
                    record.start_again(again)
                    return again, ended
                ended.append(self._give_up(record, waiting, _explain_loss(waiting, limit)))
                self.leases.end(waiting.id)
            return self._propose(record, worker, ended), ended

        with self._store.lock:
            trial, ended = self.step(work)
            if trial is not None:
                self.leases.grant(trial, seconds)
        try:
            for one in ended:
                on_end(one)
        except BaseException:
            if trial is not None:
                self.put_back(trial.id, "the search was stopped", token=trial.token, limit=None)
            raise
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
        cause: Cause | None = None,
    ) -> Trial:
        """Records the end of a trial."""
        found = self._objectives

        def work(record: Record) -> Trial:
            nonlocal found
            trial = self._find(record, trial_id)
            broken = None if reward is None else find_broken(self._constraints, metrics, trial_id)
            numbers = metrics if broken is None else _with_reward(metrics, reward)
            told = reward if broken is None else None
            why = cause if broken is None else "constraint"
            if told is not None and trial.should_stop:
                why = "stopped"
            ended = end_trial(
                trial, told, broken or reason, self._seconds_of(trial_id), cause=why, metrics=numbers
            )
            if trial.status != RUNNING:
                raise told_twice(trial, ended)
            check_token(trial, token)
            if told is not None:
                found = check_arity(trial_id, told, self._objectives or count_objectives(record))
            self._seq += 1
            if not record.finish_trial(ended, self._seq):
                raise told_twice(self._find(record, trial_id), ended)
            self._learner.feedback(ended.decisions, told, ended.seconds, ended.metrics)
            self._save_if_due(record)
            return ended

        with self._store.lock:
            ended = self._step_or_note(work)
            self._objectives = found
            self.leases.end(trial_id)
            return ended

    def put_back(self, trial_id: int, reason: str, *, token: int | None, limit: int | None) -> Trial:
        """Lets a trial whose worker was lost wait to be handed out again; after ``limit`` attempts it fails.

        Without a limit, the attempt was interrupted.
        """

        def work(record: Record) -> Trial:
            return self._put_back(record, self._find_running(record, trial_id, token), reason, limit)

        with self._store.lock:
            trial = self.step(work)
            self._settle(trial)
            return trial

    def renew(self, trial_id: int, token: int | None, seconds: float | None = None) -> None:
        """Extends the lease of a trial; a worker whose trial waits again gets it back."""
        with self._store.lock:
            lease = self.leases.find(trial_id)
            if lease is not None and token in (None, lease.trial.attempts):
                self.leases.renew(lease.trial)
                return
            trial = self.step(lambda record: self._find_running(record, trial_id, token))
            self.leases.renew(trial)
            if seconds is not None and self.leases.find(trial_id) is None:
                self.leases.grant(trial, seconds)

    def renew_all(self, tokens: Mapping[int, int], seconds: float | None = None) -> dict[int, int]:
        """Extends the leases of a worker's trials, in time that hardly grows with their number; returns those that it has."""
        with self._store.lock:
            self.step(lambda record: None)  # so that the leases agree with the record
            return {key: token for key, token in tokens.items() if self.leases.take(key, token, seconds)}

    def enqueue(self, decisions: Decisions, note: str) -> None:
        """Enqueues decisions to try next."""
        self.step(lambda record: record.add_queued(decisions, note))

    def learn(self, told: list[tuple[Decisions, Reward, str]]) -> int:
        """Passes new rewards of another study to the algorithm; returns their number."""

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

    @property
    def continues(self) -> bool:
        """Whether the algorithm may propose trials that continue earlier ones."""
        return self._learner.continues

    def exchange(self, work: Callable[[Record, int], tuple[Result, Learner, int]]) -> Result:
        """Replaces the algorithm in one transaction.

        Args:
          work: takes the record and the number of the last event; returns a result, the new learner, whose snapshot it wrote, and the
            number of the last event.

        Raises:
          StudyError: trials are being evaluated.
        """

        def step(record: Record) -> tuple[Result, Learner]:
            if running := [trial.id for trial in self.leases.granted()]:
                raise StudyError(
                    f"the space cannot change while trials are evaluated: {', '.join(map(str, running[:8]))}. Tell their results, or return "
                    "them with study.put_back(id, 'why', token=trial.token); then call change_space again. Nothing was changed."
                )
            result, learner, self._seq = work(record, self._seq)
            return result, learner

        with self._store.lock:
            found, self._learner = self.step(step)
            self._stale, self._objectives = True, None
            return found

    def leave(self) -> None:
        """Closes the store at the end of the process, or when nothing refers to the study any more."""
        if isinstance(getattr(sys, "last_value", None), KeyboardInterrupt) and not self._store.is_lost:
            self.close(None)
        self._store.close()

    def close(self, error: BaseException | None) -> None:
        """Writes a snapshot before the study is closed, which saves a replay.

        Unless ``error`` ends the loop, attempts that are running are only interrupted.  If it fails (the disk is full), nothing
        is lost: the events are in the record.
        """
        is_lost = error is not None and not isinstance(error, KeyboardInterrupt)

        def work(record: Record) -> None:
            for trial in () if is_lost else self.leases.granted():
                record.start_again(replace(trial, cause=INTERRUPTED))
            if self._learner.has_moved:
                record.add_state(self._seq, self._learner.save())
            record.change_settings(holder=None)

        with suppress(StudyError):
            self.step(work)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Runs several steps in one transaction."""
        with self._store.lock:
            try:
                with self._store.transaction():
                    yield
            except BaseException:
                self._stale = True
                raise

    def step(self, work: Callable[[Record], Result]) -> Result:
        """Returns what ``work`` returns, in one transaction; repeats it after a lost connection.

        Only the answer may have been lost: a step that is found in the record is not repeated.
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
                        if done is not None and done[0] == self._seq and _is_ours(record):
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
        """Does one step; a result that comes too late is noted in the journal and refused."""
        try:
            return self.step(work)
        except StaleError as error:
            trial_id, text = error.trial_id, str(error)
            self.step(lambda record: record.add_note(trial_id, text))
            raise

    def _resume(self, record: Record) -> None:
        if self._reuse:
            record.index_decisions()
        seq, state = record.last_state()
        self._learner.resume(state, record.events_after(seq))
        self._seq = record.last_seq()
        self.leases.reset(record.running())

    def _propose(self, record: Record, worker: str | None, ended: list[Trial]) -> Trial | None:
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
            if known is not None:
                trial = replace(trial, copied_from=known.id)
            self._add(record, trial)
            if known is None:
                return trial
            ended.append(self._copy(record, trial, known))
        self._exhaust(
            record, f"the last {MAX_COPIES} proposals were tried before: the algorithm repeats itself."
        )
        return None

    def _give(
        self, record: Record, progress: Progress, given: tuple[Decisions, str], worker: str | None
    ) -> Trial:
        """Starts a trial of enqueued decisions; the algorithm receives them with their reward."""
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

    def _copy(self, record: Record, trial: Trial, known: Trial) -> Trial:
        """Ends a trial like an earlier one of the same decisions: with its reward, or as breaking a constraint."""
        reward = known.told
        ended = end_trial(trial, reward, known.reason, 0.0, cause=known.cause, metrics=known.metrics)
        self._seq += 1
        record.finish_trial(ended, self._seq)
        self._learner.feedback(ended.decisions, reward)
        self._save_if_due(record)
        return ended

    def _exhaust(self, record: Record, why: str) -> None:
        self.exhaustion = why
        record.change_settings(exhausted=True)

    def _put_back_expired(self, record: Record, limit: int | None) -> None:
        for trial in self.leases.expired():
            lease = self.leases.find(trial.id)
            silent = 0.0 if lease is None or lease.seconds is None else lease.seconds
            reason = f"{trial.worker or 'its worker'} was silent for {silent:g} s"
            self._settle(self._put_back(record, trial, reason, limit))

    def _note_end(self, record: Record, waiting: Trial) -> None:
        """Writes into the journal how the last attempt of a waiting trial ended, where no process could do that before."""
        number = waiting.attempts
        if self.leases.was_put_back(waiting.id) or record.has_note(waiting.id, f"attempt {number} was "):
            return
        how = "interrupted" if waiting.cause == INTERRUPTED else f"lost: {_ENDED}"
        record.add_note(waiting.id, f"attempt {number} was {how}")

    def _put_back(self, record: Record, trial: Trial, reason: str, limit: int | None) -> Trial:
        record.add_note(trial.id, f"attempt {trial.attempts} was lost: {reason}")
        if limit is None or trial.attempts < limit:
            lost = replace(trial, reason=reason, cause=INTERRUPTED if limit is None else None)
            record.start_again(lost)
            return lost
        return self._give_up(record, trial, f"{reason} (attempt {trial.attempts} of {limit})")

    def _give_up(self, record: Record, trial: Trial, why: str) -> Trial:
        """Ends a trial without a result after too many attempts."""
        ended = end_trial(trial, None, why, self._seconds_of(trial.id), cause="lost")
        self._seq += 1
        record.finish_trial(ended, self._seq)
        self._learner.feedback(ended.decisions, None)
        self._save_if_due(record)
        return ended

    def _settle(self, trial: Trial) -> None:
        """Updates the lease of a trial whose attempt was lost."""
        if trial.status == RUNNING:
            self.leases.put_back(trial)
        else:
            self.leases.end(trial.id)

    def _find_running(self, record: Record, trial_id: int, token: int | None) -> Trial:
        lease = self.leases.find(trial_id)
        trial = self._find(record, trial_id) if lease is None else lease.trial
        if trial.status != RUNNING:
            raise ended_before(trial)
        check_token(trial, token)
        return trial

    def _find(self, record: Record, trial_id: int) -> Trial:
        lease = self.leases.find(trial_id)
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


def _explain_loss(trial: Trial, limit: int) -> str:
    """Returns why a trial that was running when its process ended is not tried again."""
    last = f" (before: {trial.reason})" if trial.reason else ""
    return (
        f"no attempt had a result: in attempt {trial.attempts} {_ENDED}{last}; "
        f"a trial has at most {limit} attempts"
    )


def _is_ours(record: Record) -> bool:
    """Returns whether this process was the last to take the right to write."""
    holder = record.settings()["holder"]
    return holder is not None and holder.is_here


def _with_reward(metrics: Mapping[str, float], reward: Reward) -> dict[str, float]:
    """Returns metrics with the reward of a trial that breaks a constraint.

    Its name is ``reward``, in brackets where the trial has a metric of that name.
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
    """Returns the error for a step of a study that is open for reading only."""
    return StudyError(
        f"the study {str(path)!r} is open for reading only. To continue it, pass its algorithm: "
        "Study.open(path, space, algorithm)."
    )
