"""Reads what a trainer reported: its metrics file, latencies and job status.  Their content is untrusted.

Files are read from their end, up to a limit. A line that cannot be read is counted and skipped. No name or path in them is
used as a path, a query or code.
"""

from __future__ import annotations

import math
import os
import stat
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pliant.values.errors import LoadError
from pliant.values.lines import read_json
from pliant.values.text import to_printable

MAX_BYTES = 1 << 20  # read of a metrics file: thousands of reports
MAX_LINE = 1 << 16
TOO_LONG = f"longer than {MAX_LINE} bytes, the limit for a report"
MAX_NAME, MAX_METRICS = 200, 100  # of a metric; of a report
STEP, FLOPS = "global_step", "model_flops"
LATENCY_FILE = Path("saved_model", "model_latency.json")
STATUS_FILE = Path("job_status.json")
_CAREFULLY = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))
_OTHERS = {"timestamp", "trial", "checkpoint_path", STEP}
Version = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One report of a trainer."""

    step: float  # of training; the number of the report if it has none
    values: dict[str, float]  # numbers by name, including NaN and infinities


@dataclass(frozen=True, slots=True)
class Reading:
    """The content of a metrics file."""

    measurements: tuple[Measurement, ...] = ()  # the reports, in the order of the file
    faults: Counter[str] = field(default_factory=Counter)  # kinds of lines that cannot be read, with counts
    is_cut: bool = False  # whether the file is longer than the limit, so that only its end was read

    def describe_faults(self) -> str:
        """Returns the faults as text; "" without any."""
        parts = [f"{count} line{'s' * (count > 1)} {what}" for what, count in self.faults.items()]
        if self.is_cut:
            parts.append(f"more than {MAX_BYTES} bytes, of which only the last were read")
        return "; ".join(parts)


def read_measurements(path: Path) -> Reading:
    """Returns the reports in a metrics file; none if the file is missing.

    A last line without a line end counts if it can be read; otherwise it is still being written.
    """
    text, is_cut = read_end(path, MAX_BYTES)
    if text is None:
        return Reading()
    lines = text.split(b"\n")
    if is_cut:
        lines = lines[1:] or [b"x" * (MAX_LINE + 1)]  # one line fills all that is read
    found: list[Measurement] = []
    faults = Counter[str]()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(line) > MAX_LINE:
            faults[TOO_LONG] += 1
        elif (values := _parse(line)) is None:
            faults["cut off" if number == len(lines) else "without a JSON object"] += 1
        else:
            found.append(_to_measurement(values, len(found) + 1))
    return Reading(tuple(found), faults, is_cut)


def read_numbers(path: Path) -> dict[str, float]:
    """Returns the finite numbers of a small JSON object in a file; none if it cannot be read."""
    return {name: number for name, number in _numbers(_read(path)).items() if math.isfinite(number)}


def read_status(folder: Path) -> str:
    """Returns the ``job_status`` that a trainer wrote, cut short; "" without one."""
    return clean(str(_read(folder / STATUS_FILE).get("job_status", "")), 40)


def _read(path: Path) -> dict[str, Any]:
    text, is_cut = read_end(path, MAX_LINE)
    return {} if text is None or is_cut else _parse(text) or {}


def read_version(path: Path) -> Version | None:
    """Returns what changes when a file is written; None if it is missing."""
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def read_end(path: Path, limit: int) -> tuple[bytes | None, bool]:
    """Returns the last ``limit`` bytes of a regular file, and whether it is longer; None for anything else.

    Does not follow links or wait for pipes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _CAREFULLY)
    except OSError:
        return None, False
    with suppress(OSError), os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            file.seek(max(found.st_size - limit, 0))
            return file.read(limit), found.st_size > limit
    return None, False


def clean(text: str, limit: int) -> str:
    r"""Returns untrusted text on one line, without control characters, at most ``limit`` characters.

    >>> print(clean("a\x1b[31mb" + "c" * 99, 11))
    a\x1b[31mbc
    """
    return to_printable(text[:limit])[:limit]


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        data = read_json(line.decode("utf-8", "replace"))
    except LoadError:
        return None
    return data if isinstance(data, dict) else None


def _to_measurement(values: dict[str, Any], number: int) -> Measurement:
    given = _to_float(values.get(STEP))
    step = float(number) if given is None or not math.isfinite(given) or given <= 0 else given
    pairs, named = {}, {}
    for name, value in values.items():
        if name.startswith("key_") and isinstance(value, str):
            pairs[value] = values.get(f"value_{name[4:]}")
        elif name not in _OTHERS and not name.startswith(("key_", "value_")):
            named[name] = value
    numbers = _numbers({**pairs, **named})
    if numbers.get(FLOPS) == 0.0:  # the service's reporter writes 0 if they were not counted
        del numbers[FLOPS]
    return Measurement(step, numbers)


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in values.items():
        number = _to_float(value)
        is_name = 0 < len(name) <= MAX_NAME and name == to_printable(name)
        if number is not None and is_name and len(found) < MAX_METRICS:
            found[name] = number
    return found


def _to_float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
