"""What all proxy tools have: a folder with the settings of their trainings, and batches of trials in it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from pliant.study.run import Ending

from ...console import print_line
from ..fault import NasError
from ..folder import JobFolder
from ..settings import Settings
from .batch import Batch, Source
from .state import write_whole

SETTINGS = "proxy_job.json"
DONE, FAILED, STOPPED = 0, 1, 130  # exit codes
MAX_FAILURE_SHARE = 5  # one model in so many may fail: 6 of 30
MIN_VALID = 0.7


@dataclass(frozen=True, slots=True)
class Tool:
    """A proxy tool, ready to go on.

    Attributes:
      folder: where all is that it does.
      settings: of its trainings.
      space: the abstract space.
      console: where it is shown.
      resume: the command that goes on.
    """

    folder: Path
    settings: Settings
    space: Any
    console: Console
    resume: str

    def batch(self, name: str, trials: int, *, source: Source | None = None, **changes: Any) -> Batch:
        """Returns trials to be trained, in a folder of their own.

        Args:
          name: of the folder.
          trials: how many.
          source: which they are; None draws them at random, each another one.
          changes: to the settings.
        """
        is_finite = not math.isinf(self.space.size)
        settings = dataclasses.replace(
            self.settings,
            trials=trials,
            algorithm="random(replace=False)" if source is None and is_finite else "random",
            train_flags=None,
            **changes,
        )
        return Batch(JobFolder(self.folder / name), settings, self.space, source)

    def say(self, text: str) -> None:
        """Prints a line."""
        print_line(self.console, text)

    def stop(self, ending: Ending, batch: Batch) -> int:
        """Says why a batch did not come to its end; returns the exit code."""
        if ending.how == "interrupted":
            self.say(f"{ending.message} `{self.resume}` goes on.")
            return STOPPED
        self.say(
            f"More than {batch.settings.max_failures - 1} of {batch.settings.trials} models failed. Why: "
            f"`pliant nas list-trials --job_id={batch.folder.path} --state=all`. Mend the trainer, and begin anew."
        )
        return FAILED


def save_settings(folder: Path, settings: Settings) -> None:
    """Writes the settings of a tool.

    Raises:
      NasError: the folder cannot be written.
    """
    write_whole(folder / SETTINGS, settings.to_text())


def load_settings(folder: Path) -> Settings:
    """Returns the settings of a tool.

    Raises:
      NasError: there are none, or they are damaged.
    """
    path = folder / SETTINGS
    try:
        text = path.read_text("utf-8", "replace")
    except OSError as error:
        raise NasError(
            f"{str(folder)!r} has no {SETTINGS} ({error.strerror}); begin anew, in another folder."
        ) from error
    return Settings.from_text(text, path)


def find_latency(curve_latency: float | None, metrics: Mapping[str, float], name: str | None) -> float | None:
    """Returns the latency of a trial: what it reported under that name, or else wrote into its details."""
    if name is None:
        return None
    return metrics.get(name, curve_latency)
