"""Statements that give a study another space: its trials, its queue and what it learned elsewhere are mapped or kept as they were.

A trial that does not fit keeps its decisions, with the number of its space in the table ``spaces``, which is made by the first change.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from pliant.space import Decisions
from pliant.values.errors import StudyError

from ..trials.learner import Reward
from ..trials.trial import Trial
from .reading import Reading, execute
from .record import Record
from .rows import read_decisions, read_rewards, seal, to_old_text, to_text, trial_to_row
from .tables import history, priors, spaces, states, study, trials

Mapped = Callable[[Decisions], Decisions | None]  # to the new space; None for decisions that do not fit

_space = sa.select(study.c.space)
_redecide = sa.update(trials).where(trials.c.id == sa.bindparam("key"))
_add_state = sa.insert(states)


def check_space(reading: Reading) -> None:
    """Checks that the space of a study is still the one that it had when this was called first.

    Raises:
      StudyError: another process changed it.
    """
    row = execute(reading.connection, _space, {}).fetchone()
    text = None if row is None else row[0]
    if reading.space_text is None:
        reading.space_text = text
    if text != reading.space_text:
        raise StudyError(
            f"another process changed the space of {str(reading.path)!r}. Open the study again to read it."
        )


def write_space(record: Record, text: str) -> int:
    """Writes the new space, as JSON; returns the number under which the present one is kept."""
    history.create_all(record.connection, tables=[spaces])
    present = record.connection.execute(_space).scalar_one()
    number = int(record.connection.execute(sa.select(sa.func.count()).select_from(spaces)).scalar_one()) + 1
    record.connection.execute(sa.insert(spaces), seal("spaces", {"number": number, "space": present}))
    record.change_settings(space=text, exhausted=False)
    return number


def write_decisions(record: Record, trial: Trial, number: int | None) -> None:
    """Writes the decisions of a trial: those of the new space, or with ``number`` those of the earlier space of this number."""
    row = trial_to_row(trial)
    if number is not None:
        row = seal("trials", {**row, "decisions": to_old_text(trial.decisions, number)})
    values = {"key": trial.id, **{name: row[name] for name in ("decisions", "parent", "digest")}}
    record.connection.execute(_redecide, values)


def change_priors(record: Record, change: Mapped, number: int) -> list[tuple[Decisions, Reward]]:
    """Changes results of other studies as ``write_decisions`` changes trials; returns those that fit."""
    fit: list[tuple[Decisions, Reward]] = []
    for row in record.connection.execute(sa.select(priors).order_by(priors.c.seq)).all():
        if row.decisions.startswith("{"):  # of an earlier space
            continue
        decisions = read_decisions(record.path, record.space, row.seq, row.decisions)
        found = change(decisions)
        text = to_old_text(decisions, number) if found is None else to_text(found)
        values = seal("priors", {**row._mapping, "decisions": text})
        record.connection.execute(sa.update(priors).where(priors.c.seq == row.seq), values)
        if found is not None:
            several = None if row.rewards is None else read_rewards(record.path, row.seq, row.rewards)
            fit.append((found, row.reward if several is None else several))
    return fit


def change_queue(record: Record, change: Mapped) -> int:
    """Changes enqueued decisions; removes those that do not fit, and returns their number."""
    gone, waiting = 0, []
    while (taken := record.take_queued()) is not None:
        found = change(taken[0])
        if found is None:
            gone += 1
        else:
            waiting.append((found, taken[1]))
    for decisions, note in waiting:
        record.add_queued(decisions, note)
    return gone


def replace_state(record: Record, seq: int, state: str) -> None:
    """Writes a snapshot of another algorithm after event ``seq``, in place of all earlier ones."""
    record.connection.execute(sa.delete(states))
    record.connection.execute(_add_state, seal("states", {"seq": seq, "state": state}))
