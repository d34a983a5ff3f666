"""See ``pliant.pyglove.views``."""

from __future__ import annotations

from typing import Any

from .. import refuse


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    refuse(name)
