"""The error of the NAS client: what was typed, or what is on the disk, is not what it should be."""

from __future__ import annotations

from pliant.values.errors import PliantError


class NasError(PliantError, ValueError):
    """A flag, a search space, a trainer or a job folder that cannot be used."""
