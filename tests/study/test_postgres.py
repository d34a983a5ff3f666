"""Studies on a server: one that stops in mid-search, writers that get in each other's way, and wrong addresses.

What a study does is tested in the other files, on both databases.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

import pliant
from pliant.algorithms import Random, RegularizedEvolution
from pliant.space import choice, flatten
from pliant.study import Study
from pliant.study.store import postgres
from pliant.values.errors import StudyError

SPACE = flatten([choice("a", 5), choice("b", 5), choice("c", 5, picks=2)])
PATHS = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])


def make():
    return RegularizedEvolution(6, 3, seed=2)


def reward_of(decisions):
    return random.Random(str(decisions.values)).random()


def test_the_suite_ran_on_a_server(server):
    """Where there is none, this is what says so."""
    with Study.create(server(), SPACE, make()) as study:
        assert study.ask().id == 1


# --- one writer --------------------------------------------------------------------------------------------

HOLDER = """
import sys, time
from pliant.algorithms import RegularizedEvolution
from pliant.study import Study
study = Study.open(sys.argv[1], None, RegularizedEvolution(6, 3, seed=2))
study.ask()
print("open", flush=True)
time.sleep(120)
"""


@pytest.fixture
def holder(server):
    """A study, and a process that writes it."""
    place = server()
    Study.create(place, SPACE, make()).close()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, place],
        env={**os.environ, "PYTHONPATH": PATHS},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "open\n"
        yield place, process
    finally:
        process.kill()
        process.wait(60)
        process.stdout.close()


def test_a_second_writer_is_refused_and_told_who_is_the_first(holder, monkeypatch):
    place, process = holder
    monkeypatch.setattr(postgres, "WAIT_SECONDS", 0.01)
    for opens in (Study.open, Study.open_or_create, Study.create):
        with pytest.raises(
            StudyError,
            match=rf"is being written by process {process.pid} on \S+, since 2.*close it there.*Study\.open\(path\)",
        ):
            opens(place, SPACE, make())
    with Study.open(place) as study:  # reading needs nobody's leave
        assert study.counts()["running"] == 1
        study.enqueue({"a": 1, "b": 1, "c": [0, 1]})


def test_a_dead_holder_is_taken_over_at_once(holder):
    place, process = holder
    process.send_signal(signal.SIGKILL)
    start = time.monotonic()
    with Study.open(place, SPACE, make()) as study:
        assert time.monotonic() - start < 2
        assert study.ask().attempts == 2
        assert f"process {os.getpid()}" in study.info().holder


def test_studies_of_one_database_do_not_meet(server):
    with Study.create(server(), SPACE, make()) as one, Study.create(server(), SPACE, make()) as other:
        one.tell(one.ask().id, 1.0)
        assert other.counts()["completed"] == 0
        assert other.ask().id == 1


def test_what_is_there_is_not_overwritten(server):
    place = server()
    Study.create(place, SPACE, make()).close()
    with pytest.raises(StudyError, match=r"there is already a study at '.*'\. Continue it by Study\.open or"):
        Study.create(place, SPACE, make())


def test_the_password_is_never_shown(server):
    place = server()
    secret = place.replace("://postgres@", "://postgres:s3cret@")
    if secret == place:
        pytest.skip("PLIANT_POSTGRES names a user with a password, or another one than postgres")
    with Study.create(secret, SPACE, make()) as study:
        assert "s3cret" not in f"{study} {study.path} {study.info()}"
        assert "postgres:***@" in f"{study}"


def test_a_reader_sees_one_moment(server):
    """Whatever is written meanwhile."""
    place = server()
    with Study.create(place, SPACE, make()) as study, Study.open(place) as reader:
        with reader._store.transaction() as record:
            assert record.counts() == {}
            study.tell(study.ask().id, 0.5)
            assert record.counts() == {}
        assert reader.counts()["completed"] == 1


# --- wrong addresses ---------------------------------------------------------------------------------------


def test_no_such_study(server):
    place = server("digits")
    Study.create(server("letters"), SPACE, make()).close()
    with pytest.raises(
        StudyError,
        match=r"no study found at '.*study=digits_\w+'\. Studies in this database: .*letters_.*Make one with",
    ):
        Study.open(place)


def test_no_server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = f"postgresql://me:s3cret@127.0.0.1:{port}/db?study=a"
    for opens in (Study.open, Study.create, Study.open_or_create):
        with pytest.raises(
            StudyError,
            match=r"'postgresql\+psycopg://me:\*\*\*@.*' cannot be reached\. Check the address, that the",
        ) as caught:
            opens(place, SPACE, make())
        assert "s3cret" not in str(caught.value)


def test_no_database(server):
    base, _, query = server().partition("?")
    place = f"{base.rpartition('/')[0]}/no_such_database?{query}"
    with pytest.raises(
        StudyError, match=r"cannot be reached\..*`createdb NAME`.*\"no_such_database\" does not"
    ):
        Study.create(place, SPACE, make())


def test_without_psycopg(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(
        StudyError,
        match=r"a study on a server needs psycopg, .*`pip install \"pliant\[postgres\]\"`, or store",
    ):
        Study.open("postgresql://host/db?study=a")


def test_a_newer_version(server, execute):
    place = server()
    Study.create(place, SPACE, make()).close()
    execute(place, "UPDATE pliant_schema SET version = 99")
    for algorithm in (None, make()):
        with pytest.raises(StudyError, match=r"version 99 of the format, by a newer Pliant; this one knows"):
            Study.open(place, SPACE, algorithm)


def test_a_schema_that_is_not_ours(server, execute):
    place = server()
    name = place.rpartition("study=")[2]
    execute(place, f'CREATE SCHEMA "study_{name}"')
    execute(place, "CREATE TABLE photos (id INTEGER)")
    with pytest.raises(StudyError, match=r"is not a study, but a database with the tables \['photos'\]"):
        Study.open(place)
    with pytest.raises(StudyError, match=r"there is a study at|is not a study"):
        Study.open_or_create(place, SPACE, make())


def test_another_program_writes_our_tables(server, execute):
    place = server()
    with Study.create(place, SPACE, make()) as study:
        study.ask()
        execute(place, "INSERT INTO events (seq, kind, trial) VALUES (2, 'tell', 1)")
        with pytest.raises(StudyError, match=r"another program changed '.*' between two steps of this one"):
            study.tell(1, 0.5)


# --- F14: a server that stops ------------------------------------------------------------------------------


class Cluster:
    """A server of our own, in a temporary folder, that may be stopped in any way."""

    def __init__(self, programs, folder):
        self.programs, self.folder = programs, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.run("initdb", "--auth-host=password", "--auth-local=trust", "-U", "postgres", "--no-sync")
        self.start()
        self.url = f"postgresql://postgres:right@127.0.0.1:{self.port}/postgres"
        self.run_sql("ALTER USER postgres PASSWORD 'right'")

    def run(self, program, *arguments):
        command = [str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--", *command]
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    def run_sql(self, statement):
        import psycopg

        with psycopg.connect(
            f"host={self.folder} port={self.port} user=postgres dbname=postgres"
        ) as connection:
            connection.execute(statement)

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c shared_buffers=16MB"
        self.run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, how="immediate"):
        self.run("pg_ctl", "-w", "-m", how, "stop")


def find_programs():
    """Returns the folder of PostgreSQL's programs, or why a server cannot be made here."""
    found = [Path(name).parent for name in [shutil.which("initdb")] if name]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    folders = [folder for folder in found if (folder / "initdb").exists() and (folder / "pg_ctl").exists()]
    if not folders:
        return "PostgreSQL's initdb and pg_ctl are not installed, with which the test makes a server to stop"
    if os.geteuid() == 0:
        import pwd

        if not shutil.which("setpriv") or "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
            return "root cannot run a server, and there is no user postgres, or no setpriv"
    return folders[0]


