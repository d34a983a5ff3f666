"""PyGlove's names with PyGlove's meanings, so that programs written for the PyGlove package run on Pliant.

``from pliant import pyglove as pg`` in place of ``import pyglove as pg``; or ``pliant.pyglove.install()`` before an unchanged
``import pyglove as pg``.  The modules have the paths that they have in PyGlove, without ``core`` and ``ext``.  ``import pliant``
does not import this package.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from .modules import install, uninstall

_FOLDERS = (
    "values", "typing", "views", "detouring", "symbolic", "patching", "geno", "hyper", "tuning",
    "evolution", "scalars", "early_stopping", "mutfun",
)  # fmt: skip

__all__ = ["install", "uninstall"]
__version__ = "0.4.5"  # the release of PyGlove whose names these are, for programs that ask


def _collect() -> None:
    """Offers what PyGlove offers at its root: the names of the folders whose ``ROOT_NAMES`` say so, and the folders."""
    for folder in _FOLDERS:
        module: ModuleType = import_module(f"{__name__}.{folder}")
        names: dict[str, Any] = getattr(module, "ROOT_NAMES", {})
        globals().update(names)
        __all__.extend(names)
    __all__.extend(folder for folder in _FOLDERS if folder != "values")
    globals().update(utils=globals()["values"], object_utils=globals()["values"])
    globals().update(generators=import_module(f"{__name__}.generators"))
    __all__.append("generators")


_collect()
