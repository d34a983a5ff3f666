"""The tables of a study, in SQLAlchemy Core, and their version.  Who writes them when, ``record`` says.

Everything that cannot be recomputed is in ``trials``, ``priors`` and ``events``: the order in which trials were
proposed, reported on and told.  The algorithm's state is a snapshot of some moment; the events since then, replayed,
give the present one.  So a trial costs the same however large the state is.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

SCHEMA_VERSION = 2

metadata = sa.MetaData()

schema = sa.Table(
    "pliant_schema",  # by this table a database is known to be ours
    metadata,
    sa.Column("version", sa.Integer, nullable=False),
)

study = sa.Table(
    "study",  # one row
    metadata,
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("space", sa.Text, nullable=False),  # JSON
    sa.Column("algorithm", sa.Text, nullable=False),  # JSON: its name, and its options as text
    sa.Column("seed", sa.Text),  # that of the study, which overrides the algorithm's; text: of any size
    sa.Column("maximize", sa.Boolean, nullable=False),
    sa.Column("budget", sa.Integer),
    sa.Column("exhausted", sa.Boolean, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("holder", sa.Text),
    sa.Column("constraints", sa.Text),  # JSON: a list of text such as "latency <= 10"; empty without
    sa.Column("reuse", sa.Boolean),  # whether decisions that were tried are answered from the record
)

trials = sa.Table(
    "trials",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("decisions", sa.Text, nullable=False),  # JSON: the flat vector
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reward", sa.Double),
    sa.Column("rewards", sa.Text),  # JSON: those of several objectives; then `reward` is empty
    sa.Column("reason", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),  # the fencing token of whoever has the trial
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("ended", sa.Text),
    sa.Column("seconds", sa.Double),
    sa.Column("parent", sa.Text),  # JSON: the decisions that the trial goes on from
    sa.Column("worker", sa.Text),  # who has it, or had it last
    sa.Column("origin", sa.Text),  # where it comes from, unless the algorithm proposed it to be tried
    sa.Column("metrics", sa.Text),  # JSON: other numbers that it ended with, by name
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),  # so two writers cannot both succeed
    sa.Column("kind", sa.Text, nullable=False),  # 'ask', 'give', 'report' or 'tell'
    sa.Column("trial", sa.Integer, sa.ForeignKey("trials.id"), nullable=False),
    sa.Column("step", sa.Double),  # of a report, as are the next ones
    sa.Column("reward", sa.Double),
    sa.Column("stop", sa.Boolean),
    sa.Column("metrics", sa.Text),  # JSON
)

states = sa.Table(
    "states",  # one row: the last snapshot
    metadata,
    sa.Column(
        "seq", sa.Integer, primary_key=True, autoincrement=False
    ),  # of the last event in it; 0 for none
    sa.Column("state", sa.Text, nullable=False),  # JSON
)

priors = sa.Table(
    "priors",  # what the algorithm was told of trials of other studies
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),  # one row of numbers with the events
    sa.Column("decisions", sa.Text, nullable=False),
    sa.Column("reward", sa.Double),
    sa.Column("rewards", sa.Text),
    sa.Column("source", sa.Text, nullable=False),  # the study, and its trial
)

queue = sa.Table(
    "queue",  # decisions that somebody wants to be tried next; any process may add some
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("decisions", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)

journal = sa.Table(
    "journal",  # what happened besides, for people: attempts that were lost, results that came too late
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("trial", sa.Integer),
    sa.Column("text", sa.Text, nullable=False),
)

IS_RUNNING = sa.text("status = 'running'")  # literal: SQLite uses no partial index for a bound value
HAS_SEVERAL = sa.text("rewards IS NOT NULL")
IS_REPORT = sa.text("kind = 'report'")


def _index(name: str, *columns: Any, where: Any = None) -> sa.Index:
    only = {} if where is None else {"sqlite_where": where, "postgresql_where": where}
    return sa.Index(name, *columns, **only)


_index("trials_running", trials.c.id, where=IS_RUNNING)
_index("trials_by_reward", trials.c.reward)
_index("trials_of_several", trials.c.id, where=HAS_SEVERAL)
_index("reports", events.c.trial, where=IS_REPORT)
ADDED = {
    "study": [study.c.constraints, study.c.reuse],
    "trials": [trials.c.worker, trials.c.origin, trials.c.metrics],
    "events": [events.c.metrics],
}
"""The columns that version 2 added, by table; besides the tables ``priors``, ``queue`` and ``journal``."""
