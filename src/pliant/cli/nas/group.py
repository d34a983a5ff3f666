"""The commands of ``pliant nas``: search, resume, train, list-trials, build."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pliant.values.errors import quote

from .flags import NasCommand, cloud_flags, flag, flag_list, hidden
from .options import (
    NAMES,
    POSITIVE,
    at,
    exit_with,
    latency_and_limits,
    open_screen,
    read_settings,
    search_flags,
    space_and_trainer,
)
from .proxy import measure_proxy_variance, search_proxy_task, select_proxy_models

if TYPE_CHECKING:
    from pliant.nas.folder import JobFolder
    from pliant.nas.settings import Settings

    from .screen import ConsoleScreen

ALIASES = {
    "search-resume": "resume",
    "select-proxy-task-models": "select-proxy-models",
    "measure-proxy-task-variance": "measure-proxy-variance",
}
root_output_dir = flag(
    "root_output_dir", type=click.Path(path_type=Path), help="The folder where job names are looked up."
)
force_new_space = flag(
    "force_new_space", is_flag=True, help="Start over with another space; the old files are moved aside."
)


class NasGroup(click.Group):
    """Commands that are also found by the cloud client's names, such as ``search_in_local``."""

    command_class = NasCommand

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See ``click.Group``."""
        name = cmd_name.replace("_", "-")
        return super().get_command(ctx, ALIASES.get(name, name))


@click.group(cls=NasGroup)
def nas() -> None:
    """Search with external trainers (programs or containers), as the cloud NAS client does."""


for _command in (select_proxy_models, search_proxy_task, measure_proxy_variance):
    nas.add_command(_command)


@nas.command()
@flag("trainer_docker_id", required=True, metavar="NAME", help="Name of the image.")
@flag("trainer_docker_file", default="Containerfile", metavar="FILE", help="Its container file.")
@flag("use_cache", type=bool, default=True, help="Whether to reuse earlier layers.")
@flag("push", type=bool, default=False, help="Whether to push the image.")
@cloud_flags
def build(
    *, trainer_docker_id: str, trainer_docker_file: str, use_cache: bool, push: bool, **cloud: Any
) -> None:
    """Build the image of a trainer with docker or podman."""
    from pliant.nas.image import build_image, name_image

    from .screen import ConsoleScreen

    image = name_image(trainer_docker_id, cloud["project_id"], cloud["region"])
    build_image(image, trainer_docker_file, use_cache=use_cache, push=push)
    ConsoleScreen().say(f"Built {image}.")


@nas.command()
@flag("job_name", required=True, metavar="NAME", help="The first part of the job's folder name.")
@flag("root_output_dir", required=True, type=click.Path(path_type=Path), help="The folder of the jobs.")
@flag("nas_target_reward_metric", metavar="NAME", help="The metric that is the reward.  [required]")
@space_and_trainer
@search_flags(trials=5, parallel=5, failures=5)
@latency_and_limits
@flag("train_max_parallel_trial", type=at(1), default=5, help="Number of best trials that stage 2 trains in full.")  # fmt: skip
@hidden("train_frequency")
@flag_list(
    "train_docker_flags", "Flags of the trainer in stage 2. If given, even empty, stage 2 follows the search."
)
@cloud_flags
def search(**options: Any) -> None:
    """Search a space with a trainer, in a new job folder."""
    from pliant.nas.folder import new_folder
    from pliant.nas.settings import check_metric

    screen = open_screen(options)
    settings = read_settings(check_metric(options["nas_target_reward_metric"]), options)
    _run(settings, lambda: new_folder(options["root_output_dir"], options["job_name"]), screen)


@nas.command(name="search-in-local")
@flag("local_output_dir", required=True, type=click.Path(path_type=Path), help="The folder of the job.")
@flag("nas_target_reward_metric", default="", metavar="NAME", help="The metric that is the reward.  [default: top_1_accuracy]")  # fmt: skip
@space_and_trainer
@search_flags(trials=1, parallel=1, failures=0)
@latency_and_limits
@force_new_space
@cloud_flags
def search_in_local(**options: Any) -> None:
    """Search on this machine: one random trial, as in the cloud client, or more with --max_nas_trial.

    Run the command again to resume the search, or to extend it with a higher --max_nas_trial.
    """
    from pliant.nas.folder import JobFolder, check_local
    from pliant.nas.job import check_same_search
    from pliant.nas.settings import DEFAULT_TAG, check_metric

    screen = open_screen(options)
    settings = read_settings(check_metric(options["nas_target_reward_metric"] or DEFAULT_TAG), options)
    check_local(options["local_output_dir"])
    folder = JobFolder(options["local_output_dir"].absolute())
    if folder.has_job() and not options["force_new_space"]:
        if options["seed"] is None:
            settings = dataclasses.replace(settings, seed=folder.load().seed)
        check_same_search(folder, settings)
    _run(settings, lambda: folder, screen, restart=options["force_new_space"])


@nas.command()
@flag("job_id", metavar="JOB", help="The job: its folder, or its name in --root_output_dir.")
@hidden("previous_nas_job_id", "job_name")
@root_output_dir
@flag("max_nas_trial", type=at(1), help="New number of trials.")
@flag("max_parallel_nas_trial", type=at(1), help="Trials at the same time.")
@flag("max_failed_nas_trial", type=at(0), help="Number of failed trials that ends the job; 0 for no limit.")
@force_new_space
@cloud_flags
def resume(**options: Any) -> None:
    """Resume a job that was stopped, in its own folder."""
    from pliant.nas.errors import NasError
    from pliant.nas.folder import find_folder

    screen = open_screen(options)
    job = options["job_id"] or options["previous_nas_job_id"] or options["job_name"]
    if not job:
        raise NasError("resume needs a job: --job_id=FOLDER, or --job_id=NAME with --root_output_dir.")
    folder = find_folder(job, options["root_output_dir"])
    names = ("trials", "parallel", "max_failures")
    changes = {name: options[NAMES[name]] for name in names if options[NAMES[name]] is not None}
    settings = dataclasses.replace(folder.load(), **changes)
    _run(settings, lambda: folder, screen, restart=options["force_new_space"])


@nas.command()
@flag("search_job_id", required=True, metavar="JOB", help="The job of the search.")
@hidden("search_job_region")
@root_output_dir
@flag(
    "train_job_suffix", default="", metavar="NAME", help="A folder in that of the job, for another stage 2."
)
@flag("train_nas_trial_numbers", metavar="N,...", help="The trials to train.  [default: the best]")
@flag(
    "train_max_parallel_trial",
    type=at(1),
    help="Number of best trials to train, and of trainings at the same time.",
)
@flag("trial_timeout", type=POSITIVE, help="Time limit of a trial, in seconds.")
@flag_list("train_docker_flags", "Flags of the trainer.  [default: those of the search]")
@cloud_flags
def train(**options: Any) -> None:
    """Train the best trials of a search in full (stage 2)."""
    from pliant.nas.errors import NasError
    from pliant.nas.folder import JobFolder, find_folder
    from pliant.nas.job import choose_trials, train_job

    from .space import load_space

    screen = open_screen(options)
    searched = find_folder(options["search_job_id"], options["root_output_dir"])
    settings, suffix, flags = searched.load(), options["train_job_suffix"], options["train_docker_flags"]
    count = options["train_max_parallel_trial"] or settings.train_trials
    numbers = choose_trials(searched, options["train_nas_trial_numbers"], count)
    if suffix and not suffix.replace("-", "_").isidentifier():
        raise NasError(f"--train_job_suffix is one word, such as 'long'; got {quote(suffix, 60)}.")
    settings = dataclasses.replace(
        settings,
        train_flags=settings.train_flags if flags is None else flags,
        train_trials=count,
        max_failures=0,
        rules=dataclasses.replace(settings.rules, timeout=options["trial_timeout"]),
        retrained=numbers,
    )
    folder = JobFolder(searched.path / suffix) if suffix else searched
    has_flags, space = flags is not None, load_space(settings)
    exit_with(train_job(folder, settings, space, screen, searched=searched, has_flags=has_flags))


@nas.command(name="list-trials")
@flag("job_id", required=True, metavar="JOB", help="The job: its folder, or its name in --root_output_dir.")
@root_output_dir
@flag("trials_output_file", default="", metavar="FILE", help="The file to write.  [default: standard output]")
@flag("max_trials", type=at(0), default=20, help="Number of trials; 0 for all.")
@flag("state", default="SUCCEEDED", type=click.Choice(["SUCCEEDED", "INFEASIBLE", "ACTIVE", "ALL"], case_sensitive=False), help="State of the trials.")  # fmt: skip
@flag("format", default="json", type=click.Choice(["json", "table", "csv"]), help="Output format.")  # fmt: skip
@flag("stage", default="search", type=click.Choice(["search", "train"]), help="Stage of the job.")  # fmt: skip
@cloud_flags
def list_trials(**options: Any) -> None:
    """List the trials of a job, the best first."""
    from pliant.nas.folder import find_folder
    from pliant.nas.listing import list_job
    from pliant.nas.records import writing

    from .screen import ConsoleScreen

    screen, file = ConsoleScreen(), options["trials_output_file"]
    folder = find_folder(options["job_id"], options["root_output_dir"])
    form, count, state = options["format"], options["max_trials"], options["state"].upper()
    rows = list_job(folder, options["stage"], state, count)
    if form == "table" and not file:
        if not rows.trials:
            screen.say(f"{folder.name}, {options['stage']}: {rows.say_none()}.")
            return
        screen.show_table(f"{folder.name}, {options['stage']}", *rows.to_table())
        return
    text = rows.to_csv() if form == "csv" else rows.to_json()
    if not file:
        screen.say(text)
        return
    with writing(Path(file)):
        Path(file).write_text(text + "\n", "utf-8")
    why = "" if rows.trials else f": {rows.say_none()}"
    screen.say(f"{len(rows.trials)} trials are in {file}{why}.")


def _run(
    settings: Settings, make_folder: Callable[[], JobFolder], screen: ConsoleScreen, *, restart: bool = False
) -> None:
    """Runs a job, and exits with its code; its folder is made after everything was checked."""
    from pliant.nas.job import check_job, run_job

    from .space import load_space

    space = load_space(settings)
    check_job(settings, space)
    exit_with(run_job(make_folder(), settings, space, screen, restart=restart))
