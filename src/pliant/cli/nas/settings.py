"""What a NAS job was asked to do, as frozen data: kept in its folder, so that it can be resumed and trained further."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pliant.values.errors import suggest

from .fault import NasError

VERSION = 1
DEFAULT_TAG = "top_1_accuracy"
ALGORITHM = "re(population_size=12, tournament_size=6)"


@dataclass(frozen=True, slots=True)
class Trainer:
    """What trains a trial.

    Attributes:
      binary: a program or Python file of this machine; None for a container.
      image: of a container; None for a program.
      folder: where the job was started; programs run there, and Python ones import from there.
      data: a folder that a container sees as ``/test_data``.
      options: of docker or podman, for its containers.
    """

    binary: str | None
    image: str | None
    folder: str
    data: str | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """How a trial is judged and limited.

    Attributes:
      metric: which one is the reward, or the quality in it.
      target_latency: what to aim at; None leaves the reward as it is.
      latency_metric: which one is held to it.
      latency_limit: ``soft`` or ``hard``.
      constraints: limits on metrics, as text.
      timeout: seconds for a trial; None for no limit.
      memory: bytes for a trial; None for no limit.
      retries: how often a trial that failed is tried again.
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
    """A NAS job.

    Attributes:
      space_module: the function that makes the space; None for a published one.
      prebuilt: the name of a published space.
      trainer: what trains a trial.
      rules: how it is judged.
      search_flags: flags of the trainer, by name.
      train_flags: flags of the trainer in stage 2; None without one.
      algorithm: as text.
      seed: of the algorithm.
      minimize: whether lower rewards are better.
      trials: how many in all.
      parallel: how many at once.
      max_failures: after so many the job fails; 0 for no limit.
      train_trials: how many are trained in stage 2, and at once.
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

    @property
    def space_name(self) -> str:
        """The space as it was typed."""
        return self.space_module or self.prebuilt or ""

    def to_text(self) -> str:
        """Returns it as JSON."""
        return json.dumps({"version": VERSION, **dataclasses.asdict(self)}, indent=2)

    @classmethod
    def from_text(cls, text: str, path: Path) -> Settings:
        """Returns what ``to_text`` wrote.

        Raises:
          NasError: it is damaged, or of a newer version.
        """
        try:
            data = dict(json.loads(text))
            version = data.pop("version")
            if version == VERSION:
                trainer, rules = dict(data.pop("trainer")), dict(data.pop("rules"))
                trainer["options"], rules["constraints"] = (
                    tuple(trainer["options"]),
                    tuple(rules["constraints"]),
                )
                return cls(trainer=Trainer(**trainer), rules=Rules(**rules), **data)
        except (ValueError, TypeError, KeyError) as error:
            raise NasError(
                f"{str(path)!r} does not hold the settings of a NAS job: {type(error).__name__}: {error}. "
                "Start a new job in another folder."
            ) from error
        raise NasError(
            f"{str(path)!r} is of version {version!r:.20}, and this Pliant knows {VERSION}; update Pliant."
        )


def check_metric(name: str | None) -> str:
    """Returns the name of the reward.

    Raises:
      NasError: it is empty or no name.
    """
    if not name or not name.strip() or len(name) > 200 or not name.isprintable():
        raise NasError(
            "--nas_target_reward_metric names the metric that the trainer reports as the reward, such as "
            f"{DEFAULT_TAG}; got {name!r:.80}."
        )
    return name


def check_latency(limit: str) -> str:
    """Returns the kind of a latency limit.

    Raises:
      NasError: it is none.
    """
    if limit not in ("soft", "hard"):
        raise NasError(
            f"--latency_limit is 'soft' or 'hard'; got {limit!r:.40}{suggest(limit, ('soft', 'hard')) or '.'}"
        )
    return limit
