"""Folder, settings and trainings of a proxy tool."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

from pliant.space import Space
from pliant.study.run import Ending

from ..folder import JobFolder
from ..screen import Screen
from ..settings import Settings
from ..stage import Stage
from ..trainer import Source

DONE, FAILED, INTERRUPTED = 0, 1, 130  # exit codes
SETTINGS = "proxy_job.json"
MIN_VALID = 0.7  # of the models of a round, or of the trainings of a model


@dataclasses.dataclass(frozen=True, slots=True)
class Tool:
    """A proxy tool.

    Attributes:
      folder: of the tool.
      settings: of its trainings.
      space: the abstract space.
      screen: where progress is shown.
      resume: the command that continues the tool, for messages.
    """

    folder: Path
    settings: Settings
    space: Space
    screen: Screen
    resume: str

    def make_stage(
        self,
        name: str,
        trials: int,
        source: Source | None = None,
        *,
        max_failures: int = 0,
        seed: int | None = None,
        flags: Mapping[str, str] | None = None,
    ) -> Stage:
        """Returns trainings in a folder of their own.

        Args:
          name: of the folder.
          trials: their number.
          source: earlier trials that are trained again; None draws different random ones.
          max_failures: the number of failures that ends them; 0 for no limit.
          seed: of the random trials; None for that of the tool.
          flags: of the trainer; None for those of the tool.
        """
        is_finite = not math.isinf(self.space.size)
        settings = dataclasses.replace(
            self.settings,
            trials=trials,
            algorithm="random(replace=False)" if source is None and is_finite else "random",
            max_failures=max_failures,
            seed=self.settings.seed if seed is None else seed,
            search_flags=self.settings.search_flags if flags is None else flags,
        )
        return Stage(
            JobFolder(self.folder / name), settings, self.space, self.screen, self.resume, source=source
        )

    def report_stop(self, ending: Ending, stage: Stage) -> int:
        """Shows why trainings stopped before their end; returns the exit code."""
        if ending.how == "interrupted":
            self.screen.say(f"{ending.message} To continue: `{self.resume}`.")
            return INTERRUPTED
        self.screen.say(
            f"More than {stage.settings.max_failures - 1} of {stage.settings.trials} models failed. To see why: "
            f"`pliant nas list-trials --job_id={stage.folder.path} --state=all`. Fix the trainer, and start again."
        )
        return FAILED
