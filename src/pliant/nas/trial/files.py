"""Files that are there as a whole or not at all, whenever their writer ends.  Reads none."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from pliant.values.errors import PliantError


class TrialFileError(PliantError, OSError):
    """A file of a trial that cannot be read or written."""


def write_atomic(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file, its folder made, by renaming: a reader sees the old text or the new one, never half of it.

    Raises:
      TrialFileError: it cannot be written.
    """
    file = Path(path)
    temporary = ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, file)
    except OSError as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        raise TrialFileError(f"{str(file)!r} cannot be written: {error.strerror or error}.") from error
