"""Deprecated name of ``pliant.open_ended``; importing it warns.  The function ``pg.evolve`` is not deprecated.

Importing this module replaces the function in the attribute ``pliant.evolve`` with this module, as every import of a
submodule does.  The module is therefore callable: ``pg.evolve(...)`` works before and after that import.
"""

from __future__ import annotations

import sys
import warnings
from types import ModuleType

from pliant.open_ended import *  # noqa: F403 - all names of the package, under its old path
from pliant.open_ended import __all__ as __all__
from pliant.open_ended import evolve


class _CallableModule(ModuleType):
    """A module that is called as the function ``pliant.open_ended.evolve``."""

    __call__ = staticmethod(evolve)


sys.modules[__name__].__class__ = _CallableModule
warnings.warn(
    "The module pliant.evolve is now pliant.open_ended: import that instead.",
    DeprecationWarning,
    stacklevel=2,
)
