"""Declares the fields of a symbolic class: schema, attributes, and generated constructor, copy and comparison.

Shared by ``Object`` subclasses, functors and symbolized classes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from pliant.schema import Field, Schema, named_types
from pliant.values.errors import MissingFieldError, PliantError, UnknownFieldError, listing, quote, suggest
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import at_path
from pliant.values.registry import register, register_type

from ..edit.clone import clone
from ..edit.commit import Insertion, commit_one
from ..tree.adoption import admit
from ..tree.leaf import bare, is_sentinel
from ..tree.node import ATOMS, UNSET, path
from ..tree.realize import make_twin
from .compile import (
    EXACT,
    check_name,
    make_copies,
    make_copy,
    make_equal,
    make_hash,
    make_init,
    make_maker,
    make_values,
)
from .methods import Symbolic

PUBLIC = frozenset(
    """rebind clone query seal save to_json to_json_str is_sealed is_partial is_deterministic sym_parent sym_path sym_root
    sym_init_args partial from_json""".split()
)
"""The names of Pliant's own methods, which do not realize a lazy object."""


def declare(
    cls: Any,
    schema: Schema,
    *,
    attributes: bool,
    runs: bool,
    variadic: str | None = None,
    keyword_only: frozenset[str] = frozenset(),
    foreign: bool = False,
) -> None:
    """Gives ``cls`` its fields.

    Args:
      cls: the class.
      schema: its fields, inherited ones first.
      attributes: whether fields become attributes of the class (not in symbolized classes, whose own attributes
        may have the same names).
      runs: whether user code runs lazily, so that unrealized objects are twins.
      variadic: the field of extra positional arguments, if any.
      keyword_only: the fields that are passed by name only.
      foreign: whether the class derives from a user's class that does not use Pliant.
    """
    fields = {f.key: f for f in schema.values() if isinstance(f.key, str)}
    names = [
        check_name(str(n), cls.__name__, is_argument=hasattr(cls, "_sym_positional_only")) for n in fields
    ]
    wild = any(not isinstance(f.key, str) for f in schema.values())
    # Generated code assigns attributes if that runs no user code, else it writes to the dictionary.
    lazy = runs or wild or foreign or cls.__setattr__ is not object.__setattr__
    _describe(cls, schema, names, lazy=lazy, runs=runs, foreign=foreign)
    if attributes:
        for name in names:
            setattr(cls, name, _attribute(name, fields[name]))
    init = make_init(
        cls, schema, admit_field, reject_arguments, lazy=lazy, variadic=variadic, keyword_only=keyword_only
    )
    init.__doc__ = f"Creates a {cls.__name__}; checks its arguments, runs none of its code."
    cls._sym_init = init
    init._sym_made = True
    _install_init(cls, init)
    if wild and not foreign:
        _install_wild(cls)
    if runs:
        known = {name for base in cls.__mro__ for name in base.__dict__}
        arguments = frozenset(names) - known if foreign else frozenset()
        cls._sym_twin = make_twin(cls, _answered(cls, names), arguments)
    else:
        cls._sym_twin = None
    _generate(cls, list(fields.values()), lazy=lazy)
    if runs and not foreign:
        cls.__new__ = staticmethod(_new_twin)
    register(cls)


def _describe(cls: Any, schema: Schema, names: list[str], *, lazy: bool, runs: bool, foreign: bool) -> None:
    """Stores facts about the fields in the class."""
    fields = {f.key: f for f in schema.values() if isinstance(f.key, str)}
    cls.__schema__ = schema
    cls._sym_fields = fields
    cls._sym_names = tuple(names)
    cls._sym_checks = {name: field.value_spec.check for name, field in fields.items()}
    cls._sym_slots = {name: "_v_" + name for name in names}
    cls._sym_stateful = runs or foreign or _has_code(cls)
    cls._sym_heavy = cls._sym_stateful or cls._sym_listens
    cls._sym_plain = not lazy and not cls._sym_hears_parent and not cls._sym_partial_ok
    cls._sym_flat = cls._sym_plain and all(type(f.value_spec) in EXACT for f in fields.values())
    cls._sym_wild = len(fields) < len(schema)
    defaults = {name: f.value_spec.default for name, f in fields.items()}
    cls._sym_unset = {n: d for n, d in defaults.items() if d.__class__ not in ATOMS and is_sentinel(d)}
    for value in cls._sym_unset.values():
        with contextlib.suppress(TypeError):  # some cannot have weak references
            UNSET[id(value)] = value
    for field in schema.values():
        for named in named_types(field.value_spec):
            register_type(named, replaces=True)
    cls._sym_foreign = foreign
    cls._sym_lazy = lazy


