"""All that is damaged is found, row by row, on both databases; copies are whole while a search runs."""

from __future__ import annotations

import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import pliant
from pliant.algorithms import Random
from pliant.cli.main import main
from pliant.space import choice, flatten, integer
from pliant.study import Study
from pliant.study.store.check import accept_loss, find_faults
from pliant.study.store.tables import DIGESTED, metadata
from pliant.values.errors import NoStudyError, StudyError, StudyInUseError

SPACE = flatten([choice("op", 3), integer("n", 1, 9)])
PATHS = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])


def fill(place, count=6):
    with Study.create(place, SPACE, Random(seed=1), trials=2000) as study:
        for number in range(count):
            study.report(study.ask().id, 0.25, step=1)
            study.tell(number + 1, number / 4, metrics={"latency": 3})
        study.enqueue([0, 3], "by hand")
        study.note(1, "a line")
    return place


def run(*command):
    return CliRunner().invoke(main, [*map(str, command)])


def test_a_sound_study(place):
    fill(place)
    assert find_faults(place) == []
    with Study.open(place, SPACE, Random(seed=1)) as study:  # also while it is written
        study.ask()
        assert find_faults(place) == []
    assert run("study", "check", place).output.endswith(": sound, 7 trials\n")


def test_every_damaged_row_is_listed(place, execute):
    fill(place)
    for statement in (
        "UPDATE trials SET reward = 7 WHERE id IN (2, 5)",
        "UPDATE events SET kind = 'ask' WHERE seq = 3",
        "UPDATE study SET name = 'other'",
        "UPDATE states SET digest = NULL",
        "UPDATE queue SET note = 'x'",
        "UPDATE journal SET text = 'x'",
    ):
        execute(place, statement)
    found = find_faults(place)
    rows = [
        "trial 2",
        "trial 5",
        "event 3",
        "the row of its settings",
        "enqueued decisions 1",
        "journal line 1",
    ]
    assert {row for row in rows if any(row in fault for fault in found)} == set(rows)
    assert any(fault.startswith("the state after event") for fault in found)
    assert len(found) == 7
    done = run("study", "check", place)
    assert done.exit_code == 1
    assert all(fault in done.output for fault in found)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM events WHERE seq = 4", "event 4 is missing"),
        ("DELETE FROM states", "the state of the algorithm is missing"),
        ("DELETE FROM study", "the row of its settings is missing"),
    ],
)
def test_rows_that_are_missing(place, execute, statement, fault):
    fill(place)
    execute(place, statement)
    assert fault in find_faults(place)


@pytest.mark.parametrize("number", [3, 6])
def test_trials_that_are_missing(path, number):
    fill(path)
    with sqlite3.connect(path) as connection:
        connection.execute(f"DELETE FROM trials WHERE id = {number}")
    connection.close()
    assert f"trial {number} is missing" in find_faults(path)


@pytest.mark.parametrize("value", ["x'00ff'", "'seven'", "CAST(x'ff41' AS TEXT)"])
@pytest.mark.parametrize("table", [name for name in DIGESTED if name in metadata.tables])
def test_values_of_another_type(path, execute, value, table):
    """Bytes in place of a number or a text, and a text that is not UTF-8: each row of them is listed."""
    fill(path)
    with Study.open(path, SPACE, Random(seed=1)) as study:
        study.learn_from(study)
    execute(path, f"UPDATE {table} SET {DIGESTED[table][-1]} = {value}")
    (count,) = execute(path, f"SELECT count(*) FROM {table}")[0]
    assert (
        sum(
            "does not agree with its digest" in fault or fault.startswith("NUMERIC")
            for fault in find_faults(path)
        )
        >= count
        > 0
    )
    with pytest.raises(StudyError, match="is damaged"):
        Study.open(path)


def test_the_message_about_damage_names_the_command(place, execute):
    """What the command lists is more than the message says."""
    fill(place)
    execute(place, "UPDATE trials SET reward = 7 WHERE id IN (2, 5)")
    with pytest.raises(StudyError, match=r"`pliant study check .*` lists all that is damaged") as caught:
        Study.open(place)
    command = shlex.split(str(caught.value).split("`")[1])
    if "://" not in str(place):  # messages leave out the password
        output = run(*command[1:]).output
        assert "trial 2 does not agree" in output
        assert "trial 5 does not agree" in output


def test_damaged_pages(path):
    fill(path, 300)
    data = bytearray(path.read_bytes())
    data[4096 * 3 + 8 : 4096 * 3 + 200] = bytes(192)
    path.write_bytes(data)
    assert find_faults(path)
    assert run("study", "check", path).exit_code == 1


def test_what_is_not_a_study(path):
    with pytest.raises(NoStudyError, match="no study found"):
        find_faults(path)
    path.write_text("photos" * 1000)
    assert run("study", "check", path).exit_code == 1
    with pytest.raises(StudyError, match="is not an SQLite database"):
        find_faults(path)
    with pytest.raises(StudyError, match="is not an SQLite database"):
        accept_loss(path)


def lose(path):
    fill(path)
    shutil.copy(path, f"{path}.earlier")
    with Study.open(path, SPACE, Random(seed=1)) as study:
        study.tell(study.ask().id, 0.5)
    shutil.move(f"{path}.earlier", path)


