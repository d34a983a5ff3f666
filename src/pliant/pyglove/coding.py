"""PyGlove's ``coding`` (running code from text) is not part of Pliant; its names raise an error that says so."""

from __future__ import annotations

from typing import NoReturn


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(
        f"pyglove.coding.{name}: running code from text is not part of Pliant. Use the PyGlove package for it."
    )
