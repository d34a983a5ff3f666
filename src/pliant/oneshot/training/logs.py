"""Where a training reports to, after each epoch: functions of a record.  None of them changes anything."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, final

from pliant.values.errors import PliantError


@final
@dataclass(frozen=True, slots=True)
class Record:
    """What an epoch ended with.

    Attributes:
      epoch: from 1.
      epochs: how many there are.
      loss: the mean loss of the weights.
      quality: the mean quality of what was trained, on validation batches.
      learning_rate: of the weights.
      seconds: how long the epoch took.
      metrics: the sampler's.
      leading: the leading network, by key: which candidate.
    """

    epoch: int
    epochs: int
    loss: float
    quality: float
    learning_rate: float
    seconds: float
    metrics: dict[str, float] = field(default_factory=dict)
    leading: dict[str, str] = field(default_factory=dict)


Callback = Callable[[Record], Any]


class MissingLibraryError(PliantError, ImportError):
    """An optional library that is not installed."""


@final
class ProgressLine:
    """Writes one line per epoch: loss, quality, entropy and the leading choice.

    Args:
      file: where to; the standard error stream when None.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file

    def __call__(self, record: Record) -> None:
        file = self.file or sys.stderr
        done = round(20 * record.epoch / record.epochs)
        metrics = "  ".join(f"{name} {value:.3g}" for name, value in record.metrics.items())
        leading = ", ".join(f"{key}={text}" for key, text in list(record.leading.items())[:3])
        more = ", ..." if len(record.leading) > 3 else ""
        file.write(
            f"[{'#' * done}{'.' * (20 - done)}] epoch {record.epoch}/{record.epochs}  loss {record.loss:.4f}  "
            f"quality {record.quality:.4f}  {metrics}  {record.seconds:.1f}s  {leading}{more}\n"
        )
        file.flush()


@final
class CsvLog:
    """Appends one row per epoch to a CSV file; what an earlier run wrote of the same epochs is replaced.

    Args:
      path: of the file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __call__(self, record: Record) -> None:
        row = {
            "epoch": record.epoch,
            "loss": record.loss,
            "quality": record.quality,
            "learning_rate": record.learning_rate,
            "seconds": round(record.seconds, 3),
            **record.metrics,
            **{f"leading.{key}": text for key, text in record.leading.items()},
        }
        rows: list[dict[str, Any]] = []
        if self.path.exists():
            with self.path.open(newline="") as file:
                rows = [old for old in csv.DictReader(file) if int(old["epoch"]) < record.epoch]
        names = list(dict.fromkeys([*(name for old in rows for name in old), *row]))
        with self.path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows([*rows, row])


@final
class TensorBoardLog:
    """Writes scalars for TensorBoard: ``loss``, ``quality``, ``learning_rate``, and the sampler's as ``sampler/...``, by epoch.

    What an earlier run wrote of the same epochs is not shown any more.

    Args:
      folder: where to; made with the first epoch.

    Raises:
      MissingLibraryError: the package ``tensorboard`` is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingLibraryError(
                "TensorBoardLog needs the package tensorboard, which is not installed. Install it with "
                "`pip install tensorboard`, or use CsvLog."
            ) from error
        self.folder = Path(folder)
        self._make: Callable[..., Any] = SummaryWriter
        self._writer: Any = None

    def __call__(self, record: Record) -> None:
        if self._writer is None:
            self._writer = self._make(str(self.folder), purge_step=record.epoch)
        for name in ("loss", "quality", "learning_rate"):
            self._writer.add_scalar(name, getattr(record, name), record.epoch)
        for name, value in record.metrics.items():
            self._writer.add_scalar(f"sampler/{name}", value, record.epoch)
        self._writer.flush()
