"""From a symbolic ``InputChoice`` with a hole at ``chosen`` to an input choice; a part of the rewrite.

Its decisions keep the paths that they have in the program, and so an algorithm sees picks among inputs, not a module in
several sizes.
"""

from __future__ import annotations

from typing import Any

from pliant.hyper.hole import ManyOf, OneOf
from pliant.symbolic.tree.node import children
from pliant.values.errors import SpaceError

from ..choices.choice import InputChoice


def find_input_hole(value: Any) -> OneOf | ManyOf | None:
    """Returns the hole at ``chosen`` of a symbolic ``InputChoice``; None where it is no pick among places."""
    hole = dict(children(value) or ()).get("chosen") if isinstance(value, InputChoice) else None
    if not isinstance(hole, (OneOf, ManyOf)):
        return None
    return hole if all(candidate.__class__ is int for candidate in hole.candidates) else None


def open_inputs(value: Any, hole: OneOf | ManyOf, key: str) -> InputChoice:
    """Returns the choice among the candidates of ``hole``, decided under ``key``.

    Raises:
      SpaceError: an input may be picked twice.
    """
    picks, distinct = (hole.num_choices, hole.distinct) if isinstance(hole, ManyOf) else (1, True)
    sources = tuple(hole.candidates)
    if list(sources) != sorted(set(sources)) or not (distinct or picks == 1):
        raise SpaceError(
            f"the InputChoice at {key!r} may pick an input twice, or its places {list(sources)} do not rise; a mask of inputs says "
            "neither. Use distinct=True and rising places; inputs are joined in their own order."
        )
    fields: dict[str, Any] = {str(name): field for name, field in children(value) or ()}
    fields.update(chosen=sources, key=key)
    choice = InputChoice(**fields)
    choice.choose_among(sources, picks)
    return choice
