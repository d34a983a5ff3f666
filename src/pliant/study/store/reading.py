"""What a study's database holds, read: the few statements, in SQLAlchemy Core.  What is written, ``record`` says.

How a row becomes a trial is said in ``rows``.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from pliant.space import Decisions, Space
from pliant.values.errors import LoadError

from ..trials.constraint import BROKEN
from ..trials.learner import PRIOR, TELL, Event, Reward
from ..trials.trial import COMPLETED, FAILED, Report, Trial
from .direct import execute
from .rows import damaged, read_decisions, read_metrics, read_rewards, read_trial, to_text
from .tables import IS_REPORT, IS_RUNNING, events, journal, priors, queue, states, study, trials

PAGE = 500  # trials that are read at once

# Statements are built once: SQLAlchemy finds their compiled form by identity.
_progress = sa.select(
    study.c.budget,
    study.c.exhausted,
    sa.select(sa.func.max(trials.c.id)).scalar_subquery(),
    sa.select(sa.func.min(queue.c.id)).scalar_subquery(),
)
_page = (
    sa.select(trials)
    .where(trials.c.id > sa.bindparam("after"))
    .order_by(trials.c.id)
    .limit(sa.bindparam("size"))
)
_running = sa.select(trials).where(IS_RUNNING).order_by(trials.c.id)
_one_trial = sa.select(trials).where(trials.c.id == sa.bindparam("key"))
_tried = (
    sa.select(trials)
    .where(
        trials.c.decisions == sa.bindparam("text"),
        sa.or_(
            trials.c.status == COMPLETED,
            sa.and_(trials.c.status == FAILED, trials.c.reason.startswith(BROKEN)),
        ),
    )
    .order_by(trials.c.status != COMPLETED, trials.c.id)
    .limit(1)
)
_counts = sa.select(trials.c.status, sa.func.count()).group_by(trials.c.status)
_last_state = sa.select(states.c.seq, states.c.state).order_by(states.c.seq.desc()).limit(1)
_last_seq = sa.select(
    sa.select(sa.func.max(events.c.seq)).scalar_subquery(),
    sa.select(sa.func.max(priors.c.seq)).scalar_subquery(),
)
_reports = (
    sa.select(events.c.trial, events.c.step, events.c.reward, events.c.stop, events.c.metrics)
    .where(IS_REPORT, events.c.trial.in_(sa.bindparam("keys", expanding=True)))
    .order_by(events.c.seq)
)
_has_reports = sa.select(events.c.trial).where(IS_REPORT).limit(1)
_events_after = (
    sa.select(
        events.c.seq,
        events.c.kind,
        trials.c.id,
        trials.c.decisions,
        sa.case((IS_REPORT, events.c.reward), else_=trials.c.reward),
        trials.c.rewards,
        events.c.step,
        events.c.stop,
    )
    .join(trials, trials.c.id == events.c.trial)
    .where(events.c.seq > sa.bindparam("seq"))
    .order_by(events.c.seq)
)
_priors_after = sa.select(priors).where(priors.c.seq > sa.bindparam("after")).order_by(priors.c.seq)
_priors = sa.select(priors).order_by(priors.c.seq)
_journal = sa.select(journal.c.time, journal.c.trial, journal.c.text).order_by(journal.c.id)


class Progress(NamedTuple):
    """How far a study is."""

    budget: int | None
    exhausted: bool
    proposed: int
    queued: int | None  # the first decisions that wait to be tried

    @property
    def is_full(self) -> bool:
        """Whether there are as many trials as there may be."""
        return self.budget is not None and self.proposed >= self.budget

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to propose."""
        return self.is_full or (self.exhausted and self.queued is None)


