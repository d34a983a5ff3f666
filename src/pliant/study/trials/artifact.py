"""``Artifact``: a file that a trial saved, as frozen data; and the checks of artifact names.  Reads and writes no file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pliant.values.errors import FeedbackError, FieldTypeError, FieldValueError, quote, quote_typed, suggest

MAX_NAME, MAX_PARTS = 200, 8
_FORBIDDEN = set('\\:*?"<>|')
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a trial saved under a name.

    Attributes:
      name: as the trial gave it, such as ``weights.pt`` or ``plots/loss.png``.
      size: in bytes.
      sha256: the checksum of the content, in hexadecimal digits.
      trial: the id of the trial.
      attempt: the attempt of the trial that saved it, from 1.
      saved: when, in ISO 8601, UTC.
    """

    name: str
    size: int
    sha256: str
    trial: int
    attempt: int
    saved: str


class Files(Protocol):
    """Reads the artifacts of trials; implemented by ``pliant.study.artifacts.Artifacts``."""

    def of(self, trial_id: int, attempts: int | None = None) -> Mapping[str, Artifact]:
        """Returns the artifacts of a trial by name."""

    def path(self, artifact: Artifact) -> Path:
        """Returns a local file with the content of an artifact."""


def check_artifact_name(name: object) -> str:
    """Returns the name of an artifact: one or more parts of printable characters, separated by ``/``.

    A name is never used as a path where artifacts are stored; it becomes one below a folder that a user names to copy
    artifacts to.

    >>> check_artifact_name("plots/loss.png")
    'plots/loss.png'

    Raises:
      FieldTypeError: it is not a text.
      FieldValueError: it is empty or too long, or could lead out of a folder, such as ``../weights.pt``.
    """
    if not isinstance(name, str):
        raise FieldTypeError(
            f"the name of an artifact is text such as 'weights.pt'; got {quote_typed(name)}."
        )
    parts = name.split("/")
    is_fine = (
        0 < len(name) <= MAX_NAME
        and len(name.encode("utf-8", "replace")) <= MAX_NAME
        and len(parts) <= MAX_PARTS
        and name.isprintable()
        and not _FORBIDDEN & set(name)
        and all(part.strip(" ") == part and part.strip(".") and not part.endswith(".") for part in parts)
    )
    if not is_fine:
        raise FieldValueError(
            f"{quote(name)} cannot be the name of an artifact. A name is a relative path such as 'weights.pt' or 'plots/loss.png': at "
            f"most {MAX_NAME} bytes and {MAX_PARTS} parts, printable, without '..', backslash, and : * ? \" < > |."
        )
    return name


def suffix_of(name: str) -> str:
    """Returns the ending of a name where it is plain, such as ``.pt``; else nothing."""
    end = Path(name.rpartition("/")[2]).suffix
    return end if _SUFFIX.fullmatch(end) else ""


def entry_of(name: str) -> str:
    """Returns the file name under which the entry of an artifact is stored: it contains nothing of the name itself."""
    return hashlib.sha256(name.encode()).hexdigest()[:32] + ".json"


def artifact_to_json(artifact: Artifact) -> dict[str, Any]:
    """Returns what the entry of an artifact contains."""
    return {key: getattr(artifact, key) for key in ("name", "size", "sha256", "saved")}


def artifact_from_json(data: Any, trial_id: int, attempt: int) -> Artifact:
    """Returns the artifact of an entry; raises ValueError for an entry that Pliant did not write."""
    if not isinstance(data, dict) or data.keys() != {"name", "size", "sha256", "saved"}:
        raise ValueError("it is not an entry")
    name, size, sha256, saved = data["name"], data["size"], data["sha256"], data["saved"]
    if not (isinstance(sha256, str) and _DIGEST.fullmatch(sha256)):
        raise ValueError("its checksum is not a SHA-256")
    if size.__class__ is not int or size < 0 or not isinstance(saved, str) or not saved.isprintable():
        raise ValueError("its size or time is wrong")
    try:
        check_artifact_name(name)
    except (FieldTypeError, FieldValueError) as error:
        raise ValueError(str(error)) from error
    return Artifact(name, size, sha256, trial_id, attempt, saved[:40])


def find_artifact(trial_id: int, name: object, known: Mapping[str, Artifact]) -> Artifact:
    """Returns the artifact of a name.

    Raises:
      FeedbackError: the trial has none of this name; the message lists those that it has.
    """
    text = check_artifact_name(name)
    if text in known:
        return known[text]
    has = f"it has {', '.join(map(quote, list(known)[:12]))}" if known else "it has none"
    raise FeedbackError(
        f"trial {trial_id} has no artifact {quote(text)}; {has}{suggest(text, known) or '.'} A trial saves one by "
        "feedback.save(name, path). Those of other trials may have been removed, as `keep` of the search says."
    )