@pytest.fixture(scope="module")
def cluster():
    programs = find_programs()
    if isinstance(programs, str):
        pytest.skip(programs)
    folder = Path(
        tempfile.mkdtemp(prefix="pliant-")
    )  # short: the name of a socket has at most 107 characters
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    try:
        cluster = Cluster(programs, folder)
        yield cluster
        cluster.stop()
    finally:
        shutil.rmtree(folder)


def test_a_wrong_password(cluster):
    with pytest.raises(
        StudyError, match=r"cannot be reached\..*and your rights.*password authentication"
    ) as caught:
        Study.create(cluster.url.replace("right", "wr0ng") + "?study=a", SPACE, make())
    assert "wr0ng" not in str(caught.value)


def test_a_server_that_stops_in_mid_search(cluster):
    """Again and again, at once and as if by a loss of power: nothing is lost, or done twice, and nobody notices."""
    place = f"{cluster.url}?study=stops"
    count, told, faults, stops = 150, [], [], 3
    with Study.create(place, SPACE, make(), trials=count) as study, Study.open(place) as reader:

        def search():
            try:
                while trial := study.ask():
                    told.append((trial.id, study.tell(trial.id, reward_of(trial.decisions)).reward))
                    study.counts()
                    time.sleep(0.004)
            except BaseException as error:
                faults.append(error)
                raise

        thread = threading.Thread(target=search)
        thread.start()
        draw = random.Random(0)
        for stop in range(stops):
            while thread.is_alive() and len(told) < (stop + 1) * count // (stops + 2):
                time.sleep(0.001)
            time.sleep(draw.random() * 0.01)
            cluster.stop()
            cluster.start()
        thread.join(120)
        assert not faults
        assert not thread.is_alive()
        assert study._store.losses >= stops
        trials = list(study.trials())
        assert reader.counts()["completed"] == count
        assert [trial.id for trial in trials] == list(range(1, count + 1))
        assert [(trial.id, trial.reward) for trial in trials] == told
        assert sum(trial.attempts - 1 for trial in trials) <= stops
        assert study.journal() == []
    alone = make()
    alone.setup(SPACE)
    for trial in trials:
        assert trial.decisions == alone.propose()
        alone.feedback(trial.decisions, trial.reward)


