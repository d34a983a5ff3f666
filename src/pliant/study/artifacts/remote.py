"""``RemoteBackend``: artifacts at a URL that fsspec reaches, such as ``s3://bucket/study`` or ``gs://bucket/study``."""

from __future__ import annotations

import os
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Any, final

from pliant.values.errors import StudyError, quote
from pliant.values.packages import require

from .backend import Backend, Blob, Source, blob_key, copy_hashed


@final
class RemoteBackend(Backend):
    """Artifacts at a URL; files that are read are copied into a temporary folder of this process.

    Content is written under a temporary key and moved, so that a reader never finds a part of it.

    Raises:
      StudyError: fsspec, or what it needs for the URL, is not installed; or the URL is none.
    """

    def __init__(self, url: str) -> None:
        require(f"a place for artifacts such as {quote(url)}", "fsspec", kind=StudyError)
        from fsspec.core import url_to_fs

        self.place = url
        try:
            self._system, self._root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise StudyError(
                f"artifacts cannot be stored at {quote(url)}: {error}. Give a folder, or a URL that fsspec knows, such as "
                "s3://bucket/study with `pip install s3fs`."
            ) from error
        self._root = self._root.rstrip("/")
        self._copies: Path | None = None

    def put(self, source: Source, suffix: str) -> Blob:
        size, sha256 = copy_hashed(source)
        key = blob_key(sha256, suffix)
        if self.has(key) and self._call("info", self._at(key)).get("size") == size:
            return Blob(key, size, sha256)
        waiting = f"unfinished/{os.urandom(12).hex()}"
        try:
            if isinstance(source, bytes):
                self._write(waiting, source)
            else:
                self._make(waiting)
                self._call("put_file", str(source), self._at(waiting))
            if self._call("info", self._at(waiting)).get("size") != size:
                raise OSError(f"{str(source)!r} changed while it was stored")
            self.move(waiting, key)
        except BaseException:
            with suppress(Exception):
                self.remove(waiting)
            raise
        return Blob(key, size, sha256)

    def write(self, key: str, data: bytes) -> None:
        waiting = f"unfinished/{os.urandom(12).hex()}"
        self._write(waiting, data)
        self.move(waiting, key)

    def read(self, key: str) -> bytes:
        return bytes(self._call("cat_file", self._at(key)))

    def find(self, prefix: str) -> list[str]:
        self._system.invalidate_cache()
        start = self._at("")
        try:
            found = self._call("find", self._at(prefix))
        except FileNotFoundError:
            return []
        return sorted(name[len(start) :] for name in found if name.startswith(start))

    def has(self, key: str) -> bool:
        self._system.invalidate_cache()
        return bool(self._call("exists", self._at(key)))

    def move(self, key: str, to: str) -> None:
        if self.has(key):
            self._make(to)
            with suppress(FileNotFoundError):
                self._call("mv", self._at(key), self._at(to))

    def remove(self, key: str) -> None:
        if self.has(key):
            with suppress(FileNotFoundError):
                self._call("rm_file", self._at(key))

    def fetch(self, key: str) -> Path:
        if self._copies is None:
            self._copies = Path(tempfile.mkdtemp(prefix="pliant-artifacts-"))
            weakref.finalize(self, rmtree, self._copies, ignore_errors=True)
        target = self._copies / key.rpartition("/")[2]
        if not target.exists():
            part = target.with_name(f"{os.urandom(6).hex()}.part")
            self._call("get_file", self._at(key), str(part))
            os.replace(part, target)
        return target

    def clean(self, seconds: float) -> None:
        """Does nothing: buckets have rules for what is unfinished, and their clocks are not ours."""

    def _at(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _write(self, key: str, data: bytes) -> None:
        self._make(key)
        self._call("pipe_file", self._at(key), data)

    def _make(self, key: str) -> None:
        """Makes the folder of a key; buckets have none."""
        self._call("makedirs", self._at(key).rpartition("/")[0], exist_ok=True)

    def _call(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Calls a method of the file system; its own errors, whatever their type, become OSError."""
        try:
            return getattr(self._system, name)(*arguments, **options)
        except OSError:
            raise
        except Exception as error:
            raise OSError(f"{type(error).__name__}: {error}") from error
