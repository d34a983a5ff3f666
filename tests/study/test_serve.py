"""A served study under processes that stop, die, repeat themselves and talk nonsense: nothing is lost or done twice."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

import pliant
from pliant.algorithms import Random
from pliant.algorithms.evolution import NSGA2
from pliant.study import Study
from pliant.study.client import connect
from pliant.study.serve import serve
from pliant.study.wire import MAX_LINE, address_of
from pliant.values.errors import (
    FeedbackError,
    FieldTypeError,
    FieldValueError,
    RewardError,
    StaleError,
    StudyError,
)
from pliant.values.lines import encode_line

PROGRAM = Path(__file__).with_name("clients.py")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="studies are served over Unix sockets")


@pytest.fixture
def start():
    """Starts clients.py with arguments; whatever still runs when the test ends is killed."""
    paths = os.pathsep.join([str(Path(pliant.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    with ExitStack() as stack:

        def run(*arguments):
            process = subprocess.Popen(
                [sys.executable, PROGRAM, *map(str, arguments)],
                env={**os.environ, "PYTHONPATH": paths},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # so that its children end with it
            )
            stack.callback(_end, process)
            return process

        yield run


def _end(process):
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)


def hear(process):
    return process.stdout.readline().strip()


def answer_of(process):
    """Lets a process that waits go on, and returns what it says then."""
    process.stdin.write("\n")
    process.stdin.flush()
    return hear(process)


@pytest.fixture
def served(place, space):
    """A study of 9 trials that is served, with a lease that is long beside a step of these tests."""
    with Study.create(place, space, Random(), trials=9) as study, serve(study, lease=30):
        yield study


def told(study):
    """How often each trial was told, by the events, which no rewrite hides."""
    with study._store.transaction() as record:
        rows = record.connection.exec_driver_sql("SELECT trial FROM events WHERE kind = 'tell'")
        return sorted(trial for (trial,) in rows)


# ------------------------------------------------------------------ many clients


@pytest.mark.parametrize("count", [8, 32])
def test_a_crowd_of_processes(start, path, count):
    """F8: as many trials as there may be, none twice, no error, whoever asks how often."""
    server = start("serve", path, 2000)
    assert hear(server) == "serving"
    crowd = json.loads(start("crowd", path, count).communicate(timeout=300)[0])
    assert crowd["errors"] == []
    assert crowd["codes"] == [0] * count
    assert sorted(trial for _, trial, _ in crowd["told"]) == list(range(1, 2001))
    assert {token for _, _, token in crowd["told"]} == {1}
    assert len({who for who, _, _ in crowd["told"]}) == count  # each had its share
    server.communicate("\n", timeout=60)
    with Study.open(path) as study:
        assert study.counts() == {"running": 0, "completed": 2000, "stopped": 0, "failed": 0}
        assert study.is_complete
        assert told(study) == list(range(1, 2001))
        assert study.journal() == []


def test_one_client_is_as_a_loop(path, tmp_path, space):
    """The study that a client works through is the one that a loop in the process itself would have made."""

    def rewards(study):
        return [(trial.decisions.values, trial.reward) for trial in study.trials()]

    with Study.create(path, space, Random(seed=3), trials=9) as study, serve(study):
        with connect(path) as client:
            for trial in client:
                client.tell(trial.id, trial.decisions.values[-1], token=trial.token)
        served = rewards(study)
    with Study.create(tmp_path / "plain.db", space, Random(seed=3), trials=9) as study:
        while trial := study.ask():
            study.tell(trial.id, trial.decisions.values[-1])
        assert rewards(study) == served


def test_what_a_client_may_do(served, place):
    with connect(place, worker="me") as client:
        assert client.name == served.name
        assert client.space == served.space
        first, second, third = client.ask(), client.ask(), client.ask()
        assert not client.report(first.id, 0.5, step=1, token=1, metrics={"loss": 2})
        ended = client.tell(first.id, 0.75, token=1, metrics={"latency": 3})
        assert (ended.reward, ended.metrics, ended.worker) == (0.75, {"latency": 3.0}, "me")
        assert client.fail(second.id, "diverged", token=1).reason == "diverged"
        assert client.put_back(third.id, "the GPU is gone", token=1).status == "running"
        again = client.ask()
        assert (again.id, again.token, again.decisions) == (third.id, 2, third.decisions)
    assert served.trial(first.id).reports[0].metrics == {"loss": 2.0}
    assert replace(served.trial(first.id), reports=()) == replace(ended, reports=())


def test_several_rewards(place, space):
    with Study.create(place, space, NSGA2(4), trials=2) as study, serve(study), connect(place) as client:
        trial = client.ask()
        assert client.tell(trial.id, (1.0, 2.0), token=1).rewards == (1.0, 2.0)
        assert client.tell(trial.id, [1, 2], token=1).rewards == (1.0, 2.0)  # again, in the same words


def test_asking_waits_for_others(served, place):
    """There is nothing left to ask for, but what another client has might yet come back."""
    with connect(place) as one, connect(place) as other:
        mine = [one.ask() for _ in range(9)]
        found = []
        thread = threading.Thread(target=lambda: found.append(other.ask()))
        thread.start()
        for trial in mine[1:]:
            one.tell(trial.id, 0.0, token=1)
        assert found == []
        one.put_back(mine[0].id, "no time", token=1)
        thread.join(30)
        assert [(trial.id, trial.token) for trial in found] == [(mine[0].id, 2)]
        other.tell(mine[0].id, 1.0, token=2)
        assert one.ask() is None


# ------------------------------------------------------------------ clients that stop, die, or repeat themselves


def test_a_client_that_stops_past_its_lease(place, space, start):
    """F5: its trial goes to somebody else; of the two results exactly one is taken."""
    with Study.create(place, space, Random(), trials=1) as study, serve(study, lease=1.0):
        stopped = start("hold", place)
        assert hear(stopped) == "1 1"
        stopped.send_signal(signal.SIGSTOP)
        with connect(place, worker="another") as client:
            trial = client.ask()  # waits until the lease is over
            assert (trial.id, trial.token) == (1, 2)
            stopped.send_signal(signal.SIGCONT)
            said = answer_of(stopped)
            assert re.match(
                r"StaleError: attempt 1 of trial 1 was given up, .* as attempt 2 to another", said
            )
            client.tell(1, 0.5, token=2)
        assert stopped.wait(30) == 0
        assert told(study) == [1]
        assert study.trial(1).reward == 0.5
        texts = [text for _, _, text in study.journal()]
        assert len(texts) == 2
        assert "attempt 1 was lost: holder " in texts[0]
        assert texts[0].endswith(" was silent for 1 s")
        assert "attempt 1 of trial 1 was given up" in texts[1]


def test_a_client_that_stops_and_comes_back_before_others_ask(place, space, start):
    """F5: late, but nobody has the trial meanwhile: the result is taken."""
    with Study.create(place, space, Random(), trials=1) as study, serve(study, lease=0.2):
        stopped = start("hold", place)
        assert hear(stopped) == "1 1"
        stopped.send_signal(signal.SIGSTOP)
        time.sleep(0.5)
        stopped.send_signal(signal.SIGCONT)
        assert answer_of(stopped) == "told"
        assert told(study) == [1]
        assert study.trial(1).attempts == 1


def test_a_client_that_lives_keeps_its_trial(place, space, start):
    """It works for several leases, and says that it is alive."""
    with Study.create(place, space, Random(), trials=1) as study, serve(study, lease=2.0):
        holder = start("hold", place)
        assert hear(holder) == "1 1"
        with connect(place) as other:
            other_asks = threading.Thread(target=other.ask, daemon=True)
            other_asks.start()
            time.sleep(5.0)
            assert answer_of(holder) == "told"
            other_asks.join(30)
            assert not other_asks.is_alive()
        assert study.trial(1).attempts == 1
        assert study.journal() == []


def test_the_same_result_from_several_processes(served, place, start):
    """F6: told three times at once in the same words, it is told once; in other words it is refused, and noted."""
    with connect(place) as client:
        trial = client.ask()
        processes = [start("tell", place, trial.id, trial.token, 0.5) for _ in range(3)]
        assert [hear(process) for process in processes] == ["ready"] * 3
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        assert [hear(process) for process in processes] == ["told"] * 3
        assert told(served) == [1]
        assert served.journal() == []
        with pytest.raises(FeedbackError, match=r"trial 1 was told twice: reward 0\.5 .* now reward 0\.75"):
            client.tell(1, 0.75, token=1)
        with pytest.raises(FeedbackError, match=r"told twice"):
            client.tell(1, 0.5, token=1, metrics={"latency": 1})
        with pytest.raises(FeedbackError, match=r"trial 1 was told twice: .* now failed \(no\)"):
            client.fail(1, "no", token=1)
    assert served.trial(1).reward == 0.5
    assert told(served) == [1]
    assert [trial for _, trial, text in served.journal() if "told twice" in text] == [1, 1, 1]


def test_a_failure_and_a_broken_constraint_are_told_again(place, space):
    with (
        Study.create(place, space, Random(), trials=3, constraints=["latency <= 10"]) as study,
        serve(study),
        connect(place) as client,
    ):
        first, second = client.ask(), client.ask()
        for _ in range(2):
            assert client.fail(first.id, "a\0b", token=1).reason == "a\ufffdb"
            broken = client.tell(second.id, 0.5, token=1, metrics={"latency": 11})
            assert (broken.status, broken.reward) == ("failed", None)
        with pytest.raises(FeedbackError, match="told twice"):
            client.tell(second.id, 0.25, token=1, metrics={"latency": 11})
        with pytest.raises(FeedbackError, match="told twice"):
            client.tell(first.id, 0.25, token=1, metrics={"latency": 1})
        with pytest.raises(RewardError, match=r"told without 'latency'"):
            client.tell(client.ask().id, 0.5, token=1)
        assert client.tell(3, 0.5, token=1, metrics={"latency": 3}).reward == 0.5  # it has its trial still
        assert told(study) == [1, 2, 3]


def test_a_client_that_is_killed(served, place, start, until):
    """Its trial comes again at once, with the next attempt, for there is nobody left to wait for."""
    killed = start("hold", place)
    assert hear(killed) == "1 1"
    killed.kill()
    killed.wait(30)
    with connect(place, worker="heir") as client:
        until(served.journal, "the trial is put back")
        trial = client.ask()
        assert (trial.id, trial.token) == (1, 2)
        client.tell(1, 0.5, token=2)
    ((_, number, text),) = served.journal()
    assert number == 1
    assert re.fullmatch(r"attempt 1 was lost: holder \d+ disconnected", text)
    assert served.trial(1).worker == "heir"


def test_a_trial_that_kills_its_workers(served, place, start, until):
    """After three lost attempts the trial is to blame."""
    for attempt in (1, 2, 3):
        killed = start("hold", place)
        assert hear(killed) == f"1 {attempt}"
        killed.kill()
        killed.wait(30)
        until(lambda: len(served.journal()) == attempt, "the trial is put back")  # noqa: B023  # called at once
    trial = served.trial(1)
    assert trial.status == "failed"
    assert re.search(r"disconnected \(attempt 3 of 3\)", trial.reason)


# ------------------------------------------------------------------ servers


def test_a_server_that_is_killed(path, start, until):
    """F7: while one serves, another is refused, by name; when it is killed, the next takes over, and clients go on."""
    first = start("serve", path, 400)
    assert hear(first) == "serving"
    with pytest.raises(StudyError, match=rf"is being written by process {first.pid} on .*, since"):
        Study.open(path, _clients().SPACE, _clients().algorithm())
    crowd = start("crowd", path, 4)
    holder = start("hold", path)
    assert re.fullmatch(r"\d+ 1", hear(holder))
    with Study.open(path) as reader:
        until(lambda: reader.counts()["completed"] > 50, "51 trials")
        first.kill()
        first.wait(30)
        start_again = time.monotonic()
        second = start("serve", path, 400)
        assert hear(second) == "serving"
        assert (
            time.monotonic() - start_again < 30
        )  # of these most is the start of a process on a busy machine
        until(lambda: reader.counts()["completed"] > 200, "201 trials")
        assert answer_of(holder) == "told"  # it was busy all the time, and kept its trial
        result = json.loads(crowd.communicate(timeout=120)[0])
        until(lambda: reader.is_complete, "the end of the study")
        assert reader.counts() == {"running": 0, "completed": 400, "stopped": 0, "failed": 0}
        assert told(reader) == list(range(1, 401))
        again = {trial.id: trial.attempts for trial in reader.trials() if trial.attempts > 1}
        assert len(again) <= 5  # an answer to `ask` can die with the server: then nobody has that trial
        assert set(again.values()) <= {2}
        lines = [(number, text) for _, number, text in reader.journal()]
        assert sorted(number for number, _ in lines) == sorted(again)
        assert all(text.startswith("attempt 1 was lost: ") for _, text in lines)
    assert result["errors"] == []
    assert result["codes"] == [0] * 4


def test_a_client_that_died_with_its_server(path, start):
    """Its trial is waited for, not for long, and handed out again."""
    first = start("serve", path, 5)
    assert hear(first) == "serving"
    holder = start("hold", path)
    assert hear(holder) == "1 1"
    for process in (holder, first):
        process.kill()
        process.wait(30)
    assert hear(start("serve", path, 5)) == "serving"
    with connect(path) as client:
        trial = client.ask()
        assert (trial.id, trial.token) == (1, 2)
    with Study.open(path) as reader:
        lines = [text for _, _, text in reader.journal() if text.startswith("attempt 1 ")]
    assert len(lines) == 1, lines  # of the server, if it was quick, else of the next one
    assert re.search(
        r"was lost: (its process ended, or its loop raised an error|holder \d+ disconnected)$", lines[0]
    )


def _clients():
    spec = importlib.util.spec_from_file_location("clients", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_dead_writer_is_followed_at_once(path, start):
    first = start("serve", path, 5)
    assert hear(first) == "serving"
    first.kill()
    first.wait(30)
    begin = time.monotonic()
    with Study.open(path, _clients().SPACE, _clients().algorithm()) as study, serve(study):
        assert time.monotonic() - begin < 2.0


def test_a_server_that_is_closed(place, space):
    with Study.create(place, space, Random(), trials=3) as study:
        server = serve(study)
        client = connect(place, patience=0.2)
        trial = client.ask()
        server.close()
        server.close()
        assert not os.path.exists(server.address)
        with pytest.raises(
            StudyError, match=r"no process serves the study .* `with pliant\.study\.serve\.serve"
        ):
            client.tell(trial.id, 0.5, token=1)
        assert study.trial(1).status == "running"
        with serve(study):
            client.tell(trial.id, 0.5, token=1)  # nobody had its trial meanwhile
        client.close()
        assert study.trial(1).reward == 0.5


def test_a_client_that_outlives_the_server(place, space):
    """What became of the study, and of what the client has, is in the study itself."""
    with Study.create(place, space, Random(), trials=2) as study:
        server = serve(study)
        client = connect(place, worker="slow", patience=0.1)
        client.ask(), client.ask()
        client.tell(2, 0.25, token=1)
        server.close()
        with pytest.raises(
            StudyError,
            match=r"no process serves .* Trial 1 waits to be handed out again; its result can still be told",
        ):
            client.tell(1, 0.5, token=1)
        assert study.ask(worker="fast").attempts == 2
        with pytest.raises(
            StudyError,
            match=r"no process serves .* Trial 1 was handed out again, to fast, so its earlier result is refused",
        ):
            client.report(1, 0.5, step=1, token=1)
        with pytest.raises(
            StudyError, match=r"no process serves the study '.*' \(.*\)\. In the process that"
        ):
            client.ask()
        study.tell(1, 0.5)
        for tell in (
            lambda: client.tell(1, 0.5, token=1),
            lambda: client.fail(1, "late", token=1),
            lambda: client.put_back(1, "late", token=1),
        ):
            with pytest.raises(
                StudyError,
                match=r"The study is complete: 2 trials\. Trial 1 was handed out again, and has ended",
            ):
                tell()
        assert client.ask() is None
        with pytest.raises(StudyError, match=r"no process serves .* The study is complete: 2 trials\.$"):
            connect(place, patience=0.1)
        client.close()


def test_served_twice(served, place):
    with pytest.raises(StudyError, match="serves the study already"):
        serve(served)
    with connect(place) as client:
        assert client.ask().id == 1


def test_a_study_that_is_open_for_reading_is_not_served(served, place):
    with Study.open(place) as reader, pytest.raises(StudyError, match="open for reading"):
        serve(reader)


@pytest.mark.parametrize("lease", [0, -1, float("nan"), float("inf")])
def test_a_lease_that_is_none(study, lease):
    with pytest.raises(FieldValueError, match="lease is a number of seconds above 0"):
        serve(study, lease=lease)


def test_a_study_that_is_closed_under_its_server(place, space):
    study = Study.create(place, space, Random(), trials=3)
    with serve(study), connect(place) as client:
        client.ask()
        study.close()
        with pytest.raises(StudyError, match="is closed"):
            client.tell(1, 0.5, token=1)
    with Study.open(place) as study:
        assert study.counts()["running"] == 1


def test_the_process_itself_goes_on_to_use_the_study(served, place):
    with connect(place) as client:
        assert served.ask().id == 1
        assert client.ask().id == 2
        client.tell(1, 0.5, token=1)
        served.tell(2, 0.25)
    assert [trial.reward for trial in served.trials()] == [0.5, 0.25]


# ------------------------------------------------------------------ errors of clients


def test_errors_cross_the_socket_as_they_are(served, place):
    with connect(place) as client:
        trial = client.ask()
        with pytest.raises(FeedbackError, match=r"has no trial 7; its trials are 1 to 1"):
            client.tell(7, 0.5, token=1)
        with pytest.raises(RewardError, match=r"the reward of trial 1 is a finite number; got nan"):
            client.tell(1, float("nan"), token=1)
        with pytest.raises(FieldTypeError, match=r"metrics is a dict of numbers by name"):
            client.tell(1, 0.5, token=1, metrics=[1])
        client.put_back(1, "why not", token=1)
        trial = client.ask()
        with pytest.raises(StaleError, match="was given up") as caught:
            client.tell(1, 0.5, token=1)
        assert caught.value.trial_id == 1
        assert client.tell(trial.id, 0.5, token=2).reward == 0.5


def test_nobody_serves(tmp_path):
    with pytest.raises(StudyError, match=r"no process serves the study '.*none\.db'"):
        connect(tmp_path / "none.db", patience=0.1)


def test_a_connection_that_is_closed(served, place):
    client = connect(place)
    client.close()
    client.close()
    with pytest.raises(StudyError, match="is closed; connect again"):
        client.ask()


def test_a_fork_does_not_share_a_connection(served, place):
    with connect(place) as client:
        client._process += 1  # as in a fork
        with pytest.raises(
            StudyError, match=r"a fork of that process cannot use it. Call `connect` in the process"
        ):
            client.ask()


# ------------------------------------------------------------------ garbage


GARBAGE = [
    b"hello\n",
    b"\xff\xfe\n",
    b"[1, 2]\n",
    b"null\n",
    b"[" * 100_000 + b"\n",
    b'{"do": NaN}\n',
    b'{"do": "ask", "n": NaN}\n',
    b'{"do": "rm"}\n',
    b'{"do": ["tell"]}\n',
    b'{"do": "tell"}\n',
    b'{"do": "tell", "id": [], "token": {}, "reward": "x", "metrics": {}}\n',
    b'{"do": "tell", "id": 1e400, "token": 1, "reward": 1, "metrics": {}}\n',
    b'{"do": "tell", "id": 1, "token": 1, "reward": 1, "metrics": "abc"}\n',
    b'{"do": "tell", "id": 1, "token": 1, "reward": [], "metrics": {"a": []}}\n',
    b'{"do": "tell", "id": 99999999999999999999, "token": 1, "reward": 1, "metrics": {}}\n',
    b'{"do": "report", "id": 1, "token": 1, "reward": 1, "step": {}, "metrics": null}\n',
    b'{"do": "report", "id": 1, "token": 1, "reward": 1, "step": 1e999, "metrics": {}}\n',
    b'{"do": "fail", "id": 1, "token": 1, "reason": 5, "metrics": {}}\n',
    b'{"do": "put_back", "id": 1, "token": 1, "reason": null}\n',
    b'{"do": "hello"}\n',
    b'{"do": "renew"}\n',
    b"\n\n\n",
    b"{" + b"x" * (2 * MAX_LINE),  # never a whole line
    b"",
]


@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_on_the_socket(served, place, text):
    """Whatever is said, the server answers or hangs up, nothing changes, and others are served as before."""
    with connect(place) as client:
        trial = client.ask()
        with closing(socket.socket(socket.AF_UNIX)) as one:
            one.settimeout(30)
            one.connect(address_of(place))
            try:
                one.sendall(text)
                one.shutdown(socket.SHUT_WR)
                while one.recv(1 << 16):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
        assert served.trial(1).status == "running"
        assert served.trial(1).reports == ()
        assert client.tell(trial.id, 0.5, token=1).reward == 0.5
        assert client.ask().id > 1
    assert told(served) == [1]


def test_nonsense_from_one_peer_does_not_undo_the_steps_of_others(served, place):
    """They are answered in one transaction; a step that fails takes nothing along."""
    with connect(place) as client, closing(socket.socket(socket.AF_UNIX)) as one:
        trial = client.ask()
        one.connect(address_of(place))
        bad = encode_line({"do": "tell", "id": 1, "token": 9, "reward": 1, "metrics": {}})
        good = encode_line({"do": "tell", "id": 1, "token": 1, "reward": 1, "metrics": {}, "n": 5})
        one.sendall(bad + encode_line({"do": "none"}) + good + bad)
        answers = []
        with one.makefile("rb") as lines:
            answers = [json.loads(next(lines)) for _ in range(4)]
        assert [answer.get("error") for answer in answers] == [
            "FeedbackError",
            "StudyError",
            None,
            "FeedbackError",
        ]
        assert answers[2]["n"] == 5
        assert client.tell(trial.id, 1.0, token=1).reward == 1.0
    assert told(served) == [1]


def test_a_peer_that_does_not_listen(served, place, monkeypatch):
    """It is disconnected on, and the others go on."""
    monkeypatch.setattr("pliant.study.peer.LISTEN_SECONDS", 0.1)
    hello = encode_line({"do": "hello", "worker": "deaf"})
    with connect(place) as client, closing(socket.socket(socket.AF_UNIX)) as one:
        one.connect(address_of(place))
        one.settimeout(30)
        with pytest.raises((BrokenPipeError, ConnectionResetError), match=r"Broken pipe|reset by peer"):
            one.sendall(hello * 100_000)  # and reads no answer
        assert client.ask().id == 1


def test_half_a_line_and_the_rest_later(served, place):
    with closing(socket.socket(socket.AF_UNIX)) as one:
        one.connect(address_of(place))
        line = encode_line({"do": "hello", "worker": "slow", "n": 1})
        one.sendall(line[:7])
        time.sleep(0.05)
        one.sendall(line[7:])
        with one.makefile("rb") as lines:
            assert json.loads(next(lines))["name"] == served.name


# ------------------------------------------------------------------ where they meet


@pytest.fixture
def sockets(tmp_path, monkeypatch):
    """The folder of sockets, which is not there yet."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / f"pliant-{os.getuid()}"


