"""Calls in worker processes of this machine, which stay warm: what takes long to import is imported once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from pliant.values.errors import LaunchError

from .base import Call, Container, Job, dump
from .check import check_count, check_seconds, check_workers
from .child import THREADS
from .functions import name_of
from .local import LocalLauncher
from .output import LOG_BYTES


@final
class Processes(LocalLauncher):
    """Runs calls in a pool of worker processes.

    A keeper process imports ``preload`` once, and forks workers that share it; a worker does one call after
    another, with what it has imported.  A worker that crashes, is killed, or leaves processes behind is
    replaced.  Workers are in sessions of their own, so that Ctrl-C reaches this process only; they end with
    it, whatever death it dies, and on Linux so does every process that they started.

    >>> from pliant.launch import Call, Job, Processes
    >>> with Processes(workers=1) as launcher:
    ...     launcher.start(Job("1", Call("pliant.testing.jobs:echo", {"x": 1})))
    ...     events = launcher.poll(None)
    ...     while not hasattr(events[-1], "outcome"):
    ...         events += launcher.poll(None)
    >>> events[-1].outcome.value
    {'x': 1}

    Args:
      workers: how many; None for one a processor.
      preload: modules to import, such as ``"torch"``, and functions to call without arguments
        (``"module:function"``), such as one step of training, which warms what a first step would.  They
        run with one thread, and must neither leave threads nor touch a GPU.
      threads: how many threads a worker computes with.
      reuse: whether a worker does many calls; else each call gets a new fork.
      grace_seconds: how long a job that is cancelled or over its time may take to end (SIGTERM) before it
        is killed.
      max_processes: how many processes a job may have at once.
      log_bytes: the size of a log file.

    Raises:
      LaunchError: ``preload`` fails or is unsafe to fork; an argument that is none.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        preload: str | Sequence[str] = (),
        threads: int = 1,
        reuse: bool = True,
        grace_seconds: float = 5.0,
        max_processes: int = 256,
        log_bytes: int = LOG_BYTES,
    ) -> None:
        names = [preload] if isinstance(preload, str) else list(preload)
        for name in names:
            if not isinstance(name, str):
                raise LaunchError(
                    f"preload takes names, such as ('torch', 'tasks.digits:warm_up'); got {name!r:.80}."
                )
        options = {
            "preload": names,
            "threads": check_count(threads, "threads"),
            "reuse": bool(reuse),
            "grace": check_seconds(grace_seconds, "grace_seconds"),
            "processes": check_count(max_processes, "max_processes"),
            "log_bytes": check_count(log_bytes, "log_bytes"),
        }
        env = {f"{name}_NUM_THREADS": "1" for name in THREADS}
        env["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # asking for a GPU must not spoil it for forked processes
        env["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"
        super().__init__(check_workers(workers), options, env)

    def _describe(self, job: Job) -> dict[str, Any]:
        if not isinstance(job.work, Call):
            other = "Containers" if isinstance(job.work, Container) else "Commands"
            raise LaunchError(f"Processes runs calls; for a {type(job.work).__name__}, take {other}.")
        function = name_of(job.work.function)
        dump(job.work.payload, f"the payload of job {job.id!r}")
        return {"function": function, "payload": job.work.payload}
