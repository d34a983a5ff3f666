"""Functions to launch in tests: they return, report, fail and crash."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

from pliant.launch import Call, Channel, Ended, Job, Processes
from pliant.launch.base import JSON


def echo(payload: JSON, channel: Channel) -> JSON:
    """Returns its payload."""
    return payload


def report(payload: JSON, channel: Channel) -> JSON:
    """Reports each item of a list; returns the replies."""
    return [channel.report(item) for item in payload]


def train(payload: JSON, channel: Channel) -> JSON:
    """Reports each of ``reports``, sleeps for ``seconds``, and returns ``value``."""
    for item in payload["reports"]:
        channel.report(item)
    time.sleep(payload["seconds"])
    return payload["value"]


def report_object(payload: JSON, channel: Channel) -> JSON:
    """Reports an object that is not JSON."""
    return channel.report(object())


def environment(payload: JSON, channel: Channel) -> JSON:
    """Returns the value of an environment variable, and the number of its process."""
    time.sleep(0.05)  # so that another worker takes the next job
    return {"value": os.environ.get(str(payload)), "process": os.getpid()}


def fail(payload: JSON, channel: Channel) -> JSON:
    """Raises a ValueError with a given message."""
    raise ValueError(payload)


def leave(payload: JSON, channel: Channel) -> JSON:
    """Calls sys.exit with a given code."""
    sys.exit(payload)


def return_object(payload: JSON, channel: Channel) -> JSON:
    """Returns an object that is not JSON."""
    return {"model": object()}


def sleep(payload: JSON, channel: Channel) -> JSON:
    """Sleeps for a number of seconds, and returns it."""
    time.sleep(payload)
    return payload


def spin(payload: JSON, channel: Channel) -> JSON:
    """Computes for a number of seconds."""
    limit = time.monotonic() + payload
    while time.monotonic() < limit:
        pass


def print_text(payload: JSON, channel: Channel) -> JSON:
    """Prints its payload."""
    print(payload)  # noqa: T201 - its purpose


def flood(payload: JSON, channel: Channel) -> JSON:
    """Prints a number of MiB and a last line."""
    for _ in range(payload):
        sys.stdout.write(("x" * 1023 + "\n") * 1024)
    print("the last line")  # noqa: T201 - its purpose


def stop(payload: JSON, channel: Channel) -> JSON:
    """Ends its own process by a signal, given by name."""
    os.kill(os.getpid(), signal.Signals[payload])
    time.sleep(60)


def crash(payload: JSON, channel: Channel) -> JSON:
    """Reads memory at address 0, which crashes."""
    return ctypes.string_at(0)


def exit_at_once(payload: JSON, channel: Channel) -> JSON:
    """Ends its own process with an exit code."""
    os._exit(payload)


def fill(payload: JSON, channel: Channel) -> JSON:
    """Allocates a number of MiB in steps, and holds them for a while."""
    held = []
    for _ in range(0, payload, 8):
        held.append(b"x" * (8 << 20))
        time.sleep(0.02)
    time.sleep(60)
    return len(held)


def fill_in_child(payload: JSON, channel: Channel) -> JSON:
    """Allocates a number of MiB in a child process."""
    code = f"import time; x = b'x' * ({payload} << 20); time.sleep(60)"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode  # noqa: S603 - our own program


def fork_many(payload: JSON, channel: Channel) -> JSON:
    """Forks a number of processes."""
    for _ in range(payload):
        with contextlib.suppress(OSError):
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
    time.sleep(60)


def spawn(payload: JSON, channel: Channel) -> JSON:
    """Starts sleeping processes: a child, one in its own session, and a daemon; then reports and sleeps.

    The payload's ``token`` is among their arguments; ``seconds`` is the time that the call sleeps.
    """
    arguments = [sys.executable, "-c", "import time; time.sleep(600)", payload["token"]]
    subprocess.Popen(arguments)  # noqa: S603 - our own program
    subprocess.Popen(arguments, start_new_session=True)  # noqa: S603 - our own program
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, arguments)  # noqa: S606 - our own program
        os._exit(0)
    os.wait()
    if channel.report("spawned") == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(payload["seconds"])
    return os.getpid()


def ignore_sigterm(payload: JSON, channel: Channel) -> JSON:
    """Ignores SIGTERM and sleeps."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel.report("SIGTERM is ignored")
    time.sleep(payload)


def return_twice(payload: JSON, channel: Channel) -> JSON:
    """Forks, and returns in both processes."""
    os.fork()
    return payload


def close_everything(payload: JSON, channel: Channel) -> JSON:
    """Closes all file descriptors, as daemons do."""
    os.closerange(0, 1024)
    time.sleep(60)


def pid(payload: JSON, channel: Channel) -> JSON:
    """Returns the id of its process."""
    return os.getpid()


def attempt(payload: JSON, channel: Channel) -> JSON:
    """Returns the job and attempt number of its channel."""
    return [channel.job, channel.attempt]


def threads(payload: JSON, channel: Channel) -> JSON:
    """Returns the number of threads set for libraries, and torch's own if it is loaded."""
    torch = sys.modules.get("torch")
    return [os.environ["OMP_NUM_THREADS"], torch and torch.get_num_threads()]


def daemon(payload: JSON, channel: Channel) -> JSON:
    """Starts a daemon with a text among its arguments, and returns."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", payload])  # noqa: S606 - our own program
        os._exit(0)
    os.wait()


def descriptors(payload: JSON, channel: Channel) -> JSON:
    """Returns the open file descriptors that are sockets, pipes or pollers (Linux)."""
    kinds = {fd: os.path.basename(os.readlink(f"/proc/self/fd/{fd}")) for fd in range(64) if _is_open(fd)}
    kept = ("socket", "pipe", "anon_inode")
    return sorted(fd for fd, kind in kinds.items() if kind.startswith(kept) or fd < 3)


def pool(payload: JSON, channel: Channel) -> JSON:
    """Runs calls in a pool of worker processes; returns their values."""
    with Processes(2) as launcher:
        for i in range(payload):
            launcher.start(Job(str(i), Call("pliant.testing.jobs:echo", i)))
        values: dict[str, JSON] = {}
        while len(values) < payload:
            for event in launcher.poll(None):
                if isinstance(event, Ended):
                    values[event.job] = event.outcome.value
    return [values[str(i)] for i in range(payload)]


def _is_open(descriptor: int) -> bool:
    with contextlib.suppress(OSError):
        os.fstat(descriptor)
        return True
    return False


class _Owner:
    def method(self, payload: JSON, channel: Channel) -> JSON:
        """Is a bound method, which other processes cannot import."""


bound = _Owner().method
inner = lambda payload, channel: payload  # noqa: E731 - a function that cannot be launched
inner.__doc__ = "Is a lambda, which other processes cannot import."
CONSTANT = 7
