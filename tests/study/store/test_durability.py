"""Files that are deleted, replaced, cut, linked or moved, before a study is opened and while it is written by a process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

import pliant
from pliant.algorithms import Random
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.store import mark, sqlite
from pliant.study.store.check import accept_loss, find_faults
from pliant.values.errors import RewardError, StudyError, StudyInUseError

SPACE = flatten([integer("x", 0, 10**6)])
PATHS = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
WRITER = """
import sys
from pliant.algorithms import Random
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.store import sqlite
from pliant.values.errors import StudyError

sqlite.MERGE_SECONDS = 1e9  # so that what is in the log does not depend on time
space, told = flatten([integer("x", 0, 10**6)]), 0
try:
    with Study.open_or_create(sys.argv[1], space, Random(seed=1), trials=100_000) as study:
        while trial := study.ask():
            study.tell(trial.id, 0.5)
            print(trial.id, flush=True)
            told += 1
            if len(sys.argv) > 2 and told >= int(sys.argv[2]):
                sys.stdin.readline()
    print("complete")
except StudyError as error:
    print(error)
"""


def make(path, count=3):
    with Study.create(path, SPACE, Random(seed=1)) as study:
        tell(study, count)


def tell(study, count):
    for _ in range(count):
        study.tell(study.ask().id, 0.5)


def count_told(path):
    with Study.open(path) as study:
        return study.counts()["completed"]


@contextmanager
def writing(path, until=None, **options):
    """A process that writes the study at ``path``; without ``until`` it never pauses."""
    command = [sys.executable, "-c", WRITER, str(path), *([] if until is None else [str(until)])]
    env = {**os.environ, "PYTHONPATH": PATHS, **options.pop("env", {})}
    with subprocess.Popen(command, env=env, stdin=-1, stdout=-1, text=True, **options) as writer:
        try:
            for _ in range(until or 3):
                assert writer.stdout.readline().strip().isdigit()
            yield writer
        finally:
            writer.kill()


def kill_writer(path, told=40):
    """Leaves what a process that is killed leaves: the last trials are in the log only."""
    with writing(path, told) as writer:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait(60)


def last_words(writer):
    """What the process says in the end, in place of the numbers of trials."""
    return writer.communicate("\n" * 100_000, timeout=60)[0].splitlines()[-1]


# --- files that are deleted or replaced during a run ---------------------------------------------------------


def delete(path):
    path.unlink()


def delete_all(path):
    for file in path.parent.glob("a.db*"):
        file.unlink()


def replace_by_copy(path):
    """Another file of the same content."""
    shutil.copy(path, path.with_name("copy"))
    os.replace(path.with_name("copy"), path)


def replace_by_other(path):
    make(path.with_name("other.db"))
    os.replace(path.with_name("other.db"), path)


def rename(path):
    path.rename(path.with_name("b.db"))


@pytest.mark.parametrize("change", [delete, delete_all, replace_by_copy, replace_by_other, rename])
def test_a_file_that_is_lost_during_a_run(tmp_path, change):
    """It ends at once, and does not say that it is complete; what was told is saved, and the search goes on with it."""
    path, rescued = tmp_path / "a.db", tmp_path / "a.rescued.db"
    with writing(path) as writer:
        change(path)
        said = writer.stdout.read()
    *told, last = said.splitlines()
    assert "a.db' was deleted, moved or replaced by another program while it was open for writing" in last
    assert f"is saved in '{rescued}': remove this file and those of its name that end in '-wal'" in last
    told = int(told[-1]) if told else 3
    assert told <= count_told(rescued) <= told + 1
    for end in ("", "-wal", "-shm", "-mark"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    rescued.rename(path)
    with Study.open(path, SPACE, Random(seed=1)) as study:
        assert told <= study.ask().id - 1 <= told + 1
    assert find_faults(path) == []


@pytest.mark.parametrize("end", ["-wal", "-shm", "-lock"])
def test_a_file_beside_it_that_is_lost_during_a_run(tmp_path, end):
    path = tmp_path / "a.db"
    with writing(path) as writer:
        Path(f"{path}{end}").unlink()
        *told, last = writer.stdout.read().splitlines()
    assert f"a.db{end}' was deleted or replaced by another program while" in last
    told = int(told[-1]) if told else 3
    with Study.open(path, SPACE, Random(seed=1)) as study:
        assert told <= study.counts()["completed"] <= told + 1
        tell(study, 2)


def test_a_folder_that_is_renamed_during_a_run(tmp_path):
    """No copy can be saved, as the message says, and the study is in its new place, with all that was told."""
    folder = tmp_path / "before"
    folder.mkdir()
    with writing(folder / "a.db", 3) as writer:
        folder.rename(tmp_path / "after")
        last = last_words(writer)
    assert "no copy could be saved as" in last
    assert "If it was moved with its folder, open it there." in last
    with Study.open(tmp_path / "after" / "a.db", SPACE, Random(seed=1)) as study:
        assert study.counts()["completed"] >= 3
        assert study.ask().id <= 5


def test_what_the_process_still_has_is_saved_by_hand(tmp_path):
    folder = tmp_path / "before"
    folder.mkdir()
    with Study.create(folder / "a.db", SPACE, Random()) as study:
        tell(study, 3)
        shutil.rmtree(folder)
        with pytest.raises(StudyError, match=r"This process still has it: `study\.backup\(path\)` saves it"):
            study.ask()
        study.backup(tmp_path / "saved.db")
    assert count_told(tmp_path / "saved.db") == 3


def test_a_second_loss_does_not_replace_the_first_copy(tmp_path):
    path = tmp_path / "a.db"
    for count in (2, 5):
        with Study.create(path, SPACE, Random()) as study:
            tell(study, count)
            delete_all(path)
            with pytest.raises(StudyError, match=r"saved in|no copy could be saved as"):
                study.ask()
    assert count_told(tmp_path / "a.rescued.db") == 2


def test_a_reader_of_a_file_that_is_replaced(tmp_path):
    path = tmp_path / "a.db"
    make(path)
    with Study.open(path) as study:
        replace_by_other(path)
        with pytest.raises(
            StudyError, match=r"was deleted, moved or replaced .* Open it again where it is now"
        ):
            study.counts()
    assert not (tmp_path / "a.rescued.db").exists()
    assert count_told(path) == 3


def test_another_working_folder_is_no_loss(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    with Study.create("a.db", SPACE, Random()) as study, Study.open("a.db") as reader:
        monkeypatch.chdir(tmp_path / "elsewhere")
        tell(study, 3)
        reader.enqueue([1], "from another folder")
        assert reader.counts()["completed"] == 3
        assert study.ask().origin == "enqueued: from another folder"
    assert not list((tmp_path / "elsewhere").iterdir())


# --- a log that is lost or damaged ---------------------------------------------------------------------------


def remove_log(log):
    log.unlink()


def empty_log(log):
    log.write_bytes(b"")


def cut_log(log):
    log.write_bytes(log.read_bytes()[: 32 + 10 * 4120])  # the header and ten pages


def flip_first_frame(log):
    flip(log, 32 + 24 + 100)


def flip_header(log):
    flip(log, 17)


def flip(log, at):
    data = bytearray(log.read_bytes())
    data[at] ^= 4
    log.write_bytes(data)


@pytest.mark.parametrize("damage", [remove_log, empty_log, cut_log, flip_first_frame, flip_header])
def test_a_log_that_is_lost(tmp_path, damage):
    """Neither a reader nor a writer opens the study at an earlier state without a word, and nothing is changed."""
    path = tmp_path / "a.db"
    kill_writer(path)
    log = Path(f"{path}-wal")
    whole = log.read_bytes()
    Path(f"{path}-shm").unlink()
    damage(log)
    before = path.read_bytes(), log.read_bytes() if log.exists() else None
    for given in ((), (SPACE, Random(seed=1))):
        with pytest.raises(
            StudyError,
            match=r"a\.db' lost its last \d+ steps \(proposals, .* it has \d+ trials, and had 40\. Its '-wal' file",
        ):
            Study.open(path, *given)
    with pytest.raises(StudyError, match="lost its last"):
        Study.open_or_create(path, SPACE, Random(seed=1))
    assert "lost its last" in " ".join(find_faults(path))
    assert before == (path.read_bytes(), log.read_bytes() if log.exists() else None)
    # The first remedy in the message: the log is put back.
    for file in (log, Path(f"{path}-shm")):
        file.unlink(missing_ok=True)
    log.write_bytes(whole)
    assert count_told(path) == 40


def test_a_loss_is_accepted(tmp_path):
    """The second remedy: the study goes on from the earlier state, and its journal says so."""
    path = tmp_path / "a.db"
    kill_writer(path)
    assert not accept_loss(path)
    assert count_told(path) == 40
    kill_writer(path, 8)
    Path(f"{path}-wal").unlink()
    with pytest.raises(
        StudyError, match=r"To go on with what is left: `pliant study check .*a\.db --accept`"
    ):
        Study.open(path)
    assert accept_loss(path)
    with Study.open(path, SPACE, Random(seed=1)) as study:
        assert study.counts()["completed"] >= 40
        assert "accepted after a loss" in study.journal()[-1][2]
        tell(study, 3)
    assert find_faults(path) == []


def test_a_backup_is_restored(tmp_path):
    """The third remedy."""
    path = tmp_path / "a.db"
    make(path, 5)
    with Study.open(path) as study:
        study.backup(tmp_path / "backup.db")
    kill_writer(path)
    Path(f"{path}-wal").unlink()
    with pytest.raises(
        StudyError, match="To restore a backup, remove this file and those of its name that end in"
    ):
        Study.open(path)
    shutil.copy(tmp_path / "backup.db", path)
    with pytest.raises(
        StudyError, match=r"it has 5 trials, and had 4\d"
    ):  # an earlier state, where no step was removed
        Study.open(path)
    for end in ("", "-wal", "-shm", "-mark"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "backup.db", path)
    with Study.open(path, SPACE, Random(seed=1)) as study:
        assert study.ask().id == 6


@pytest.mark.parametrize("what", ["enqueue", "note", "put back", "fail", "report", "learn", "budget"])
def test_every_kind_of_step_is_missed(tmp_path, what):
    path, copy = tmp_path / "a.db", tmp_path / "copy.db"
    make(tmp_path / "other.db")
    with Study.create(path, SPACE, Random()) as study:
        trial = study.ask()
    shutil.copy(path, copy)
    with Study.open(path, SPACE, Random(), trials=7 if what == "budget" else None) as study:
        if what == "enqueue":
            study.enqueue([1])
        elif what == "note":
            study.note(None, "a line")
        elif what == "put back":
            study.put_back(study.ask().id, "gone")
        elif what == "fail":
            study.fail(trial.id, "why")
        elif what == "report":
            study.report(trial.id, 0.5, step=1)
        elif what == "learn":
            study.learn_from(tmp_path / "other.db")
    shutil.copy(copy, path)
    with pytest.raises(StudyError, match=r"lost its last \d+ steps"):
        Study.open(path)


DIES = """
import os, sys, traceback
from pliant.algorithms import Random
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.store.check import find_faults
from pliant.study.store.failpoint import arm

