"""``Object``: the base class of symbolic classes.  Fields are declared by annotations or by ``members``.

Objects are compared, hashed, printed, stored, copied and changed by their fields.  Compute derived values in
``on_bound``, which runs at the first use of an object and again after a change.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import ChainMap
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Never, dataclass_transform

from pliant.schema import Field, Schema, schema_from_members
from pliant.values.errors import (
    FieldTypeError,
    PliantError,
    SchemaError,
    check_items,
    listing,
    quote_typed,
    suggest,
)
from pliant.values.missing import MISSING_VALUE
from pliant.values.slips import explain_argument

from ..edit.commit import attach, detach
from ..json.documents import from_json
from ..read.compare import equal, hash_of, less, node_class
from ..tree.node import ATOMS
from ..tree.realize import forget, put
from .declare import declare, plan_fields
from .methods import Symbolic
from .parameters import FieldSignature
from .statement import check_statement, mark_abstract, read_fields


class Machinery(Symbolic):
    """Shared base of the classes with fields: ``Object`` and symbolized classes."""

    __slots__ = ()
    __schema__: ClassVar[Schema] = Schema([])
    __signature__ = FieldSignature()
    _sym_fields: ClassVar[dict[str, Field]] = {}
    _sym_names: ClassVar[tuple[str, ...]] = ()
    _sym_stateful = False
    _sym_unset: ClassVar[dict[str, Any]] = {}
    _sym_twin: ClassVar[Any] = None
    _sym_plain: ClassVar[bool] = False
    _sym_lazy: ClassVar[bool] = False
    _sym_wild: ClassVar[bool] = False
    _sym_partial_ok = False
    _sym_busy = False
    _sym_places: ClassVar[tuple[str, ...]] = ()
    _sym_keyword_only: ClassVar[frozenset[str]] = frozenset()

    def _sym_keys(self) -> Any:
        if self._sym_wild:
            more = object.__getattribute__(self, "__dict__").get("_sym_more")
            if more:
                return (*self._sym_names, *more)
        return self._sym_names

    def _sym_child(self, key: Any) -> Any:
        slot = self._sym_slots.get(key)
        if slot is not None:
            return object.__getattribute__(self, slot)
        return object.__getattribute__(self, "__dict__").get("_sym_more", {}).get(key, MISSING_VALUE)

    def _sym_assign(self, key: Any, value: Any) -> bool:
        slot = self._sym_slots.get(key)
        if slot is None or not self._sym_plain or value is MISSING_VALUE:
            return False
        if object.__getattribute__(self, slot).__class__ not in ATOMS:
            return False
        try:
            value = self._sym_fields[key].value_spec.check(value)
        except PliantError:
            return False  # the general way raises the error with the whole path
        object.__setattr__(self, slot, value)
        return True

    def _sym_put(self, key: Any, value: object) -> None:
        slot = self._sym_slots.get(key)
        if slot is not None:
            put(self, slot, value)
        else:
            more = object.__getattribute__(self, "__dict__").setdefault("_sym_more", {})
            if value is MISSING_VALUE:
                more.pop(key, None)
            else:
                more[key] = value

    def _sym_plan(self, updates: dict[Any, Any], fresh: list[Any]) -> dict[Any, Any]:
        return plan_fields(self, updates, fresh)

    def _sym_swap(self, content: dict[Any, Any]) -> dict[Any, Any]:
        old = {}
        slots = self._sym_slots
        for key, value in content.items():
            slot = slots.get(key)
            before = old[key] = self._sym_child(key) if slot is None else getattr(self, slot)
            if before.__class__ not in ATOMS and before is not value:
                detach(self, (before,), set())
            if slot is not None and self._sym_plain:
                put(self, slot, value)
            else:
                self._sym_put(key, value)
            if value.__class__ not in ATOMS:
                attach(self, ((key, value),))
        return old

    def _sym_reset(self) -> None:
        if self._sym_template is not None:
            put(self, "_sym_template", None)
        if not self._sym_stateful:
            return
        twin = self._sym_twin
        if twin is None:
            state = object.__getattribute__(self, "__dict__")
            for name in [n for n in state if n[:3] != "_v_" and n[:5] != "_sym_"]:
                del state[name]
        elif type(self) is not twin and not self._sym_busy:
            forget(self, twin)

    def _sym_tell(self, changes: dict[Any, Any]) -> None:
        """Runs the change hook."""

    @classmethod
    def partial(cls, /, *args: Any, **fields: Any) -> Any:
        """Creates an object that may lack required fields; set them later with ``rebind``."""
        made = cls._sym_blank()  # type: ignore[attr-defined]  # set by declare
        put(made, "_sym_partial_ok", True)
        cls._sym_init(made, *args, **fields)  # type: ignore[attr-defined]  # set by declare
        return made

    @classmethod
    def _sym_build(cls, /, **fields: Any) -> Any:
        """Creates an object from its fields, even if the user's ``__init__`` has other arguments."""
        made = cls._sym_blank()  # type: ignore[attr-defined]  # set by declare
        cls._sym_init(made, **fields)  # type: ignore[attr-defined]  # set by declare
        return made

    @classmethod
    def from_json(cls, json_value: object, *, allow: Iterable[Any] = (), allow_partial: bool = False) -> Any:
        """Creates an object from the data of ``to_json``; see ``pg.from_json``."""
        return from_json(json_value, allow=allow, allow_partial=allow_partial)


