"""Deprecated name of ``pliant.tune``: ``from pliant.parallel import search`` still works, with a warning."""

from __future__ import annotations

import warnings
from typing import Any


def __getattr__(name: str) -> Any:
    """Returns ``search`` and ``Result`` of ``pliant.tune``."""
    if name not in ("search", "Result"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it is now part of pliant.tune")
    warnings.warn(
        f"pliant.parallel.{name} is now pliant.tune.{name}; import it from there.",
        DeprecationWarning,
        stacklevel=2,
    )
    from pliant import tune

    return getattr(tune, name)
