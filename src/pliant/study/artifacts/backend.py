"""Abstract ``Backend``: stores content by its checksum, and small entries by key.  ``local`` and ``remote`` implement it.

Keys are made by this package from numbers and checksums only; no name from a trial is part of one.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import BinaryIO, NamedTuple

CHUNK = 1 << 20  # bytes that are copied at once
Source = bytes | Path


class Blob(NamedTuple):
    """Stored content: its key, its size in bytes and its SHA-256."""

    key: str
    size: int
    sha256: str


class Backend(ABC):
    """Where artifacts are stored.

    Attributes:
      place: the folder or URL, for messages.
    """

    place: str

    @abstractmethod
    def put(self, source: Source, suffix: str) -> Blob:
        """Stores content under its checksum, completely or not at all.

        Raises:
          OSError: it cannot be read or written.
        """

    @abstractmethod
    def write(self, key: str, data: bytes) -> None:
        """Stores an entry, completely or not at all; replaces an earlier one."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """Returns an entry; raises FileNotFoundError without one."""

    @abstractmethod
    def find(self, prefix: str) -> list[str]:
        """Returns the keys below a prefix, in order; empty if there is nothing."""

    @abstractmethod
    def has(self, key: str) -> bool:
        """Returns whether something is stored under a key."""

    @abstractmethod
    def move(self, key: str, to: str) -> None:
        """Moves content to another key; does nothing if it is not there."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Removes content or an entry; does nothing if it is not there."""

    @abstractmethod
    def fetch(self, key: str) -> Path:
        """Returns a local file with the content; raises FileNotFoundError without any.  It must not be changed."""

    @abstractmethod
    def clean(self, seconds: float) -> None:
        """Removes what interrupted processes left unfinished, and is older than ``seconds``."""


def blob_key(sha256: str, suffix: str) -> str:
    """Returns the key of content from its checksum."""
    return f"blobs/{sha256[:2]}/{sha256}{suffix}"


def copy_hashed(source: Source, target: BinaryIO | None = None) -> tuple[int, str]:
    """Copies content to an open file, if given; returns its size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    if isinstance(source, bytes):
        if target is not None:
            target.write(source)
        return len(source), hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
            size += len(data)
            if target is not None:
                target.write(data)
    return size, digest.hexdigest()
