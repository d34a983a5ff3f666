"""``CSV``: writes the trials of searches to a file, a row for each."""

from __future__ import annotations

import csv
from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import final

from pliant.values.errors import FieldValueError, check_file
from pliant.values.files import write_atomically
from pliant.values.text import rows_to_csv, to_cell

from ..trials.trial import Trial
from .base import Beginning, Callback, read_decisions, read_numbers


@final
class CSV(Callback):
    """Writes a row for each trial to a CSV file, with columns named as those of ``to_csv``; several studies can share it.

    A cell that a spreadsheet would run as a formula begins with an apostrophe.

    Args:
      path: of the file, which is made with the first trial.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(check_file(path, "callbacks.CSV"))
        self._names, self._key = ["study", "id"], ""

    def start(self, search: Beginning) -> Container[int]:
        self._key, rows = search.key, self._read()
        return {int(row["id"]) for row in rows if row["study"] == self._key}

    def add(self, trial: Trial) -> None:
        row = {"study": self._key, "id": trial.id, "status": trial.status}
        numbers = read_numbers(replace(trial, metrics={}))
        row |= numbers | {f"metrics.{name}": value for name, value in trial.metrics.items()}
        row |= {f"decisions.{name}": value for name, value in read_decisions(trial).items()}
        row |= {"cause": trial.cause or "", "reason": trial.reason or "", "ended": trial.ended or ""}
        cells = {str(to_cell(name)): value for name, value in row.items()}
        new = [name for name in cells if name not in self._names]
        if new or not self.path.exists():
            rows, self._names = self._read(), [*self._names, *new]
            text = rows_to_csv(self._names, [[old.get(name, "") for name in self._names] for old in rows])
            write_atomically(self.path, text)
        with self.path.open("a", newline="", encoding="utf-8") as file:
            line = [to_cell(cells.get(name)) for name in self._names]
            csv.writer(file, lineterminator="\n").writerow(line)

    def _read(self) -> list[dict[str, str]]:
        """Returns the rows of the file; the last one may be cut, where a process was killed, and is left out."""
        text = self.path.read_text("utf-8", errors="replace") if self.path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        reader = csv.DictReader(whole.splitlines(keepends=True))
        names = list(reader.fieldnames or self._names)
        if names[:2] != ["study", "id"]:
            raise FieldValueError(
                f"{str(self.path)!r} exists and is not a log of callbacks.CSV. Give another path."
            )
        self._names, rows = names, [row for row in reader if (row["id"] or "").isdecimal()]
        if whole != text:
            write_atomically(self.path, whole)
        return rows
