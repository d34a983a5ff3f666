"""The commands of the proxy tools: select-proxy-models, search-proxy-task, measure-proxy-variance."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pliant.nas.errors import NasError

from ..options import Finite
from .flags import Function, NasCommand, add, cloud_flags, flag, hidden
from .options import (
    POSITIVE,
    at,
    exit_with,
    open_screen,
    read_settings,
    read_trainer,
    read_trainer_flags,
    space_and_trainer,
)

if TYPE_CHECKING:
    from pliant.nas.proxy.search import Candidate
    from pliant.nas.proxy.supervision import State, Tool
    from pliant.nas.settings import Settings

SHARE = Finite(-1, 1)
SETTINGS, SETTINGS_KIND = "proxy_job.json", "the settings of a proxy tool"


def _folder_options(previous: str) -> Callable[[Function], Function]:
    return add(
        flag("job_name", metavar="NAME", help="The first part of the folder's name."),
        flag("root_output_dir", type=click.Path(path_type=Path), help="The folder of the jobs."),
        flag(previous, metavar="DIR", help="Continue this one, which was stopped."),
        flag("max_parallel_nas_trial", type=at(1), help="Trainings at a time.  [default: 5, or as before]"),
        flag("trial_timeout", type=POSITIVE, help="Time limit of a training, in seconds."),
        flag("seed", type=int, help="Seed of the random models.  [default: random, kept with the job]"),
    )


@click.command(cls=NasCommand, name="select-proxy-models")
@space_and_trainer
@_folder_options("previous_model_selection_dir")
@flag("accuracy_metric_id", metavar="NAME", help="The metric that is the accuracy.")
@flag("latency_metric_id", metavar="NAME", help="The metric that is the latency.  [default: compare accuracies only]")  # fmt: skip
@flag("start_num_models", type=at(2), default=30, help="Number of random models.")
@flag("final_num_models", type=at(2), default=10, help="Number of models to train in full.")  # fmt: skip
@flag("num_models_to_remove_per_iter", type=at(1), default=5, help="Number of models to drop after each round.")  # fmt: skip
@hidden("proxy_task_model_selection_docker_id", "proxy_task_model_selection_docker_file")
@cloud_flags
def select_proxy_models(**options: Any) -> None:
    """Select reference models: a few that are as different as many, trained in full."""
    from pliant.nas.proxy.selection import SelectionState, select_models
    from pliant.nas.settings import check_metric

    def start() -> tuple[Settings, SelectionState]:
        if options["final_num_models"] > options["start_num_models"]:
            raise NasError(
                f"--final_num_models={options['final_num_models']} is more than --start_num_models="
                f"{options['start_num_models']}. Start with more models."
            )
        tag = check_metric(options["accuracy_metric_id"], "accuracy_metric_id")
        if (latency := options["latency_metric_id"]) is not None:
            check_metric(latency, "latency_metric_id")
        each = options["num_models_to_remove_per_iter"]
        state = SelectionState(options["start_num_models"], options["final_num_models"], each, latency)
        return read_settings(tag, options), state

    tool = _open_tool("select-proxy-models", "previous_model_selection_dir", SelectionState, start, options)
    _run_tool(lambda: select_models(tool), tool)


@click.command(cls=NasCommand, name="search-proxy-task")
@space_and_trainer
@_folder_options("previous_proxy_task_search_dir")
@flag("proxy_task_config_generator_module", metavar="MODULE.FUNCTION", help="The function that returns proxy tasks, given the flags of full training as a dict.")  # fmt: skip
@flag("proxy_task_model_selection_job_id", metavar="DIR", help="A complete selection of models.")
@hidden("proxy_task_model_selection_job_region", "proxy_task_model_selection_service_endpoint")
@flag("training_time_hrs_limit", type=POSITIVE, help="Hours that a proxy task may train a model.")
@flag("desired_accuracy_correlation", type=SHARE, default=0.65, help="Goal: Kendall's tau with full training.")  # fmt: skip
@flag("desired_accuracy", type=Finite(), help="Alternative goal: accuracy of the median model.")
@flag("desired_latency_correlation", type=SHARE, default=0.65, help="Required Kendall's tau of the latencies, if the models have latencies.")  # fmt: skip
@flag("early_stop_proxy_task_if_not_best", type=bool, default=True, help="Whether a proxy task ends when it takes longer than the best one.")  # fmt: skip
@hidden("proxy_task_search_controller_docker_id", "proxy_task_search_controller_docker_file")
@cloud_flags
def search_proxy_task(**options: Any) -> None:
    """Search for the shortest training that ranks the reference models as full training does."""
    from pliant.nas.folder import find_folder
    from pliant.nas.proxy.search import SearchState, load_references, search_proxies
    from pliant.nas.proxy.selection import SelectionState

    flag = "previous_proxy_task_search_dir"

    def start() -> tuple[Settings, SearchState]:
        names = (
            "proxy_task_model_selection_job_id",
            "proxy_task_config_generator_module",
            "training_time_hrs_limit",
        )
        for name in names:
            if options[name] is None:
                raise NasError(f"search-proxy-task needs --{name}, or --{flag}=DIR to continue.")
        job, root = options[names[0]], options["root_output_dir"]
        selection = find_folder(job, root, SelectionState.FILE, SelectionState.KIND).path
        load_references(selection)
        settings = _change(_load_settings(selection), options)
        if next(_list_candidates(options[names[1]], settings), None) is None:
            raise NasError(f"{options[names[1]]} returns no proxy tasks.")
        return settings, SearchState(
            str(selection),
            options[names[1]],
            options[names[2]],
            options["desired_accuracy_correlation"],
            options["desired_accuracy"],
            options["desired_latency_correlation"],
            options["early_stop_proxy_task_if_not_best"],
        )

    tool = _open_tool("search-proxy-task", flag, SearchState, start, options)
    generator = tool.load(SearchState).generator
    _run_tool(lambda: search_proxies(tool, _list_candidates(generator, tool.settings)), tool)


@click.command(cls=NasCommand, name="measure-proxy-variance")
@space_and_trainer
@_folder_options("previous_variance_measurement_dir")
@flag("nas_target_reward_metric", metavar="NAME", help="The metric that is the accuracy.")
@hidden("proxy_task_variance_measurement_docker_id", "proxy_task_variance_measurement_docker_file")
@cloud_flags
def measure_proxy_variance(**options: Any) -> None:
    """Measure how much a training varies when it is repeated, and how smoothly its accuracy rises."""
    from pliant.nas.proxy.variance import MeasurementState, measure_model
    from pliant.nas.settings import check_metric

    def start() -> tuple[Settings, MeasurementState]:
        return read_settings(check_metric(options["nas_target_reward_metric"]), options), MeasurementState()

    flag = "previous_variance_measurement_dir"
    tool = _open_tool("measure-proxy-variance", flag, MeasurementState, start, options)
    _run_tool(lambda: measure_model(tool), tool)


def _open_tool(
    command: str,
    flag: str,
    kind: type[State],
    start: Callable[[], tuple[Settings, Any]],
    options: dict[str, Any],
) -> Tool:
    """Returns the proxy tool in the folder that ``flag`` names, or a new one, with the settings and state from ``start``."""
    from pliant.nas.folder import find_folder, new_folder
    from pliant.nas.proxy.supervision import Tool
    from pliant.nas.records import write_record
    from pliant.nas.trainer import make_launcher

    from .space import load_space

    name, root, screen = options["job_name"], options["root_output_dir"], open_screen(options)
    if options[flag]:
        folder = find_folder(options[flag], root, kind.FILE, kind.KIND).path
        settings = _continue(_load_settings(folder), folder, options)
        space = load_space(settings)
    else:
        settings, state = start()
        if not name or root is None:
            raise NasError(f"{command} needs --job_name and --root_output_dir, or --{flag}=DIR to continue.")
        space = load_space(settings)
        make_launcher(settings, 1).close()
        folder = new_folder(root, name).path
        write_record(folder / SETTINGS, settings)
        write_record(folder / kind.FILE, state)
        screen.say(f"{settings.space_name}: {str(space).splitlines()[0]}")
        screen.say(f"Folder: {folder} (seed {settings.seed})")
    return Tool(folder, settings, space, screen, f"pliant nas {command} --{flag}={folder}")


def _run_tool(work: Callable[[], bool | None], tool: Tool) -> None:
    """Runs a tool, and exits with a code: 1 if it found nothing, 130 if it was interrupted."""
    from pliant.nas.job import FAILED, INTERRUPTED
    from pliant.nas.proxy.supervision import InterruptedTool

    try:
        exit_with(FAILED if work() is False else 0)
    except InterruptedTool as error:
        tool.screen.say(str(error))
        exit_with(INTERRUPTED)


def _load_settings(folder: Path) -> Settings:
    from pliant.nas.records import read_record
    from pliant.nas.settings import Settings

    return read_record(folder / SETTINGS, Settings, SETTINGS_KIND)


def _continue(before: Settings, folder: Path, options: Mapping[str, Any]) -> Settings:
    """Returns the settings of a tool that continues."""
    for name, old in (("seed", before.seed), ("search_space_module", before.space_module)):
        if options[name] is not None and options[name] != old:
            raise NasError(
                f"{str(folder)!r} was started with --{name}={old}; now it is {options[name]}. Leave it out, or start a new job."
            )
    return dataclasses.replace(before, parallel=options["max_parallel_nas_trial"] or before.parallel)


def _change(settings: Settings, options: Mapping[str, Any]) -> Settings:
    """Returns the settings of a selection with the options of a search."""
    has_trainer = options["local_binary"] or options["trainer_docker_id"]
    module, prebuilt = options["search_space_module"], options["prebuilt_search_space"]
    if not module and not prebuilt:
        module, prebuilt = settings.space_module, settings.prebuilt
    timeout = options["trial_timeout"] or settings.rules.timeout
    return dataclasses.replace(
        settings,
        space_module=module,
        prebuilt=prebuilt,
        trainer=read_trainer(options) if has_trainer else settings.trainer,
        rules=dataclasses.replace(settings.rules, timeout=timeout),
        search_flags={**settings.search_flags, **read_trainer_flags(options)},
        parallel=options["max_parallel_nas_trial"] or settings.parallel,
    )


def _list_candidates(generator: str, settings: Settings) -> Iterator[Candidate]:
    """Returns the proxy tasks of the user's function."""
    from pliant.nas.proxy.search import read_candidates

    from .space import load_function

    option = "proxy_task_config_generator_module"
    _, function = load_function(generator, settings.trainer.folder, option, "proxies.candidates")
    return read_candidates(function, settings.search_flags, generator)
