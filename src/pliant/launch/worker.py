"""Worker process: calls functions by name, one after another, until its keeper closes the connection.

Worker and keeper exchange JSON lines over a socket.
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
from pliant.values.exceptions import describe, one_line
from pliant.values.lines import encode_line

from . import tree
from .base import JSON, Channel, dump
from .functions import resolve

Function = Callable[[JSON, Channel], JSON]


@final
class WorkerChannel(Channel):
    """Channel of a call in a worker process.

    Args:
      end: the blocking socket to the keeper.
      lines: the lines that arrive on it.
      job: the job's id.
      attempt: attempt number, from 1.
    """

    def __init__(self, end: socket.socket, lines: Iterator[bytes], job: str, attempt: int) -> None:
        self.job, self.attempt = job, attempt
        self._end, self._lines, self._pid = end, lines, os.getpid()

    def report(self, message: JSON) -> JSON:
        text = dump(message, "a reported message")
        if os.getpid() != self._pid:
            raise LaunchError(
                "report was called in a fork of the worker process. Send the message to the process that the call "
                "runs in, and report it there."
            )
        self._end.sendall(f'{{"message": {text}}}\n'.encode())
        line = next(self._lines, b"")
        if not line:  # the keeper has ended, and this process will
            raise LaunchError("the launcher has ended, so this call ends as well.")
        return json.loads(line)["reply"]


def serve(end: socket.socket) -> NoReturn:
    """Runs the calls that arrive on a socket until its other end closes, then ends this process."""
    pid = os.getpid()
    lines = iter(end.makefile("rb"))
    for line in lines:
        job = json.loads(line)
        os.environ[tree.MARK] = job["mark"]
        channel = WorkerChannel(end, lines, job["id"], job["attempt"])
        done = run(job["function"], job["payload"], channel, show=_print_error)
        if os.getpid() != pid:  # the function forked and returned in both processes
            os._exit(0)
        tree.flush_streams()
        done["children"] = _has_children()
        try:
            end.sendall(encode_line(done))
        except OSError:
            break
    with suppress(BaseException):
        atexit._run_exitfuncs()
    tree.flush_streams()
    os._exit(0)


def run(
    function: str | Function, payload: JSON, channel: Channel, *, show: Callable[[str], object]
) -> dict[str, Any]:
    """Calls a function; returns ``how``, ``value`` and ``reason``, even if it raises.

    >>> class SilentChannel(Channel):
    ...     job, attempt = "1", 1
    ...     def report(self, message): ...
    >>> run("pliant.testing.jobs:echo", 7, SilentChannel(), show=print)
    {'how': 'returned', 'value': 7, 'reason': ''}
    >>> run("pliant.testing.jobs:eco", 7, SilentChannel(), show=print)["reason"]
    "'pliant.testing.jobs:eco' does not exist: 'pliant.testing.jobs' has no 'eco'; did you mean 'echo'?"

    Args:
      function: the function, or its name.
      payload: its first argument.
      channel: its second argument.
      show: called with the traceback if it raises.
    """
    try:
        value = (resolve(function) if isinstance(function, str) else function)(payload, channel)
        dump(value, f"the return value of {function}")
    except LaunchError as error:
        return {"how": "raised", "value": None, "reason": one_line(str(error))}
    except BaseException as error:  # noqa: BLE001 - any exception is an outcome
        with suppress(Exception):
            trace = error.__traceback__ and error.__traceback__.tb_next
            show("".join(traceback.format_exception(type(error), error, trace)))
        return {"how": "raised", "value": None, "reason": describe(error)}
    return {"how": "returned", "value": value, "reason": ""}


def _print_error(text: str) -> None:
    print(text, file=sys.stderr, end="")  # noqa: T201 - a worker's own stderr


def _has_children() -> bool:
    """Returns whether this process has children, including zombies."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
