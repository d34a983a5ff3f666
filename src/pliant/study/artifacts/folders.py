"""Working folders of trials: a trial that is tried again gets its folder back, and one with a parent a copy of the parent's.

The folder of a trial has the number of its attempt.  The next attempt takes it over by renaming it, so that a worker that
was given up cannot write into it any more.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import weakref
from abc import ABC, abstractmethod
from pathlib import Path
from typing import final

from pliant.values.errors import FieldValueError, StudyError
from pliant.values.lines import read_json

from ..trials.artifact import (
    Artifact,
    artifact_from_json,
    artifact_to_json,
    check_artifact_name,
    entry_of,
    suffix_of,
)
from ..trials.trial import now
from .backend import Backend, blob_key


class Folder(ABC):
    """The working folder of one attempt of a trial.

    Attributes:
      path: a local folder.
    """

    path: Path

    @abstractmethod
    def synchronize(self) -> None:
        """Stores what changed in the folder, if it is not the stored one itself."""


class Folders(ABC):
    """The working folders of the trials of a study."""

    @abstractmethod
    def open(self, trial_id: int, attempt: int, parent: int | None) -> Folder:
        """Returns the folder of an attempt: see ``Artifacts.folder``."""

    @abstractmethod
    def trials(self) -> list[int]:
        """Returns the trials that have a folder."""

    @abstractmethod
    def remove(self, trial_id: int) -> None:
        """Removes the folder of a trial, if it has one."""


@final
class LocalFolder(Folder):
    """A folder on a local or shared disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def synchronize(self) -> None:
        """Does nothing."""


@final
class LocalFolders(Folders):
    """Working folders on a local or shared disk: ``root/TRIAL/ATTEMPT``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def open(self, trial_id: int, attempt: int, parent: int | None) -> LocalFolder:
        mine, target = self._root / str(trial_id), self._root / str(trial_id) / str(attempt)
        for folder in (
            self._root.parent,
            self._root,
            mine,
        ):  # `parents` would give those in between other permissions
            folder.mkdir(mode=0o700, parents=folder == self._root.parent, exist_ok=True)
        attempts = _numbers(mine)
        if attempts and attempts[-1] > attempt:
            raise _given_away(trial_id, attempt, attempts[-1])
        if attempts and attempts[-1] < attempt:
            os.rename(mine / str(attempts[-1]), target)
        if not target.is_dir():
            self._make(target, parent)
        return LocalFolder(target)

    def trials(self) -> list[int]:
        return _numbers(self._root)

    def remove(self, trial_id: int) -> None:
        shutil.rmtree(self._root / str(trial_id), ignore_errors=True)

    def _make(self, target: Path, parent: int | None) -> None:
        """Makes a folder, completely or not at all."""
        above = None if parent is None else self._root / str(parent)
        attempts = [] if above is None else _numbers(above)
        part = target.with_name(f"part-{os.urandom(6).hex()}")
        try:
            if above is None or not attempts:
                part.mkdir(mode=0o700)
            else:
                shutil.copytree(above / str(attempts[-1]), part, symlinks=True)
            os.rename(part, target)
        except shutil.Error as error:
            raise OSError(str(error)[:500]) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)


@final
class RemoteFolder(Folder):
    """A temporary folder whose files are stored at a URL, each by its content."""

    def __init__(self, backend: Backend, trial_id: int, attempt: int) -> None:
        self._backend, self._trial, self._attempt = backend, trial_id, attempt
        self.path = Path(tempfile.mkdtemp(prefix=f"pliant-trial-{trial_id}-"))
        self._stored: dict[str, tuple[int, int]] = {}  # time and size of each file as it was stored
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def load(self, stored: dict[str, Artifact]) -> None:
        """Copies stored files into the folder."""
        for name, one in stored.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._backend.fetch(blob_key(one.sha256, suffix_of(name))), target)

    def synchronize(self) -> None:
        known = {}
        for file in sorted(self.path.rglob("*")):
            if file.is_symlink() or not file.is_file():
                continue
            name = file.relative_to(self.path).as_posix()
            try:
                check_artifact_name(name)
            except FieldValueError as error:
                raise StudyError(
                    f"a file in the folder of trial {self._trial} cannot be stored: {error}"
                ) from error
            found = file.stat()
            known[name] = (found.st_mtime_ns, found.st_size)
            if self._stored.get(name) != known[name]:
                blob = self._backend.put(file, suffix_of(name))
                one = Artifact(name, blob.size, blob.sha256, self._trial, self._attempt, now())
                self._backend.write(self._key(name), json.dumps(artifact_to_json(one)).encode())
        for name in self._stored.keys() - known.keys():
            self._backend.remove(self._key(name))
        self._stored = known

    def _key(self, name: str) -> str:
        return f"folders/{self._trial}/{self._attempt}/{entry_of(name)}"


@final
class RemoteFolders(Folders):
    """Working folders whose files are stored at a URL, at every report and at the end of a trial."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def open(self, trial_id: int, attempt: int, parent: int | None) -> RemoteFolder:
        last, stored = self._read(trial_id)
        if last > attempt:
            raise _given_away(trial_id, attempt, last)
        if not stored and parent is not None:
            _, stored = self._read(parent)
        folder = RemoteFolder(self._backend, trial_id, attempt)
        folder.load(stored)
        return folder

    def trials(self) -> list[int]:
        found = {key.split("/")[1] for key in self._backend.find("folders")}
        return sorted(int(text) for text in found if text.isdecimal())

    def remove(self, trial_id: int) -> None:
        for key in self._backend.find(f"folders/{trial_id}"):
            self._backend.remove(key)

    def _read(self, trial_id: int) -> tuple[int, dict[str, Artifact]]:
        """Returns the last attempt of a trial that stored its folder, 0 for none, and its files."""
        keys = [key.split("/") for key in self._backend.find(f"folders/{trial_id}")]
        last = max((int(parts[2]) for parts in keys if parts[2].isdecimal()), default=0)
        found = {}
        for parts in keys:
            if parts[2] == str(last):
                key = "/".join(parts)
                try:
                    one = artifact_from_json(read_json(self._backend.read(key)), trial_id, last)
                except ValueError as error:
                    raise StudyError(
                        f"{f'{self._backend.place}/{key}'!r} is damaged, or was not written by Pliant: {error}."
                    ) from error
                found[one.name] = one
        return last, found


def _numbers(folder: Path) -> list[int]:
    """Returns the numbers that the folders in a folder have as names, in order."""
    if not folder.is_dir():
        return []
    return sorted(int(one.name) for one in folder.iterdir() if one.name.isdecimal() and one.name.isascii())


def _given_away(trial_id: int, attempt: int, last: int) -> StudyError:
    return StudyError(
        f"attempt {attempt} of trial {trial_id} was given up, and attempt {last} has its folder. Its result would be refused: end it."
    )
