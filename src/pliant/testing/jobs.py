"""Functions to launch in tests: they answer, fail and crash in every way that a job may.  No tests here."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import Any

from pliant.launch import Call, Channel, Ended, Job, Processes


def echo(payload: Any, channel: Channel) -> Any:
    """Returns its payload."""
    return payload


def report(payload: Any, channel: Channel) -> Any:
    """Reports each item of a list; returns the replies."""
    return [channel.report(item) for item in payload]


def train(payload: Any, channel: Channel) -> Any:
    """Reports each of ``reports``, then takes ``seconds``, and returns ``value``."""
    for item in payload["reports"]:
        channel.report(item)
    time.sleep(payload["seconds"])
    return payload["value"]


def report_object(payload: Any, channel: Channel) -> Any:
    """Reports what is no JSON."""
    return channel.report(object())


def fail(payload: Any, channel: Channel) -> Any:
    """Raises a ValueError with a given message."""
    raise ValueError(payload)


def leave(payload: Any, channel: Channel) -> Any:
    """Calls sys.exit with a given code."""
    sys.exit(payload)


def give_object(payload: Any, channel: Channel) -> Any:
    """Returns what is no JSON."""
    return {"model": object()}


def sleep(payload: Any, channel: Channel) -> Any:
    """Sleeps for a number of seconds, and returns it."""
    time.sleep(payload)
    return payload


def spin(payload: Any, channel: Channel) -> Any:
    """Computes for a number of seconds."""
    limit = time.monotonic() + payload
    while time.monotonic() < limit:
        pass


def shout(payload: Any, channel: Channel) -> Any:
    """Prints a text."""
    print(payload)  # noqa: T201 - that is what it is for


def flood(payload: Any, channel: Channel) -> Any:
    """Prints a number of MiB, and a last line."""
    for _ in range(payload):
        sys.stdout.write(("x" * 1023 + "\n") * 1024)
    print("the last line")  # noqa: T201 - that is what it is for


def stop(payload: Any, channel: Channel) -> Any:
    """Ends its own process by a signal, given by name."""
    os.kill(os.getpid(), signal.Signals[payload])
    time.sleep(60)


def read_nowhere(payload: Any, channel: Channel) -> Any:
    """Reads at address 0."""
    return ctypes.string_at(0)


def exit_at_once(payload: Any, channel: Channel) -> Any:
    """Ends its own process with an exit code."""
    os._exit(payload)


def fill(payload: Any, channel: Channel) -> Any:
    """Holds a number of MiB, in steps, for a while."""
    held = []
    for _ in range(0, payload, 8):
        held.append(b"x" * (8 << 20))
        time.sleep(0.02)
    time.sleep(60)
    return len(held)


def fill_in_child(payload: Any, channel: Channel) -> Any:
    """The same in a child of its own."""
    code = f"import time; x = b'x' * ({payload} << 20); time.sleep(60)"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode  # noqa: S603 - our own program


def multiply(payload: Any, channel: Channel) -> Any:
    """Forks without end, as far as a number of processes."""
    for _ in range(payload):
        with contextlib.suppress(OSError):
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
    time.sleep(60)


def spawn(payload: Any, channel: Channel) -> Any:
    """Starts sleeping processes: a child, one in a session of its own, and a daemon; reports, then goes on.

    The payload's ``token`` is among their arguments; ``seconds`` is how long the call lasts after that.
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


def defy(payload: Any, channel: Channel) -> Any:
    """Ignores SIGTERM and sleeps."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    channel.report("deaf")
    time.sleep(payload)


def return_twice(payload: Any, channel: Channel) -> Any:
    """Forks, and returns in both processes."""
    os.fork()
    return payload


def close_everything(payload: Any, channel: Channel) -> Any:
    """Closes all file descriptors, as daemons do."""
    os.closerange(0, 1024)
    time.sleep(60)


def pid(payload: Any, channel: Channel) -> Any:
    """Returns the process that it runs in."""
    return os.getpid()


def attempt(payload: Any, channel: Channel) -> Any:
    """Returns what the channel says."""
    return [channel.job, channel.attempt]


def threads(payload: Any, channel: Channel) -> Any:
    """Returns how many threads libraries are told to use, and how many torch uses where it is loaded."""
    torch = sys.modules.get("torch")
    return [os.environ["OMP_NUM_THREADS"], torch and torch.get_num_threads()]


def daemon(payload: Any, channel: Channel) -> Any:
    """Starts a daemon, with a text among its arguments, and returns."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600)", payload])  # noqa: S606 - our own program
        os._exit(0)
    os.wait()


def descriptors(payload: Any, channel: Channel) -> Any:
    """Returns the open file descriptors that are sockets, pipes or pollers (Linux)."""
    kinds = {fd: os.path.basename(os.readlink(f"/proc/self/fd/{fd}")) for fd in range(64) if _is_open(fd)}
    return sorted(
        fd for fd, kind in kinds.items() if kind.startswith(("socket", "pipe", "anon_inode")) or fd < 3
    )


def pool(payload: Any, channel: Channel) -> Any:
    """Runs calls in a pool of its own; returns what they return."""
    with Processes(2) as launcher:
        for i in range(payload):
            launcher.start(Job(str(i), Call("pliant.testing.jobs:echo", i)))
        values: dict[str, Any] = {}
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
    def method(self, payload: Any, channel: Channel) -> Any:
        """Needs an object."""


bound = _Owner().method
inner = lambda payload, channel: payload  # noqa: E731 - what is not to be launched
inner.__doc__ = "Is a lambda, so that no other process can import it."
CONSTANT = 7
