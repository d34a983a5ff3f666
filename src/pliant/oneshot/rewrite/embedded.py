"""An ordinary module that contains symbolic parts with holes, as a symbolic program that ``supernet`` rewrites.

Only the modules on the way to the holes become nodes, named as the modules are; what stands beside them is copied as it
is.  Programs of whole networks, whose every layer can be changed, are made by ``opened``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.node import Node
from pliant.symbolic.tree.realize import hole_paths
from pliant.values.errors import FieldValueError

from .foreign import name_children, node_class


def open_holes(network: nn.Module) -> Any:
    """Returns a program that makes copies of an ordinary module with what its holes become; None if it has none, or is symbolic itself.

    A hole may stand in the arguments of a symbolic module in it, or at an attribute of a module: ``self.act =
    pg.oneof([ReLU(), Tanh()])``.

    Raises:
      FieldValueError: a module or weight of it stands at two places.
    """
    if isinstance(network, Node) or not _has_holes(network):
        return None
    _refuse_shared(network)
    return _enclose(network)


def _enclose(module: nn.Module) -> Any:
    if isinstance(module, Node) or not _has_holes(module):
        return module
    children = {name: _enclose(child) for name, child in module._modules.items() if child is not None}
    fields = {**name_children(children), **dict(_open_attributes(module))}
    return node_class(type(module), None, tuple(fields))(opened=Ref(module), **fields)


def _has_holes(module: nn.Module) -> bool:
    if isinstance(module, Node):
        return bool(hole_paths(module))
    below = (child for child in module._modules.values() if child is not None)
    return next(_open_attributes(module), None) is not None or any(map(_has_holes, below))


def _open_attributes(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yields what stands at attributes of a module, beside its children, and has holes."""
    for name, value in module.__dict__.items():
        if isinstance(value, Node) and hole_paths(value):
            yield name, value


def _refuse_shared(network: nn.Module) -> None:
    """Checks that each module and each weight outside of the symbolic parts has one place."""
    seen: dict[int, str] = {}

    def walk(module: nn.Module, path: str) -> None:
        parts: list[tuple[str, str, Any]] = [("module", path, module)]
        if not isinstance(module, Node):
            weights = module._parameters.items()
            parts += [
                ("weight", f"{path}.{name}".lstrip("."), part) for name, part in weights if part is not None
            ]
        for kind, place, part in parts:
            first = seen.setdefault(id(part), place)
            if first != place:
                raise FieldValueError(
                    f"the {kind} at {place!r} is that at {first!r} too, and would become two, because the network has holes and is made "
                    "anew for each decision. Symbolize the class that holds both: pg.symbolize keeps what its constructor ties."
                )
        if not isinstance(module, Node):
            for name, child in module._modules.items():
                if child is not None:
                    walk(child, f"{path}.{name}" if path else name)

    walk(network, "")
