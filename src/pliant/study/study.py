"""``Study``: a durable search loop.  ``ask`` for a trial, evaluate it, ``tell`` its reward; crashes lose nothing."""

from __future__ import annotations

import json
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, final

from pliant.algorithms import Algorithm
from pliant.algorithms.description import describe
from pliant.algorithms.options import check_maximize
from pliant.algorithms.rewards import check_number, check_step, check_told
from pliant.space import Decisions, Space
from pliant.space.formats import refuse_program
from pliant.values.errors import DecisionError, NoStudyError, StudyError

from .loop import Loop, find_trial, no_writer
from .store.location import Place, check_source, to_location
from .store.lock import Holder
from .store.opening import create_store, open_store
from .store.record import Record
from .store.store import Check, Settings, Store
from .trials import check
from .trials.constraint import Constraint, check_metrics, parse_constraints
from .trials.learner import Learner
from .trials.trial import MAX_ATTEMPTS, Cause, Trial, now
from .view import View
from .writable import Writable


@final
class Study(Writable):
    """A search that is stored in a file: its space, its trials, and the state of its algorithm.

    Everything that was told before the process died is there when the study is opened again, and the search continues
    exactly as it would have without the crash.  Trials that were handed out and not told are handed out again first, with
    the same number and decisions.

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

    One process writes at a time, with any number of threads; any number of processes read meanwhile.  To share a study
    between processes, use ``serve(study)`` and ``connect(path)``.  A trial costs two transactions, however long the study is.

    Attributes:
      exhaustion: why the algorithm has nothing left, once it said so in this process; else None.
    """

    def __init__(self, store: Store, settings: dict[str, Any], space: Space) -> None:
        super().__init__(store, settings, space)
        self._loop: Loop | None = None  # only when open for writing
        self._closing = weakref.finalize(self, store.close)

    def _start(self, loop: Loop) -> None:
        self._loop = loop
        self._closing.detach()
        self._closing = weakref.finalize(self, loop.leave)

    @classmethod
    def create(
        cls,
        path: Place,
        space: Space,
        algorithm: Algorithm,
        *,
        trials: int | None = None,
        seed: int | None = None,
        maximize: bool = True,
        name: str | None = None,
        constraints: Iterable[str] = (),
        reuse: bool = False,
    ) -> Study:
        """Makes a new study, open for writing.

        Args:
          path: of the file, which must not exist yet, in a folder which must; or the address of a PostgreSQL database with
            a name, such as ``postgresql+psycopg://user@host/database?study=digits``.
          space: what to search.
          algorithm: proposes the trials.  If it was used on this space before, the search continues from what it learned.
          trials: the number of trials to propose; None until the algorithm has nothing left.
          seed: replaces the seed of the algorithm, unless it was used before.
          maximize: whether higher rewards are better.
          name: the name of the study; that of the file by default.
          constraints: limits on the metrics of trials, such as ``"latency <= 10"``. ``tell`` receives the metrics; a trial
            that breaks a constraint fails, with its reward among its metrics.
          reuse: whether decisions that already have a reward get it again at once, as a trial with ``copied_from``, and are
            not handed out; likewise those that broke a constraint. Trials that failed otherwise are tried again.

        Raises:
          StudyError: a file exists already, or none can be made there.
          SpaceError: the algorithm cannot search this space.
        """
        trials, location = check.check_arguments(space, algorithm, trials), to_location(path)
        limits, maximize = parse_constraints(constraints), check_maximize(maximize)
        algorithm.setup(space, seed=seed, trials=trials)
        learner = Learner(algorithm, maximize=maximize, constraints=limits)
        settings = {
            "name": check.check_name(location.stem if name is None else name),
            "space": json.dumps(space.to_json(), separators=(",", ":")),
            "algorithm": json.dumps(describe(algorithm)),
            "seed": None if seed is None else str(algorithm.seed),
            "maximize": maximize,
            "budget": trials,
            "exhausted": False,
            "created": now(),
            "holder": Holder.of_this_process().to_text(),
            "constraints": json.dumps([str(limit) for limit in limits]),
            "reuse": reuse,
        }
        store = create_store(location, settings, learner.save())
        study = cls(store, {**settings, "constraints": [str(limit) for limit in limits]}, algorithm.space)
        study._start(Loop(store, learner, constraints=limits, reuse=reuse))
        return study

    @classmethod
    def open(
        cls,
        path: Place,
        space: Space | None = None,
        algorithm: Algorithm | None = None,
        *,
        trials: int | None = None,
    ) -> Study:
        """Opens a study: with its algorithm to continue it, without to read it.

        Reading takes no lock and changes nothing, so it is possible while another process writes.

        Args:
          path: of the file, or the address, as in ``create``.
          space: the expected space of the study; not compared when None.
          algorithm: made with the same arguments as that of the study.  Its state is read from the file, even if it was
            used before.
          trials: a new number of trials in all; None leaves it as it is.

        Raises:
          StudyError: there is none (``NoStudyError``), another process writes it (``StudyInUseError``), it has another
            algorithm (``StudyChangedError``), it is damaged, or it cannot be written.
          SpaceChangedError: it has another space.
        """
        return cls._open(path, space, algorithm, trials)

    @classmethod
    def _open(
        cls,
        path: Place,
        space: Space | None,
        algorithm: Algorithm | None,
        trials: int | None,
        *,
        expect: Check = lambda settings: None,
    ) -> Study:
        trials = check.check_arguments(space, algorithm, trials)
        location = to_location(path)
        if algorithm is None and trials is not None:
            raise StudyError(
                f"a study that is open for reading keeps its number of trials; got trials={trials}. "
                "Pass the algorithm as well: Study.open(path, space, algorithm, trials=...)."
            )

        def check_all(settings: Settings) -> None:
            check.check_space(str(location), settings["space"], space)
            expect(settings)
            if algorithm is not None:
                seed = settings["seed"]
                algorithm.setup(
                    settings["space"] if space is None else space, seed=None if seed is None else int(seed)
                )
                check.check_algorithm(str(location), settings["algorithm"], algorithm)

        store, settings = open_store(location, writes=algorithm is not None, check=check_all)
        try:
            study = cls(store, settings, settings["space"] if space is None else space)
            if algorithm is not None:
                study._continue(settings, algorithm, trials)
        except BaseException:
            store.close()
            raise
        return study

    @classmethod
    def open_or_create(
        cls,
        path: Place,
        space: Space,
        algorithm: Algorithm,
        *,
        trials: int | None = None,
        seed: int | None = None,
        maximize: bool = True,
        name: str | None = None,
        constraints: Iterable[str] = (),
        reuse: bool = False,
    ) -> Study:
        """Opens the study at ``path`` for writing, or makes it if there is none; arguments as in ``create``.

        Raises:
          StudyError: as ``create`` and ``open``; or the study has another seed, direction, or other constraints.
          SpaceChangedError: the study has another space.
        """
        location, limits = to_location(path), [str(limit) for limit in parse_constraints(constraints)]
        asked = {"maximize": check_maximize(maximize), "constraints": limits, "reuse": reuse}
        expect = partial(check.check_settings, str(location), given=asked, seed=seed)
        try:
            return cls._open(location, space, algorithm, trials, expect=expect)
        except NoStudyError as error:
            if not error.is_free:
                raise
        return cls.create(
            location,
            space,
            algorithm,
            trials=trials,
            seed=seed,
            maximize=maximize,
            name=name,
            constraints=limits,
            reuse=reuse,
        )

    # ------------------------------------------------------------------ the loop

    def ask(
        self,
        *,
        worker: str | None = None,
        lease: float | None = None,
        attempts: int | None = MAX_ATTEMPTS,
        on_end: Callable[[Trial], object] = lambda trial: None,
    ) -> Trial | None:
        """Returns the next trial to try, or None when there is nothing more to propose.

        First come trials whose worker or process was lost, then enqueued decisions, then proposals of the algorithm. It also
        returns None while the last trials are running or the search is paused; ``is_complete`` says whether all have ended.

        Args:
          worker: the name of the worker, for readers of the study.
          lease: the number of seconds that the worker may be silent (``report`` and ``renew`` are signs) before the trial is
            handed out again; None without a limit, for trials that this process evaluates itself.
          attempts: the largest number of attempts of a trial whose worker, process or loop ends by an error; then it fails,
            with the cause ``lost``. None for no limit. Ctrl-C, and closing the study without an error, end no trial.
          on_end: called with each trial that ended meanwhile: such a failure, or a copy of an earlier result (``reuse``).

        Raises:
          StudyError: the study is open for reading only, or cannot be written.
        """
        name, seconds = check.check_worker(worker), None if lease is None else check.check_lease(lease)
        return self._writer().ask(name, seconds, check.check_attempts(attempts, "ask"), on_end)

    def report(
        self,
        trial_id: int,
        reward: float,
        *,
        step: float,
        token: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> bool:
        """Records an intermediate reward of a running trial; returns whether it should stop now.

        Reports are stored and replayed like rewards, at the cost of a transaction. Algorithms that do not stop trials
        always answer False. Tell the final reward of a stopped trial as usual.

        Args:
          trial_id: the trial.
          reward: a finite number.
          step: how far the trial is, in any unit that grows, such as the epoch; of two reports for one step the last counts.
          token: as in ``tell``.
          metrics: other numbers, by name.

        Raises:
          RewardError: the reward, the step or a metric is not a finite number.
          FeedbackError: the trial does not exist, or has ended.
          StaleError: the trial was handed out again.
          StudyError: the study is open for reading only, or cannot be written.
        """
        numbers = check_metrics(trial_id, metrics or {})
        good, at = check_number(reward, trial=trial_id), check_step(step) + 0.0
        return self._writer().report(check.to_id(trial_id), good, at, token=token, metrics=numbers)

    def tell(
        self,
        trial_id: int,
        reward: float | tuple[float, ...],
        *,
        token: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> Trial:
        """Records the reward of a running trial, and returns the trial as it ended.

        Args:
          trial_id: the trial.
          reward: a finite number; a tuple of them, for an algorithm of several objectives.
          token: ``trial.token`` as it was handed out, if another worker may have the trial meanwhile. A late result is
            accepted while no other worker has the trial.
          metrics: other numbers that the trial measured, by name.

        Raises:
          RewardError: the reward is not a finite number, or has another number of objectives than the algorithm or the study
            takes; or a constrained metric is missing.
          FeedbackError: the trial does not exist, or has ended.
          StaleError: the trial was handed out again.
          StudyError: the study is open for reading only, or cannot be written.
        """
        numbers = check_metrics(trial_id, metrics or {})
        return self._writer().end(
            check.to_id(trial_id), check_told(reward, trial=trial_id), None, token=token, metrics=numbers
        )

    def fail(
        self,
        trial_id: int,
        reason: str,
        *,
        cause: Cause = "error",
        token: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> Trial:
        """Records that a running trial ended without a reward; returns the trial as it ended.

        Args:
          trial_id: the trial.
          reason: why it failed, as text for people.
          cause: the kind of failure, for programs; one of ``FAILURES``.
          token: as in ``tell``.
          metrics: as in ``tell``.

        Raises:
          FeedbackError: the trial does not exist, or has ended.
          StaleError: the trial was handed out again.
          StudyError: the study is open for reading only, or cannot be written.
        """
        numbers, text = check_metrics(trial_id, metrics or {}), check.check_reason(trial_id, reason)
        return self._writer().end(
            check.to_id(trial_id), None, text, cause=check.check_cause(cause), token=token, metrics=numbers
        )

    def put_back(
        self, trial_id: int, reason: str, *, token: int | None = None, attempts: int | None = MAX_ATTEMPTS
    ) -> Trial:
        """Lets a trial whose worker was lost be handed out again, before new ones; returns it, still running or failed.

        Args:
          trial_id: the trial.
          reason: what happened to the worker, for the journal.
          token: as in ``tell``.
          attempts: the largest number of attempts; after it the trial fails. None if the attempt was only interrupted.

        Raises:
          FeedbackError: the trial does not exist, or has ended.
          StaleError: the trial was handed out again.
          StudyError: the study is open for reading only, or cannot be written.
        """
        text, limit = check.check_reason(trial_id, reason), check.check_attempts(attempts, "put_back")
        return self._writer().put_back(check.to_id(trial_id), text, token=token, limit=limit)

    def renew(self, trial_id: int, *, token: int | None = None, lease: float | None = None) -> None:
        """Extends the lease of a trial, as its worker is alive.  Writes nothing.

        Args:
          trial_id: the trial.
          token: as in ``tell``.
          lease: as in ``ask``, for a trial that an earlier process handed out: its worker gets it back. Without it,
            that trial continues to wait.

        Raises:
          FeedbackError: the trial does not exist, or has ended.
          StaleError: the trial was handed out again.
          StudyError: the study is open for reading only.
        """
        self._writer().renew(
            check.to_id(trial_id), check.to_id(token), None if lease is None else check.check_lease(lease)
        )

    def enqueue(self, decisions: object, note: str = "") -> None:
        """Enqueues decisions to try next, before proposals of the algorithm, which receives them with their reward.

        They count as trials of the study. ``pg.encode(space, program)`` returns the decisions of a program.

        Args:
          decisions: of the study's space, in any form; a plain list that may also be a program of the space is refused.
          note: where they come from, for readers of the study.

        Raises:
          DecisionError: they are not of this space.
          StudyError: the study cannot be written.
        """
        try:
            refuse_program(self.space, decisions)
            found = self.space.parse(decisions)
        except DecisionError as error:
            raise DecisionError(f"these decisions do not fit the study {self.name!r}: {error}") from error
        text = check.check_text(note, "the note about enqueued decisions")
        if self._loop is not None:
            self._loop.enqueue(found, text)
        else:
            self._store.beside(lambda record: record.add_queued(found, text))

    def learn_from(self, other: View | Place) -> int:
        """Warm start: passes the rewards of another study to the algorithm; returns the number of new ones.

        They do not become trials of this study, but its algorithm knows them, also after a restart. A second call passes only
        those that are new in the other study.

        Args:
          other: an open study, or its path or address; with the same space and direction.

        Raises:
          FieldTypeError: it is neither a study nor a path.
          SpaceChangedError: it has another space.
          StudyError: it has the opposite direction; or this study is open for reading only, or cannot be written.
        """
        loop = self._writer()
        if not isinstance(other, View):
            with Study.open(check_source(other)) as opened:
                return self.learn_from(opened)
        check.check_space(other.path, other.space, self.space)
        check.check_direction(other.path, theirs=other.maximize, ours=self.maximize)
        told = [
            (Decisions(self.space, trial.decisions.values), trial.told, f"trial {trial.id} of {other.name}")
            for trial in other.trials()
            if trial.ended is not None
        ]
        return loop.learn(told)

    def note(self, trial_id: int | None, text: str) -> None:
        """Writes a line into the journal.

        Raises:
          FeedbackError, FieldTypeError: the trial does not exist; the line is not a text.
          StudyError: the study is open for reading only, or cannot be written.
        """

        def work(record: Record) -> None:
            trial = None if trial_id is None else find_trial(record, check.to_id(trial_id)).id
            record.add_note(trial, check.check_text(text, "a line of the journal"))

        self._writer().step(work)

    def together(self) -> AbstractContextManager[None]:
        """Returns a context in which all steps are one transaction, with one sync to the disk.

        Raises:
          StudyError: the study is open for reading only.
        """
        return self._writer().together()

    @property
    def exhaustion(self) -> str | None:
        return None if self._loop is None else self._loop.exhaustion

    def close(self) -> None:
        """Closes the study; running trials will be handed out again; see ``ask``.  A second call does nothing."""
        try:
            if self._closing.alive and self._loop is not None and not self._store.is_lost:
                self._loop.close(sys.exception())
        finally:
            self._closing()

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<study {self.name!r} in {str(self.path)!r}>"

    # ------------------------------------------------------------------ private

    def _writer(self) -> Loop:
        if self._loop is None:
            raise no_writer(self.path)
        return self._loop

    def _continue(self, settings: Settings, algorithm: Algorithm, trials: int | None) -> None:
        """Prepares an opened study for writing, with its algorithm set up."""
        self.space = self._store.record.space = algorithm.space
        limits = tuple(map(Constraint.parse, self.constraints))
        learner = Learner(algorithm, maximize=self.maximize, constraints=limits)
        self._start(Loop(self._store, learner, constraints=limits, reuse=settings["reuse"]))
        changes = {"holder": Holder.of_this_process(), **({} if trials is None else {"budget": trials})}
        self._writer().step(lambda record: record.change_settings(**changes))
