"""Generates the constructor, copy, equality, hash and child list of each class of objects.

The source has field *names* only, which are checked to be Python identifiers; all values (specs, defaults) are passed
as globals.  ``values.source`` explains why code is generated.

*Plain* objects store a field ``x`` as the attribute ``_v_x``.  *Lazy* objects (of symbolized classes, and of classes
with an ``on_bound`` hook) store it in the instance dictionary, because attribute access may run user code (see
``realize``).
"""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Any

from pliant import schema as specs
from pliant.schema import Field, Schema
from pliant.values.errors import SchemaError, UnknownFieldError
from pliant.values.missing import MISSING_VALUE
from pliant.values.source import define_function

from ..read.compare import equal, hash_of
from ..tree.adoption import ARRIVED, CONTAINERS, announce, release
from ..tree.node import ATOMS, Node, copy_plain, own

get_dict = object.__getattribute__


def check_name(name: str, owner: str, *, is_argument: bool = False) -> str:
    """Returns ``name`` if it can be the name of a field.

    Raises:
      SchemaError: it is not an identifier, or would hide what Pliant stores in an object.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise SchemaError(
            f"{owner}: {name!r} cannot be the name of a field; it must be a Python identifier. Keep values of any keys in a "
            "field that holds a dict."
        )
    if (name == "self" and not is_argument) or name.startswith(("_sym_", "_v_", "__")):
        raise SchemaError(
            f"{owner}: {name!r} cannot be the name of a field: 'self' and names that begin with '_sym_', '_v_' or '__' are reserved. "
            "Rename it, or symbolize a function with another name for it that passes it on."
        )
    return name


def copy_child(value: object, holder: object, key: object, memo: dict[int, Any] | None = None) -> Any:
    """Returns a copy of a value for ``holder``: nodes are copied; leaves are shared, or deep-copied if there is a memo."""
    if isinstance(value, Node):
        return value._sym_copy(holder, key, memo)
    if isinstance(value, tuple):
        return copy_tuple(value, holder, key if key.__class__ is tuple else (key,), memo)
    return copy_plain(value, memo)


def copy_tuple(value: Any, holder: object, steps: tuple[Any, ...], memo: dict[int, Any] | None) -> Any:
    """Returns a tuple with copies of its nodes; the same tuple if it has none."""
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
    """Returns a default that objects share, or MISSING_VALUE if each needs a copy."""
    default = field.value_spec.default
    return default if default.__class__ in ATOMS else MISSING_VALUE


def _passes(field: Field, i: int, scope: dict[str, Any]) -> str:
    """Returns the quick test of a value that needs no further check, or ``""`` if the field has none."""
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
    """Returns the quick test of a node that can be adopted directly, or ``""`` if the field has none."""
    cls = field.value_spec.fast_class
    if cls is None or not issubclass(cls, Node) or not getattr(cls, "_sym_plain", False):
        return ""
    scope[f"__c{i}"] = cls
    return f"{field.key}.__class__ is __c{i} and {field.key}._sym_parent is None"


def _admission(field: Field, i: int, scope: dict[str, Any]) -> list[str]:
    """Returns the source that checks and adopts one argument."""
    name = str(field.key)
    passes, adopts = _passes(field, i, scope), _adopts(field, i, scope)
    admit = f"{name} = __admit(__self, {name!r}, {name})"
    if adopts:
        return [
            f"if {adopts}:",
            f"    {name}._sym_parent = __self",
            f"    {name}._sym_key = {name!r}",
            f"else: {admit}",
        ]
    return [f"if not ({passes}): {admit}" if passes else admit]


def _pack(holder: object, name: str, more: tuple[Any, ...], given: object) -> list[Any]:
    """Returns extra positional arguments as a list."""
    if given is not MISSING_VALUE:
        raise UnknownFieldError(
            f"{type(holder).__name__} got the keyword {name!r}, which is the name of its *{name}, beside extra positional arguments. "
            f"Symbolize a function that takes them as two lists or dicts of other names."
        )
    return [*more]


def make_init(
    cls: type,
    schema: Schema,
    admit_field: Callable[..., Any],
    reject: Callable[..., Any],
    *,
    lazy: bool,
    variadic: str | None,
    keyword_only: frozenset[str] = frozenset(),
) -> Any:
    """Returns ``__init__`` for a class with these fields: binds, checks, adopts and stores each."""
    fields = [f for f in schema.values() if isinstance(f.key, str)]
    scope: dict[str, Any] = {
        "__admit": admit_field,
        "__reject": reject,
        "__atoms": ATOMS,
        "__missing": MISSING_VALUE,
        "__release": release,
        "__arrived": ARRIVED,
        "__pack": _pack,
        "__announce": announce,
        "__get_dict": get_dict,
    }
    positional: list[str] = []
    after: list[str] = []
    body = ["__d = __get_dict(__self, '__dict__')"] if lazy else []
    stored = []
    for i, field in enumerate(fields):
        name = str(field.key)
        store = f"__d['_v_{name}']" if lazy else f"__self._v_{name}"
        stored.append(name)
        if name == variadic:
            body.append(f"if __more: {name} = __pack(__self, {name!r}, __more, {name})")
            after.append(f"{name}=__missing")
        else:
            scope[f"__default{i}"] = _default_of(field)
            (after if name in keyword_only else positional).append(f"{name}=__default{i}")
        body += [*_admission(field, i, scope), f"{store} = {name}"]
    places: tuple[str, ...] = getattr(cls, "_sym_places", ())
    positional.sort(key=lambda p: places.index(n) if (n := p.split("=")[0]) in places else len(places))
    signature = ", ".join(["__self", "/", *positional, "*__more", *after, "**__extra"])
    stray = "__extra" if variadic else "__more or __extra"
    lines = [
        f"def __init__({signature}):",
        f"    if {stray}: __reject(__self, {'()' if variadic else '__more'}, __extra)",
    ]
    if not cls._sym_flat:  # type: ignore[attr-defined]  # set by declare; a flat class adopts no nodes
        body.append("if __arrived: __announce(__self)")
    lines += ["    try:", *("        " + line for line in body or ["pass"])]
    undo = f"        __release(__self, [{', '.join(stored)}])"
    lines += ["    except BaseException:", undo, "        raise"]
    return define_function("__init__", lines, scope, title=f"__init__ of {cls.__name__}")


def _copy_lines(cls: type, fields: list[Field], blank: object) -> tuple[list[str], dict[str, Any]]:
    """Returns the source that copies an object ``__x``, and its globals."""
    scope: dict[str, Any] = {"__atoms": ATOMS, "__child": copy_child, "__get_dict": get_dict, "__cls": cls}
    scope |= {
        "__new": blank or object.__new__,
        "__is": isinstance,
        "__Node": Node,
        "__containers": CONTAINERS,
    }
    if blank:
        lines = ["__s = __get_dict(__x, '__dict__')", "__n = __new()", "__d = __get_dict(__n, '__dict__')"]
        lines += ["__d['_sym_parent'] = __p", "__d['_sym_key'] = __k"]
        source, target = "__s['_v_{}']", "__d['_v_{}']"
    else:
        lines = ["__n = __new(__cls)", "__n._sym_parent = __p", "__n._sym_key = __k"]
        source, target = "__x._v_{}", "__n._v_{}"
    for i, field in enumerate(fields):
        name = str(field.key)
        exact = EXACT.get(type(field.value_spec))
        store = target.format(name)
        leaf = ("__v.__class__ in __atoms", "__v")
        node = ("__is(__v, __Node)", f"__v._sym_copy(__n, {name!r}, __m)")
        cases = [leaf, node]
        if exact is not None:  # the usual case first: one comparison instead of a look-up
            scope[f"__c{i}"] = exact
            cases = [(f"__v.__class__ is __c{i}", "__v"), *cases]
        elif isinstance(field.value_spec, specs.List | specs.Dict):
            cases = [("__v.__class__ in __containers", node[1]), *cases]
        lines.append(f"__v = {source.format(name)}")
        lines += [f"{'elif' if n else 'if'} {test}: {store} = {made}" for n, (test, made) in enumerate(cases)]
        lines.append(f"else: {store} = __child(__v, __n, {name!r}, __m)")
    if blank:
        lines += ["if '_sym_more' in __s: __copy_more(__s, __n, __d, __m)"]
        scope["__copy_more"] = copy_more
    return lines, scope


def make_copy(cls: type, fields: list[Field], blank: Callable[[], Any] | None) -> Any:
    """Returns ``_sym_copy`` for a class with these fields; ``blank`` makes lazy objects, None stands for plain ones."""
    lines, scope = _copy_lines(cls, fields, blank)
    head = "def _sym_copy(__x, __p=None, __k=None, __m=None):"
    text = [head, *(f"    {line}" for line in lines), "    return __n"]
    return define_function("_sym_copy", text, scope, title=f"copy of {cls.__name__}")


def make_copies(cls: type, fields: list[Field]) -> Any:
    """Returns ``_sym_copies`` for a class of plain objects: adds copies of a list's items without a call for each.

    Items of other classes are copied by their own functions.
    """
    lines, scope = _copy_lines(cls, fields, None)
    other = "__x._sym_copy(__p, __k, __m) if __is(__x, __Node) else __child(__x, __p, __k, __m)"
    lines = [f"if __x.__class__ is not __cls: __add({other}); continue", *lines, "__add(__n)"]
    head = ["def _sym_copies(__items, __add, __p, __m):", "    for __k, __x in enumerate(__items):"]
    text = [*head, *(f"        {line}" for line in lines)]
    return define_function("_sym_copies", text, scope, title=f"copies of {cls.__name__}")


def copy_more(source: dict[str, Any], made: Any, target: dict[str, Any], memo: dict[int, Any] | None) -> None:
    """Copies the extra keyword arguments of an object."""
    more = source["_sym_more"].items()
    target["_sym_more"] = {k: v if v.__class__ in ATOMS else copy_child(v, made, k, memo) for k, v in more}


def make_values(cls: type, fields: list[Field], *, lazy: bool) -> Any:
    """Returns ``_sym_values`` for a class with these fields: their values as a tuple."""
    if lazy:
        items = "".join(f"__s['_v_{field.key}'], " for field in fields)
        lines = [
            "def _sym_values(self):",
            "    __s = __get_dict(self, '__dict__')",
            f"    __t = ({items})",
            "    return __t + tuple(__s['_sym_more'].values()) if '_sym_more' in __s else __t",
        ]
    else:
        items = "".join(f"self._v_{field.key}, " for field in fields)
        lines = ["def _sym_values(self):", f"    return ({items})"]
    return define_function("_sym_values", lines, {"__get_dict": get_dict}, title=f"values of {cls.__name__}")


def make_maker(cls: type, fields: list[Field], blank: Callable[[], Any] | None) -> Any:
    """Returns ``_sym_make``: creates an object of values that are checked and have no parent yet."""
    scope: dict[str, Any] = {"__atoms": ATOMS, "__own": own, "__get_dict": get_dict, "__cls": cls}
    scope["__new"] = blank or object.__new__
    names = [str(field.key) for field in fields]
    lines = [f"def _sym_make({', '.join(names)}):"]
    if blank:
        lines += ["    __n = __new()", "    __d = __get_dict(__n, '__dict__')"]
    else:
        lines += ["    __n = __new(__cls)"]
    for name in names:
        lines += [
            f"    __d['_v_{name}'] = {name}" if blank else f"    __n._v_{name} = {name}",
            f"    if {name}.__class__ not in __atoms: __own({name}, __n, {name!r})",
        ]
    lines += ["    return __n"]
    return define_function("_sym_make", lines, scope, title=f"make {cls.__name__}")


def make_equal(cls: type, fields: list[Field]) -> Any:
    """Returns ``_sym_equal`` for a class of plain objects with these fields: compares two objects of exactly this class.

    Values that ``==`` does not find equal (holes, NaN) go to ``equal``, which defines equality.
    """
    scope: dict[str, Any] = {"__equal": equal}
    names = [str(field.key) for field in fields]
    if cls._sym_flat:  # type: ignore[attr-defined]  # set by declare; numbers and text, compared as tuples of values
        tests = " and ".join(f"__x._v_{n} == __y._v_{n}" for n in names) or "True"
        rest = " and ".join(f"__equal(__x._v_{n}, __y._v_{n})" for n in names) or "True"
        lines = ["def _sym_equal(__x, __y):", f"    return ({tests}) or ({rest})"]
        return define_function("_sym_equal", lines, scope, title=f"equality of {cls.__name__}")
    lines = ["def _sym_equal(__x, __y):"]
    for i, field in enumerate(fields):
        exact = EXACT.get(type(field.value_spec))
        same = ""
        if exact is not None:
            scope[f"__c{i}"] = exact
            same = f"(__a.__class__ is __c{i} is __b.__class__ and __a == __b) or "
        lines += [
            f"    __a = __x._v_{field.key}",
            f"    __b = __y._v_{field.key}",
            f"    if not (__a is __b or {same}__equal(__a, __b)): return False",
        ]
    lines += ["    return True"]
    return define_function("_sym_equal", lines, scope, title=f"equality of {cls.__name__}")


def make_hash(cls: type, fields: list[Field]) -> Any:
    """Returns ``_sym_hash`` for a class of plain objects with these fields: a hash that agrees with ``_sym_equal``."""
    scope: dict[str, Any] = {"__hash": hash_of, "__part": hash_part, "__cls": cls}
    lines = ["def _sym_hash(__x):"]
    parts = []
    for i, field in enumerate(fields):
        exact = EXACT.get(type(field.value_spec))
        if exact is None:
            parts.append(f"__hash(__x._v_{field.key})")
            continue
        scope[f"__c{i}"] = exact
        lines.append(f"    __v{i} = __x._v_{field.key}")
        is_number = f" and __v{i} == __v{i}" if exact is float else ""
        parts.append(f"__v{i} if __v{i}.__class__ is __c{i}{is_number} else __part(__v{i})")
    lines.append(f"    return hash((__cls, {''.join(f'{part}, ' for part in parts)}))")
    return define_function("_sym_hash", lines, scope, title=f"hash of {cls.__name__}")


def hash_part(value: object) -> Any:
    """Returns the part of an object's hash for a value that is not exactly of the type of its field."""
    return value if isinstance(value, (int, float, str)) and value == value else hash_of(value)
