"""Queries of a study's database, in SQLAlchemy Core: trials, events, settings, the Pareto front.

``record`` adds the statements that write; ``rows`` converts rows to trials.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from pliant.algorithms.objectives import ParetoFront
from pliant.space import Decisions, Space
from pliant.values.errors import LoadError
from pliant.values.lines import read_json

from ..trials.learner import PRIOR, REPORT, Event, Reward
from ..trials.trial import COMPLETED, FAILED, STOPPED, Report, Trial
from .lock import Holder
from .rows import (
    check_row,
    damaged,
    find_old,
    read_decisions,
    read_metrics,
    read_rewards,
    read_trial,
    to_text,
)
from .soundness import check_earlier, read_rows
from .tables import (
    HAS_SEVERAL,
    IS_PRESENT,
    IS_REPORT,
    IS_RUNNING,
    events,
    journal,
    priors,
    queue,
    spaces,
    states,
    study,
    trials,
)

PAGE = 500  # trials that are read at once

_plans: dict[
    tuple[Any, tuple[str, ...]], tuple[str, tuple[str, ...]]
] = {}  # SQL, and the order of its values

# Statements are built once: SQLAlchemy finds their compiled form by identity.
_progress = sa.select(
    study.c.budget,
    study.c.exhausted,
    sa.select(sa.func.max(trials.c.id)).scalar_subquery(),
    sa.select(sa.func.min(queue.c.id)).scalar_subquery(),
    study.c.paused,
)
_page = sa.select(trials).where(trials.c.id > sa.bindparam("after")).order_by(trials.c.id).limit(PAGE)
_page_of_status = _page.where(trials.c.status == sa.bindparam("status"))
_running = sa.select(trials).where(IS_RUNNING).order_by(trials.c.id)
_one_trial = sa.select(trials).where(trials.c.id == sa.bindparam("key"))
_has_reward = trials.c.status.in_((COMPLETED, STOPPED))
_tried = (
    sa.select(trials)
    .where(trials.c.decisions == sa.bindparam("text"), sa.or_(_has_reward, trials.c.cause == "constraint"))
    .order_by(trials.c.status == FAILED, trials.c.id)
    .limit(1)
)
_latest = sa.select(sa.func.max(trials.c.id)).where(trials.c.decisions == sa.bindparam("text"), _has_reward)
_several = sa.select(trials.c.id, trials.c.rewards).where(HAS_SEVERAL, IS_PRESENT).order_by(trials.c.id)
_all_several = sa.select(trials.c.id, trials.c.rewards).where(HAS_SEVERAL)
_all_metrics = sa.select(trials.c.id, trials.c.metrics).where(trials.c.metrics.is_not(None))
_one_reward = sa.select(trials.c.id).where(trials.c.reward.is_not(None)).limit(1)
_counts = sa.select(trials.c.status, sa.func.count()).group_by(trials.c.status)
_last_state = sa.select(states).order_by(states.c.seq.desc()).limit(1)
_last_seq = sa.select(
    sa.select(sa.func.max(events.c.seq)).scalar_subquery(),
    sa.select(sa.func.max(priors.c.seq)).scalar_subquery(),
)
_reports = (
    sa.select(events)
    .where(IS_REPORT, events.c.trial.in_(sa.bindparam("keys", expanding=True)))
    .order_by(events.c.seq)
)
_has_reports = sa.select(events.c.trial).where(IS_REPORT).limit(1)
_events_after = (
    sa.select(events, trials)
    .join(trials, trials.c.id == events.c.trial)
    .where(events.c.seq > sa.bindparam("seq"))
    .order_by(events.c.seq)
)
_priors_after = sa.select(priors).where(priors.c.seq > sa.bindparam("after")).order_by(priors.c.seq)
_priors = sa.select(priors).order_by(priors.c.seq)
_journal = sa.select(journal).order_by(journal.c.id)
_event_size = len(events.columns)


class Progress(NamedTuple):
    """Progress of a study: its budget and the number of its trials."""

    budget: int | None
    exhausted: bool
    proposed: int
    queued: int | None  # the number of the first enqueued decisions
    paused: str | None  # since when no trials are handed out

    @property
    def is_full(self) -> bool:
        """Whether the budget of trials is used up."""
        return self.budget is not None and self.proposed >= self.budget

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to propose."""
        return self.is_full or (self.exhausted and self.queued is None)


