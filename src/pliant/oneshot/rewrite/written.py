"""Holes for choices that are written into a network by hand: a network may have both, and both become one space.

A ``LayerChoice`` becomes a hole over modules, an ``InputChoice`` one over indices, and a ``ValueChoice`` one over values, each
with the key of the choice as its name.  Choices that a constructor makes are not converted, because no program has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from pliant.hyper.functions import manyof, oneof
from pliant.symbolic.objects.symbolize import symbolize
from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.node import Node, children
from pliant.values.errors import SpaceError

from ..choices.choice import InputChoice, LayerChoice, ValueChoice
from ..choices.mutable import Mutable
from .concrete import FixedValue


def is_written(value: object) -> bool:
    """Returns whether a value is a choice that is written by hand and not decided."""
    return isinstance(value, Mutable) and not isinstance(value, Node) and value.is_open


def has_written(value: object) -> bool:
    """Returns whether a module or a program has such a choice in it; runs no constructor."""
    if is_written(value):
        return True
    if isinstance(value, Ref):
        return False
    if isinstance(value, nn.Module) and not isinstance(value, Node):
        return any(map(has_written, value._modules.values()))
    return any(has_written(child) for _, child in children(value) or ())


def to_hole(choice: Mutable, open_module: Callable[[nn.Module], Any]) -> Any:
    """Returns the hole, or the module with a hole, that stands for a choice.

    >>> hole = to_hole(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"), lambda module: module)
    >>> hole.name, len(hole.candidates)
    ('act', 2)

    Args:
      choice: stays as it is.
      open_module: a function from a candidate to a program, for candidates that have holes or choices in them.

    Raises:
      SpaceError: it joins several candidates, returns a mask, or selects any number of inputs, which a hole cannot do.
    """
    name = choice.key or None
    if isinstance(choice, LayerChoice) and choice.reduction == "sum" and not choice.return_mask:
        return oneof([open_module(module) for module in choice], name=name)
    if isinstance(choice, ValueChoice):
        return symbolize(FixedValue)(oneof(list(choice.values), name=name))
    if isinstance(choice, InputChoice) and choice.n_chosen is not None:
        count = range(len(choice))
        chosen = (
            oneof(list(count), name=name)
            if choice.n_chosen == 1
            else manyof(choice.n_chosen, list(count), sorted=True, name=name)
        )
        names = None if choice.names == tuple(map(str, count)) else list(choice.names)
        return symbolize(InputChoice)(
            len(choice),
            None,
            choice.reduction,
            choose_from=names,
            chosen=chosen,
            return_mask=choice.return_mask,
        )
    raise SpaceError(
        f"the {type(choice).__name__} {choice.key!r} is in a network with holes, and selects or joins several candidates, or returns "
        "a mask. Write all decisions of this network as choices, without holes (a ValueChoice for a number), or let this one "
        "select one candidate without a mask."
    )
