"""Launcher of calls in a pool of worker processes that import slow modules once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, final

from pliant.values.errors import LaunchError, quote

from .base import Call, Container, Job, dump
from .check import check_count, check_seconds, check_workers
from .child import THREADS
from .devices import find_gpus, share_gpus
from .functions import name_of
from .local import LocalLauncher
from .output import LOG_BYTES


@final
class Processes(LocalLauncher):
    """Runs calls in a pool of worker processes.

    A keeper process imports ``preload`` once and forks the workers; each worker runs many calls.  A worker that
    crashes, is killed, or leaves processes behind is replaced.  Workers have their own sessions, so that Ctrl-C reaches
    this process only.  They end when this process ends, even by SIGKILL; on Linux so does every process that they
    started.

    >>> from pliant.launch import Call, Job, Processes
    >>> with Processes(workers=1) as launcher:
    ...     launcher.start(Job("1", Call("pliant.testing.jobs:echo", {"x": 1})))
    ...     events = launcher.poll(None)
    ...     while not hasattr(events[-1], "outcome"):
    ...         events += launcher.poll(None)
    >>> events[-1].outcome.value
    {'x': 1}

    Args:
      workers: number of workers; None for one per processor.
      preload: modules to import, such as ``"torch"``, and functions to call without arguments
        (``"module:function"``), such as one training step to warm up caches.  They run with one thread, and must
        not leave threads running or use a GPU.
      threads: number of threads that a worker computes with.
      gpus_per_worker: GPUs that each worker has for itself, by ``CUDA_VISIBLE_DEVICES``: a whole number, or a part of one
        such as 0.5; None for all, shared. Without ``workers``, there are as many as the GPUs suffice for.
      reuse: whether a worker runs many calls; otherwise each call runs in a new fork.
      grace_seconds: time between SIGTERM and SIGKILL for a job that is cancelled or over its time limit.
      max_processes: largest number of processes of a job.
      log_bytes: size of a log file.

    Raises:
      LaunchError: ``preload`` fails or makes forking unsafe, or an invalid argument.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        preload: str | Sequence[str] = (),
        threads: int = 1,
        gpus_per_worker: float | None = None,
        reuse: bool = True,
        grace_seconds: float = 5.0,
        max_processes: int = 256,
        log_bytes: int = LOG_BYTES,
    ) -> None:
        asked: object = preload
        names = list(asked) if isinstance(asked, Iterable) and not isinstance(asked, str) else [asked]
        for name in names:
            if not isinstance(name, str):
                raise LaunchError(
                    f"preload must be names of modules or functions; got {quote(name)}. "
                    "Example: ('torch', 'tasks.digits:warm_up')."
                )
        options = {
            "preload": names,
            "threads": check_count(threads, "threads"),
            "reuse": bool(reuse),
            "grace": check_seconds(grace_seconds, "grace_seconds"),
            "processes": check_count(max_processes, "max_processes"),
            "log_bytes": check_count(log_bytes, "log_bytes"),
        }
        count, gpus = workers, None
        if gpus_per_worker is not None:
            gpus = share_gpus(
                find_gpus(), gpus_per_worker, None if workers is None else check_workers(workers)
            )
            count = len(gpus)
        env = {f"{name}_NUM_THREADS": "1" for name in THREADS}
        env["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # a check for GPUs must not initialize them before a fork
        env["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"
        super().__init__(check_workers(count), {**options, "gpus": gpus}, env)

    def _describe(self, job: Job) -> dict[str, Any]:
        if not isinstance(job.work, Call):
            other = "Containers" if isinstance(job.work, Container) else "Commands"
            raise LaunchError(f"Processes runs calls; got a {type(job.work).__name__}. Use {other}.")
        function = name_of(job.work.function)
        dump(job.work.payload, f"the payload of job {job.id!r}")
        return {"function": function, "payload": job.work.payload}
