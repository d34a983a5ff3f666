"""From the parts of a program to a function that builds a candidate: the hot path of every search.

The function is one expression per chosen branch, in generated code (why: see ``values.source``): it
builds only what was chosen, and checks nothing, since candidates were checked when they were put into
the program.  ``n`` is the next decision, ``t`` holds the values of tied holes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pliant.symbolic.compile import own
from pliant.symbolic.containers import Dict, List
from pliant.symbolic.leaf import fresh, is_shared
from pliant.symbolic.node import ATOMS, Node, children, rebuild
from pliant.values.missing import MISSING_VALUE
from pliant.values.source import define_function

from .plan import Branch, Constant, Derived, Number, Part, Pick, Source, Tied

Build = Callable[[Callable[[], Any], dict[str, Any]], Any]

_DEEPEST = 24  # brackets within brackets; Python's parser takes about 100


def compile_part(part: Part) -> Build:
    """Returns ``build(next_decision, tied) -> value`` for a part."""
    return _Writer().function(part)


class _Writer:
    """One function in the making: its constants."""

    def __init__(self) -> None:
        self.scope: dict[str, Any] = {"own": own}

    def constant(self, value: Any) -> str:
        """Returns the name of a global that holds ``value``."""
        name = f"c{len(self.scope)}"
        self.scope[name] = value
        return name

    def function(self, part: Part) -> Build:
        """Returns the compiled function of a part."""
        text = self.expression(part, 0)
        lines = ["def build(n, t):", f"    return {text}"]
        made: Build = define_function("build", lines, self.scope, title="build")
        return made

    def expression(self, part: Part, depth: int) -> str:
        """Returns the source of an expression that builds a part."""
        if depth > _DEEPEST:
            return f"{self.constant(_Writer().function(part))}(n, t)"
        if isinstance(part, Constant):
            return self.copy(part.value)
        if isinstance(part, Number):
            return "n()"
        if isinstance(part, Pick):
            return self.pick(part, depth)
        if isinstance(part, Branch):
            return self.branch(part, depth)
        if isinstance(part, Derived):
            inner = self.expression(part.part, depth + 1)
            return f"{self.constant(_derive(part.hole))}({inner})"
        if isinstance(part, Source):
            inner = self.expression(part.part, depth + 1)
            return f"{self.constant(_keep)}(t, {part.name!r}, {inner})"
        assert isinstance(part, Tied)
        return f"{self.constant(fresh_copy)}(t[{part.name!r}])"

    def copy(self, value: Any) -> str:
        """Returns the source of a copy of a constant subtree."""
        name = self.constant(value)
        if value.__class__ in ATOMS or (not children(value) and not isinstance(value, (Node, list, dict)) and is_shared(value)):
            return name
        if isinstance(value, tuple) and all(v.__class__ in ATOMS for v in value):
            return name
        if isinstance(value, Node) and not _has_private_leaf(value):
            return f"{self.constant(value._sym_copy)}()"
        return f"{self.constant(fresh_copy)}({name})"

    def pick(self, part: Pick, depth: int) -> str:
        """Returns the source of a choice."""
        one = self.one(part)
        if part.k is None:
            return one
        items = "[" + ", ".join([one] * part.k) + "]"
        return f"{self.constant(make_list)}({items})" if part.symbolic else items

    def one(self, part: Pick) -> str:
        """Returns the source of one pick."""
        if all(c.__class__ is Constant and c.value.__class__ in ATOMS for c in part.candidates):  # type: ignore[union-attr]
            table = tuple(c.value for c in part.candidates)  # type: ignore[union-attr]
            if table == tuple(range(len(table))) and all(v.__class__ is int for v in table):
                return "n()"
            return f"{self.constant(table)}[n()]"
        builders = tuple(_Writer().function(c) for c in part.candidates)
        return f"{self.constant(builders)}[n()](n, t)"

    def branch(self, part: Branch, depth: int) -> str:
        """Returns the source of a node or container with its parts."""
        value = part.value
        items = [self.expression(p, depth + 1) for p in part.parts]
        if isinstance(value, List):
            spec = value._sym_spec
            flat = all(_is_flat(p) for p in part.parts)
            maker = make_flat_list if flat else make_list
            if spec is not None:
                return f"{self.constant(_governed(maker, spec))}([{', '.join(items)}])"
            return f"{self.constant(maker)}([{', '.join(items)}])"
        if isinstance(value, Dict):
            pairs = ", ".join(f"{self.constant(k)}: {e}" for k, e in zip(part.keys, items))
            return f"{self.constant(_governed(make_dict, value._sym_spec))}({{{pairs}}})"
        if isinstance(value, Node):
            return self.object(value, dict(zip(part.keys, items)))
        if type(value) is tuple:
            return f"({', '.join(items)},)"
        if type(value) is list:
            return f"[{', '.join(items)}]"
        return f"{self.constant(rebuild)}({self.constant(value)}, [{', '.join(items)}])"

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
    """Returns whether a part builds only values that never need to know their place."""
    if isinstance(part, Constant):
        return part.value.__class__ in ATOMS
    if isinstance(part, Pick):
        return part.k is None and all(_is_flat(c) for c in part.candidates)
    return isinstance(part, Number)


def _has_private_leaf(value: Any) -> bool:
    """Returns whether a subtree holds a leaf that candidates must not share."""
    if value.__class__ in ATOMS:
        return False
    items = children(value)
    if items is None:
        return not is_shared(value)
    return any(_has_private_leaf(child) for _, child in items)


def fresh_copy(value: Any) -> Any:
    """Returns a copy of a subtree for a new candidate; leaves that may not be shared are copied deep."""
    if value.__class__ in ATOMS:
        return value
    if isinstance(value, Node):
        made = value._sym_copy()
        return _freshen(made) if _has_private_leaf(made) else made
    items = children(value)
    if items is None:
        return fresh(value)
    return rebuild(value, [fresh_copy(child) for _, child in items])


def _freshen(node: Any) -> Any:
    """Replaces the private leaves of a copied node by copies of them."""
    for key, child in zip(list(node._sym_keys()), list(node._sym_values())):
        if isinstance(child, Node):
            _freshen(child)
        elif child.__class__ not in ATOMS:
            new = fresh_copy(child)
            node._sym_put(key, new)
            own(new, node, key)
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
    i = 0
    for item in items:
        if item.__class__ not in ATOMS:
            own(item, made, i)
        i += 1
    return made


def make_dict(items: dict[Any, Any]) -> Dict:
    """Makes a Dict of fresh values."""
    made = dict.__new__(Dict)
    dict.update(made, items)
    for key, item in items.items():
        if item.__class__ not in ATOMS:
            own(item, made, key)
    return made


_new_list = list.__new__
_extend = list.extend


def _governed(maker: Callable[[Any], Any], spec: Any) -> Callable[[Any], Any]:
    """Returns ``maker`` for containers that a spec governs."""
    if spec is None:
        return maker

    def make(items: Any) -> Any:
        made = maker(items)
        made._sym_spec = spec
        return made

    return make


def _derive(hole: Any) -> Callable[[Any], Any]:
    """Returns what turns a derived hole's inner program into its value, made symbolic."""
    from pliant.symbolic.place import adopt

    return lambda inner: adopt(None, None, hole.build(inner))


def _keep(tied: dict[str, Any], name: str, value: Any) -> Any:
    tied[name] = value
    return value


def _finisher(marks: dict[str, Any]) -> Callable[[Any, dict[str, Any]], Any]:
    """Returns what gives a made object its extra keywords and its marks."""

    def finish(made: Any, more: dict[str, Any]) -> Any:
        state = object.__getattribute__(made, "__dict__")
        state.update(marks)
        if more:
            state["_sym_more"] = more
            for key, value in more.items():
                own(value, made, key)
        return made

    return finish
