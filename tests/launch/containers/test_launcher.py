"""Programs in containers of a real engine: how they end, what they may use, and that none is left behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from container_store import IMAGE, open_store

from pliant.launch import Call, Command, Container, Containers, Ended, Job, Limits, Mount, Started, tree
from pliant.launch.containers.engine import find_engine
from pliant.launch.containers.invocation import check_options
from pliant.launch.containers.leftovers import LAUNCHER, identify, is_alive
from pliant.testing.launchers import Suite, wait_until
from pliant.values.errors import LaunchError

SUITE = Suite()
PROGRAM = str(Path(__file__).with_name("long_container.py"))


@pytest.fixture(scope="module")
def store():
    with open_store() as opened:
        yield opened


@pytest.fixture(autouse=True)
def nothing_left(store):
    yield
    assert store.containers() == []


def run(work, *, limits=None, **options):
    """Runs one job until it ends."""
    with Containers(1, grace_seconds=1, **options) as launcher:
        launcher.start(Job("a", work, limits or Limits()))
        return SUITE.finish(launcher, ["a"])["a"]


def start(launcher, work, limits=None):
    """Starts a job; returns the name of its container once it runs."""
    launcher.start(Job("a", work, limits or Limits()))
    (started,) = SUITE.wait_for(launcher, Started)
    name = started.where.split()[1]
    inside = ("inspect", "--format", "{{.State.Status}}", name)
    assert wait_until(lambda: launcher.engine.ask(*inside)[1].strip() == "running")
    return name


def client_of(name):
    """Returns the process of the client that runs or follows a container."""
    for pid in tree.table():
        words = (
            Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") if Path(f"/proc/{pid}").exists() else []
        )
        if name.encode() in words and (b"run" in words or b"logs" in words):
            return pid
    return None


def kill_client(name):
    assert wait_until(lambda: client_of(name) is not None)
    os.kill(client_of(name), signal.SIGKILL)


class TestContract(Suite):
    """What all launchers keep."""

    here = False
    many = 6

    @pytest.fixture(autouse=True)
    def _store(self, store):
        self.store = store

    def make(self, slots):
        return Containers(slots, grace_seconds=1)

    def work(self, seconds=0.0):
        return self.store.shell(f"sleep {seconds}")


# ---------------------------------------------------------------------- what a job is given


def test_arguments_environment_and_folder(store):
    text = 'echo "$MINE|$PLIANT_JOB|$PLIANT_ATTEMPT|$(pwd)|$1|$2"; read x || echo no input'
    work = store.shell(text, env={"MINE": "a=b c"}, folder="/work")
    work = Container(work.image, (*work.argv, "-", "$HOME; `ls`", "é"), work.env, work.mounts, work.folder)
    with Containers(1) as launcher:
        launcher.start(Job("j", work, attempt=2))
        outcome = SUITE.finish(launcher, ["j"])["j"]
    assert outcome.tail == "a=b c|j|2|/work|$HOME; `ls`|é\nno input\n"
    assert (outcome.how, outcome.reason, outcome.exit_code) == ("returned", "", 0)


def test_mounts(store, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "a").write_text("data")
    usr, data = Mount("/usr", "/usr"), Mount(tmp_path / "in", "/data")
    text = "cat /data/a > /out/b; echo no > /data/c"
    mounts = (usr, data, Mount(tmp_path / "out", "/out", writable=True))
    outcome = run(Container(IMAGE, ("sh", "-c", text), mounts=mounts))
    assert "Read-only" in outcome.tail
    assert (tmp_path / "out" / "b").read_text() == "data"
    assert os.listdir(tmp_path / "in") == ["a"]


def test_a_python_trainer(store, tmp_path):
    """The machine's own Python, with what it has installed."""
    text = (
        "import json, os, click; from pliant.values import errors;"
        "json.dump({'trial': os.environ['TRIAL']}, open('/out/metrics', 'w')); print('trained')"
    )
    out = Mount(tmp_path, "/out", writable=True)
    path = str(Path(__file__).parents[3] / "src")
    outcome = run(store.python(text, mounts=(out,), env={"TRIAL": "7", "PYTHONPATH": path}), network="none")
    assert outcome.tail == "trained\n"
    assert (tmp_path / "metrics").read_text() == '{"trial": "7"}'


def test_network_and_options(store):
    text = "tail -n +3 /proc/net/dev | grep -vc lo:; cat /proc/sys/kernel/hostname; ulimit -n; ulimit -Hn"
    options = ("--hostname", "elsewhere")
    outcome = run(store.shell(text), network="none", options=options, ulimits={"nofile": (99, 111)})
    assert outcome.tail == "0\nelsewhere\n99\n111\n"


