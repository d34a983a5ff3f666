"""What a study tells about itself: its trials and its settings, as frozen data.  Nothing here reads a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pliant.space import Decisions

RUNNING, COMPLETED, FAILED = "running", "completed", "failed"

STATUSES = (RUNNING, COMPLETED, FAILED)
"""Of a trial: proposed and not told yet; told a reward; ended without one."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One proposal of a study, and what became of it.

    Attributes:
      id: 1, 2, 3, ... in the order of proposal, without gaps.
      decisions: what is to be tried.
      status: one of ``STATUSES``.
      reward: as it was told, whether it is maximized or minimized; None without one.
      reason: why the trial failed; None unless it did.
      attempts: how often it was handed out; more than 1 after a crash.
      started: when it was last handed out, in ISO 8601, UTC.
      ended: when it was told, likewise; None while it is running.
      seconds: from the one to the other by a clock that is never set back; None while the trial is
        running, or when it was handed out by a process that is gone.
    """

    id: int
    decisions: Decisions
    status: str
    reward: float | None
    reason: str | None
    attempts: int
    started: str
    ended: str | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """The settings of a study and how far it is.

    Attributes:
      name: what it is called.
      path: its file.
      algorithm: the algorithm with its options, as text.
      fingerprint: that of the space.
      maximize: whether higher rewards are better.
      budget: how many trials there will be; None without a limit.
      proposed: how many there are.
      exhausted: whether the algorithm has nothing left to propose.
      is_complete: whether nothing is left to propose and no trial is running.
      created: when the study was made, in ISO 8601, UTC.
      holder: the process that last opened it for writing and did not close it, as text; None when closed.
        The process may be gone.
      schema_version: that of the file.
    """

    name: str
    path: Path
    algorithm: str
    fingerprint: str
    maximize: bool
    budget: int | None
    proposed: int
    exhausted: bool
    is_complete: bool
    created: str
    holder: str | None
    schema_version: int
