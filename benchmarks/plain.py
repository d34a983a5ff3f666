"""The tree of 1,000 objects by hand: what a careful person writes without any library.

Slotted classes that check their fields, know their parent, and clone, edit, search, compare and
write themselves by recursion.  This is the floor that the table's "against plain Python" means.

    Root(name, parts) -> 10 Block(name, parts) -> 10 Group(name, parts) -> 9 Leaf(filters, rate, name)

makes 1,011 objects and 111 lists.  A check costs what it must: one class test, one comparison.
Editing is transactional, as Pliant's is: all new values are checked before the first is stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

_new = object.__new__


def check_int(name: str, value: Any, low: int, high: int) -> int:
    """Returns an int between ``low`` and ``high``; the slow path of a field's check, with its errors."""
    if value.__class__ is not int:
        raise TypeError(f"{name} must be an int between {low} and {high}, got {value!r}.")
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low} and {high}, got {value!r}.")
    return value


def check_float(name: str, value: Any, low: float, high: float) -> float:
    """Returns a float between ``low`` and ``high``, converted from an int."""
    if value.__class__ is int:
        value = float(value)
    if value.__class__ is not float:
        raise TypeError(f"{name} must be a float between {low} and {high}, got {value!r}.")
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low} and {high}, got {value!r}.")
    return value


def check_str(name: str, value: Any) -> str:
    """Returns a text."""
    if value.__class__ is not str:
        raise TypeError(f"{name} must be a str, got {value!r}.")
    return value


class Leaf:
    """Three typed fields."""

    __slots__ = ("filters", "key", "name", "parent", "rate", "state")
    fields: ClassVar[tuple[str, ...]] = ("filters", "rate", "name")

    def __init__(self, filters: int, rate: float, name: str) -> None:
        if filters.__class__ is not int or not 1 <= filters <= 4096:
            filters = check_int("filters", filters, 1, 4096)
        if rate.__class__ is not float or not 0.0 <= rate <= 1.0:
            rate = check_float("rate", rate, 0.0, 1.0)
        if name.__class__ is not str:
            name = check_str("name", name)
        self.filters = filters
        self.rate = rate
        self.name = name
        self.parent = None
        self.key = None
        self.state = None

    def check(self, field: str, value: Any) -> Any:
        """Returns a value to store in a field."""
        if field == "filters":
            return check_int(field, value, 1, 4096)
        return check_float(field, value, 0.0, 1.0) if field == "rate" else check_str(field, value)

    def clone(self) -> Leaf:
        """Returns a copy without a parent."""
        made = _new(Leaf)
        made.filters = self.filters
        made.rate = self.rate
        made.name = self.name
        made.parent = made.key = made.state = None
        return made

    def __eq__(self, other: Any) -> bool:
        return (
            other.__class__ is Leaf
            and self.filters == other.filters
            and self.rate == other.rate
            and self.name == other.name
        )

    def __hash__(self) -> int:
        return hash((Leaf, self.filters, self.rate, self.name))

    def to_dict(self) -> dict[str, Any]:
        """Returns the object as plain data."""
        return {"_type": "Leaf", "filters": self.filters, "rate": self.rate, "name": self.name}


def adopt(holder: Any, items: list[Any], cls: type) -> list[Any]:
    """Returns a list of its own for ``holder``, whose items know their parent and their index."""
    if items.__class__ is not list:
        raise TypeError(f"expected a list of {cls.__name__}, got {items!r}.")
    held = items[:]
    for i, item in enumerate(held):
        if item.__class__ is not cls:
            raise TypeError(f"expected a {cls.__name__}, got {item!r}.")
        item.parent = holder
        item.key = i
    return held


class Branch:
    """A name and a list of parts, all of one class."""

    __slots__ = ("key", "name", "parent", "parts", "state")
    fields: ClassVar[tuple[str, ...]] = ("name", "parts")
    part_class: ClassVar[type]

    def __init__(self, name: str, parts: list[Any]) -> None:
        if name.__class__ is not str:
            name = check_str("name", name)
        self.name = name
        self.parent = self.key = self.state = None
        self.parts = adopt(self, parts, self.part_class)

    def check(self, field: str, value: Any) -> Any:
        """Returns a value to store in a field."""
        return check_str(field, value) if field == "name" else adopt(self, value, self.part_class)

    def clone(self) -> Any:
        """Returns a copy of the tree below, without a parent."""
        made = _new(self.__class__)
        made.name = self.name
        made.parent = made.key = made.state = None
        made.parts = copies = []
        for i, part in enumerate(self.parts):
            copy = part.clone()
            copy.parent = made
            copy.key = i
            copies.append(copy)
        return made

    def __eq__(self, other: Any) -> bool:
        return other.__class__ is self.__class__ and self.name == other.name and self.parts == other.parts

    def __hash__(self) -> int:
        return hash((self.__class__, self.name, tuple(self.parts)))

    def to_dict(self) -> dict[str, Any]:
        """Returns the tree below as plain data."""
        return {
            "_type": self.__class__.__name__,
            "name": self.name,
            "parts": [part.to_dict() for part in self.parts],
        }


