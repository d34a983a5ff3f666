"""A served study under clients that attack it: an honest client goes on, memory stays bounded, and the study does not change."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

import pliant
from pliant.algorithms import Random
from pliant.study import Study
from pliant.study.client import connect
from pliant.study.peer import MAX_HELD, PIECE
from pliant.study.serve import serve
from pliant.study.wire import MAX_LINE, address_of
from pliant.values.errors import FeedbackError, StaleError, StudyError
from pliant.values.lines import encode_line

PROGRAM = Path(__file__).with_name("clients.py")
ROUNDS = 5  # of the honest client, while and after each attack
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="studies are served over Unix sockets")


@pytest.fixture
def served(path, space):
    with Study.create(path, space, Random(), trials=100_000) as study, serve(study, lease=60):
        yield study


@contextmanager
def raw(place):
    """A connection without a client."""
    with closing(socket.socket(socket.AF_UNIX)) as one:
        one.connect(address_of(place))
        one.settimeout(60)
        yield one


@contextmanager
def honest(study, path):
    """A client that has trial 1, and works on others; at the end its trials are all that changed."""
    with connect(path, worker="honest") as client:
        first = client.ask()

        def work():
            for _ in range(ROUNDS):
                trial = client.ask()
                client.tell(trial.id, 0.5, token=trial.token)

        before = study.trial(first.id)
        yield work
        work()
        assert study.trial(first.id) == before
        assert study.journal() == []
        assert {trial.worker for trial in study.trials()} == {"honest"}
        assert client.tell(first.id, 0.5, token=first.token).reward == 0.5


def send(one, data):
    """Sends as much as the server takes."""
    with suppress(BrokenPipeError, ConnectionResetError):
        one.sendall(data)


def answers(one, data=b""):
    """Sends data, and returns all answers until the server hangs up."""
    found = bytearray()
    with suppress(ConnectionResetError):
        send(one, data)
        with suppress(OSError):
            one.shutdown(socket.SHUT_WR)
        while piece := one.recv(1 << 16):
            found += piece
    return [json.loads(line) for line in bytes(found).split(b"\n") if line]


# ------------------------------------------------------------------ what is not a request


def hello_of_tls():
    """The beginning of a TLS connection, without the byte of a new line."""
    noise = random.Random(0).randbytes(160).replace(b"\n", b"x")
    return bytes.fromhex("16030100a5010000a10303") + noise


NO_REQUESTS = {
    "100 MB without a new line": b"x" * (100 << 20),
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tls": hello_of_tls(),
    "half a request": b'{"do": "tell", "id"',
    "10,000 lists": b'{"do": ' + b"[" * 10_000 + b"]" * 10_000 + b"}\n",
    "10,000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"\n",
    "an integer of 5,000 digits": b'{"do": "tell", "id": ' + b"9" * 5000 + b"}\n",
    "NaN": b'{"do": "ask", "n": NaN}\n',
    "Infinity": b'{"do": "ask", "n": [{"a": -Infinity}]}\n',
    "not UTF-8": b'{"do": "ask", "worker": "\xff\xfe"}\n',
    "UTF-16": '{"do": "ask"}\n'.encode("utf-16"),
    "a repeated key": b'{"do": "renew", "do": "ask"}\n',
    "a repeated key inside": b'{"do": "ask", "x": [{"a": 1, "a": 1}]}\n',
    "two values": b'{"do": "ask"} {"do": "ask"}\n',
    "null bytes": b"\0" * 1000 + b"\n",
}


@pytest.mark.parametrize("kind", NO_REQUESTS)
def test_what_is_not_a_request(served, path, kind):
    """The client is disconnected without an answer."""
    with honest(served, path) as work, raw(path) as one:
        assert answers(one, NO_REQUESTS[kind]) == []
        work()


@pytest.mark.parametrize("start", [b"", b"\n", hello_of_tls(), b'{"do": "ask"', b'\n{"do":'])
def test_a_client_that_says_no_request(served, path, monkeypatch, start):
    """It is disconnected although it stays connected."""
    monkeypatch.setattr("pliant.study.peer.CALL_SECONDS", 0.5)
    monkeypatch.setattr("pliant.study.serve.CALL_SECONDS", 0.5)
    with honest(served, path) as work, raw(path) as one:
        one.sendall(start)
        work()
        assert one.recv(1) == b""


def test_half_a_request_and_silence(path, space):
    """A client that was silent for longer than the lease is disconnected, if it stopped within a request, and not between two."""
    with (
        Study.create(path, space, Random()) as study,
        serve(study, lease=1.0),
        raw(path) as one,
        raw(path) as two,
    ):
        for client in (one, two):
            client.sendall(encode_line({"do": "renew"}))
            assert client.recv(100) == b'{"n":null}\n'
        one.sendall(b'{"do": "renew", "n":')
        assert one.recv(1) == b""
        two.sendall(encode_line({"do": "renew", "n": 1}))
        assert two.recv(100) == b'{"n":1}\n'


def test_half_a_request_without_end(path, space):
    """A byte now and then extends nothing."""
    with Study.create(path, space, Random()) as study, serve(study, lease=1.0), raw(path) as one:
        one.sendall(encode_line({"do": "renew"}) + b'{"do": "')
        assert one.recv(100) == b'{"n":null}\n'
        end = time.monotonic() + 60
        with suppress(BrokenPipeError, ConnectionResetError):
            while True:
                one.sendall(b"x")
                assert time.monotonic() < end, "a request of one byte now and then was not ended"
                time.sleep(0.05)


# ------------------------------------------------------------------ requests that change nothing

TELL = {"do": "tell", "id": 1, "token": 1, "reward": 1.0, "metrics": {}}
REPORT = {"do": "report", "id": 1, "token": 1, "reward": 1.0, "step": 1, "metrics": {}}
FAIL = {"do": "fail", "id": 1, "token": 1, "reason": "x", "cause": "error", "metrics": {}}
RETURN = {"do": "put_back", "id": 1, "token": 1, "reason": "x"}
TOKENS = [
    None,
    0,
    -1,
    2,
    10**18,
    -(10**18),
    10**300,
    10**2000,
    1.0,
    1.5,
    True,
    "1",
    "x" * 10_000,
    [1],
    {"1": 1},
]
IDS = [0, -1, 10**9, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**300, 10**2000, 1.0, True, "1", None, [], {}]
REWARDS = [None, "1", [], [1, "2"], {"a": 1}, "x" * 10_000, [[1]], 10**400]


@pytest.mark.parametrize("request_", [TELL, REPORT, FAIL, RETURN], ids=lambda one: one["do"])
def test_forged_tokens_ids_and_rewards(served, path, request_):
    lines = [{**request_, "token": token} for token in TOKENS] + [
        {**request_, "id": number} for number in IDS
    ]
    if "reward" in request_:
        lines += [{**request_, "reward": reward} for reward in REWARDS]
    with honest(served, path), raw(path) as one:
        found = answers(
            one, b"".join(map(encode_line, lines)) + b'{"do": "tell", "id": 1, "token": 1, "reward": 1e999}\n'
        )
    assert len(found) == len(lines) + 1
    assert all("error" in answer and len(answer["text"]) < 1000 for answer in found)


def test_a_token_that_was_never_given_out(served, path):
    with connect(path) as client:
        trial = client.ask()
        for token in (0, 2):
            with pytest.raises(
                FeedbackError, match=rf"trial 1 has no attempt {token}: its present attempt is 1"
            ) as caught:
                client.tell(trial.id, 0.5, token=token)
            assert not isinstance(caught.value, StaleError)
        for token in (None, 1.5, "1"):
            with pytest.raises(
                FeedbackError, match=r"the token of a trial is an integer, `trial\.token`; got"
            ):
                client.tell(trial.id, 0.5, token=token)
        assert client.tell(trial.id, 0.5, token=trial.token).reward == 0.5  # the remedy


@pytest.mark.parametrize("held", [[[1, 1]], [[1, 1]] * 9, [[1, 0], [1, 1], [2, 1]]])
def test_a_client_that_claims_the_trial_of_another(served, path, held):
    """When it disconnects, the trial stays with the client that has it."""
    with honest(served, path) as work:
        with raw(path) as one:
            found = answers(
                one,
                encode_line({"do": "hello", "worker": "thief", "held": held}) + encode_line({"do": "renew"}),
            )
            assert [set(answer) for answer in found] == [{"n", "space", "lease", "name", "complete"}, {"n"}]
        work()


def test_a_client_that_comes_back_by_another_connection(served, path):
    """It gets its trials, though the server reads the end of the earlier connection in the same turn."""
    first, second = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    with closing(first), closing(second), connect(path) as other:
        first.connect(address_of(path))
        first.sendall(encode_line({"do": "ask"}))
        trial = json.loads(first.recv(1 << 16))["trial"]
        second.connect(address_of(path))
        with served._store.lock:  # so that the server reads both at once
            first.close()
            second.sendall(
                encode_line({"do": "hello", "worker": "again", "held": [[trial["id"], trial["attempts"]]]})
            )
            time.sleep(0.2)
        second.recv(1 << 16)
        assert other.ask().id == trial["id"] + 1


def test_texts_that_are_no_text(served, path):
    r"""Halves of characters, null bytes and long texts."""
    lines = [
        {"do": "hello", "worker": "\ud800\0" * 1000, "n": 1},
        {"do": "\ud800", "n": "\ud800"},
        {"do": "x" * 10_000, "n": 10**300},
        {"do": "renew", "n": "x" * 500_000},
    ]
    with honest(served, path), raw(path) as one:
        found = answers(one, b"".join(map(encode_line, lines)))
    assert [answer["n"] for answer in found] == [1, None, 10**300, None]
    assert [answer.get("error") for answer in found] == [None, "StudyError", "StudyError", None]


# ------------------------------------------------------------------ many connections


def test_more_clients_than_open_files(path, space, monkeypatch):
    """Those that say nothing give way; a client beyond that gets an error that says what to do."""
    monkeypatch.setattr("pliant.study.serve.count_room", lambda: 8)
    with (
        ExitStack() as stack,
        Study.create(path, space, Random()) as study,
        serve(study),
        honest(study, path) as work,
    ):
        idle = [stack.enter_context(raw(path)) for _ in range(300)]
        work()
        with connect(path, worker="honest") as late:
            trial = late.ask()
            assert late.tell(trial.id, 0.5, token=trial.token).attempts == 1
        assert idle[0].recv(1) == b""
        speaking = []
        for _ in range(7):
            speaking.append(stack.enter_context(raw(path)))
            speaking[-1].sendall(encode_line({"do": "renew"}))
            assert speaking[-1].recv(100) == b'{"n":null}\n'
        with pytest.raises(
            StudyError, match=r"has 8 clients, and its process has no open files for more\. Close some"
        ):
            connect(path)
        speaking[0].close()  # the remedy
        end = time.monotonic() + 60
        while True:
            with suppress(StudyError), connect(path) as late:
                break
            assert time.monotonic() < end, "the place of a client that has gone was not given to another"


@pytest.fixture
def server(path):
    """A server in another process with at most 128 open files; returns the most memory that it had, in MB."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the memory of a process is read from /proc")
    paths = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [
            "/bin/sh",
            "-c",
            'ulimit -n 128; exec "$@"',
            "sh",
            sys.executable,
            PROGRAM,
            "serve",
            path,
            "100000",
            "60",
        ],
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )

    def memory():
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

    try:
        assert process.stdout.readline() == "serving\n"
        yield memory
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


