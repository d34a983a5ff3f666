"""A row that is not as it was written is found: in every table and column, and on both databases."""

from __future__ import annotations

import random

import pytest

from pliant.algorithms import Random
from pliant.algorithms.fidelity import MedianStopping
from pliant.space import choice, flatten, integer
from pliant.study import Study
from pliant.study.store.tables import DIGESTED, metadata
from pliant.values.errors import StudyError

SPACE = flatten([choice("op", 3), integer("n", 1, 9)])
ROWS = {
    "study": "the row of its settings",
    "trials": "trial 1",
    "events": "event 1",
    "states": "the state after event ",
    "priors": "prior result 8",
    "queue": "enqueued decisions 1",
    "journal": "journal line 1",
}
KEYS = {"trials": "id = 1", "events": "seq = 1", "priors": "seq = 8", "queue": "id = 1", "journal": "id = 1"}


def fill(place, name="study"):
    with Study.create(place, SPACE, Random(), trials=9, name=name) as study:
        study.tell(study.ask(worker="w").id, (0.5, 2), metrics={"latency": 3, "size": -0.0})
        study.report(study.ask().id, -0.0, step=-0.0, metrics={"loss": 1e-310})
        study.tell(2, (1.5, -0.0))
        study.fail(study.ask().id, "no \N{SNOWMAN}")
        for decisions in ([0, 3], [1, 4]):
            study.enqueue(decisions, "by hand")
        study.note(1, "a line")
    return place


def find_other(column):
    """Returns SQL that gives another value of a column, of the same type."""
    kind, name = str(column.type), column.name
    if kind == "TEXT":
        return f"COALESCE({name} || ' ', 'x')"
    return f"NOT COALESCE({name}, FALSE)" if kind == "BOOLEAN" else f"COALESCE({name}, 0) + 1"


CHANGES = [
    (table, name)
    for table, columns in DIGESTED.items()
    for name in columns
    if table in metadata.tables
    and (table, name)
    not in {("trials", "id"), ("events", "seq"), ("events", "trial"), ("states", "seq"), ("priors", "seq")}
]


@pytest.fixture
def filled(make_place):
    place = fill(make_place("a"))
    other = fill(make_place("b"))
    with Study.open(place, SPACE, Random()) as study:
        study.learn_from(other)
    return place


@pytest.mark.parametrize("table", [name for name in DIGESTED if name in metadata.tables])
def test_each_column_of_a_row_is_in_its_digest(filled, execute, table):
    """The number of a queue entry and of a journal line, which the database gives, are only an order."""
    where = f" WHERE {KEYS[table]}" if table in KEYS else ""
    for name in [name for of, name in CHANGES if of == table]:
        column = metadata.tables[table].columns[name]
        before = execute(filled, f"SELECT {name} FROM {table}{where}")
        execute(filled, f"UPDATE {table} SET {name} = {find_other(column)}{where}")
        assert execute(filled, f"SELECT {name} FROM {table}{where}") != before
        for given in ((), (SPACE, Random())):
            with pytest.raises(
                StudyError, match=f"is damaged.*{ROWS[table]}.* does not agree with its digest"
            ):
                Study.open(filled, *given)
        value = before[0][0]
        quoted = "'" + str(value).replace("'", "''") + "'" if isinstance(value, str) else str(value)
        restored = {"None": "NULL", "True": "TRUE", "False": "FALSE"}.get(quoted, quoted)
        execute(filled, f"UPDATE {table} SET {name} = {restored}{where}")
        Study.open(filled, SPACE).close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE trials SET reward = 0.6 WHERE id = 1",
        "UPDATE trials SET digest = NULL WHERE id = 1",
        "UPDATE trials SET digest = (SELECT digest FROM trials WHERE id = 2) WHERE id = 1",
        "UPDATE trials SET decisions = '[2,9]' WHERE id = 1",
    ],
)
def test_a_row_that_changes_while_a_reader_is_open(place, execute, statement):
    """Each row is checked when it is read, not only when the study is opened."""
    fill(place)
    with Study.open(place) as study:
        assert [trial.id for trial in study.trials()] == [1, 2, 3]
        execute(place, statement)
        for read in (
            lambda: list(study.trials()),
            lambda: study.trial(1),
            lambda: list(study.trials("completed")),
        ):
            with pytest.raises(StudyError, match="trial 1 does not agree with its digest"):
                read()
        assert study.trial(3).status == "failed"


