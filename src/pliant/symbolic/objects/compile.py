"""Generated code: the constructor, the copy and the child list of each class of objects.

The text is made from field *names* only, which are Python identifiers (checked); all values (specs,
defaults) are passed as globals, never as text.  Why code is generated at all: see ``values.source``.

A class has one of two flavours.  *Plain* objects store a field ``x`` as the attribute ``_v_x``.
*Lazy* ones (symbolized classes, and classes with an ``on_bound`` hook) write to the instance
dictionary itself, because attribute access of theirs may run the user's code (see ``realize``).
"""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Any

from pliant import schema as specs
from pliant.schema import Field, Schema
from pliant.values.errors import SchemaError
from pliant.values.missing import MISSING_VALUE
from pliant.values.source import define_function

from ..tree.adoption import release
from ..tree.node import ATOMS, Node, copy_plain

get_dict = object.__getattribute__


def check_name(name: str, owner: str) -> str:
    """Returns ``name`` when it can be a field's name.

    Raises:
      SchemaError: it is no identifier, or would hide what Pliant stores in an object.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SchemaError(f"{owner}: {name!r} cannot be a field's name; it must be a Python identifier.")
    if name == "self" or name.startswith(("_sym_", "_v_", "__")):
        raise SchemaError(
            f"{owner}: {name!r} cannot be a field's name: 'self' and names that begin with '_sym_', '_v_' or '__' are taken."
        )
    return name


def copy_child(value: Any, holder: Any, key: Any, memo: dict[int, Any] | None = None) -> Any:
    """Returns a copy of a field's value for ``holder``: nodes are copied; leaves shared, or with a memo copied deep."""
    if isinstance(value, Node):
        return value._sym_copy(holder, key, memo)
    if isinstance(value, tuple):
        return copy_tuple(value, holder, key if key.__class__ is tuple else (key,), memo)
    return copy_plain(value, memo)


def copy_tuple(value: Any, holder: Any, steps: tuple[Any, ...], memo: dict[int, Any] | None) -> Any:
    """Returns a tuple with copies of its nodes; the very same tuple when it has none."""
    changed = False
    made = []
    for i, item in enumerate(value):
        new = item if item.__class__ in ATOMS else copy_child(item, holder, (*steps, i), memo)
        changed = changed or new is not item
        made.append(new)
    if not changed:
        return value
    return type(value)(*made) if hasattr(value, "_fields") else tuple(made)


def _default_of(field: Field) -> Any:
    """Returns the default that may be shared by all objects, or the marker that asks for a copy."""
    default = field.value_spec.default
    return default if default.__class__ in ATOMS else MISSING_VALUE


def _passes(field: Field, i: int, scope: dict[str, Any]) -> str:
    """Returns the condition under which a value needs no further check, or ``""`` when there is none."""
    spec = field.value_spec
    name = str(field.key)
    if spec.frozen:
        return ""
    if isinstance(spec, specs.Any):
        return f"{name}.__class__ in __atoms and {name} is not __missing"
    exact = EXACT.get(type(spec))
    if exact is None or getattr(spec, "regex", None) is not None:
        return ""
    scope[f"__c{i}"] = exact
    text = f"{name}.__class__ is __c{i}"
    for label, sign, limit in (
        ("lo", ">=", getattr(spec, "min_value", None)),
        ("hi", "<=", getattr(spec, "max_value", None)),
    ):
        if limit is not None:
            scope[f"__{label}{i}"] = limit
            text += f" and {name} {sign} __{label}{i}"
    return text


EXACT: dict[type, type] = {specs.Int: int, specs.Float: float, specs.Str: str, specs.Bool: bool}


def _adopts(field: Field, i: int, scope: dict[str, Any]) -> str:
    """Returns the condition under which a node can be taken as it is, or ``""`` when there is none."""
    cls = field.value_spec.fast_class
    if cls is None or not issubclass(cls, Node) or not getattr(cls, "_sym_plain", False):
        return ""
    scope[f"__c{i}"] = cls
    return f"{field.key}.__class__ is __c{i} and {field.key}._sym_parent is None"


def make_init(
    owner: str,
    schema: Schema,
    admit_field: Callable[..., Any],
    reject: Callable[..., Any],
    *,
    lazy: bool,
    variadic: str | None,
    keyword_only: frozenset[str] = frozenset(),
) -> Any:
    """Returns ``__init__`` for a class with these fields: binds, checks, places and stores each."""
    fields = [f for f in schema.values() if isinstance(f.key, str)]
    scope: dict[str, Any] = {
        "__admit": admit_field,
        "__reject": reject,
        "__atoms": ATOMS,
        "__missing": MISSING_VALUE,
        "__release": release,
        "__get_dict": get_dict,
    }
    positional: list[str] = []
    after: list[str] = []
    body = ["__d = __get_dict(self, '__dict__')"] if lazy else []
    stored = []
    for i, field in enumerate(fields):
        name = check_name(str(field.key), owner)
        store = f"__d['_v_{name}']" if lazy else f"self._v_{name}"
        stored.append(name)
        if name == variadic:
            body.append(f"if __more: {name} = [*__more]")
        else:
            scope[f"__default{i}"] = _default_of(field)
            (after if name in keyword_only else positional).append(f"{name}=__default{i}")
        if name == variadic:
            after.append(f"{name}=__missing")
        passes, adopts = _passes(field, i, scope), _adopts(field, i, scope)
        if adopts:
            body += [
                f"if {adopts}:",
                f"    {name}._sym_parent = self",
                f"    {name}._sym_key = {name!r}",
                f"else: {name} = __admit(self, {name!r}, {name})",
            ]
        elif passes:
            body.append(f"if not ({passes}): {name} = __admit(self, {name!r}, {name})")
        else:
            body.append(f"{name} = __admit(self, {name!r}, {name})")
        body.append(f"{store} = {name}")
    extra = "**__extra"
    signature = ", ".join(["self", *positional, "*__more", *after, extra])
    stray = "__extra" if variadic else "__more or __extra"
    lines = [
        f"def __init__({signature}):",
        f"    if {stray}: __reject(self, {'()' if variadic else '__more'}, __extra)",
    ]
    lines += ["    try:", *("        " + line for line in body or ["pass"])]
    lines += ["    except BaseException:", f"        __release(self, [{', '.join(stored)}])", "        raise"]
    return define_function("__init__", lines, scope, title=f"__init__ of {owner}")


