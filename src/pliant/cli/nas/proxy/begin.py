"""How a proxy tool begins: from flags to a new folder with settings and state, or to one that goes on."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from typing import Any

from pliant.values.errors import StudyError

from ...console import make_console
from ..fault import NasError
from ..flags import read_bool
from ..folder import new_folder
from ..job import load_space, read_trainer, say_ignored
from ..place import make_launcher
from ..settings import Rules, Settings, check_metric
from .generator import generate
from .hunt import hunt as run_hunt
from .hunt import load_references
from .measurement import measure as run_measurement
from .selection import select as run_selection
from .state import HuntState, Keeper, MeasurementState, SelectionState, State, find_state
from .tool import Tool, load_settings, save_settings

PARALLEL = 5


def select(ignored: Sequence[str], options: Mapping[str, Any]) -> int:
    """Selects reference models; returns the exit code."""
    command, flag = "select-proxy-models", "previous_model_selection_dir"
    if options[flag]:
        return run_selection(_go_on(command, flag, SelectionState, ignored, options))
    if options["final_num_models"] > options["start_num_models"]:
        raise NasError(
            f"--final_num_models={options['final_num_models']} models are left of --start_num_models="
            f"{options['start_num_models']}; start with more."
        )
    tag = _check_tag(options["accuracy_metric_id"], "accuracy_metric_id")
    latency = options["latency_metric_id"]
    state = SelectionState(
        options["start_num_models"],
        options["final_num_models"],
        options["num_models_to_remove_per_iter"],
        None if latency is None else _check_tag(latency, "latency_metric_id"),
    )
    settings = _read_settings(tag, options)
    return run_selection(_begin(command, flag, settings, state, ignored, options))


def hunt(ignored: Sequence[str], options: Mapping[str, Any]) -> int:
    """Searches a proxy task; returns the exit code."""
    command, flag = "search-proxy-task", "previous_proxy_task_search_dir"
    if options[flag]:
        return run_hunt(_go_on(command, flag, HuntState, ignored, options))
    for name in (
        "proxy_task_model_selection_job_id",
        "proxy_task_config_generator_module",
        "training_time_hrs_limit",
    ):
        if options[name] is None:
            raise NasError(f"search-proxy-task needs --{name}, or --{flag}=DIR to go on.")
    selection = find_state(
        options["proxy_task_model_selection_job_id"], options["root_output_dir"], SelectionState
    )
    load_references(selection)
    settings = _change(load_settings(selection), options)
    generator = options["proxy_task_config_generator_module"]
    if next(generate(generator, settings.trainer.folder, settings.search_flags), None) is None:
        raise NasError(f"{generator} returns no proxy tasks to try.")
    state = HuntState(
        selection=str(selection),
        generator=generator,
        hours=options["training_time_hrs_limit"],
        desired_correlation=options["desired_accuracy_correlation"],
        desired_accuracy=options["desired_accuracy"],
        desired_latency_correlation=options["desired_latency_correlation"],
        stops_slower=read_bool(
            options["early_stop_proxy_task_if_not_best"], "early_stop_proxy_task_if_not_best"
        ),
    )
    return run_hunt(_begin(command, flag, settings, state, ignored, options))


def measure(ignored: Sequence[str], options: Mapping[str, Any]) -> int:
    """Measures variance and smoothness; returns the exit code."""
    command, flag = "measure-proxy-variance", "previous_variance_measurement_dir"
    if options[flag]:
        return run_measurement(_go_on(command, flag, MeasurementState, ignored, options))
    settings = _read_settings(check_metric(options["nas_target_reward_metric"]), options)
    return run_measurement(_begin(command, flag, settings, MeasurementState(), ignored, options))


def _begin(
    command: str,
    flag: str,
    settings: Settings,
    state: State,
    ignored: Sequence[str],
    options: Mapping[str, Any],
) -> Tool:
    """Makes the folder of a tool, after all that could be wrong with what was typed was looked at."""
    name, root = options["job_name"], options["root_output_dir"]
    if not name or root is None:
        raise NasError(
            f"{command} needs --job_name and --root_output_dir for its folder, or --{flag}=DIR to go on."
        )
    console = make_console()
    say_ignored(console, ignored)
    space = load_space(settings)
    make_launcher(settings, 1).close()
    folder = new_folder(root, name).path
    save_settings(folder, settings)
    Keeper(folder).save(state)
    tool = Tool(folder, settings, space, console, f"pliant nas {command} --{flag}={folder}")
    tool.say(f"{settings.space_name}: {str(space).splitlines()[0]}")
    tool.say(f"Folder: {folder} (seed {settings.seed})")
    return tool


def _go_on(
    command: str, flag: str, kind: type[State], ignored: Sequence[str], options: Mapping[str, Any]
) -> Tool:
    """Returns a tool that was stopped."""
    folder = find_state(options[flag], options["root_output_dir"], kind)
    before = load_settings(folder)
    for name, old in (("seed", before.seed), ("search_space_module", before.space_module)):
        if options[name] is not None and options[name] != old:
            raise StudyError(
                f"{str(folder)!r} was begun with --{name}={old}, and now it is {options[name]}. Leave it out, or begin anew."
            )
    settings = dataclasses.replace(before, parallel=options["max_parallel_nas_trial"] or before.parallel)
    console = make_console()
    say_ignored(console, ignored)
    return Tool(folder, settings, load_space(settings), console, f"pliant nas {command} --{flag}={folder}")


def _read_settings(tag: str, options: Mapping[str, Any]) -> Settings:
    trainer = read_trainer(options)
    seed = options["seed"]
    return Settings(
        space_module=options["search_space_module"],
        prebuilt=options["prebuilt_search_space"],
        trainer=trainer,
        rules=Rules(metric=tag, timeout=options["trial_timeout"]),
        search_flags=_read_flags(options),
        seed=random.SystemRandom().randrange(1 << 31) if seed is None else seed,
        parallel=options["max_parallel_nas_trial"] or PARALLEL,
    )


def _change(settings: Settings, options: Mapping[str, Any]) -> Settings:
    """Returns the settings of a selection with what was typed besides."""
    changes: dict[str, Any] = {
        "search_flags": {**settings.search_flags, **_read_flags(options)},
        "parallel": options["max_parallel_nas_trial"] or settings.parallel,
        "rules": dataclasses.replace(
            settings.rules, timeout=options["trial_timeout"] or settings.rules.timeout
        ),
    }
    if options["local_binary"] or options["trainer_docker_id"]:
        changes["trainer"] = read_trainer(options)
    if options["search_space_module"] or options["prebuilt_search_space"]:
        changes["space_module"] = options["search_space_module"]
        changes["prebuilt"] = options["prebuilt_search_space"]
    return dataclasses.replace(settings, **changes)


def _read_flags(options: Mapping[str, Any]) -> dict[str, str]:
    given = dict(options["search_docker_flags"] or {})
    if options["local_binary"]:
        given.update(options["local_binary_flags"] or {})
    return given


def _check_tag(name: str | None, flag: str) -> str:
    if not name:
        raise NasError(
            f"--{flag} names the metric that the trainer reports, such as top_1_accuracy; got {name!r}."
        )
    return check_metric(name)