@dataclass_transform(kw_only_default=False, field_specifiers=(dataclasses.field,))
class Object(Machinery):
    """A symbolic object.

    >>> class Conv(Object):
    ...     filters: int
    ...     kernel: tuple[int, int] = (3, 3)
    >>> conv = Conv(8)
    >>> conv.rebind(filters=16), conv == Conv(16), conv.clone(override={"kernel": (5, 5)}).kernel
    (Conv(filters=16, kernel=(3, 3)), True, (5, 5))

    Subclasses inherit fields and may narrow them; an assignment without annotation in the class body
    (``filters = 32``) sets another default of an inherited field.  A subclass may have its own ``__init__``
    that passes the fields on: ``super().__init__(filters=2 * width)``.
    """

    def __init__(self, /, *args: Any, **fields: Any) -> None:
        cls: Any = type(self)
        if not hasattr(cls, "_sym_init"):
            raise SchemaError(
                f"{cls.__name__}: an object was created before its class was complete, as enum.Enum does. Use a plain Enum, "
                "whose members can be values of fields, and a pg.Object without Enum as base."
            )
        cls._sym_init(self, *args, **fields)

    def __init_subclass__(cls, *, kw_only: bool = False, **options: Any) -> None:
        """Declares the fields of a subclass; ``options`` are those of its other bases."""
        super().__init_subclass__(**options)
        if "_sym_twin_of" in cls.__dict__:
            return
        frame = sys._getframe(1)
        # A chain, not a copy: annotations are resolved later, and may name what the module defines after this.
        modules = (frame.f_globals, vars(sys.modules.get(cls.__module__, sys)))
        scope: ChainMap[str, Any] = ChainMap({}, frame.f_locals, *modules)
        check_statement(cls)
        fields, by_name = read_fields(cls, inherited_schema(cls), scope, kw_only=kw_only)
        declare_object(cls, Schema(fields), keyword_only=by_name)
        scope.maps[0][cls.__name__] = cls

    def on_bound(self) -> None:
        """Computes values from the fields; runs before the first use of the object. Override it."""

    def on_change(self, changes: dict[Any, Any]) -> None:
        """Runs after changes at and below this object, given as ``{relative path: Change}``. Override it.

        It does not run while the object lacks a value or has an undecided hole.
        """

    def on_parent_change(self, old_parent: object, new_parent: object) -> None:
        """Runs after this object was put into a tree or taken out of one; not for copies. Override it."""

    def _on_bound(self) -> None:
        """The name of ``on_bound`` in PyGlove programs."""

    def _on_change(self, changes: dict[Any, Any]) -> None:
        """The name of ``on_change`` in PyGlove programs."""

    def _on_parent_change(self, old_parent: object, new_parent: object) -> None:
        """The name of ``on_parent_change`` in PyGlove programs."""

    def _sym_moved(self, old_parent: object, new_parent: object) -> None:
        self._on_parent_change(old_parent, new_parent)
        self.on_parent_change(old_parent, new_parent)

    def _sym_run(self) -> None:
        self._on_bound()
        self.on_bound()

    def _sym_tell(self, changes: dict[Any, Any]) -> None:
        self._on_change(changes)
        self.on_change(changes)

    def __eq__(self, other: object) -> Any:
        return equal(self, other) if node_class(self) is node_class(other) else NotImplemented

    def __hash__(self) -> int:
        return hash_of(self)

    def __lt__(self, other: object) -> Any:
        return less(self, other) if isinstance(other, Object) else NotImplemented


