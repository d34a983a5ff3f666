"""``Catalog``: the studies that a dashboard shows, by their names in addresses; folders and databases are searched again."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Final, final

from pliant.study.places import find_places
from pliant.study.store.location import Location, to_location
from pliant.values.errors import StudyError

from .reader import Reader

SEARCH_SECONDS: Final = 3.0


@final
class Catalog:
    """Finds studies.

    Args:
      places: files, folders, addresses of studies or of databases.

    Raises:
      StudyError: a place is missing.
    """

    def __init__(self, places: Sequence[str]) -> None:
        self._places = tuple(places)
        self._lock = threading.Lock()
        self._readers: dict[str, Reader] = {}
        self._keys: dict[str, str] = {}  # by place
        self._searched = -SEARCH_SECONDS
        self.readers()

    def readers(self) -> list[Reader]:
        """Returns the readers of all studies, in the order of the places."""
        with self._lock:
            if monotonic() - self._searched >= SEARCH_SECONDS:
                found = [location for place in self._places for location in _find(place)]
                keys = [self._add(location) for location in found]
                self._readers = {key: self._readers[key] for key in dict.fromkeys(keys)}
                self._searched = monotonic()
            return list(self._readers.values())

    def find(self, key: str) -> Reader | None:
        """Returns the reader of a study by its name in addresses, which is never used as a path; None without one."""
        self.readers()
        return self._readers.get(key)

    def _add(self, location: Location) -> str:
        place = str(location)
        key = self._keys.get(place)
        if key is None:
            stem = re.sub(r"[^a-z0-9_-]+", "-", location.stem.lower().removesuffix(".study")).strip("-")
            stem = stem[:40] or "study"
            taken = set(self._keys.values())
            key = next(
                name for name in (stem, *(f"{stem}-{i}" for i in range(2, 1 << 20))) if name not in taken
            )
            self._keys[place] = key
        if key not in self._readers:
            self._readers[key] = Reader(key, location)
        return key


def _find(place: str) -> list[Location]:
    if "://" in place or Path(place).is_dir():
        return list(find_places(place))
    if not Path(place).is_file():
        raise StudyError(
            f"{place!r} does not exist. Name a study, a folder with studies, or a database such as "
            "postgresql://user@host/database; `pliant study list FOLDER` shows the studies of a folder."
        )
    return [to_location(place)]
