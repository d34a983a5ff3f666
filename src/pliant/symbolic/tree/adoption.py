"""Adoption: checks a value for a field, makes it symbolic, and sets its parent and key.

Generated constructors call ``admit`` for values that fail their quick test.  It returns the value to store and never
changes the holder.
"""

from __future__ import annotations

import contextlib
from typing import Any

from pliant.schema import Dict as DictSpec
from pliant.schema import List as ListSpec
from pliant.schema import Tuple as TupleSpec
from pliant.schema import Union as UnionSpec
from pliant.schema import ValueSpec
from pliant.values.errors import CycleError, PliantError
from pliant.values.path import Path, at_path

from .node import ATOMS, Node, path


def admit(holder: object, key: object, value: object, spec: ValueSpec | None) -> Any:
    """Returns ``value`` as it is stored under ``key`` of ``holder``: checked, symbolic, with parent and key.

    Raises:
      FieldTypeError, FieldValueError, MissingFieldError: ``spec`` does not allow the value.
      CycleError: the value contains the holder.
    """
    if spec is not None:
        try:
            value = spec.check(value)
        except PliantError:
            spec.check(value, place_of(holder, key))  # again, for a message with the whole path
            raise
    return adopt(holder, key, value, spec)


def place_of(holder: object, key: Any) -> Path:
    """Returns the path of ``key`` under ``holder``."""
    at = path(holder)
    return at + Path(key) if key.__class__ is tuple else at + key


def adopt(holder: Any, key: Any, value: Any, spec: ValueSpec | None = None) -> Any:
    """Returns ``value`` made symbolic, with its parent and key set; a node that has a parent is copied."""
    cls = value.__class__
    if cls in ATOMS:
        return value
    if isinstance(value, Node):
        if value._sym_parent is not None:
            if value._sym_parent is holder and value._sym_key == key:
                return value  # it is there already
            value = value._sym_copy()
        elif holder is not None and (value is holder or holder._sym_parent is not None):
            refuse_cycle(holder, key, value)
        value._sym_parent = holder
        value._sym_key = key
        if spec is not None and cls in CONTAINERS:
            govern(value, spec)
        if value._sym_hears_parent and holder is not None:
            ARRIVED[id(value)] = value, holder
        return value
    if cls is tuple or (isinstance(value, tuple) and hasattr(value, "_fields")):
        return adopt_tuple(holder, key, value, spec)
    maker = PLAIN.get(cls)
    if maker is not None:
        try:
            node = maker(value, container_spec(spec, value))
        except RecursionError:
            raise CycleError(
                f"a {cls.__name__} cannot be put {at_path(place_of(holder, key)) if holder is not None else 'into a tree'}: "
                "it contains itself, or is nested too deeply for Python."
            ) from None
        node._sym_parent = holder
        node._sym_key = key
        return node
    return value


ARRIVED: dict[int, tuple[Any, Any]] = {}
"""Adopted nodes by ``id``, with their holders; their parent hooks wait until the holder is complete, for ``announce``."""


def announce(top: Any) -> None:
    """Runs the parent hooks that wait below ``top``, which is complete now."""
    found = take_arrived(top)
    for i, (value, holder) in enumerate(found):
        try:
            value._sym_moved(None, holder)
        except BaseException:
            ARRIVED.update({id(v): (v, holder) for v, holder in found[i:]})  # `release` does not tell these
            raise


def take_arrived(top: Any) -> list[tuple[Any, Any]]:
    """Returns and forgets the adopted nodes below ``top`` whose hooks wait; other threads have other trees."""
    found = []
    for identity, (_, holder) in list(ARRIVED.items()):
        at = holder
        while at is not None and at is not top:
            at = at._sym_parent
        if at is not None:
            found.append(ARRIVED.pop(identity))
    return found


def govern(container: Any, spec: ValueSpec) -> None:
    """Gives a List or Dict, and those inside it, their specs from the spec of its field."""
    found = container_spec(spec, container)
    if found is None or found is container._sym_spec:
        return
    container._sym_spec = found
    for key, value in zip(container._sym_keys(), container._sym_values()):
        if value.__class__ in CONTAINERS:
            inner = item_spec(found, key)
            if inner is not None:
                govern(value, inner)


def item_spec(spec: Any, key: Any) -> ValueSpec | None:
    """Returns the spec of one item from the spec of its list, dict or tuple; None if any value is allowed."""
    if isinstance(spec, ListSpec):
        return spec.element
    if isinstance(spec, DictSpec):
        field = spec.schema.field_for(key) if spec.schema is not None else None
        return field.value_spec if field is not None else None
    if isinstance(spec, TupleSpec):
        return spec.elements[key] if spec.elements is not None else spec.element
    return None


def adopt_tuple(holder: object, key: object, value: Any, spec: ValueSpec | None = None) -> Any:
    """Returns a tuple whose nodes have the holder as parent; the same tuple if it has only leaves."""
    changed = False
    made = []
    steps = key if key.__class__ is tuple else (key,)
    found = _governing(spec, TupleSpec, value) if spec is not None else None
    for i, item in enumerate(value):
        if item.__class__ in ATOMS:
            made.append(item)
            continue
        new = adopt(holder, (*steps, i), item, item_spec(found, i))
        changed = changed or new is not item
        made.append(new)
    if not changed:
        return value
    return type(value)(*made) if hasattr(value, "_fields") else tuple(made)


def refuse_cycle(holder: Any, key: Any, value: Any) -> None:
    """Raises CycleError if ``value`` is ``holder`` or one of its ancestors."""
    at = holder
    while at is not None:
        if at is value:
            raise CycleError(
                f"a {type(value).__name__} cannot be put {at_path(place_of(holder, key))}, which is inside it: "
                "the tree would contain itself. Put a copy there: `x.clone()`."
            )
        at = at._sym_parent


def container_spec(spec: ValueSpec | None, value: object) -> ValueSpec | None:
    """Returns the part of ``spec`` that applies to a list or dict, or None if any items are allowed."""
    return _governing(spec, ListSpec if isinstance(value, list) else DictSpec, value)


def _governing(spec: ValueSpec | None, kind: type, value: object) -> ValueSpec | None:
    """Returns ``spec``, or the candidate of a union, that is of ``kind``; of several, the one that allows the value."""
    if isinstance(spec, kind):
        return spec
    found = [c for c in spec.candidates if isinstance(c, kind)] if isinstance(spec, UnionSpec) else []
    for candidate in found[:-1]:
        with contextlib.suppress(PliantError):
            candidate.check(value)
            return candidate
    return found[-1] if found else None


def release(holder: object, values: Any) -> None:
    """Undoes ``adopt`` for the values of a failed construction."""
    for value in values:
        if isinstance(value, Node) and value._sym_parent is holder:
            value._sym_parent = None
            value._sym_key = None
            take_arrived(value)
            if ARRIVED.pop(id(value), None) is None and value._sym_hears_parent:
                value._sym_moved(holder, None)
        elif isinstance(value, tuple):
            release(holder, value)


PLAIN: dict[type, Any] = {}
"""Functions that make a node of a plain container, by its class; filled by ``objects.containers``."""

CONTAINERS: set[type] = set()
"""The container node classes; filled by ``objects.containers``."""
