"""Statements that write a study's database, in SQLAlchemy Core, in addition to the queries of ``reading``.

``loop`` decides when they run and in which transaction; stores make the connections.
"""

from __future__ import annotations

import json
from typing import Any, final

import sqlalchemy as sa

from pliant.space import Decisions

from ..trials.learner import ASK, REPORT, TELL, Reward
from ..trials.trial import Report, Trial, now
from .lock import Holder
from .reading import Reading, execute
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
    """Reads and writes the tables of a study."""

    def change_settings(self, **values: Any) -> None:
        """Writes some columns of the row of the study."""
        if isinstance(values.get("holder"), Holder):
            values["holder"] = values["holder"].to_text()
        self.connection.execute(sa.update(study), values)

    def add_trial(self, trial: Trial, seq: int, *, kind: str = ASK) -> None:
        """Writes a new trial, proposed by the algorithm or enqueued, as event ``seq``."""
        row = {
            "id": trial.id,
            "decisions": to_text(trial.decisions),
            "status": trial.status,
            "attempts": trial.attempts,
            "started": trial.started,
            "parent": None if trial.parent is None else to_text(trial.parent),
            "worker": trial.worker,
            "origin": trial.origin,
            "copied_from": trial.copied_from,
        }
        execute(self.connection, _add_trial, row)
        execute(self.connection, _add_event, {"seq": seq, "kind": kind, "trial": trial.id})

    def start_again(self, trial: Trial) -> None:
        """Writes the next attempt of a running trial."""
        values = {"attempts": trial.attempts, "started": trial.started, "worker": trial.worker}
        self.connection.execute(_again, {"key": trial.id, **values})

    def keep_reason(self, trial: Trial) -> None:
        """Writes why the last attempt of a running trial was lost."""
        self.connection.execute(_again, {"key": trial.id, "reason": trial.reason})

    def finish_trial(self, trial: Trial, seq: int) -> bool:
        """Writes the end of a running trial as event ``seq``; returns False if this attempt is not running."""
        values = {
            "key": trial.id,
            "token": trial.attempts,
            "status": trial.status,
            "reward": trial.reward,
            "rewards": None if trial.rewards is None else json.dumps(trial.rewards),
            "reason": trial.reason,
            "cause": trial.cause,
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
        """Writes a result of another study that the algorithm learns from, as event ``seq``."""
        several = json.dumps(reward) if isinstance(reward, tuple) else None
        row = {"seq": seq, "decisions": to_text(decisions), "rewards": several, "source": source}
        self.connection.execute(_add_prior, {**row, "reward": None if several else reward})

    def add_state(self, seq: int, state: str) -> None:
        """Writes a snapshot of the algorithm's state after event ``seq``, and deletes the last one."""
        self.connection.execute(_old_states, {"until": seq})
        self.connection.execute(_add_state, {"seq": seq, "state": state})

    def add_queued(self, decisions: Decisions, note: str) -> None:
        """Enqueues decisions to try next."""
        self.connection.execute(_add_queued, {"decisions": to_text(decisions), "note": note})

    def take_queued(self) -> tuple[Decisions, str] | None:
        """Removes and returns the first enqueued decisions with their note; None without."""
        row = self.connection.execute(_queued).one_or_none()
        if row is None:
            return None
        self.connection.execute(_unqueue, {"key": row.id})
        return read_decisions(self.path, self.space, row.id, row.decisions), row.note

    def add_note(self, trial_id: int | None, text: str) -> None:
        """Writes a line into the journal."""
        self.connection.execute(_add_note, {"time": now(), "trial": trial_id, "text": text})
