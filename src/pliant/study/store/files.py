"""Files of a study in SQLite: their names, their permissions, and whether they are still the same.  Opens no database."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from pliant.values.errors import StudyError

ENDINGS = ("-wal", "-shm", "-lock", "-mark", "-journal")
"""The log and the index of SQLite, ``lock``, ``mark``, and SQLite's journal: each is the name of the study with an ending."""

Identity = tuple[int, int]  # device and inode


def beside(file: Path, ending: str) -> Path:
    """Returns the path of a file of ``ENDINGS``; ``file`` is a real path, as SQLite keeps its log beside that."""
    return file.with_name(file.name + ending)


def find_real(path: Path) -> Path:
    """Returns the absolute path of a file without symbolic links; the file need not exist."""
    return Path(os.path.realpath(path))


def identify(file: str) -> Identity | None:
    """Returns which file has a name now; None without one."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make_private(file: Path, like: Path | None = None) -> None:
    """Makes an empty file for its user only (0600), or with the permissions of another one; leaves an existing file alone.

    Where it cannot be made, SQLite says why.
    """
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        if like is not None:
            follow(file, like)


def follow(file: Path, like: Path) -> None:
    """Gives a file the permissions of another one, if that exists; for root its owner as well, as SQLite does with its log."""
    with suppress(OSError):
        found = like.stat()
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            os.chown(file, found.st_uid, found.st_gid)
        os.chmod(file, find_mode(like))


def find_mode(file: Path) -> int:
    """Returns the permissions for the files beside a study; 0600 before it exists."""
    return stat.S_IMODE(file.stat().st_mode) & 0o666 if file.exists() else 0o600


def make_new(path: Path) -> None:
    """Makes an empty file for its user only, where nothing of this name exists.

    Raises:
      StudyError: something exists there, or it cannot be made.
    """
    for file in (path, *(beside(path, end) for end in ("-wal", "-mark", "-journal"))):
        if os.path.lexists(file):
            raise StudyError(
                f"{str(file)!r} exists, and is not overwritten. Give another path, or remove it first."
            )
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StudyError(
            f"{str(path)!r} cannot be written: {error.strerror}. Give a path in a folder that exists."
        ) from error


def check_single(path: Path, file: Path) -> None:
    """Checks that a study has one name, as SQLite keeps a log and locks for each name.

    Raises:
      StudyError: the file has hard links.
    """
    count = file.stat().st_nlink if file.exists() else 1
    if count > 1:
        raise StudyError(
            f"{str(path)!r} has {count} names (hard links), and may be written under another one: two writers would damage it. "
            "Copy it (`cp`), and use the copy; or remove the other names, such as those that `cp -l` made."
        )
