"""``base_init``: marks the ``__init__`` of a base class, for which subclasses get one with the signature of their fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def base_init(function: Callable[..., None]) -> Any:
    """Marks an ``__init__`` (a decorator)."""
    marked: Any = function
    marked._is_base_init = True
    return marked
