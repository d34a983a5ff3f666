"""What a user believes about good decisions: densities over single decisions, and beliefs derived from earlier results."""

from __future__ import annotations

from .prior import Given, Prior, Tilt, check_prior, read_prior
from .transfer import Row, derive

__all__ = ["Given", "Prior", "Row", "Tilt", "check_prior", "derive", "read_prior"]
