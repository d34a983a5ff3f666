"""Finds the studies in a folder or a database, and describes them as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from pliant.values.errors import NoStudyError, PliantError, StudyError

from .store.files import ENDINGS
from .store.location import Location, to_location
from .study import Study
from .trials.trial import StudyInfo
from .view import View

_MAGIC = b"SQLite format 3\0"


@final
@dataclass(frozen=True, slots=True)
class Entry:
    """A study that was found."""

    place: str  # its file, or its address without the password
    data: dict[str, Any]  # its state by name, as ``describe`` returns it
    fault: str | None = None  # why it cannot be read; None if it can

    @property
    def label(self) -> str:
        """Its name in a table: its file, or its name in the database."""
        return self.place.rpartition("study=")[2] if "://" in self.place else self.place


def find_all(text: str) -> list[Entry]:
    """Returns the studies in a folder or a database; raises StudyError if it is missing."""
    return [entry for place in find_places(text) if (entry := _read(place)) is not None]


def say_state(info: StudyInfo) -> str:
    """Returns the state of a study: ``complete``, ``paused``, ``unfinished`` or ``new``."""
    if info.is_complete:
        return "complete"
    return "paused" if info.paused is not None else "unfinished" if info.proposed else "new"


def describe(study: View) -> dict[str, Any]:
    """Returns the state of a study as JSON data."""
    info, counts = study.info(), study.counts()
    front = study.front()
    best = front[0] if front else None
    return {
        "name": info.name,
        "path": str(info.path),
        "state": say_state(info),
        "trials": info.proposed,
        "budget": info.budget,
        **counts,
        "queued": info.queued,
        "best": None if best is None else best.reward if best.rewards is None else list(best.rewards),
        "best_trial": None if best is None else best.id,
        "algorithm": info.algorithm,
        "maximize": info.maximize,
        "constraints": list(info.constraints),
        **study.options,
        "created": info.created,
        "writer": info.holder,
        "paused": info.paused,
        "fingerprint": info.fingerprint,
    }


def _read(place: Location) -> Entry | None:
    """Returns a study; None for another database."""
    try:
        with Study.open(place) as study:
            return Entry(str(place), describe(study))
    except NoStudyError:
        return None
    except PliantError as error:
        return Entry(str(place), {"name": place.stem, "path": str(place)}, str(error))


def find_places(text: str) -> Iterator[Location]:
    """Returns the files of a folder that may be studies, or the studies of a database; opens none of the files.

    Raises:
      StudyError: the folder is missing, or the database cannot be reached.
    """
    if "://" in text:
        yield from _in_database(text)
        return
    folder = Path(text)
    if not folder.is_dir():
        raise StudyError(
            f"{text!r} is {'a file' if folder.exists() else 'not a folder'}. Name a folder with studies, or a database such as "
            "postgresql://user@host/database. For one study, use `pliant study show PATH`."
        )
    yield from sorted(path for path in folder.iterdir() if path.is_file() and _is_database(path))


def _in_database(text: str) -> list[Location]:
    if "study=" in text:
        return [to_location(text)]
    from .store.postgres import find_studies  # brings psycopg

    return [*find_studies(text)]


def _is_database(path: Path) -> bool:
    if path.name.endswith(ENDINGS):
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False
