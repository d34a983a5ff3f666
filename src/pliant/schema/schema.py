"""Schema: the ordered fields of a class or dict; checks values, fills in defaults, extends a base schema."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping

from pliant.values.errors import (
    MissingFieldError,
    SchemaError,
    UnknownFieldError,
    check_items,
    listing,
    quote,
    quote_typed,
    suggest,
)
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import ROOT, Path, at_path

from .field import Field, KeySpec, StrKey, as_field
from .types import ForwardRef
from .value_spec import ValueSpec, check_at


@t.final
class Schema(Mapping[KeySpec, Field]):
    """Fields by key, in order; immutable.  The field of a ``StrKey`` applies to all keys without a field of their own.

    Attributes:
      name: of the owner, such as a class, for messages.
      wildcards: the fields whose key is a ``StrKey``.

    >>> from pliant.schema import Int, Str
    >>> s = Schema([Field("x", Int()), Field("y", Str("a"))])
    >>> s.check({"x": 1})
    {'x': 1, 'y': 'a'}
    """

    __slots__ = ("_fields", "_plain", "name", "wildcards")
    _fields: dict[KeySpec, Field]
    _plain: tuple[tuple[str, Field], ...]
    name: str
    wildcards: tuple[Field, ...]

    def __init__(self, fields: Iterable[Field] = (), *, name: str = "") -> None:
        """Makes a schema.

        Raises:
          SchemaError: two fields have the same key, or an item is not a ``Field``.
        """
        by_key: dict[KeySpec, Field] = {}
        for field in check_items(fields, "Schema(fields=...)", "[Field('x', Int())]"):
            if not isinstance(field, Field):
                raise SchemaError(
                    f"the items of a schema must be Fields; got {quote(field)}. For tuples, write schema_from_members([...])."
                )
            if field.key in by_key:
                raise SchemaError(
                    f"the field {str(field.key)!r} is declared twice{_of(name)}: "
                    f"{quote(by_key[field.key], 200)} and {quote(field, 200)}. Remove one."
                )
            by_key[field.key] = field
        for attribute, value in (
            ("_fields", by_key),
            ("_plain", tuple((k, f) for k, f in by_key.items() if isinstance(k, str))),
            ("wildcards", tuple(f for f in by_key.values() if isinstance(f.key, StrKey))),
            ("name", name),
        ):
            object.__setattr__(self, attribute, value)

    def __getitem__(self, key: KeySpec) -> Field:
        return self._fields[key]

    def __iter__(self) -> Iterator[KeySpec]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def field_for(self, key: object) -> Field | None:
        """Returns the field of ``key``, else the first ``StrKey`` field that matches, else None."""
        field = self._fields.get(key) if isinstance(key, str) else None
        if field is None and self.wildcards:
            field = next((f for f in self.wildcards if t.cast(StrKey, f.key).match(key)), None)
        return field

    def unknown(self, key: object, path: Path = ROOT) -> UnknownFieldError:
        """Returns, without raising it, the error for a key without a field, with the nearest name."""
        names = [str(k) for k in self._fields]
        return UnknownFieldError(
            f"unknown field {quote(key)}{_of(self.name)} {at_path(path)}{suggest(key, names) or '.'} "
            f"Fields: {listing(names)}."
        )

    def missing(self, names: Iterable[str], path: Path = ROOT) -> MissingFieldError:
        """Returns, without raising it, the error for required fields without a value."""
        shown = [f"{n!r} ({self._fields[n].value_spec.expects})" for n in names]
        return MissingFieldError(
            f"required but missing{_of(self.name)} {at_path(path)}: {', '.join(shown)}. "
            f"Give {'it' if len(shown) == 1 else 'them'} a value."
        )

    def check(
        self, values: Mapping[t.Any, t.Any], path: Path = ROOT, *, allow_partial: bool = False
    ) -> dict[t.Any, t.Any]:
        """Returns a new dict of checked values in the order of the fields, with defaults filled in.

        With ``allow_partial``, a required field without a value gets ``MISSING_VALUE``.

        Raises:
          UnknownFieldError: a key without a field.
          MissingFieldError: required fields have no value; the message lists all.
          FieldTypeError, FieldValueError: a value is not allowed.
        """
        extra: list[tuple[t.Any, Field]] = []
        for key in values:
            if key not in self._fields or not isinstance(key, str):
                field = self.field_for(key)
                if field is None:
                    raise self.unknown(key, path)
                extra.append((key, field))
        result: dict[t.Any, t.Any] = {}
        missing: list[str] = []
        for name, field in self._plain:
            value = values.get(name, MISSING_VALUE)
            spec = field.value_spec
            if value is not MISSING_VALUE:
                result[name] = check_at(spec, value, path, name)
            else:
                result[name] = default = spec.fresh_default()
                if default is MISSING_VALUE:
                    missing.append(name)
        if missing and not allow_partial:
            raise self.missing(missing, path)
        for key, field in extra:
            result[key] = check_at(field.value_spec, values[key], path, key)
        return result

    def extend(self, base: Schema) -> Schema:
        """Returns the schema of a subclass: the fields of ``base``, narrowed by those of this schema, then new fields.

        A new field whose key matches a ``StrKey`` of ``base`` must narrow that field.

        Raises:
          SchemaError: a field does not narrow the field of the base.

        >>> from pliant.schema import Int
        >>> Schema([Field("x", Int(1))]).extend(Schema([Field("x", Int(min_value=0)), Field("y", Int())]))
        Schema([Field('x', Int(min_value=0, default=1)), Field('y', Int())])
        """
        merged = dict(base._fields)
        for key, field in self._fields.items():
            above = merged.get(key)
            if above is None and isinstance(key, str):
                above = base.field_for(key)
            if above is None:
                merged[key] = field
                continue
            try:
                merged[key] = field.extend(above)
            except SchemaError as error:
                raise SchemaError(f"{error}{' (in ' + self.name + ')' if self.name else ''}") from error
        return Schema(merged.values(), name=self.name)

    def bind_owner(self, cls: type) -> None:
        """Resolves forward references with the name of ``cls`` in these fields to this class.

        Called after the class was made, because a class inside a function is not in any globals.
        """
        waiting: list[t.Any] = [f.value_spec for f in self._fields.values()]
        while waiting:
            item = waiting.pop()
            if isinstance(item, ForwardRef):
                if item.name == cls.__name__:
                    item.bind(cls)
            elif isinstance(item, Schema):
                waiting.extend(f.value_spec for f in item.values())
            elif isinstance(item, ValueSpec):
                waiting.extend(item._args().values())
            elif isinstance(item, (list, tuple)):
                waiting.extend(item)

    def _constraint(self) -> dict[KeySpec, t.Any]:
        return {k: f.value_spec._constraint() for k, f in self._fields.items()}

    def __setattr__(self, name: str, value: object) -> t.NoReturn:
        raise SchemaError(
            f"the attribute {name!r} of a schema cannot be changed: schemas are immutable. Make a new one with "
            "Schema([...]) or schema.extend(base)."
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schema):
            return NotImplemented
        return list(self._fields.values()) == list(other._fields.values())

    def __hash__(self) -> int:
        return hash(tuple(self._fields.values()))

    def __reduce__(self) -> tuple[t.Any, ...]:
        return _rebuild, (tuple(self._fields.values()), self.name)

    def _text(self) -> str:
        """Returns the members as Python code."""
        entries = []
        for f in self._fields.values():
            parts = (f.key, f.value_spec, f.description, dict(f.metadata))
            entries.append(repr(parts[: 4 if f.metadata else 3 if f.description else 2]))
        return f"[{', '.join(entries)}]"

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"Schema([{', '.join(map(repr, self._fields.values()))}]{name})"


def named_types(spec: object) -> Iterator[object]:
    """Yields the classes that a spec names, and the values that it lists or has as defaults."""
    if isinstance(spec, Schema):
        for field in spec.values():
            yield from named_types(field.value_spec)
    elif isinstance(spec, (list, tuple)):
        for item in spec:
            yield from named_types(item)
    elif isinstance(spec, ValueSpec):
        yield spec.default
        for part in spec._args().values():
            yield from named_types(part)
    else:
        yield spec


def _of(name: str) -> str:
    return f" in {name}" if name else ""


def _rebuild(fields: tuple[Field, ...], name: str) -> Schema:
    return Schema(fields, name=name)


def schema_from_members(members: t.Any, *, name: str = "") -> Schema:
    """Returns the schema for a list of ``(key, spec)`` or ``(key, spec, description)`` tuples, or a dict ``{key: spec}``.

    Raises:
      SchemaError: an invalid entry.

    >>> from pliant.schema import Int, Str, StrKey
    >>> list(schema_from_members([("x", Int()), ("y", Str(), "A name."), (StrKey(), Int())]))
    ['x', 'y', StrKey()]
    """
    if isinstance(members, Schema):
        return members
    if isinstance(members, Mapping):
        members = [(k, *v) if isinstance(v, tuple) else (k, v) for k, v in members.items()]
    if isinstance(members, str) or not isinstance(members, Iterable):
        raise SchemaError(
            f"members must be a list of (key, spec) tuples{_of(name)}; got {quote_typed(members)}. "
            "Write [('x', pg.typing.Int()), ('y', pg.typing.Str(), 'description')]."
        )
    return Schema([as_field(entry) for entry in members], name=name)
