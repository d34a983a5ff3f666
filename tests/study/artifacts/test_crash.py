"""A process that dies at any step of saving or removing leaves whole artifacts only; a full disk loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from pliant.study.artifacts import Artifacts
from pliant.values.errors import StudyError

STEPS = ("replace", "unlink", "rename", "fsync", "mkdir", "rmdir", "chmod")


def in_child(work, *, die_after):
    """Runs work in a fork that dies, as by kill -9, before its n-th change of the disk; returns whether it died."""
    child = os.fork()
    if child == 0:
        left = [die_after]

        def dying(real):
            def call(*args, **options):
                left[0] -= 1
                if left[0] < 0:
                    os._exit(9)
                return real(*args, **options)

            return call

        for name in STEPS:
            setattr(os, name, dying(getattr(os, name)))
        try:
            work()
        except BaseException:  # noqa: BLE001  # of a fork, which must not go on
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9), "the work itself failed"
    return status == 9


def read_all(artifacts):
    return {
        (trial, name): artifacts.path(one).read_bytes()
        for trial in artifacts.trials()
        for name, one in artifacts.of(trial).items()
    }


def test_saving_is_all_or_nothing_at_each_step(tmp_path):
    deaths = 0
    for step in range(60):
        folder = tmp_path / str(step)
        artifacts = Artifacts(folder)
        artifacts.save(1, "a", b"before")
        died = in_child(lambda: Artifacts(folder).save(1, "a", b"after"), die_after=step)  # noqa: B023
        assert artifacts.check() == []
        assert read_all(artifacts) in ({(1, "a"): b"before"}, {(1, "a"): b"after"})
        artifacts.save(1, "a", b"after")  # the next attempt
        artifacts.collect()
        assert read_all(artifacts) == {(1, "a"): b"after"}
        assert len([one for one in (folder / "blobs").rglob("*") if one.is_file()]) == 1
        deaths += died
        if not died:
            break
    assert deaths > 5
    assert read_all(artifacts) == {(1, "a"): b"after"}


def test_removing_loses_nothing_that_is_kept_at_each_step(tmp_path):
    deaths = 0
    for step in range(80):
        folder = tmp_path / str(step)
        artifacts = Artifacts(folder)
        for trial in (1, 2, 3):
            artifacts.save(trial, "a", f"of {trial}".encode())
            artifacts.save(trial, "same", b"same")
            artifacts.folder(trial)
        died = in_child(lambda: Artifacts(folder).remove([1, 3], folders=True), die_after=step)  # noqa: B023
        assert {key: value for key, value in read_all(artifacts).items() if key[0] == 2} == {
            (2, "a"): b"of 2",
            (2, "same"): b"same",
        }
        assert artifacts.check() == []
        artifacts.remove([1, 3], folders=True)
        assert artifacts.trials(folders=True) == [2]
        assert len([one for one in (folder / "blobs").rglob("*") if one.is_file()]) == 2
        deaths += died
        if not died:
            break
    assert deaths > 5


def test_folders_survive_a_death_at_each_step(tmp_path):
    for step in range(40):
        artifacts = Artifacts(tmp_path / str(step))
        (artifacts.folder(1).path / "c").write_text("parent")
        died = in_child(lambda: Artifacts(artifacts.place).folder(2, parent=1), die_after=step)  # noqa: B023
        folder = artifacts.folder(2, attempt=2, parent=1).path
        assert (folder / "c").read_text() == "parent"
        assert sorted(one.name for one in folder.parent.iterdir() if one.name.isdecimal()) == ["2"]
        if not died:
            break
    assert step > 2


def test_kill_9_while_saving(tmp_path):
    code = (
        "import sys, os; from pliant.study.artifacts import Artifacts; a = Artifacts(sys.argv[1]); i = 0\n"
        "while True: i += 1; a.save(i % 3, 'w', os.urandom(200_000)); print(i, flush=True)"
    )
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4):
            process.stdout.readline()
        time.sleep(0.003)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        artifacts = Artifacts(tmp_path)
        assert artifacts.check() == []
        assert artifacts.trials() == [0, 1, 2]
    artifacts.collect()
    assert len([one for one in (tmp_path / "blobs").rglob("*") if one.is_file()]) == 3


def test_unfinished_files_are_removed_when_they_are_old(tmp_path):
    artifacts = Artifacts(tmp_path)
    artifacts.save(1, "a", b"x")
    for name, age in (("old", 2 * 86400), ("new", 60)):
        (tmp_path / "unfinished" / name).write_bytes(b"part")
        os.utime(tmp_path / "unfinished" / name, (time.time() - age,) * 2)
    artifacts.collect()
    assert [file.name for file in (tmp_path / "unfinished").iterdir()] == ["new"]


@pytest.fixture
def small(tmp_path):
    """A file system of 1 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root can mount a small file system")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_loses_nothing(small):
    artifacts = Artifacts(small / "files")
    kept = artifacts.save(1, "w.pt", b"a" * 600_000)
    with pytest.raises(
        StudyError,
        match=r"the artifact 'w\.pt' of trial 2 cannot be stored in '.*': No space left on device\. Nothing was lost that was stored",
    ):
        artifacts.save(2, "w.pt", b"b" * 600_000)
    assert artifacts.trials() == [1]
    assert artifacts.path(kept).read_bytes() == b"a" * 600_000
    assert list((small / "files" / "unfinished").iterdir()) == []
    artifacts.remove([1])  # the remedy: make room
    artifacts.save(2, "w.pt", b"b" * 600_000)
    assert artifacts.check() == []
