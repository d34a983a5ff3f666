"""Compiles the parts of a program to a function that builds a candidate: the hot path of every search.

The function is generated code with one expression per branch (see ``values.source``).  It builds only the chosen
branches and checks nothing, because candidates were checked when they were put into the program.  ``n`` returns the
next decision; ``t`` holds the values of tied holes by name, and their decisions under ``decided(name)`` if another
hole repeats them with candidates of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

from pliant import schema as specs
from pliant.schema import ValueSpec
from pliant.symbolic.objects.containers import Dict, List
from pliant.symbolic.tree.adoption import adopt, govern, item_spec
from pliant.symbolic.tree.leaf import fresh, is_shared
from pliant.symbolic.tree.node import ATOMS, Node, children, own, place, rebuild
from pliant.values.missing import MISSING_VALUE
from pliant.values.source import define_function

from .plan import Branch, Constant, Derived, Echo, Number, Part, Pick, Source, Tied

Build = Callable[[Callable[[], Any], dict[Any, Any]], Any]

_DEEPEST = 24  # brackets within brackets; Python's parser takes about 100


def compile_part(part: Part) -> Build:
    """Returns ``build(next_decision, tied) -> value`` for a part."""
    return _Writer().function(part)


class _Writer:
    """Writes the source of one function; collects its constants."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {}
        self.names: dict[int, str] = {}

    def constant(self, value: object) -> str:
        """Returns the name of a global that holds ``value``."""
        name = self.names.get(id(value))
        if name is None:
            name = self.names[id(value)] = f"c{len(self.scope)}"
            self.scope[name] = value  # keeps it alive, and so its id
        return name

    def function(self, part: Part) -> Build:
        """Returns the compiled function of a part."""
        text = self.expression(part, 0)
        made: Build = define_function(
            "build", ["def build(n, t):", f"    return {text}"], self.scope, title="build"
        )
        return made

    def expression(self, part: Part, depth: int) -> str:
        """Returns the source of an expression that builds a part."""
        if depth > _DEEPEST:
            return f"{self.constant(_Writer().function(part))}(n, t)"
        if isinstance(part, Constant):
            return self.copy(part.value)
        if isinstance(part, Number):
            return "float(n())" if getattr(part.hole, "as_float", None) else "n()"
        if isinstance(part, Pick):
            return self.pick(part, depth)
        if isinstance(part, Branch):
            return self.branch(part, depth)
        if isinstance(part, Derived):
            inner = self.expression(part.part, depth + 1)
            return f"{self.constant(_derive(part.hole))}({inner})"
        if isinstance(part, Source) and part.echoed:
            maker = _record(_Writer().function(part.part), part.name)
            return f"{self.constant(maker)}(n, t)"
        if isinstance(part, Source):
            inner = self.expression(part.part, depth + 1)
            return f"{self.constant(_keep)}(t, {part.name!r}, {inner})"
        if isinstance(part, Echo):
            return f"{self.constant(_repeat(_Writer().function(part.part), part.name))}(n, t)"
        assert isinstance(part, Tied)
        return f"{self.constant(fresh_copy)}(t[{part.name!r}])"

    def copy(self, value: object) -> str:
        """Returns the source of a copy of a constant subtree."""
        if isinstance(value, Node):
            if not _leaves_shared(value):
                return f"{self.constant(value._sym_copy)}()"
        elif not _is_private(value):
            return self.constant(value)
        return f"{self.constant(fresh_copy)}({self.constant(value)})"

    def pick(self, part: Pick, depth: int) -> str:
        """Returns the source of a choice."""
        one = self.one(part)
        if part.k is None:
            return one
        items = "[" + ", ".join([one] * part.k) + "]"
        return f"{self.constant(make_list)}({items})" if part.symbolic else items

    def one(self, part: Pick) -> str:
        """Returns the source of one pick."""
        table = tuple(
            [c.value for c in part.candidates if isinstance(c, Constant) and c.value.__class__ in ATOMS]
        )
        if len(table) == len(part.candidates):
            if table == tuple(range(len(table))) and all(v.__class__ is int for v in table):
                return "n()"
            return f"{self.constant(table)}[n()]"
        builders = tuple(_Writer().function(c) for c in part.candidates)
        return f"{self.constant(builders)}[n()](n, t)"

    def branch(self, part: Branch, depth: int) -> str:
        """Returns the source of a node or container with its parts."""
        value = part.value
        items = [self.item(value, k, p, depth) for k, p in zip(part.keys, part.parts)]
        if isinstance(value, List):
            maker = make_flat_list if all(_is_flat(p) for p in part.parts) else make_list
            return f"{self.constant(_governed(maker, value._sym_spec))}([{', '.join(items)}])"
        if isinstance(value, Dict):
            pairs = ", ".join(f"{self.constant(k)}: {e}" for k, e in zip(part.keys, items))
            return f"{self.constant(_governed(make_dict, value._sym_spec))}({{{pairs}}})"
        if isinstance(value, Node):
            return self.object(value, dict(zip(part.keys, items)))
        if type(value) is tuple:
            return f"({', '.join(items)},)"
        if type(value) is list:
            return f"[{', '.join(items)}]"
        return f"{self.constant(rebuild)}({self.constant(copy.copy(value))}, [{', '.join(items)}])"

    def item(self, holder: object, key: object, part: Part, depth: int) -> str:
        """Returns the source of a child of a node or container; containers get the spec of their field."""
        text = self.expression(part, depth + 1)
        spec = _child_spec(holder, key)
        if isinstance(spec, (specs.List, specs.Dict, specs.Union)) and _is_loose(part):
            return f"{self.constant(partial(_give_spec, spec))}({text})"
        return text

    def object(self, value: Any, items: dict[Any, str]) -> str:
        """Returns the source of an object: its class's maker, called with its fields."""
        missing = self.constant(MISSING_VALUE)
        arguments = ", ".join(items.get(name, missing) for name in value._sym_names)
        text = f"{self.constant(value._sym_make)}({arguments})"
        state = object.__getattribute__(value, "__dict__")
        marks = {k: state[k] for k in ("_sym_given", "_sym_partial_ok") if k in state}
        more = [k for k in items if k not in value._sym_fields]
        if not marks and not more:
            return text
        extra = "{" + ", ".join(f"{self.constant(k)}: {items[k]}" for k in more) + "}"
        return f"{self.constant(_finisher(marks))}({text}, {extra})"


