"""Upgrades a study of an older format in one transaction; one step per version.

The results of trials and their order stay, so that a search continues exactly as before.  Sentences that earlier versions
stored, such as ``copy of trial 3``, are parsed here once, and nowhere else.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from pliant.algorithms.description import is_known

from ..trials.trial import COMPLETED, FAILED, STOPPED, Cause
from .failpoint import reach
from .format import list_tables
from .record import Record
from .rows import check_row, seal
from .soundness import check_all
from .tables import (
    ADDED,
    DIGESTED,
    SCHEMA_VERSION,
    events,
    journal,
    metadata,
    priors,
    queue,
    schema,
    study,
    trials,
)

_COPY = "copy of trial "
_HOLDER = re.compile(r"process (\d+) on (.*), since (\S+)")
_CAUSES: tuple[tuple[str, Cause], ...] = (
    (r"skipped\Z", "skipped"),
    (r"breaks a constraint: ", "constraint"),
    (r".* \(attempt \d+ of \d+\)\Z", "lost"),
    (r"(no reward: |evaluate returned )", "reward"),
    (r"(.* )?it took longer than its limit of |the trainer ended with timeout: ", "timeout"),
    (r"(.* )?it held \d+ MiB, more than its limit of |the trainer ended with memory: ", "memory"),
    (r".*(the system killed it|node ran out of memory)", "memory"),
)  # the reasons that version 2 wrote


def migrate(record: Record, version: int) -> None:
    """Upgrades the tables of an older version to the present one."""
    if version == 3:
        _check_third(record)
    for number in range(version, SCHEMA_VERSION):  # before all steps, which read whole rows of the settings
        _add_columns(record, number + 1, "study")
    for number in range(version, SCHEMA_VERSION):
        _add_columns(record, number + 1)
        _STEPS[number](record)
    record.connection.execute(sa.update(schema), {"version": SCHEMA_VERSION})
    reach("migrated")


def _add_columns(record: Record, version: int, *tables: str) -> None:
    """Adds the columns of a version, to some tables or to all, that are not there yet."""
    inspector = sa.inspect(record.connection)
    for table, columns in ADDED[version].items():
        if tables and table not in tables:
            continue
        known = {column["name"] for column in inspector.get_columns(table)}
        for column in columns:
            if column.name in known:  # of a table that this migration created
                continue
            definition = sa.schema.CreateColumn(column).compile(dialect=record.connection.dialect)
            record.connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {definition}")


def _from_1(record: Record) -> None:
    """Version 2 added workers, origins, metrics, constraints, the queue, priors and the journal."""
    metadata.create_all(record.connection, tables=[queue, priors, journal], checkfirst=False)


def _from_2(record: Record) -> None:
    """Version 3 added causes, copies, digests and the status "stopped"; the algorithm and the holder are JSON values."""
    run = record.connection.execute
    number = sa.cast(sa.func.substr(trials.c.origin, len(_COPY) + 1), sa.Integer)
    copies = sa.update(trials).where(trials.c.origin.startswith(_COPY))
    run(copies.values(copied_from=number, origin=None))
    for trial, reason in run(sa.select(trials.c.id, trials.c.reason).where(trials.c.status == FAILED)).all():
        run(sa.update(trials).where(trials.c.id == trial), {"cause": _read_cause(reason or "")})
    stopped = sa.select(events.c.trial).where(events.c.stop.is_(True))
    is_stopped = sa.or_(trials.c.id.in_(stopped), trials.c.copied_from.in_(stopped))
    run(
        sa.update(trials).where(trials.c.status == COMPLETED, is_stopped),
        {"cause": STOPPED, "status": STOPPED},
    )
    for algorithm, holder in run(sa.select(study.c.algorithm, study.c.holder)).all():
        run(sa.update(study), {"algorithm": _read_algorithm(algorithm), "holder": _read_holder(holder)})
    seal_rows(record)


def _from_3(record: Record) -> None:
    """Version 4 added since when a study is paused, which the digest of its settings covers."""
    seal_rows(record, "study")


def _check_third(record: Record) -> None:
    """Checks all rows of version 3; the row of the settings gets another digest."""
    check_all(record, [one for one in list_tables(record) if one != "study"])
    new = {column.name for column in ADDED[4]["study"]}
    names = [name for name in (*DIGESTED["study"], "digest") if name not in new]
    for row in record.connection.execute(sa.select(*(study.c[name] for name in names))):
        check_row(record.path, "study", row)


def seal_rows(record: Record, *names: str) -> None:
    """Writes the digest of every row of some tables, or of all."""
    for name in names or metadata.tables.keys() & DIGESTED.keys():
        table = metadata.tables[name]
        key = next(iter(table.columns))
        found = [seal(name, {**row}) for row in record.connection.execute(sa.select(table)).mappings()]
        change = sa.update(table).where(key == sa.bindparam("key")).values(digest=sa.bindparam("mark"))
        if found:
            record.connection.execute(
                change, [{"key": row[key.name], "mark": row["digest"]} for row in found]
            )


_STEPS: dict[int, Callable[[Record], None]] = {1: _from_1, 2: _from_2, 3: _from_3}


def _read_cause(reason: str) -> Cause:
    return next((cause for pattern, cause in _CAUSES if re.match(pattern, reason, re.DOTALL)), "error")


def _read_holder(text: str | None) -> str | None:
    found = _HOLDER.fullmatch(text or "")
    if found is None:
        return None
    return json.dumps({"process": int(found[1]), "host": found[2], "since": found[3]})


def _read_algorithm(text: str) -> str:
    data = json.loads(text)
    options = {name: _read_option(option) for name, option in data["options"].items()}
    return json.dumps({"name": _known_name(data["name"]), "options": options})


def _read_option(text: str) -> Any:
    """Returns the description of an option from its text; where that is not possible, the text as such."""
    try:
        return _read(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, TypeError, RecursionError):
        return {"text": text}


def _read(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
        options = {str(option.arg): _read(option.value) for option in node.keywords}
        return {"name": _known_name(node.func.id), "options": options}
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift):
        first, last = _read(node.left), _read(node.right)
        steps = first["options"]["steps"] if first["name"] == "Chain" else [first]
        return {"name": "Chain", "options": {"steps": [*steps, last]}}
    if isinstance(node, ast.List | ast.Tuple):
        return [_read(item) for item in node.elts]
    value = ast.literal_eval(node)
    json.dumps(value, allow_nan=False)
    return {"dict": value} if isinstance(value, dict) else value


def _known_name(name: str) -> str:
    """Returns a name as descriptions have it; version 2 did not store the module of a user's class."""
    return name if is_known(name) else f"?:{name}"
