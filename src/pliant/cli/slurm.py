"""Submits ``pliant search`` as a job array of Slurm, by submitit: each job runs the same command, and all share one study.

A job that is preempted finishes its trial or puts it back, and is queued again.  One of the jobs may run the PostgreSQL
server of the study.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import click

from pliant.study import Study
from pliant.study.store.location import Server, to_location
from pliant.study.team.database import BEAT, Database, read_address
from pliant.study.team.workers import list_workers
from pliant.study.walltime import VARIABLES
from pliant.values.errors import StudyError, quote
from pliant.values.packages import require

GRACE = 60.0  # seconds for a trial to end after a signal; then it is put back
LAST = 15.0  # seconds for that; submitit leaves 90 in all
FIND_SECONDS = 600.0  # for the job with the server to start
TRIES = 10  # of a command whose server went away
TICK = 0.2


@final
@dataclass(eq=False)
class SearchJob:
    """One job of the array: runs a search, perhaps with the server of its study.

    Attributes:
      command: the arguments of ``pliant search``, without ``--study``.
      place: the study: an address, or a file; where ``server`` is given, its name.
      server: the folder of the PostgreSQL server that the first job runs.
      index: the number of the job, from 0.
      minutes: how long the job may run.
    """

    command: tuple[str, ...]
    place: str
    server: str | None
    index: int
    minutes: int
    _child: subprocess.Popen[bytes] | None = None
    _database: Database | None = None

    def __call__(self) -> int:
        """Runs the search to its end; returns 0.

        Raises:
          StudyError: the search ended with an error, which it has printed.
        """
        if self.server is not None and self.index == 0:
            self._database = Database(self.server, host=socket.gethostname())
            self._database.start()
        try:
            for _ in range(TRIES):
                code = self._run()
                if code == 0 or self.server is None or self._database is not None or self._finds_server():
                    break
            if code == 0 and self._database is not None:
                self._wait_for_others()
        finally:
            if self._database is not None:
                self._database.stop()
        if code:
            raise StudyError(f"`pliant search` ended with {code}; its output is above.")
        return code

    def checkpoint(self) -> Any:
        """Ends the search before the job is preempted: its trial is finished or put back; returns what is queued again."""
        from submitit.helpers import DelayedSubmission

        child = self._child
        if child is not None and child.poll() is None:
            for seconds in (GRACE, LAST):  # the first signal lets trials end; the second puts them back
                child.send_signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    child.wait(seconds)
                    break
            else:
                child.kill()
        if self._database is not None:
            self._database.stop()
        return DelayedSubmission(replace(self, _child=None, _database=None))

    # ------------------------------------------------------------------ private

    def _run(self) -> int:
        """Runs the command once; returns its exit code."""
        place, given = self._find_place()
        arguments = [sys.executable, "-m", "pliant", "search", *self.command, "--study", place]
        end = os.environ.get(VARIABLES[1], str(time.time() + 60 * self.minutes))
        given = {**os.environ, VARIABLES[0]: end, **given}
        self._child = subprocess.Popen(arguments, env=given)  # noqa: S603  # no shell
        looked = time.monotonic()
        while (code := self._child.poll()) is None:
            time.sleep(TICK)
            if self._database is not None and time.monotonic() - looked > BEAT:
                looked = time.monotonic()
                self._database.beat()
        return code

    def _find_place(self) -> tuple[str, dict[str, str]]:
        """Returns the study, and the environment in which its server lets this process in; no command shows the password."""
        if self.server is None:
            return self.place, {}
        end = time.monotonic() + FIND_SECONDS
        while not self._finds_server():
            if time.monotonic() > end:
                raise StudyError(
                    f"for {FIND_SECONDS:g} s no server ran in {self.server!r}: the first job of the array starts it. Look at its "
                    "output, and at the queue."
                )
            time.sleep(1)
        head, _, rest = read_address(self.server).partition("@")
        user, _, password = head.rpartition(":")
        return f"{user}@{rest}?study={self.place}", {"PGPASSWORD": password}

    def _finds_server(self) -> bool:
        assert self.server is not None
        return self._database is not None or (
            Path(self.server, "running.json").exists() and _answers(self.server)
        )

    def _wait_for_others(self) -> None:
        """Keeps the server until the other jobs have left the complete study."""
        place, _ = self._find_place()
        assert self._database is not None
        address = f"{self._database.address}?study={place.rpartition('study=')[2]}"
        while self._database.beat():
            with suppress(StudyError), Study.open(address) as study:
                if study.is_complete and not list_workers(address):
                    return
            time.sleep(BEAT)


def _answers(server: str) -> bool:
    """Returns whether the server of a folder can be reached."""
    place = to_location(f"{read_address(server)}?study=x")
    assert isinstance(place, Server)
    host, _, port = place.url.rpartition("@")[2].partition("/")[0].rpartition(":")
    with suppress(OSError), socket.create_connection((host.strip("[]"), int(port)), timeout=5):
        return True
    return False


def submit(
    ctx: click.Context, study: str, *, jobs: int, server: str | None, cluster: str, options: tuple[str, ...]
) -> None:
    """Submits the array, and prints its jobs.

    Args:
      ctx: of ``pliant search``, with the options that were typed.
      study: the file or address of the study.
      jobs: how many.
      server: the folder of the PostgreSQL server that the first job runs; None without.
      cluster: ``slurm``; or ``local``, for processes of this machine.
      options: ``NAME=VALUE`` for submitit.

    Raises:
      UsageError: jobs of several machines cannot share the study, or an option is not known.
    """
    require("--slurm", "submitit")
    place = to_location(study if server is None else f"postgresql://user@host/database?study={study}")
    if cluster == "slurm" and jobs > 1 and not isinstance(place, Server):
        raise click.UsageError(
            f"the jobs run on several machines, which cannot share the file {study!r}. Add --slurm-server FOLDER, a folder that "
            "all machines see: the first job runs a PostgreSQL server there; with it, --study is the name of the study. Or give "
            "the address of a database: --study postgresql://user@host/database?study=NAME."
        )
    from submitit import AutoExecutor

    parameters = {"timeout_min": 60, "slurm_job_name": "pliant", **_read_options(options)}
    folder = Path("slurm", "%j")
    executor = AutoExecutor(folder, cluster=cluster)
    try:
        executor.update_parameters(**parameters)
    except (ValueError, NameError) as error:
        raise click.UsageError(f"--slurm-option: {' '.join(str(error).split())}") from error
    command = tuple(_to_arguments(ctx))
    home = None if server is None else str(Path(server).absolute())
    where = study if server is not None or isinstance(place, Server) else str(Path(study).absolute())
    minutes = int(parameters["timeout_min"])
    with executor.batch():
        made = [executor.submit(SearchJob(command, where, home, index, minutes)) for index in range(jobs)]
    names = [job.job_id for job in made]
    click.echo(
        f"Submitted {len(names)} job{'s' if jobs > 1 else ''}: {', '.join(names)}. Output: {folder.parent}/"
    )
    if cluster == "local":
        for job in made:
            job.wait()


def _read_options(options: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name.isidentifier():
            raise click.UsageError(
                f"--slurm-option is NAME=VALUE as submitit names it, such as slurm_partition=gpu; got {quote(option)}."
            )
        found[name] = int(value) if value.isdecimal() else value
    if found.get("timeout_min", 1).__class__ is not int:
        raise click.UsageError(
            f"--slurm-option timeout_min is a number of minutes; got {quote(found['timeout_min'])}."
        )
    return found


def _to_arguments(ctx: click.Context) -> list[str]:
    """Returns the options of ``pliant search`` that were typed, without those that say where it runs."""
    found: list[str] = []
    for parameter in ctx.command.params:
        name = str(parameter.name)
        typed = ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE
        if not typed or name == "study" or name.startswith("slurm"):
            continue
        value = ctx.params[name]
        if isinstance(parameter, click.Argument):
            found.append(str(value))
        elif isinstance(parameter, click.Option) and parameter.is_flag:
            found.append((parameter.opts if value else parameter.secondary_opts)[0])
        else:
            for one in value if parameter.multiple else [value]:
                found += [parameter.opts[0], str(one)]
    return found if "--workers" in found else [*found, "--workers", "1"]
