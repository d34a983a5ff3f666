"""Where values are in a tree: ``KeyPath``, ``KeyPathSet``, ``StrKey``, ``message_on_path`` (PyGlove's module)."""

from __future__ import annotations

from .key_path import KeyPath, StrKey, message_on_path
from .key_path_set import KeyPathSet

__all__ = ["KeyPath", "KeyPathSet", "StrKey", "message_on_path"]
