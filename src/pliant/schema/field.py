"""Field of a schema (key, value spec, description, metadata); its key is a plain string, or a ``StrKey`` that matches many."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

from pliant.values.errors import SchemaError, quote, quote_typed
from pliant.values.missing import MISSING_VALUE

from .text import compile_regex
from .value_spec import ValueSpec, as_spec

_FORM = "Write (key, spec), (key, spec, 'description') or (key, spec, 'description', {metadata})"


@t.final
class StrKey:
    r"""Any text key, or any text key that a regular expression matches from its start.

    >>> StrKey("x.*").match("x1"), StrKey("x.*").match("y"), StrKey().match("y")
    (True, False, True)
    """

    __slots__ = ("_pattern", "regex")
    regex: str | None

    def __init__(self, regex: str | None = None) -> None:
        """Makes a key spec.

        Raises:
          SchemaError: ``regex`` is not a regular expression.
        """
        pattern = None if regex is None else compile_regex(regex, "a StrKey")
        object.__setattr__(self, "regex", None if pattern is None else pattern.pattern)
        object.__setattr__(self, "_pattern", pattern)

    def match(self, key: object) -> bool:
        """Returns whether ``key`` matches."""
        pattern = t.cast(t.Any, self)._pattern
        return isinstance(key, str) and (pattern is None or pattern.match(key) is not None)

    def __setattr__(self, name: str, value: object) -> t.NoReturn:
        raise SchemaError(
            f"the attribute {name!r} of {quote(self, 200)} cannot be changed: keys are immutable. Make a new StrKey."
        )

    def __eq__(self, other: object) -> bool:
        return self.regex == other.regex if isinstance(other, StrKey) else NotImplemented

    def __hash__(self) -> int:
        return hash((StrKey, self.regex))

    def __reduce__(self) -> tuple[type[StrKey], tuple[str | None]]:
        return StrKey, (self.regex,)

    def __repr__(self) -> str:
        return f"StrKey({self.regex!r})" if self.regex is not None else "StrKey()"


KeySpec = str | StrKey


@t.final
class Field:
    """A key with the spec of its values; immutable.

    Attributes:
      key: the key, or a ``StrKey`` for all keys that match it.
      value_spec: the constraint of its values.
      description: for people.
      metadata: further data by name.

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
        value_spec: object,
        description: str | None = "",
        metadata: Mapping[str, t.Any] | None = None,
    ) -> None:
        """Makes a field; ``value_spec`` is a spec or an annotation such as ``int``.

        Raises:
          SchemaError: an argument has a wrong type.
        """
        form = f"{_FORM}; got the field {quote(key)}."
        if not isinstance(t.cast(t.Any, key), (str, StrKey)) or key == "":
            raise SchemaError(
                f"the key of a field must be a name or a StrKey; got {quote_typed(key)}. {_FORM}."
            )
        if description is not None and not isinstance(description, str):
            raise SchemaError(f"the description of a field must be text; got {quote(description)}. {form}")
        if metadata is not None and not isinstance(metadata, Mapping):
            raise SchemaError(f"the metadata of a field must be a dict; got {quote(metadata)}. {form}")
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
        """The value spec, under PyGlove's name."""
        return self.value_spec

    @property
    def required(self) -> bool:
        """Whether a value is required: the field has one key and no default."""
        return isinstance(self.key, str) and self.value_spec.default is MISSING_VALUE

    def extend(self, base: Field) -> Field:
        """Returns this field as the override of the field ``base`` of a base class.

        Raises:
          SchemaError: its spec does not narrow that of ``base``.
        """
        try:
            spec = self.value_spec.extend(base.value_spec)
        except SchemaError as error:
            raise SchemaError(f"the field {str(self.key)!r}: {error}") from error
        metadata = {**base.metadata, **self.metadata}
        return Field(self.key, spec, self.description or base.description, metadata)

    def __setattr__(self, name: str, value: object) -> t.NoReturn:
        raise SchemaError(
            f"the attribute {name!r} of {quote(self, 200)} cannot be changed: fields are immutable. Make a new Field."
        )

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


def as_field(entry: object) -> Field:
    """Returns a field from a ``Field`` or a tuple such as ``('x', Int(), 'what it is')``.

    >>> as_field(("x", int))
    Field('x', Int())

    Raises:
      SchemaError: neither a field nor such a tuple.
    """
    if isinstance(entry, Field):
        return entry
    if isinstance(entry, (tuple, list)) and 2 <= len(entry) <= 4:
        return Field(*entry)
    if isinstance(entry, (tuple, list)):
        raise SchemaError(f"a field must have 2 to 4 parts; got {len(entry)} in {quote(entry)}. {_FORM}.")
    raise SchemaError(f"a field must be a tuple or a Field; got {quote_typed(entry)}. {_FORM}.")
