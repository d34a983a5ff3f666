"""Where the artifacts of a study are: beside its file, or where the search was told to store them.

``search.db`` has the folder ``search.db-artifacts``.  If a search stores its artifacts elsewhere, that folder has a file with the
other place, so that later readers find them.  A study on a server has a row with the place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from pliant.values.errors import LoadError, StudyError, quote
from pliant.values.files import write_atomically
from pliant.values.lines import read_json

from ..store.files import beside, find_real
from ..store.location import Location, Server
from ..trials.artifact import Artifact
from .shelf import Artifacts, open_backend

ENDING = "-artifacts"
_ELSEWHERE = "elsewhere.json"


def find_place(location: Location | str) -> str:
    """Returns the folder or URL of the artifacts of a study.

    Args:
      location: the study; the address of one on a server as text, without its password, is not enough to find the place.

    Raises:
      StudyError: it is on a server, and no search has named the place; or the file that names the place is damaged.
    """
    if isinstance(location, Server):
        from ..store.elsewhere import read_elsewhere

        known = read_elsewhere(location)
        if known is not None:
            return known.place
    folder = _default(location)
    if folder is None:
        raise StudyError(
            f"the study {str(location)!r} is on a server, and a search names the place of its artifacts: artifacts='/shared/folder' or "
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


def use_place(location: Location | str, place: str) -> None:
    """Writes where the artifacts of a study are, for later readers and for other processes of the search.

    Raises:
      StudyError: the study has artifacts at another place, or at a folder of this name on another machine; or it cannot be written.
    """
    if isinstance(location, Server):
        _use_server(location, place)
        return
    folder = _default(location)
    if folder is None or find_place(location) == place:
        return
    file = folder / _ELSEWHERE
    if folder.is_dir():
        raise StudyError(
            f"the artifacts of the study {str(location)!r} are in {quote(find_place(location), 200)}, and the search names {quote(place, 200)}. "
            f"Name the first one, or move the artifacts there and remove {str(file)!r}."
        )
    try:
        folder.mkdir(mode=0o700)
        write_atomically(file, json.dumps({"place": place}), mode=0o600)
    except FileExistsError:  # another process of the search was first
        use_place(location, place)
    except OSError as error:
        raise StudyError(f"{str(file)!r} cannot be written: {error.strerror}.") from error


def _use_server(server: Server, place: str) -> None:
    from ..store.elsewhere import Elsewhere, read_elsewhere, write_elsewhere

    backend, known = open_backend(place), read_elsewhere(server)
    try:
        if known is None:
            given = Elsewhere(place, f"studies/{os.urandom(12).hex()}")
            backend.write(given.mark, str(server).encode())
            known = write_elsewhere(server, given)
            if known != given:
                backend.remove(given.mark)
        is_there = known.place == place and backend.has(known.mark)
    except OSError as error:
        raise StudyError(f"{quote(place, 200)} cannot be used for artifacts: {error}.") from error
    if known.place != place:
        raise StudyError(
            f"the artifacts of the study {str(server)!r} are in {quote(known.place, 200)}, and the search names {quote(place, 200)}. Name the "
            "first one: all processes of a search store their artifacts at one place."
        )
    if not is_there:
        raise StudyError(
            f"{quote(place, 200)} does not have the artifacts of the study {str(server)!r}: it is a folder of another machine, or was "
            "emptied. Name a place that all machines reach, such as artifacts='/shared/folder' or artifacts='s3://bucket/study'."
        )


def _default(location: Location | str) -> Path | None:
    return beside(find_real(location), ENDING) if isinstance(location, Path) else None


@final
class StudyFiles:
    """Reads the artifacts of the trials of a study; finds their place when the first one is read.

    Args:
      location: the study; its address as text, where ``place`` is given.
      place: the folder or URL of the artifacts, where it is known.
    """

    def __init__(self, location: Location | str, place: str | None = None) -> None:
        self._location = location
        self._found = None if place is None else Artifacts(place)

    def open(self) -> Artifacts:
        """Returns the artifacts.

        Raises:
          StudyError: as ``find_place``.
        """
        if self._found is None:
            self._found = Artifacts(find_place(self._location))
        return self._found

    def of(self, trial_id: int, attempts: int | None = None) -> Mapping[str, Artifact]:
        """Returns the artifacts of a trial by name."""
        return self.open().of(trial_id, attempts)

    def path(self, artifact: Artifact) -> Path:
        """Returns a local file with the content of an artifact."""
        return self.open().path(artifact)

    def __reduce__(self) -> tuple[Any, ...]:
        if isinstance(self._location, Path):
            return StudyFiles, (self._location,)
        return StudyFiles, (str(self._location), self._find())  # never the password

    def _find(self) -> str | None:
        try:
            return self.open().place
        except StudyError:
            return None