def _is_flat(part: Part) -> bool:
    """Returns whether a part builds only atoms, which have no parent."""
    if isinstance(part, Constant):
        return part.value.__class__ in ATOMS
    if isinstance(part, Pick):
        return part.k is None and all(_is_flat(c) for c in part.candidates)
    return isinstance(part, Number)


def _is_loose(part: Part) -> bool:
    """Returns whether a part may build a List or Dict that has no spec yet."""
    if isinstance(part, Pick):
        return part.k is not None or any(
            _is_loose(c) or (isinstance(c, (Constant, Branch)) and isinstance(c.value, (list, dict)))
            for c in part.candidates
        )
    if isinstance(part, Branch):
        return isinstance(part.value, (list, dict)) and any(_is_loose(p) for p in part.parts)
    if isinstance(part, Tied):
        return _is_loose(part.source)
    return isinstance(part, Derived) or (isinstance(part, (Source, Echo)) and _is_loose(part.part))


def _child_spec(holder: object, key: object) -> ValueSpec | None:
    """Returns the spec of a child of a node, or None if it has none."""
    if isinstance(holder, (List, Dict)):
        return item_spec(holder._sym_spec, key)
    field = getattr(type(holder), "_sym_fields", {}).get(key)
    return None if field is None else field.value_spec


def _give_spec(spec: ValueSpec, value: object) -> Any:
    """Gives a List or Dict that a hole became, and those in it, their specs; returns the value."""
    if isinstance(value, (List, Dict)):
        govern(value, spec)
    return value


def _is_private(value: object) -> bool:
    """Returns whether each candidate needs its own copy of this value, because it can change."""
    if value.__class__ in ATOMS:
        return False
    if isinstance(value, tuple):
        return any(_is_private(item) for item in value)
    return children(value) is not None or not is_shared(value)