def test_reports_that_change_while_a_reader_is_open(place, execute):
    fill(place)
    with Study.open(place) as study:
        execute(place, "UPDATE events SET reward = 7 WHERE kind = 'report'")
        with pytest.raises(StudyError, match="event 4 does not agree with its digest"):
            study.trial(2)


def test_a_queue_that_changes_while_a_writer_is_open(place, execute):
    fill(place)
    with Study.open(place, SPACE, Random()) as study:
        execute(place, "UPDATE queue SET decisions = '[0,4]' WHERE id = 1")
        with pytest.raises(StudyError, match="enqueued decisions 1 does not agree with its digest"):
            study.ask()


def test_an_event_that_is_missing(place, execute):
    with Study.create(place, SPACE, Random()) as study:
        for _ in range(3):
            study.tell(study.ask().id, 0.5)
        study._loop._learner._events = 0  # no snapshot is written at the end
    execute(place, "DELETE FROM events WHERE seq = 3")
    with pytest.raises(StudyError, match=r"event 3 is missing"):
        Study.open(place, SPACE, Random()).ask()


def test_numbers_that_databases_store_in_another_way_are_sound(place):
    """A negative zero, a tiny number, booleans of reports, whole numbers in columns of floats."""
    fill(place)
    with Study.open(place, SPACE, Random()) as study:
        assert study.trial(2).rewards == (1.5, 0.0)
        assert study.trial(1).metrics == {"latency": 3.0, "size": 0.0}
        assert study.trial(2).reports[0].metrics == {"loss": 1e-310}


def read_all(path):
    with Study.open(path, SPACE) as study:
        return list(study.trials()), study.journal(), study.counts(), study.front()


def test_flipped_bits_anywhere_in_the_file(path):
    """The study is refused, or what it says is true."""
    fill(path)
    before, whole = read_all(path), path.read_bytes()
    draw, refused = random.Random(0), 0
    used = [at for at, byte in enumerate(whole) if byte]
    for _ in range(250):
        at, bit = draw.choice(used), draw.randrange(8)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
        try:
            assert read_all(path) == before
        except StudyError:
            refused += 1
    assert refused > 120


def test_the_trials_that_were_stopped_early(place, execute):
    """They have a reward, and a status of their own: in counts, filters and tables."""
    from pliant.study.export import to_csv, to_rows, trial_to_json

    with Study.create(place, SPACE, MedianStopping(Random(), min_trials=2), trials=6) as study:
        while trial := study.ask():
            study.report(trial.id, -trial.id, step=1)
            study.tell(trial.id, -trial.id)
        stopped = [trial.id for trial in study.trials() if trial.should_stop]
        assert 0 < len(stopped) < 6
        assert [trial.id for trial in study.trials("stopped")] == stopped
        assert study.counts() == {
            "running": 0,
            "completed": 6 - len(stopped),
            "stopped": len(stopped),
            "failed": 0,
        }
        assert {study.trial(one).cause for one in stopped} == {"stopped"}
        assert [row["id"] for row in to_rows(study) if row["status"] == "stopped"] == stopped
        assert to_csv(study).count(",stopped,") >= len(stopped)
        assert trial_to_json(study.trial(stopped[0]))["status"] == "stopped"
        assert study.latest(study.trial(stopped[0]).decisions).id == stopped[0]


def test_the_digest_stays_the_same_in_later_versions(place, execute):
    fill(place)
    assert execute(place, "SELECT digest FROM queue ORDER BY id") == [
        ("05382685c07569b3",),
        ("72a9da22e1484f8d",),
    ]
