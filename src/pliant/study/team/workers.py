"""Lists the processes that work on a study, and their trials.  Only reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

import sqlalchemy as sa

from ..store.location import Place
from ..store.record import Record
from ..study import Study
from ..trials.trial import INTERRUPTED
from ..view import View

_TABLE = sa.text("SELECT to_regclass('workers') IS NOT NULL")
_ROWS = sa.text(
    "SELECT name, leads, extract(epoch FROM clock_timestamp() - seen) FROM workers WHERE NOT gone ORDER BY id"
)


@final
@dataclass(frozen=True, slots=True)
class Worker:
    """A process that works on a study.

    Attributes:
      name: its name, such as ``process 12 on node3``.
      leads: whether it writes the study and runs the algorithm.
      trials: the numbers of the running trials that it has.
      since: when it got the first of them, in ISO 8601; None without trials.
      silent: seconds since its last sign of life; None in a file, where the leader notices the end of a process at once.
    """

    name: str
    leads: bool = False
    trials: tuple[int, ...] = ()
    since: str | None = None
    silent: float | None = None


def list_workers(place: Place | View) -> list[Worker]:
    """Returns the processes that work on a study: the leader first, then by name.

    In a file, processes that wait for a trial are not known, except the leader.

    >>> import tempfile
    >>> from pliant.algorithms import Random
    >>> from pliant.space import flatten, integer
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Study.create(f"{folder}/a.db", flatten([integer("x", 0, 9)]), Random()) as study:
    ...         _ = study.ask(worker="gpu 0"), study.ask(worker="gpu 0")
    ...         [(one.name, one.trials) for one in list_workers(f"{folder}/a.db") if not one.leads]
    [('gpu 0', (1, 2))]

    Args:
      place: of the study, or the open study itself.

    Raises:
      StudyError: there is none, or it cannot be read.
    """
    if isinstance(place, View):
        return _list(place)
    with Study.open(place) as study:
        return _list(study)


def _list(study: View) -> list[Worker]:
    found = {worker.name: worker for worker in study._store.read(_read_rows)}
    holder = study._store.read(lambda record: record.settings()["holder"])
    if holder is not None and not holder.is_dead and not any(one.leads for one in found.values()):
        name = f"process {holder.process} on {holder.host}"
        found[name] = replace(found.get(name, Worker(name)), leads=True)
    for trial in study.trials("running"):
        if trial.cause == INTERRUPTED or trial.reason is not None:  # waits to be handed out again
            continue
        name = trial.worker or "a process without a name"
        known = found.get(name, Worker(name))
        found[name] = replace(
            known,
            trials=(*known.trials, trial.id),
            since=min(known.since or trial.started, trial.started),
        )
    return sorted(found.values(), key=lambda one: (not one.leads, one.name))


def _read_rows(record: Record) -> list[Worker]:
    """Returns the processes of a team on a server; none in a file."""
    connection: Any = record.connection
    if connection.dialect.name == "sqlite" or not connection.execute(_TABLE).scalar():
        return []
    return [
        Worker(name, leads, silent=max(float(silent), 0.0))
        for name, leads, silent in connection.execute(_ROWS)
    ]