def lose_the_next_answer(study):
    """Has the next commit succeed, and then its connection lost before the answer arrives."""
    import psycopg

    raw = study._store.record.connection.connection.driver_connection
    commit = raw.commit

    def cut():
        commit()
        with psycopg.connect(study._store._server.url.replace("+psycopg", ""), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [raw.info.backend_pid])
        raw.execute("SELECT 1")

    raw.commit = cut


def test_an_answer_that_was_lost_is_not_asked_for_again(server):
    """The step was committed: done once more, it would be told twice, or learned twice."""
    place = server()
    with Study.create(place, SPACE, make()) as study, Study.create(server(), SPACE, Random()) as other:
        other.tell(other.ask().id, 0.5)
        lose_the_next_answer(study)
        assert (study.ask().id, study.trial(1).attempts) == (1, 1)
        lose_the_next_answer(study)
        assert study.report(1, 0.25, step=1) is False
        lose_the_next_answer(study)
        assert study.tell(1, 0.5).reward == 0.5
        lose_the_next_answer(study)
        assert study.learn_from(other) == 1
        assert study.ask().id == 2
        lose_the_next_answer(study)
        assert study.put_back(2, "gone", attempts=1).status == "failed"
        assert study._store.losses == 5
        kinds = [event.kind for event in study._store.read(lambda record: list(record.events_after(0)))]
        assert kinds == ["ask", "report", "tell", "prior", "ask", "tell"]
    alone = make()
    alone.setup(SPACE)
    with Study.open(place, SPACE, make()) as study:
        first = alone.propose()
        alone.report(first, 0.25, step=1)
        alone.feedback(first, 0.5)
        with Study.open(other.path) as source:
            alone.feedback(source.trial(1).decisions, 0.5)
        alone.feedback(alone.propose(), None)
        assert study.ask().decisions == alone.propose()


def test_somebody_else_wrote_while_the_connection_was_lost(server):
    """The right to write is taken back, and what the other wrote is read."""
    place = server()
    with Study.create(place, SPACE, make()) as study:
        study.ask()
        lose_the_next_answer(study)
        reconnect = study._store.reconnect

        def write_first():
            with Study.open(place, SPACE, make()) as other:
                assert other.ask().id == 1
                other.tell(1, 0.5)
            reconnect()

        study._store.reconnect = write_first
        assert study.ask().id == 2
        assert study.trial(1).reward == 0.5
        assert study.ask().id == 3


def test_somebody_else_writes_since_the_connection_was_lost(server, monkeypatch):
    monkeypatch.setattr(postgres, "WAIT_SECONDS", 0.01)
    place = server()
    with Study.create(place, SPACE, make()) as study:
        study.ask()
        lose_the_next_answer(study)
        reconnect, other = study._store.reconnect, []

        def take_over():
            other.append(Study.open(place, SPACE, make()))
            monkeypatch.setattr(postgres.Holder, "is_here", property(lambda holder: False))
            reconnect()

        study._store.reconnect = take_over
        with pytest.raises(StudyError, match="is being written by process"):
            study.tell(1, 0.5)
        assert other[0].trial(1).reward == 0.5  # it was committed, and only the answer lost
        other[0].close()


def test_a_server_that_does_not_come_back(server, monkeypatch):
    monkeypatch.setattr(postgres, "PATIENCE", 0.1)
    with Study.create(server(), SPACE, make()) as study:
        study.ask()
        lose_the_next_answer(study)

        def refuse():
            raise postgres.sa.exc.OperationalError("", {}, ConnectionRefusedError("refused"))

        monkeypatch.setattr(study._store._engine, "connect", refuse)
        with pytest.raises(
            StudyError,
            match=r"the server of '.*' was unreachable for 0\.1 s\. Start it, and run again",
        ):
            study.tell(1, 0.5)
        monkeypatch.undo()
        assert study.trial(1).reward == 0.5
