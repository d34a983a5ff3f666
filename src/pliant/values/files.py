"""Atomic file writes: a reader finds the old file or the new one, even after a crash."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

Content = str | bytes | Callable[[BinaryIO], object]
"""What to write: text (as UTF-8), bytes, or a function that writes to an open file."""


def write_atomically(path: str | os.PathLike[str], content: Content, *, mode: int | None = None) -> None:
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
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
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
