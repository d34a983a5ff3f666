"""Detects holes created inside constructors or ``forward``, where they decide nothing.

A hole is a decision only in the arguments of a symbolized class: there it is found before any code runs.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from types import FrameType, ModuleType

from torch import nn

from pliant.hyper.functions import floatv, intv, manyof, oneof, permute
from pliant.hyper.hole import Hole
from pliant.symbolic.tree.node import Node
from pliant.symbolic.tree.realize import hole_paths
from pliant.values.errors import IncompleteError, SpaceError

_FACTORIES = (oneof, manyof, permute, floatv, intv)

_ADVICE = (
    "A hole that running code creates decides nothing. Put it into the arguments of a symbolized class: "
    "`Block = pg.symbolize(Block)`, then `Block(pg.oneof([2, 3]))`. The code of the class then gets a value or a module."
)


def check_no_holes(module: nn.Module, path: str) -> None:
    """Checks that the constructors of a module and of the modules in it created no hole.

    Args:
      module: a realized module.
      path: the path of the module, for messages.

    Raises:
      SpaceError: an attribute is a hole, or has one in it.
    """
    for name, owner, value in _find_attributes(module):
        where = ".".join(part for part in (path, name) if part)
        what = f"a {type(value).__name__}" + ("" if isinstance(value, Hole) else " with holes")
        raise SpaceError(
            f"the constructor of the {type(owner).__name__} created {what} at {where!r}. {_ADVICE}"
        )


def explain_runtime_hole(error: BaseException, path: str = "") -> SpaceError | None:
    """Returns an error that names a hole in running code as the cause of another error; None if that has another cause.

    The cause is found in the frames of the traceback: code that failed while it had a hole, or calls what creates one.

    Args:
      error: what the code raised, in the function that catches it.
      path: the path of the module whose code ran.
    """
    if not _is_caused_by_hole(error):
        return None
    return SpaceError(
        f"code that runs{f' at {path!r}' if path else ''} uses a hole as a value: {str(error).rstrip('.')}. {_ADVICE}"
    )


def _is_caused_by_hole(error: BaseException | None) -> bool:
    if isinstance(error, IncompleteError):
        return bool(error.holes)
    if isinstance(error, SpaceError) or not isinstance(error, (TypeError, ValueError, AttributeError)):
        return False
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(map(_uses_hole, frames)) or _is_caused_by_hole(error.__cause__)


def _uses_hole(frame: FrameType) -> bool:
    """Returns whether code outside of Pliant has a hole in a variable, or refers to a function that creates one."""
    if frame.f_globals.get("__name__", "").split(".")[0] == "pliant":
        return False
    names = frame.f_code.co_names
    values = [*frame.f_locals.values(), *(frame.f_globals[name] for name in names if name in frame.f_globals)]
    modules = [value for value in values if isinstance(value, ModuleType)]
    values += [getattr(module, name, None) for module in modules for name in names]
    return any(map(_is_hole, values))


def _is_hole(value: object) -> bool:
    """Returns whether a value is or contains a hole, or creates one when it is called."""
    if isinstance(value, type):
        return issubclass(value, Hole)
    return (isinstance(value, Node) and bool(hole_paths(value))) or any(value is make for make in _FACTORIES)


def _find_attributes(module: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module, Node]]:
    """Yields the attributes of a module and of those below it that have holes: path, owner, value."""
    for name, value in [*module.__dict__.items(), *module._modules.items()]:
        below = f"{path}.{name}" if path else name
        if isinstance(value, Node) and not name.startswith("_") and hole_paths(value):
            yield below, module, value
        elif isinstance(value, nn.Module) and name in module._modules:
            yield from _find_attributes(value, below)
