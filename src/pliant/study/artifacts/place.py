"""Where the artifacts of a study are: beside its file, or where the search was told to store them.

``search.db`` has the folder ``search.db-artifacts``.  If a search stores its artifacts elsewhere, that folder has a file with the
other place, so that later readers find them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from pliant.values.errors import LoadError, StudyError, quote
from pliant.values.files import write_atomically
from pliant.values.lines import read_json

from ..store.files import beside, find_real
from ..trials.artifact import Artifact
from .shelf import Artifacts

ENDING = "-artifacts"
_ELSEWHERE = "elsewhere.json"


def find_place(path: Path | str) -> str:
    """Returns the folder or URL of the artifacts of a study.

    Raises:
      StudyError: it is on a server, so that no folder is beside it; or the file that names the place is damaged.
    """
    folder = _default(path)
    if folder is None:
        raise StudyError(
            f"the study {str(path)!r} is on a server, and a search names the place of its artifacts: artifacts='/shared/folder' or "
            "artifacts='s3://bucket/study'. To read them, use pliant.study.artifacts.Artifacts(place)."
        )
    file = folder / _ELSEWHERE
    try:
        found = read_json(file.read_bytes())["place"]
    except FileNotFoundError:
        return str(folder)
    except (OSError, LoadError, TypeError, KeyError) as error:
        raise StudyError(
            f"{str(file)!r} is damaged: {error}. Remove it, and name the place again."
        ) from error
    if not isinstance(found, str):
        raise StudyError(f"{str(file)!r} is damaged: it names no place. Remove it, and name the place again.")
    return found


def use_place(path: Path | str, place: str) -> None:
    """Writes where the artifacts of a study are, for later readers; does nothing for a study on a server.

    Raises:
      StudyError: the study has artifacts at another place; or the file cannot be written.
    """
    folder = _default(path)
    if folder is None or find_place(path) == place:
        return
    file = folder / _ELSEWHERE
    if folder.is_dir():
        raise StudyError(
            f"the artifacts of the study {str(path)!r} are in {quote(find_place(path), 200)}, and the search names {quote(place, 200)}. Name "
            f"the first one, or move the artifacts there and remove {str(file)!r}."
        )
    try:
        folder.mkdir(mode=0o700)
        write_atomically(file, json.dumps({"place": place}), mode=0o600)
    except OSError as error:
        raise StudyError(f"{str(file)!r} cannot be written: {error.strerror}.") from error


def _default(path: Path | str) -> Path | None:
    return beside(find_real(path), ENDING) if isinstance(path, Path) else None


@final
class StudyFiles:
    """Reads the artifacts of the trials of a study; finds their place when the first one is read.

    Args:
      path: the study.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._found: Artifacts | None = None

    def open(self) -> Artifacts:
        """Returns the artifacts.

        Raises:
          StudyError: as ``find_place``.
        """
        if self._found is None:
            self._found = Artifacts(find_place(self._path))
        return self._found

    def of(self, trial_id: int, attempts: int | None = None) -> Mapping[str, Artifact]:
        """Returns the artifacts of a trial by name."""
        return self.open().of(trial_id, attempts)

    def path(self, artifact: Artifact) -> Path:
        """Returns a local file with the content of an artifact."""
        return self.open().path(artifact)

    def __reduce__(self) -> tuple[Any, ...]:
        return StudyFiles, (self._path,)
