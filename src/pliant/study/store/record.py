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
from .rows import check_row, metrics_to_text, read_decisions, seal, to_text, trial_to_row
from .tables import DIGESTED, IS_RUNNING, events, journal, priors, queue, states, study, trials

_ENDED = ("status", "reward", "rewards", "reason", "cause", "ended", "seconds", "metrics", "digest")
_AGAIN = ("attempts", "started", "worker", "reason", "cause", "digest")

# Statements are built once: SQLAlchemy finds their compiled form by identity.
_add_trial, _add_event, _add_state = sa.insert(trials), sa.insert(events), sa.insert(states)
_add_prior, _add_queued, _add_note = sa.insert(priors), sa.insert(queue), sa.insert(journal)
_old_states = sa.delete(states).where(states.c.seq < sa.bindparam("until"))
_finish = sa.update(trials).where(
    trials.c.id == sa.bindparam("key"), trials.c.attempts == sa.bindparam("token"), IS_RUNNING
)
_again = sa.update(trials).where(trials.c.id == sa.bindparam("key"), IS_RUNNING)
_settings_to_change = sa.select(study).with_for_update()  # `limit` writes beside the process that searches
_queued = sa.select(queue).order_by(queue.c.id).limit(1)
_notes_of = sa.select(journal).where(journal.c.trial == sa.bindparam("key"))
_EMPTY_EVENT = dict.fromkeys(DIGESTED["events"])
_unqueue = sa.delete(queue).where(queue.c.id == sa.bindparam("key"))


@final
class Record(Reading):
    """Reads and writes the tables of a study."""

    def change_settings(self, **values: Any) -> None:
        """Writes some columns of the row of the study."""
        if isinstance(values.get("holder"), Holder):
            values["holder"] = values["holder"].to_text()
        row = check_row(self.path, "study", self.connection.execute(_settings_to_change).one())
        self.connection.execute(sa.update(study), seal("study", {**row._mapping, **values}))

    def index_decisions(self) -> None:
        """Makes an index of the decisions of trials, if there is none yet: a study of many trials looks earlier ones up by it."""
        how = "" if self.connection.dialect.name == "sqlite" else "USING hash "  # of any length
        self.connection.exec_driver_sql(
            f"CREATE INDEX IF NOT EXISTS trials_by_decisions ON trials {how}(decisions)"
        )

    def add_trial(self, trial: Trial, seq: int, *, kind: str = ASK) -> None:
        """Writes a new trial, proposed by the algorithm or enqueued, as event ``seq``."""
        execute(self.connection, _add_trial, trial_to_row(trial))
        self._add_event({"seq": seq, "kind": kind, "trial": trial.id})

    def start_again(self, trial: Trial) -> None:
        """Writes the next attempt of a running trial, or why its last attempt was lost."""
        row = trial_to_row(trial)
        self.connection.execute(_again, {"key": trial.id, **{name: row[name] for name in _AGAIN}})

    def finish_trial(self, trial: Trial, seq: int) -> bool:
        """Writes the end of a running trial as event ``seq``; returns False if this attempt is not running."""
        row = trial_to_row(trial)
        values = {"key": trial.id, "token": trial.attempts, **{name: row[name] for name in _ENDED}}
        if execute(self.connection, _finish, values).rowcount != 1:
            return False
        self._add_event({"seq": seq, "kind": TELL, "trial": trial.id})
        return True

    def add_report(self, trial_id: int, report: Report, seq: int) -> None:
        """Writes an intermediate reward of a trial, as event ``seq``."""
        row = {"seq": seq, "kind": REPORT, "trial": trial_id, **report._asdict()}
        row["metrics"] = metrics_to_text(report.metrics)
        self._add_event(row)

    def add_prior(self, seq: int, decisions: Decisions, reward: Reward, source: str) -> None:
        """Writes a result of another study that the algorithm learns from, as event ``seq``."""
        several = json.dumps(reward) if isinstance(reward, tuple) else None
        row = {"seq": seq, "decisions": to_text(decisions), "rewards": several, "source": source}
        self.connection.execute(_add_prior, seal("priors", {**row, "reward": None if several else reward}))

    def add_state(self, seq: int, state: str) -> None:
        """Writes a snapshot of the algorithm's state after event ``seq``, and deletes the last one."""
        self.connection.execute(_old_states, {"until": seq})
        self.connection.execute(_add_state, seal("states", {"seq": seq, "state": state}))

    def add_queued(self, decisions: Decisions, note: str) -> None:
        """Enqueues decisions to try next."""
        row = seal("queue", {"decisions": to_text(decisions), "note": note})
        self.connection.execute(_add_queued, row)

    def take_queued(self) -> tuple[Decisions, str] | None:
        """Removes and returns the first enqueued decisions with their note; None without."""
        row = self.connection.execute(_queued).one_or_none()
        if row is None:
            return None
        check_row(self.path, "queue", row)
        self.connection.execute(_unqueue, {"key": row.id})
        return read_decisions(self.path, self.space, row.id, row.decisions), row.note

    def add_note(self, trial_id: int | None, text: str) -> None:
        """Writes a line into the journal."""
        self.connection.execute(_add_note, seal("journal", {"time": now(), "trial": trial_id, "text": text}))

    def has_note(self, trial_id: int, start: str) -> bool:
        """Returns whether the journal has a line of a trial that starts with a text."""
        found = self.connection.execute(_notes_of, {"key": trial_id})
        return any(check_row(self.path, "journal", row).text.startswith(start) for row in found)

    def _add_event(self, row: dict[str, Any]) -> None:
        execute(self.connection, _add_event, seal("events", {**_EMPTY_EVENT, **row}))
