"""Checkpoint file of a super-network's training: written atomically, with a checksum, read without running code."""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any, Final

import torch

from pliant.space import Space
from pliant.values.errors import LoadError, SpaceChangedError
from pliant.values.files import write_atomically

DAMAGES = (
    OSError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
)
VERSION: Final = 3
MARK: Final = b"pliant-checkpoint "  # then the SHA-256 of the rest in hexadecimal, a line break, and the rest


def write_checkpoint(path: Path, state: dict[str, Any], space: Space) -> None:
    """Writes a state: tensors, numbers, text, lists and dicts.

    Raises:
      LoadError: the file cannot be written; the previous one is unchanged.
    """
    file = io.BytesIO()
    whole = {"version": VERSION, "space": space.to_json(), "fingerprint": space.fingerprint, "state": state}
    torch.save(whole, file)
    digest = hashlib.sha256(file.getbuffer()).hexdigest().encode()
    try:
        write_atomically(path, lambda target: target.writelines([MARK, digest, b"\n", file.getbuffer()]))
    except OSError as error:
        raise LoadError(
            f"the checkpoint {str(path)!r} cannot be written: {error}. The previous checkpoint is unchanged. "
            "Name a file in a folder that exists and has free space."
        ) from error


def read_checkpoint(path: Path, space: Space) -> dict[str, Any]:
    """Returns the state in a checkpoint of a search in ``space``.

    Raises:
      LoadError: the file is not a checkpoint, is damaged, or has another version.
      SpaceChangedError: it is of another space; the message shows the difference.
    """
    try:
        data = path.read_bytes()
        end = len(MARK) + 64
        if data[: len(MARK)] != MARK:
            raise ValueError("it does not start as a checkpoint does")
        content = memoryview(data)[end + 1 :]
        if hashlib.sha256(content).hexdigest().encode() + b"\n" != data[len(MARK) : end + 1]:
            raise ValueError("its checksum does not match its content")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:  # PyTorch compresses nothing
            parts = archive.infolist()
        if sum(part.file_size for part in parts) > len(content):
            raise ValueError("it expands to more than its size")
        whole = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        version, fingerprint = whole["version"], whole["fingerprint"]
    except DAMAGES as error:
        raise LoadError(
            f"{str(path)!r} is not a checkpoint of a super-network's training, or it is damaged: {str(error)[:200]}. "
            "Name the file that `checkpoint=` wrote, restore it from a backup, or delete it to start a new search."
        ) from error
    if version != VERSION:
        raise LoadError(
            f"the checkpoint {str(path)!r} has version {version}; this release reads version {VERSION}. Continue with the "
            "release that wrote it, or delete it to start a new search."
        )
    if fingerprint != space.fingerprint:
        lines = Space.from_json(whole["space"]).diff(space)[:20]
        raise SpaceChangedError(
            f"the checkpoint {str(path)!r} is of another space than this search. What changed since:\n"
            + "\n".join(lines)
            + "\nContinue with the space of the checkpoint, or delete it to start a new search."
        )
    return whole["state"]  # type: ignore[no-any-return]  # what write_checkpoint received
