"""Files that are no sound study, and processes that get in each other's way: a lesson each, and no harm."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import sys

import pytest

import pliant as pg
from pliant.algorithms import Random
from pliant.study import Study
from pliant.study.store import sqlite
from pliant.values.errors import FieldTypeError, StudyError


@pytest.fixture
def study(path, space):
    with Study.create(path, space, Random(), trials=9) as study:
        yield study


def make(path, space, count=3):
    with Study.create(path, space, Random()) as study:
        for _ in range(count):
            study.tell(study.ask().id, 0.5)


def test_no_file(path, tmp_path):
    with pytest.raises(StudyError, match=r"no study found at '.*study\.db'\. Make one with Study\.create"):
        Study.open(path)
    (tmp_path / "stud.db").touch()
    with pytest.raises(StudyError, match=r"no study found at '.*study\.db'; did you mean 'stud\.db'\?"):
        Study.open(path)
    assert not path.exists()


def test_a_study_is_not_overwritten(path, space):
    make(path, space)
    with pytest.raises(
        StudyError, match=r"there is already a database at '.*Study\.open_or_create; for a new study"
    ):
        Study.create(path, space, Random())
    with Study.open(path) as study:
        assert study.counts()["completed"] == 3


@pytest.mark.parametrize("path", ["mysql://localhost/a", "sqlite:///a.db", ":memory:", ""])
def test_address_that_is_no_file(path, space):
    for opens in (Study.create, Study.open, Study.open_or_create):
        with pytest.raises(
            StudyError, match=r"a study is kept in a file; '.*' is not the path of one\. Give a path, such as"
        ):
            opens(path, space, Random())


def test_folder(tmp_path, space):
    for opens in (Study.create, Study.open, Study.open_or_create):
        with pytest.raises(StudyError, match=r"is a folder; name a file in it, such as '.*study\.db'"):
            opens(tmp_path, space, Random())


@pytest.mark.parametrize("path", [5, None, b"a.db", ["a.db"]])
def test_what_is_no_path(path, space):
    for opens in (Study.create, Study.open, Study.open_or_create):
        with pytest.raises(
            FieldTypeError, match=r"by the path of its file, such as 'studies/digits\.db'; got .* of type"
        ):
            opens(path, space, Random())


def test_a_loop_over_what_is_no_path():
    with pytest.raises(FieldTypeError, match=r"by the path of its file.* got 5 of type int"):
        list(pg.sample(pg.Dict(x=pg.intv(1, 9)), Random(), study=5))


def test_folder_that_is_not_there(tmp_path, space):
    with pytest.raises(StudyError, match=r"no/a\.db' cannot be opened\. Check that its folder exists"):
        Study.create(tmp_path / "no" / "a.db", space, Random())


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that not even root may write")
def test_folder_that_cannot_be_written(space):
    with pytest.raises(
        StudyError, match=r"'/proc/a\.db' cannot be opened\. .*that you may read and write there"
    ):
        Study.create("/proc/a.db", space, Random())


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs files in /proc")
def test_reading_where_nothing_can_be_written(path, space):
    make(path, space)
    with open(path, "rb") as file, Study.open(f"/proc/self/fd/{file.fileno()}") as study:
        assert study.counts()["completed"] == 3


@pytest.mark.parametrize("lines", [1, 20, 50, 5000])
def test_file_that_is_no_database(path, space, lines):
    path.write_text("id,reward\n1,0.5\n" * lines)
    before = path.read_bytes()
    for opens in (Study.create, Study.open, Study.open_or_create):
        with pytest.raises(
            StudyError, match=r"is not an SQLite database, so it is not a study\. Give the path"
        ):
            opens(path, space, Random())
    assert path.read_bytes() == before


def test_database_that_is_no_study(path, space, tmp_path, execute):
    execute(path, "CREATE TABLE photos (id)")
    with pytest.raises(StudyError, match=r"is not a study, but a database with the tables \['photos'\]"):
        Study.open(path, space, Random())
    with pytest.raises(StudyError, match=r"is not a study, but a database"):
        Study.open_or_create(path, space, Random())
    with pytest.raises(StudyError, match=r"there is already a database at '"):
        Study.create(tmp_path / "study.db", space, Random())


def test_empty_file(path):
    path.touch()
    with pytest.raises(
        StudyError, match=r"is an empty file, not a study: it was cut off, or its creation was interrupted"
    ):
        Study.open(path)


def test_newer_version(path, space, execute):
    make(path, space)
    execute(path, "UPDATE pliant_schema SET version = 99")
    for algorithm in (None, Random()):
        with pytest.raises(
            StudyError,
            match=r"version 99 of the format, by a newer Pliant; this one knows version 4\. Upgrade",
        ):
            Study.open(path, space, algorithm)


def test_truncated_file(path, space, tmp_path):
    """At every page, in the middle of one, and in the header: a lesson, never a wrong study."""
    make(path, space, 150)
    whole = path.read_bytes()
    cuts = [1, 15, 99, 100, 511, 4095, *range(4096, len(whole), 4096), len(whole) - 1, len(whole) - 2000]
    for cut in cuts:
        file = tmp_path / f"{cut}.db"
        file.write_bytes(whole[:cut])
        with pytest.raises(
            StudyError, match=r"is damaged: it was cut off|is not an SQLite database|is damaged, or was"
        ):
            Study.open(file)
        with pytest.raises(StudyError, match=r"damaged|not an SQLite"):
            Study.open_or_create(file, space, Random())
        assert file.stat().st_size == cut


def test_log_cut_anywhere(path, space, tmp_path):
    """Loss of power in the middle of a write: what was committed before is there, and the search goes on."""
    alone = Random()
    alone.setup(space)
    expected = [alone.propose() for _ in range(12)]
    copy = tmp_path / "copy.db"
    with Study.create(path, space, Random()) as study:
        for _ in range(3):
            study.tell(study.ask().id, 0.5)
        start = os.path.getsize(f"{path}-wal")
        for _ in range(3):
            study.tell(study.ask().id, 0.5)
        log = (tmp_path / "study.db-wal").read_bytes()
        draw = random.Random(0)
        for cut in [start, len(log), *(draw.randrange(start, len(log)) for _ in range(40))]:
            shutil.copy(path, copy)
            (tmp_path / "copy.db-mark").unlink(missing_ok=True)
            (tmp_path / "copy.db-wal").write_bytes(log[:cut])
            with Study.open(copy, space, Random()) as again:
                told = again.counts()["completed"]
                assert 3 <= told <= 6
                asked = [again.ask() for _ in range(3)]
                assert [trial.id for trial in asked] == list(range(told + 1, told + 4))
                assert [trial.decisions for trial in again.trials()] == expected[: told + 3]


DAMAGES = {
    "settings": ("DELETE FROM study", "it has no settings"),
    "space": ("UPDATE study SET space = substr(space, 1, 50)", "the text of a space is cut off or damaged"),
    "algorithm": ("UPDATE study SET algorithm = '{'", "Expecting"),
    "decisions": (
        "UPDATE trials SET decisions = '[7]' WHERE id = 2",
        r"trial 2: the decision at path 'op'.*allowed: 0\.\.2",
    ),
    "no list": (
        "UPDATE trials SET decisions = 'import os' WHERE id = 2",
        "trial 2: the text of decisions is cut off",
    ),
    "state": ("UPDATE states SET state = '{\"a\": 1}'", "the stored state of Random is damaged: .*lacks"),
    "text of the state": (
        "UPDATE states SET state = substr(state, 1, 90)",
        "the stored state of Random is damaged",
    ),
    "no state": ("DELETE FROM states", "the algorithm's state is missing"),
    "table": ("DROP TABLE events", r"it lacks the tables \['events'\]"),
    "column": ("ALTER TABLE study RENAME COLUMN budget TO b", "lacks a column that every study has"),
}


@pytest.mark.parametrize(("statement", "message"), DAMAGES.values(), ids=DAMAGES)
def test_damage(path, space, statement, message, change, execute):
    """Where the digest is right, as of a program that knows it, what is read is checked as well."""
    make(path, space)
    (execute if statement.startswith(("DROP", "ALTER")) else change)(path, statement)
    with pytest.raises(StudyError, match=message), Study.open(path, space, Random()) as study:
        list(study.trials())


# --- one writer --------------------------------------------------------------------------------------------


def test_second_writer_in_one_process_is_refused(path, space, study, monkeypatch):
    monkeypatch.setattr("pliant.study.store.lock.WAIT_SECONDS", 0.01)
    message = (
        rf"is already open for writing in this process \(process {os.getpid()} on .*, since 2.*close it first"
    )
    for opens in (Study.create, Study.open, Study.open_or_create):
        with pytest.raises(StudyError, match=message):
            opens(path, space, Random())
    with Study.open(path) as reader:
        assert reader.info().holder
    study.ask()
    study.close()
    with Study.open(path, space, Random()) as second:
        assert second.ask().id == 1


@pytest.mark.parametrize("in_a_cycle", [False, True])
def test_a_study_that_is_let_go_is_free(path, space, in_a_cycle):
    study = Study.create(path, space, Random())
    study.ask()
    if in_a_cycle:
        study.itself = study
    del study
    with Study.open(path, space, Random()) as again:
        assert again.ask().attempts == 2


def test_another_program_locks_the_file(path, space, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.01)
    with Study.create(path, space, Random()) as study:
        study.ask()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StudyError, match=r"was locked by another program for the whole time"):
            study.tell(1, 0.5)
        other.execute("ROLLBACK")
        other.close()
        study.tell(1, 0.5)


def test_another_program_writes_our_tables(path, space, study, execute):
    study.ask()
    execute(path, "INSERT INTO events (seq, kind, trial) VALUES (2, 'tell', 1)")
    with pytest.raises(
        StudyError, match=r"another program changed '.*' between two steps.*Only one process writes"
    ):
        study.tell(1, 0.5)


def test_reading_changes_nothing(path, space):
    make(path, space)
    before = path.read_bytes()
    with Study.open(path, space) as study:
        for write in (study.ask, lambda: study.tell(1, 0.5), lambda: study.fail(1, "why")):
            with pytest.raises(
                StudyError,
                match=r"is open for reading only\. To continue it, pass its algorithm: Study\.open",
            ):
                write()
    with pytest.raises(
        StudyError, match=r"open for reading keeps its number of trials; got trials=9\. Pass the algorithm"
    ):
        Study.open(path, trials=9)
    assert path.read_bytes() == before
    assert not path.with_name("study.db-wal").exists()


def test_closed(study):
    study.close()
    study.close()
    for use in (study.ask, study.counts, study.info, lambda: list(study.trials()), lambda: study.is_complete):
        with pytest.raises(StudyError, match=r"the study '.*' is closed; open it again with Study\.open"):
            use()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_fork(study, monkeypatch):
    study.ask()
    monkeypatch.setattr(os, "getpid", lambda: 1)
    for use in (study.ask, study.counts):
        with pytest.raises(
            StudyError, match=r"was opened by process \d+; a fork of that process cannot use it"
        ):
            use()
    study.close()  # leaves the files of the parent alone
    monkeypatch.undo()
    assert study.counts()["running"] == 1
    study._store.close()  # in the parent, which has closed nothing yet


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="makes links of another user")
@pytest.mark.parametrize("name", ["study.db", "study.db-lock"])
def test_links_of_others_in_a_folder_of_all_users(tmp_path, space, name):
    """Nothing is made where they lead; in an own folder, as the message says, the study is made."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / name).symlink_to(tmp_path / "victim")
    os.chown(shared / name, 54321, 54321, follow_symlinks=False)
    with pytest.raises(
        StudyError,
        match=r"study\.db' cannot be written: .* was made by another user in a folder that all users may",
    ):
        Study.create(shared / "study.db", space, Random())
    assert not (tmp_path / "victim").exists()
    make(tmp_path / "study.db", space)