def inherited_schema(cls: Any) -> Schema:
    """Returns the fields that a class inherits; those of earlier bases have priority."""
    schema = Schema([])
    for base in reversed(cls.__bases__):
        found = getattr(base, "__schema__", None)
        if found is not None:
            schema = Schema([*found.values()]).extend(schema) if len(schema) else found
    return schema


def declare_object(
    cls: Any, own: Schema, *, variadic: str | None = None, keyword_only: Any = frozenset()
) -> None:
    """Declares the own and inherited fields of an ``Object`` subclass; arguments as for ``declare``."""
    base = inherited_schema(cls) if "_sym_own" not in cls.__dict__ else cls.__schema__
    cls._sym_own = True
    runs = _overrides(cls, "on_bound", "_on_bound")
    cls._sym_listens = _overrides(cls, "on_change", "_on_change")
    cls._sym_hears_parent = _overrides(cls, "on_parent_change", "_on_parent_change")
    by_name = frozenset(keyword_only) | getattr(cls, "_sym_keyword_only", frozenset())
    cls._sym_keyword_only = by_name
    declare(cls, own.extend(base), attributes=True, runs=runs, variadic=variadic, keyword_only=by_name)
    if "__match_args__" not in cls.__dict__:
        places = tuple(n for n in cls._sym_names if n not in by_name and n != variadic)
        cls.__match_args__ = places  # type: ignore[misc]  # mypy wants it in the class body
    mark_abstract(cls)
    if cls._sym_twin is not None:
        mark_abstract(cls._sym_twin)


def _overrides(cls: Any, *hooks: str) -> bool:
    """Returns whether a class overrides a hook."""
    return any(getattr(cls, name) is not getattr(Object, name) for name in hooks)


def members(
    fields: object,
    metadata: Mapping[str, Any] | None = None,
    *,
    init_arg_list: Iterable[str] | None = None,
    **_unknown: Never,
) -> Any:
    """Declares fields of an ``Object`` subclass by a list: ``@pg.members([('x', pg.typing.Int()), …])``.

    Args:
      fields: ``(name, spec)``, ``(name, spec, description)`` or a dict of them; a name may be
        ``pg.typing.StrKey()`` to allow any other names.
      metadata: as in PyGlove; only ``init_arg_list`` has an effect here.
      init_arg_list: the fields that can be passed by position, in this order; the last may be ``'*name'``, a field with
        a list of all further arguments.

    >>> from pliant import schema as typing
    >>> @members([("x", typing.Int(min_value=1)), ("y", typing.Str("a"))])
    ... class A(Object):
    ...     pass
    >>> A(2)
    A(x=2, y='a')
    """
    own = schema_from_members(fields)
    if not isinstance(metadata or {}, Mapping):
        raise FieldTypeError(f"pg.members(metadata=...) takes a dict; got {quote_typed(metadata)}.")
    for name in {**_unknown, **(metadata or {})}:
        if name != "init_arg_list" or name in _unknown:
            raise explain_argument("pg.members", name, {}, ("init_arg_list",))
    listed = (metadata or {}).get("init_arg_list") if init_arg_list is None else init_arg_list
    places = None if listed is None else check_items(listed, "pg.members(init_arg_list=...)", "['x', 'y']")

    def decorate(cls: Any) -> Any:
        if places is None:
            declare_object(cls, own)
            return cls
        known = list(own.extend(cls.__schema__))
        names = tuple(name.removeprefix("*") for name in places)
        for name in names:
            if name not in known:
                raise SchemaError(
                    f"pg.members: init_arg_list of {cls.__name__} has {name!r}, which is not a field"
                    f"{suggest(name, known) or '.'} The fields are: {listing(known)}."
                )
        cls._sym_places = names
        variadic = names[-1] if places and places[-1].startswith("*") else None
        declare_object(cls, own, variadic=variadic, keyword_only=frozenset(known) - set(names))
        return cls

    return decorate