LONG = b'{"do":"hello","worker":"x","held":[' + b"[]," * ((MAX_LINE - 100) // 3)


@pytest.mark.parametrize("kind", ["idle", "half", "whole", "deaf", "gone"])
def test_many_connections(server, path, kind):
    """Of clients that say nothing, or 1 MB, or read nothing, or leave at once; more than the server has open files."""
    ask = encode_line({"do": "hello", "worker": "y"}) * 8
    with connect(path, patience=60) as client, ExitStack() as stack:
        before = server()
        trial = client.ask()
        for number in range(20 if kind == "whole" else 300):
            one = stack.enter_context(raw(path))
            if kind in ("half", "whole"):
                send(one, LONG)
            if kind == "whole":
                send(one, b"1]}\n")
            if kind == "deaf":
                one.setblocking(False)
                with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                    for _ in range(100):
                        one.send(ask)
            if kind == "gone":
                one.close()
            if number % 20 == 0:
                other = client.ask()
                assert client.tell(other.id, 0.5, token=other.token).attempts == 1
        if kind not in ("whole", "deaf"):  # which have said something, and keep their places
            with connect(path, patience=60) as late:
                late.ask()
        assert client.tell(trial.id, 0.5, token=trial.token).attempts == 1
        assert server() - before < 3 * MAX_HELD / (1 << 20)


def test_a_long_request_in_pieces(served, path):
    """Requests that are longer than what is read at once arrive whole."""
    metrics = {f"metric {number}": number + 0.5 for number in range(4 * PIECE // 20)}
    with connect(path) as client:
        trial = client.ask()
        assert client.tell(trial.id, 0.5, token=trial.token, metrics=metrics).metrics == metrics


def test_a_client_that_reads_one_byte_at_a_time(served, path):
    """It does not delay others, and its requests wait in its socket."""
    with honest(served, path) as work, raw(path) as one:
        one.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                one.send(encode_line({"do": "hello", "worker": "slow"}) * 10)
        one.settimeout(60)
        for _ in range(20):
            assert len(one.recv(1)) == 1
            work()