def test_output_is_merged_logged_and_bounded(store, tmp_path):
    log = tmp_path / "logs" / "a.log"
    text = "echo first; echo second >&2; sleep 0.5; yes 0123456789012345678901234567890 | head -c 8000000; echo last"
    outcome = run(store.shell(text, log=log), log_bytes=10_000)
    kept = log.read_bytes()
    assert outcome.ok
    assert b"first\n" in kept[:100]
    assert b"second\n" in kept[:100]
    assert b"bytes left out" in kept
    assert kept.endswith(b"\nlast\n")
    assert len(kept) < 11_000
    assert outcome.tail.endswith("\nlast\n")
    assert len(outcome.tail) <= 4096


# ---------------------------------------------------------------------- how it ends


ENDS = [
    (("sh", "-c", "exit 3"), "exited", 3, "^exit code 3$"),
    (("sh", "-c", "exit 125"), "exited", 125, "^exit code 125 of the program itself$"),
    (("sh", "-c", "exit 126"), "exited", 126, "126 of the program itself, or of a shell"),
    (("sh", "-c", "no-such-tool"), "exited", 127, "127 of the program itself, or of a shell"),
    (("/no/such",), "exited", 127, "of the engine: '/no/such' does not exist in the image 'localhost/"),
    (("/denied",), "exited", 126, "of the engine: '/denied' cannot be run in the image"),
    (
        ("sh", "-c", "sh -c 'kill -SEGV $$'; exit $?"),
        "exited",
        139,
        "^exit code 139: SIGSEGV: a segmentation",
    ),
    (("sh", "-c", "exit 137"), "lost", 137, "^exit code 137: .*from outside with SIGKILL"),
]


def test_exit_codes():
    with Containers(2) as launcher:
        for i, (argv, *_) in enumerate(ENDS):
            launcher.start(Job(str(i), Container(IMAGE, argv, mounts=(Mount("/usr", "/usr"),))))
        outcomes = SUITE.finish(launcher, map(str, range(len(ENDS))))
    for i, (_, how, code, reason) in enumerate(ENDS):
        outcome = outcomes[str(i)]
        assert (outcome.how, outcome.exit_code) == (how, code)
        assert re.search(reason, outcome.reason), outcome.reason


def test_what_the_engine_refuses(store):
    outcome = run(store.shell("echo never"), network="no-such-network")
    assert (outcome.how, outcome.exit_code) == ("lost", 125)
    assert "exit code 125 of the engine, which could not start the container" in outcome.reason
    assert "no-such-network" in outcome.reason


def test_beyond_its_memory(store):
    outcome = run(store.python("x = b'x' * (300 << 20); print(len(x))"), limits=Limits(memory=64 << 20))
    assert (outcome.how, outcome.exit_code) == ("memory", 137)
    assert "64 MiB" in outcome.reason


def test_beyond_its_time(store):
    """The first ends on SIGTERM; the second ignores it, as process 1 does, and is killed."""
    polite = run(
        store.shell("trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.1; done"),
        limits=Limits(seconds=4),
    )
    assert (polite.how, polite.tail) == ("timeout", "ready\nsaved\n")
    assert polite.reason == "it took longer than its limit of 4 s"
    deaf = run(store.shell("sleep 600"), limits=Limits(seconds=2))
    assert deaf.how == "timeout"
    assert 2 <= deaf.seconds < 30


def test_cancelled(store):
    with Containers(1, grace_seconds=0.5) as launcher:
        launcher.start(Job("b", store.shell("sleep 600")))
        launcher.start(Job("c", store.shell("sleep 600")))
        launcher.cancel("c", "not begun")
        assert SUITE.finish(launcher, ["c"])["c"].reason == "not begun"
        launcher.cancel("b", "enough")
        launcher.cancel("b", "twice")
        launcher.cancel("none", "such")
        outcome = SUITE.finish(launcher, ["b"])["b"]
        assert (outcome.how, outcome.reason) == ("cancelled", "enough")
        assert store.containers() == []


def test_killed_from_outside(store):
    with Containers(1) as launcher:
        name = start(launcher, store.shell("sleep 600"))
        assert launcher.engine.ask("kill", name)[0] == 0
        outcome = SUITE.finish(launcher, ["a"])["a"]
    assert (outcome.how, outcome.exit_code) == ("lost", 137)


