"""Finds the parameters of a module, real or with unrealized parts; a parameter that several layers share counts once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from pliant.symbolic.tree.realize import is_twin

from .keys import UNINITIALIZED

Found = dict[int, "tuple[int, Any]"]
"""By ``id`` of a parameter, or of an unrealized part: how many numbers it has, and the object itself."""


def find_parameters(
    module: Any,
    count_unrealized: Callable[[Any], int] | None = None,
    known: Mapping[int, tuple[Any, Found]] | None = None,
) -> Found:
    """Returns the parameters in a module; those of lazy layers that had no input have the size 0.

    Args:
      module: a module, or None.
      count_unrealized: from an unrealized part to how many parameters it has; needed where there are such parts.
      known: by ``id``, modules in it with what was found in them.
    """
    found: Found = {}
    met: set[int] = set()
    pending: list[Any] = [module]
    twins: dict[type, bool] = {}
    known = {} if known is None else known
    while pending:
        part = pending.pop()
        number = id(part)
        if part is None or number in met:
            continue
        met.add(number)
        if number in known:
            found.update(known[number][1])
            continue
        cls = type(part)
        if cls not in twins:
            twins[cls] = is_twin(cls)
        if twins[cls]:
            assert count_unrealized is not None
            found[number] = count_unrealized(part), part
            continue
        state = part.__dict__
        if "_parameters" not in state:  # a scripted or traced module
            state = {"_parameters": dict(part.named_parameters()), "_modules": {}}
        for weight in state["_parameters"].values():
            if weight is not None and id(weight) not in found:
                is_lazy = weight.__class__ in UNINITIALIZED
                found[id(weight)] = (0 if is_lazy else weight.numel()), weight
        if state["_modules"]:
            pending += state["_modules"].values()
    return found


def count_parameters(module: nn.Module) -> int | None:
    """Returns the number of parameters of a real module; None if lazy layers in it had no input yet."""
    found = find_parameters(module).values()
    is_lazy = any(weight.__class__ in UNINITIALIZED for _, weight in found)
    return None if is_lazy else sum(size for size, _ in found)
