"""Shows what trainers print while they run, read from their logs; the logs hold it anyway."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console

from pliant.launch.output import LOG_BYTES
from pliant.study import Trial

from ..console import print_line
from .folder import JobFolder
from .measure import clean

HEAD = LOG_BYTES // 2  # what lies behind is rewritten as the log grows
MAX_LINE = 2000


@dataclass(slots=True)
class Echo:
    """Prints the new lines of logs, without control characters.

    Attributes:
      folder: of the job.
      stage: ``search`` or ``train``.
      console: where to.
    """

    folder: JobFolder
    stage: str
    console: Console
    _shown: dict[tuple[int, int], int] = field(default_factory=dict)

    def show(self, trial: Trial) -> None:
        """Prints what a trial has printed since; of much, the beginning."""
        path = self.folder.log(self.stage, trial.id, trial.token)
        key = trial.id, trial.token
        start = self._shown.get(key, 0)
        try:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(HEAD - start)
        except OSError:
            return
        end = len(data) if start + len(data) == HEAD else data.rfind(b"\n") + 1
        for line in data[:end].decode("utf-8", "replace").splitlines():
            print_line(self.console, clean(line.expandtabs(), MAX_LINE))
        if end and start + end == HEAD:
            print_line(self.console, f"[much more is printed: {path}]")
        self._shown[key] = start + end