class Group(Branch):
    """Leaves."""

    __slots__ = ()
    part_class = Leaf


class Block(Branch):
    """Groups."""

    __slots__ = ()
    part_class = Group


class Root(Branch):
    """Blocks."""

    __slots__ = ()
    part_class = Block


CLASSES: dict[str, type] = {cls.__name__: cls for cls in (Leaf, Group, Block, Root)}

Edit = Callable[[tuple[Any, ...], Any], Any]


def rebind_by_function(root: Any, edit: Edit) -> int:
    """Replaces every value for which ``edit(path, value)`` returns another; returns how many.

    All new values are checked before the first is stored; then each object above a change forgets
    its computed state, once.
    """
    updates: list[tuple[Any, str, Any]] = []
    _collect(root, edit, (), updates)
    for node, field, value in updates:
        setattr(node, field, value)
    reset_above(node for node, _, _ in updates)
    return len(updates)


def _collect(node: Any, edit: Edit, path: tuple[Any, ...], updates: list[tuple[Any, str, Any]]) -> None:
    for field in node.fields:
        old = getattr(node, field)
        here = (*path, field)
        new = edit(here, old)
        if new is not old:
            updates.append((node, field, node.check(field, new)))
        elif old.__class__ is list:
            for i, item in enumerate(old):
                at = (*here, i)
                if edit(at, item) is not item:
                    raise NotImplementedError("replacing a whole object is not needed here.")
                _collect(item, edit, at, updates)


def reset_above(nodes: Iterator[Any]) -> None:
    """Clears the computed state of nodes and of everything above them, each once."""
    seen = set()
    for node in nodes:
        while node is not None and id(node) not in seen:
            seen.add(id(node))
            node.state = None
            node = node.parent


_STEP = re.compile(r"\.?([a-z]\w*)|\[(\d+)\]")


def rebind_by_path(root: Any, updates: dict[str, Any]) -> None:
    """Sets fields by their whole path, such as ``'parts[1].parts[2].parts[3].filters'``."""
    checked = []
    for path, value in updates.items():
        keys = [name or int(index) for name, index in _STEP.findall(path)]
        node = root
        for key in keys[:-1]:
            node = getattr(node, key) if key.__class__ is str else node[key]
        checked.append((node, keys[-1], node.check(keys[-1], value)))
    for node, field, value in checked:
        setattr(node, field, value)
    reset_above(node for node, _, _ in checked)


def query_where(root: Any, where: Callable[[Any], bool]) -> dict[str, Any]:
    """Returns ``{path: value}`` of the values that ``where`` selects; writes only the paths it returns."""
    found: dict[str, Any] = {}
    if where(root):
        found[""] = root
    else:
        _where(root, where, (), found)
    return found


def _where(node: Any, where: Callable[[Any], bool], path: tuple[Any, ...], found: dict[str, Any]) -> None:
    for field in node.fields:
        value = getattr(node, field)
        if where(value):
            found[path_text((*path, field))] = value
        elif value.__class__ is list:
            for i, item in enumerate(value):
                if where(item):
                    found[path_text((*path, field, i))] = item
                else:
                    _where(item, where, (*path, field, i), found)


def path_text(keys: tuple[Any, ...]) -> str:
    """Returns keys as text: ``('a', 0, 'b')`` is ``'a[0].b'``."""
    return "".join(f"[{k}]" if k.__class__ is int else f".{k}" for k in keys)[1:]


def query_regex(root: Any, pattern: str) -> dict[str, Any]:
    """Returns ``{path: value}`` of the values whose path matches ``pattern``."""
    found: dict[str, Any] = {}
    _regex(root, re.compile(pattern).match, "", found)
    return found


def _regex(node: Any, match: Callable[[str], Any], path: str, found: dict[str, Any]) -> None:
    dot = path + "." if path else ""
    for field in node.fields:
        here = dot + field
        value = getattr(node, field)
        if match(here):
            found[here] = value
        elif value.__class__ is list:
            for i, item in enumerate(value):
                at = f"{here}[{i}]"
                if match(at):
                    found[at] = item
                else:
                    _regex(item, match, at, found)


def to_json_str(root: Any) -> str:
    """Returns a tree as JSON text."""
    return json.dumps(root.to_dict())


def from_json_str(text: str) -> Any:
    """Returns the checked tree that JSON text describes."""
    return from_dict(json.loads(text))


def from_dict(data: Any) -> Any:
    """Returns the checked object that plain data describes."""
    cls = CLASSES[data.pop("_type")]
    if cls is not Leaf:
        data["parts"] = [from_dict(part) for part in data["parts"]]
    return cls(**data)
