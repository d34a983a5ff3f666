"""The error of the NAS client: an option, a file or a folder that cannot be used."""

from __future__ import annotations

from pliant.values.errors import PliantError


class NasError(PliantError, ValueError):
    """An option, a search space, a trainer or a job folder that cannot be used."""
