"""``TensorBoard``: writes the trials of a search for TensorBoard: curves of the search, and a run for each trial."""

from __future__ import annotations

import shutil
from collections.abc import Container, Mapping
from pathlib import Path
from time import time
from typing import Any, final

from pliant.values.errors import check_file
from pliant.values.packages import require
from pliant.values.text import to_printable

from ..trials.trial import Trial
from .base import Beginning, Callback, read_decisions, read_numbers


@final
class TensorBoard(Callback):
    """Writes to ``FOLDER/STUDY``: ``search`` has rewards and metrics by trial, ``trial-N`` the decisions as hyperparameters.

    Args:
      folder: that ``tensorboard --logdir`` shows.

    Raises:
      MissingLibraryError: the package ``tensorboard`` is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        require("callbacks.TensorBoard", "tensorboard", instead="use callbacks.CSV")
        self.folder = Path(check_file(folder, "callbacks.TensorBoard"))
        self._writer: Any = None

    def start(self, search: Beginning) -> Container[int]:
        from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._home = self.folder / search.key
        files = sorted((self._home / "search").glob("*tfevents*"))
        events = [event for file in files for event in EventFileLoader(str(file)).Load()]
        self._writer = EventFileWriter(str(self._home / "search"))
        return {event.step for event in events if event.summary.value}

    def add(self, trial: Trial) -> None:
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        place = self._home / f"trial-{trial.id}"
        shutil.rmtree(place, ignore_errors=True)  # of a process that was killed
        one = EventFileWriter(str(place))
        decisions = {to_printable(name): value for name, value in read_decisions(trial).items()}
        one.add_event(_make_event(trial.id, hparams_pb(decisions, trial_id=str(trial.id))))
        for report in trial.reports:
            one.add_event(_make_event(round(report.step), {"reported": report.reward}))
        numbers = read_numbers(trial)
        one.add_event(_make_event(trial.id, numbers))
        one.close()
        self._writer.add_event(_make_event(trial.id, {"failed": float(trial.told is None), **numbers}))
        self._writer.flush()

    def finish(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _make_event(step: int, content: Any) -> Any:
    from tensorboard.compat.proto import event_pb2, summary_pb2

    if isinstance(content, Mapping):
        values = [summary_pb2.Summary.Value(tag=to_printable(k), simple_value=v) for k, v in content.items()]
        content = summary_pb2.Summary(value=values)
    return event_pb2.Event(step=step, wall_time=time(), summary=content)
