"""Training logs: callbacks that write a ``Record`` after each epoch to a terminal, a CSV file, TensorBoard, or a file for the dashboard."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO, final

from torch import nn
from torch.nn.parameter import UninitializedParameter

from pliant.space import Choice, Decisions, Space
from pliant.values.errors import LoadError, check_file
from pliant.values.files import write_atomically
from pliant.values.packages import require
from pliant.values.record import Record
from pliant.values.text import rows_to_csv, to_cell, to_printable, write_line

from ..choices.choice import LayerChoice
from ..elastic.module import Elastic
from ..rewrite.network import Supernet
from ..sampler import Sampler
from .settings import describe

Callback = Callable[[Record], Any]

LONGEST_SAMPLER = 300  # characters of a sampler with its options
LONGEST = 40  # characters of a candidate's text; a module with a longer one is shown by its class and size


def describe_leading(supernet: Supernet, decisions: Decisions) -> dict[str, str]:
    """Returns the decided candidates by key, as text; large modules by their class and number of weights."""
    modules = {m.key: list(m) for m in supernet.network.modules() if isinstance(m, LayerChoice)}
    points, found = decisions.space.points, {}
    for index, value in zip(decisions.active, decisions.values):
        point = points[index]
        text = point.literals[int(value)] if isinstance(point, Choice) else f"{value:g}"
        candidates = modules.get(point.path) or modules.get(point.name or "")
        if candidates is not None and len(text) > LONGEST:
            text = _describe_module(candidates[int(value)])
        found[point.path] = text
    return found


def _describe_module(module: nn.Module) -> str:
    """Returns the class of a candidate and the number of its weights, of the largest size where sizes are searched."""
    kind = type(module.program if isinstance(module, Elastic) else module).__name__
    count = sum(
        weight.numel() for weight in module.parameters() if not isinstance(weight, UninitializedParameter)
    )
    return f"{kind} ({count:,} weights)"


@final
class ProgressLine:
    """Progress display of a training: one line per epoch with loss, quality, metrics and leading candidates.

    Args:
      file: an open text file; the standard error stream when None.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self.file = file

    def __call__(self, record: Record) -> None:
        file = self.file or sys.stderr
        done = round(20 * record.epoch / record.epochs)
        metrics = "  ".join(f"{name} {value:.3g}" for name, value in record.metrics.items())
        leading = ", ".join(f"{key}={text}" for key, text in list(record.leading.items())[:3])
        more = ", ..." if len(record.leading) > 3 else ""
        write_line(
            file,
            f"[{'#' * done}{'.' * (20 - done)}] epoch {record.epoch}/{record.epochs}  loss {record.loss:.4f}  "
            f"quality {record.quality:.4f}  {metrics}  {record.seconds:.1f}s  {leading}{more}",
        )


