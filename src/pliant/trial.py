"""Deprecated name of ``pliant.nas.trial``; importing it warns."""

from __future__ import annotations

import warnings

from pliant.nas.trial import *  # noqa: F403 - all names of the module, under its old path
from pliant.nas.trial import __all__ as __all__

warnings.warn("pliant.trial is now pliant.nas.trial: import that instead.", DeprecationWarning, stacklevel=2)
