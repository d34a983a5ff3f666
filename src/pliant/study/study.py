"""The durable loop: ``ask`` for a trial, try it, ``tell`` its reward, over days and any number of crashes.

Made and opened here; what a step does is said in ``loop``, what may be read in ``view``.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import Any, final

from pliant.algorithms import Algorithm
from pliant.algorithms.base import check_step
from pliant.space import Space
from pliant.values.errors import DecisionError, FieldTypeError, FieldValueError, StudyError

from .loop import MAX_ATTEMPTS, Loop, no_writer
from .store.location import Place, Server, to_location
from .store.lock import describe_process, now
from .store.store import Store, create_store, is_free, open_store
from .trials.check import check_arguments, check_reward, check_rewards, check_settings, check_space, to_plain
from .trials.constraint import Constraint, check_metrics, parse_constraints
from .trials.learner import Learner, describe, differences, to_text
from .trials.trial import Trial
from .view import View


@final
class Study(View):
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
      exhaustion: why the algorithm has nothing left, once it said so in this process; else None.
    """

    def __init__(self, store: Store, settings: dict[str, Any], space: Space) -> None:
        super().__init__(store, settings, space)
        self._loop: Loop | None = None  # only when open for writing
        self._closing = weakref.finalize(self, store.close)

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
          algorithm: how.  If it was used on this space before, the search goes on from what it learned.
          trials: how many to propose in all; None until the algorithm has nothing left.
          seed: replaces the algorithm's own, unless it was used before.
          maximize: whether higher rewards are better.
          name: what to call the study; the name of the file by default.
          constraints: limits on what trials measure, such as ``"latency <= 10"``: ``tell`` is given the metrics, and a trial
            that breaks one counts as failed, with its reward among its metrics.
          reuse: whether decisions that have a reward already are told that reward at once, as trials of their own,
            and not handed out; those that broke a constraint likewise. Trials that failed otherwise are tried again.

        Raises:
          StudyError: there is a file already, or none can be made there.
          SpaceError: the algorithm cannot search this space.
        """
        check_arguments(space, algorithm, trials)
        location, limits = to_location(path), parse_constraints(constraints)
        algorithm.setup(space, seed=seed)
        learner = Learner(algorithm, maximize=maximize)
        settings = {
            "name": location.stem if name is None else name,
            "space": json.dumps(space.to_json(), separators=(",", ":")),
            "algorithm": json.dumps(describe(algorithm)),
            "seed": None if seed is None else str(algorithm.seed),
            "maximize": maximize,
            "budget": trials,
            "exhausted": False,
            "created": now(),
            "holder": describe_process(),
            "constraints": json.dumps([str(limit) for limit in limits]),
            "reuse": reuse,
        }
        store = create_store(location, settings, learner.save())
        study = cls(store, {**settings, "constraints": [str(limit) for limit in limits]}, algorithm.space)
        study._loop = Loop(store, learner, constraints=limits, reuse=reuse)
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
        """Opens a study: with its algorithm to go on, without to read.

        Reading needs no lock and changes nothing, so it may be done while another process writes.

        Args:
          path: of the file, or the address, as in ``create``.
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
        location = to_location(path)
        if algorithm is None and trials is not None:
            raise StudyError(
                f"a study that is open for reading keeps its number of trials; got trials={trials}. "
                "Pass the algorithm, too: Study.open(path, space, algorithm, trials=...)."
            )
        store = open_store(location, writes=algorithm is not None)
        try:
            with store.transaction() as record:
                settings = record.settings()
                check_space(store.path, settings["space"], space)
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
        """Opens the study at ``path`` for writing, or makes it when there is none; arguments as in ``create``.

        Raises:
          StudyError: as ``create`` and ``open``; or the study has another seed, direction, or other constraints.
          SpaceChangedError: the study has another space.
        """
        location, limits = to_location(path), parse_constraints(constraints)
        if is_free(location):
            return cls.create(
                location,
                space,
                algorithm,
                trials=trials,
                seed=seed,
                maximize=maximize,
                name=name,
                constraints=[str(limit) for limit in limits],
                reuse=reuse,
            )
        with cls.open(location, space) as study, study._store.transaction() as record:
            recorded = record.settings()
        asked = {"maximize": maximize, "constraints": [str(limit) for limit in limits], "reuse": reuse}
        check_settings(study.path, recorded, asked, seed=seed)
        return cls.open(location, space, algorithm, trials=trials)

    # ------------------------------------------------------------------ the loop

    def ask(self, *, worker: str | None = None, lease: float | None = None) -> Trial | None:
        """Returns the next trial to try, or None when there is nothing more to propose.

        Trials that were handed out and never told come first, those of a process before this one and those whose worker
        was lost; then what was enqueued; then what the algorithm proposes. None comes while trials are still running,
        too; ``is_complete`` says whether all have ended.

        Args:
          worker: who will try it, as text, for whoever reads the study.
          lease: how many seconds its worker may be silent (``report`` and ``renew`` are signs) before somebody else may have
            the trial; None for ever, as where this process tries it itself.

        Raises:
          StudyError: the study is open for reading only, or cannot be written.
        """
        if lease is not None and lease <= 0:
            raise FieldValueError(
                f"lease is a number of seconds above 0, or None for ever; got {lease!r:.80}."
            )
        return self._writer().ask(None if worker is None else to_plain(worker), lease)

    def report(
        self,
        trial_id: int,
        reward: float,
        *,
        step: float,
        token: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> bool:
        """Records how good a running trial is so far; returns whether it should stop now.

        What is reported is kept and replayed like what is told, at the cost of a transaction; algorithms that stop
        no trial always answer False. A trial that stops is told its reward all the same.

        Args:
          trial_id: the trial.
          reward: one finite number.
          step: how far the trial is, in any unit that grows; of two reports for one step the last counts.
          token: as in ``tell``.
          metrics: other numbers, by name.

        Raises:
          RewardError: the reward, the step or a metric is no finite number.
          FeedbackError: there is no such trial, or it was told already.
          StaleError: the trial was handed out again.
          StudyError: the study is open for reading only, or cannot be written.
        """
        numbers = check_metrics(trial_id, metrics or {})
        good, at = check_reward(trial_id, reward), check_step(step) + 0.0
        return self._writer().report(trial_id, good, at, token=token, metrics=numbers)

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
          token: ``trial.token`` as it was handed out, where somebody else may have the trial meanwhile; a result that
            comes late is taken as long as nobody has.
          metrics: other numbers that the trial measured, by name.

        Raises:
          RewardError: the reward is no finite number, or not as many numbers as the algorithm or the study takes; or a
            constrained metric is missing.
          FeedbackError: there is no such trial, or it was told already.
          StaleError: the trial was handed out again.
          StudyError: the study is open for reading only, or cannot be written.
        """
        numbers = check_metrics(trial_id, metrics or {})
        return self._writer().end(
            trial_id, check_rewards(trial_id, reward), None, token=token, metrics=numbers
        )

    def fail(
        self,
        trial_id: int,
        reason: str,
        *,
        token: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> Trial:
        """Records that a running trial ended without reward, and why; returns the trial as it ended.

        Raises:
          FeedbackError: there is no such trial, or it was told already.
          StaleError: the trial was handed out again.
          StudyError: the study is open for reading only, or cannot be written.
        """
        numbers = check_metrics(trial_id, metrics or {})
        return self._writer().end(trial_id, None, _to_reason(trial_id, reason), token=token, metrics=numbers)

    def put_back(
        self, trial_id: int, reason: str, *, token: int | None = None, attempts: int = MAX_ATTEMPTS
    ) -> Trial:
        """Lets a trial whose worker was lost be handed out again, before anything new; with the same decisions.

        Args:
          trial_id: the trial.
          reason: what happened to the worker; it is kept in the journal.
          token: as in ``tell``.
          attempts: after so many the trial itself is to blame, and ends as failed.

        Returns:
          The trial: running still, or failed.

        Raises:
          FeedbackError: there is no such trial, or it was told already.
          StaleError: the trial was handed out again.
          StudyError: the study is open for reading only, or cannot be written.
        """
        text = _to_reason(trial_id, reason)
        return self._writer().put_back(trial_id, text, token=token, limit=attempts)

    def renew(self, trial_id: int, *, token: int | None = None, lease: float | None = None) -> None:
        """Says that whoever has a trial is alive, so that its lease begins anew.  Writes nothing.

        Args:
          trial_id: the trial.
          token: as in ``tell``.
          lease: as in ``ask``, for a trial that was handed out by a process before this one: it has its holder again. Without,
            that trial goes on waiting to be handed out.

        Raises:
          FeedbackError: there is no such trial, or it was told already.
          StaleError: the trial was handed out again.
          StudyError: the study is open for reading only.
        """
        self._writer().renew(trial_id, token, lease)

    def enqueue(self, decisions: Any, note: str = "") -> None:
        """Has decisions tried next, before what the algorithm proposes; it hears of them when they are told.

        They count as trials of the study. Of a program, ``pg.encode(space, program)`` gives the decisions.

        Args:
          decisions: of the study's space, in any form: a vector, a dict by path, a text as in a trainer's ``--nas_params_str``.
          note: where they come from, for whoever reads the study.

        Raises:
          DecisionError: they are not of this space.
          StudyError: the study cannot be written.
        """
        try:
            found = self.space.parse(decisions)
        except DecisionError as error:
            is_plain = isinstance(decisions, (dict, list, tuple, str, int, float))
            hint = "" if is_plain else " Of a program, pg.encode(space, program) gives the decisions."
            raise DecisionError(
                f"what is enqueued is not of the space of {self.name!r}: {error}{hint}"
            ) from error
        text = to_plain(str(note))
        if self._loop is not None:
            self._loop.enqueue(found, text)
        else:
            self._store.beside(lambda record: record.add_queued(found, text))

    def learn_from(self, other: View | Place) -> int:
        """Tells the algorithm the rewards of another study of the same space; returns how many were new.

        They are no trials of this study, but its algorithm knows them, after a restart, too; a script that is run again tells
        none twice, but those that the other study has meanwhile. (Field's name: warm start.)

        Args:
          other: it has the same space, and the same direction. A study that is open, or where one is, as in ``create``.

        Raises:
          FieldTypeError: it is no study and no place.
          SpaceChangedError: it has another space.
          StudyError: it has the other direction; or this study is open for reading only, or cannot be written.
        """
        loop = self._writer()
        if not isinstance(other, View):
            if not isinstance(other, (str, os.PathLike, Server)):
                raise FieldTypeError(
                    "learn_from takes a study, or the path of one, such as 'studies/digits.db'; "
                    f"got {other!r:.80} of type {type(other).__name__}."
                )
            with Study.open(other) as opened:
                return self.learn_from(opened)
        check_space(other.path, other.space, self.space)
        if other.maximize != self.maximize:
            raise StudyError(
                f"{str(other.path)!r} has maximize={other.maximize}, and this study maximize={self.maximize}: "
                "what is good there is bad here."
            )
        told = [
            (
                self.space.parse(trial.decisions.values),
                trial.told,
                f"trial {trial.id} of {other.name}",
            )
            for trial in other.trials()
            if trial.ended is not None
        ]
        return loop.learn(told)

    def note(self, trial_id: int | None, text: str) -> None:
        """Writes a line into the journal, for people.

        Raises:
          StudyError: the study is open for reading only, or cannot be written.
        """
        self._writer().step(lambda record: record.add_note(trial_id, to_plain(text)))

    def together(self) -> AbstractContextManager[None]:
        """Returns a context in which all steps are one transaction: one sync to the disk, and all of them or nothing.

        Raises:
          StudyError: the study is open for reading only.
        """
        return self._writer().together()

    @property
    def exhaustion(self) -> str | None:
        """Why the algorithm has nothing left, once it said so in this process; else None."""
        return None if self._loop is None else self._loop.exhaustion

    def close(self) -> None:
        """Closes the study; trials that are running will be handed out again.  Closed twice is closed."""
        try:
            if self._closing.alive and self._loop is not None and not self._store.is_lost:
                # Saves a replay. If it fails (the disk is full), then nothing is lost: the events are there.
                with suppress(StudyError):
                    self._loop.rest()
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
        self.space = self._store.record.space = algorithm.space
        learner = Learner(algorithm, maximize=self.maximize)
        limits = tuple(map(Constraint.parse, self.constraints))
        self._loop = Loop(self._store, learner, constraints=limits, reuse=settings["reuse"])
        changes = {"holder": describe_process(), **({} if trials is None else {"budget": trials})}
        self._loop.step(lambda record: record.change_settings(**changes))


def _to_reason(trial_id: int, reason: Any) -> str:
    if not isinstance(reason, str):
        raise FieldTypeError(
            f"the reason why trial {trial_id} failed is text; got {reason!r:.80} of type {type(reason).__name__}."
        )
    return (
        reason.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
    )  # a log may hold what is no text
