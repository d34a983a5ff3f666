"""The statements that a study runs for every trial, past the machinery that SQLAlchemy has for statements in general.

They are Core's, compiled by Core, once; on SQLite the driver then runs them as they are, which costs a tenth.  No
statement is written here, and no transaction begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

_plans: dict[
    tuple[Any, tuple[str, ...]], tuple[str, tuple[str, ...]]
] = {}  # SQL, and the order of its values


def execute(connection: sa.Connection, statement: sa.Executable, values: Mapping[str, Any]) -> Any:
    """Runs a statement that is built once, within a transaction; returns a result with ``fetchone`` and ``rowcount``.

    Values are None, numbers and text, which go to the database as they are.
    """
    if connection.dialect.name != "sqlite":
        return connection.execute(statement, values)
    key = statement, tuple(values)
    plan = _plans.get(key)
    if plan is None:
        compiled: Any = statement.compile(dialect=connection.dialect, column_keys=list(values))  # type: ignore[attr-defined]
        plan = _plans[key] = str(compiled), tuple(compiled.positiontup or ())
    raw: Any = connection.connection.driver_connection
    sql, names = plan
    return raw.execute(sql, [values[name] for name in names])
