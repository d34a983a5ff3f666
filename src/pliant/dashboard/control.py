"""What a dashboard may change in a study: a pause, its number of trials, decisions to try next.  All work while a search runs."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

from pliant.study import Study
from pliant.study.limit import limit_trials
from pliant.study.pause import pause_search, resume_search
from pliant.study.store.location import Location
from pliant.values.errors import FieldValueError, listing, quote

ACTIONS: Final = {
    "pause": "The search is paused: no trials are handed out; those that run are finished.",
    "resume": "The search goes on.",
    "stop": "No more trials are proposed; those that run are finished.",
    "limit": "The number of trials was changed.",
    "again": "These decisions are tried next.",
}
"""What was done, by action."""
MAX_BODY: Final = 10_000  # bytes of a form


def read_form(body: bytes) -> dict[str, str]:
    """Returns the fields of a form, the first of each name."""
    found = parse_qs(body.decode("utf-8", "replace"), max_num_fields=50)
    return {name: values[0] for name, values in found.items()}


def change(place: Location, action: str, fields: dict[str, str]) -> None:
    """Changes a study by a connection of its own.

    Args:
      place: the study.
      action: one of ``ACTIONS``: ``pause``, ``resume``, ``stop`` (propose no more trials), ``limit`` (``trials`` in all) or ``again`` (try
        the decisions of ``trial`` again).
      fields: those of the form.

    Raises:
      FieldValueError: the action or a number is wrong.
      PliantError: the study cannot be changed in this way.
    """
    if action not in ACTIONS:
        raise FieldValueError(f"a study can be changed by {listing(ACTIONS)}; got {quote(action)}.")
    with Study.open(place) as study:
        info = study.info()
        proposed = info.proposed
        if action == "pause":
            if info.paused is None:
                pause_search(study)
        elif action == "resume":
            if info.paused is not None:
                resume_search(study)
        elif action == "stop":
            if not proposed:
                raise FieldValueError("the study has no trial yet, so its search cannot be stopped.")
            limit_trials(study, None)
        elif action == "limit":
            count = _to_count(fields, "trials")
            if count < max(proposed, 1):
                raise FieldValueError(
                    f"the study has {proposed} trials already; got {count}. Give a number from {max(proposed, 1)}."
                )
            limit_trials(study, count)
        else:
            trial = study.trial(_to_count(fields, "trial"))
            study.enqueue(trial.decisions, f"again, as trial {trial.id}")


def _to_count(fields: dict[str, str], name: str) -> int:
    text = fields.get(name, "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 11):
        raise FieldValueError(f"{name} is a number such as 200; got {quote(text)}.")
    return int(text)
