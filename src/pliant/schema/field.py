"""One field: its key, what it may hold, and what it is for."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from pliant.values.errors import SchemaError
from pliant.values.missing import MISSING_VALUE

from .keys import KeySpec, StrKey
from .lesson import show
from .value_spec import ValueSpec, as_spec

_FORM = "Write (key, spec), (key, spec, 'description') or (key, spec, 'description', {metadata})"


@t.final
class Field:
    """A key with the spec of its values; frozen.

    Attributes:
      key: the key, or a ``StrKey`` for all keys of a form.
      value_spec: what the field may hold.
      description: what it is for, for people.
      metadata: anything that others want to know of it.

    >>> Field("filters", int, "Output channels.")
    Field('filters', Int(), 'Output channels.')
    """

    __slots__ = ("description", "key", "metadata", "value_spec")
    key: KeySpec
    value_spec: ValueSpec
    description: str
    metadata: Mapping[str, t.Any]

    def __init__(
        self,
        key: KeySpec,
        value_spec: t.Any,
        description: str | None = "",
        metadata: Mapping[str, t.Any] | None = None,
    ) -> None:
        """Makes a field; ``value_spec`` is a spec or an annotation such as ``int``.

        Raises:
          SchemaError: a part is not of its kind.
        """
        form = f"{_FORM}; got the field {show(key)}."
        if not isinstance(t.cast(t.Any, key), (str, StrKey)) or key == "":
            raise SchemaError(
                f"a field's key is a name or a StrKey; got {show(key)} of type {type(key).__name__}. {_FORM}."
            )
        if description is not None and not isinstance(description, str):
            raise SchemaError(f"a field's description is text; got {show(description)}. {form}")
        if metadata is not None and not isinstance(metadata, Mapping):
            raise SchemaError(f"a field's metadata is a dict; got {show(metadata)}. {form}")
        try:
            spec = as_spec(value_spec)
        except SchemaError as error:
            raise SchemaError(f"the field {str(key)!r}: {error}") from error
        for name, value in (
            ("key", key),
            ("value_spec", spec),
            ("description", description or ""),
            ("metadata", dict(metadata or {})),
        ):
            object.__setattr__(self, name, value)

    @property
    def value(self) -> ValueSpec:
        """The value spec, under the name that the PyGlove package has for it."""
        return self.value_spec

    @property
    def required(self) -> bool:
        """Whether a value must be given: the field has one key and no default."""
        return isinstance(self.key, str) and self.value_spec.default is MISSING_VALUE

    def extend(self, base: Field) -> Field:
        """Returns this field as it is in a subclass of one that has ``base``.

        Raises:
          SchemaError: its spec does not narrow that of ``base``; the message names the field.
        """
        try:
            spec = self.value_spec.extend(base.value_spec)
        except SchemaError as error:
            raise SchemaError(f"the field {str(self.key)!r}: {error}") from error
        metadata = {**base.metadata, **self.metadata}
        return Field(self.key, spec, self.description or base.description, metadata)

    def __setattr__(self, name: str, value: object) -> t.NoReturn:
        raise SchemaError(f"a field cannot be changed (here {name!r} of {self!r}); make another Field.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Field):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash((self.key, self.value_spec))

    def __reduce__(self) -> tuple[t.Any, ...]:
        return Field, (self.key, self.value_spec, self.description, dict(self.metadata))

    def __repr__(self) -> str:
        parts = [repr(self.key), repr(self.value_spec)]
        if self.description or self.metadata:
            parts.append(repr(self.description))
        if self.metadata:
            parts.append(repr(dict(self.metadata)))
        return f"Field({', '.join(parts)})"


def as_field(entry: t.Any) -> Field:
    """Returns a field from a ``Field`` or a tuple such as ``('x', Int(), 'what it is')``.

    >>> as_field(("x", int))
    Field('x', Int())

    Raises:
      SchemaError: the entry is neither; the message shows the form.
    """
    if isinstance(entry, Field):
        return entry
    if isinstance(entry, (tuple, list)) and 2 <= len(entry) <= 4:
        return Field(*entry)
    if isinstance(entry, (tuple, list)):
        raise SchemaError(f"a field has 2 to 4 parts; got {len(entry)} in {show(entry)}. {_FORM}.")
    raise SchemaError(
        f"a field is a tuple or a Field; got {show(entry)} of type {type(entry).__name__}. {_FORM}."
    )
