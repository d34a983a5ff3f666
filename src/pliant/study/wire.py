"""What processes that share a study say to each other: lines of JSON, and where they meet.  Opens no study.

A study that is served has a socket in a folder that only its user may enter; its name follows from the study's place, so
that whoever knows the study finds it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

from pliant.space import Decisions, Space
from pliant.values import errors
from pliant.values.errors import PliantError, StaleError, StudyError

from .store.location import Place, to_location
from .trials.trial import Trial

MAX_LINE = 1 << 20  # bytes of one message
ERRORS = (
    "FeedbackError",
    "FieldTypeError",
    "FieldValueError",
    "RewardError",
    "StaleError",
    "StudyError",
)


def address_of(place: Place) -> str:
    """Returns the path of the socket of a study, whether it is served or not.

    Raises:
      StudyError: the folder of sockets is somebody else's.
    """
    location = to_location(place)
    text = str(location.resolve()) if isinstance(location, Path) else str(location)
    folder = Path(tempfile.gettempdir(), f"pliant-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        if not isinstance(error, FileExistsError):
            raise StudyError(
                f"{str(folder)!r}, where the sockets of studies are, cannot be made: {error.strerror}. Set TMPDIR to a "
                "folder of your own."
            ) from error
    found = folder.lstat()
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077 or not stat.S_ISDIR(found.st_mode):
        raise StudyError(
            f"{str(folder)!r} is not a folder that only you may enter, so no study is served there. "
            "Remove it, or set TMPDIR to a folder of your own."
        )
    return str(folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.sock")


def trial_to_json(trial: Trial) -> dict[str, Any]:
    """Returns what a worker needs to know of a trial."""
    return {
        "id": trial.id,
        "decisions": list(trial.decisions.values),
        "status": trial.status,
        "reward": trial.reward,
        "rewards": trial.rewards,
        "reason": trial.reason,
        "attempts": trial.attempts,
        "started": trial.started,
        "ended": trial.ended,
        "seconds": trial.seconds,
        "parent": None if trial.parent is None else list(trial.parent.values),
        "worker": trial.worker,
        "origin": trial.origin,
        "metrics": dict(trial.metrics),
    }


def trial_from_json(space: Space, data: dict[str, Any]) -> Trial:
    """Returns the trial that ``trial_to_json`` wrote."""
    parent, rewards = data["parent"], data["rewards"]
    return Trial(
        **{
            **data,
            "decisions": Decisions.from_json(space, data["decisions"]),
            "parent": None if parent is None else Decisions.from_json(space, parent),
            "rewards": None if rewards is None else tuple(rewards),
        }
    )


def error_to_json(error: Exception) -> dict[str, Any]:
    """Returns an error as JSON; one that is not expected as a ``StudyError``."""
    name = type(error).__name__
    text = (
        str(error) if isinstance(error, PliantError) else f"the server of the study failed: {name}: {error}"
    )
    return {"error": name if name in ERRORS else "StudyError", "text": text}


def error_from_json(data: dict[str, Any], trial_id: int) -> PliantError:
    """Returns the error that ``error_to_json`` wrote."""
    if data["error"] == "StaleError":
        return StaleError(str(data["text"]), trial_id)
    kind = getattr(errors, data["error"]) if data["error"] in ERRORS else StudyError
    found: PliantError = kind(str(data["text"]))
    return found
