"""A served study under clients that ask for too much, never read, or hold too much, and a server that is stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

import pliant
from pliant.algorithms import Random
from pliant.study import Study
from pliant.study.client import connect
from pliant.study.serve import serve
from pliant.study.wire import MAX_LINE, address_of
from pliant.values.errors import StudyError, StudyInUseError
from pliant.values.lines import encode_line

PROGRAM = Path(__file__).with_name("clients.py")
SOON = 3.0  # seconds of work; what is tested here took 15 s and more
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="studies are served over Unix sockets")


@pytest.fixture
def start():
    """Starts clients.py with arguments; what still runs when the test ends is killed."""
    paths = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    with ExitStack() as stack:

        def run(*arguments):
            process = subprocess.Popen(
                [sys.executable, PROGRAM, *map(str, arguments)],
                env={**os.environ, "PYTHONPATH": paths},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            stack.callback(_end, process)
            return process

        yield run


def _end(process):
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)


@contextmanager
def raw(place):
    """A connection without a client."""
    with closing(socket.socket(socket.AF_UNIX)) as one:
        one.settimeout(60)
        one.connect(address_of(place))
        yield one


def read_answer(one):
    with one.makefile("rb") as lines:
        return json.loads(next(lines))


@pytest.fixture
def served(path, space):
    with Study.create(path, space, Random(), trials=100_000) as study, serve(study, lease=60):
        yield study


@pytest.fixture
def crowded(path, space):
    """A served study with 4000 trials that an earlier process handed out."""
    with Study.create(path, space, Random(), trials=100_000) as study, study.together():
        for _ in range(4000):
            study.ask()
    with Study.open(path, space, Random()) as study, serve(study, lease=60):
        yield study


@contextmanager
def soon():
    """Limits the time that the server, in this process, works while others wait; a busy machine adds to the clock only."""
    worked, begin = time.process_time(), time.monotonic()
    yield
    assert time.process_time() - worked < SOON
    assert time.monotonic() - begin < 10 * SOON


HELD = {
    "wrong numbers": [[number, 1] for number in range(10_000, 90_000)],
    "wrong attempts": [[1 + i % 4000, 2] for i in range(100_000)],
    "one trial": [[1, 1]] * 120_000,
    "no numbers": [["1", 1], [None, None], [1.0, 1], [True, 1], [10**30, 1]] * 10_000,
}


@pytest.mark.parametrize("kind", HELD)
def test_one_message_with_many_trials(crowded, path, kind):
    """It took 15 s, for which all others waited."""
    line = encode_line({"do": "hello", "worker": "greedy", "held": HELD[kind], "n": 1})
    assert MAX_LINE // 2 < len(line) < MAX_LINE or kind in ("one trial", "no numbers")
    with connect(path) as client, raw(path) as one:
        client.ask()  # the earlier workers had their time to come back
        one.sendall(line)
        with soon():
            client.ask()
        assert "space" in read_answer(one)


@pytest.mark.parametrize("held", [5, None, [1], [[1, 1, 1]], {"1": 1}, [[[], 1]], "ab"])
def test_trials_of_another_form(served, path, held):
    with connect(path) as client, raw(path) as one:
        trial = client.ask()
        one.sendall(encode_line({"do": "hello", "worker": "odd", "held": held, "n": 1}))
        found = read_answer(one)
        assert "malformed request" in found.get("text", "malformed request")
        assert client.tell(trial.id, 0.5, token=1).reward == 0.5


def test_a_worker_with_many_trials_comes_back_and_dies(crowded, path):
    """Its trials are taken back, renewed and put back without making others wait."""
    held = [[number, 1] for number in range(1, 4001)]
    with connect(path) as client:
        with raw(path) as one:
            one.sendall(encode_line({"do": "hello", "worker": "rich", "held": held, "n": 1}))
            with soon():
                read_answer(one)
                first = client.ask()
                assert first.id == 4001  # the others have their worker
            with soon():
                one.sendall(encode_line({"do": "renew", "n": 2}))
                read_answer(one)
        with soon():
            second = client.ask()
        end = time.monotonic() + 30
        while len(crowded.journal()) < 4000:
            assert time.monotonic() < end, "the trials were not put back"
            time.sleep(0.05)
        again = client.ask()
        is_back = second.id == 1  # the first trial may be put back before the second request is read
        assert (again.id, again.token) == (1 + is_back, 2)


def test_a_worker_that_sends_requests_without_end(crowded, path):
    """Each client gets its share."""
    held = [[number, 1] for number in range(1, 4001)]
    with connect(path) as client, raw(path) as one:
        one.sendall(encode_line({"do": "hello", "worker": "loud", "held": held}))
        read_answer(one)

        def drain():
            with suppress(OSError):
                while one.recv(1 << 16):
                    pass

        def flood():
            with suppress(OSError):
                while True:
                    one.sendall(b'{"do":"renew"}\n' * 4000)

        threads = [threading.Thread(target=work, daemon=True) for work in (drain, flood)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            with soon():
                trial = client.ask()
                client.tell(trial.id, 0.5, token=trial.token)
        one.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(30)


def test_workers_that_never_read(served, path):
    """They are disconnected, lose their trials, and make nobody wait meanwhile."""
    hello = encode_line({"do": "hello", "worker": "deaf"})
    with connect(path) as client, ExitStack() as stack:
        deaf = [stack.enter_context(raw(path)) for _ in range(5)]
        for one in deaf:
            one.sendall(encode_line({"do": "ask"}))
            read_answer(one)
            one.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    one.send(hello * 100)
        end = time.monotonic() + 60
        while len(served.journal()) < 5:  # longer than LISTEN_SECONDS
            assert time.monotonic() < end, "the deaf clients were not disconnected"
            with soon():
                trial = client.ask()
                client.tell(trial.id, 0.5, token=trial.token)
        assert {text for _, _, text in served.journal()} == {"attempt 1 was lost: deaf disconnected"}
        while min(served.trial(number).attempts for number in range(1, 6)) < 2:  # others get their trials
            assert client.ask() is not None


def test_a_worker_that_reads_slowly_is_served(served, path, monkeypatch):
    monkeypatch.setattr("pliant.study.peer.LISTEN_SECONDS", 1.0)
    count = 3000
    with raw(path) as one:
        thread = threading.Thread(
            target=one.sendall, args=(encode_line({"do": "hello", "worker": "s"}) * count,)
        )
        thread.start()
        lines = 0
        while lines < count:
            data = one.recv(1 << 16)
            assert data, "a client that reads was disconnected"
            lines += data.count(b"\n")
            time.sleep(0.02)
        thread.join(30)


# ------------------------------------------------------------------ a server that is stopped


def test_a_server_that_was_stopped_breaks_no_lease(path, start):
    """SIGSTOP twice for longer than the lease, with the request of another client waiting: the first keeps its trial."""
    server = start("serve", path, 50, 2)
    assert server.stdout.readline() == "serving\n"
    with connect(path, worker="first") as first, connect(path, worker="second") as second:
        trial = first.ask()
        for number in range(2):
            os.kill(server.pid, signal.SIGSTOP)
            found = []
            thread = threading.Thread(target=lambda: found.append(second.ask()))  # noqa: B023  # ends in this turn
            thread.start()
            time.sleep(3)
            os.kill(server.pid, signal.SIGCONT)
            thread.join(30)
            assert (found[0].id, found[0].token) == (trial.id + 1 + number, 1)
        assert first.tell(trial.id, 0.5, token=1).attempts == 1
    with Study.open(path) as study:
        assert not [text for _, _, text in study.journal() if "silent" in text]


def test_a_worker_that_is_stopped_still_loses_its_trial(path, start):
    server = start("serve", path, 50, 1)
    assert server.stdout.readline() == "serving\n"
    stopped = start("hold", path)
    assert stopped.stdout.readline() == "1 1\n"
    with connect(path) as client:
        os.kill(stopped.pid, signal.SIGSTOP)
        time.sleep(2.5)
        again = client.ask()
        assert (again.id, again.token) == (1, 2)


# ------------------------------------------------------------------ the end of a study, and a second start


def test_a_complete_study(path, space):
    """``connect`` says so, and the remedy of its message works."""
    with Study.create(path, space, Random(), trials=2) as study, serve(study):
        with connect(path) as client:
            for trial in client:
                client.tell(trial.id, 0.5, token=trial.token)
            assert client.ask() is None
        with pytest.raises(
            StudyError, match=r"is complete: nothing is left to ask for\. Read it with `pliant"
        ):
            connect(path)
    assert pliant.Study.open(str(path)).is_complete
    with Study.open(path, space, Random(), trials=3) as study, serve(study), connect(path) as client:
        assert client.ask().id == 3


def test_a_script_that_is_started_twice(path, start):
    """The second one is told how two processes share a study, and that works."""
    server = start("serve", path, 5)
    assert server.stdout.readline() == "serving\n"
    second = start("serve", path, 5)
    said = second.communicate(timeout=60)[1]
    assert second.returncode != 0
    assert "`pliant.study.serve.serve(study)` there and `pliant.study.client.connect(path)` here" in said
    with connect(path) as client:
        assert client.ask().id == 1
    with pytest.raises(
        StudyInUseError, match=r"serve\(study\)` there and `pliant\.study\.client\.connect\(path\)` here"
    ):
        Study.open(path, *_clients())


def _clients():
    import importlib.util

    spec = importlib.util.spec_from_file_location("clients", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SPACE, module.algorithm()
