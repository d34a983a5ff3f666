"""Frozen data about a study: ``Trial``, ``Report``, ``StudyInfo``, and the causes of how trials ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pliant.space import Decisions
from pliant.values.slips import TRIAL, explain_attributes
from pliant.values.text import to_html

from .artifact import Artifact, Files, find_artifact

RUNNING, COMPLETED, STOPPED, FAILED = "running", "completed", "stopped", "failed"
INTERRUPTED: Cause = "interrupted"
MAX_ATTEMPTS = 3  # of a trial whose worker or process is lost; then the trial fails

STATUSES = (RUNNING, COMPLETED, STOPPED, FAILED)
"""The statuses of a trial: proposed and not ended yet; ended with a reward; likewise, but the algorithm stopped it early;
ended without a reward."""

Cause = Literal[
    "error", "reward", "skipped", "constraint", "timeout", "memory", "lost", "stopped", "interrupted"
]
"""Why a trial failed or was stopped.

- ``error``: the evaluation failed, such as by an exception or an exit code.
- ``reward``: the evaluation ended, but its reward or a required metric is missing or not a finite number.
- ``skipped``: the search loop skipped the trial.
- ``constraint``: its metrics break a constraint of the study.
- ``timeout``, ``memory``: it exceeded its limit of time or memory.
- ``lost``: its worker was lost, or its process ended, in every attempt.
- ``stopped``: the algorithm asked it to stop early; it has a reward, and the status ``stopped``.
- ``interrupted``: of a running trial that waits to be handed out again: the search was stopped meanwhile, such as by Ctrl-C.
"""

FAILURES: tuple[Cause, ...] = ("error", "reward", "skipped", "constraint", "timeout", "memory", "lost")
"""The causes of a failed trial."""


class Report(NamedTuple):
    """An intermediate reward of a trial.

    Attributes:
      step: how far the trial was, in its own unit.
      reward: the reward at this step, as it was reported.
      stop: whether the algorithm asked the trial to stop then.
      metrics: other numbers of this step, by name; None without.
    """

    step: float
    reward: float
    stop: bool
    metrics: Mapping[str, float] | None = None


class SpaceChange(NamedTuple):
    """What a change of the space of a study did.

    Attributes:
      mapped: the number of trials that have decisions of the new space now.
      history: the number of trials that do not fit, and are kept with decisions of their own space.
      dropped: the number of enqueued decisions that do not fit, and were removed.
    """

    mapped: int
    history: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Trial:
    """One proposal of a study and its result.

    Attributes:
      id: 1, 2, 3, ... in the order of proposal, without gaps.
      decisions: what to evaluate.
      status: one of ``STATUSES``.
      reward: as it was told, maximized or minimized; None without one, or with several.
      rewards: those of several objectives, as they were told; None otherwise.
      reason: why the trial failed, as text; of a running one, why its last attempt was lost; else None.
      attempts: attempt number, from 1; more than 1 after a crash. It is the *token* of the worker: results with an older
        token are refused.
      started: when it was last handed out, in ISO 8601, UTC.
      ended: when it ended, likewise; None while it is running.
      seconds: the time between them by a monotonic clock; None while the trial is running, or when an earlier process
        handed it out.
      parent: the decisions of the earlier trial that this one continues; None where training starts from the beginning.
      reports: the intermediate rewards, by step; of two for one step (after a crash, for example) the last.
      worker: which worker has the trial, or had it last, as text; None if unknown.
      origin: ``enqueued``, perhaps with a note, for decisions that a user enqueued; None for those of the algorithm.
      metrics: other numbers that it ended with, by name.
      cause: why it failed or ended early, for programs; see ``Cause``. None for a normal end, and while an attempt runs.
      copied_from: the id of the earlier trial with the same decisions whose result this one has; None for all others.
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
    cause: Cause | None = None
    copied_from: int | None = None
    files: Files | None = field(default=None, repr=False, compare=False)  # reads the artifacts

    def _repr_html_(self) -> str | None:
        return to_html(self)

    if not TYPE_CHECKING:
        __getattr__ = explain_attributes(TRIAL)

    @property
    def artifacts(self) -> Mapping[str, Artifact]:
        """The files that it saved, by name; see ``pliant.study.artifacts``.

        Raises:
          StudyError: they cannot be read.
        """
        return {} if self.files is None else self.files.of(self.id, self.attempts)

    def artifact(self, name: str) -> Path:
        """Returns a local file with the content that this trial saved under a name, after its checksum was compared.

        It is the stored file itself, or a copy in a temporary folder if the artifacts are elsewhere. Copy it before you change it.

        Raises:
          FeedbackError: it saved none of this name, or it was removed, as ``keep`` of the search says.
          StudyError: it cannot be read, or is damaged.
        """
        known = self.artifacts
        found = find_artifact(self.id, name, known)
        assert self.files is not None
        return self.files.path(found)

    @property
    def token(self) -> int:
        """What the worker passes when it reports or tells: the attempt number."""
        return self.attempts

    @property
    def told(self) -> float | tuple[float, ...] | None:
        """The reward; of several objectives, the tuple of rewards; None without."""
        return self.reward if self.rewards is None else self.rewards

    @property
    def should_stop(self) -> bool:
        """Whether the algorithm asked the trial to stop at one of its reports."""
        return any(report.stop for report in self.reports)

    def with_report(self, report: Report) -> Trial:
        """Returns the trial with one more report, which replaces an earlier one for its step."""
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
        reward=None,
        rewards=None,
        reason=None,
        attempts=1,
        started=now(),
        ended=None,
        seconds=None,
        parent=parent,
        worker=worker,
        origin=origin,
    )


def end_trial(
    trial: Trial,
    reward: float | tuple[float, ...] | None,
    reason: str | None,
    seconds: float | None,
    *,
    cause: Cause | None = None,
    metrics: Mapping[str, float] | None = None,
) -> Trial:
    """Returns a running trial as it ends now, with its reward or rewards, or failed without."""
    return replace(
        trial,
        status=FAILED if reward is None else STOPPED if cause == STOPPED else COMPLETED,
        reward=None if isinstance(reward, tuple) else reward,
        rewards=reward if isinstance(reward, tuple) else None,
        reason=reason,
        cause=cause,
        ended=now(),
        seconds=seconds,
        metrics=metrics or {},
    )


def now() -> str:
    """Returns the time in ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """The settings of a study and its progress.

    Attributes:
      name: the name of the study.
      path: its file, or the address of its database.
      algorithm: the algorithm with its options, as text.
      description: the same as JSON, which ``pliant.algorithms.description.rebuild`` reads.
      fingerprint: that of the space.
      maximize: whether higher rewards are better.
      budget: the number of trials to propose; None without a limit.
      proposed: the number of trials so far.
      exhausted: whether the algorithm has nothing left to propose.
      is_complete: whether nothing is left to propose and no trial is running.
      created: when the study was made, in ISO 8601, UTC.
      holder: the process that last opened it for writing and did not close it, as text; None when closed.
        The process may be gone.
      schema_version: that of the file.
      constraints: the limits on what its trials measure, as text.
      queued: the number of enqueued decisions that wait to be tried.
      paused: since when the search is paused, in ISO 8601, UTC; None where it is not.
    """

    name: str
    path: Path | str
    algorithm: str
    description: Mapping[str, object]
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
    paused: str | None = None
