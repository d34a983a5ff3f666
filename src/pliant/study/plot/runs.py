"""``Run``: the training of a super-network as data, and its file of JSON lines, which ``oneshot.RunLog`` writes and the dashboard reads.

A line is the header, an epoch, or a rank correlation.  Reading runs no code, and needs no PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from pliant.values.errors import LoadError, quote
from pliant.values.lines import encode_line, read_json
from pliant.values.record import Record

ENDING: Final = ".oneshot.jsonl"
"""How the name of such a file ends, by which the dashboard finds it."""
LONGEST: Final = 1 << 26  # bytes of a file that is read
_KIND: Final = "one-shot run"


@final
@dataclass(frozen=True, slots=True)
class Ranks:
    """Qualities of some networks with inherited weights, those of the same networks trained alone, and their rank correlation."""

    inherited: tuple[float, ...]
    alone: tuple[float, ...]
    tau: float


@final
@dataclass(frozen=True, slots=True)
class Run:
    """The training of a super-network.

    Attributes:
      sampler: the algorithm, as text.
      candidates: the candidates of each choice, by key, in short.
      records: an epoch each, in order.
      ranks: how well inherited weights rank networks; None where that was not measured.
    """

    sampler: str
    candidates: Mapping[str, Sequence[str]]
    records: tuple[Record, ...]
    ranks: Ranks | None = None


def encode_header(sampler: str, candidates: Mapping[str, Sequence[str]]) -> bytes:
    """Returns the first line of a file."""
    return encode_line({"kind": _KIND, "version": 1, "sampler": sampler, "candidates": dict(candidates)})


def encode_epoch(record: Record) -> bytes:
    """Returns the line of an epoch; numbers that are not finite become null."""
    numbers = ("loss", "quality", "learning_rate", "seconds")
    return encode_line(
        {
            "epoch": record.epoch,
            "epochs": record.epochs,
            **{name: _to_json(getattr(record, name)) for name in numbers},
            "metrics": {name: _to_json(value) for name, value in record.metrics.items()},
            "leading": record.leading,
            "probabilities": {
                key: [_to_json(one) for one in row] for key, row in record.probabilities.items()
            },
        },
        allow_nan=False,
    )


def encode_ranks(ranks: Ranks) -> bytes:
    """Returns the line of a rank correlation."""
    data = {"inherited": list(ranks.inherited), "alone": list(ranks.alone), "tau": ranks.tau}
    return encode_line({"ranks": data}, allow_nan=False)


def read_run(path: str | Path) -> Run:
    """Returns the run of a file, as far as it is written: a last line that is not complete is left out.

    An epoch that is there twice, as its training was continued from a checkpoint, counts as it was written last.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "a.oneshot.jsonl")
    ...     _ = file.write_bytes(encode_header("DARTS()", {"op": ["conv", "skip"]}) + encode_epoch(Record(1, 9, 0.5, 0.7, 0.1, 2.0)))
    ...     read_run(file).records[0].quality
    0.7

    Raises:
      LoadError: it is not such a file, is too long, or cannot be read; the message names the line.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(LONGEST + 1)
    except OSError as error:
        raise LoadError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error
    if len(data) > LONGEST:
        raise LoadError(
            f"{str(path)!r} is longer than {LONGEST >> 20} MiB, the longest log of a training that is read."
        )
    head, *lines = data.split(b"\n")
    found = _read_line(path, 1, head)
    candidates = found.get("candidates")
    if found.get("kind") != _KIND or found.get("version") != 1 or not isinstance(candidates, dict):
        raise LoadError(
            f"{str(path)!r} is not the log of a training that oneshot.RunLog wrote, of version 1."
        )
    records: list[Record] = []
    ranks: Ranks | None = None
    for number, line in enumerate(lines[:-1], 2):  # what follows the last line break is being written
        row = _read_line(path, number, line)
        try:
            if "ranks" in row:
                ranks = _read_ranks(row["ranks"])
                continue
            record = _read_epoch(row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise LoadError(f"line {number} of {str(path)!r} is not an epoch: {quote(row)}.") from error
        while records and records[-1].epoch >= record.epoch:
            records.pop()
        records.append(record)
    texts = {str(key): tuple(map(str, row)) for key, row in candidates.items() if isinstance(row, list)}
    return Run(str(found.get("sampler")), texts, tuple(records), ranks)


def _read_line(path: str | Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        found = read_json(line)
    except LoadError as error:
        raise LoadError(f"line {number} of {str(path)!r} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise LoadError(f"line {number} of {str(path)!r} is not an object: {quote(found)}.")
    return found


def _read_epoch(row: dict[str, Any]) -> Record:
    epoch, epochs = row["epoch"], row["epochs"]
    if epoch.__class__ is not int or epochs.__class__ is not int or not 1 <= epoch <= 1 << 31:
        raise ValueError("epochs are numbers from 1")
    return Record(
        epoch,
        epochs,
        loss=_to_number(row["loss"]),
        quality=_to_number(row["quality"]),
        learning_rate=_to_number(row["learning_rate"]),
        seconds=_to_number(row["seconds"]),
        metrics={name: _to_number(value) for name, value in row["metrics"].items()},
        leading={key: str(value) for key, value in row["leading"].items()},
        probabilities={key: tuple(map(_to_number, values)) for key, values in row["probabilities"].items()},
    )


def _read_ranks(row: dict[str, Any]) -> Ranks:
    inherited, alone = tuple(map(_to_number, row["inherited"])), tuple(map(_to_number, row["alone"]))
    if len(inherited) != len(alone):
        raise ValueError("both have a number for each network")
    return Ranks(inherited, alone, _to_number(row["tau"]))


def _to_json(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _to_number(value: Any) -> float:
    """Returns a stored number; NaN for one that was not finite."""
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("not a number")
    return float(value)
