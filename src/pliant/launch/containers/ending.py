"""How a container ended, from what its engine and its client say.  Asks nobody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

from ..base import Container, How, Job, Outcome
from ..status import explain
from .engine import last_line

_MARK = "pliant-state"
FORMAT = (
    f"{_MARK}|{{{{.State.Status}}}}|{{{{.State.ExitCode}}}}|{{{{.State.StartedAt}}}}|{{{{.State.Error}}}}"
)
"""What to ask ``inspect`` for."""
_RUNNING = ("running", "paused", "restarting", "stopping", "removing")
_BROKEN_CLIENT = 125


@final
@dataclass(frozen=True, slots=True)
class State:
    """A container as its engine sees it.

    Attributes:
      status: in one word.
      exit_code: of its program.
      has_begun: whether its program ever ran.
      error: what the engine says went wrong.
    """

    status: str
    exit_code: int
    has_begun: bool
    error: str = ""

    @property
    def is_running(self) -> bool:
        """Whether its end is still to come."""
        return self.status in _RUNNING


def read_state(text: str) -> State | None:
    """Returns what ``inspect`` said; None when there is no such container.

    >>> read_state("pliant-state|exited|3|2026-11-22 11:51:26 +0000 UTC|")
    State(status='exited', exit_code=3, has_begun=True, error='')
    """
    for line in text.splitlines():
        parts = line.split("|", 4)
        if parts[0] == _MARK and len(parts) == 5 and parts[2].lstrip("-").isdecimal():
            return State(parts[1], int(parts[2]), not parts[3].startswith("0001-"), parts[4].strip())
    return None


def judge(job: Job, state: State | None, heard: Outcome, *, out_of_memory: bool) -> Outcome:
    """Returns how a job ended whose container runs no more.

    Args:
      job: the job.
      state: of its container; None when there is none.
      heard: how the last client ended, with what it printed.
      out_of_memory: whether the system ended a process to free memory meanwhile.
    """
    if state is None or not state.has_begun:
        how, reason, code = _explain_start(job, state, heard)
    else:
        code = state.exit_code
        how, reason = _explain_end(job, code, out_of_memory=out_of_memory)
    return replace(heard, how=how, reason=reason, exit_code=code)


def _explain_start(job: Job, state: State | None, heard: Outcome) -> tuple[How, str, int | None]:
    """Why there never was a program."""
    work = job.work
    assert isinstance(work, Container)
    if heard.how == "lost" or heard.exit_code is None:
        where = "went away" if state is None else "did not begin"
        return "lost", f"its container {where}: the client was ended: {heard.reason}", heard.exit_code
    said = (state.error if state is not None else "") or last_line(heard.tail)
    program = f"{work.argv[0]!r}" if work.argv else "its program"
    if heard.exit_code == 127:
        reason = f"exit code 127 of the engine: there is no {program} in the image {work.image!r}: {said}"
    elif heard.exit_code == 126:
        reason = f"exit code 126 of the engine: {program} cannot be run in the image {work.image!r}: {said}"
    else:  # not the job's fault, so that it is tried again
        reason = f"exit code {heard.exit_code} of the engine, which could not start the container: {said}"
        return "lost", reason, heard.exit_code
    return "exited", reason, heard.exit_code


def _explain_end(job: Job, code: int, *, out_of_memory: bool) -> tuple[How, str]:
    """What the exit code of a program says."""
    limit = job.limits.memory
    if code == 137 and limit is not None:
        return (
            "memory",
            f"exit code 137: it was killed, with a limit of {limit / (1 << 20):.0f} MiB for its memory",
        )
    if 128 < code <= 192:
        how, reason = explain(128 - code, out_of_memory=out_of_memory)
        return how, f"exit code {code}: {reason}"
    if code in (_BROKEN_CLIENT, 126, 127):
        return "exited", f"exit code {code} of the program itself" + (
            ", or of a shell in it" if code > 125 else ""
        )
    return explain(code)