def test_removed_from_outside(store):
    with Containers(1) as launcher:
        name = start(launcher, store.shell("sleep 600"))
        assert launcher.engine.ask(*launcher.engine.removal([name]))[0] == 0
        outcome = SUITE.finish(launcher, ["a"])["a"]
    assert outcome.how == "lost"


def test_close_leaves_nothing(store):
    launcher = Containers(2)
    start(launcher, store.shell("sleep 600"))
    launcher.start(Job("b", store.shell("sleep 600")))
    launcher.start(Job("c", store.shell("sleep 600")))
    launcher.close()
    launcher.close()
    assert store.containers() == []
    with pytest.raises(LaunchError, match="this Containers is closed"):
        launcher.start(Job("d", store.shell("")))


# ---------------------------------------------------------------------- clients and launchers that are killed


def test_a_container_whose_client_was_killed_is_heard_out(store, tmp_path):
    log = tmp_path / "a.log"
    work = store.shell("for i in 1 2 3 4 5 6; do echo step $i; sleep 0.5; done; exit 4", log=log)
    with Containers(1) as launcher:
        kill_client(start(launcher, work))
        events = []
        outcome = SUITE.finish(launcher, ["a"], events)["a"]
        assert [type(event) for event in events] == [Ended]  # it is still the same start
        assert (outcome.how, outcome.exit_code, outcome.reason) == ("exited", 4, "exit code 4")
        assert log.read_text() == "".join(f"step {i}\n" for i in range(1, 7))
        assert outcome.tail == log.read_text()
        assert outcome.seconds > 2
        assert store.containers() == []


@pytest.mark.parametrize("end", ["cancelled", "timeout", "lost"])
def test_what_follows_the_death_of_a_client(store, end):
    work = store.shell("trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.1; done")
    events = []
    with Containers(1) as launcher:
        name = start(launcher, work, Limits(seconds=6 if end == "timeout" else None))
        kill_client(name)
        if end == "cancelled":
            events += launcher.poll(1)
            launcher.cancel("a", "enough")
        while end == "lost" and not events:  # all clients that come back to it die
            events += launcher.poll(0.1)
            if (pid := client_of(name)) is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if not events:
            SUITE.finish(launcher, ["a"], events)
        assert store.containers() == []
    (ended,) = events
    assert ended.outcome.how == end
    reasons = {
        "cancelled": "^enough$",
        "timeout": "limit of",
        "lost": "its container were ended 4 times; the last",
    }
    assert re.search(reasons[end], ended.outcome.reason)


def test_close_after_the_death_of_a_client(store):
    with Containers(1) as launcher:
        kill_client(start(launcher, store.shell("sleep 600")))
    assert store.containers() == []


def test_the_keeper_is_killed(store):
    with Containers(1) as launcher:
        start(launcher, store.shell("sleep 3; echo done"))
        os.kill(launcher.keeper_pid, signal.SIGKILL)
        outcome = SUITE.finish(launcher, ["a"])["a"]
    assert (outcome.how, outcome.tail) == ("returned", "done\n")


@pytest.fixture
def castaway():
    """Starts a process with a launcher and a running container; returns it, its keeper, and what to call it."""
    begun = []

    def strand(owner):
        command = [sys.executable, PROGRAM, owner]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        begun.append(program)
        return program, int(program.stdout.readline())

    yield strand
    for program in begun:
        program.kill()
        program.communicate(timeout=60)


def test_the_launcher_is_killed(store, castaway):
    program, _ = castaway("study")
    assert len(store.containers()) == 1
    program.kill()
    assert wait_until(lambda: store.containers() == [])


def test_the_launcher_and_its_keeper_are_killed(store, castaway):
    program, keeper = castaway("study")
    with Containers(1, owner="study"):  # a launcher that lives keeps its own
        assert len(store.containers("status=running")) == 1
    os.kill(program.pid, signal.SIGSTOP)  # or it would start another keeper
    os.kill(keeper, signal.SIGKILL)
    program.kill()
    program.wait(60)
    time.sleep(0.5)
    assert len(store.containers("status=running")) == 1
    with Containers(1, owner="another study"):
        assert len(store.containers()) == 1
    with Containers(1, owner="study") as launcher:
        assert store.containers() == []
        launcher.start(Job("a", store.shell("echo on")))
        assert SUITE.finish(launcher, ["a"])["a"].tail == "on\n"