def _leaves_shared(node: Any) -> bool:
    """Returns whether a copy of a node would share mutable values with it."""
    for child in node._sym_values():
        if child.__class__ in ATOMS:
            continue
        if isinstance(child, Node):
            if _leaves_shared(child):
                return True
        elif isinstance(child, tuple):
            if any(_leaves_shared(v) if isinstance(v, Node) else _is_private(v) for v in child):
                return True
        elif _is_private(child):
            return True
    return False


def fresh_copy(value: object) -> Any:
    """Returns a copy of a subtree for a new candidate; mutable leaves are deep-copied."""
    if value.__class__ in ATOMS:
        return value
    if isinstance(value, Node):
        made = value._sym_copy()
        return _freshen(made) if _leaves_shared(value) else made
    items = children(value)
    if items is None:
        return fresh(value)
    return rebuild(value, [fresh_copy(child) for _, child in items])


def _freshen(node: Any) -> Any:
    """Replaces mutable values that a copied node shares with its original by copies."""
    for key, child in zip(list(node._sym_keys()), list(node._sym_values())):
        if isinstance(child, Node):
            _freshen(child)
        elif _is_private(child):
            new = fresh_copy(child)
            node._sym_put(key, new)
            own(new, node, place(key))
    return node


def make_flat_list(items: list[Any]) -> List:
    """Makes a List of atoms."""
    made = _new_list(List)
    _extend(made, items)
    return made


def make_list(items: list[Any]) -> List:
    """Makes a List of fresh items."""
    made = _new_list(List)
    _extend(made, items)
    for i, item in enumerate(items):
        if item.__class__ not in ATOMS:
            own(item, made, i)
            if not isinstance(item, Node):
                made._sym_put(i, item)
    return made


def make_dict(items: dict[Any, Any]) -> Dict:
    """Makes a Dict of fresh values."""
    made = dict.__new__(Dict)
    dict.update(made, items)
    for key, item in items.items():
        if item.__class__ not in ATOMS:
            own(item, made, place(key))
            if not isinstance(item, Node):
                made._sym_put(key, item)
    return made


_new_list = list.__new__
_extend = list.extend


def _governed(maker: Callable[[Any], Any], spec: object) -> Callable[[Any], Any]:
    """Returns ``maker`` for containers that a spec governs."""
    if spec is None:
        return maker

    def make(items: object) -> Any:
        made = maker(items)
        made._sym_spec = spec
        return made

    return make


def _derive(hole: Any) -> Callable[[Any], Any]:
    """Returns a function from the value of a derived hole's inner program to the value of the hole."""
    return lambda inner: adopt(None, None, hole.build(inner))


def _keep(tied: dict[Any, Any], name: str, value: object) -> Any:
    tied[name] = value
    return value


def decided(name: str) -> tuple[str, str]:
    """Returns the key of the decisions of a tied hole, which are stored beside its value."""
    return "decided", name


def _record(build: Build, name: str) -> Build:
    """Returns ``build`` that also stores its decisions and its value."""

    def record(n: Callable[[], Any], t: dict[Any, Any]) -> Any:
        seen: list[Any] = []

        def following() -> Any:
            value = n()
            seen.append(value)
            return value

        value = build(following, t)
        t[decided(name)] = tuple(seen)
        return _keep(t, name, value)

    return record


def _repeat(build: Build, name: str) -> Build:
    """Returns ``build`` that repeats the decisions stored under a name."""
    return lambda n, t: build(iter(t[decided(name)]).__next__, t)


def _finisher(marks: dict[str, Any]) -> Callable[[Any, dict[str, Any]], Any]:
    """Returns a function that gives a new object its extra keyword arguments and its marks."""

    def finish(made: object, more: dict[str, Any]) -> Any:
        state = object.__getattribute__(made, "__dict__")
        state.update(marks)
        if more:
            state["_sym_more"] = more
            for key, value in more.items():
                own(value, made, key)
        return made

    return finish
