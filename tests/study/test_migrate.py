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
from pliant.algorithms import MedianStopping, Random, RegularizedEvolution
from pliant.space import choice, flatten, integer
from pliant.study import Study
from pliant.study.pause import pause_search
from pliant.study.store import migrate, rows, sqlite
from pliant.values.errors import SpaceChangedError, StudyChangedError, StudyError

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


TEXT = '{"name": "Evolution", "options": {"reproduce": "Tournament(size=2, count=1) >> Mutate(times=1)", "seed": "3"}}'


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
        assert study.info().schema_version == 4
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
        assert study.counts() == {"running": 0, "completed": 39, "stopped": 0, "failed": 1}
        assert study.trial(5).reason == "out of memory"
        assert study.trial(1).reports[0].step == 1.0
        assert (study.trial(1).worker, study.trial(1).metrics, study.constraints) == (None, {}, ())
    with Study.open(old, SPACE, make()) as study:
        assert study.trial(12).metrics == {"latency": 3.0}


def test_everything_new_works_in_it(old):
    with Study.open(old, SPACE, make()) as study:
        study.put_back(study.ask(worker="a").id, "gone")
        study.enqueue([1, 0], "by hand")
        assert len(study.journal()) == 2  # of the process that ran it before, and of the one that put it back
        study.learn_from(study)
        assert [study.ask().id for _ in range(3)] == [12, 11, 13]
        assert study.trial(13).origin == "enqueued: by hand"