def test_the_folder_of_sockets(sockets, path):
    first = Path(address_of(path))
    assert first.parent == sockets
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert Path(address_of(path.parent / "." / path.name)) == first
    assert Path(address_of(path.with_name("other.db"))) != first


@pytest.mark.parametrize("kind", ["open to others", "a file", "a link"])
def test_a_folder_that_is_not_ours_alone(sockets, path, study, kind):
    if kind == "open to others":
        sockets.mkdir()
        sockets.chmod(0o777)
    elif kind == "a file":
        sockets.touch(0o600)
    else:
        (sockets.parent / "elsewhere").mkdir(mode=0o700)
        sockets.symlink_to("elsewhere")
    with pytest.raises(
        StudyError, match=r"is not a folder that only you may enter\. Remove it, or set TMPDIR"
    ):
        serve(study)


def test_a_folder_of_somebody_else(sockets, path, monkeypatch):
    sockets.mkdir(mode=0o700)
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    sockets.rename(sockets.with_name(f"pliant-{owner + 1}"))
    with pytest.raises(StudyError, match="is not a folder that only you may enter"):
        connect(path)


def test_no_folder_can_be_made(path, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with pytest.raises(StudyError, match=r"the folder of sockets .* cannot be made: Not a directory"):
        address_of(path)


def test_an_address_that_is_too_long(sockets, study, monkeypatch):
    monkeypatch.setattr("pliant.study.serve.address_of", lambda place: str(sockets / ("x" * 200)))
    with pytest.raises(StudyError, match=r"the study cannot be served at .*: AF_UNIX path too long"):
        serve(study)


def test_a_socket_that_a_dead_server_left(place, study):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(address_of(place))
    with serve(study), connect(place) as client:
        assert client.ask().id == 1


def test_a_database_that_goes_away_and_comes_back(server, space):
    """Its connection is cut while clients work; they notice nothing but the time it takes."""
    import psycopg

    place = server()
    with Study.create(place, space, Random(), trials=30) as study, serve(study), connect(place) as client:
        for trial in client:
            if trial.id % 10 == 0:
                number = study._store.record.connection.connection.driver_connection.info.backend_pid
                with psycopg.connect(place.partition("?")[0], autocommit=True) as other:
                    other.execute("SELECT pg_terminate_backend(%s)", [number])
            client.tell(trial.id, 0.5, token=trial.token)
        assert study.counts()["completed"] == 30
        assert told(study) == list(range(1, 31))
