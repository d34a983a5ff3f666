"""Runs NAS jobs: a search, and the full training of its best trials (stage 2); then shows the best trials and the failures."""

from __future__ import annotations

import dataclasses

from pliant.space import Space
from pliant.study import Study
from pliant.study.trials.constraint import parse_constraints
from pliant.tune.text import say_count
from pliant.values.errors import PliantError, StudyError, listing, quote

from .errors import NasError
from .folder import TRAIN_SETTINGS, JobFolder
from .listing import list_job
from .screen import Screen
from .settings import SEARCH, TRAIN, Settings, describe_change
from .stage import Stage
from .trainer import Source, make_launcher

DONE, FAILED, INTERRUPTED = 0, 1, 130
"""Exit codes."""


def check_job(settings: Settings, space: Space) -> None:
    """Checks settings before a folder is made: launcher, algorithm and constraints.

    Raises:
      LaunchError: containers are needed, and no engine answers.
      PliantError: the algorithm or a constraint is wrong.
    """
    from pliant.algorithms import to_algorithm

    make_launcher(settings, 1).close()
    to_algorithm(settings.algorithm).setup(space, seed=settings.seed)
    parse_constraints(settings.rules.constraints)


def check_same_search(folder: JobFolder, settings: Settings) -> None:
    """Checks that settings continue the search that the folder has."""
    if change := describe_change(folder.load(), settings, SEARCH):
        raise StudyError(
            f"the job in {str(folder.path)!r} was started {change}. Results of the two cannot be compared. Give the same value, or "
            "another --local_output_dir; or start over with --force_new_space, which moves the old files aside."
        )


def run_job(
    folder: JobFolder, settings: Settings, space: Space, screen: Screen, *, restart: bool = False
) -> int:
    """Runs the remaining trials of a job, and stage 2 if it has flags for it; returns the exit code.

    Args:
      folder: of the job.
      settings: of the job.
      space: the abstract space.
      screen: where progress is shown.
      restart: move the earlier files aside, and start over.

    Raises:
      NasError: the folder cannot be read or written, or the space has changed.
      StudyError: the study cannot be opened or written.
    """
    if restart and (folder.study(SEARCH).exists() or folder.has_trials(SEARCH)):
        if folder.study(SEARCH).exists():
            Study.open(folder.study(SEARCH)).close()  # only a study is moved
        screen.say(f"The earlier files are in {folder.put_aside()}.")
    folder.save(settings)
    screen.say(f"{settings.space_name}: {str(space).splitlines()[0]}")
    screen.say(f"Job: {folder.path} (algorithm {settings.algorithm}, seed {settings.seed})")
    stage = Stage(folder, settings, space, screen, f"pliant nas resume --job_id={folder.path}")
    code = _run_stage(stage, echo=settings.parallel == 1)
    if code == DONE and settings.train_flags is not None:
        numbers = choose_trials(folder, None, settings.train_trials)
        settings = dataclasses.replace(settings, retrained=numbers)
        return train_job(folder, settings, space, screen, searched=folder)
    return code


def train_job(
    folder: JobFolder,
    settings: Settings,
    space: Space,
    screen: Screen,
    *,
    searched: JobFolder,
    has_flags: bool = False,
) -> int:
    """Trains trials of a search in full (stage 2); returns the exit code.

    Args:
      folder: of stage 2.
      settings: of stage 2; ``retrained`` has the trials.
      space: the abstract space.
      screen: where progress is shown.
      searched: the folder of the search.
      has_flags: whether the user gave flags for stage 2; otherwise those that it was started with count.

    Raises:
      NasError: stage 2 was started with other trials here, or the folder cannot be read or written.
      StudyError: stage 2 was started with another trainer or other flags, or a study cannot be read or written.
    """
    settings = _keep_training(folder, settings, has_flags=has_flags)
    numbers = ",".join(map(str, settings.retrained))
    screen.say(f"Stage 2 trains {say_count(len(settings.retrained), 'trial')} of the search: {numbers}")
    suffix = "" if folder == searched else f" --train_job_suffix={folder.name}"
    resume = f"pliant nas train --search_job_id={searched.path} --train_nas_trial_numbers={numbers}{suffix}"
    source = Source(searched, settings.retrained)
    settings = dataclasses.replace(
        settings, trials=len(settings.retrained), parallel=settings.train_trials, algorithm="random"
    )
    return _run_stage(Stage(folder, settings, space, screen, resume, name=TRAIN, source=source))


