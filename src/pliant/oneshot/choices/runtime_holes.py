"""Holes that running code makes, where they decide nothing: found in what constructors made, and in what errors say.

A hole is a decision only in the arguments of a symbolized class, where it is seen before anything runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from torch import nn

from pliant.hyper.hole import DerivedHole, Floatv, Hole, Intv, ManyOf, OneOf
from pliant.symbolic.tree.node import Node
from pliant.symbolic.tree.realize import hole_paths
from pliant.values.errors import IncompleteError, SpaceError

_NAMES = re.compile(
    r"\b(" + "|".join(c.__name__ for c in (OneOf, ManyOf, Floatv, Intv, DerivedHole)) + r")\b"
)

_LESSON = (
    "A hole that code makes while it runs decides nothing: it belongs into the arguments of a symbolized class, as in "
    "`Block = pg.symbolize(Block)` and `Block(pg.oneof([2, 3]))`, whose code then gets a value, or a module."
)


def check_no_holes(module: nn.Module, path: str) -> None:
    """Checks that no hole was made by the constructors of a module.

    Args:
      module: what was made.
      path: where it stands.

    Raises:
      SpaceError: one was.
    """
    for name, owner, value in _find(module):
        where = ".".join(part for part in (path, name) if part)
        what = f"a {type(value).__name__}" + ("" if isinstance(value, Hole) else " with holes")
        raise SpaceError(
            f"the constructor of the {type(owner).__name__} made {what}, at {where!r}. {_LESSON}"
        )


def explain_runtime_hole(error: Exception, path: str = "") -> SpaceError | None:
    """Returns the lesson for an error that a hole caused which running code met; None for any other error.

    Args:
      error: what was raised.
      path: where the code stands.
    """
    if isinstance(error, SpaceError):
        return None
    if (isinstance(error, IncompleteError) and "undecided" in str(error)) or (
        isinstance(error, (TypeError, ValueError, AttributeError)) and _NAMES.search(str(error))
    ):
        return SpaceError(
            f"code that runs{f' at {path!r}' if path else ''} has met a hole: {error}. {_LESSON}"
        )
    return None


def _find(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module, Node]]:
    """Yields the holes in a module that was made, and in those below it: where, in which module, and what has them."""
    for name, value in [*module.__dict__.items(), *module._modules.items()]:
        below = f"{path}.{name}" if path else name
        if isinstance(value, Node) and not name.startswith("_") and hole_paths(value):
            yield below, module, value
        elif isinstance(value, nn.Module) and name in module._modules:
            yield from _find(value, below)
