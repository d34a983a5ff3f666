"""``Artifacts``: saves, lists, reads and removes the files of the trials of one study.

An artifact is content, stored by its SHA-256, and an entry with its name.  The content is stored first, so that an entry
always has its content.  Content without an entry, such as after a crash, is removed by ``collect``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

from pliant.algorithms.options import check_count
from pliant.values.errors import FieldTypeError, FieldValueError, StudyError, quote, quote_typed
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
from .backend import Backend, blob_key, copy_hashed
from .folders import Folder, Folders, LocalFolders, RemoteFolders
from .local import LocalBackend
from .remote import RemoteBackend

TRIES = 5  # of saving, where another process removes the same content meanwhile
OLD_SECONDS = 86400.0  # of unfinished files that are removed


@final
class Artifacts:
    """The files that the trials of a study saved, in a folder or at a URL of fsspec.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     artifacts = Artifacts(f"{folder}/files")
    ...     saved = artifacts.save(1, "notes.txt", b"loss 0.25")
    ...     artifacts.path(saved).read_text(), [*artifacts.of(1)]
    ('loss 0.25', ['notes.txt'])

    Processes and machines may use one place at once.

    Args:
      place: a folder, which is made when the first file is saved; or a URL such as ``s3://bucket/study``.
      max_bytes: the largest size of one artifact; None without a limit.

    Attributes:
      place: the folder or URL as text.
    """

    def __init__(self, place: str | os.PathLike[str], *, max_bytes: int | None = None) -> None:
        self._backend = open_backend(place)
        self.place = self._backend.place
        self._max = None if max_bytes is None else check_count(max_bytes, "max_bytes", "Artifacts")
        backend = self._backend
        self._folders: Folders = (
            LocalFolders(backend.folder / "folders")
            if isinstance(backend, LocalBackend)
            else RemoteFolders(backend)
        )

    def save(self, trial_id: int, name: str, source: object, *, attempt: int = 1) -> Artifact:
        """Saves a file under a name; it replaces an earlier one of this name and attempt.

        Args:
          trial_id: the trial.
          name: such as ``weights.pt``; see ``check_artifact_name``.
          source: the path of a file, or its content as bytes.
          attempt: the attempt of the trial, ``trial.attempts``: an earlier attempt never replaces the files of a later one.

        Raises:
          FieldTypeError: the source is neither a path nor bytes.
          FieldValueError: the name is not allowed, the file does not exist, or it is larger than the limit.
          StudyError: it cannot be stored, such as on a full disk; nothing of it is kept.
        """
        text = check_artifact_name(name)
        content = self._check_source(text, source)
        with self._told(f"the artifact {quote(text)} of trial {trial_id} cannot be stored"):
            for _ in range(TRIES):
                blob = self._backend.put(content, suffix_of(text))
                saved = Artifact(text, blob.size, blob.sha256, trial_id, attempt, now())
                self._backend.write(_key_of(saved), json.dumps(artifact_to_json(saved)).encode())
                if self._backend.has(blob.key):
                    return saved
            raise OSError("another process removes it again and again")

    def of(self, trial_id: int, attempts: int | None = None) -> dict[str, Artifact]:
        """Returns the artifacts of a trial by name, in the order of names; of two for one name that of the later attempt.

        Args:
          trial_id: the trial.
          attempts: leaves out those of later attempts; None for all.

        Raises:
          StudyError: an entry is damaged, or the place cannot be read.
        """
        found: dict[str, Artifact] = {}
        with self._told(f"the artifacts of trial {trial_id} cannot be read"):
            for key in self._backend.find(f"trials/{trial_id}"):
                one = self._read(key)
                if one is None or (attempts is not None and one.attempt > attempts):
                    continue
                if one.name not in found or found[one.name].attempt < one.attempt:
                    found[one.name] = one
        return dict(sorted(found.items()))

    def path(self, artifact: Artifact) -> Path:
        """Returns a local file with the content, whose checksum was compared.  Copy it before you change it.

        Raises:
          StudyError: it is missing or damaged, or cannot be read.
        """
        key = blob_key(artifact.sha256, suffix_of(artifact.name))
        what = f"the artifact {quote(artifact.name)} of trial {artifact.trial}"
        with self._told(f"{what} cannot be read"):
            if not self._backend.has(key):
                self._backend.move(_removed(key), key)  # a crash interrupted `collect`
            try:
                file = self._backend.fetch(key)
            except FileNotFoundError:
                raise StudyError(f"{what} is missing in {self.place!r}: its content was removed.") from None
            if copy_hashed(file) != (artifact.size, artifact.sha256):
                raise StudyError(
                    f"{what} is damaged, or was changed by another program: {str(file)!r} does not agree with its checksum. "
                    "Restore it from a backup, or run the trial's program again."
                )
        return file

    def folder(self, trial_id: int, *, attempt: int = 1, parent: int | None = None) -> Folder:
        """Returns the working folder of a trial: that of its earlier attempt, else a copy of its parent's, else a new one.

        Raises:
          StudyError: it cannot be made, or a later attempt of the trial has it.
        """
        with self._told(f"the folder of trial {trial_id} cannot be made"):
            return self._folders.open(trial_id, attempt, parent)

    def trials(self, *, folders: bool = False) -> list[int]:
        """Returns the ids of the trials that have artifacts, in order; with ``folders``, also those that have a folder."""
        with self._told("the artifacts cannot be listed"):
            keys = self._backend.find("trials")
            found = {int(key.split("/")[1]) for key in keys if key.split("/")[1].isdecimal()}
            return sorted(found | set(self._folders.trials() if folders else ()))

    def size(self, trial_id: int) -> int:
        """Returns the bytes of the artifacts of a trial; content that several trials have counts for each."""
        return sum(one.size for one in self._entries(f"trials/{trial_id}"))

    def remove(self, trial_ids: Collection[int], *, folders: bool = False) -> None:
        """Removes the artifacts of trials, and then content that no trial refers to.

        Args:
          trial_ids: the trials.
          folders: whether their working folders are removed as well.

        Raises:
          StudyError: the place cannot be written.
        """
        with self._told("artifacts cannot be removed"):
            for trial_id in trial_ids:
                for key in self._backend.find(f"trials/{trial_id}"):
                    self._backend.remove(key)
                if folders:
                    self._folders.remove(trial_id)
        self.collect()

    def collect(self) -> int:
        """Removes content that no artifact refers to; returns the number of files.

        It is safe while other processes save: content is moved aside, and moved back if an entry refers to it by then.
        """
        with self._told("unused content cannot be removed"):
            known = self._referenced()
            for key in self._backend.find("blobs"):
                if key not in known:
                    self._backend.move(key, _removed(key))
            aside, known, count = self._backend.find("removed"), self._referenced(), 0
            for key in aside:
                back = key.replace("removed/", "blobs/", 1)
                if back in known:
                    self._backend.move(key, back)
                else:
                    self._backend.remove(key)
                    count += 1
            self._backend.clean(OLD_SECONDS)
            return count

    def check(self) -> list[str]:
        """Returns all that is wrong with the artifacts, as text: damaged entries, missing or changed content."""
        found = []
        with self._told("the artifacts cannot be read"):
            for key in self._backend.find("trials"):
                try:
                    one = self._read(key)
                    if one is not None:
                        self.path(one)
                except StudyError as error:
                    found.append(str(error))
        return found

    def __repr__(self) -> str:
        return f"<artifacts in {self.place!r}>"

    # ------------------------------------------------------------------ private

    def _entries(self, prefix: str) -> Iterator[Artifact]:
        with self._told("the artifacts cannot be read"):
            for key in self._backend.find(prefix):
                one = self._read(key)
                if one is not None:
                    yield one

    def _referenced(self) -> set[str]:
        """Returns the keys of all content that an entry refers to; raises where one is damaged, so that nothing is removed."""
        found = set()
        for prefix in ("trials", "folders"):
            if prefix == "folders" and isinstance(self._backend, LocalBackend):
                continue  # working folders themselves
            found |= {blob_key(one.sha256, suffix_of(one.name)) for one in self._entries(prefix)}
        return found

    def _read(self, key: str) -> Artifact | None:
        """Returns the artifact of an entry; None if it was removed meanwhile."""
        _, trial_id, attempt, *rest = [*key.split("/"), "", "", ""]
        try:
            if not (trial_id.isdecimal() and attempt.isdecimal() and rest[0]):
                raise ValueError("its name is not that of an entry")
            found = artifact_from_json(read_json(self._backend.read(key)), int(trial_id), int(attempt))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StudyError(
                f"{f'{self.place}/{key}'!r} is damaged, or was not written by Pliant: {error}. Remove this file; the artifact that it "
                "describes is lost."
            ) from error
        return found

    def _check_source(self, name: str, source: object) -> bytes | Path:
        if isinstance(source, (bytes, bytearray, memoryview)):
            content: bytes | Path = bytes(source)
            size = len(source)
        elif isinstance(source, (str, os.PathLike)):
            content = Path(os.fsdecode(source))
            if content.is_dir():
                raise FieldValueError(
                    f"{str(content)!r} is a folder, and an artifact is one file. Save its files one by one, or make an archive with "
                    "shutil.make_archive and save that."
                )
            if not content.is_file():
                raise FieldValueError(
                    f"the file {quote(str(content))} does not exist, or is not a regular file. Write it before you save it as "
                    f"{quote(name)}."
                )
            size = content.stat().st_size
        else:
            raise FieldTypeError(
                f"save takes the path of a file, or its content as bytes; got {quote_typed(source)}. Write it to a file in "
                "feedback.folder first."
            )
        if self._max is not None and size > self._max:
            raise FieldValueError(
                f"the artifact {quote(name)} has {size:,} bytes, more than the limit of {self._max:,}. Save less, or give the search a "
                "larger limit: keep=Keep(..., max_bytes=N)."
            )
        return content

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Raises errors of the disk or the bucket as ``StudyError``."""
        try:
            yield
        except OSError as error:
            raise StudyError(
                f"{what} in {self.place!r}: {error.strerror or error}. Nothing was lost that was stored before; make room or give "
                "access there, and run again."
            ) from error


def open_backend(place: object) -> Backend:
    """Returns where artifacts are stored, from a folder or a URL.

    Raises:
      FieldTypeError: it is neither.
      StudyError: fsspec is not installed, or does not know the URL.
    """
    if not isinstance(place, (str, os.PathLike)) or not str(place):
        raise FieldTypeError(
            f"artifacts are stored in a folder or at a URL such as 's3://bucket/study'; got {quote_typed(place)}."
        )
    text = os.fspath(place)
    if isinstance(text, str) and "://" in text:
        return RemoteBackend(text)
    return LocalBackend(Path(os.path.abspath(os.fsdecode(text))))


def _key_of(artifact: Artifact) -> str:
    return f"trials/{artifact.trial}/{artifact.attempt}/{entry_of(artifact.name)}"


def _removed(key: str) -> str:
    """Returns where content is moved before it is removed."""
    return key.replace("blobs/", "removed/", 1)
