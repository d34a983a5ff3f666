"""Settings of a NAS job: what is searched, trained and rewarded; and how the settings of two commands differ."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pliant.values.errors import quote
from pliant.values.text import to_printable

from .errors import NasError

SEARCH, TRAIN = "search", "train"
"""The stages of a job."""
DEFAULT_TAG = "top_1_accuracy"
ALGORITHM = "auto"  # as in pg.sample and pg.search
_RULES = ("metric", "target_latency", "latency_metric", "latency_limit", "constraints")
_FLAGS = {"metric": "nas_target_reward_metric", "constraints": "constraint", "binary": "local_binary"}
_FLAGS |= {"image": "trainer_docker_id", "data": "local_data_dir"}


@dataclass(frozen=True, slots=True)
class Trainer:
    """The program or container that trains a trial."""

    binary: str | None  # a program or Python file of this machine; None for a container
    image: str | None  # of a container; None for a program
    folder: str  # where the job was started: the working directory of programs, and on the import path of Python ones
    data: str | None = None  # a folder that a container sees as `/test_data`
    options: tuple[str, ...] = ()  # extra docker/podman options


@dataclass(frozen=True, slots=True)
class Rules:
    """The reward, constraints and limits of trials."""

    metric: str  # the target metric: the reward, or the quality in it
    target_latency: float | None = None  # weighs the reward with the latency; None leaves the reward as it is
    latency_metric: str = "latency_in_milliseconds"  # the metric that is the latency
    latency_limit: str = "soft"  # `soft` or `hard`
    constraints: tuple[str, ...] = ()  # limits on metrics, as text
    timeout: float | None = None  # seconds for a trial; None for no limit
    memory: int | None = None  # bytes for a trial; None for no limit
    retries: int = 0  # how many times a failed trial is tried again


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a NAS job."""

    space_module: str | None  # the function that returns the space; None for a published one
    prebuilt: str | None  # the name of a published space
    trainer: Trainer  # what trains a trial
    rules: Rules  # the reward, constraints and limits
    search_flags: Mapping[str, str] = field(default_factory=dict)  # flags of the trainer, by name
    train_flags: Mapping[str, str] | None = None  # of stage 2; None for those of the search
    algorithm: str = ALGORITHM  # as text
    seed: int = 0  # of the algorithm
    minimize: bool = False  # whether lower rewards are better
    trials: int = 5  # their number
    parallel: int = 5  # trials at the same time
    max_failures: int = 5  # the number of failed trials that ends the job; 0 for no limit
    train_trials: int = 5  # trials of stage 2, all at the same time
    retrained: tuple[int, ...] = ()  # in stage 2, the trials of the search that are trained

    @property
    def space_name(self) -> str:
        """The space as the user named it."""
        return self.space_module or self.prebuilt or ""

    def flags(self, stage: str) -> Mapping[str, str]:
        """Returns the flags of the trainer in a stage."""
        return self.train_flags if stage == TRAIN and self.train_flags is not None else self.search_flags


def describe_change(before: Settings, now: Settings, stage: str) -> str:
    """Returns the first option that would change the search, or the training of stage 2, as text; "" if none does."""
    parts: list[tuple[Any, Any, Iterable[str]]] = []
    if stage == SEARCH:
        parts += [(before, now, ("algorithm", "seed", "minimize")), (before.rules, now.rules, _RULES)]
    parts.append((before.trainer, now.trainer, ("binary", "image", "data")))
    pairs = [(_FLAGS.get(n, n), getattr(a, n), getattr(b, n)) for a, b, names in parts for n in names]
    pairs.append((f"{stage}_docker_flags", format_flags(before.flags(stage)), format_flags(now.flags(stage))))
    for flag, old, new in pairs:
        if old != new:
            old, new = (", ".join(one) if isinstance(one, tuple) else one for one in (old, new))
            space = " " if flag.endswith("_flags") else "="
            began = f"without --{flag}" if old in (None, "") else f"with --{flag}{space}{old}"
            return f"{began}; now it is {'nothing' if new in (None, '') else new}"
    return ""


def format_flags(flags: Mapping[str, str]) -> str | None:
    """Returns flags as they are typed, sorted; None for none."""
    return " ".join(f"{name}={value}" for name, value in sorted(flags.items())) or None


def check_metric(name: str | None, flag: str = "nas_target_reward_metric") -> str:
    """Returns the name of a metric."""
    if not name or not name.strip() or len(name) > 200 or name != to_printable(name):
        raise NasError(
            f"--{flag} is the name of a metric that the trainer reports, such as {DEFAULT_TAG}; got {quote(name)}."
        )
    return name


def check_binary(path: str) -> str:
    """Returns the absolute path of a trainer."""
    file = Path(path)
    if not file.is_file():
        raise NasError(
            f"--local_binary is a trainer on this machine, a Python file or a program; file {path!r} does not exist."
        )
    if file.suffix != ".py" and not os.access(file, os.X_OK):
        raise NasError(f"--local_binary={path} is not executable: chmod +x it, or give a Python file.")
    return str(file.absolute())
