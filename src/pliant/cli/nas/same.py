"""Whether a command goes on with what its folder began: the same search, the same training.  Runs nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from pliant.values.errors import StudyError

from .folder import TRAIN, TRAIN_SETTINGS, JobFolder
from .settings import Settings, Trainer


def check_search(before: Settings, now: Settings, folder: JobFolder) -> None:
    """Checks that a command goes on with the search that its folder has.

    Raises:
      StudyError: what is searched, trained or rewarded would be another thing than before.
    """
    different = _find_different(
        [
            ("algorithm", before.algorithm, now.algorithm),
            ("seed", before.seed, now.seed),
            ("minimize", before.minimize, now.minimize),
            ("nas_target_reward_metric", before.rules.metric, now.rules.metric),
            ("target_latency", before.rules.target_latency, now.rules.target_latency),
            ("latency_metric", before.rules.latency_metric, now.rules.latency_metric),
            ("latency_limit", before.rules.latency_limit, now.rules.latency_limit),
            ("constraint", list(before.rules.constraints), list(now.rules.constraints)),
            *_list_trainer(before.trainer, now.trainer),
            ("search_docker_flags", _say_flags(before.search_flags), _say_flags(now.search_flags)),
        ]
    )
    if different:
        raise StudyError(
            f"the job in {str(folder.path)!r} was begun {different}: one ranking of both would compare what is not alike. Give "
            "the same, or another --local_output_dir; --force_new_space puts what was done aside, and starts anew."
        )


def keep_training(folder: JobFolder, settings: Settings, *, is_given: bool = True) -> Settings:
    """Returns the settings that stage 2 in a folder goes on with; those that it begins with are written there.

    Args:
      folder: of stage 2.
      settings: as they are now.
      is_given: whether the flags of stage 2 were typed now; those that it began with are taken where they were not.

    Raises:
      StudyError: stage 2 began here with another trainer, or other flags of it.
      NasError: the folder cannot be written or read.
    """
    if not folder.study(TRAIN).exists() or not (folder.path / TRAIN_SETTINGS).is_file():
        folder.save(settings, TRAIN_SETTINGS)
        return settings
    before = folder.load(TRAIN_SETTINGS)
    if not is_given:
        settings = dataclasses.replace(settings, train_flags=before.train_flags)
    different = _find_different(
        [
            *_list_trainer(before.trainer, settings.trainer),
            ("train_docker_flags", _say_flags(choose_flags(before)), _say_flags(choose_flags(settings))),
        ]
    )
    if different:
        raise StudyError(
            f"stage 2 in {str(folder.path)!r} was begun {different}. Give the same, or train in a place of its own: "
            "--train_job_suffix=NAME."
        )
    return settings


def choose_flags(settings: Settings) -> Mapping[str, str]:
    """Returns the flags of the trainer in stage 2: its own, or else those of the search."""
    return settings.search_flags if settings.train_flags is None else settings.train_flags


def _list_trainer(before: Trainer, now: Trainer) -> list[tuple[str, Any, Any]]:
    return [
        ("local_binary", before.binary, now.binary),
        ("trainer_docker_id", before.image, now.image),
        ("local_data_dir", before.data, now.data),
    ]


def _say_flags(flags: Mapping[str, str]) -> str | None:
    """Returns flags as they are typed, in one order; None for none."""
    return " ".join(f"{name}={value}" for name, value in sorted(flags.items())) or None


def _find_different(pairs: Iterable[tuple[str, Any, Any]]) -> str:
    """Returns the first that was given otherwise before, as text; nothing without one."""
    for name, old, new in pairs:
        if old != new:
            old_text, new_text = ("nothing" if one is None else str(one) for one in (old, new))
            space = " " if name.endswith("_flags") else "="
            began = f"without --{name}" if old is None else f"with --{name}{space}{old_text}"
            return f"{began}, and now it is {new_text}"
    return ""
