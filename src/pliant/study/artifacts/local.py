"""``LocalBackend``: artifacts in a folder of a local or shared disk, synchronized to the disk and renamed into place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import final

from pliant.values.files import write_atomically

from .backend import Backend, Blob, Source, blob_key, copy_hashed

TRIES = 10  # of writing into a folder that another process removes meanwhile


@final
class LocalBackend(Backend):
    """Artifacts in a folder, which is made when the first one is saved; only its user may read it.

    A file is written beside its place, synchronized and renamed, so that a crash leaves all of it or nothing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = str(folder)

    def put(self, source: Source, suffix: str) -> Blob:
        waiting = self.folder / "unfinished"
        self._make(waiting)
        temporary = waiting / os.urandom(12).hex()
        try:
            with open(temporary, "xb", opener=_open_private) as file:
                size, sha256 = copy_hashed(source, file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o400)  # what is stored by its checksum must not change
            key = blob_key(sha256, suffix)
            target = self.folder / key
            self._place(target, lambda: os.replace(temporary, target))
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _synchronize(target.parent)
        return Blob(key, size, sha256)

    def write(self, key: str, data: bytes) -> None:
        target = self.folder / key
        self._place(target, lambda: write_atomically(target, data, mode=0o600))

    def read(self, key: str) -> bytes:
        return (self.folder / key).read_bytes()

    def find(self, prefix: str) -> list[str]:
        found = []
        for folder, _, names in os.walk(self.folder / prefix):  # links are not followed
            within = Path(folder).relative_to(self.folder).as_posix()
            found += [f"{within}/{name}" for name in names if not name.endswith(".tmp")]
        return sorted(found)

    def has(self, key: str) -> bool:
        return (self.folder / key).is_file()

    def move(self, key: str, to: str) -> None:
        target = self.folder / to
        self._make(target.parent)
        with suppress(FileNotFoundError):
            os.replace(self.folder / key, target)

    def remove(self, key: str) -> None:
        target = self.folder / key
        with suppress(FileNotFoundError):
            os.unlink(target)
        for folder in target.parents:
            if folder == self.folder:
                break
            try:
                folder.rmdir()
            except OSError:  # it is not empty, or another process removed it
                break

    def fetch(self, key: str) -> Path:
        target = self.folder / key
        if not target.is_file():
            raise FileNotFoundError(str(target))
        return target

    def clean(self, seconds: float) -> None:
        waiting = self.folder / "unfinished"
        for file in waiting.iterdir() if waiting.is_dir() else ():
            with suppress(OSError):
                if time.time() - file.stat().st_mtime > seconds:
                    file.unlink()

    def _place(self, target: Path, write: Callable[[], None]) -> None:
        """Writes a file into a folder that is made for it, and that another process may remove while it is empty."""
        for left in reversed(range(TRIES)):
            self._make(target.parent)
            try:
                write()
                return
            except FileNotFoundError:
                if not left or target.parent.is_dir():
                    raise

    def _make(self, folder: Path) -> None:
        """Makes a folder below that of the artifacts."""
        for part in (*reversed(folder.parents), folder):
            if part == self.folder or self.folder in part.parents:
                with suppress(FileExistsError, FileNotFoundError):
                    part.mkdir(mode=0o700)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _synchronize(folder: Path) -> None:
    """Makes a renaming durable where the system allows it."""
    if hasattr(os, "O_DIRECTORY"):
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
