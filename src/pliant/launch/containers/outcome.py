"""Pure functions: outcome of a container job, from the output of the engine and its client."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

from ..base import Container, How, Job, Outcome
from ..exit_codes import explain
from .engine import last_line

_MARK = "pliant-state"
FORMAT = (
    f"{_MARK}|{{{{.State.Status}}}}|{{{{.State.ExitCode}}}}|{{{{.State.StartedAt}}}}|{{{{.State.Error}}}}"
)
"""Format of the engine's ``inspect`` for ``read_state``."""
_RUNNING = ("running", "paused", "restarting", "stopping", "removing")
_BROKEN_CLIENT = 125


@final
@dataclass(frozen=True, slots=True)
class State:
    """State of a container, from the engine.

    Attributes:
      status: one word, such as ``exited``.
      exit_code: of its program.
      has_begun: whether its program ever started.
      error: the engine's error message.
    """

    status: str
    exit_code: int
    has_begun: bool
    error: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status in _RUNNING


def read_state(text: str) -> State | None:
    """Returns the state in the output of ``inspect``; None if the container does not exist.

    >>> read_state("pliant-state|exited|3|2026-11-22 11:51:26 +0000 UTC|")
    State(status='exited', exit_code=3, has_begun=True, error='')
    """
    for line in text.splitlines():
        parts = line.split("|", 4)
        if parts[0] == _MARK and len(parts) == 5 and parts[2].lstrip("-").isdecimal():
            return State(parts[1], int(parts[2]), not parts[3].startswith("0001-"), parts[4].strip())
    return None


def find_outcome(job: Job, state: State | None, client_end: Outcome, *, out_of_memory: bool) -> Outcome:
    """Returns the outcome of a job whose container has ended.

    Args:
      job: the job.
      state: of its container; None if it does not exist.
      client_end: how the last client ended, with its output.
      out_of_memory: whether the system killed a process to free memory during the job.
    """
    if state is None or not state.has_begun:
        how, reason, code = _explain_start(job, state, client_end)
    else:
        code = state.exit_code
        how, reason = _explain_end(job, code, out_of_memory=out_of_memory)
    return replace(client_end, how=how, reason=reason, exit_code=code)


def _explain_start(job: Job, state: State | None, client_end: Outcome) -> tuple[How, str, int | None]:
    """Explains why the program of a container never started."""
    work = job.work
    assert isinstance(work, Container)
    if client_end.how == "lost" or client_end.exit_code is None:
        where = "disappeared" if state is None else "did not start"
        reason = f"its container {where}, because its client was ended: {client_end.reason}"
        return "lost", reason, client_end.exit_code
    text = (state.error if state is not None else "") or last_line(client_end.tail)
    program = f"{work.argv[0]!r}" if work.argv else "its program"
    if client_end.exit_code == 127:
        reason = f"exit code 127 of the engine: {program} does not exist in the image {work.image!r}: {text}"
    elif client_end.exit_code == 126:
        reason = f"exit code 126 of the engine: {program} cannot be run in the image {work.image!r}: {text}"
    else:  # not a fault of the job: a new attempt makes sense
        reason = (
            f"exit code {client_end.exit_code} of the engine, which could not start the container: {text}"
        )
        return "lost", reason, client_end.exit_code
    return "exited", reason, client_end.exit_code


def _explain_end(job: Job, code: int, *, out_of_memory: bool) -> tuple[How, str]:
    """Explains the exit code of a program."""
    limit = job.limits.memory
    if code == 137 and limit is not None:
        mib = limit / (1 << 20)
        return "memory", f"exit code 137: it was killed, with a limit of {mib:.0f} MiB for its memory"
    if 128 < code <= 192:
        how, reason = explain(128 - code, out_of_memory=out_of_memory)
        return how, f"exit code {code}: {reason}"
    if code in (_BROKEN_CLIENT, 126, 127):
        shell = ", or of a shell in it" if code > 125 else ""
        return "exited", f"exit code {code} of the program itself{shell}"
    return explain(code)
