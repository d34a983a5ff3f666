"""What a study file holds, read and written: the few statements, in SQLAlchemy Core.

When they run, and in which transaction, is decided in ``study``; connections are made in ``store``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, final

import sqlalchemy as sa

from pliant.space import Decisions, Space
from pliant.values.errors import DecisionError, LoadError, StudyError

from .learner import ASK, REPORT, TELL, Event
from .tables import IS_REPORT, IS_RUNNING, events, states, study, trials
from .trial import Report, Trial

PAGE = 500  # trials that are read at once

# Statements are built once: SQLAlchemy finds their compiled form by identity.
_budget = sa.select(study.c.budget, study.c.exhausted, sa.select(sa.func.max(trials.c.id)).scalar_subquery())
_add_trial, _add_event, _add_state = sa.insert(trials), sa.insert(events), sa.insert(states)
_old_states = sa.delete(states).where(states.c.seq < sa.bindparam("seq"))
_finish = sa.update(trials).where(trials.c.id == sa.bindparam("key"), IS_RUNNING)
_page = sa.select(trials).where(trials.c.id > sa.bindparam("after")).order_by(trials.c.id).limit(PAGE)
_running = sa.select(trials).where(IS_RUNNING).order_by(trials.c.id)
_one_trial = sa.select(trials).where(trials.c.id == sa.bindparam("key"))
_counts = sa.select(trials.c.status, sa.func.count()).group_by(trials.c.status)
_last_state = sa.select(states.c.seq, states.c.state).order_by(states.c.seq.desc()).limit(1)
_reports = (
    sa.select(events.c.trial, events.c.step, events.c.reward, events.c.stop)
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


class Progress(NamedTuple):
    """How far a study is."""

    budget: int | None
    exhausted: bool
    proposed: int

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to propose."""
        return self.exhausted or (self.budget is not None and self.proposed >= self.budget)


