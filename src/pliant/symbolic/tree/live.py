"""Finds PyTorch modules that were edited by hand, so that they differ from their program: ``net.append(layer)``.

What is computed from a program (``clone``, ``rebind``, JSON) lacks such edits; these functions warn of it.  Weights, buffers
and hooks are state, which a program never has; only the submodules are compared.  Layers that a module's own methods make
(at the first input) do not count as edits: a hook of PyTorch, which is called when a module gets a submodule, notes them.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, final

from pliant.values.path import at_path

from .node import ATOMS, Node, children, path

_NAME = "_pliant_parts"  # forgotten, copied and pickled with the live object
_noted = False  # whether any object has parts: without, a program is not walked


class EditedModuleWarning(UserWarning):
    """The submodules of a live module are not those that its program makes."""


@final
class _Parts:
    """The submodules, by name, that a module's own code has made: its constructor, or a method at the first input."""

    __slots__ = ("__weakref__", "holder", "known")

    def __init__(self, holder: Any, known: dict[str, Any]) -> None:
        self.holder = weakref.ref(holder)
        self.known = {name: weakref.ref(module) for name, module in known.items()}
        for module in (holder, *known.values()):
            self._watch(module)

    def _watch(self, module: Any) -> None:
        key = id(module)
        _watched[key] = weakref.ref(self), weakref.ref(module, lambda _: _watched.pop(key, None))

    def replace(self, module: Any, name: str, part: Any) -> None:
        """Notes that a module in it has another submodule of this name, or none."""
        at = next((f"{known}." for known, ref in self.known.items() if ref() is module), "")
        if not at and self.holder() is not module:
            return
        name = at + name
        self.known = {n: ref for n, ref in self.known.items() if n != name and not n.startswith(f"{name}.")}
        if hasattr(type(part), "state_dict"):
            for below, one in [("", part), *((f".{n}", m) for n, m in _find_parts(part))]:
                self.known[name + below] = weakref.ref(one)
                self._watch(one)

    def __reduce__(self) -> Any:
        known = {name: found for name, ref in self.known.items() if (found := ref()) is not None}
        return _Parts, (self.holder(), known)


# By id, as modules may be unhashable: the parts that a module belongs to.
_watched: dict[int, tuple[weakref.ref[_Parts], weakref.ref[Any]]] = {}


def note_parts(value: Any) -> None:
    """Notes the submodules of a module that was realized."""
    global _noted
    if "_modules" in _state(value):
        if not _noted:
            _watch_modules()
        _state(value)[_NAME], _noted = _Parts(value, dict(_find_parts(value))), True


def is_own_code(value: object) -> bool:
    """Returns whether the function that sets an attribute is a method of its object: layers that are made in ``forward``."""
    return _find_self(sys._getframe(2)) is value


def _watch_modules() -> None:
    torch = sys.modules.get("torch.nn.modules.module")
    if torch is not None:  # what has modules may be of another package
        torch.register_module_module_registration_hook(_note_registered)


def _note_registered(module: Any, name: str, part: Any) -> None:
    """Notes a submodule that a module's own code has set; called by PyTorch for all modules."""
    found = _watched.get(id(module))
    parts = None if found is None else found[0]()
    if parts is None:
        return
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") in _OF_TORCH and frame.f_back is not None:
        frame = frame.f_back
    owner = _find_self(frame)
    if owner is module or (owner is not None and any(one is module for one in _find_containers(owner))):
        parts.replace(module, name, part)


_OF_TORCH = ("torch.nn.modules.module", "torch.nn.modules.container")  # with `add_module`, `append`


def _find_self(frame: FrameType) -> Any:
    """Returns the object whose method a function is, if its class is not of PyTorch or Pliant; None for other functions."""
    code = frame.f_code
    if not code.co_argcount or frame.f_globals.get("__name__", "").startswith(("torch.", "pliant.symbolic.")):
        return None  # a method that edits, such as ``net[1] = layer``
    value = frame.f_locals.get(code.co_varnames[0])
    place = code.co_qualname.rpartition(".")[0]
    return value if any(cls.__qualname__ == place for cls in type(value).__mro__) else None


def _find_containers(owner: Any) -> Iterator[Any]:
    """Yields the plain lists and dicts of submodules in a module, and those in them."""
    for part in _submodules(owner).values():
        if type(part).__module__ == _OF_TORCH[1] and not isinstance(part, Node):
            yield part
            yield from _find_containers(part)


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
