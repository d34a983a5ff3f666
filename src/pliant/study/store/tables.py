"""Database schema of a study: its tables in SQLAlchemy Core, and the version of the format.

``trials``, ``priors`` and ``events`` hold everything that cannot be recomputed: the order in which trials were proposed,
reported and told.  ``states`` holds a snapshot of the algorithm; replaying the later events gives its present state, so
that the cost of a trial does not depend on the size of the state.  Each row ends with a digest of its other columns.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

SCHEMA_VERSION = 4

metadata = sa.MetaData()

schema = sa.Table(
    "pliant_schema",  # this table marks a database as a study
    metadata,
    sa.Column("version", sa.Integer, nullable=False),
)

study = sa.Table(
    "study",  # one row
    metadata,
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("space", sa.Text, nullable=False),  # JSON
    sa.Column("algorithm", sa.Text, nullable=False),  # JSON: as `algorithms.description.describe` returns it
    sa.Column("seed", sa.Text),  # replaces the seed of the algorithm; text, as it may have any size
    sa.Column("maximize", sa.Boolean, nullable=False),
    sa.Column("budget", sa.Integer),
    sa.Column("exhausted", sa.Boolean, nullable=False),
    sa.Column("created", sa.Text, nullable=False),
    sa.Column("holder", sa.Text),  # JSON: the process that writes the study; see `Holder`
    sa.Column("constraints", sa.Text),  # JSON: a list of text such as "latency <= 10"; NULL without
    sa.Column("reuse", sa.Boolean),  # whether decisions that were tried before get their earlier result
    sa.Column("paused", sa.Text),  # since when no trials are handed out; NULL while they are
    sa.Column("digest", sa.Text),
)

trials = sa.Table(
    "trials",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("decisions", sa.Text, nullable=False),  # JSON: the flat vector
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reward", sa.Double),
    sa.Column("rewards", sa.Text),  # JSON: those of several objectives; then `reward` is NULL
    sa.Column("reason", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),  # the fencing token of the worker
    sa.Column("started", sa.Text, nullable=False),
    sa.Column("ended", sa.Text),
    sa.Column("seconds", sa.Double),
    sa.Column("parent", sa.Text),  # JSON: the decisions of the trial that this one continues
    sa.Column("worker", sa.Text),  # which worker has it, or had it last
    sa.Column("origin", sa.Text),  # "enqueued", with a note; NULL for decisions of the algorithm
    sa.Column("metrics", sa.Text),  # JSON: other numbers that it ended with, by name
    sa.Column("cause", sa.Text),  # one of `Cause`, where it failed or ended early
    sa.Column("copied_from", sa.Integer),  # the trial whose result it has
    sa.Column("digest", sa.Text),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column(
        "seq", sa.Integer, primary_key=True, autoincrement=False
    ),  # unique, so that two writers cannot both succeed
    sa.Column("kind", sa.Text, nullable=False),  # 'ask', 'give', 'report' or 'tell'
    sa.Column("trial", sa.Integer, sa.ForeignKey("trials.id"), nullable=False),
    sa.Column("step", sa.Double),  # this and the next columns: of a report
    sa.Column("reward", sa.Double),
    sa.Column("stop", sa.Boolean),
    sa.Column("metrics", sa.Text),  # JSON
    sa.Column("digest", sa.Text),
)

states = sa.Table(
    "states",  # one row: the last snapshot
    metadata,
    sa.Column(
        "seq", sa.Integer, primary_key=True, autoincrement=False
    ),  # of the last event in it; 0 for none
    sa.Column("state", sa.Text, nullable=False),  # JSON
    sa.Column("digest", sa.Text),
)

priors = sa.Table(
    "priors",  # results of other studies that the algorithm learned from
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),  # numbered together with the events
    sa.Column("decisions", sa.Text, nullable=False),
    sa.Column("reward", sa.Double),
    sa.Column("rewards", sa.Text),
    sa.Column("source", sa.Text, nullable=False),  # the study, and its trial
    sa.Column("digest", sa.Text),
)

queue = sa.Table(
    "queue",  # decisions to try next; any process may add some
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("decisions", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("digest", sa.Text),
)

journal = sa.Table(
    "journal",  # for people: attempts that were lost, results that came too late
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("time", sa.Text, nullable=False),
    sa.Column("trial", sa.Integer),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("digest", sa.Text),
)

history = sa.MetaData()  # of tables that a study has only once it needs them
spaces = sa.Table(
    "spaces",  # earlier spaces, which trials that did not fit the next one still have
    history,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("space", sa.Text, nullable=False),  # JSON
    sa.Column("digest", sa.Text),
)

options = sa.Table(
    "options",  # of the search: the rule that stops it, which trials keep their files
    history,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("digest", sa.Text),
)

IS_RUNNING = sa.text("status = 'running'")  # literal: SQLite uses no partial index for a bound value
HAS_SEVERAL = sa.text("rewards IS NOT NULL")
IS_PRESENT = trials.c.decisions.not_like("{%")  # of the present space; see `rows.to_old_text`
IS_REPORT = sa.text("kind = 'report'")


def _index(name: str, *columns: Any, where: Any = None) -> sa.Index:
    only = {} if where is None else {"sqlite_where": where, "postgresql_where": where}
    return sa.Index(name, *columns, **only)


_index("trials_running", trials.c.id, where=IS_RUNNING)
_index("trials_by_reward", trials.c.reward)
_index("trials_of_several", trials.c.id, where=HAS_SEVERAL)
_index("reports", events.c.trial, where=IS_REPORT)
ADDED = {
    2: {
        "study": [study.c.constraints, study.c.reuse],
        "trials": [trials.c.worker, trials.c.origin, trials.c.metrics],
        "events": [events.c.metrics],
    },
    3: {
        "study": [study.c.digest],
        "trials": [trials.c.cause, trials.c.copied_from, trials.c.digest],
        **{table.name: [table.c.digest] for table in (events, states, priors, queue, journal)},
    },
    4: {"study": [study.c.paused]},
}
"""The columns that each version added, by table.  Version 2 also added the tables ``priors``, ``queue`` and ``journal``."""
NUMBERED = ("queue", "journal")  # the database numbers their rows, so that the digest leaves out the number
DIGESTED = {
    table.name: tuple(
        column.name
        for column in table.columns
        if column.name != "digest" and not (table.name in NUMBERED and column.name == "id")
    )
    for table in (study, trials, events, states, priors, queue, journal, spaces, options)
}
"""The columns in the digest of a row, by table."""
