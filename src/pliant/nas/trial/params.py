"""Decisions of a trial: from the flag ``--nas_params_str`` to the program to train, saved in the trial's folder."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from pliant.hyper.template import materialize
from pliant.symbolic.json.documents import to_json_str
from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    LoadError,
    check_file,
    listing,
    quote,
    quote_typed,
)
from pliant.values.text import to_printable

from .status import get_trial_id, write_file

PARAMS_FILE = "nas_params_str.json"
OBJECT_FILE = "serialized_tunable_object.json"
_MAX_BYTES = 1 << 26
_log = logging.getLogger(__name__)


def parse_and_save_nas_params_str(
    search_space: object, nas_params_str: str, model_dir: str | os.PathLike[str] | None = None
) -> Any:
    """Returns the program that this trial trains, and saves its decisions.

    >>> import pliant as pg
    >>> parse_and_save_nas_params_str(pg.Dict(kernel_size=pg.one_of([3, 5])), '{"kernel_size": "1/2 (5)"}')
    {kernel_size=5}

    Args:
      search_space: the program with holes.
      nas_params_str: the value of the flag, or the path of a ``.json`` file with that value.
      model_dir: the folder of the trial, where the decisions are saved as ``nas_params_str.json``; None saves
        nothing.

    Raises:
      FieldTypeError: ``nas_params_str`` is not text.
      FieldValueError: it is empty.
      LoadError: the file cannot be read.
      DecisionError: the decisions belong to another space.
      TrialFileError: the decisions cannot be saved.
    """
    text = _read(nas_params_str)
    _log.info("nas_params_str is %s", to_printable(text))
    program = materialize(search_space, text)
    if model_dir:
        write_file(Path(model_dir, PARAMS_FILE), json.dumps(json.loads(text)))
    return program


def serialize_and_save_tunable_object(tunable_object: object, model_dir: str | os.PathLike[str]) -> str:
    """Returns a program as JSON, and saves it in the folder of the trial as ``serialized_tunable_object.json``.

    >>> import pliant as pg, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(serialize_and_save_tunable_object(pg.Dict(kernel_size=9), folder))
    {
      "kernel_size": 9
    }

    Raises:
      FieldTypeError: a value in the program has no JSON form.
      TrialFileError: the file cannot be written.
    """
    text = to_json_str(tunable_object, json_indent=2, hide_default_values=False)
    _log.info("serialized_tunable_object is %s", text)
    write_file(Path(check_file(model_dir, "model_dir"), OBJECT_FILE), text)
    return text


def get_finetune_nas_params_str(
    retrain_search_job_trials: str, retrain_search_job_dir: str | os.PathLike[str]
) -> str:
    """Returns the path of the decisions of the search trial that this trial of stage 2 trains in full.

    The first trial of stage 2 trains the first listed trial of the search, and so on.

    Args:
      retrain_search_job_trials: the value of that flag: trial numbers, such as ``"1,9"``.
      retrain_search_job_dir: the value of that flag: the folder with one folder for each trial of the search.

    Raises:
      FieldValueError: the list has no number for this trial.
    """
    given: Any = retrain_search_job_trials
    listed = [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else []
    mine = get_trial_id()
    if not all(part.isdecimal() for part in listed) or not 1 <= mine <= len(listed):
        raise FieldValueError(
            f"--retrain_search_job_trials must list a search trial for trial {mine} of stage 2 (CLOUD_ML_TRIAL_ID); "
            f"got {quote(retrain_search_job_trials)}, which has {listing(listed)}. List trial numbers, such as '1,9'."
        )
    return str(Path(retrain_search_job_dir, listed[mine - 1], PARAMS_FILE))


def _read(given: object) -> str:
    if not isinstance(given, str):
        raise FieldTypeError(
            f"nas_params_str must be text, the value of the flag --nas_params_str; got {quote_typed(given)}."
        )
    if not given.strip():
        raise FieldValueError(
            "nas_params_str is empty: the trainer was started without --nas_params_str, which the search passes. To "
            """start it by hand, add --nas_params_str='{"kernel_size": "1/4 (5)"}' or the path of a trial's """
            "nas_params_str.json."
        )
    if not given.endswith(".json"):
        return given
    try:
        with open(given, encoding="utf-8") as file:
            return file.read(_MAX_BYTES)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise LoadError(
            f"the file {quote(given, 200)}, named by nas_params_str, cannot be read: {why}."
        ) from error