@final
class Record:
    """The tables behind a connection.  ``space`` is to be set before trials are read."""

    def __init__(self, connection: sa.Connection, path: Path) -> None:
        self.connection = connection
        self.path = path
        self.space: Space | None = None

    # ------------------------------------------------------------------ settings

    def settings(self) -> dict[str, Any]:
        """Returns the row of the study, its JSON read.

        Raises:
          StudyError: it is damaged.
        """
        row = self.connection.execute(sa.select(study)).mappings().one_or_none()
        if row is None:
            raise damaged(self.path, "it has no settings")
        try:
            return {**row, "space": Space.from_json(row["space"]), "algorithm": json.loads(row["algorithm"])}
        except (LoadError, ValueError) as error:
            raise damaged(self.path, str(error)) from error

    def change_settings(self, **values: Any) -> None:
        """Writes some columns of the row of the study."""
        self.connection.execute(sa.update(study), values)

    def progress(self) -> Progress:
        """Returns the budget, whether the algorithm is exhausted, and how many trials there are."""
        budget, exhausted, proposed = self.connection.execute(_budget).one()
        return Progress(budget, exhausted, proposed or 0)

    # ------------------------------------------------------------------ writing

    def add_trial(self, trial: Trial, seq: int) -> None:
        """Writes a trial that was proposed, as event ``seq``."""
        row = {
            "id": trial.id,
            "decisions": _to_text(trial.decisions),
            "status": trial.status,
            "attempts": trial.attempts,
            "started": trial.started,
            "parent": None if trial.parent is None else _to_text(trial.parent),
        }
        self.connection.execute(_add_trial, row)
        self.connection.execute(_add_event, {"seq": seq, "kind": ASK, "trial": trial.id})

    def start_again(self, trial: Trial) -> None:
        """Writes that a running trial was handed out once more."""
        values = {"key": trial.id, "attempts": trial.attempts, "started": trial.started}
        self.connection.execute(_finish, values)

    def finish_trial(self, trial: Trial, seq: int) -> bool:
        """Writes how a running trial ended, as event ``seq``; False when it was not running any more."""
        values = {
            "key": trial.id,
            "status": trial.status,
            "reward": trial.reward,
            "rewards": None if trial.rewards is None else json.dumps(trial.rewards),
            "reason": trial.reason,
            "ended": trial.ended,
            "seconds": trial.seconds,
        }
        if self.connection.execute(_finish, values).rowcount != 1:
            return False
        self.connection.execute(_add_event, {"seq": seq, "kind": TELL, "trial": trial.id})
        return True

    def add_report(self, trial_id: int, report: Report, seq: int) -> None:
        """Writes an intermediate reward of a trial, as event ``seq``."""
        row = {"seq": seq, "kind": REPORT, "trial": trial_id, **report._asdict()}
        self.connection.execute(_add_event, row)

    def add_state(self, seq: int, state: str) -> None:
        """Writes a snapshot of the algorithm's state after event ``seq``, in place of the last one."""
        self.connection.execute(_old_states, {"seq": seq})
        self.connection.execute(_add_state, {"seq": seq, "state": state})

    # ------------------------------------------------------------------ reading

    def last_state(self) -> tuple[int, str]:
        """Returns the last snapshot, and after which event it was taken."""
        row = self.connection.execute(_last_state).one_or_none()
        if row is None:
            raise damaged(self.path, "the algorithm's state is missing")
        return row[0], row[1]

    def events_after(self, seq: int) -> Iterator[Event]:
        """Returns the events after ``seq``, in order."""
        for number, kind, trial, text, reward, several, *report in self.connection.execute(
            _events_after, {"seq": seq}
        ):
            decisions = self._read_decisions(trial, text)
            if kind == TELL and several is not None:
                reward = read_rewards(self.path, trial, several)
            yield Event(number, kind, trial, decisions, reward, *report)

    def find_trial(self, trial_id: int) -> Trial | None:
        """Returns a trial, or None when there is none of that number."""
        if trial_id >= 1 << 63:  # more than the database can be asked for
            return None
        row = self.connection.execute(_one_trial, {"key": trial_id}).one_or_none()
        return None if row is None else self._read_trials([row])[0]

    def page(self, after: int) -> list[Trial]:
        """Returns the next ``PAGE`` trials after number ``after``."""
        return self._read_trials(self.connection.execute(_page, {"after": after}).all())

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

    # ------------------------------------------------------------------ private

    def _read_trials(self, rows: Sequence[Any]) -> list[Trial]:
        reports: dict[int, dict[float, Report]] = {}
        if rows and self.connection.execute(_has_reports).scalar() is not None:
            for at in range(0, len(rows), PAGE):
                keys = {"keys": [row.id for row in rows[at : at + PAGE]]}
                for trial_id, step, reward, stop in self.connection.execute(_reports, keys):
                    reports.setdefault(trial_id, {})[step] = Report(step, reward, stop)
        return [self._read_trial(row, reports.get(row.id, {})) for row in rows]

    def _read_trial(self, row: Any, reports: dict[float, Report]) -> Trial:
        trial_id, rewards, parent = row.id, row.rewards, row.parent
        columns = {
            **row._mapping,
            "decisions": self._read_decisions(trial_id, row.decisions),
            "rewards": None if rewards is None else read_rewards(self.path, trial_id, rewards),
            "parent": None if parent is None else self._read_decisions(trial_id, parent),
        }
        return Trial(**columns, reports=tuple(sorted(reports.values())))

    def _read_decisions(self, trial_id: int, text: str) -> Decisions:
        assert self.space is not None
        try:
            return Decisions.from_json(self.space, text)
        except (LoadError, DecisionError) as error:
            raise damaged(self.path, f"trial {trial_id}: {error}") from error


def _to_text(decisions: Decisions) -> str:
    return json.dumps(decisions.values, separators=(",", ":"))


def read_rewards(path: Path, trial_id: int, text: str) -> tuple[float, ...]:
    """Returns the rewards of a trial of several objectives, as they are stored.

    Raises:
      StudyError: they are damaged.
    """
    try:
        return tuple([float(reward) for reward in json.loads(text)])
    except (TypeError, ValueError) as error:
        raise damaged(path, f"trial {trial_id}: its rewards are no list of numbers: {error}") from error


def damaged(path: Path, what: str) -> StudyError:
    """Returns the error for a file that is not as Pliant left it."""
    return StudyError(
        f"{str(path)!r} is damaged, or was changed by another program: {what.rstrip('.')}. "
        "Restore a copy of it, together with its '-wal' file, if there is one."
    )