space = flatten([integer("x", 0, 10**6)])

def search(path, point):
    arm(point)
    with Study.open_or_create(path, space, Random(seed=1), trials=8) as study:
        while trial := study.ask(attempts=None):
            study.tell(trial.id, 0.5)

def run(path, point):
    child = os.fork()
    if not child:
        try:
            search(path, point)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

died = 0
for point in ("locked", "begin", "commit", "committed", "marked", "made", "closing", "closed"):
    for number in (1, 2, 3, 9):
        path = f"{sys.argv[1]}/{point}{number}.db"
        codes = [run(path, f"{point}:{number}") for _ in range(3)] + [run(path, "")]
        assert set(codes) <= {0, 9} and codes[-1] == 0, (point, number, codes)
        died += codes.count(9)
        with Study.open(path) as study:
            assert study.counts()["completed"] == 8
        assert find_faults(path) == []
print(died)
"""


def test_a_process_that_dies_anywhere_raises_no_alarm(tmp_path):
    """Before and after each commit, and between a commit and its mark."""
    command = [sys.executable, "-c", DIES, tmp_path]
    env = {**os.environ, "PYTHONPATH": PATHS}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 40


def test_readers_raise_no_alarm_while_a_process_writes(tmp_path):
    """The mark is read before the study, and again if another process was writing it."""
    path = tmp_path / "a.db"
    with writing(path):
        told = [count_told(path) for _ in range(40)]
    assert told == sorted(told)


def test_a_copy_without_its_mark_opens(tmp_path):
    path, copy = tmp_path / "a.db", tmp_path / "copy.db"
    make(path, 5)
    shutil.copy(path, copy)
    with Study.open(copy, SPACE, Random(seed=1)) as study:
        tell(study, 1)
    assert json.loads(Path(f"{copy}-mark").read_text())["trials"] == 6
    path.unlink()
    Path(f"{path}-mark").unlink()
    copy.rename(path)
    assert count_told(path) == 6


def test_when_a_mark_is_on_the_disk(path, space, monkeypatch):
    """At each merge of the log and at the end, and not at each commit, which would cost half a commit more."""
    done, real = [], os.fsync

    def spy(handle):
        done.append(os.fstat(handle).st_ino)
        real(handle)

    monkeypatch.setattr("pliant.study.store.sqlite.MERGE_SECONDS", 3600.0)
    with Study.create(path, space, Random()) as study:
        inode = os.stat(f"{path}-mark").st_ino
        monkeypatch.setattr(os, "fsync", spy)
        for _ in range(sqlite.MERGE_COMMITS - 2):
            study.ask()
        before = done.count(inode)
        for _ in range(sqlite.MERGE_COMMITS):
            study.ask()
        merged = done.count(inode)
    assert (before, merged) in ((0, 1), (1, 2))
    assert done.count(inode) > merged


def test_a_mark_of_another_study_is_ignored(tmp_path):
    """It was left of a study whose file was deleted."""
    path = tmp_path / "a.db"
    make(path, 5)
    path.unlink()
    with Study.create(path, SPACE, Random()) as study:
        assert study.ask().id == 1
    make(tmp_path / "b.db", 2)
    os.replace(tmp_path / "b.db", path)
    assert count_told(path) == 2
    with Study.open(path, SPACE, Random(seed=1)) as study:
        tell(study, 1)
    assert json.loads(Path(f"{path}-mark").read_text())["trials"] == 3


def test_an_empty_file_with_a_mark(tmp_path):
    """No new study takes the place of one that was cut to nothing; to begin again, as the message says, both are removed."""
    path = tmp_path / "a.db"
    make(path, 5)
    path.write_bytes(b"")
    for opens in (Study.create, Study.open_or_create):
        with pytest.raises(
            StudyError, match="is empty, and its '-mark' file says that it was a study with 5 trials"
        ):
            opens(path, SPACE, Random())
    assert path.read_bytes() == b""
    path.unlink()
    Path(f"{path}-mark").unlink()
    make(path, 1)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"study": 1, "steps": [], "trials": {}}',
        b"\xff\xfe",
        b"9" * 10_000,
        None,
        "higher",
    ],
    ids=str,
)
def test_a_mark_that_was_changed(tmp_path, text):
    """It is refused, by readers and writers, and accepted by the command."""
    path = tmp_path / "a.db"
    make(path, 5)
    file = Path(f"{path}-mark")
    whole = file.read_bytes()
    if text == "higher":
        text = whole.replace(b'"steps": 1', b'"steps": 9')
        assert text != whole
    file.write_bytes(whole[:-50] if text is None else text)
    for given in ((), (SPACE, Random(seed=1))):
        with pytest.raises(
            StudyError, match=r"-mark' is damaged, so that it is unknown whether '.*a\.db' is whole"
        ):
            Study.open(path, *given)
    assert accept_loss(path)
    assert count_told(path) == 5


def test_flipped_bits_of_a_mark(tmp_path):
    path = tmp_path / "a.db"
    make(path, 5)
    file = Path(f"{path}-mark")
    whole = file.read_bytes()
    for at in range(0, len(whole), 17):
        data = bytearray(whole)
        data[at] ^= 1 << at % 8
        file.write_bytes(data)
        with pytest.raises(StudyError, match="is damaged, so that it is unknown"):
            mark.read_mark(path, path)


def tell_and_stop(study, trial):
    with study.together():
        study.tell(trial.id, 0.5)
        raise RewardError("stop")


def test_a_step_that_was_undone_is_not_counted(tmp_path):
    """A savepoint that is rolled back within a transaction that is committed."""
    path = tmp_path / "a.db"
    with Study.create(path, SPACE, Random()) as study:
        trial = study.ask()
        with study.together():
            study.note(1, "a line")
            with pytest.raises(RewardError, match="stop"):
                tell_and_stop(study, trial)
        shutil.copy(path, tmp_path / "b.db")
        for end in ("-wal", "-mark"):
            shutil.copy(f"{path}{end}", tmp_path / f"b.db{end}")
    assert count_told(tmp_path / "b.db") == 0


def test_the_log_is_merged_often(tmp_path, monkeypatch):
    path = tmp_path / "a.db"
    monkeypatch.setattr(sqlite, "MERGE_SECONDS", 1e9)
    with Study.create(path, SPACE, Random()) as study:
        tell(study, 150)
        shutil.copy(path, tmp_path / "b.db")
        assert count_told(tmp_path / "b.db") >= 150 - sqlite.MERGE_COMMITS // 2
        monkeypatch.setattr(sqlite, "MERGE_SECONDS", 0.0)
        tell(study, 1)
        shutil.copy(path, tmp_path / "c.db")
        assert count_told(tmp_path / "c.db") == 151


def test_what_another_process_enqueues_is_in_the_file_at_once(tmp_path):
    path = tmp_path / "a.db"
    with Study.create(path, SPACE, Random()) as study:
        study.ask()
        with Study.open(path) as reader:
            reader.enqueue([5], "mine")
        shutil.copy(path, tmp_path / "b.db")
        with Study.open(tmp_path / "b.db") as copy:
            assert copy.info().queued == 1


# --- links ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("relative", [False, True])
def test_a_second_writer_through_a_symbolic_link(tmp_path, relative):
    path, link = tmp_path / "a.db", tmp_path / "links" / "b.db"
    link.parent.mkdir()
    link.symlink_to("../a.db" if relative else path)
    with writing(link, 3) as writer:
        for one in (path, link):
            with pytest.raises(StudyInUseError, match=f"is being written by process {writer.pid} on"):
                Study.open(one, SPACE, Random(seed=1))
        assert count_told(path) == count_told(link) == 3
    with (
        Study.open(path, SPACE, Random(seed=1)),
        pytest.raises(StudyInUseError, match="already open for writing in this"),
    ):
        Study.open(link, SPACE, Random(seed=1))
    assert [file.name for file in link.parent.iterdir()] == ["b.db"]


def test_a_second_writer_through_a_linked_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    with (
        Study.create(tmp_path / "real" / "a.db", SPACE, Random()),
        pytest.raises(StudyInUseError, match="already open for writing"),
    ):
        Study.open(tmp_path / "linked" / "a.db", SPACE, Random())


def test_a_second_writer_through_a_hard_link(tmp_path):
    path, link = tmp_path / "a.db", tmp_path / "b.db"
    with writing(path, 3) as writer:
        os.link(path, link)
        for opens in (Study.open, Study.open_or_create, Study.create):
            with pytest.raises(
                StudyError, match=r"b\.db' has 2 names \(hard links\), and may be written under another one"
            ):
                opens(link, SPACE, Random(seed=1))
        with Study.open(link) as reader, pytest.raises(StudyError, match="has 2 names"):
            reader.enqueue([1])
        writer.kill()
        writer.wait(60)
    with pytest.raises(StudyError, match=r"Copy it \(`cp`\), and use the copy; or remove the other names"):
        Study.open(path, SPACE, Random(seed=1))
    link.unlink()
    with Study.open(path, SPACE, Random(seed=1)) as study:
        assert study.counts()["completed"] >= 3
    os.link(path, link)
    shutil.copy(path, tmp_path / "copy.db")
    with Study.open(tmp_path / "copy.db", SPACE, Random(seed=1)) as study:
        tell(study, 1)


# --- permissions ---------------------------------------------------------------------------------------------


def modes(folder):
    return {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in folder.iterdir()}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_files_are_private(tmp_path, umask):
    before = os.umask(umask)
    try:
        with Study.create(tmp_path / "a.db", SPACE, Random()) as study:
            tell(study, 1)
            study.backup(tmp_path / "b.db")
            found = modes(tmp_path)
    finally:
        os.umask(before)
    assert found == dict.fromkeys(["a.db", "a.db-wal", "a.db-shm", "a.db-lock", "a.db-mark", "b.db"], "0o600")


def test_existing_files_keep_their_permissions(tmp_path):
    """And what is made beside them has the same, so that a group that shares a study continues to."""
    make(tmp_path / "a.db")
    (tmp_path / "a.db").chmod(0o664)
    for end in ("-lock", "-mark"):
        (tmp_path / f"a.db{end}").unlink()
    with Study.open(tmp_path / "a.db", SPACE, Random(seed=1)) as study:
        tell(study, 1)
        assert set(modes(tmp_path).values()) == {"0o664"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="reads as another user")
def test_a_folder_that_may_only_be_read():
    """The mark is checked there as well."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "a.db")
        make(path, 4)
        with Study.open(path, SPACE, Random(seed=1)) as study:
            shutil.copy(path, f"{name}/before")
            tell(study, 2)
        for file in Path(name).iterdir():
            file.chmod(0o644)
        Path(name).chmod(0o755)

        def read():
            os.seteuid(65534)
            try:
                return count_told(path), find_faults(path)
            finally:
                os.seteuid(0)

        assert read() == (6, [])
        shutil.copy(f"{name}/before", path)
        with pytest.raises(StudyError, match="it has 4 trials, and had 6"):
            read()
        Path(f"{path}-mark").chmod(0o600)
        with pytest.raises(
            StudyError, match=r"-mark' cannot be read: Permission denied\. Check its permissions"
        ):
            read()
