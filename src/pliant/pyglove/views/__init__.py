"""PyGlove's HTML views, which this package leaves out: the module can be imported, its names cannot be used."""

from __future__ import annotations

from typing import Any, NoReturn


def refuse(name: str) -> NoReturn:
    """Raises an error that says what is left out.

    Raises:
      AttributeError: always.
    """
    raise AttributeError(
        f"pliant.pyglove has no HTML views (`{name}`). Print `value.format()`, or use `pliant`'s dashboard for studies."
    )


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    refuse(name)
