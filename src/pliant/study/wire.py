"""Protocol between processes that share a study: lines of JSON over a Unix socket.  Opens no study.

The socket of a served study is in a folder that only its user may enter.  Its name follows from the location of the study.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

from pliant.space import Decisions, Space
from pliant.values import errors
from pliant.values.errors import PliantError, StaleError, StudyError
from pliant.values.files import make_own_folder

from .store.location import Place, to_location
from .trials.trial import Trial

MAX_LINE = 1 << 20  # bytes of one message
ERRORS = ("FeedbackError", "FieldTypeError", "FieldValueError", "RewardError", "StaleError", "StudyError")


def address_of(place: Place) -> str:
    """Returns the path of the socket of a study, which need not exist.

    Raises:
      StudyError: the folder of sockets cannot be made, or belongs to another user.
    """
    location = to_location(place)
    text = str(location.resolve()) if isinstance(location, Path) else str(location)
    folder = Path(tempfile.gettempdir(), f"pliant-{os.getuid()}")
    try:
        make_own_folder(folder, forbidden=0o077)
    except PermissionError as error:
        raise StudyError(f"no study is served: {error.strerror}.") from error
    except OSError as error:
        raise StudyError(
            f"the folder of sockets {str(folder)!r} cannot be made: {error.strerror}. Set TMPDIR to a folder that you own."
        ) from error
    return str(folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.sock")


def trial_to_json(trial: Trial) -> dict[str, Any]:
    """Returns a trial as JSON for a worker, without its reports."""
    plain = {
        field.name: getattr(trial, field.name)
        for field in fields(trial)
        if field.name not in ("reports", "files")
    }
    parent = None if trial.parent is None else list(trial.parent.values)
    return plain | {
        "decisions": list(trial.decisions.values),
        "parent": parent,
        "metrics": dict(trial.metrics),
        "space": trial.decisions.space.fingerprint,
    }


def trial_from_json(space: Space, data: dict[str, Any]) -> Trial:
    """Returns the trial that ``trial_to_json`` wrote.

    Raises:
      StudyError: it is of another space: the study was given a new one.
    """
    data = dict(data)
    if data.pop("space", space.fingerprint) != space.fingerprint:
        raise StudyError(
            "the space of the study was changed. Connect again, and make programs of the new space."
        )
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
    """Returns an error as JSON; an unexpected one as a ``StudyError``."""
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
