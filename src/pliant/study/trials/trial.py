"""What a study tells about itself: its trials and its settings, as frozen data.  Nothing here reads a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from pliant.space import Decisions

from ..store.lock import now

RUNNING, COMPLETED, FAILED = "running", "completed", "failed"

STATUSES = (RUNNING, COMPLETED, FAILED)
"""Of a trial: proposed and not told yet; told a reward; ended without one."""


class Report(NamedTuple):
    """What a trial said on its way.

    Attributes:
      step: how far it was, in its own unit.
      reward: how good it was there, as it was reported.
      stop: whether the algorithm then wanted it to stop.
      metrics: other numbers that it reported, by name; None without.
    """

    step: float
    reward: float
    stop: bool
    metrics: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One proposal of a study, and what became of it.

    Attributes:
      id: 1, 2, 3, ... in the order of proposal, without gaps.
      decisions: what is to be tried.
      status: one of ``STATUSES``.
      reward: as it was told, whether it is maximized or minimized; None without one, or with several.
      rewards: those of several objectives, as they were told; None otherwise.
      reason: why the trial failed; of a running one, why its last attempt was lost; else None.
      attempts: how often it was handed out; more than 1 after a crash. It is the *token* of whoever has the trial:
        when the trial is handed out again, results with an older token are refused.
      started: when it was last handed out, in ISO 8601, UTC.
      ended: when it was told, likewise; None while it is running.
      seconds: from the one to the other by a clock that is never set back; None while the trial is
        running, or when it was handed out by a process that is gone.
      parent: the decisions of the earlier trial from whose result this one goes on; None where it begins anew.
      reports: the intermediate rewards, by step; of two for one step (after a crash, say) the last.
      worker: who has the trial, or had it last, as text; None where nobody said.
      origin: where the decisions come from, unless the algorithm proposed them to be tried: ``enqueued``, perhaps with
        a note, or ``copy of trial 3``, whose reward it has, too.
      metrics: other numbers that it ended with, by name.
    """

    id: int
    decisions: Decisions
    status: str
    reward: float | None
    rewards: tuple[float, ...] | None
    reason: str | None
    attempts: int
    started: str
    ended: str | None
    seconds: float | None
    parent: Decisions | None = None
    reports: tuple[Report, ...] = ()
    worker: str | None = None
    origin: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def token(self) -> int:
        """What its holder shows when it reports or tells: the number of the attempt."""
        return self.attempts

    @property
    def told(self) -> float | tuple[float, ...] | None:
        """What it was told: its reward, or, of several objectives, its rewards; None without."""
        return self.reward if self.rewards is None else self.rewards

    @property
    def should_stop(self) -> bool:
        """Whether one of its reports was answered with a stop."""
        return any(report.stop for report in self.reports)

    def with_report(self, report: Report) -> Trial:
        """Returns the trial with one more report, in place of an earlier one for its step."""
        kept = [one for one in self.reports if one.step != report.step]
        return replace(self, reports=tuple(sorted([*kept, report])))


def start_trial(
    id: int,
    decisions: Decisions,
    parent: Decisions | None = None,
    *,
    worker: str | None = None,
    origin: str | None = None,
) -> Trial:
    """Returns a trial that starts now, for the first time."""
    return Trial(
        id,
        decisions,
        RUNNING,
        None,
        None,
        None,
        1,
        now(),
        None,
        None,
        parent,
        worker=worker,
        origin=origin,
    )


def end_trial(
    trial: Trial,
    reward: float | tuple[float, ...] | None,
    reason: str | None,
    seconds: float | None,
    *,
    metrics: Mapping[str, float] | None = None,
) -> Trial:
    """Returns a running trial as it ends now, with its reward or rewards, or failed without."""
    return replace(
        trial,
        status=FAILED if reward is None else COMPLETED,
        reward=None if isinstance(reward, tuple) else reward,
        rewards=reward if isinstance(reward, tuple) else None,
        reason=reason,
        ended=now(),
        seconds=seconds,
        metrics=metrics or {},
    )


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """The settings of a study and how far it is.

    Attributes:
      name: what it is called.
      path: its file, or the address of its database.
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
      constraints: the limits on what its trials measure, as text.
      queued: how many hand-made decisions wait to be tried.
    """

    name: str
    path: Path | str
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
    constraints: tuple[str, ...] = ()
    queued: int = 0
