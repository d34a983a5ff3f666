"""``Reader``: the trials of one study in memory; after the first reading it reads only what changed."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, final

from pliant.study.plot.source import Source
from pliant.study.store.location import Location
from pliant.study.team.workers import Worker, list_workers
from pliant.study.trials.trial import RUNNING, STATUSES, StudyInfo, Trial
from pliant.study.view import View, open_view
from pliant.values.errors import StudyError

FRESH_SECONDS: Final = 0.5  # between two looks at the database
AT_ONCE: Final = 2000  # trials that a page waits for; the rest is read by a thread
SAMPLE: Final = 500  # trials that are read first
_PART: Final = 500


@final
@dataclass(frozen=True, slots=True)
class Snapshot:
    """A study at one time.

    Attributes:
      view: the open study.
      info: its settings and progress.
      counts: the number of trials of each status.
      trials: those that are read, in the order of proposal.
      params: the decisions of each of them, by name or path.
      source: what figures are made of: these trials, or until all are read a part of all trials, evenly spread.
      workers: the processes that work on it.
      version: a number that grows with each change.
    """

    view: View
    info: StudyInfo
    counts: dict[str, int]
    trials: tuple[Trial, ...]
    source: Source
    params: tuple[dict[str, Any], ...]
    workers: tuple[Worker, ...]
    version: int

    @property
    def is_whole(self) -> bool:
        """Whether all trials are read."""
        return len(self.trials) >= self.info.proposed

    @property
    def is_live(self) -> bool:
        """Whether a process has the right to write the study."""
        return any(worker.leads for worker in self.workers)


@final
class Reader:
    """Reads one study for any number of threads, by a connection that cannot write.

    Args:
      key: its name in addresses.
      place: its file, or its address.

    Attributes:
      key: as given.
      place: as given.
    """

    def __init__(self, key: str, place: Location) -> None:
        self.key, self.place = key, place
        self._lock = threading.RLock()
        self._view: View | None = None
        self._trials: list[Trial] = []
        self._params: list[dict[str, Any]] = []
        self._running: set[int] = set()
        self._last: tuple[float, Snapshot] | None = None
        self._seen: tuple[Any, ...] = ()
        self._version = 0
        self._thread: threading.Thread | None = None
        self._sample: tuple[Trial, ...] | None = None
        self._counts: Counter[str] = Counter()
        self._source: tuple[tuple[Trial, ...], Source, tuple[dict[str, Any], ...]] | None = None

    def look(self) -> Snapshot:
        """Returns the study as it is now, or was a moment ago.

        Raises:
          StudyError: it cannot be read.
        """
        with self._lock:
            if self._last is not None and monotonic() - self._last[0] < FRESH_SECONDS:
                return self._last[1]
            try:
                found = self._look()
            except StudyError:  # such as a change of its space: begin again, once
                self.close()
                found = self._look()
            self._last = monotonic(), found
            if not found.is_whole and self._thread is None:
                self._thread = threading.Thread(target=self._read_rest, name="pliant-reader", daemon=True)
                self._thread.start()
            return found

    def expire(self) -> None:
        """Lets the next look read the database, as the study was changed just now."""
        with self._lock:
            self._last = None

    def close(self) -> None:
        """Closes the study; the next look opens it again."""
        with self._lock:
            self._view, self._last, self._sample, self._source = None, None, None, None
            self._counts = Counter()
            self._trials, self._params, self._running = [], [], set()

    def _look(self) -> Snapshot:
        if self._view is None:
            self._view = open_view(self.place)
        view = self._view
        info = view.info()
        has_changed = self._read_running(view)
        if self._thread is None and info.proposed - len(self._trials) <= AT_ONCE:
            has_changed |= self._read_new(view, AT_ONCE) > 0
        is_whole = len(self._trials) >= info.proposed
        counts = {status: self._counts[status] for status in STATUSES} if is_whole else view.counts()
        workers = tuple(list_workers(view))
        seen = (counts, info, workers and [(one.name, one.leads, one.trials) for one in workers])
        if has_changed or seen != self._seen:
            self._seen = seen
            self._version += 1
        if self._source is None or has_changed or len(self._source[0]) != len(self._trials):
            trials = tuple(self._trials)
            part = trials if is_whole else self._take_sample(view, info.proposed)
            limits = view.constraints
            source = Source(view.space, part, maximize=view.maximize, name=view.name, constraints=limits)
            self._source = trials, source, tuple(self._params)
        trials, source, params = self._source
        return Snapshot(view, info, counts, trials, source, params, workers, self._version)

    def _take_sample(self, view: View, proposed: int) -> tuple[Trial, ...]:
        """Returns a part of all trials, evenly spread, with the best one."""
        if self._sample is None:
            ids = {1 + place * proposed // SAMPLE for place in range(SAMPLE)}
            ids |= {trial.id for trial in view.front()[:SAMPLE]}
            self._sample = tuple([view.trial(number) for number in sorted(ids)])
        return self._sample

    def _read_running(self, view: View) -> bool:
        """Reads the trials again that were running; returns whether one changed."""
        has_changed = False
        for number in sorted(self._running):
            trial = view.trial(number)
            if trial != self._trials[number - 1]:
                self._counts[self._trials[number - 1].status] -= 1
                self._counts[trial.status] += 1
                self._trials[number - 1] = trial
                has_changed = True
            if trial.status != RUNNING:
                self._running.discard(number)
        return has_changed

    def _read_new(self, view: View, limit: int) -> int:
        """Reads at most so many trials that were not read yet; returns their number."""
        before = len(self._trials)
        for trial in view.trials(after=before):
            self._trials.append(trial)
            self._params.append(trial.decisions.params)
            self._counts[trial.status] += 1
            if trial.status == RUNNING:
                self._running.add(trial.id)
            if len(self._trials) - before >= limit:
                break
        return len(self._trials) - before

    def _read_rest(self) -> None:
        """Reads the remaining trials, in parts, so that pages are answered in between."""
        with suppress(StudyError):  # the next look says why
            while True:
                with self._lock:
                    if self._view is None or self._read_new(self._view, _PART) < _PART:
                        break
                    self._version += 1
                    self._last = None
        with self._lock:
            self._thread, self._last = None, None
