"""Finds PyTorch modules that were edited by hand, so that they differ from their program: ``net.append(layer)``.

What is computed from a program (``clone``, ``rebind``, JSON) lacks such edits; these functions warn of it.  Weights, buffers
and hooks are state, which a program never has; only the submodules are compared.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from collections.abc import Iterable, Iterator
from typing import Any, final

from pliant.values.path import at_path

from .node import ATOMS, Node, children, path

_NAME = "_pliant_parts"  # forgotten, copied and pickled with the live object
_noted = False  # whether any object has parts: without, a program is not walked


class EditedModuleWarning(UserWarning):
    """The submodules of a live module are not those that its program makes."""


@final
class _Parts:
    """The submodules, by name, that the constructor of a module has made."""

    __slots__ = ("known",)

    def __init__(self, known: dict[str, Any]) -> None:
        self.known = {name: weakref.ref(module) for name, module in known.items()}

    def __reduce__(self) -> Any:
        return _Parts, ({name: found for name, ref in self.known.items() if (found := ref()) is not None},)


def note_parts(value: Any) -> None:
    """Notes the submodules of a module that was realized."""
    global _noted
    if "_modules" in _state(value):
        _state(value)[_NAME], _noted = _Parts(dict(_find_parts(value))), True


def is_own_code(value: object) -> bool:
    """Returns whether the function that sets an attribute is a method of its object: layers that are made in ``forward``."""
    caller = sys._getframe(2)
    if caller.f_globals.get("__name__", "").startswith("torch."):
        return False  # a method that edits, such as ``net[1] = layer``
    method = getattr(type(value), caller.f_code.co_name, None)
    return getattr(method, "__code__", None) is caller.f_code


def renew_part(value: Any, name: str) -> None:
    """Notes that a submodule was replaced in the live module and in its program, or by its own code."""
    parts = _state(value).get(_NAME)
    if parts is not None:
        kept = {n: ref for n, ref in parts.known.items() if n.partition(".")[0] != name}
        new = {n: weakref.ref(m) for n, m in _find_parts(value) if n.partition(".")[0] == name}
        parts.known = {**kept, **new}


def warn_of_edits(nodes: Iterable[Any], lost: str) -> None:
    """Warns if one of some nodes was edited; ``lost`` says what happens to the edits, and what to do."""
    for node in nodes:
        edits = _find_edits(node)
        if edits:
            level, frame = 1, sys._getframe()
            while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("pliant."):
                level, frame = level + 1, frame.f_back
            text = f"the {type(node).__name__} {at_path(path(node))} was edited after its constructor ran: {'; '.join(edits[:4])}{' ...' if edits[4:] else ''}. {lost}"
            warnings.warn(text, EditedModuleWarning, stacklevel=level)
            return


def walk_nodes(value: Any) -> Iterator[Any]:
    """Yields the nodes in and below a value, if any could have been edited."""
    pending, seen = [value] if _noted else [], set[int]()
    while pending:
        one = pending.pop()
        if isinstance(one, Node):
            yield one
        below = children(one)
        if below and id(one) not in seen:  # plain containers may contain themselves
            seen.add(id(one))
            pending += [child for _, child in reversed(below) if child.__class__ not in ATOMS]


def _find_parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yields the submodules of a module and their names; not those inside nodes and arguments, which copies keep."""
    given = {id(leaf) for _, leaf in _leaves(value)}
    pending = [("", value)]
    for prefix, module in pending:
        for name, part in _submodules(module).items():
            if hasattr(type(part), "state_dict") and name[:1] != "_":
                yield prefix + name, part
                if not isinstance(part, Node) and id(part) not in given:
                    pending.append((f"{prefix}{name}.", part))


def _state(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = (
        getattr(value, "__dict__", {})
        if isinstance(value, (list, dict))
        else object.__getattribute__(value, "__dict__")
    )
    return found


def _submodules(value: Any) -> dict[str, Any]:
    found = _state(value).get("_modules")
    return found if isinstance(found, dict) else {}


def _leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, child in children(value) or ():
        yield key, child
        if not isinstance(child, Node) or isinstance(child, (list, dict)):
            yield from _leaves(child)


def _find_edits(node: Any) -> list[str]:
    parts = _state(node).get(_NAME)
    if parts is None:
        return []
    now = dict(_find_parts(node))
    new = [f"{name!r} ({type(m).__name__}) is new" for name, m in now.items() if name not in parts.known]
    old = [f"{name!r} is missing" for name in parts.known if name not in now]
    changed = [
        f"{name!r} is another {type(m).__name__}"
        for name, m in now.items()
        if name in parts.known and parts.known[name]() is not m
    ]
    return [*new, *old, *changed]
