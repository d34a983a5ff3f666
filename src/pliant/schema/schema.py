"""The fields of a class or a dict, in order: completes, checks, and extends a base's."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping

from pliant.values.errors import MissingFieldError, SchemaError, UnknownFieldError, listing, suggest
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import ROOT, Path, at_path

from .field import Field, as_field
from .keys import KeySpec, StrKey
from .lesson import show
from .types import ForwardRef
from .value_spec import ValueSpec, check_at


@t.final
class Schema(Mapping[KeySpec, Field]):
    """Fields by key, in order; frozen.  A ``StrKey`` field stands for all keys that no other field has.

    Attributes:
      name: whose fields they are (a class, say), for messages.
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
          SchemaError: two fields have one key, or something is no ``Field``.
        """
        by_key: dict[KeySpec, Field] = {}
        for field in fields:
            if not isinstance(field, Field):
                raise SchemaError(
                    f"a schema is made of Fields; got {show(field)}. Write schema_from_members([...]) for tuples."
                )
            if field.key in by_key:
                raise SchemaError(
                    f"the field {str(field.key)!r} is declared twice{_of(name)}: "
                    f"{by_key[field.key]!r} and {field!r}. Remove one."
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
        """Returns the field for ``key``: its own, else the first ``StrKey`` field that matches, else None."""
        field = self._fields.get(key) if isinstance(key, str) else None
        if field is None and self.wildcards:
            field = next((f for f in self.wildcards if t.cast(StrKey, f.key).match(key)), None)
        return field

    def unknown(self, key: object, path: Path = ROOT) -> UnknownFieldError:
        """Returns (does not raise) the error for a key that no field has, with the nearest name."""
        names = [str(k) for k in self._fields]
        return UnknownFieldError(
            f"there is no field {key!r}{_of(self.name)} {at_path(path)}{suggest(key, names) or '.'} "
            f"Fields: {listing(names)}."
        )

    def missing(self, names: Iterable[str], path: Path = ROOT) -> MissingFieldError:
        """Returns (does not raise) the error for required fields without a value, with what they hold."""
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
          UnknownFieldError: a key belongs to no field.
          MissingFieldError: required fields have no value; all of them are named.
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
        """Returns the fields of a subclass: those of ``base``, narrowed where both have one, then the new ones.

        A new key that a ``StrKey`` field of ``base`` covers must narrow that field.

        Raises:
          SchemaError: a field is wider than the base's; the message names it.

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
        """Lets the forward references to ``cls`` in these fields, by its name, mean just this class.

        To be called once the class exists: a class inside a function is in no globals.
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
            f"a schema cannot be changed (here {name!r}); make another: Schema([...]) or schema.extend(base)."
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
        """Returns the members as one writes them."""
        entries = []
        for f in self._fields.values():
            parts = (f.key, f.value_spec, f.description, dict(f.metadata))
            entries.append(repr(parts[: 4 if f.metadata else 3 if f.description else 2]))
        return f"[{', '.join(entries)}]"

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        return f"Schema([{', '.join(map(repr, self._fields.values()))}]{name})"


def _of(name: str) -> str:
    return f" in {name}" if name else ""


def _rebuild(fields: tuple[Field, ...], name: str) -> Schema:
    return Schema(fields, name=name)


def schema_from_members(members: t.Any, *, name: str = "") -> Schema:
    """Returns the schema for a list of ``(key, spec)`` tuples, each with a description if one likes.

    A dict ``{key: spec}`` does as well.

    Raises:
      SchemaError: an entry is malformed; the message shows it and the form.

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
            f"members are a list of (key, spec) tuples{_of(name)}; got {show(members)} of type "
            f"{type(members).__name__}. Write [('x', pg.typing.Int()), ('y', pg.typing.Str(), 'description')]."
        )
    return Schema([as_field(entry) for entry in members], name=name)
