"""Leases of running trials: which worker has which trial, and until when, by a monotonic clock.  In memory only.

Only silence ends a lease: a late result is still accepted while no other worker has the trial.  The *token*, the attempt
number in the record, distinguishes two workers of one trial.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from time import monotonic
from typing import final

from .trial import Trial

MAX_EXPIRED = 100  # trials that one request puts back; the next request puts back more


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

    Attributes:
      beat: how often, in seconds, a server calls ``now``; a longer time between two calls means that this process was
        stopped (by a signal, or with the machine) and could not receive signs of workers.  None without a server.
      paused: how many seconds it was stopped in all.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self.beat: float | None = None
        self.paused = 0.0
        self._seen = clock()
        self._out: dict[int, Lease] = {}
        self._waiting: OrderedDict[int, Trial] = OrderedDict()
        self._lost: dict[int, Lease] = {}  # of waiting trials, whose workers may still answer

    def now(self) -> float:
        """Returns the time.  If this process was stopped since the last call, all leases are extended by that time."""
        present = self.clock()
        pause = 0.0 if self.beat is None else present - self._seen - self.beat
        self._seen = present
        if pause > 0:
            self.paused += pause
            for key, lease in self._out.items():
                if lease.until is not None:
                    self._out[key] = replace(lease, until=lease.until + pause)
        return present

    def find(self, trial_id: int) -> Lease | None:
        """Returns the lease of a trial, or None if no worker has it."""
        return self._out.get(trial_id) if trial_id.__class__ is int else None  # callers pass any object

    def granted(self) -> list[Trial]:
        """Returns the trials that workers have."""
        return [lease.trial for lease in self._out.values()]

    def grant(self, trial: Trial, seconds: float | None) -> None:
        """Starts the lease of a trial."""
        start = self.now()
        self.end(trial.id)
        self._out[trial.id] = Lease(trial, start, seconds, None if seconds is None else start + seconds)

    def renew(self, trial: Trial) -> None:
        """Extends the lease of a trial after a sign of its worker; ``trial`` is the trial as it is now.

        A worker whose trial waits gets it back.  A trial that an earlier process handed out continues to wait, as the
        length of its lease is unknown.
        """
        lease = self._out.get(trial.id) or self._lost.pop(trial.id, None)
        if lease is not None:
            self._waiting.pop(trial.id, None)
            until = None if lease.seconds is None else self.now() + lease.seconds
            self._out[trial.id] = replace(lease, trial=trial, until=until)
        elif trial.id in self._waiting:
            self._waiting[trial.id] = trial

    def take(self, trial_id: int, token: int, seconds: float | None) -> bool:
        """Renews the lease of a trial by its token; with ``seconds``, the worker also gets a trial back from an earlier process.

        Returns:
          Whether the trial is running, and the token that of its present attempt.
        """
        lease = self._out.get(trial_id)
        trial = self._waiting.get(trial_id) if lease is None else lease.trial
        if trial is None or trial.attempts != token:
            return False
        self.renew(trial)
        if seconds is not None and trial_id not in self._out:
            self.grant(trial, seconds)
        return True

    def end(self, trial_id: int) -> None:
        """Ends the lease of a trial, or its waiting."""
        for kept in (self._out, self._lost, self._waiting):
            kept.pop(trial_id, None)

    def put_back(self, trial: Trial) -> None:
        """Ends the lease of a trial, which then waits to be handed out again."""
        lease = self._out.pop(trial.id, None)
        if lease is not None:
            self._lost[trial.id] = lease
        self._waiting[trial.id] = trial
        self._waiting.move_to_end(trial.id)

    def next_waiting(self) -> Trial | None:
        """Returns the trial that has waited longest, or None."""
        return next(iter(self._waiting.values()), None)

    def was_put_back(self, trial_id: int) -> bool:
        """Returns whether a waiting trial was put back in this process, and not found in the record."""
        return trial_id in self._lost

    def expired(self) -> list[Trial]:
        """Returns the trials whose leases have expired, in the order of expiry, at most ``MAX_EXPIRED``."""
        if not any(lease.until is not None for lease in self._out.values()):
            return []
        present = self.now()
        late = [lease for lease in self._out.values() if lease.until is not None and lease.until < present]
        late.sort(key=lambda lease: (lease.until, lease.trial.id))
        return [lease.trial for lease in late[:MAX_EXPIRED]]

    def reset(self, running: Iterable[Trial]) -> None:
        """Adapts to the running trials of a record that was read again: those without a lease wait."""
        found = {trial.id: trial for trial in running}
        self._out = {key: lease for key, lease in self._out.items() if key in found}
        self._lost = {key: lease for key, lease in self._lost.items() if key in found}
        waiting = {
            key: found[key] for key in [*self._waiting, *found] if key in found and key not in self._out
        }
        self._waiting = OrderedDict(waiting)