def _generate(cls: Any, fields: list[Field], *, lazy: bool) -> None:
    """Gives a class its generated functions, but for the constructor."""
    blank = blank_maker(cls)
    cls._sym_blank = staticmethod(blank)
    cls._sym_values = make_values(cls, fields, lazy=lazy)
    cls._sym_make = staticmethod(make_maker(cls, fields, blank if lazy else None))
    cls._sym_copy = make_copy(cls, fields, blank if lazy else None)
    plain = (make_copies, make_equal, make_hash)
    cls._sym_copies, cls._sym_equal, cls._sym_hash = (
        None if lazy else staticmethod(make(cls, fields)) for make in plain
    )


def _install_init(cls: Any, init: object) -> None:
    """Makes ``init`` the constructor, unless the class has or inherits a user-defined one."""
    owner = next(base for base in cls.__mro__ if "__init__" in base.__dict__)
    found = owner.__dict__["__init__"]
    if (
        getattr(found, "_sym_made", False)
        or not hasattr(owner, "_sym_own")
        or owner.__module__ == "pliant.symbolic.objects.object"
    ):
        cls.__init__ = init
        return
    for base in cls.__mro__[1:]:  # `super().__init__` sets the fields of the object's class, not of the base
        if getattr(base.__dict__.get("__init__"), "_sym_made", False):
            base.__init__ = _init_by_class


def _init_by_class(self: Any, /, *args: Any, **fields: Any) -> None:
    type(self)._sym_init(self, *args, **fields)


_init_by_class._sym_made = True  # type: ignore[attr-defined]  # marks it as generated, as `declare` does


def _install_wild(cls: Any) -> None:
    """Makes keys of a wildcard field attributes, after the attributes of the class itself."""
    fallback = getattr(cls, "__getattr__", None)
    if getattr(fallback, "_sym_made", False):
        return

    def __getattr__(self: Any, name: str) -> Any:  # noqa: N807  # installed below
        state = object.__getattribute__(self, "__dict__")
        if name in state.get("_sym_more", ()):
            return bare(state["_sym_more"][name])
        if fallback is not None:
            return fallback(self, name)
        raise AttributeError(f"{cls.__name__!r} object has no attribute {name!r}")

    assign = cls.__setattr__

    def __setattr__(self: Any, name: str, value: object) -> None:  # noqa: N807  # installed below
        if name in object.__getattribute__(self, "__dict__").get("_sym_more", ()):
            commit_one(self, name, value)
        else:
            assign(self, name, value)

    __getattr__._sym_made = __setattr__._sym_made = True  # type: ignore[attr-defined]  # as `declare` marks its own
    cls.__getattr__, cls.__setattr__ = __getattr__, __setattr__


def _has_code(cls: Any) -> bool:
    """Returns whether a class has user code, which may store computed values in its objects."""
    return any(
        callable(member) or hasattr(type(member), "__get__")
        for base in cls.__mro__
        if not base.__module__.startswith("pliant.symbolic") and base is not object
        for name, member in base.__dict__.items()
        if not name.startswith("_sym_") and name not in cls._sym_slots and not _is_ours(name, member)
    )


def _is_ours(name: str, member: object) -> bool:
    return getattr(member, "_sym_made", False) or name in (
        "__dict__",
        "__weakref__",
        "__new__",
        "__signature__",
    )


def _new_twin(cls: Any, /, *args: Any, **fields: Any) -> Any:
    """Creates an unrealized object of a class with user code."""
    return object.__new__(cls._sym_twin or cls)


def _answered(cls: Any, names: list[str]) -> frozenset[str]:
    """Returns the public names that do not realize an object: Pliant's methods, and its fields."""
    ours = {n for n in PUBLIC if getattr(cls, n, None) is not None and _defined_by_us(cls, n, Symbolic)}
    return frozenset(ours if cls._sym_foreign else {*ours, *names})


def _defined_by_us(cls: Any, name: str, symbolic: Any) -> bool:
    """Returns whether a name is still Pliant's method in ``cls``."""
    owner = next(base for base in cls.__mro__ if name in base.__dict__)
    return issubclass(owner, symbolic) and owner.__module__.startswith("pliant.symbolic")


def blank_maker(cls: Any) -> Callable[[], Any]:
    """Returns a function that creates an object without fields (unrealized, if it has user code)."""
    target = cls._sym_twin or cls
    base_new: Any = object.__new__
    for base in cls.__mro__:
        found = base.__dict__.get("__new__")
        if found is not None and not isinstance(found, staticmethod) and base is not object:
            base_new = base.__new__  # a built-in layout (dict, Exception, ...) needs its own __new__
            break

    def blank() -> Any:
        return base_new(target)

    return blank


