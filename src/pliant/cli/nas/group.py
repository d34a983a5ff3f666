"""The command ``pliant nas`` and its parts, as they are typed; what they do is in ``job``, ``listing`` and ``build``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from .flags import NasCommand, cloud_flags, flag, flag_list, name_ignored
from .options import at, latency_and_limits, search_flags, space_and_trainer
from .proxy.commands import measure_proxy_variance, search_proxy_task, select_proxy_models

ALIASES = {
    "search-resume": "resume",
    "select-proxy-task-models": "select-proxy-models",
    "measure-proxy-task-variance": "measure-proxy-variance",
}


class NasGroup(click.Group):
    """Commands that go by the cloud client's spelling, too: ``search_in_local``, ``list_trials``."""

    command_class = NasCommand

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = cmd_name.replace("_", "-")
        return super().get_command(ctx, ALIASES.get(name, name))


@click.group(cls=NasGroup)
def nas() -> None:
    """Search with trainers that are programs of their own, as the cloud NAS client does."""


for _command in (select_proxy_models, search_proxy_task, measure_proxy_variance):
    nas.add_command(_command)


@nas.command()
@flag("trainer_docker_id", required=True, metavar="NAME", help="What to call the image.")
@flag(
    "trainer_docker_file", default="Containerfile", show_default=True, metavar="FILE", help="What is in it."
)
@flag("use_cache", default="true", show_default=True, metavar="BOOL", help="Whether earlier layers are used.")
@flag("push", default="false", show_default=True, metavar="BOOL", help="Whether the image is pushed.")
@cloud_flags
def build(
    *, trainer_docker_id: str, trainer_docker_file: str, use_cache: str, push: str, **cloud: Any
) -> None:
    """Build the image of a trainer with docker or podman."""
    from ..console import make_console, print_line
    from .build import build_image, name_image
    from .flags import read_bool

    image = name_image(trainer_docker_id, cloud["project_id"], cloud["region"])
    build_image(
        image,
        trainer_docker_file,
        use_cache=read_bool(use_cache, "use_cache"),
        push=read_bool(push, "push"),
    )
    print_line(make_console(), f"Built {image}.")


@nas.command()
@flag("job_name", required=True, metavar="NAME", help="The beginning of the job's folder.")
@flag("root_output_dir", required=True, type=click.Path(path_type=Path), help="The folder of the jobs.")
@flag("nas_target_reward_metric", metavar="NAME", help="The metric that is the reward.  [required]")
@space_and_trainer
@search_flags(trials=5, parallel=5, failures=5)
@latency_and_limits
@flag("train_max_parallel_trial", type=at(1), default=5, show_default=True, help="How many of the best are trained in full.")  # fmt: skip
@flag("train_frequency", type=at(1), default=1000, hidden=True)
@flag_list(
    "train_docker_flags", "Flags of the trainer in stage 2, which follows when this is given, even empty."
)
@cloud_flags
def search(**options: Any) -> None:
    """Search a space with a trainer; make a new job in its own folder."""
    _run("search", options)


@nas.command(name="search-in-local")
@flag("local_output_dir", required=True, type=click.Path(path_type=Path), help="The folder of the job.")
@flag("nas_target_reward_metric", default="", metavar="NAME", help="The metric that is the reward.  [default: top_1_accuracy]")  # fmt: skip
@space_and_trainer
@search_flags(trials=1, parallel=1, failures=0)
@latency_and_limits
@flag("force_new_space", is_flag=True, help="Put aside what was done with another space, and start anew.")
@cloud_flags
def search_in_local(**options: Any) -> None:
    """Search on this machine: one random trial, as the cloud client does, or with --max_nas_trial a whole search.

    The same command again goes on, and with a higher --max_nas_trial beyond the end.
    """
    _run("search_in_local", options)


@nas.command()
@flag("job_id", metavar="JOB", help="The job: its folder, or its name below --root_output_dir.")
@flag("previous_nas_job_id", hidden=True)
@flag("job_name", hidden=True)
@flag("root_output_dir", type=click.Path(path_type=Path), help="Where to look for names.")
@flag("max_nas_trial", type=at(1), help="A new number of trials in all.")
@flag("max_parallel_nas_trial", type=at(1), help="How many at once.")
@flag("max_failed_nas_trial", type=at(0), help="After so many failures the job fails; 0 for no limit.")
@flag("force_new_space", is_flag=True, help="Put aside what was done with another space, and start anew.")
@cloud_flags
def resume(**options: Any) -> None:
    """Go on with a job where it stopped, in its own folder."""
    _run("resume", options)


@nas.command()
@flag("search_job_id", required=True, metavar="JOB", help="The job of the search.")
@flag("search_job_region", hidden=True)
@flag("root_output_dir", type=click.Path(path_type=Path), help="Where to look for names.")
@flag(
    "train_job_suffix", default="", metavar="NAME", help="A folder in that of the job, for another stage 2."
)
@flag("train_nas_trial_numbers", metavar="N,...", help="Which trials to train.  [default: the best]")
@flag("train_max_parallel_trial", type=at(1), help="How many of the best, and how many at once.")
@flag("trial_timeout", type=click.FloatRange(min=0, min_open=True), help="Seconds for a trial.")
@flag_list("train_docker_flags", "Flags of the trainer.  [default: those of the search]")
@cloud_flags
def train(**options: Any) -> None:
    """Train the best trials of a search in full (stage 2)."""
    _run("train", options)


@nas.command(name="list-trials")
@flag(
    "job_id", required=True, metavar="JOB", help="The job: its folder, or its name below --root_output_dir."
)
@flag("root_output_dir", type=click.Path(path_type=Path), help="Where to look for names.")
@flag("trials_output_file", default="", metavar="FILE", help="Where to write.  [default: here]")
@flag("max_trials", type=at(0), default=20, show_default=True, help="How many; 0 for all.")
@flag("state", default="SUCCEEDED", show_default=True, type=click.Choice(["SUCCEEDED", "INFEASIBLE", "ACTIVE", "ALL"], case_sensitive=False), help="Which trials.")  # fmt: skip
@flag("format", default="json", show_default=True, type=click.Choice(["json", "table", "csv"]), help="In which form.")  # fmt: skip
@flag("stage", default="search", show_default=True, type=click.Choice(["search", "train"]), help="Of which stage.")  # fmt: skip
@cloud_flags
def list_trials(**options: Any) -> None:
    """List the trials of a job, the best first."""
    from .job import list_job

    name_ignored(options)
    list_job(**options)


def _run(name: str, options: dict[str, Any]) -> None:
    """Does what a command says; ends the process with a code that says how it went."""
    from . import job

    ignored = name_ignored(options)
    code = getattr(job, name)(ignored, **options)
    if code:
        sys.exit(code)