class Reading:
    """Reads the tables of a study.  Set ``space`` before trials are read.

    Args:
      connection: to the database; may be replaced after it was lost.
      path: the file or the address, for messages.
    """

    def __init__(self, connection: sa.Connection, path: Path | str) -> None:
        self.connection = connection
        self.path = path
        self.space: Space | None = None
        self.unchecked = 0  # trials, from the first one, whose digests are not compared yet; see `soundness`
        self._old: dict[int, Space] = {}  # earlier spaces by their numbers, as they are read
        self.space_text: str | None = None  # as `change.check_space` found it first

    def settings(self) -> dict[str, Any]:
        """Returns the row of the study, with its JSON parsed.

        Raises:
          StudyError: it is damaged.
        """
        row = self.connection.execute(sa.select(study)).mappings().one_or_none()
        if row is None:
            raise damaged(self.path, "it has no settings")
        check_row(self.path, "study", tuple(row.values()))
        try:
            return {
                **row,
                "space": self.space or Space.from_json(row["space"]),
                "algorithm": _read_algorithm(row["algorithm"]),
                "holder": Holder.from_text(row["holder"]),
                "constraints": read_json(row["constraints"] or "[]"),
                "reuse": bool(row["reuse"]),
            }
        except (LoadError, TypeError, ValueError) as error:
            raise damaged(self.path, str(error)) from error

    def progress(self) -> Progress:
        """Returns the progress of the study."""
        budget, exhausted, proposed, queued, paused = execute(self.connection, _progress, {}).fetchone()
        return Progress(budget, exhausted, proposed or 0, queued, paused)

    def last_state(self) -> tuple[int, str]:
        """Returns the last snapshot of the algorithm, and the number of the last event in it."""
        row = self.connection.execute(_last_state).one_or_none()
        if row is None:
            raise damaged(self.path, "the algorithm's state is missing")
        check_row(self.path, "states", row)
        return row[0], row[1]

    def last_seq(self) -> int:
        """Returns the number of the last event, 0 for none."""
        row = self.connection.execute(_last_seq).one()
        return max(row[0] or 0, row[1] or 0)

    def events_after(self, seq: int) -> Iterator[Event]:
        """Returns the events after ``seq``, in order."""
        found = heapq.merge(self._trial_events(seq), self._prior_events(seq), key=lambda event: event.seq)
        for number, event in enumerate(found, seq + 1):
            if event.seq != number:
                raise damaged(self.path, f"event {number} is missing")
            yield event

    def find_trial(self, trial_id: int) -> Trial | None:
        """Returns a trial, or None if it does not exist."""
        if trial_id >= 1 << 31:  # larger than the column
            return None
        row = self.connection.execute(_one_trial, {"key": trial_id}).one_or_none()
        return None if row is None else self._read_trials([row])[0]

    def find_tried(self, decisions: Decisions) -> Trial | None:
        """Returns the first trial of these decisions that has a reward, else the first that broke a constraint, or None."""
        row = self.connection.execute(_tried, {"text": to_text(decisions)}).one_or_none()
        return None if row is None else self._read_trials([row])[0]

    def find_latest(self, decisions: Decisions) -> Trial | None:
        """Returns the latest completed trial of these decisions, or None."""
        number = self.connection.execute(_latest, {"text": to_text(decisions)}).scalar()
        return None if number is None else self.find_trial(number)

    def page(self, after: int, status: str | None = None) -> list[Trial]:
        """Returns the next ``PAGE`` trials after number ``after``, of one status or of all."""
        query, values = (_page, {}) if status is None else (_page_of_status, {"status": status})
        return self._read_trials(self.connection.execute(query, {"after": after, **values}).all())

    def running(self) -> list[Trial]:
        """Returns the trials that are running."""
        return self._read_trials(self.connection.execute(_running).all())

    def best(self, count: int, *, maximize: bool) -> list[Trial]:
        """Returns the trials with the best rewards, the earlier of equals first."""
        check_earlier(self)
        reward = trials.c.reward.desc() if maximize else trials.c.reward.asc()
        query = (
            sa.select(trials).where(trials.c.reward.is_not(None), IS_PRESENT).order_by(reward, trials.c.id)
        )
        return self._read_trials(self.connection.execute(query.limit(count)).all())

    def counts(self) -> dict[str, int]:
        """Returns the number of trials of each status that occurs."""
        return {row[0]: row[1] for row in self.connection.execute(_counts)}

    def count_queued(self) -> int:
        """Returns the number of enqueued decisions that wait."""
        return int(self.connection.execute(sa.select(sa.func.count()).select_from(queue)).scalar_one())

    def notes(self) -> list[tuple[str, int | None, str]]:
        """Returns the journal: time, trial, and text."""
        rows = (check_row(self.path, "journal", row) for row in self.connection.execute(_journal))
        return [(row.time, row.trial, row.text) for row in rows]

    def priors(self) -> Iterator[tuple[Decisions, Reward, str]]:
        """Returns the results of other studies that the algorithm learned from: decisions, reward, and their source."""
        return map(self._read_prior, self.connection.execute(_priors))

    # ------------------------------------------------------------------ private

    def _trial_events(self, seq: int) -> Iterator[Event]:
        for row in self.connection.execute(_events_after, {"seq": seq}):
            number, kind, _, step, reported, stop, *_ = check_row(self.path, "events", row[:_event_size])
            trial = self._read_trial(row[_event_size:], {})
            reward = reported if kind == REPORT else trial.told
            noted = (trial.seconds, trial.metrics) if trial.copied_from is None else ()  # a copy has no news
            yield Event(number, kind, trial.id, trial.decisions, reward, step, stop, *noted)

    def _prior_events(self, seq: int) -> Iterator[Event]:
        for row in self.connection.execute(_priors_after, {"after": seq}):
            decisions, reward, _ = self._read_prior(row)
            yield Event(row.seq, PRIOR, 0, decisions, reward)

    def _read_prior(self, row: Any) -> tuple[Decisions, Reward, str]:
        check_row(self.path, "priors", row)
        space = self._find_space(row.seq, row.decisions)
        decisions = read_decisions(self.path, space, row.seq, row.decisions)
        several = None if row.rewards is None else read_rewards(self.path, row.seq, row.rewards)
        return decisions, row.reward if several is None else several, row.source

    def _read_trials(self, rows: Sequence[Any]) -> list[Trial]:
        reports: dict[int, dict[float, Report]] = {}
        if rows and self.connection.execute(_has_reports).scalar() is not None:
            for at in range(0, len(rows), PAGE):
                keys = {"keys": [row.id for row in rows[at : at + PAGE]]}
                for row in self.connection.execute(_reports, keys):
                    check_row(self.path, "events", row)
                    metrics = read_metrics(self.path, row.trial, row.metrics) or None
                    report = Report(row.step, row.reward, bool(row.stop), metrics)
                    reports.setdefault(row.trial, {})[row.step] = report
        return [self._read_trial(row, reports.get(row.id, {})) for row in rows]

    def _read_trial(self, row: Any, reports: dict[float, Report]) -> Trial:
        if not str(row[1]).startswith("{"):
            return read_trial(self.path, self.space, row, reports)
        return read_trial(self.path, self._find_space(row[0], row[1]), row, reports)

    def _find_space(self, trial_id: int, text: str) -> Space | None:
        """Returns the space of stored decisions."""
        old = find_old(self.path, trial_id, text)
        if old is None:
            return self.space
        number = old[0]
        if number not in self._old:
            row = self.connection.execute(sa.select(spaces).where(spaces.c.number == number)).one_or_none()
            if row is None:
                raise damaged(self.path, f"the earlier space {number} is missing")
            try:
                self._old[number] = Space.from_json(check_row(self.path, "spaces", row).space)
            except LoadError as error:
                raise damaged(self.path, f"the earlier space {number}: {error}") from error
        return self._old[number]