@final
class CsvLog:
    """CSV log: appends one row per epoch, and replaces rows of the same epochs by an earlier run.

    Args:
      path: of the file.

    Raises:
      LoadError: the file contains something else; raised after the first epoch.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(check_file(path, "CsvLog"))

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
            try:
                with self.path.open(newline="", encoding="utf-8") as file:
                    rows = [old for old in csv.DictReader(file) if int(old["epoch"]) < record.epoch]
            except (ValueError, KeyError, TypeError, csv.Error) as error:
                raise LoadError(
                    f"{str(self.path)!r} exists and is not a log of CsvLog ({error}), so it is not overwritten. Give another "
                    "path, or move the file."
                ) from error
        rows.append({to_cell(name): value for name, value in row.items()})
        names = list(dict.fromkeys(name for one in rows for name in one))
        text = rows_to_csv(names, [[one.get(name, "") for name in names] for one in rows])
        write_atomically(self.path, text)


@final
class RunLog:
    """Log for ``pliant dashboard``, as JSON lines: losses, the sampler's metrics, probabilities of candidates, and a rank correlation.

    Appends a line per epoch; of epochs that are trained again, after a checkpoint, the last line counts.  The dashboard shows
    the files of its folders whose names end in ``.oneshot.jsonl``.

    Args:
      path: of the file.

    Raises:
      LoadError: the file contains something else, or the log of another search; raised when a ``Trainer`` is made with it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(check_file(path, "RunLog"))
        self._head = b""

    def begin(self, sampler: str, candidates: dict[str, tuple[str, ...]]) -> None:
        """Writes the header of a new file, or checks that of an existing one."""
        from pliant.study.plot.runs import encode_header, read_run

        self._head = encode_header(sampler, candidates)
        if not self.path.exists():
            write_atomically(self.path, self._head)
            return
        try:
            read_run(self.path)
        except LoadError as error:
            raise LoadError(f"{error} The file is not overwritten: give RunLog another path.") from error
        data = self.path.read_bytes()
        if not data.startswith(self._head):
            raise LoadError(
                f"{str(self.path)!r} is the log of a search with another sampler or space. Give another path, or move the file."
            )
        if not data.endswith(b"\n"):  # a process was killed while it wrote the last line
            write_atomically(self.path, data[: data.rindex(b"\n") + 1])

    def __call__(self, record: Record) -> None:
        from pliant.study.plot.runs import encode_epoch

        self._append(encode_epoch(record))

    def add_ranks(self, inherited: Sequence[float], alone: Sequence[float]) -> float:
        """Writes how well inherited weights rank some networks; returns Kendall's rank correlation, see ``kendall_tau``.

        Args:
          inherited: a quality for each network, with inherited weights.
          alone: the quality of the same networks, trained alone: by ``train_alone``, or of a benchmark.

        Raises:
          FieldValueError: see ``kendall_tau``.
        """
        from pliant.study.plot.runs import Ranks, encode_ranks

        from .report import kendall_tau

        tau = kendall_tau(inherited, alone)
        self._append(encode_ranks(Ranks(tuple(map(float, inherited)), tuple(map(float, alone)), tau)))
        return tau

    def _append(self, line: bytes) -> None:
        from pliant.study.plot.runs import encode_header

        if not self.path.exists():  # no trainer has begun it
            write_atomically(self.path, self._head or encode_header("", {}))
        with self.path.open("ab") as file:
            file.write(line)


def open_logs(callbacks: Iterable[Callback], sampler: Sampler, space: Space) -> None:
    """Opens the logs for the dashboard: they receive the sampler and the candidates of the space."""
    from .plots import list_candidates

    for log in callbacks:
        if isinstance(log, RunLog):
            options = ", ".join(f"{name}={describe(value)}" for name, value in sampler.options.items())
            log.begin(f"{type(sampler).__name__}({options})"[:LONGEST_SAMPLER], list_candidates(space))


@final
class TensorBoardLog:
    """TensorBoard log: ``loss``, ``quality``, ``learning_rate`` and the sampler's metrics as ``sampler/...``, by epoch.

    TensorBoard no longer shows what an earlier run wrote for the same epochs.

    Args:
      folder: where to write; made with the first epoch.

    Raises:
      MissingLibraryError: the package ``tensorboard`` is not installed.
    """

    def __init__(self, folder: str | Path) -> None:
        require("TensorBoardLog", "tensorboard", instead="use CsvLog")
        from torch.utils.tensorboard import SummaryWriter

        self.folder = Path(check_file(folder, "TensorBoardLog"))
        self._make: Callable[..., Any] = SummaryWriter
        self._writer: Any = None

    def __call__(self, record: Record) -> None:
        if self._writer is None:
            self._writer = self._make(str(self.folder), purge_step=record.epoch)
        for name in ("loss", "quality", "learning_rate"):
            self._writer.add_scalar(name, getattr(record, name), record.epoch)
        for name, value in record.metrics.items():
            self._writer.add_scalar(f"sampler/{to_printable(name)}", value, record.epoch)
        self._writer.flush()
