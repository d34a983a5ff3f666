"""Who has which trial, and until when: leases, by a clock that is never set back.  Writes nothing.

A lease is broken by silence, never by a result: a worker that was slow but whose trial nobody else has is heard all
the same.  What keeps two workers of one trial apart is the *token*, the number of the attempt, which is in the record.
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
    """A trial that is out.

    Attributes:
      trial: as it was handed out, with what it reported since.
      since: when, in seconds of the clock.
      seconds: how long its holder may be silent; None for ever, as for a call in the process of the study.
      until: when it is broken; None for never.
    """

    trial: Trial
    since: float
    seconds: float | None
    until: float | None


@final
class Leases:
    """The trials that are out, and those that wait to be handed out again, in the order in which they were lost.

    Args:
      clock: returns seconds, and never goes back.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self._out: dict[int, Lease] = {}
        self._waiting: deque[Trial] = deque()
        self._lost: dict[int, Lease] = {}  # those of waiting trials, for holders who give a sign all the same

    def find(self, trial_id: int) -> Lease | None:
        """Returns the lease of a trial, or None when it is not out."""
        return self._out.get(trial_id)

    def grant(self, trial: Trial, seconds: float | None) -> None:
        """Notes that a trial is out now."""
        start = self.clock()
        self._out[trial.id] = Lease(trial, start, seconds, None if seconds is None else start + seconds)

    def renew(self, trial: Trial) -> None:
        """Notes that the holder of a trial gave a sign; ``trial`` is the trial as it is now.

        A holder whose trial waits has it back; of one before this process it is not known how long it may be silent, so
        that its trial goes on waiting.
        """
        lease = self._out.get(trial.id) or self._lost.pop(trial.id, None)
        if lease is None:
            self._waiting = deque([trial if one.id == trial.id else one for one in self._waiting])
            return
        self._waiting = deque([one for one in self._waiting if one.id != trial.id])
        until = None if lease.seconds is None else self.clock() + lease.seconds
        self._out[trial.id] = replace(lease, trial=trial, until=until)

    def end(self, trial_id: int) -> None:
        """Notes that a trial ended, whether it was out or waited."""
        self._out.pop(trial_id, None)
        self._lost.pop(trial_id, None)
        if any(trial.id == trial_id for trial in self._waiting):
            self._waiting = deque([trial for trial in self._waiting if trial.id != trial_id])

    def put_back(self, trial: Trial) -> None:
        """Lets a trial wait to be handed out again."""
        lease = self._out.pop(trial.id, None)
        if lease is not None:
            self._lost[trial.id] = lease
        self._waiting = deque([*(one for one in self._waiting if one.id != trial.id), trial])

    def next_waiting(self) -> Trial | None:
        """Returns the trial that waits longest, or None."""
        return self._waiting[0] if self._waiting else None

    def expired(self) -> list[Trial]:
        """Returns the trials whose holders were silent for too long, those first that were so first."""
        if not any(lease.until is not None for lease in self._out.values()):
            return []
        present = self.clock()
        late = [lease for lease in self._out.values() if lease.until is not None and lease.until < present]
        return [lease.trial for lease in sorted(late, key=lambda lease: (lease.until, lease.trial.id))]

    def reset(self, running: Iterable[Trial]) -> None:
        """Agrees with a record that was read again: what runs and is not out waits."""
        found = {trial.id: trial for trial in running}
        self._out = {key: lease for key, lease in self._out.items() if key in found}
        self._lost = {key: lease for key, lease in self._lost.items() if key in found}
        waiting = [trial.id for trial in self._waiting if trial.id in found and trial.id not in self._out]
        rest = [key for key in found if key not in self._out and key not in waiting]
        self._waiting = deque([found[key] for key in [*waiting, *rest]])
