"""Exit codes and signals explained: how a process ended, and the likely cause."""

from __future__ import annotations

import signal

from .base import How

_OUTSIDE = {"SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGPWR"}
_CRASHES = {
    "SIGSEGV": "a segmentation fault: invalid memory access, usually a bug in compiled code",
    "SIGBUS": "a bus error: a mapped file or shared memory is too small; often /dev/shm is full",
    "SIGABRT": "it aborted, usually after a failed check in compiled code",
    "SIGFPE": "an arithmetic error, such as an integer division by zero",
    "SIGILL": "an illegal instruction: compiled for another processor",
    "SIGXCPU": "beyond the CPU time limit of the system",
    "SIGXFSZ": "beyond the file size limit of the system",
    "SIGPIPE": "it wrote to a pipe without a reader",
}
_CODES = {
    2: "often invalid arguments",
    124: "returned by `timeout`",
    125: "docker or podman could not start the container",
    126: "the program was found but could not be run",
    127: "a program was not found",
    255: "often ssh, or exit(-1)",
}


def explain(code: int, *, out_of_memory: bool = False) -> tuple[How, str]:
    """Returns how a job ended, from the exit code of its process, and the reason.

    >>> explain(137)
    ('exited', 'exit code 137: killed (SIGKILL), probably out of memory')
    >>> explain(-11)[1][:28]
    'SIGSEGV: a segmentation faul'

    Args:
      code: as in ``Popen.returncode``: negative for a signal.
      out_of_memory: whether the system killed a process to free memory during the job.
    """
    if code == 0:
        return "returned", ""
    if code < 0:
        name = _signal_name(-code)
        if name == "SIGKILL" and out_of_memory:
            return "memory", "SIGKILL: the machine ran out of memory, and the system killed it"
        if name in _OUTSIDE:
            hint = ", by a user or by the system when memory ran out" if name == "SIGKILL" else ""
            return "lost", f"its process was ended from outside with {name}{hint}"
        return "exited", f"{name}: {_CRASHES.get(name, 'ended by this signal')}"
    if 128 < code <= 192:
        name = _signal_name(code - 128)
        hint = ", probably out of memory" if name == "SIGKILL" else ""
        crash = _CRASHES.get(name, "")
        said = f"killed ({name}){hint}" if name in _OUTSIDE else f"{name}{': ' + crash if crash else ''}"
        return "exited", f"exit code {code}: {said}"
    return "exited", f"exit code {code}" + (f": {_CODES[code]}" if code in _CODES else "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
