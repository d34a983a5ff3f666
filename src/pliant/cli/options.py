"""Options that commands share: ``--workers``, ``--seconds``, ``--memory``, ``--time-limit`` and ``--format``."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

import click

from pliant.values.errors import quote

if TYPE_CHECKING:
    from rich.console import Console

    from pliant.study.store.location import Location

    from .trials import Pool

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
FORMATS = ("table", "json", "csv")

show_as = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="Output format."
)


@final
class Finite(click.FloatRange):
    """A number in a range that is neither infinite nor NaN."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Returns the number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{quote(value)} is not a finite number.", param, ctx)
        return number


@final
class Size(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2
    """A number of bytes, written as ``2G`` or ``500 MB``; K, M, G and T are powers of 1024."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Returns the number of bytes."""
        match = _SIZE.fullmatch(str(value).strip())
        count = float(match[1]) * 1024 ** _UNITS[match[2].upper()] if match else 0.0
        if not 1 <= count < 1 << 63:
            self.fail(f"{quote(value)} is not a size; write 500M or 2G, for example.", param, ctx)
        return round(count)


@final
class Duration(click.ParamType):  # type: ignore[type-arg]  # likewise
    """A time of at least a second, written as ``90``, ``5m`` or ``1.5 h``; d is a day, and a number alone seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Returns the number of seconds."""
        match = _TIME.fullmatch(str(value).strip())
        seconds = float(match[1]) * _SECONDS[match[2].lower()] if match else 0.0
        if not 1 <= seconds < math.inf:
            self.fail(
                f"{quote(value)} is not a time of at least a second; write 90s, 5m or 1.5h, for example.",
                param,
                ctx,
            )
        return seconds


time_limit = click.option(
    "--time-limit",
    type=Duration(),
    help="The time after which no evaluation starts, such as 5m; those that run are finished.  [default: none]",
)


def pool_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options to a command, which passes them to ``make_pool``."""
    for option in (
        click.option(
            "--cpus-per-trial", type=click.IntRange(min=1), help="Threads of each worker.  [default: 1]"
        ),
        click.option(
            "--gpus-per-trial",
            type=Finite(min=0, min_open=True),
            help="GPUs that each worker has for itself, or a part such as 0.5; without --workers, as many workers as the GPUs suffice for.",
        ),
        click.option("--memory", type=Size(), help="Memory limit of an evaluation in a worker, such as 2G."),
        click.option(
            "--seconds",
            type=Finite(min=0, min_open=True),
            help="Time limit of an evaluation in a worker; the first one also loads FILE.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            help="Number of worker processes.  [default: evaluate in this process, one at a time]",
        ),
    ):
        command = option(command)
    return command


def make_pool(options: dict[str, Any]) -> Pool | None:
    """Returns where trials run, and removes its options from ``options``; None for this process."""
    workers, limits = options.pop("workers"), {name: options.pop(name) for name in ("seconds", "memory")}
    gpus, cpus = options.pop("gpus_per_trial"), options.pop("cpus_per_trial")
    if workers is None and gpus is None:
        for name, value in {**limits, "cpus-per-trial": cpus}.items():
            if value is not None:
                raise click.UsageError(
                    f"--{name} limits evaluations in worker processes only: add --workers 1."
                )
        return None
    from pliant.launch import Limits
    from pliant.launch.devices import find_gpus, share_gpus

    from .trials import Pool

    if gpus is not None:
        workers = len(share_gpus(find_gpus(), gpus, workers))
    return Pool(workers, Limits(**limits), gpus, cpus or 1)


def stop(console: Console, place: Location | None, how: str) -> None:
    """Ends a command that was interrupted: prints what is stored, and how to continue."""
    from pliant.study.store.opening import is_free

    from .console import print_line

    kept = "" if place is None or is_free(place) else f" All trials so far are in {place}."
    print_line(console, f"\nStopped.{kept} {how}")
    sys.exit(130)