def make_copy(
    owner: str, fields: list[Field], *, lazy: bool, blank: Callable[[], Any] | None, cls: type
) -> Any:
    """Returns ``_sym_copy`` for a class with these fields."""
    scope: dict[str, Any] = {"__atoms": ATOMS, "__child": copy_child, "__get_dict": get_dict, "__cls": cls}
    scope.update({"__new": blank or object.__new__, "__is": isinstance, "__Node": Node})
    if lazy:
        lines = [
            "def _sym_copy(self, __p=None, __k=None, __m=None):",
            "    __s = __get_dict(self, '__dict__')",
        ]
        lines += ["    __n = __new()", "    __d = __get_dict(__n, '__dict__')"]
        lines += ["    __d['_sym_parent'] = __p", "    __d['_sym_key'] = __k"]
    else:
        lines = ["def _sym_copy(self, __p=None, __k=None, __m=None):", "    __n = __new(__cls)"]
        lines += ["    __n._sym_parent = __p", "    __n._sym_key = __k"]
    for i, field in enumerate(fields):
        name = str(field.key)
        exact = EXACT.get(type(field.value_spec))
        atom = "__v.__class__ in __atoms"
        if exact is not None:  # the usual case first: one comparison instead of a look-up
            scope[f"__c{i}"] = exact
            atom = f"__v.__class__ is __c{i} or {atom}"
        source, target = (
            (f"__s['_v_{name}']", f"__d['_v_{name}']") if lazy else (f"self._v_{name}", f"__n._v_{name}")
        )
        lines += [
            f"    __v = {source}",
            f"    if {atom}: {target} = __v",
            f"    elif __is(__v, __Node): {target} = __v._sym_copy(__n, {name!r}, __m)",
            f"    else: {target} = __child(__v, __n, {name!r}, __m)",
        ]
    if lazy:
        lines += ["    if '_sym_more' in __s: __copy_more(__s, __n, __d, __m)"]
        scope["__copy_more"] = copy_more
    lines += ["    return __n"]
    return define_function("_sym_copy", lines, scope, title=f"copy of {owner}")


def copy_more(source: dict[str, Any], made: Any, target: dict[str, Any], memo: dict[int, Any] | None) -> None:
    """Copies the extra keyword arguments of an object."""
    more = source["_sym_more"].items()
    target["_sym_more"] = {k: v if v.__class__ in ATOMS else copy_child(v, made, k, memo) for k, v in more}


def make_values(owner: str, names: list[str], *, lazy: bool) -> Any:
    """Returns ``_sym_values`` for a class with these fields: their values as a tuple."""
    if lazy:
        items = "".join(f"__s['_v_{n}'], " for n in names)
        lines = [
            "def _sym_values(self):",
            "    __s = __get_dict(self, '__dict__')",
            f"    __t = ({items})",
            "    return __t + tuple(__s['_sym_more'].values()) if '_sym_more' in __s else __t",
        ]
    else:
        items = "".join(f"self._v_{n}, " for n in names)
        lines = ["def _sym_values(self):", f"    return ({items})"]
    return define_function("_sym_values", lines, {"__get_dict": get_dict}, title=f"values of {owner}")


def make_maker(
    owner: str, names: list[str], *, lazy: bool, blank: Callable[[], Any] | None, cls: type
) -> Any:
    """Returns ``_sym_make``: builds an object of values that are known to be right and belong to nobody yet."""
    scope: dict[str, Any] = {"__atoms": ATOMS, "__own": own, "__get_dict": get_dict, "__cls": cls}
    scope["__new"] = blank or object.__new__
    lines = [f"def _sym_make({', '.join(names)}):"]
    lines += (
        ["    __n = __new()", "    __d = __get_dict(__n, '__dict__')"] if lazy else ["    __n = __new(__cls)"]
    )
    for name in names:
        target = f"__d['_v_{name}']" if lazy else f"__n._v_{name}"
        lines += [
            f"    {target} = {name}",
            f"    if {name}.__class__ not in __atoms: __own({name}, __n, {name!r})",
        ]
    lines += ["    return __n"]
    return define_function("_sym_make", lines, scope, title=f"make {owner}")


def own(value: Any, holder: Any, key: Any) -> None:
    """Tells a fresh value, and fresh nodes inside a fresh tuple, who holds it and where."""
    if isinstance(value, Node):
        value._sym_parent = holder
        value._sym_key = key
    elif isinstance(value, tuple):
        steps = key if key.__class__ is tuple else (key,)
        for i, item in enumerate(value):
            own(item, holder, (*steps, i))
