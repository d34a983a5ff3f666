"""Options that several ``pliant nas`` commands share, and how they are read as settings."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pliant.nas.errors import NasError
from pliant.nas.image import name_image
from pliant.nas.settings import ALGORITHM, Rules, Settings, Trainer, check_binary

from ..options import Finite
from .flags import Function, add, drop_ignored, flag, flag_list, hidden

if TYPE_CHECKING:
    from .screen import ConsoleScreen

CLOUD_NAMES = {"GRID_SEARCH": "sweep", "REINFORCEMENT_LEARNING": "ppo"}
"""The service's names of algorithms."""
POSITIVE = Finite(min=0, min_open=True)
MEBIBYTES = Finite(min=0, min_open=True, max=1 << 40)


def at(least: int) -> click.IntRange:
    """Returns the type of whole numbers from ``least`` on."""
    return click.IntRange(min=least)


# fmt: off
space_and_trainer = add(
    flag("search_space_module", metavar="MODULE.FUNCTION", help="The function that returns the program with holes."),
    flag("prebuilt_search_space", metavar="NAME", help="A published space instead."),
    flag("trainer_docker_id", metavar="NAME", help="The trainer's image, as named in `pliant nas build`."),
    flag("local_binary", metavar="FILE", help="A program or Python file as the trainer instead."),
    flag("run_local_binary", type=bool, help="Whether to run --local_binary.  [default: if given]"),
    flag("local_data_dir", type=click.Path(path_type=Path), help="The folder that a container sees as /test_data."),
    flag("container_option", multiple=True, metavar="OPTION", help="An extra docker/podman option, such as --container_option=--gpus=all; may be repeated."),
    flag_list("search_docker_flags", "Flags of the trainer."),
    flag_list("local_binary_flags", "More flags of the trainer, if it is a program."),
    hidden("latency_calculator_docker_id"),
    flag_list("latency_docker_flags", "Ignored."),
)
"""Adds the search space and the trainer."""

latency_and_limits = add(
    flag("target_latency", type=POSITIVE, help="Weighs the reward with the latency, for this target."),
    flag("latency_metric", default="latency_in_milliseconds", metavar="NAME", help="The metric that is the latency, such as model_flops."),
    flag("latency_limit", default="soft", type=click.Choice(["soft", "hard"]), help="soft: a latency below the target raises the reward a little; hard: it does not."),
    flag("constraint", multiple=True, metavar="'METRIC <= X'", help="A trial that breaks it fails; may be repeated."),
    flag("trial_timeout", type=POSITIVE, help="Time limit of a trial, in seconds."),
    flag("trial_memory", type=MEBIBYTES, metavar="MIB", help="Memory limit of a trial."),
    flag("max_retries", type=at(0), default=0, help="How many times a failed trial is tried again."),
)
"""Adds the reward and the limits of a trial."""


def search_flags(*, trials: int, parallel: int, failures: int) -> Callable[[Function], Function]:
    """Returns a decorator that adds the length and algorithm of a search, with these defaults."""
    return add(
        flag("max_nas_trial", type=at(1), default=trials, help="Number of trials."),
        flag("max_parallel_nas_trial", type=at(1), default=parallel, help="Trials at the same time."),
        flag("max_failed_nas_trial", type=at(0), default=failures, help="Number of failed trials that ends the job; 0 for no limit."),
        flag("algorithm", default=ALGORITHM, callback=lambda _, __, text: CLOUD_NAMES.get(text.strip().upper(), text), help="Search algorithm: NAME, or NAME(OPTION=VALUE, ...). Those with early stopping read the metrics file."),
        flag("seed", type=int, help="Seed of the algorithm.  [default: random, kept with the job]"),
        flag("minimize", is_flag=True, help="Lower rewards are better."),
    )


NAMES = {"algorithm": "algorithm", "minimize": "minimize", "trials": "max_nas_trial", "parallel": "max_parallel_nas_trial", "max_failures": "max_failed_nas_trial", "train_trials": "train_max_parallel_trial"}
"""Settings of a job -> options."""
# fmt: on


def read_settings(tag: str, options: Mapping[str, Any]) -> Settings:
    """Returns the settings of a job, from the options of its command; those that it lacks keep their defaults.

    Args:
      tag: the target metric.
      options: by name.
    """
    memory, seed = options.get("trial_memory"), options["seed"]
    weights = ("target_latency", "latency_metric", "latency_limit")
    rules = Rules(
        tag,
        **{name: options[name] for name in weights if name in options},
        constraints=tuple(options.get("constraint", ())),
        timeout=options["trial_timeout"],
        memory=None if memory is None else int(memory * 2**20),
        retries=options.get("max_retries", 0),
    )
    return Settings(
        options["search_space_module"],
        options["prebuilt_search_space"],
        read_trainer(options),
        rules,
        search_flags=read_trainer_flags(options),
        train_flags=options.get("train_docker_flags"),
        seed=random.SystemRandom().randrange(1 << 31) if seed is None else seed,
        **{name: options[option] for name, option in NAMES.items() if options.get(option) is not None},
    )


def read_trainer_flags(options: Mapping[str, Any]) -> dict[str, str]:
    """Returns the flags of the trainer in a search."""
    is_program = options["local_binary"] and options["run_local_binary"] is not False
    return {
        **(options["search_docker_flags"] or {}),
        **((is_program and options["local_binary_flags"]) or {}),
    }


def read_trainer(options: Mapping[str, Any]) -> Trainer:
    """Returns the trainer: ``--local_binary`` if it is given and not turned off, otherwise a container."""
    if options["latency_calculator_docker_id"]:
        raise NasError(
            "--latency_calculator_docker_id: separate latency calculators are not supported. Let the trainer report the latency "
            "as a metric, or write it to saved_model/model_latency.json, and give --target_latency."
        )
    binary, docker_id = options["local_binary"], options["trainer_docker_id"]
    if options["run_local_binary"] and not binary:
        raise NasError("--run_local_binary=true needs --local_binary=FILE.")
    if binary and options["run_local_binary"] is not False:
        return Trainer(check_binary(binary), None, str(Path.cwd()))
    if not docker_id:
        raise NasError(
            "a trial needs a trainer: give --local_binary=FILE, a program or Python file on this machine, or "
            "--trainer_docker_id=NAME, an image made with `pliant nas build`."
        )
    image, data = name_image(docker_id, options["project_id"], options["region"]), options["local_data_dir"]
    if data is not None and not data.is_dir():
        raise NasError(
            f"--local_data_dir is a folder for the container; folder {str(data)!r} does not exist."
        )
    given = None if data is None else str(data.absolute())
    return Trainer(None, image, str(Path.cwd()), given, tuple(options["container_option"]))


def open_screen(options: dict[str, Any]) -> ConsoleScreen:
    """Returns the screen of a command, after a note about ignored flags, which are removed from the options."""
    from .screen import ConsoleScreen

    screen = ConsoleScreen()
    if ignored := drop_ignored(options):
        screen.say(f"Ignored, as trials run on this machine: {', '.join(ignored)}")
    return screen


def exit_with(code: int) -> None:
    """Ends the process with an exit code; 0 returns."""
    if code:
        sys.exit(code)