def _keep_training(folder: JobFolder, settings: Settings, *, has_flags: bool) -> Settings:
    """Writes the settings that stage 2 starts with, or checks that these continue it; returns those to use."""
    if not folder.study(TRAIN).exists() or not (folder.path / TRAIN_SETTINGS).is_file():
        folder.save(settings, TRAIN_SETTINGS)
        return settings
    before = folder.load(TRAIN_SETTINGS)
    if not has_flags:
        settings = dataclasses.replace(settings, train_flags=before.train_flags)
    hint = "or train in another folder: --train_job_suffix=NAME."
    if change := describe_change(before, settings, TRAIN):
        raise StudyError(f"stage 2 in {str(folder.path)!r} was started {change}. Give the same value, {hint}")
    if any(old != new for old, new in zip(before.retrained, settings.retrained)):
        raise NasError(
            f"stage 2 in {str(folder.path)!r} trains the trials {listing(before.retrained)}, not "
            f"{listing(settings.retrained)}. Give the same list, {hint}"
        )
    folder.save(settings, TRAIN_SETTINGS)
    return settings


def choose_trials(folder: JobFolder, text: str | None, count: int) -> tuple[int, ...]:
    """Returns the trials of a search to train in full: those listed in ``text``, or the ``count`` best."""
    with folder.open_study(SEARCH) as study:
        if text:
            return _read_numbers(text, study)
        try:
            best = study.best(count)
        except StudyError as error:
            raise NasError(f"{error} Give the trials to train: --train_nas_trial_numbers=1,9.") from error
        if not best:
            raise NasError(
                f"no trial of {folder.name!r} has a reward, so none can be trained. To see why: "
                f"`pliant nas list-trials --job_id={folder.path} --state=all`."
            )
        return tuple(trial.id for trial in best)


def _read_numbers(text: str, study: Study) -> tuple[int, ...]:
    """Returns the listed trials, which must have ended."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts) or len(set(parts)) < len(parts):
        raise NasError(
            f"--train_nas_trial_numbers lists trials of the search, each once, such as '1,9'; got {quote(text)}."
        )
    numbers = tuple(map(int, parts))
    for number in numbers:
        try:
            trial = study.trial(number)
        except PliantError as error:
            raise NasError(f"--train_nas_trial_numbers: {error}") from error
        if trial.ended is None:
            raise NasError(f"--train_nas_trial_numbers: trial {number} has not ended yet.")
    return numbers


def _run_stage(stage: Stage, *, echo: bool = False) -> int:
    """Runs a stage, and shows the best trials and the failures; returns the exit code."""
    ending, screen = stage.run(echo=echo), stage.screen
    more = " --max_failed_nas_trial=N" if ending.how == "failures" else ""
    following = "" if ending.how == "complete" else f" To continue: `{stage.resume}{more}`."
    screen.say(f"{stage.name}: {ending.message}{following}")
    best = list_job(stage.folder, stage.name, "SUCCEEDED", 5)
    failed = sorted(list_job(stage.folder, stage.name, "INFEASIBLE", 0).trials, key=lambda trial: trial.id)
    if best.trials:
        screen.show_table(f"Best trials of {stage.name}", *best.to_table())
        screen.say(f"Folder of the best trial: {stage.folder.trial(stage.name, best.trials[0].id)}")
    if failed:
        last = failed[-1]
        screen.say(f"{len(failed)} trials failed; the last, trial {last.id}: {last.reason}")
        screen.say(f"Its output: {stage.folder.log(stage.name, last.id, last.attempts)}")
    if ending.how == "interrupted":
        return INTERRUPTED
    return DONE if best.trials and ending.how == "complete" else FAILED
