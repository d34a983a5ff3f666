"""What a worker process does: calls functions by name, one after another, until nobody asks any more.

Speaks JSON lines with its keeper, one end of a socket each; see ``keeper`` for the other end.  Starts and
limits nothing.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NoReturn, final

from pliant.values.errors import LaunchError
from pliant.values.lines import encode_line

from . import tree
from .base import JSON, Channel, dump
from .functions import resolve

REASON_LENGTH = 500


@final
class WorkerChannel(Channel):
    """The channel of a call in a worker process.

    Args:
      end: the socket to the keeper, blocking.
      lines: what arrives from it.
      job: the job's id.
      attempt: the how-manieth try.
    """

    def __init__(self, end: socket.socket, lines: Iterator[bytes], job: str, attempt: int) -> None:
        self.job, self.attempt = job, attempt
        self._end, self._lines, self._pid = end, lines, os.getpid()

    def report(self, message: JSON) -> JSON:
        text = dump(message, "a reported message")
        if os.getpid() != self._pid:
            raise LaunchError(
                "report was called in a process that the call has forked; only the call's own process "
                "can report: bring the message back to it."
            )
        self._end.sendall(f'{{"message": {text}}}\n'.encode())
        line = next(self._lines, b"")
        if not line:  # the keeper is gone, and so will this process be
            raise LaunchError("the launcher has ended, and this call with it.")
        return json.loads(line)["reply"]


def serve(end: socket.socket) -> NoReturn:
    """Does what is asked on a socket until its other end closes, then ends this process."""
    pid = os.getpid()
    lines = iter(end.makefile("rb"))
    for line in lines:
        job = json.loads(line)
        os.environ[tree.MARK] = job["mark"]
        channel = WorkerChannel(end, lines, job["id"], job["attempt"])
        done = run(job["function"], job["payload"], channel, show=_print_error)
        if os.getpid() != pid:  # the function has forked, and returned twice
            os._exit(0)
        _flush()
        done["children"] = _has_children()
        try:
            end.sendall(encode_line(done))
        except OSError:
            break
    with suppress(BaseException):
        atexit._run_exitfuncs()
    _flush()
    os._exit(0)


def run(
    function: str | Callable[[JSON, Channel], JSON],
    payload: JSON,
    channel: Channel,
    *,
    show: Callable[[str], object],
) -> dict[str, Any]:
    """Calls a function; returns ``how``, ``value`` and ``reason``, whatever it does.

    >>> class Deaf(Channel):
    ...     job, attempt = "1", 1
    ...     def report(self, message): ...
    >>> run("pliant.testing.jobs:echo", 7, Deaf(), show=print)
    {'how': 'returned', 'value': 7, 'reason': ''}
    >>> run("pliant.testing.jobs:eco", 7, Deaf(), show=print)["reason"]
    "'pliant.testing.jobs:eco' names no function: 'pliant.testing.jobs' has no 'eco'; did you mean 'echo'?"

    Args:
      function: it, or its name.
      payload: its first argument.
      channel: its second argument.
      show: is given the traceback when it raises.
    """
    try:
        value = (resolve(function) if isinstance(function, str) else function)(payload, channel)
        dump(value, f"what {function} returned")
    except LaunchError as error:
        return {"how": "raised", "value": None, "reason": one_line(str(error))}
    except BaseException as error:  # noqa: BLE001 - a job may raise anything, and its launcher nothing
        with suppress(Exception):
            trace = error.__traceback__ and error.__traceback__.tb_next
            show("".join(traceback.format_exception(type(error), error, trace)))
        return {"how": "raised", "value": None, "reason": describe(error)}
    return {"how": "returned", "value": value, "reason": ""}


def describe(error: BaseException) -> str:
    """Returns an exception on one line, limited.

    >>> describe(ValueError("no such layer"))
    'ValueError: no such layer'
    """
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - of a user's class
        text = ""
    return one_line(f"{type(error).__qualname__}: {text}" if text else type(error).__qualname__)


def one_line(text: str) -> str:
    """Returns text on one line, limited to 500 characters."""
    line = " ".join(text.split())
    return line if len(line) <= REASON_LENGTH else line[: REASON_LENGTH - 3] + "..."


def _print_error(text: str) -> None:
    print(text, file=sys.stderr, end="")  # noqa: T201 - a worker's own stderr


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    tree.flush_streams()


def _has_children() -> bool:
    """Whether this process has children, ended ones that nobody asked about included."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
