"""F19: studies of version 1 of the format go on exactly; readers change nothing; a crash leaves version 1 as it was."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import pliant
from pliant.algorithms import Random, RegularizedEvolution
from pliant.space import choice, flatten, integer
from pliant.study import Study
from pliant.study.store import migrate, sqlite
from pliant.values.errors import SpaceChangedError, StudyError

# Made by the last code that wrote version 1: 12 trials of a search, of which two were running when it was killed.
OLD = Path(__file__).parent / "data" / "version1.sql"
SPACE = flatten([choice("op", [choice("k", 3), None, integer("n", 1, 40)]), choice("b", 3, values=[1, 2, 4])])


def make():
    return RegularizedEvolution(4, 2, seed=3)


@pytest.fixture
def old(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(OLD.read_text("utf-8"))
    return path


def dump(path):
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def told_alone(path):
    """The algorithm, in one process, told what the record says."""
    alone = make()
    alone.setup(SPACE)
    with closing(sqlite3.connect(path)) as connection:
        events = connection.execute(
            "SELECT kind, trial, step, reward FROM events WHERE seq <= 26 ORDER BY seq"
        ).fetchall()
        rewards = dict(connection.execute("SELECT id, reward FROM trials").fetchall())
    proposed = {}
    for kind, trial, step, reward in events:
        if kind == "ask":
            proposed[trial] = alone.propose()
        elif kind == "report":
            alone.report(proposed[trial], -reward, step=step)
        else:
            alone.feedback(proposed[trial], None if rewards[trial] is None else -rewards[trial])
    return alone, proposed


def test_it_goes_on_exactly(old):
    alone, proposed = told_alone(old)
    with Study.open(old, SPACE, make()) as study:
        assert study.info().schema_version == 2
        assert {trial.id: trial.decisions for trial in study.trials()} == proposed
        assert [study.ask().id, study.ask().id] == [11, 12]  # what was running comes again first
        for trial_id in (12, 11):
            study.tell(trial_id, 1.0, metrics={"latency": 3})
            alone.feedback(proposed[trial_id], -1.0)
        while trial := study.ask():
            reward = float(sum(trial.decisions.values))
            assert trial.decisions == alone.propose()
            study.tell(trial.id, reward)
            alone.feedback(trial.decisions, -reward)
        assert study.counts() == {"running": 0, "completed": 39, "failed": 1}
        assert study.trial(5).reason == "out of memory"
        assert study.trial(1).reports[0].step == 1.0
        assert (study.trial(1).worker, study.trial(1).metrics, study.constraints) == (None, {}, ())
    with Study.open(old, SPACE, make()) as study:
        assert study.trial(12).metrics == {"latency": 3.0}


def test_everything_new_works_in_it(old):
    with Study.open(old, SPACE, make()) as study:
        study.put_back(study.ask(worker="a").id, "gone")
        study.enqueue([1, 0], "by hand")
        assert len(study.journal()) == 1
        study.learn_from(study)
        assert [study.ask().id for _ in range(3)] == [12, 11, 13]
        assert study.trial(13).origin == "enqueued: by hand"


def test_a_reader_sees_a_copy_of_the_present_version_and_changes_nothing(old):
    before = old.read_bytes()
    with Study.open(old, SPACE) as study:
        assert study.counts() == {"running": 2, "completed": 9, "failed": 1}
        assert study.best()[0].id == 9
        assert study.journal() == []
        assert study.info().queued == 0
        assert [trial.metrics for trial in study.trials()] == [{}] * 12
        with pytest.raises(
            StudyError,
            match=r"is of version 1 of the format, and is brought up to date when its search goes on: do",
        ):
            study.enqueue([1, 0])
    assert old.read_bytes() == before
    assert not list(old.parent.glob("*-wal"))


def test_a_migrated_study_is_like_a_new_one(old, tmp_path):
    Study.open(old, SPACE, make()).close()
    Study.create(tmp_path / "new.db", SPACE, make()).close()

    def columns(path):
        with closing(sqlite3.connect(path)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            return {
                name: sorted(
                    connection.execute(f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{name}')")
                )
                for (name,) in names.fetchall()
            }

    assert columns(old) == columns(tmp_path / "new.db")


def test_an_old_study_of_another_space_stays_old(old):
    before = dump(old)
    for step in (
        lambda: Study.open(old, flatten([choice("a", 2)]), Random()),
        lambda: Study.open_or_create(old, flatten([choice("a", 2)]), Random()),
    ):
        with pytest.raises(SpaceChangedError, match="searches another space"):
            step()
    assert dump(old)[-1] == before[-1]


def test_an_old_study_that_lacks_a_table(old):
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("DROP TABLE states")
    with pytest.raises(StudyError, match=r"is damaged, .* it lacks the tables \['states'\]"):
        Study.open(old, SPACE, make())


# --- a crash in the middle ---------------------------------------------------------------------------------


STATEMENTS = sum(len(columns) for columns in migrate.ADDED.values()) + 3 + 1  # columns, tables, the version


@pytest.mark.parametrize("at", range(STATEMENTS))
def test_an_error_in_the_middle_leaves_version_1(old, at, monkeypatch):
    before = dump(old)
    count = 0

    def fail(connection, cursor, statement, *rest):
        nonlocal count
        if statement.strip().startswith(("ALTER", "CREATE", "UPDATE pliant_schema")):
            count += 1
            if count == at + 1:
                raise sqlite3.OperationalError("disk I/O error")

    make_engine = sqlite._make_engine

    def make_failing(*arguments, **options):
        engine = make_engine(*arguments, **options)
        sqlite.sa.event.listen(engine, "before_cursor_execute", fail)
        return engine

    monkeypatch.setattr(sqlite, "_make_engine", make_failing)
    with pytest.raises(StudyError, match="the disk reports an error"):
        Study.open(old, SPACE, make())
    monkeypatch.undo()
    assert dump(old) == before
    with Study.open(old) as study:
        assert study.counts()["completed"] == 9
    with Study.open(old, SPACE, make()) as study:
        assert study.ask().id == 11


PROGRAM = """
import os, sys
from pliant.algorithms import RegularizedEvolution
from pliant.study import Study, migrate, sqlite