class Reading:
    """The tables behind a connection, to be read.  ``space`` is to be set before trials are.

    Args:
      connection: to the database; may be replaced when it was lost.
      path: the file or the address, for messages.
    """

    def __init__(self, connection: sa.Connection, path: Path | str) -> None:
        self.connection = connection
        self.path = path
        self.space: Space | None = None

    def settings(self) -> dict[str, Any]:
        """Returns the row of the study, its JSON read.

        Raises:
          StudyError: it is damaged.
        """
        row = self.connection.execute(sa.select(study)).mappings().one_or_none()
        if row is None:
            raise damaged(self.path, "it has no settings")
        try:
            return {
                **row,
                "space": Space.from_json(row["space"]),
                "algorithm": json.loads(row["algorithm"]),
                "constraints": json.loads(row["constraints"] or "[]"),
                "reuse": bool(row["reuse"]),
            }
        except (LoadError, ValueError) as error:
            raise damaged(self.path, str(error)) from error

    def progress(self) -> Progress:
        """Returns the budget, whether the algorithm is exhausted, and how many trials there are."""
        budget, exhausted, proposed, queued = execute(self.connection, _progress, {}).fetchone()
        return Progress(budget, exhausted, proposed or 0, queued)

    def last_state(self) -> tuple[int, str]:
        """Returns the last snapshot, and after which event it was taken."""
        row = self.connection.execute(_last_state).one_or_none()
        if row is None:
            raise damaged(self.path, "the algorithm's state is missing")
        return row[0], row[1]

    def last_seq(self) -> int:
        """Returns the number of the last event, 0 for none."""
        row = self.connection.execute(_last_seq).one()
        return max(row[0] or 0, row[1] or 0)

    def events_after(self, seq: int) -> Iterator[Event]:
        """Returns the events after ``seq``, in order."""
        return heapq.merge(self._trial_events(seq), self._prior_events(seq), key=lambda event: event.seq)

    def find_trial(self, trial_id: int) -> Trial | None:
        """Returns a trial, or None when there is none of that number."""
        if trial_id >= 1 << 31:  # more than the database can be asked for
            return None
        row = self.connection.execute(_one_trial, {"key": trial_id}).one_or_none()
        return None if row is None else self._read_trials([row])[0]

    def find_tried(self, decisions: Decisions) -> Trial | None:
        """Returns the first trial of these decisions that has a reward, else the first that broke a constraint, or None."""
        row = self.connection.execute(_tried, {"text": to_text(decisions)}).one_or_none()
        return None if row is None else self._read_trials([row])[0]

    def page(self, after: int) -> list[Trial]:
        """Returns the next ``PAGE`` trials after number ``after``."""
        return self._read_trials(self.connection.execute(_page, {"after": after, "size": PAGE}).all())

    def running(self) -> list[Trial]:
        """Returns the trials that are running."""
        return self._read_trials(self.connection.execute(_running).all())

    def best(self, count: int, *, maximize: bool) -> list[Trial]:
        """Returns the trials with the best rewards, the earlier of equals first."""
        reward = trials.c.reward.desc() if maximize else trials.c.reward.asc()
        query = sa.select(trials).where(trials.c.reward.is_not(None)).order_by(reward, trials.c.id)
        return self._read_trials(self.connection.execute(query.limit(count)).all())

    def counts(self) -> dict[str, int]:
        """Returns how many trials there are of each status that occurs."""
        return {row[0]: row[1] for row in self.connection.execute(_counts)}

    def count_queued(self) -> int:
        """Returns how many hand-made decisions wait."""
        return int(self.connection.execute(sa.select(sa.func.count()).select_from(queue)).scalar_one())

    def notes(self) -> list[tuple[str, int | None, str]]:
        """Returns the journal: when, which trial, and what."""
        return [(row[0], row[1], row[2]) for row in self.connection.execute(_journal)]

    def priors(self) -> Iterator[tuple[Decisions, Reward, str]]:
        """Returns what the algorithm was told of trials of other studies: decisions, reward, and which trial it was."""
        return map(self._read_prior, self.connection.execute(_priors))

    # ------------------------------------------------------------------ private

    def _trial_events(self, seq: int) -> Iterator[Event]:
        for number, kind, trial, text, reward, several, *report in self.connection.execute(
            _events_after, {"seq": seq}
        ):
            decisions = read_decisions(self.path, self.space, trial, text)
            if kind == TELL and several is not None:
                reward = read_rewards(self.path, trial, several)
            yield Event(number, kind, trial, decisions, reward, *report)

    def _prior_events(self, seq: int) -> Iterator[Event]:
        for row in self.connection.execute(_priors_after, {"after": seq}):
            decisions, reward, _ = self._read_prior(row)
            yield Event(row.seq, PRIOR, 0, decisions, reward)

    def _read_prior(self, row: Any) -> tuple[Decisions, Reward, str]:
        decisions = read_decisions(self.path, self.space, row.seq, row.decisions)
        several = None if row.rewards is None else read_rewards(self.path, row.seq, row.rewards)
        return decisions, row.reward if several is None else several, row.source

    def _read_trials(self, rows: Sequence[Any]) -> list[Trial]:
        reports: dict[int, dict[float, Report]] = {}
        if rows and self.connection.execute(_has_reports).scalar() is not None:
            for at in range(0, len(rows), PAGE):
                keys = {"keys": [row.id for row in rows[at : at + PAGE]]}
                for trial_id, step, reward, stop, text in self.connection.execute(_reports, keys):
                    metrics: Mapping[str, float] | None = read_metrics(self.path, trial_id, text) or None
                    reports.setdefault(trial_id, {})[step] = Report(step, reward, bool(stop), metrics)
        return [read_trial(self.path, self.space, row, reports.get(row.id, {})) for row in rows]
