"""``View``: reads the trials and settings of a study, in any number of processes while one writes it."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pliant.algorithms import Algorithm
from pliant.algorithms.description import to_text
from pliant.algorithms.options import check_count
from pliant.space import Decisions, Space
from pliant.space.mapping import Change
from pliant.values.errors import FieldValueError, StudyError, listing, quote, suggest
from pliant.values.numbers import to_whole
from pliant.values.slips import STUDY, explain_attributes
from pliant.values.text import to_html

from .artifacts.place import StudyFiles
from .artifacts.shelf import Artifacts
from .loop import find_trial
from .store.change import check_space
from .store.check import find_faults
from .store.location import Place, to_location
from .store.opening import open_store
from .store.options import read_options
from .store.reading import count_objectives, find_before_last, find_front
from .store.record import Record
from .store.store import Store, make_copy
from .store.tables import SCHEMA_VERSION
from .trials.check import MAX_TRIALS, to_id
from .trials.trial import STATUSES, SpaceChange, StudyInfo, Trial

Result = TypeVar("Result")

if TYPE_CHECKING:
    from .plot.plots import Plots


class View:
    """The trials and settings of a study, for reading.  ``Study`` also continues it.

    Attributes:
      space: the search space.
      name: the name of the study.
      path: its file; on a server its address, without the password.
      maximize: whether higher rewards are better.
      constraints: the limits on what its trials measure, as text.
    """

    if not TYPE_CHECKING:
        __getattr__ = explain_attributes(STUDY)

    def __init__(self, store: Store, settings: dict[str, Any], space: Space) -> None:
        self.space = space
        self.path: Path | str = store.path
        self.name: str = settings["name"]
        self.maximize: bool = settings["maximize"]
        self.constraints: tuple[str, ...] = tuple(settings["constraints"])
        store.record.space = space
        self._store = store
        self._location = store.location  # as `path`, with the password
        self._files = StudyFiles(store.location)

    def _repr_html_(self) -> str | None:
        return to_html(self)

    def change_space(
        self, space: Space, map: Change = None, *, algorithm: Algorithm | None = None
    ) -> SpaceChange:
        """Gives a study that is open for writing another space, and maps its trials into it, in one transaction.

        A new algorithm of the same kind receives the rewards of the trials that fit, in the order of proposal, and the search goes on
        from there, exactly, whenever the study is opened again with the new space. A trial fits if each of its decisions has a
        point of the same path or name in the new space that allows its value, and the other way round. The others are kept with the
        decisions of their own space, but are neither shown to the algorithm nor counted among the best.

        >>> from pliant.algorithms import Random
        >>> from pliant.space import flatten, floating, integer
        >>> from pliant.study import Study
        >>> import tempfile
        >>> narrow, wide = flatten([integer("x", 0, 9)]), flatten([integer("x", 0, 99), floating("lr", 0.0, 1.0)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Study.create(f"{folder}/a.db", narrow, Random(), trials=20) as study:
        ...         _ = study.tell(study.ask().id, 0.5)
        ...         print(study.change_space(wide, lambda decided: {**decided, "lr": 0.1}))
        ...     with Study.open(f"{folder}/a.db", wide, Random()) as study:
        ...         study.best()[0].decisions.params["lr"], study.ask().id
        SpaceChange(mapped=1, history=0, dropped=0)
        (0.1, 2)

        Args:
          space: the new one.
          map: new paths or names by old ones, such as ``{"lr": "learning_rate"}``; or a function that takes the decisions of a trial by
            name or path, with their values, and returns those of the new space, or None for a trial that does not fit.
          algorithm: the one that continues, with the same arguments as that of the study; needed only where it is not of Pliant.

        Raises:
          StudyError: the study is open for reading only, or trials are being evaluated; nothing was changed.
          FieldTypeError, FieldValueError: the map renames what the space does not have, or its function returned something else.
          SpaceError: the algorithm cannot search the new space.
        """
        from .change import change_space

        return change_space(self, space, map, algorithm)

    @property
    def options(self) -> dict[str, str]:
        """The last options of its search, ``keep`` and ``stop``, as text; those that were given."""
        return self._look(read_options)

    @property
    def artifacts(self) -> Artifacts:
        """The files that its trials saved.

        Raises:
          StudyError: the study is on a server, and no search has named their place.
        """
        return self._files.open()

    def trials(
        self, status: str | None = None, *, after: int = 0, last: int | None = None
    ) -> Iterator[Trial]:
        """Returns the trials in the order of proposal: all, or those of one status.

        It reads a few hundred at a time, so trials may be asked and told in between.

        Args:
          status: one of ``STATUSES``; None for all.
          after: only trials with larger ids, such as those that came since the last look.
          last: only so many of them, the last ones.
        """
        if status is not None and status not in STATUSES:
            raise FieldValueError(
                f"the status of a trial is one of {listing(STATUSES)}; got {quote(status)}{suggest(status, STATUSES) or '.'}"
            )
        first = to_whole(after)
        if first is None or not 0 <= first <= MAX_TRIALS:
            raise FieldValueError(f"trials(after=...) takes the id of a trial, or 0; got {quote(after)}.")
        if last is not None:
            count = min(check_count(last, "last", "trials"), MAX_TRIALS)
            first = max(first, self._look(partial(find_before_last, count=count, status=status)))
        return self._read_trials(status, first)

    def trial(self, trial_id: int) -> Trial:
        """Returns one trial.

        Raises:
          FeedbackError: it does not exist.
        """
        return self._with_files(self._look(lambda record: find_trial(record, to_id(trial_id))))

    def latest(self, decisions: Decisions) -> Trial | None:
        """Returns the latest completed trial of these decisions, such as the parent of another trial; None without."""
        return self._look(lambda record: record.find_latest(decisions))

    def best(self, count: int = 1) -> list[Trial]:
        """Returns the ``count`` trials with the best rewards, best first, the earlier of equals first.

        Raises:
          StudyError: the trials have several rewards each.
        """
        number = min(check_count(count, "count", "best"), MAX_TRIALS)

        def work(record: Record) -> list[Trial]:
            if (count_objectives(record) or 1) > 1:
                raise StudyError(
                    f"the trials of {self.name!r} have several rewards each, so best() does not apply. "
                    "`study.front()` returns the Pareto-optimal ones."
                )
            return record.best(number, maximize=self.maximize)

        return [*map(self._with_files, self._look(work))]

    def front(self) -> list[Trial]:
        """Returns the Pareto-optimal trials, the best in the first objective first; with one objective, the best trial."""
        found = self._look(lambda record: find_front(record, maximize=self.maximize))
        return [*map(self._with_files, found)]

    @property
    def plot(self) -> Plots:
        """The figures of the study, such as ``study.plot.history()``; see ``pliant.study.plot.Plots``."""
        from .plot.plots import Plots

        return Plots(self)

    def counts(self) -> dict[str, int]:
        """Returns the number of trials of each status, in the order of ``STATUSES``."""
        found = self._look(lambda record: record.counts())
        return {status: found.get(status, 0) for status in STATUSES}

    def journal(self) -> list[tuple[str, int | None, str]]:
        """Returns the journal, such as lost attempts and late results: time, trial, and text."""
        return self._look(lambda record: record.notes())

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to propose and no trial is running."""
        return self._look(_is_complete)

    def info(self) -> StudyInfo:
        """Returns the settings of the study and its progress."""

        def work(record: Record) -> StudyInfo:
            settings, progress = record.settings(), record.progress()
            holder = settings["holder"]
            return StudyInfo(
                name=self.name,
                path=self.path,
                algorithm=to_text(settings["algorithm"]),
                description=settings["algorithm"],
                fingerprint=self.space.fingerprint,
                maximize=self.maximize,
                budget=progress.budget,
                proposed=progress.proposed,
                exhausted=progress.exhausted,
                is_complete=_is_complete(record),
                created=settings["created"],
                holder=None if holder is None else f"{holder}{', which has died' if holder.is_dead else ''}",
                schema_version=SCHEMA_VERSION,
                constraints=self.constraints,
                queued=record.count_queued(),
                paused=progress.paused,
            )

        return self._look(work)

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Writes a consistent copy of the study to a new file, also while it is written; checks the copy.

        A study on a server becomes a file as well.

        >>> from pliant.algorithms import Random
        >>> from pliant.space import flatten, integer
        >>> from pliant.study import Study
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Study.create(f"{folder}/a.db", flatten([integer("x", 0, 9)]), Random()) as study:
        ...         _ = study.tell(study.ask().id, 0.5)
        ...         study.backup(f"{folder}/copy.db")
        ...     with Study.open(f"{folder}/copy.db") as copy:
        ...         copy.counts()["completed"]
        1

        Args:
          path: of the copy, which must not exist; only its user may read it.

        Raises:
          StudyError: something exists there, it cannot be written, or the study is damaged; or the study is in ``together``.
        """
        file = to_location(path)
        if not isinstance(file, Path):
            raise StudyError(
                f"a backup is a file; got the address {str(file)!r}. Give a path, such as 'backup.db'."
            )
        make_copy(self._store, file)
        if faults := find_faults(file):
            raise StudyError(
                f"{str(file)!r} is written, but it is a copy of a damaged study: {'; '.join(faults)}."
            )

    def _read_trials(self, status: str | None, last: int) -> Iterator[Trial]:
        while True:
            page = self._look(partial(Record.page, after=last, status=status))
            if not page:
                return
            last = page[-1].id
            yield from map(self._with_files, page)

    def _look(self, work: Callable[[Record], Result]) -> Result:
        """Returns what ``work`` reads in one transaction, of the space that is known here."""

        def read(record: Record) -> Result:
            check_space(record)
            return work(record)

        return self._store.read(read)

    def _with_files(self, trial: Trial) -> Trial:
        return replace(trial, files=self._files)


def _is_complete(record: Record) -> bool:
    return record.progress().is_over and not record.running()


def open_view(place: Place) -> View:
    """Opens a study for reading, without the check of all of its rows that ``Study.open`` does: each is checked when it is read.

    So that a study of 100,000 trials is open at once. It closes itself when nothing refers to it.

    >>> import tempfile
    >>> from pliant.algorithms import Random
    >>> from pliant.space import flatten, integer
    >>> from pliant.study import Study
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Study.create(f"{folder}/a.db", flatten([integer("x", 0, 9)]), Random(), trials=5).close()
    ...     open_view(f"{folder}/a.db").info().budget
    5

    Args:
      place: its file, or its address.

    Raises:
      StudyError: it does not exist, or cannot be read.
    """
    store, settings = open_store(to_location(place), writes=False, is_quick=True)
    view = View(store, settings, settings["space"])
    weakref.finalize(view, store.close)
    return view
