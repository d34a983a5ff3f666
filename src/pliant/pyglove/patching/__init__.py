"""Patches of symbolic values by pattern and by rule, with PyGlove's names."""

from __future__ import annotations

from typing import Any

from .object_factory import ObjectFactory, from_maybe_serialized
from .pattern_based import patch_on_key, patch_on_member, patch_on_path, patch_on_type, patch_on_value
from .rule_based import (
    Patcher,
    allow_repeated_patcher_registration,
    from_uri,
    patch,
    patcher,
    patcher_names,
)

__all__ = [
    "ObjectFactory",
    "Patcher",
    "allow_repeated_patcher_registration",
    "from_maybe_serialized",
    "from_uri",
    "patch",
    "patch_on_key",
    "patch_on_member",
    "patch_on_path",
    "patch_on_type",
    "patch_on_value",
    "patcher",
    "patcher_names",
]

ROOT_NAMES: dict[str, Any] = {
    "patch": patch,
    "patcher": patcher,
    "patch_on_key": patch_on_key,
    "patch_on_path": patch_on_path,
    "patch_on_value": patch_on_value,
    "patch_on_type": patch_on_type,
    "patch_on_member": patch_on_member,
    "ObjectFactory": ObjectFactory,
}
