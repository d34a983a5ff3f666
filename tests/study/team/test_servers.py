"""Teams on PostgreSQL: a leader that is suspended or cut off, a server that restarts, and connection poolers."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest
from laws import LIMIT, count_ended, ends_of, find_faults, find_leader, team, wait_for

from pliant.algorithms import Random
from pliant.space import flatten, integer
from pliant.study import Study
from pliant.study.store import postgres
from pliant.study.store.location import to_location
from pliant.study.store.store import Unreachable
from pliant.study.team import member, session
from pliant.study.team.database import Database, find_programs
from pliant.study.team.member import join
from pliant.study.team.session import check_pooler
from pliant.values.errors import StudyError, StudyInUseError

POSTGRES = os.environ.get("PLIANT_POSTGRES", "")
pytestmark = pytest.mark.skipif(not POSTGRES, reason="PLIANT_POSTGRES is not set: it names a server")
SPACE = flatten([integer("x", 0, 9)])


@pytest.fixture
def place():
    """The address of a new study."""
    import psycopg

    name = f"team_{uuid.uuid4().hex[:12]}"
    yield f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}study={name}"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '5s'")
        connection.execute(f'DROP SCHEMA IF EXISTS "study_{name}" CASCADE')


def end_session(process):
    """Ends a session on the server, as one that is cut off."""
    import psycopg

    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (process,))


def session_of(study):
    with study._store.transaction() as record:
        return record.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()


def test_a_writer_that_lost_its_right_writes_nothing(place, monkeypatch):
    monkeypatch.setattr(
        postgres, "PATIENCE", 0.2
    )  # both writers are this process, which would wait for itself
    with Study.create(place, SPACE, Random(seed=1)) as first:
        trial = first.ask()
        end_session(session_of(first))
        with Study.open(place, SPACE, Random(seed=1)) as second:
            for _ in range(3):  # also not by the connection that was made to look
                with pytest.raises(StudyInUseError, match="is being written by"):
                    first.tell(trial.id, 0.5)
            assert second.counts()["running"] == 1
            assert second.ask().id == 1
    with Study.open(place) as study:
        assert study.counts() == {"running": 1, "completed": 0, "stopped": 0, "failed": 0}


def test_another_leads_while_the_leader_is_suspended(place, monkeypatch):
    monkeypatch.setenv("PLIANT_SILENCE", "3")
    with team(place, "abc", 50) as processes:
        wait_for("the first trials", lambda: count_ended(place) > 5)
        stopped = processes.pop(find_leader(place, processes))
        stopped.send_signal(signal.SIGSTOP)
        try:
            ends_of(processes)
        finally:
            stopped.send_signal(signal.SIGCONT)
        ends_of({"stopped": stopped})
    assert find_faults(place, 50) == []


def test_the_server_restarts():
    folder = Path(tempfile.mkdtemp(prefix="pliant-server-"))
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    try:
        with Database(folder) as database:
            place = f"{database.address}?study=digits"
            with team(place, "abc", 50) as processes:
                wait_for("the first trials", lambda: count_ended(place) > 5)
                database._call("pg_ctl", "-w", "-m", "immediate", "-l", folder / "log", "restart")
                ends_of(processes)
            assert find_faults(place, 50) == []
    finally:
        shutil.rmtree(folder)


def test_a_server_that_starts_again_while_a_process_joins(place, monkeypatch):
    real, tries = session.Session.__init__, []

    def fail_twice(self, server):
        tries.append(server)
        if len(tries) in (1, 2, 4):  # at the first contact, and in the middle of joining
            raise Unreachable("cannot be reached")
        real(self, server)

    monkeypatch.setattr(session.Session, "__init__", fail_twice)
    with (
        join(place, SPACE, Random(seed=1), trials=2) as first,
        join(place, SPACE, Random(seed=1), trials=2) as second,
    ):
        for one in (first, second):
            one.tell(one.ask().id, 0.5)
        assert first.is_complete
    assert len(tries) > 4


def test_a_wrong_address(monkeypatch):
    monkeypatch.setattr(member, "FIRST_SECONDS", 0.1)
    with pytest.raises(StudyError, match=r"cannot be reached. Check the address"):
        join("postgresql://nobody@127.0.0.1:1/none?study=x", SPACE, Random())


@pytest.mark.skipif(
    shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin") is None, reason="no pgbouncer"
)
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_poolers(mode):
    server = to_location(f"{POSTGRES}{'&' if '?' in POSTGRES else '?'}study=x")
    import psycopg

    with psycopg.connect(POSTGRES) as connection:
        host, reached, base, user_name = (
            getattr(connection.info, name) for name in ("host", "port", "dbname", "user")
        )
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="pliant-pooler-"))
    folder.chmod(0o755)
    file = folder / "pooler.ini"
    file.write_text(
        f"[databases]\n{base} = host={host} port={reached} user={user_name}\n[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = any\npool_mode = {mode}\nunix_socket_dir =\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    program = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
    user = {"user": pwd.getpwnam("postgres").pw_uid} if os.geteuid() == 0 else {}
    pooled = f"postgresql://{user_name}@127.0.0.1:{port}/{base}?study=x"
    with subprocess.Popen([program, file], stdout=-3, stderr=-3, **user) as process:
        try:
            wait_for("the pooler", lambda: _answers(port))
            fault = check_pooler(to_location(pooled))
            assert (fault is not None) == (mode == "transaction")
            if mode == "transaction":
                with pytest.raises(
                    StudyError, match=r"connection pooler in transaction mode.*pool_mode = session"
                ):
                    join(pooled, SPACE, Random())
            assert check_pooler(server) is None
        finally:
            process.terminate()
            process.wait(LIMIT)
            shutil.rmtree(folder)


def _answers(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_the_programs_are_there():
    assert (find_programs() / "initdb").exists()
