"""The commands of the proxy tools, as they are typed; what they do is in ``begin`` and beyond."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..flags import Function, NasCommand, cloud_flags, flag, name_ignored
from ..options import at, space_and_trainer

SHARE = click.FloatRange(-1, 1)
POSITIVE = click.FloatRange(min=0, min_open=True)


def _place(previous: str) -> Callable[[Function], Function]:
    """Returns what adds where the folder is, and how its trials run."""

    def add(function: Function) -> Function:
        for option in (
            flag("job_name", metavar="NAME", help="The beginning of the folder's name."),
            flag("root_output_dir", type=click.Path(path_type=Path), help="The folder of the jobs."),
            flag(previous, metavar="DIR", help="Go on with this one, which was stopped."),
            flag(
                "max_parallel_nas_trial",
                type=at(1),
                help="How many train at once.  [default: 5, or as before]",
            ),
            flag("trial_timeout", type=POSITIVE, help="Seconds for a training."),
            flag("seed", type=int, help="Same seed, same models.  [default: drawn, and kept]"),
        ):
            function = option(function)
        return function

    return add


@click.command(cls=NasCommand, name="select-proxy-models")
@space_and_trainer
@_place("previous_model_selection_dir")
@flag("accuracy_metric_id", metavar="NAME", help="The metric that is the accuracy.")
@flag(
    "latency_metric_id",
    metavar="NAME",
    help="The metric that is the latency.  [default: accuracy alone counts]",
)
@flag("start_num_models", type=at(2), default=30, show_default=True, help="How many models are drawn.")
@flag("final_num_models", type=at(2), default=10, show_default=True, help="How many are trained in full.")
@flag(
    "num_models_to_remove_per_iter",
    type=at(1),
    default=5,
    show_default=True,
    help="How many leave after each round.",
)
@flag("proxy_task_model_selection_docker_id", hidden=True)
@flag("proxy_task_model_selection_docker_file", hidden=True)
@cloud_flags
def select_proxy_models(**options: Any) -> None:
    """Choose reference models: few that are as different as many, trained in full."""
    _run("select", options)


@click.command(cls=NasCommand, name="search-proxy-task")
@space_and_trainer
@_place("previous_proxy_task_search_dir")
@flag(
    "proxy_task_config_generator_module",
    metavar="MODULE.FUNCTION",
    help="Takes the flags of full training as a dict; returns proxy tasks.",
)
@flag("proxy_task_model_selection_job_id", metavar="DIR", help="The selection of models, complete.")
@flag("proxy_task_model_selection_job_region", hidden=True)
@flag("proxy_task_model_selection_service_endpoint", hidden=True)
@flag("training_time_hrs_limit", type=POSITIVE, help="Hours that a proxy task may train a model.")
@flag(
    "desired_accuracy_correlation",
    type=SHARE,
    default=0.65,
    show_default=True,
    help="Kendall's tau with full training to reach.",
)
@flag("desired_accuracy", type=float, help="Of the median model, to reach instead.")
@flag(
    "desired_latency_correlation",
    type=SHARE,
    default=0.65,
    show_default=True,
    help="Kendall's tau of the latencies to have, where the models have latencies.",
)
@flag(
    "early_stop_proxy_task_if_not_best",
    default="true",
    show_default=True,
    metavar="BOOL",
    help="Whether a proxy task ends when it takes longer than the best.",
)
@flag("proxy_task_search_controller_docker_id", hidden=True)
@flag("proxy_task_search_controller_docker_file", hidden=True)
@cloud_flags
def search_proxy_task(**options: Any) -> None:
    """Search the shortest training that orders the reference models as their full one does."""
    _run("hunt", options)


@click.command(cls=NasCommand, name="measure-proxy-variance")
@space_and_trainer
@_place("previous_variance_measurement_dir")
@flag("nas_target_reward_metric", metavar="NAME", help="The metric that is the accuracy.")
@flag("proxy_task_variance_measurement_docker_id", hidden=True)
@flag("proxy_task_variance_measurement_docker_file", hidden=True)
@cloud_flags
def measure_proxy_variance(**options: Any) -> None:
    """Measure how much a training varies when repeated, and how smoothly it rises."""
    _run("measure", options)


def _run(name: str, options: dict[str, Any]) -> None:
    from . import begin

    code = getattr(begin, name)(name_ignored(options), options)
    if code:
        sys.exit(code)