def test_identities():
    assert is_alive(identify())
    with subprocess.Popen(["sleep", "600"]) as process:
        identity = identify(process.pid)
        assert is_alive(identity)
        process.kill()
    assert not is_alive(identity)
    host, boot, pid, begin = identify().split("|")
    assert not is_alive(f"{host}|{boot}|{pid}|{int(begin) + 1}")  # the number was given away again
    assert not is_alive(f"{host}|another boot|{pid}|{begin}")
    assert is_alive("what is this")


# ---------------------------------------------------------------------- what is refused


def test_what_cannot_run_is_refused(store, tmp_path):
    with Containers(1) as launcher:
        for work, message in (
            (
                Container("localhost/none:1", ("echo",)),
                "has no image 'localhost/none:1' .* Build it with .* or pull it",
            ),
            (Container(""), "image must be the name of an image, such as 'localhost/trainer:1'; got ''"),
            (Container("--privileged"), "image must be the name of an image"),
            (Container(IMAGE, "echo hello"), "argv must be a tuple .* no shell splits it"),
            (Container(IMAGE, ("a\0b",)), "text without NUL"),
            (Container(IMAGE, env={"A=B": "c"}), "a variable must be text without '='; got 'A=B'"),
            (Container(IMAGE, env={"A": 1}), "text without NUL; got 1"),
            (Container(IMAGE, folder="here"), "an absolute path in the container, without ':'; got 'here'"),
            (
                Container(IMAGE, mounts=(Mount(tmp_path / "none", "/a"),)),
                "the source '.*none' of the mount '/a' does not exist",
            ),
            (Container(IMAGE, mounts=(Mount(tmp_path, "a"),)), "an absolute path in the container"),
            (Container(IMAGE, mounts=(tmp_path,)), r"mounts must be Mount\(source, target\)"),
            (Container(IMAGE, log=Path("/dev/null/a")), "the log file '.*' cannot be written"),
            (Call("pliant.testing.jobs:echo"), "got a Call. Use Processes"),
            (Command(("echo",)), "got a Command. Use Commands"),
        ):
            with pytest.raises(LaunchError, match=message):
                launcher.start(Job("a", work))
        with pytest.raises(LaunchError, match="a job's id must be one line"):
            launcher.start(Job("a\nb", store.shell("")))
        launcher.reply("a", None)
        start(launcher, store.shell("sleep 600"))
        with pytest.raises(LaunchError, match="'a' does not wait for a reply"):
            launcher.reply("a", None)
        with pytest.raises(LaunchError, match="a job 'a' is already waiting or running"):
            launcher.start(Job("a", store.shell("")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"options": "--cpus 2"}, r"options must be separate texts, .* got '--cpus 2'"),
        ({"options": ("--rm",)}, "the option '--rm' is not allowed"),
        ({"options": ("--name=a",)}, "the option '--name=a' is not allowed"),
        ({"ulimits": {"nofile": "many"}}, "ulimits must be integers, .* got 'nofile': 'many'"),
        ({"owner": "a\nb"}, "owner must be one line of text"),
        ({"network": 3}, "network must be one line of text; got 3"),
        ({"engine": ()}, "engine must be 'docker', 'podman', or a tuple"),
        (
            {"engine": "no-such-engine"},
            "none works here: 'no-such-engine' is not on PATH. Install one",
        ),
        ({"engine": "false"}, "`false info` failed: no output"),
        ({"workers": 0}, "workers must be an integer from 1"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(LaunchError, match=message):
        Containers(**options)


def test_without_an_engine(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LaunchError, match=r"'docker' is not on PATH; 'podman' is not on PATH. Install"):
        Containers(1)


def test_the_engine_that_answers_is_taken(monkeypatch, tmp_path):
    for name, code in (("docker", 1), ("podman", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name} here; exit {code}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert find_engine().kind == "podman"
    with pytest.raises(LaunchError, match="`docker info` failed: docker here"):
        find_engine("docker")
    (tmp_path / "docker").write_text("#!/bin/sh\necho podman version 9\n")  # in disguise
    assert find_engine() == find_engine("docker")
    assert find_engine().kind == "podman"
    assert LAUNCHER in find_engine(("podman", f"--x={LAUNCHER}")).argv[1]


def test_an_option_of_the_launcher_is_removed():
    given = ["--cpus=2", "--rm", "--gpus=all"]
    with pytest.raises(
        LaunchError, match=r"the option '--rm' is not allowed: .* removes containers itself\. Remove it\."
    ):
        check_options(given)
    given.remove("--rm")
    assert check_options(given) == ["--cpus=2", "--gpus=all"]
