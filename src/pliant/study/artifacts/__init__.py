"""Files that trials save: where they are stored, which are kept, and folders in which a trial goes on after a crash.

An artifact store is independent of the study's database, so that workers on other machines write it directly.
"""

from __future__ import annotations

from .keep import Keep
from .shelf import Artifacts

__all__ = ["Artifacts", "Keep"]
