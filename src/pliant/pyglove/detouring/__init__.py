"""Redirected creation of objects, with PyGlove's names."""

from __future__ import annotations

from typing import Any

from .class_detour import current_mappings, detour, undetoured_new

__all__ = ["current_mappings", "detour", "undetoured_new"]

ROOT_NAMES: dict[str, Any] = {"detour": detour}
