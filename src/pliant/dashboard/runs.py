"""``RunCatalog``: the one-shot runs in the folders of a dashboard, by their names in addresses; a file is read again when it changes."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final, final

from pliant.study.plot.runs import ENDING, Run, read_run
from pliant.values.errors import StudyError

SEARCH_SECONDS: Final = 3.0
_MOST: Final = 500  # files of a folder


@final
@dataclass(frozen=True, slots=True)
class RunSnapshot:
    """A one-shot run at one time.

    Attributes:
      key: its name in addresses.
      path: its file.
      run: what the file has.
      changed: when it was written last, in seconds since the epoch.
      version: what changes with the file.
    """

    key: str
    path: Path
    run: Run
    changed: float
    version: tuple[int, int]

    @property
    def is_complete(self) -> bool:
        """Whether the last epoch was trained."""
        last = self.run.records[-1] if self.run.records else None
        return last is not None and last.epoch >= last.epochs


@final
class RunCatalog:
    """Finds the files of one-shot runs, whose names end in ``.oneshot.jsonl``.

    Args:
      places: files and folders; addresses of databases are left out.

    Raises:
      StudyError: a file is missing.
    """

    def __init__(self, places: Sequence[str]) -> None:
        self._places = [Path(place) for place in places if "://" not in place]
        for place in self._places:
            if is_run(str(place)) and not place.is_file():
                raise StudyError(
                    f"{str(place)!r} does not exist. oneshot.RunLog writes such files; name one, or a folder."
                )
        self._lock = threading.Lock()
        self._keys: dict[Path, str] = {}
        self._found: dict[str, Path] = {}
        self._kept: dict[str, RunSnapshot] = {}
        self._searched = -SEARCH_SECONDS

    def keys(self) -> list[str]:
        """Returns the names of the runs in addresses."""
        with self._lock:
            if monotonic() - self._searched >= SEARCH_SECONDS:
                self._found = {
                    self._name(path): path for place in self._places for path in _list_files(place)
                }
                self._searched = monotonic()
            return list(self._found)

    def find(self, key: str) -> RunSnapshot | None:
        """Returns a run by its name in addresses, which is never used as a path; None without one.

        Raises:
          LoadError: its file cannot be read.
        """
        self.keys()
        path = self._found.get(key)
        if path is None:
            return None
        try:
            state = path.stat()
        except OSError:
            return None
        version = (state.st_mtime_ns, state.st_size)
        kept = self._kept.get(key)
        if kept is None or kept.version != version:
            kept = self._kept[key] = RunSnapshot(key, path, read_run(path), state.st_mtime, version)
        return kept

    def _name(self, path: Path) -> str:
        if path not in self._keys:
            stem = (
                re.sub(r"[^a-z0-9_-]+", "-", path.name.lower().removesuffix(ENDING)).strip("-")[:40] or "run"
            )
            taken = set(self._keys.values())
            self._keys[path] = next(
                name for name in (stem, *(f"{stem}-{i}" for i in range(2, 1 << 20))) if name not in taken
            )
        return self._keys[path]


def is_run(place: str) -> bool:
    """Returns whether a place is the file of a one-shot run, by its name.

    >>> is_run("digits.oneshot.jsonl"), is_run("digits.study.db")
    (True, False)
    """
    return "://" not in place and place.endswith(ENDING)


def _list_files(place: Path) -> list[Path]:
    try:
        if place.is_dir():
            return [
                path for path in sorted(place.iterdir()) if path.name.endswith(ENDING) and path.is_file()
            ][:_MOST]
        return [place] if is_run(str(place)) and place.is_file() else []
    except OSError:
        return []
