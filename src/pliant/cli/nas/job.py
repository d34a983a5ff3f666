"""What the commands of ``pliant nas`` do with a job: make or find its folder, run its stages, say how it went."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from pliant.study import Study
from pliant.study.run import Ending
from pliant.study.trials.constraint import parse_constraints

from ..algorithm import make_algorithm
from ..console import make_console, print_line
from . import listing
from .build import name_image
from .fault import NasError
from .flags import read_bool
from .folder import SEARCH, TRAIN, JobFolder, check_place, find_folder, new_folder, writing
from .place import check_binary, make_launcher
from .same import check_search, keep_training
from .settings import DEFAULT_TAG, Rules, Settings, Trainer, check_latency, check_metric
from .stage import Stage, choose_trials, say_end
from .target import load_program, make_space

DONE, FAILED, STOPPED = 0, 1, 130  # exit codes


def search(ignored: Sequence[str], **options: Any) -> int:
    """Makes a new job and runs it; returns the exit code."""
    tag = check_metric(options["nas_target_reward_metric"])
    settings = _read_settings(tag, options)
    return _begin(settings, None, options, ignored)


def search_in_local(ignored: Sequence[str], **options: Any) -> int:
    """Makes a job in a folder of its own, or goes on with the one that is there; returns the exit code."""
    settings = _read_settings(check_metric(options["nas_target_reward_metric"] or DEFAULT_TAG), options)
    check_place(options["local_output_dir"])
    folder = JobFolder(options["local_output_dir"].absolute())
    if folder.has_job() and not options["force_new_space"]:
        before = folder.load()
        if options["seed"] is None:
            settings = dataclasses.replace(settings, seed=before.seed)
        check_search(before, settings, folder)
    return _begin(settings, folder, options, ignored)


def resume(ignored: Sequence[str], **options: Any) -> int:
    """Goes on with a job; returns the exit code."""
    job = options["job_id"] or options["previous_nas_job_id"] or options["job_name"]
    if not job:
        raise NasError("resume needs the job: --job_id=FOLDER, or --job_id=NAME with --root_output_dir.")
    folder = find_folder(job, options["root_output_dir"])
    settings = folder.load()
    changes = {
        "trials": options["max_nas_trial"],
        "parallel": options["max_parallel_nas_trial"],
        "max_failures": options["max_failed_nas_trial"],
    }
    settings = dataclasses.replace(settings, **{k: v for k, v in changes.items() if v is not None})
    console = make_console()
    say_ignored(console, ignored)
    return _run(folder, settings, console, force=options["force_new_space"])


def train(ignored: Sequence[str], **options: Any) -> int:
    """Trains some trials of a search in full; returns the exit code."""
    searched = find_folder(options["search_job_id"], options["root_output_dir"])
    settings = searched.load()
    flags, count = options["train_docker_flags"], options["train_max_parallel_trial"]
    if flags is not None:
        settings = dataclasses.replace(settings, train_flags=flags)
    settings = dataclasses.replace(
        settings,
        train_trials=count or settings.train_trials,
        max_failures=0,
        rules=dataclasses.replace(settings.rules, timeout=options["trial_timeout"]),
    )
    console = make_console()
    say_ignored(console, ignored)
    numbers = choose_trials(searched, options["train_nas_trial_numbers"], settings.train_trials)
    suffix = options["train_job_suffix"]
    if suffix and not suffix.replace("-", "_").isidentifier():
        raise NasError(f"--train_job_suffix is a word, such as 'long'; got {suffix!r:.60}.")
    folder = JobFolder(searched.path / suffix) if suffix else searched
    settings = keep_training(folder, settings, is_given=flags is not None)
    return _train(Stage(folder, settings, load_space(settings), console), numbers, searched)


def list_job(
    *,
    job_id: str,
    root_output_dir: Path | None,
    trials_output_file: str,
    max_trials: int,
    state: str,
    format: str,
    stage: str,
    **_: Any,
) -> None:
    """Prints or writes the trials of a job.

    Raises:
      NasError: there is no such job, or the file cannot be written.
      StudyError: there is no such stage, or its study cannot be read.
    """
    folder = find_folder(job_id, root_output_dir)
    settings = folder.load()
    console = make_console()
    if stage == TRAIN and not folder.study(TRAIN).exists():
        raise NasError(
            f"stage 2 of {folder.name!r} has not begun: `pliant nas train --search_job_id={folder.path}` trains its best trials in full."
        )
    with Study.open(folder.study(stage)) as study:
        trials, stopped = listing.choose(study, state.upper(), max_trials), listing.find_stopped(study)
        if format == "table" and not trials_output_file:
            listing.print_table(console, f"{folder.name}, {stage}", trials, settings, stopped=stopped)
            return
    if format == "csv":
        text = listing.to_csv(trials, settings, stopped=stopped)
    else:
        text = listing.to_json(trials, stage, settings, stopped=stopped)
    if not trials_output_file:
        print_line(console, text)
        return
    with writing(Path(trials_output_file)):
        Path(trials_output_file).write_text(text + "\n", "utf-8")
    print_line(console, f"{len(trials)} trials are in {trials_output_file}.")


def _begin(
    settings: Settings, folder: JobFolder | None, options: Mapping[str, Any], ignored: Sequence[str]
) -> int:
    """Runs a job after all that could be wrong with what was typed was looked at."""
    console = make_console()
    say_ignored(console, ignored)
    space = load_space(settings)
    make_launcher(settings, 1).close()
    make_algorithm(settings.algorithm).setup(space, seed=settings.seed)
    parse_constraints(settings.rules.constraints)
    if folder is None:
        folder = new_folder(options["root_output_dir"], options["job_name"])
    return _run(folder, settings, console, force=options.get("force_new_space", False), space=space)


def _run(folder: JobFolder, settings: Settings, console: Console, *, force: bool, space: Any = None) -> int:
    """Runs what is left of a job; returns the exit code."""
    if space is None:
        space = load_space(settings)
    if force and (folder.study(SEARCH).exists() or folder.has_trials(SEARCH)):
        if folder.study(SEARCH).exists():
            Study.open(folder.study(SEARCH)).close()  # nothing that is no study is moved
        print_line(console, f"What was done before is in {folder.put_aside()}.")
    folder.save(settings)
    print_line(console, f"{settings.space_name}: {str(space).splitlines()[0]}")
    print_line(console, f"Job: {folder.path} (algorithm {settings.algorithm}, seed {settings.seed})")
    stage = Stage(folder, settings, space, console, echo=settings.parallel == 1)
    ending = stage.search()
    print_line(console, say_end(ending, folder, "search"))
    code = _report(console, folder, settings, SEARCH, ending)
    if code == DONE and settings.train_flags is not None:
        numbers = choose_trials(folder, None, settings.train_trials)
        stage = dataclasses.replace(stage, settings=keep_training(folder, settings, is_given=False))
        return _train(stage, numbers, folder)
    return code


def _train(stage: Stage, numbers: Sequence[int], searched: JobFolder) -> int:
    print_line(
        stage.console, f"Stage 2 trains {len(numbers)} trials of the search: {', '.join(map(str, numbers))}"
    )
    ending = stage.train(numbers, searched)
    goes_on = "" if ending.how == "complete" else " The same command goes on."
    print_line(stage.console, f"train: {ending.message}{goes_on}")
    return _report(stage.console, stage.folder, stage.settings, TRAIN, ending)


def _report(console: Console, folder: JobFolder, settings: Settings, stage: str, ending: Ending) -> int:
    """Prints the best trials and the failures; returns the exit code."""
    with Study.open(folder.study(stage)) as study:
        best, stopped = listing.choose(study, "SUCCEEDED", 5), listing.find_stopped(study)
        failed = list(study.trials("failed"))
    if best:
        listing.print_table(console, f"The best of {stage}", best, settings, stopped=stopped)
        print_line(console, f"The best is in {folder.trial(stage, best[0].id)}")
    if failed:
        last = failed[-1]
        log = folder.log(stage, last.id, last.attempts)
        print_line(console, f"{len(failed)} trials failed; the last, trial {last.id}: {last.reason}")
        print_line(console, f"What it printed: {log}")
    if ending.how == "interrupted":
        return STOPPED
    return DONE if best and ending.how == "complete" else FAILED


def load_space(settings: Settings) -> Any:
    """Returns the abstract space that is searched.

    Raises:
      NasError: there is none.
    """
    program = load_program(settings.space_module, settings.prebuilt, settings.trainer.folder)
    return make_space(program, settings.space_name)


def _read_settings(tag: str, options: Mapping[str, Any]) -> Settings:
    rules = Rules(
        metric=tag,
        target_latency=options["target_latency"],
        latency_metric=options["latency_metric"],
        latency_limit=check_latency(options["latency_limit"]),
        constraints=tuple(options["constraint"]),
        timeout=options["trial_timeout"],
        memory=None if options["trial_memory"] is None else int(options["trial_memory"] * 2**20),
        retries=options["max_retries"],
    )
    trainer = read_trainer(options)
    seed = options["seed"]
    flags = {**(options["search_docker_flags"] or {})}
    if trainer.binary is not None:
        flags.update(options["local_binary_flags"] or {})
    return Settings(
        space_module=options["search_space_module"],
        prebuilt=options["prebuilt_search_space"],
        trainer=trainer,
        rules=rules,
        search_flags=flags,
        train_flags=options.get("train_docker_flags"),
        algorithm=options["algorithm"],
        seed=random.SystemRandom().randrange(1 << 31) if seed is None else seed,
        minimize=options["minimize"],
        trials=options["max_nas_trial"],
        parallel=options["max_parallel_nas_trial"],
        max_failures=options["max_failed_nas_trial"],
        train_trials=options.get("train_max_parallel_trial", 5),
    )


def read_trainer(options: Mapping[str, Any]) -> Trainer:
    """Returns what trains a trial: a program, where one is given and not turned off, else a container.

    Raises:
      NasError: none is given, or it is not there.
    """
    if options["latency_calculator_docker_id"]:
        raise NasError(
            "latency calculators in containers of their own are not run here: let the trainer report the latency as a metric, or write it "
            "to saved_model/model_latency.json, and give --target_latency."
        )
    binary, docker_id = options["local_binary"], options["trainer_docker_id"]
    runs_binary = bool(binary) if options["run_local_binary"] is None else read_bool(options["run_local_binary"], "run_local_binary")  # fmt: skip
    folder, data = str(Path.cwd()), options["local_data_dir"]
    if runs_binary and not binary:
        raise NasError("--run_local_binary=true runs --local_binary=FILE, which is not given.")
    if runs_binary:
        return Trainer(check_binary(binary), None, folder)
    if not docker_id:
        raise NasError(
            "a trial needs a trainer: --local_binary=FILE, a program or Python file of this machine, or "
            "--trainer_docker_id=NAME, the image that `pliant nas build` made."
        )
    image = name_image(docker_id, options["project_id"], options["region"])
    if data is not None and not data.is_dir():
        raise NasError(f"--local_data_dir is a folder that the container sees; there is no {str(data)!r}.")
    given = None if data is None else str(data.absolute())
    return Trainer(None, image, folder, given, tuple(options["container_option"]))


def say_ignored(console: Console, ignored: Sequence[str]) -> None:
    """Prints which flags change nothing here."""
    if ignored:
        print_line(console, f"Not used here, as trials run on this machine: {', '.join(ignored)}")
