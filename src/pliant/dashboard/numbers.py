"""Numbers, times and sizes as people read them."""

from __future__ import annotations

from typing import Any

from pliant.study.plot.source import say
from pliant.study.trials.trial import Trial


def say_number(value: Any) -> str:
    """Returns a number with few digits, anything else as text.

    >>> say_number(0.91234567), say_number(12), say_number("conv")
    ('0.9123', '12', 'conv')
    """
    return say(value) if isinstance(value, float) else str(value)


def say_reward(trial: Trial) -> str:
    """Returns the reward or rewards of a trial; a dash without."""
    told = trial.told
    if told is None:
        return "–"
    return ", ".join(map(say_number, told)) if isinstance(told, tuple) else say_number(told)


def say_seconds(seconds: float | None) -> str:
    """Returns a time as it is shown.

    >>> say_seconds(0.04), say_seconds(7.5), say_seconds(75), say_seconds(4000), say_seconds(200_000), say_seconds(None)
    ('40 ms', '7.5 s', '1 min 15 s', '1 h 6 min', '2 d 7 h', '–')
    """
    if seconds is None:
        return "–"
    if 0 < seconds < 1:
        return f"{seconds * 1000:.2g} ms" if seconds < 0.0995 else f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    for unit, size, lower, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}" + (f" {rest} {lower}" if rest else "")
    return f"{whole} s"


def say_rate(per_second: float | None) -> str:
    """Returns how many trials end in a minute, or in an hour where they are few.

    >>> say_rate(0.5), say_rate(0.001), say_rate(50.0), say_rate(None)
    ('30/min', '3.6/h', '3,000/min', '–')
    """
    if per_second is None:
        return "–"
    for unit, seconds in (("min", 60), ("h", 3600)):
        rate = per_second * seconds
        if rate >= 1 or unit == "h":
            return f"{rate:,.0f}/{unit}" if rate >= 10 else f"{rate:.2g}/{unit}"
    return "–"


def say_time(text: str | None) -> str:
    """Returns a time in ISO 8601 without its parts of a second."""
    return "–" if text is None else text[:19].replace("T", " ")


def say_bytes(size: int) -> str:
    """Returns a number of bytes.

    >>> say_bytes(512), say_bytes(3 << 20)
    ('512 B', '3 MiB')
    """
    for unit, limit in (("B", 1 << 10), ("KiB", 1 << 20), ("MiB", 1 << 30)):
        if size < limit:
            return f"{size / (limit >> 10):.3g} {unit}"
    return f"{size / (1 << 30):.3g} GiB"
