"""A training under way, in one file: written whole or not at all, and read without running anything in it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from pliant.space import Space
from pliant.values.errors import LoadError, SpaceChangedError
from pliant.values.files import write_atomically

VERSION = 2


def write_checkpoint(path: Path, state: dict[str, Any], space: Space) -> None:
    """Writes a state: tensors, numbers, text, lists and dicts.

    Raises:
      LoadError: the file cannot be written; the one before it is kept.
    """
    whole = {"version": VERSION, "space": space.to_json(), "fingerprint": space.fingerprint, "state": state}
    try:
        write_atomically(path, lambda file: torch.save(whole, file))
    except OSError as error:
        raise LoadError(
            f"the checkpoint {str(path)!r} cannot be written: {error}. Training can go on; the last one is kept. "
            "Give a folder that exists and has room."
        ) from error


def read_checkpoint(path: Path, space: Space) -> dict[str, Any]:
    """Returns the state in a checkpoint of a search in ``space``.

    Raises:
      LoadError: the file is no checkpoint, or damaged, or of another version.
      SpaceChangedError: it is of another space; the message shows the difference.
    """
    try:
        whole = torch.load(path, map_location="cpu", weights_only=True)
        version, fingerprint = whole["version"], whole["fingerprint"]
    except (
        OSError,
        RuntimeError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        raise LoadError(
            f"{str(path)!r} is no checkpoint of a super-network's training, or is damaged: {str(error)[:200]}. "
            "Name the file that `checkpoint=` wrote, or delete it to start anew."
        ) from error
    if version != VERSION:
        raise LoadError(
            f"the checkpoint {str(path)!r} has version {version}, this is version {VERSION}. Go on with the version that wrote it, "
            "or delete it to start anew."
        )
    if fingerprint != space.fingerprint:
        lines = Space.from_json(whole["space"]).diff(space)[:20]
        raise SpaceChangedError(
            f"the checkpoint {str(path)!r} is of another space than the one that is searched. What changed since:\n"
            + "\n".join(lines)
            + "\nGo on with the space that it is of, or delete it to start anew."
        )
    return whole["state"]  # type: ignore[no-any-return]  # what write_checkpoint was given
