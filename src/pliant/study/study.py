"""The durable loop: ``ask`` for a trial, try it, ``tell`` its reward, over days and any number of crashes.

What is written when is decided here; how, in ``store``.  A trial is written before it is handed out, and a
reward before ``tell`` returns, each in one transaction with the event that the algorithm's state follows
from.
"""

from __future__ import annotations

import json
import os
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from time import monotonic
from typing import Any, final

from pliant.algorithms import Algorithm, Exhausted
from pliant.algorithms.base import check_arity, check_step
from pliant.space import Space
from pliant.values.errors import FieldTypeError, FieldValueError, StudyError, listing, suggest

from .check import (
    check_arguments,
    check_exists,
    check_reward,
    check_rewards,
    check_settings,
    check_space,
    ended_before,
    no_such_trial,
    to_file,
    told_twice,
)
from .learner import Learner, Reward, describe, differences, to_text
from .lock import describe_process, now
from .objectives import count_objectives, find_front
from .store import Store, is_free
from .tables import SCHEMA_VERSION
from .trial import RUNNING, STATUSES, Report, StudyInfo, Trial, end_trial, start_trial


@final
class Study:
    """A search that is kept in a file: its space, its trials, and where its algorithm stands.

    Whatever was told before the process died is there when the study is opened again, and the search goes
    on exactly as it would have.  Trials that were handed out and never told are handed out again, first,
    with the same number and decisions.

    >>> from pliant.algorithms import Random
    >>> from pliant.space import flatten, integer
    >>> import tempfile
    >>> space = flatten([integer("x", 0, 9)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Study.create(f"{folder}/a.db", space, Random(), trials=20) as study:
    ...         while trial := study.ask():
    ...             _ = study.tell(trial.id, -abs(trial.decisions["x"] - 4))
    ...     with Study.open(f"{folder}/a.db") as study:  # for reading: no algorithm
    ...         study.is_complete, study.counts()["completed"], study.best()[0].decisions["x"]
    (True, 20, 4)

    One process at a time writes; in it, any number of threads.  Any number read meanwhile.  A trial costs
    two transactions, however long the study is.  Use ``create``, ``open`` or ``open_or_create``.

    Attributes:
      space: what is searched.
      name: what the study is called.
      path: its file.
      maximize: whether higher rewards are better.
      exhaustion: why the algorithm has nothing left, once it said so in this process; else None.
    """

    def __init__(self, store: Store, settings: dict[str, Any], space: Space) -> None:
        self.space, self.path = space, store.path
        self.name: str = settings["name"]
        self.maximize: bool = settings["maximize"]
        store.record.space = space
        self._store, self._record = store, store.record
        self._learner: Learner | None = None  # only when open for writing
        self._stale = True  # whether the learner may be elsewhere than the record
        self.exhaustion: str | None = None
        self._seq = 0  # of the last event
        self._out: dict[int, tuple[Trial, float]] = {}  # handed out by this process, and when
        self._objectives: int | None = None  # how many rewards each trial has, once it is known
        self._waiting: deque[Trial] = deque()  # to be handed out again
        self._closing = weakref.finalize(self, store.close)

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        space: Space,
        algorithm: Algorithm,
        *,
        trials: int | None = None,
        seed: int | None = None,
        maximize: bool = True,
        name: str | None = None,
    ) -> Study:
        """Makes a new study, open for writing.

        Args:
          path: of the file, which must not exist yet, in a folder which must.
          space: what to search.
          algorithm: how.  If it was used on this space before, the search goes on from what it learned.
          trials: how many to propose in all; None until the algorithm has nothing left.
          seed: replaces the algorithm's own, unless it was used before.
          maximize: whether higher rewards are better.
          name: what to call the study; the name of the file by default.

        Raises:
          StudyError: there is a file already, or none can be made there.
          SpaceError: the algorithm cannot search this space.
        """
        check_arguments(space, algorithm, trials)
        file = to_file(path)
        algorithm.setup(space, seed=seed)
        learner = Learner(algorithm, maximize=maximize)
        settings = {
            "name": file.stem if name is None else name,
            "space": json.dumps(space.to_json(), separators=(",", ":")),
            "algorithm": json.dumps(describe(algorithm)),
            "seed": None if seed is None else str(algorithm.seed),
            "maximize": maximize,
            "budget": trials,
            "exhausted": False,
            "created": now(),
            "holder": describe_process(),
        }
        study = cls(Store.create(file, settings, learner.save()), settings, algorithm.space)
        study._learner = learner
        return study

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        space: Space | None = None,
        algorithm: Algorithm | None = None,
        *,
        trials: int | None = None,
    ) -> Study:
        """Opens a study: with its algorithm to go on, without to read.

        Reading needs no lock and changes nothing, so it may be done while another process writes.

        Args:
          path: of the file.
          space: what the study is expected to search; not compared when None.
          algorithm: made with the arguments that the study was made with.  Where it stands is taken from
            the file, even if it was used before.
          trials: a new number of trials in all; None leaves it as it is.

        Raises:
          StudyError: there is no study, it is damaged, another process writes it, or it has another
            algorithm.
          SpaceChangedError: it has another space.
        """
        check_arguments(space, algorithm, trials)
        file = to_file(path)
        check_exists(file)
        if algorithm is None and trials is not None:
            raise StudyError(
                f"a study that is open for reading keeps its number of trials; got trials={trials}. "
                "Pass the algorithm, too: Study.open(path, space, algorithm, trials=...)."
            )
        store = Store.open(file, writes=algorithm is not None)
        try:
            with store.transaction() as record:
                settings = record.settings()
                check_space(file, settings["space"], space)
                study = cls(store, settings, settings["space"] if space is None else space)
                if algorithm is not None:
                    study._go_on(settings, algorithm, trials)
        except BaseException:
            store.close()
            raise
        return study

    @classmethod
    def open_or_create(
        cls,
        path: str | os.PathLike[str],
        space: Space,
        algorithm: Algorithm,
        *,
        trials: int | None = None,
        seed: int | None = None,
        maximize: bool = True,
        name: str | None = None,
    ) -> Study:
        """Opens the study at ``path`` for writing, or makes it when there is none; arguments as in ``create``.

        Raises:
          StudyError: as ``create`` and ``open``; or the study has another seed, or direction.
          SpaceChangedError: the study has another space.
        """
        file = to_file(path)
        if is_free(file):
            return cls.create(file, space, algorithm, trials=trials, seed=seed, maximize=maximize, name=name)
        with cls.open(file, space) as study, study._store.transaction() as record:
            recorded = record.settings()
        check_settings(file, recorded, maximize=maximize, seed=seed)
        return cls.open(file, space, algorithm, trials=trials)

    # ------------------------------------------------------------------ the loop

    def ask(self) -> Trial | None:
        """Returns the next trial to try, or None when there is nothing more to propose.

        Trials that a process before this one was handed and never told come first.  None comes while
        trials are still running, too; ``is_complete`` says whether all have ended.

        Raises:
          StudyError: the study is open for reading only, or cannot be written.
        """
        with self._store.lock:
            with self._step() as learner:
                trial = self._take_waiting() if self._waiting else self._propose(learner)
            if trial is not None:
                self._out[trial.id] = trial, monotonic()
            return trial

    def report(self, trial_id: int, reward: float, *, step: float) -> bool:
        """Records how good a running trial is so far; returns whether it should stop now.

        What is reported is kept and replayed like what is told, at the cost of a transaction; algorithms that stop
        no trial always answer False. A trial that stops is told its reward all the same.

        Args:
          trial_id: the trial.
          reward: one finite number.
          step: how far the trial is, in any unit that grows; of two reports for one step the last counts.

        Raises:
          RewardError: the reward or the step is no finite number.
          FeedbackError: there is no such trial, or it was told already.
          StudyError: the study is open for reading only, or cannot be written.
        """
        reward, step = check_reward(trial_id, reward), check_step(step) + 0.0
        with self._store.lock:
            with self._step() as learner:
                out = self._out.get(trial_id) if trial_id.__class__ is int else None
                trial = self._find(trial_id) if out is None else out[0]
                if trial.status != RUNNING:
                    raise ended_before(trial)
                report = Report(step, reward, learner.report(trial.decisions, reward, step))
                self._seq += 1
                self._record.add_report(trial.id, report, self._seq)
                self._save_if_due(learner)
            trial = trial.with_report(report)
            if out is not None:
                self._out[trial.id] = trial, out[1]
            else:
                self._waiting = deque(trial if one.id == trial.id else one for one in self._waiting)
            return report.stop

    def tell(self, trial_id: int, reward: float | tuple[float, ...]) -> Trial:
        """Records the reward of a running trial, and returns the trial as it ended.

        Args:
          trial_id: the trial.
          reward: a finite number; a tuple of them, for an algorithm of several objectives.

        Raises:
          RewardError: the reward is no finite number, or not as many numbers as the algorithm or the study takes.
          FeedbackError: there is no such trial, or it was told already.
          StudyError: the study is open for reading only, or cannot be written.
        """
        return self._end(trial_id, check_rewards(trial_id, reward), None)

    def fail(self, trial_id: int, reason: str) -> Trial:
        """Records that a running trial ended without reward, and why; returns the trial as it ended.

        Raises:
          FeedbackError: there is no such trial, or it was told already.
          StudyError: the study is open for reading only, or cannot be written.
        """
        if not isinstance(reason, str):
            raise FieldTypeError(
                f"the reason why trial {trial_id} failed is text; got {reason!r:.80} of type "
                f"{type(reason).__name__}."
            )
        text = reason.encode("utf-8", "replace").decode("utf-8")  # a log may hold what is no text
        return self._end(trial_id, None, text)

    # ------------------------------------------------------------------ reading

    def trials(self, status: str | None = None) -> Iterator[Trial]:
        """Returns the trials in the order of proposal: all, or those of one status.

        They are read a few hundred at a time, so trials may be asked and told in between.
        """
        if status is not None and status not in STATUSES:
            raise FieldValueError(
                f"a trial's status is one of {listing(STATUSES)}; got {status!r}{suggest(status, STATUSES)}."
            )
        return self._read_trials(status)

    def trial(self, trial_id: int) -> Trial:
        """Returns one trial.

        Raises:
          FeedbackError: there is none of this number.
        """
        with self._store.transaction():
            return self._find(trial_id)

    def best(self, count: int = 1) -> list[Trial]:
        """Returns the ``count`` trials with the best rewards, best first, the earlier of equals first.

        Raises:
          StudyError: the trials have several rewards each, of which none is the best.
        """
        if count.__class__ is not int or count < 1:
            raise FieldValueError(f"best(count) takes an integer of at least 1; got {count!r}.")
        with self._store.transaction():
            if (count_objectives(self._record) or 1) > 1:
                raise StudyError(
                    f"the trials of {self.name!r} have several rewards each, so there is no best one. "
                    "Those that no other beats are `study.front()`."
                )
            return self._record.best(count, maximize=self.maximize)

    def front(self) -> list[Trial]:
        """Returns the trials that no other beats in all objectives, those best in the first one first."""
        with self._store.transaction():
            return find_front(self._record, maximize=self.maximize)

    def counts(self) -> dict[str, int]:
        """Returns how many trials there are of each status, in the order of ``STATUSES``; reads them all."""
        with self._store.transaction():
            found = self._record.counts()
        return {status: found.get(status, 0) for status in STATUSES}

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to propose, and no trial is running."""
        with self._store.transaction():
            return self._record.progress().is_over and not self._record.running()

    def info(self) -> StudyInfo:
        """Returns the settings of the study and how far it is."""
        with self._store.transaction():
            settings, progress = self._record.settings(), self._record.progress()
            is_complete = progress.is_over and not self._record.running()
        return StudyInfo(
            name=self.name,
            path=self.path,
            algorithm=to_text(settings["algorithm"]),
            fingerprint=self.space.fingerprint,
            maximize=self.maximize,
            budget=progress.budget,
            proposed=progress.proposed,
            exhausted=progress.exhausted,
            is_complete=is_complete,
            created=settings["created"],
            holder=settings["holder"],
            schema_version=SCHEMA_VERSION,
        )

    def close(self) -> None:
        """Closes the file; trials that are running will be handed out again.  Closed twice is closed."""
        try:
            if self._closing.alive and self._learner is not None:
                # Saves a replay. If it fails (the disk is full), then nothing is lost: the events are there.
                with suppress(StudyError), self._step() as learner:
                    if learner.has_moved:
                        self._record.add_state(self._seq, learner.save())
                    self._record.change_settings(holder=None)
        finally:
            self._closing()

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<study {self.name!r} in {str(self.path)!r}>"

    # ------------------------------------------------------------------ private

    def _go_on(self, settings: dict[str, Any], algorithm: Algorithm, trials: int | None) -> None:
        """Takes over the writing of a study that was opened."""
        seed = settings["seed"]
        algorithm.setup(self.space, seed=None if seed is None else int(seed))
        given = describe(algorithm)
        if found := differences(settings["algorithm"], given):
            raise StudyError(
                f"the study {str(self.path)!r} is searched by another algorithm: {'; '.join(found)}.\n"
                f"  in the study: {to_text(settings['algorithm'])}\n"
                f"  given:        {to_text(given)}\n"
                "Give the one in the study, or make another study at another path."
            )
        self.space = self._record.space = algorithm.space
        self._learner = Learner(algorithm, maximize=self.maximize)
        self._resume(self._learner)
        self._stale = False
        self._record.change_settings(holder=describe_process())
        if trials is not None:
            self._record.change_settings(budget=trials)

    @contextmanager
    def _step(self) -> Iterator[Learner]:
        """One transaction of the loop.  If it fails anywhere, the next one starts from the record again."""
        learner = self._learner
        if learner is None:
            raise StudyError(
                f"the study {str(self.path)!r} is open for reading. To go on with it, pass its algorithm: "
                "Study.open(path, space, algorithm)."
            )
        with self._store.lock:
            with self._store.transaction():
                if self._stale:
                    self._resume(learner)
                self._stale = True
                yield learner
            self._stale = False

    def _resume(self, learner: Learner) -> None:
        seq, state = self._record.last_state()
        self._seq = seq + learner.resume(state, self._record.events_after(seq))
        running = self._record.running()
        self._out = {trial.id: self._out[trial.id] for trial in running if trial.id in self._out}
        self._waiting = deque(trial for trial in running if trial.id not in self._out)

    def _take_waiting(self) -> Trial:
        trial = self._waiting.popleft()
        trial = replace(trial, attempts=trial.attempts + 1, started=now())
        self._record.start_again(trial)
        return trial

    def _propose(self, learner: Learner) -> Trial | None:
        progress = self._record.progress()
        if progress.is_over:
            return None
        try:
            decisions = learner.propose()
        except Exhausted as error:
            self.exhaustion = str(error)
            self._record.change_settings(exhausted=True)
            return None
        trial = start_trial(progress.proposed + 1, decisions, learner.parent(decisions))
        self._seq += 1
        self._record.add_trial(trial, self._seq)
        self._save_if_due(learner)
        return trial

    def _end(self, trial_id: int, reward: Reward, reason: str | None) -> Trial:
        objectives = self._objectives
        with self._store.lock:
            with self._step() as learner:
                out = self._out.get(trial_id) if trial_id.__class__ is int else None
                if out is not None:
                    trial, seconds = out[0], round(monotonic() - out[1], 6)
                else:  # of a process before this one, unless it has ended
                    trial, seconds = self._find(trial_id), None
                    self._waiting = deque(other for other in self._waiting if other.id != trial.id)
                ended = end_trial(trial, reward, reason, seconds)
                if reward is not None:
                    known = self._objectives or count_objectives(self._record)
                    objectives = check_arity(trial_id, reward, known)
                self._seq += 1
                if not self._record.finish_trial(ended, self._seq):
                    raise told_twice(self._find(trial_id), ended)
                learner.feedback(ended.decisions, reward)
                self._save_if_due(learner)
            self._objectives = objectives
            self._out.pop(trial_id, None)
            return ended

    def _save_if_due(self, learner: Learner) -> None:
        if learner.is_due:
            self._record.add_state(self._seq, learner.save())

    def _find(self, trial_id: int) -> Trial:
        trial = self._record.find_trial(trial_id) if trial_id.__class__ is int and trial_id > 0 else None
        if trial is None:
            raise no_such_trial(self.name, trial_id, self._record.progress().proposed)
        return trial

    def _read_trials(self, status: str | None) -> Iterator[Trial]:
        last = 0
        while True:
            with self._store.transaction():
                page = self._record.page(after=last)
            if not page:
                return
            last = page[-1].id
            for trial in page:
                if status is None or trial.status == status:
                    yield trial
