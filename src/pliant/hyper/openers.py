"""Openers: functions that turn ordinary objects with holes in them into programs, registered by class.

A class is registered by its name, and its opener by the name of the module that has it, so that neither is imported before
such an object occurs.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pliant.symbolic.tree.node import ATOMS, Node

_openers: dict[str, tuple[str, str]] = {}


def add_opener(cls: str, module: str, function: str) -> None:
    """Registers the opener of a class and its subclasses.

    Args:
      cls: the full name of the class, such as ``torch.nn.modules.module.Module``.
      module: the module with the function.
      function: takes an object, and returns a program with holes, or None if the object has no holes.
    """
    _openers[cls] = module, function


def open_program(value: Any) -> Any:
    """Returns the program of an object with holes in it; programs and other values unchanged.

    >>> open_program({"a": 1})
    {'a': 1}
    """
    if value.__class__ in ATOMS or isinstance(value, (Node, dict, list, tuple, type)):
        return value
    for cls in type(value).__mro__:
        found = _openers.get(f"{cls.__module__}.{cls.__qualname__}")
        if found is not None:
            opened = getattr(import_module(found[0]), found[1])(value)
            return value if opened is None else opened
    return value
