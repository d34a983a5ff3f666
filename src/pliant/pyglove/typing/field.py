"""``Field``: a key with what its values are, a description and data of the user's."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, ClassVar

from pliant.pyglove import values
from pliant.pyglove.values.key_path import KeyPath
from pliant.values.errors import FieldTypeError, FieldValueError, quote

from .key_specs import KeySpec
from .value_spec import Transform, ValueSpec


class Field(values.Formattable, values.JSONConvertible):
    """A key (or several), the spec of its values, and what it is for.

    Args:
      key_spec: the key.
      value_spec: the spec.
      description: what the field is for.
      metadata: data of the user's.
      origin: the class that declares the field.
    """

    __serialization_key__ = "pyglove.typing.Field"
    from_annotation: ClassVar[Callable[..., Field]]

    def __init__(
        self,
        key_spec: KeySpec | str,
        value_spec: ValueSpec,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        origin: type[Any] | None = None,
    ) -> None:
        if metadata is not None and not isinstance(metadata, dict):
            raise FieldValueError(f"metadata must be a dict. Encountered {quote(metadata)}.")
        self._key: KeySpec = key_spec if isinstance(key_spec, KeySpec) else KeySpec.from_str(key_spec)
        self._value = value_spec
        self._description = description
        self._metadata = metadata or {}
        self._origin = origin

    @property
    def key(self) -> KeySpec:
        """The key."""
        return self._key

    @property
    def value(self) -> ValueSpec:
        """The spec of its values."""
        return self._value

    @property
    def description(self) -> str | None:
        """What the field is for."""
        return self._description

    def set_description(self, description: str) -> None:
        """Sets the description."""
        self._description = description

    @property
    def annotation(self) -> Any:
        """The type annotation for its values."""
        return self._value.annotation

    @property
    def metadata(self) -> dict[str, Any]:
        """Data of the user's."""
        return self._metadata

    @property
    def origin(self) -> type[Any] | None:
        """The class that declares the field."""
        return self._origin

    def set_origin(self, origin: type[Any]) -> None:
        """Sets the class that declares the field."""
        self._origin = origin

    @property
    def default_value(self) -> Any:
        """The default; ``MISSING_VALUE`` if there is none."""
        return self._value.default

    @property
    def frozen(self) -> bool:
        """Whether the field accepts its default only."""
        return self._value.frozen

    def extend(self, base_field: Field) -> Field:
        """Adds what the field of a base class asks for, in place; returns itself."""
        self._key = self._key.extend(base_field.key)
        self._value = self._value.extend(base_field.value)
        if not self._description:
            self._description = base_field.description
        self._metadata = {**base_field.metadata, **self._metadata}
        return self

    def apply(
        self,
        value: Any,
        allow_partial: bool = False,
        transform_fn: Transform | None = None,
        root_path: KeyPath | None = None,
    ) -> Any:
        """Returns a value as the field holds it; see ``ValueSpec.apply``."""
        value = self._value.apply(value, allow_partial, transform_fn, root_path)
        return value if transform_fn is None else transform_fn(root_path or KeyPath(), self, value)

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        items: list[tuple[str, Any, Any]] = [
            ("key", self._key, None),
            ("value", self._value, None),
            ("description", self._description, None),
            ("metadata", self._metadata, {}),
        ]
        return values.kvlist_str(items, compact, verbose, root_indent, label="Field", **kwargs)

    def to_json(self, **kwargs: Any) -> Any:
        fields: dict[str, Any] = {
            "key_spec": (self._key, None),
            "value_spec": (self._value, None),
            "description": (self._description, None),
            "metadata": (self._metadata, {}),
        }
        return self.to_json_dict(fields, exclude_default=True, **kwargs)

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Field)
            and self._key == other._key
            and self._value == other._value
            and self._description == other._description
            and self._metadata == other._metadata
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # fields change in place


def create_field(
    field_or_def: Any,
    auto_typing: bool = True,
    accept_value_as_annotation: bool = True,
    parent_module: types.ModuleType | None = None,
) -> Field:
    """Returns the field of a definition: key, value (a spec, a type or a default), description, data of the user's.

    >>> create_field(("size", 3, "Size of the kernel."))
    Field(key=size, value=Int(default=3), description='Size of the kernel.')

    Args:
      field_or_def: the tuple, or a field, which is returned.
      auto_typing: make specs that check the types of annotations.
      accept_value_as_annotation: accept a default as the value.
      parent_module: the module in which names of classes are looked up.

    Raises:
      FieldTypeError: something else is given.
    """
    if isinstance(field_or_def, Field):
        return field_or_def
    if not isinstance(field_or_def, (tuple, list)) or not 2 <= len(field_or_def) <= 4:
        raise FieldTypeError(
            f"Field definition should be tuples with 2 to 4 elements. Encountered: {quote(field_or_def)}. "
            "Write (key, value, description, metadata)."
        )
    key, value, description, metadata = [*field_or_def, None, None][:4]
    if not isinstance(key, (str, KeySpec)):
        raise FieldTypeError(
            f"The 1st element of field definition should be of {str} or KeySpec. Encountered: {quote(key)}."
        )
    if description is not None and not isinstance(description, str):
        raise FieldTypeError(
            f"Description (the 3rd element) of field definition should be text type. Encountered: {quote(description)}."
        )
    if metadata is not None and not isinstance(metadata, dict):
        raise FieldTypeError(
            f"Metadata (the 4th element) of field definition should be a dict of objects. Encountered: {quote(metadata)}."
        )
    if isinstance(value, ValueSpec):
        spec = value
    else:
        spec = ValueSpec.from_annotation(
            value,
            auto_typing=auto_typing,
            accept_value_as_annotation=accept_value_as_annotation,
            parent_module=parent_module,
        )
    return Field(key, spec, description, metadata)