def test_accept(path):
    """The command of the message."""
    lose(path)
    with pytest.raises(StudyError, match=r"lost its last \d+ steps .* it has 6 trials, and had 7") as caught:
        Study.open(path)
    assert "lost its last" in run("study", "check", path).output
    *_, command = str(caught.value).split("`")[:-1]
    done = run(*shlex.split(command)[1:])
    assert (done.exit_code, done.output) == (0, f"{path}: accepted\n{path}: sound, 6 trials\n")
    assert run(*shlex.split(command)[1:]).output.startswith(f"{path}: nothing to accept")
    with Study.open(path) as study:
        assert "lost its last" in study.journal()[-1][2]


def test_accept_what_is_damaged_or_in_use(path, execute):
    lose(path)
    execute(path, "UPDATE trials SET reward = 7 WHERE id = 2")
    with pytest.raises(
        StudyError, match=r"is damaged as well, so it cannot .*`pliant study check .*` lists the damage"
    ):
        accept_loss(path)
    assert Path(f"{path}-mark").exists()
    other = path.with_name("b.db")
    with Study.create(other, SPACE, Random()), pytest.raises(StudyInUseError, match="is being written by"):
        accept_loss(other)


def test_accept_on_a_server():
    done = run("study", "check", "postgresql://host/db?study=a", "--accept")
    assert done.exit_code == 2
    assert "--accept is for files" in done.output


# --- backups -------------------------------------------------------------------------------------------------


def read_all(place):
    with Study.open(place, SPACE) as study:
        return list(study.trials()), study.journal(), study.counts(), study.info().queued


def test_a_backup_is_the_same_study(place, tmp_path):
    """Of a study on a server as well; the search goes on from it exactly as it would have."""
    fill(place)
    copies = [tmp_path / f"copy{number}.db" for number in range(3)]
    with Study.open(place, SPACE, Random(seed=1)) as study:
        study.backup(copies[0])
    assert run("study", "backup", place, copies[1]).output == f"{copies[1]}: a copy with 6 trials\n"
    for copy in copies[:2]:
        assert read_all(copy) == read_all(place)
        assert find_faults(copy) == []
        assert oct(copy.stat().st_mode & 0o777) == "0o600"
    expected = []
    for one in (copies[0], place):
        with Study.open(one, SPACE, Random(seed=1)) as study:
            expected.append([study.ask().decisions for _ in range(5)])
    assert expected[0] == expected[1]


@pytest.mark.parametrize("name", ["copy.db", "copy.db-wal", "copy.db-mark"])
def test_nothing_is_overwritten(path, tmp_path, name):
    fill(path)
    (tmp_path / name).write_text("mine")
    done = run("study", "backup", path, tmp_path / "copy.db")
    assert done.exit_code == 1
    assert f"{name}' exists, and is not overwritten. Give another path, or remove it first." in done.output
    assert (tmp_path / name).read_text() == "mine"
    (tmp_path / name).unlink()
    assert run("study", "backup", path, tmp_path / "copy.db").exit_code == 0


def test_onto_itself_or_through_a_link(path, tmp_path):
    fill(path)
    (tmp_path / "link.db").symlink_to(tmp_path / "nothing.db")
    for to in (path, tmp_path / "link.db"):
        with Study.open(path) as study, pytest.raises(StudyError, match="exists, and is not overwritten"):
            study.backup(to)
    assert not (tmp_path / "nothing.db").exists()


def test_where_it_cannot_be_written(path, tmp_path):
    fill(path)
    with Study.open(path, SPACE, Random(seed=1)) as study:
        with pytest.raises(
            StudyError, match=r"cannot be written: No such file .* Give a path in a folder that exists"
        ):
            study.backup(tmp_path / "no" / "copy.db")
        with pytest.raises(StudyError, match=r"a backup is a file; got the address 'postgresql"):
            study.backup("postgresql://host/db?study=a")
        with (
            study.together(),
            pytest.raises(StudyError, match="within `together` would contain a part of its steps"),
        ):
            study.backup(tmp_path / "copy.db")
        assert not (tmp_path / "copy.db").exists()
        study.backup(tmp_path / "copy.db")


FULL = """
import resource, signal, sys
from pliant.study import Study
from pliant.values.errors import StudyError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Study.open(sys.argv[1]) as study:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    try:
        study.backup(sys.argv[2])
    except StudyError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on the size of files")
def test_a_full_disk(path, tmp_path):
    """Nothing is left of the copy."""
    fill(path)
    copy = tmp_path / "copy.db"
    done = subprocess.run(
        [sys.executable, "-c", FULL, path, copy],
        env={**os.environ, "PYTHONPATH": PATHS},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"'{copy}' could not be" in done.stdout, done.stderr
    assert not list(tmp_path.glob("copy*"))


WRITER = """
import sys
from pliant.algorithms import Random
from pliant.space import choice, flatten, integer
from pliant.study import Study
space = flatten([choice("op", 3), integer("n", 1, 9)])
with Study.open(sys.argv[1], space, Random(seed=1), trials=100_000) as study:
    while trial := study.ask():
        study.tell(trial.id, 0.5)
        print(trial.id, flush=True)
"""


def test_backups_while_a_process_writes(path, tmp_path):
    fill(path)
    environment = {**os.environ, "PYTHONPATH": PATHS}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, path], env=environment, stdout=-1, text=True
    ) as writer:
        try:
            counts = []
            for number in range(8):
                for _ in range(3):
                    writer.stdout.readline()
                copy = tmp_path / f"copy{number}.db"
                assert run("study", "backup", path, copy).exit_code == 0
                assert find_faults(copy) == []
                counts.append(len(read_all(copy)[0]))
        finally:
            writer.kill()
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]