def read_trial_rows(reading: Reading, *, after: int, until: int) -> list[Sequence[Any]]:
    """Returns the rows of the trials after one number and up to another, after their digests were compared."""
    found = read_rows(reading, "trials", after=after, until=until)
    return [check_row(reading.path, "trials", row) for row in found]


def find_before_last(reading: Reading, *, count: int, status: str | None) -> int:
    """Returns the number before that of the first of the last ``count`` trials, of one status or of all."""
    query = sa.select(trials.c.id).order_by(trials.c.id.desc()).offset(count - 1).limit(1)
    query = query if status is None else query.where(trials.c.status == status)
    found = reading.connection.execute(query).scalar()
    return 0 if found is None else found - 1


def find_columns(reading: Reading) -> tuple[int, list[str]]:
    """Returns the largest number of rewards of a trial that has several, else 0, and the names of all metrics, in order."""
    count, names = 0, set[str]()
    for trial_id, text in reading.connection.execute(_all_several):
        count = max(count, len(read_rewards(reading.path, trial_id, text)))
    for trial_id, text in reading.connection.execute(_all_metrics.execution_options(yield_per=PAGE)):
        names.update(read_metrics(reading.path, trial_id, text))
    return count, sorted(names)


def count_objectives(reading: Reading) -> int | None:
    """Returns the number of rewards of each trial; None while no trial has any."""
    first = reading.connection.execute(_several.limit(1)).one_or_none()
    if first is not None:
        return len(read_rewards(reading.path, *first))
    return None if reading.connection.execute(_one_reward).scalar() is None else 1


def find_front(reading: Reading, *, maximize: bool) -> list[Trial]:
    """Returns the Pareto-optimal trials, the best in the first objective first; with one objective, the best."""
    if (count_objectives(reading) or 1) == 1:
        return reading.best(1, maximize=maximize)
    check_earlier(reading)
    front, sign = ParetoFront(), 1.0 if maximize else -1.0
    for trial_id, text in reading.connection.execute(_several):
        front.add(tuple([sign * one for one in read_rewards(reading.path, trial_id, text)]), trial_id)
    found = [reading.find_trial(member.item) for member in front]
    return [trial for trial in found if trial is not None]


def execute(connection: sa.Connection, statement: sa.Executable, values: Mapping[str, Any]) -> Any:
    """Executes a statement that is built once, for every trial; returns a result with ``fetchone`` and ``rowcount``.

    SQLAlchemy compiles it once.  On SQLite the driver then executes it directly, at a tenth of the cost.  Values are None,
    numbers and text.
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


def _read_algorithm(text: str) -> dict[str, Any]:
    found = read_json(text)
    if not (
        isinstance(found, dict)
        and isinstance(found.get("name"), str)
        and isinstance(found.get("options"), dict)
    ):
        raise LoadError("its algorithm is not a name with options")
    return found
