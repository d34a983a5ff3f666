"""What a study's database holds, written: the few statements, in SQLAlchemy Core.  What is read, ``reading`` says.

When they run, and in which transaction, is decided in ``loop``; connections are made by the stores.
"""

from __future__ import annotations

import json
from typing import Any, final

import sqlalchemy as sa

from pliant.space import Decisions

from ..trials.learner import ASK, REPORT, TELL, Reward
from ..trials.trial import Report, Trial
from .direct import execute
from .lock import now
from .reading import Reading
from .rows import metrics_to_text, read_decisions, to_text
from .tables import IS_RUNNING, events, journal, priors, queue, states, study, trials

# Statements are built once: SQLAlchemy finds their compiled form by identity.
_add_trial, _add_event, _add_state = sa.insert(trials), sa.insert(events), sa.insert(states)
_add_prior, _add_queued, _add_note = sa.insert(priors), sa.insert(queue), sa.insert(journal)
_old_states = sa.delete(states).where(states.c.seq < sa.bindparam("until"))
_finish = sa.update(trials).where(
    trials.c.id == sa.bindparam("key"), trials.c.attempts == sa.bindparam("token"), IS_RUNNING
)
_again = sa.update(trials).where(trials.c.id == sa.bindparam("key"), IS_RUNNING)
_queued = sa.select(queue).order_by(queue.c.id).limit(1)
_unqueue = sa.delete(queue).where(queue.c.id == sa.bindparam("key"))


@final
class Record(Reading):
    """The tables behind a connection, to be written, too."""

    def change_settings(self, **values: Any) -> None:
        """Writes some columns of the row of the study."""
        self.connection.execute(sa.update(study), values)

    def add_trial(self, trial: Trial, seq: int, *, kind: str = ASK) -> None:
        """Writes a trial that was proposed, or given by somebody, as event ``seq``."""
        row = {
            "id": trial.id,
            "decisions": to_text(trial.decisions),
            "status": trial.status,
            "attempts": trial.attempts,
            "started": trial.started,
            "parent": None if trial.parent is None else to_text(trial.parent),
            "worker": trial.worker,
            "origin": trial.origin,
        }
        execute(self.connection, _add_trial, row)
        execute(self.connection, _add_event, {"seq": seq, "kind": kind, "trial": trial.id})

    def start_again(self, trial: Trial) -> None:
        """Writes that a running trial was handed out once more."""
        values = {"attempts": trial.attempts, "started": trial.started, "worker": trial.worker}
        self.connection.execute(_again, {"key": trial.id, **values})

    def keep_reason(self, trial: Trial) -> None:
        """Writes why the last attempt of a running trial was lost."""
        self.connection.execute(_again, {"key": trial.id, "reason": trial.reason})

    def finish_trial(self, trial: Trial, seq: int) -> bool:
        """Writes how a running trial ended, as event ``seq``; False when that attempt does not run any more."""
        values = {
            "key": trial.id,
            "token": trial.attempts,
            "status": trial.status,
            "reward": trial.reward,
            "rewards": None if trial.rewards is None else json.dumps(trial.rewards),
            "reason": trial.reason,
            "ended": trial.ended,
            "seconds": trial.seconds,
            "metrics": metrics_to_text(trial.metrics),
        }
        if execute(self.connection, _finish, values).rowcount != 1:
            return False
        execute(self.connection, _add_event, {"seq": seq, "kind": TELL, "trial": trial.id})
        return True

    def add_report(self, trial_id: int, report: Report, seq: int) -> None:
        """Writes an intermediate reward of a trial, as event ``seq``."""
        row = {"seq": seq, "kind": REPORT, "trial": trial_id, **report._asdict()}
        row["metrics"] = metrics_to_text(report.metrics)
        execute(self.connection, _add_event, row)

    def add_prior(self, seq: int, decisions: Decisions, reward: Reward, source: str) -> None:
        """Writes what the algorithm is told of a trial of another study, as event ``seq``."""
        several = json.dumps(reward) if isinstance(reward, tuple) else None
        row = {"seq": seq, "decisions": to_text(decisions), "rewards": several, "source": source}
        self.connection.execute(_add_prior, {**row, "reward": None if several else reward})

    def add_state(self, seq: int, state: str) -> None:
        """Writes a snapshot of the algorithm's state after event ``seq``, in place of the last one."""
        self.connection.execute(_old_states, {"until": seq})
        self.connection.execute(_add_state, {"seq": seq, "state": state})

    def add_queued(self, decisions: Decisions, note: str) -> None:
        """Writes decisions that are to be tried next."""
        self.connection.execute(_add_queued, {"decisions": to_text(decisions), "note": note})

    def take_queued(self) -> tuple[Decisions, str] | None:
        """Returns the first decisions that wait, with their note, which then wait no more; None without."""
        row = self.connection.execute(_queued).one_or_none()
        if row is None:
            return None
        self.connection.execute(_unqueue, {"key": row.id})
        return read_decisions(self.path, self.space, row.id, row.decisions), row.note

    def add_note(self, trial_id: int | None, text: str) -> None:
        """Writes a line for people."""
        self.connection.execute(_add_note, {"time": now(), "trial": trial_id, "text": text})
