"""Atomic file writes, and files in folders that all users may write, such as ``/tmp``."""

from __future__ import annotations

import errno
import os
import shlex
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

Content = str | bytes | Callable[[BinaryIO], object]
"""What to write: text (as UTF-8), bytes, or a function that writes to an open file."""


def write_atomically(
    path: str | os.PathLike[str], content: Content, *, mode: int | None = None, durable: bool = True
) -> None:
    """Writes a file by renaming a temporary one in the same folder, after it is on the disk.

    A symbolic link at ``path`` is replaced, not followed.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(f"{folder}/notes.txt", "first")
    ...     pathlib.Path(folder, "notes.txt").read_text()
    'first'

    Args:
      path: the file; its folder must exist.
      content: what to write.
      mode: permissions such as ``0o600``, whatever the umask says; None for those of any new file.
      durable: whether it survives a power failure; if not, it is many times faster, and such a failure may damage it.

    Raises:
      OSError: the file cannot be written; the old one is unchanged.
    """
    folder, name = os.path.split(os.path.abspath(path))
    temporary = os.path.join(folder, f".{name[:50]}.{os.urandom(6).hex()}.tmp")
    try:
        with open(temporary, "xb", opener=None if mode is None else _open_private) as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename == temporary:
            error.filename = os.fspath(path)  # the name that the caller knows
        raise
    if durable:
        _sync_folder(folder)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: str) -> None:
    """Makes a renaming durable where the system allows it; not on Windows, nor on some network disks."""
    if hasattr(os, "O_DIRECTORY"):
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def make_own_folder(folder: Path, *, forbidden: int = 0o022) -> None:
    """Makes a folder that only this user may enter, or checks that an existing one is this user's, and not a link.

    Args:
      folder: its parent may be a folder that all users may write, if it is sticky as ``/tmp`` is. In others, any user can put
        another folder in place of this one, also after the check.
      forbidden: permissions that it must not have.

    Raises:
      OSError: it cannot be made, or belongs to somebody else; ``strerror`` says what to do.
    """
    if (
        os.name == "posix"
        and (parent := folder.parent.stat()).st_mode & 0o002
        and not parent.st_mode & stat.S_ISVTX
    ):
        raise PermissionError(
            errno.EPERM,
            f"in {str(folder.parent)!r} all users may rename folders of others, as it is not sticky. Set TMPDIR to a folder "
            f"that you own, or run `chmod +t {shlex.quote(str(folder.parent))}`",
            str(folder.parent),
        )
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    is_own = found.st_uid == os.getuid() if hasattr(os, "getuid") else True
    if not (stat.S_ISDIR(found.st_mode) and is_own) or (os.name == "posix" and found.st_mode & forbidden):
        raise PermissionError(
            errno.EPERM,
            f"{str(folder)!r} is not a folder that only you may {'enter' if forbidden & 0o055 else 'write'}. Remove it, or "
            "set TMPDIR to a folder that you own",
            str(folder),
        )


def check_links(path: str | os.PathLike[str]) -> None:
    """Checks that no other user redirects a file: by a link or a file in a folder that all users may write.

    It is the rule of Linux (``fs.protected_symlinks``, ``protected_hardlinks``, ``protected_regular``), for systems where it
    is not on.

    Raises:
      PermissionError: another user made such a link or file, or may have; ``strerror`` says what to do.
    """
    whole = Path(os.path.abspath(path))
    for part in (whole, *whole.parents) if hasattr(os, "getuid") else ():
        try:
            found, folder = part.lstat(), part.parent.stat()
        except OSError:  # it does not exist yet
            continue
        if not folder.st_mode & 0o002:
            continue
        is_risk = stat.S_ISLNK(found.st_mode) or (part == whole and not stat.S_ISDIR(found.st_mode))
        if is_risk and found.st_uid not in (os.getuid(), folder.st_uid):
            why = "was made by another user"
        elif part == whole and stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
            why = "has a second name (a hard link), which another user may have made, and is"
        else:
            continue
        raise PermissionError(
            errno.EPERM,
            f"{str(part)!r} {why} in a folder that all users may write. Remove it, or give a path in a folder that you own",
            str(part),
        )
