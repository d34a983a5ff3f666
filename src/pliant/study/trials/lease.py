"""Leases of running trials: which worker has which trial, and until when, by a monotonic clock.  In memory only.

Only silence ends a lease: a late result is still accepted while no other worker has the trial.  The *token*, the attempt
number in the record, distinguishes two workers of one trial.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from time import monotonic
from typing import final

from .trial import Trial


@final
@dataclass(frozen=True, slots=True)
class Lease:
    """The lease of a trial that a worker has.

    Attributes:
      trial: as it was handed out, with its later reports.
      since: when it was handed out, in seconds of the clock.
      seconds: how long its worker may be silent; None without a limit, as for a worker in the process of the study.
      until: when it expires; None for never.
    """

    trial: Trial
    since: float
    seconds: float | None
    until: float | None


@final
class Leases:
    """The trials that workers have, and those that wait to be handed out again, in the order in which they were lost.

    Args:
      clock: returns seconds; monotonic.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self._out: dict[int, Lease] = {}
        self._waiting: deque[Trial] = deque()
        self._lost: dict[int, Lease] = {}  # of waiting trials, whose workers may still answer

    def find(self, trial_id: int) -> Lease | None:
        """Returns the lease of a trial, or None if no worker has it."""
        return self._out.get(trial_id)

    def grant(self, trial: Trial, seconds: float | None) -> None:
        """Starts the lease of a trial."""
        start = self.clock()
        self._out[trial.id] = Lease(trial, start, seconds, None if seconds is None else start + seconds)

    def renew(self, trial: Trial) -> None:
        """Extends the lease of a trial after a sign of its worker; ``trial`` is the trial as it is now.

        A worker whose trial waits gets it back.  A trial that an earlier process handed out continues to wait, as the
        length of its lease is unknown.
        """
        lease = self._out.get(trial.id) or self._lost.pop(trial.id, None)
        if lease is None:
            self._waiting = deque([trial if one.id == trial.id else one for one in self._waiting])
            return
        self._waiting = deque([one for one in self._waiting if one.id != trial.id])
        until = None if lease.seconds is None else self.clock() + lease.seconds
        self._out[trial.id] = replace(lease, trial=trial, until=until)

    def end(self, trial_id: int) -> None:
        """Ends the lease of a trial, or its waiting."""
        self._out.pop(trial_id, None)
        self._lost.pop(trial_id, None)
        if any(trial.id == trial_id for trial in self._waiting):
            self._waiting = deque([trial for trial in self._waiting if trial.id != trial_id])

    def put_back(self, trial: Trial) -> None:
        """Ends the lease of a trial, which then waits to be handed out again."""
        lease = self._out.pop(trial.id, None)
        if lease is not None:
            self._lost[trial.id] = lease
        self._waiting = deque([*(one for one in self._waiting if one.id != trial.id), trial])

    def next_waiting(self) -> Trial | None:
        """Returns the trial that has waited longest, or None."""
        return self._waiting[0] if self._waiting else None

    def expired(self) -> list[Trial]:
        """Returns the trials whose leases have expired, in the order of expiry."""
        if not any(lease.until is not None for lease in self._out.values()):
            return []
        present = self.clock()
        late = [lease for lease in self._out.values() if lease.until is not None and lease.until < present]
        return [lease.trial for lease in sorted(late, key=lambda lease: (lease.until, lease.trial.id))]

    def reset(self, running: Iterable[Trial]) -> None:
        """Adapts to the running trials of a record that was read again: those without a lease wait."""
        found = {trial.id: trial for trial in running}
        self._out = {key: lease for key, lease in self._out.items() if key in found}
        self._lost = {key: lease for key, lease in self._lost.items() if key in found}
        waiting = [trial.id for trial in self._waiting if trial.id in found and trial.id not in self._out]
        rest = [key for key in found if key not in self._out and key not in waiting]
        self._waiting = deque([found[key] for key in [*waiting, *rest]])