def _attribute(name: str, field: Field) -> property:
    """Returns the attribute of a field: reads the stored value, and checks assigned values."""
    stored = attrgetter("_v_" + name)

    def read(self: Any) -> Any:
        return bare(stored(self))

    def assign(self: Any, value: object) -> None:
        commit_one(self, name, value)

    def remove(self: Any) -> None:
        commit_one(self, name, MISSING_VALUE)

    get: Any = read if field.value_spec.holds_nodes else stored  # without a Ref, reading costs less
    return property(get, assign, remove, field.description or f"The field {name!r}.")


def admit_field(holder: Any, name: str, value: object) -> Any:
    """Returns an argument as the new object stores it, if the quick test of the constructor fails."""
    field = type(holder)._sym_fields[name]
    if value is MISSING_VALUE:
        value = fresh_default(field)
        if value is MISSING_VALUE:
            if holder._sym_partial_ok:
                return value
            raise MissingFieldError(missing_text(holder, name))
    return admit(holder, name, value, field.value_spec)


def fresh_default(field: Field) -> Any:
    """Returns the default of a field, copied if it is mutable."""
    default = field.value_spec.default
    return default if default is MISSING_VALUE else clone(default, deep=True)


def missing_text(holder: Any, name: str) -> str:
    """Returns the message for a required argument that is missing."""
    fields = type(holder)._sym_fields
    required = [
        f"{n}: {quote(f.value_spec, 200)}" for n, f in fields.items() if f.value_spec.default is MISSING_VALUE
    ]
    return (
        f"{type(holder).__name__} needs a value for {name!r}; its required fields are ({', '.join(required)}). "
        f"Pass it, or create an incomplete object with {type(holder).__name__}.partial(...)."
    )


def reject_arguments(holder: Any, more: tuple[Any, ...], extra: dict[str, Any]) -> None:
    """Handles arguments that match no field: stores those of a wildcard field, rejects the others."""
    cls = type(holder)
    names = list(cls._sym_fields)
    if more:
        raise UnknownFieldError(
            f"{cls.__name__} takes {len(names)} positional arguments ({', '.join(names)}), "
            f"but {len(names) + len(more)} were given; {quote(more[0])} is one too many."
        )
    if extra and not cls._sym_wild:
        name = next(iter(extra))
        raise UnknownFieldError(
            f"{cls.__name__} has no field {name!r}{suggest(name, names) or '.'} Its fields are: {listing(names)}."
        )
    if extra:
        kept = {}
        for name, value in extra.items():
            check_name(name, cls.__name__, is_argument=True)
            kept[name] = admit(holder, name, value, spec_for(cls, name))
        object.__getattribute__(holder, "__dict__")["_sym_more"] = kept


def spec_for(cls: Any, name: object) -> Any:
    """Returns the spec of a field or wildcard key of ``cls``.

    Raises:
      UnknownFieldError: it has no such field; the message suggests the nearest.
    """
    field = cls._sym_fields.get(name)
    if field is None and cls._sym_wild and isinstance(name, str):
        field = cls.__schema__.field_for(name)
    if field is None:
        raise UnknownFieldError(
            f"{cls.__name__} has no field {quote(name)}{suggest(name, cls._sym_fields) or '.'} "
            f"Its fields are: {listing(cls._sym_fields)}."
        )
    return field.value_spec


def plan_fields(holder: Any, updates: dict[Any, Any], fresh: list[Any]) -> dict[Any, Any]:
    """Returns new field values as the object stores them; see ``edit.commit``."""
    cls = type(holder)
    planned: dict[Any, Any] = {}
    for name, value in updates.items():
        if value.__class__ is Insertion:
            raise UnknownFieldError(
                f"{at_path(path(holder) + name)} is a field of {cls.__name__}; only list items can be inserted."
            )
        field = cls._sym_fields.get(name)
        spec = field.value_spec if field is not None else spec_for(cls, name)
        if value.__class__ in ATOMS and value is not MISSING_VALUE:  # needs no adoption
            try:
                planned[name] = spec.check(value)
            except PliantError:
                spec.check(value, path(holder) + name)  # again, for a message with the whole path
                raise
            continue
        if value is MISSING_VALUE:
            if name in cls._sym_fields:
                value = fresh_default(cls._sym_fields[name])
                if value is MISSING_VALUE and not (
                    holder._sym_partial_ok or holder.__dict__.get("_sym_partial_ok")
                ):
                    raise MissingFieldError(missing_text(holder, name))
            if value is MISSING_VALUE:
                planned[name] = value
                continue
        new = planned[name] = admit(holder, name, value, spec)
        if new is not holder._sym_child(name):
            fresh.append((holder, new))
    return planned
