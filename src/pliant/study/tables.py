"""The tables of a study file, in SQLAlchemy Core, and their version.  Who writes them when, ``store`` says.

Everything that cannot be recomputed is in ``trials`` and ``events``: the order in which trials were
proposed, reported on and told.  The algorithm's state is a snapshot of some moment; the events since then, replayed,
give the present one.  So a trial costs the same however large the state is.
"""

from __future__ import annotations

import sqlalchemy as sa

SCHEMA_VERSION = 1

metadata = sa.MetaData()

schema = sa.Table(
    "pliant_schema",  # by this table a file is known to be ours
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
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("ended", sa.Text),
    sa.Column("seconds", sa.Double),
    sa.Column("parent", sa.Text),  # JSON: the decisions that the trial goes on from
)

IS_RUNNING = sa.text("status = 'running'")  # literal: SQLite uses no partial index for a bound value

sa.Index("trials_running", trials.c.id, sqlite_where=IS_RUNNING)
sa.Index("trials_by_reward", trials.c.reward)
HAS_SEVERAL = sa.text("rewards IS NOT NULL")
sa.Index("trials_of_several", trials.c.id, sqlite_where=HAS_SEVERAL)

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),  # so two writers cannot both succeed
    sa.Column("kind", sa.Text, nullable=False),  # 'ask', 'report' or 'tell'
    sa.Column("trial", sa.Integer, sa.ForeignKey("trials.id"), nullable=False),
    sa.Column("step", sa.Double),  # of a report, as are the next two
    sa.Column("reward", sa.Double),
    sa.Column("stop", sa.Boolean),
)

IS_REPORT = sa.text("kind = 'report'")  # literal, as above

sa.Index("reports", events.c.trial, sqlite_where=IS_REPORT)

states = sa.Table(
    "states",  # one row: the last snapshot
    metadata,
    sa.Column(
        "seq", sa.Integer, primary_key=True, autoincrement=False
    ),  # of the last event in it; 0 for none
    sa.Column("state", sa.Text, nullable=False),  # JSON
)
