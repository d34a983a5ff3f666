"""Groups of flags that commands share: what is searched and trained, how long, and how trials are judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .flags import Function, flag, flag_list
from .settings import ALGORITHM

CLOUD_NAMES = {"GRID_SEARCH": "sweep", "REINFORCEMENT_LEARNING": "ppo"}
"""The service's names of algorithms, and what they are here."""


def name_algorithm(text: str) -> str:
    """Returns an algorithm as it is named here.

    >>> name_algorithm("GRID_SEARCH"), name_algorithm("re(population_size=4)")
    ('sweep', 're(population_size=4)')
    """
    return CLOUD_NAMES.get(text.strip().upper(), text)


def at(least: int) -> click.IntRange:
    """Returns the type of whole numbers from ``least`` on."""
    return click.IntRange(min=least)


def space_and_trainer(function: Function) -> Function:
    """Adds what is searched, and what trains a trial."""
    for option in (
        flag("search_space_module", metavar="MODULE.FUNCTION", help="Returns the program with holes."),
        flag("prebuilt_search_space", metavar="NAME", help="A published space, in its place."),
        flag(
            "trainer_docker_id", metavar="NAME", help="The trainer's image, as `pliant nas build` named it."
        ),
        flag("local_binary", metavar="FILE", help="The trainer as a program or Python file, in its place."),
        flag("run_local_binary", metavar="BOOL", help="Whether --local_binary is run.  [default: if given]"),
        flag("local_data_dir", type=click.Path(path_type=Path), help="/test_data in a container."),
        flag(
            "container_option",
            multiple=True,
            metavar="OPTION",
            help="Of docker or podman, such as --container_option=--gpus=all; may be repeated.",
        ),
        flag_list("search_docker_flags", "Flags of the trainer."),
        flag_list("local_binary_flags", "More flags of the trainer, where it is a program."),
        flag("latency_calculator_docker_id", hidden=True),
        flag_list("latency_docker_flags", "Not used here."),
    ):
        function = option(function)
    return function


def search_flags(*, trials: int, parallel: int, failures: int) -> Callable[[Function], Function]:
    """Returns what adds how long a search is, and who decides, with these defaults."""

    def add(function: Function) -> Function:
        for option in (
            flag("max_nas_trial", type=at(1), default=trials, show_default=True, help="Trials in all."),
            flag("max_parallel_nas_trial", type=at(1), default=parallel, show_default=True, help="At once."),
            flag(
                "max_failed_nas_trial",
                type=at(0),
                default=failures,
                show_default=True,
                help="After so many failures the job fails; 0 for no limit.",
            ),
            flag(
                "algorithm",
                default=ALGORITHM,
                show_default=True,
                callback=lambda _, __, text: name_algorithm(text),
                help="Who decides: NAME, or NAME(OPTION=VALUE, ...); those that stop trials early read the metrics file.",
            ),
            flag("seed", type=int, help="Same seed, same search.  [default: drawn, and kept with the job]"),
            flag("minimize", is_flag=True, help="Lower rewards are better."),
        ):
            function = option(function)
        return function

    return add


def latency_and_limits(function: Function) -> Function:
    """Adds how trials are judged and limited."""
    positive = click.FloatRange(min=0, min_open=True)
    options: list[Callable[[Any], Any]] = [
        flag("target_latency", type=positive, help="Aim at this latency: the reward is weighed with it."),
        flag(
            "latency_metric",
            default="latency_in_milliseconds",
            show_default=True,
            metavar="NAME",
            help="Which metric is the latency, such as model_flops.",
        ),
        flag(
            "latency_limit",
            default="soft",
            show_default=True,
            metavar="soft|hard",
            help="soft: faster earns a little; hard: faster than the target earns nothing.",
        ),
        flag(
            "constraint",
            multiple=True,
            metavar="'METRIC <= X'",
            help="A trial that breaks it has failed; may be repeated.",
        ),
        flag("trial_timeout", type=positive, help="Seconds for a trial."),
        flag("trial_memory", type=positive, metavar="MIB", help="Memory for a trial."),
        flag(
            "max_retries", type=at(0), default=0, show_default=True, help="Tries more of a trial that fails."
        ),
    ]
    for option in options:
        function = option(function)
    return function