def kill(connection, cursor, statement, *rest):
    if statement.startswith("UPDATE pliant_schema"):
        os.kill(os.getpid(), 9)

make_engine = sqlite._make_engine

def make(*arguments, **options):
    engine = make_engine(*arguments, **options)
    sqlite.sa.event.listen(engine, "after_cursor_execute", kill)
    return engine

sqlite._make_engine = make
Study.open(sys.argv[1], None, RegularizedEvolution(4, 2, seed=3))
"""


def test_a_process_that_is_killed_before_the_commit_leaves_version_1(old):
    before = dump(old)
    paths = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(old)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert dump(old) == before
    alone, proposed = told_alone(old)
    with Study.open(old, SPACE, make()) as study:
        assert {trial.id: trial.decisions for trial in study.trials()} == proposed
        assert [study.ask().id for _ in range(3)] == [11, 12, 13]
        assert study.trial(13).decisions == alone.propose()


# --- on a server -------------------------------------------------------------------------------------------


def test_on_a_server(server, execute):
    """No version 1 was ever written there; its migration is the same, so it is made by taking version 2 back."""
    place = server()
    with Study.create(place, SPACE, make(), trials=9) as study:
        study.tell(study.ask().id, 0.5)
    for table, columns in migrate.ADDED.items():
        for column in columns:
            execute(place, f"ALTER TABLE {table} DROP COLUMN {column.name}")
    for table in ("priors", "queue", "journal"):
        execute(place, f"DROP TABLE {table}")
    execute(place, "UPDATE pliant_schema SET version = 1")
    with pytest.raises(
        StudyError, match=r"is of version 1 of the format, and is brought up to date when its"
    ):
        Study.open(place)
    with Study.open(place, SPACE, make()) as study:
        study.enqueue([1, 0])
        study.tell(study.ask().id, 0.5, metrics={"a": 1})
        assert study.info().schema_version == 2
    with Study.open(place) as study:
        assert study.trial(2).metrics == {"a": 1.0}
