"""``WandB``: records the trials of a search with Weights & Biases, offline unless asked otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

from pliant.values.errors import FieldValueError, check_file, quote
from pliant.values.packages import require

from ..trials.trial import Trial
from .base import Beginning, Callback, read_decisions, read_numbers


@final
class WandB(Callback):
    """Records the trials of a search as the history of a run; ``wandb sync FOLDER/wandb/offline-run-*`` uploads it later.

    A search that is resumed is a further run of the same group, with the trials that ended since.

    Args:
      project: of Weights & Biases.
      folder: in which the folder ``wandb`` is made.
      mode: ``offline``; or ``online``, which sends to the server that ``wandb login`` knows.

    Raises:
      MissingLibraryError: the package ``wandb`` is not installed.
      FieldValueError: the mode is another one.
    """

    def __init__(self, project: str = "pliant", *, folder: str | Path = ".", mode: str = "offline") -> None:
        require("callbacks.WandB", "wandb", instead="use callbacks.CSV")
        if mode not in ("offline", "online"):
            raise FieldValueError(f"callbacks.WandB(mode=...) is 'offline' or 'online'; got {quote(mode)}.")
        self.project, self.folder, self.mode = project, check_file(folder, "callbacks.WandB"), mode
        self._run: Any = None

    def start(self, search: Beginning) -> None:
        import wandb

        Path(self.folder).mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=self.project,
            group=search.key,
            name=search.name,
            dir=self.folder,
            mode=self.mode,
            config={"maximize": search.maximize, "trials": search.total, "space": search.space.fingerprint},
            reinit="create_new",  # a run of the user's goes on
            settings=wandb.Settings(silent=True, console="off", disable_git=True),
        )
        self._run.define_metric("*", step_metric="trial")

    def add(self, trial: Trial) -> None:
        row = {f"decisions/{name}": value for name, value in read_decisions(trial).items()}
        self._run.log({**row, **read_numbers(trial), "trial": trial.id, "failed": trial.told is None})

    def finish(self) -> None:
        if self._run is not None:
            self._run.finish()
