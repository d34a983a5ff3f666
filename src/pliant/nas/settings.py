"""Settings of a NAS job: what is searched, trained and rewarded; and how the settings of two commands differ."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pliant.values.errors import suggest

from .errors import NasError

SEARCH, TRAIN = "search", "train"
"""The stages of a job."""
DEFAULT_TAG = "top_1_accuracy"
ALGORITHM = "re(population_size=12, tournament_size=6)"


@dataclass(frozen=True, slots=True)
class Trainer:
    """The program or container that trains a trial.

    Attributes:
      binary: a program or Python file of this machine; None for a container.
      image: of a container; None for a program.
      folder: where the job was started: the working directory of programs, and on the import path of Python ones.
      data: a folder that a container sees as ``/test_data``.
      options: extra docker/podman options.
    """

    binary: str | None
    image: str | None
    folder: str
    data: str | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """The reward, constraints and limits of trials.

    Attributes:
      metric: the target metric: the reward, or the quality in it.
      target_latency: weighs the reward with the latency; None leaves the reward as it is.
      latency_metric: the metric that is the latency.
      latency_limit: ``soft`` or ``hard``.
      constraints: limits on metrics, as text.
      timeout: seconds for a trial; None for no limit.
      memory: bytes for a trial; None for no limit.
      retries: how many times a failed trial is tried again.
    """

    metric: str
    target_latency: float | None = None
    latency_metric: str = "latency_in_milliseconds"
    latency_limit: str = "soft"
    constraints: tuple[str, ...] = ()
    timeout: float | None = None
    memory: int | None = None
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a NAS job.

    Attributes:
      space_module: the function that returns the space; None for a published one.
      prebuilt: the name of a published space.
      trainer: what trains a trial.
      rules: the reward, constraints and limits.
      search_flags: flags of the trainer, by name.
      train_flags: flags of the trainer in stage 2; None for those of the search.
      algorithm: as text.
      seed: of the algorithm.
      minimize: whether lower rewards are better.
      trials: their number.
      parallel: trials at the same time.
      max_failures: the number of failed trials that ends the job; 0 for no limit.
      train_trials: trials of stage 2, all at the same time.
      retrained: in stage 2, the trials of the search that are trained.
    """

    space_module: str | None
    prebuilt: str | None
    trainer: Trainer
    rules: Rules
    search_flags: Mapping[str, str] = field(default_factory=dict)
    train_flags: Mapping[str, str] | None = None
    algorithm: str = ALGORITHM
    seed: int = 0
    minimize: bool = False
    trials: int = 5
    parallel: int = 5
    max_failures: int = 5
    train_trials: int = 5
    retrained: tuple[int, ...] = ()

    @property
    def space_name(self) -> str:
        """The space as the user named it."""
        return self.space_module or self.prebuilt or ""

    def flags(self, stage: str) -> Mapping[str, str]:
        """Returns the flags of the trainer in a stage."""
        return self.train_flags if stage == TRAIN and self.train_flags is not None else self.search_flags


def describe_search_change(before: Settings, now: Settings) -> str:
    """Returns the first option that would change what is searched, trained or rewarded, as text; "" if none does."""
    old, new = before.rules, now.rules
    return _describe_change(
        [
            *(
                (name, getattr(before, name), getattr(now, name))
                for name in ("algorithm", "seed", "minimize")
            ),
            ("nas_target_reward_metric", old.metric, new.metric),
            *(
                (name, getattr(old, name), getattr(new, name))
                for name in ("target_latency", "latency_metric", "latency_limit")
            ),
            ("constraint", list(old.constraints), list(new.constraints)),
            *_pair_trainers(before, now, SEARCH),
        ]
    )


def describe_training_change(before: Settings, now: Settings) -> str:
    """Returns the first option that would change the training of stage 2, as text; "" if none does."""
    return _describe_change(_pair_trainers(before, now, TRAIN))


def _pair_trainers(before: Settings, now: Settings, stage: str) -> list[tuple[str, Any, Any]]:
    old, new = before.trainer, now.trainer
    return [
        ("local_binary", old.binary, new.binary),
        ("trainer_docker_id", old.image, new.image),
        ("local_data_dir", old.data, new.data),
        (f"{stage}_docker_flags", format_flags(before.flags(stage)), format_flags(now.flags(stage))),
    ]


def format_flags(flags: Mapping[str, str]) -> str | None:
    """Returns flags as they are typed, sorted; None for none."""
    return " ".join(f"{name}={value}" for name, value in sorted(flags.items())) or None


def _describe_change(pairs: Iterable[tuple[str, Any, Any]]) -> str:
    for name, old, new in pairs:
        if old != new:
            space = " " if name.endswith("_flags") else "="
            began = f"without --{name}" if old is None else f"with --{name}{space}{old}"
            return f"{began}; now it is {'nothing' if new is None else new}"
    return ""


def check_metric(name: str | None, flag: str = "nas_target_reward_metric") -> str:
    """Returns the name of a metric.

    Raises:
      NasError: it is empty, too long or not printable.
    """
    if not name or not name.strip() or len(name) > 200 or not name.isprintable():
        raise NasError(
            f"--{flag} is the name of a metric that the trainer reports, such as {DEFAULT_TAG}; got {name!r:.80}."
        )
    return name


def check_latency_limit(limit: str) -> None:
    """Checks the kind of a latency limit.

    Raises:
      NasError: it is not ``soft`` or ``hard``.
    """
    if limit not in ("soft", "hard"):
        raise NasError(
            f"--latency_limit is 'soft' or 'hard'; got {limit!r:.40}{suggest(limit, ('soft', 'hard')) or '.'}"
        )


def check_binary(path: str) -> str:
    """Returns the absolute path of a trainer.

    Raises:
      NasError: there is no such file, or it cannot be run.
    """
    file = Path(path)
    if not file.is_file():
        raise NasError(
            f"--local_binary is a trainer on this machine, a Python file or a program; there is no file {path!r}."
        )
    if file.suffix != ".py" and not os.access(file, os.X_OK):
        raise NasError(f"--local_binary={path} is not executable: chmod +x it, or give a Python file.")
    return str(file.absolute())