def test_a_reader_sees_a_copy_of_the_present_version_and_changes_nothing(old):
    before = old.read_bytes()
    with Study.open(old, SPACE) as study:
        assert study.counts() == {"running": 2, "completed": 9, "stopped": 0, "failed": 1}
        assert study.best()[0].id == 9
        assert study.journal() == []
        assert study.info().queued == 0
        assert [trial.metrics for trial in study.trials()] == [{}] * 12
        with pytest.raises(
            StudyError,
            match=r"has version 1 of the format\. Upgrade it first: continue its search",
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
    before = old.read_bytes()
    for step in (
        lambda: Study.open(old, flatten([choice("a", 2)]), Random()),
        lambda: Study.open_or_create(old, flatten([choice("a", 2)]), Random()),
    ):
        with pytest.raises(SpaceChangedError, match="searches another space"):
            step()
    with pytest.raises(StudyChangedError, match="population_size=4 against 5"):
        Study.open(old, SPACE, RegularizedEvolution(5, 2, seed=3))
    assert old.read_bytes() == before


def test_an_old_study_that_lacks_a_table(old):
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("DROP TABLE states")
    with pytest.raises(StudyError, match=r"is damaged, .* it lacks the tables \['states'\]"):
        Study.open(old, SPACE, make())


# --- version 2 ---------------------------------------------------------------------------------------------


def make_second():
    return MedianStopping(RegularizedEvolution(4, 2, seed=3), min_trials=2)


@pytest.fixture
def second(path):
    """Made by the last code that wrote version 2, with all kinds of trials; two were running when it was killed."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((OLD.parent / "version2.sql").read_text("utf-8"))
    return path


CAUSES = {
    3: "error",
    5: "skipped",
    6: "lost",
    7: "timeout",
    9: "reward",
    11: "constraint",
    14: "stopped",
    16: "constraint",
    18: "stopped",
    22: "stopped",  # a copy of 14
    27: "stopped",
}
COPIES = {8: 1, 10: 1, 12: 2, 15: 2, 17: 4, 20: 1, 22: 14, 24: 2, 25: 1, 26: 19, 28: 2}


def check_second(study):
    trials = list(study.trials())
    assert {trial.id: trial.cause for trial in trials if trial.cause} == CAUSES
    assert {trial.id: trial.copied_from for trial in trials if trial.copied_from} == COPIES
    stopped = [number for number, cause in CAUSES.items() if cause == "stopped"]
    assert [trial.id for trial in study.trials("stopped")] == stopped
    assert study.counts()["stopped"] == len(stopped)
    assert all(trial.reward is not None for trial in study.trials("stopped"))
    assert {trial.id: trial.origin for trial in trials if trial.origin} == {
        1: "enqueued: by hand",
        2: "enqueued",
    }
    assert study.info().schema_version == 4
    assert study.info().description["options"]["algorithm"]["options"]["population_size"] == 4


def test_version_2_is_read_as_a_copy(second):
    before = second.read_bytes()
    with Study.open(second, SPACE) as study:
        check_second(study)
        assert study.info().holder.startswith("process 2")
    assert second.read_bytes() == before


def test_version_2_continues_exactly(second):
    with pytest.raises(
        StudyChangedError, match=r"min_trials=2 against 3\.\n  in the study: MedianStopping\("
    ):
        Study.open(second, SPACE, MedianStopping(RegularizedEvolution(4, 2, seed=3), min_trials=3))
    with Study.open_or_create(
        second, SPACE, make_second(), seed=5, constraints=["latency <= 10"], reuse=True
    ) as study:
        check_second(study)
        assert [study.ask().id, study.ask().id] == [29, 30]
        study.tell(29, 1.0, metrics={"latency": 3})
        while study.ask() is not None:
            pass
        copies = [trial for trial in study.trials() if trial.id > 30 and trial.copied_from is not None]
        assert all(trial.decisions == study.trial(trial.copied_from).decisions for trial in copies)
    with Study.open(second, SPACE, make_second()) as study:  # replays all of it
        assert study.trial(29).reward == 1.0


# --- version 3 ---------------------------------------------------------------------------------------------


def make_third(path):
    """Writes a study as version 3 had it: without the column of a pause."""
    with Study.create(path, SPACE, make(), trials=9) as study:
        study.tell(study.ask().id, 0.5)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE study DROP COLUMN paused")
        row = connection.execute("SELECT * FROM study").fetchone()
        digest = rows.make_digest("study", row[:-1])
        connection.execute("UPDATE study SET digest = ?", (digest,))
        connection.execute("UPDATE pliant_schema SET version = 3")


def test_version_3_continues(path):
    make_third(path)
    with Study.open(path, SPACE) as study:  # as a copy
        assert (study.info().paused, study.counts()["completed"]) == (None, 1)
    with Study.open(path, SPACE, make()) as study:
        pause_search(study)
    with Study.open(path, SPACE, make()) as study:  # checks the digests of all rows
        assert (study.ask(), study.info().schema_version) == (None, 4)


@pytest.mark.parametrize(
    ("change", "row"),
    [("study SET budget = 99", "the row of its settings"), ("trials SET reward = 9", "trial 1")],
)
def test_changed_rows_of_version_3_are_found(path, change, row):
    make_third(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE {change}")
    with pytest.raises(StudyError, match=f"{row} does not agree with its digest"):
        Study.open(path, SPACE, make())


# --- a crash in the middle ---------------------------------------------------------------------------------


STATEMENTS = (
    sum(len(columns) for added in migrate.ADDED.values() for columns in added.values()) + 1
)  # columns and the version; three tables are made with their digests


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
from pliant.study import Study
from pliant.study.store import sqlite

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
    """Version 1 was never written there; its migration is the same, so that the present version is reduced to it."""
    place = server()
    with Study.create(place, SPACE, make(), trials=9) as study:
        study.tell(study.ask().id, 0.5)
    for added in migrate.ADDED.values():
        for table, columns in added.items():
            for column in columns if table not in ("priors", "queue", "journal") else ():
                execute(place, f"ALTER TABLE {table} DROP COLUMN {column.name}")
    for table in ("priors", "queue", "journal"):
        execute(place, f"DROP TABLE {table}")
    execute(place, "UPDATE pliant_schema SET version = 1")
    execute(
        place,
        f"UPDATE study SET algorithm = '{TEXT}', holder = 'process 3 on pc, since 2026-01-01T00:00:00.000+00:00'",
    )
    with pytest.raises(StudyError, match=r"has version 1 of the format\. Upgrade it first"):
        Study.open(place)
    with Study.open(place, SPACE, make()) as study:
        study.enqueue([1, 0])
        study.tell(study.ask().id, 0.5, metrics={"a": 1})
        assert study.info().schema_version == 4
    with Study.open(place) as study:
        assert study.trial(2).metrics == {"a": 1.0}
