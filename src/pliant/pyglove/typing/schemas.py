"""``Schema``: the fields of a dict or a class."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from pliant.pyglove import values
from pliant.pyglove.values.key_path import KeyPath
from pliant.values.errors import FieldTypeError, FieldValueError, PathError, SchemaError, quote

from .field import Field, create_field
from .key_specs import KeySpec, NonConstKey
from .typed_missing import MISSING_VALUE, MissingValue, is_missing
from .value_spec import Transform, show


class _Fields(values.Formattable, values.JSONConvertible):
    """Fields by their keys, like a dict that is not changed."""

    _fields: dict[KeySpec, Field]

    @property
    def fields(self) -> dict[KeySpec, Field]:
        """The fields by their keys, in order; keys equal their text."""
        return self._fields

    def __getitem__(self, key: Any) -> Field:
        if key not in self._fields:
            raise PathError(
                f"The schema has no field {quote(key)}. It has {', '.join(map(str, self._fields)) or 'none'}."
            )
        return self._fields[key]

    def __contains__(self, key: Any) -> bool:
        return key in self._fields

    def get(self, key: Any, default: Field | None = None) -> Field | None:
        """Returns the field that is declared for a key, or the default."""
        return self._fields.get(key, default)

    def keys(self) -> Iterable[KeySpec]:
        """Returns the keys in order."""
        return self._fields.keys()

    def values(self) -> Iterable[Field]:
        """Returns the fields in order."""
        return self._fields.values()

    def items(self) -> Iterable[tuple[KeySpec, Field]]:
        """Returns the keys and fields in order."""
        return self._fields.items()

    @property
    def dynamic_field(self) -> Field | None:
        """The first field that stands for several keys; None if there is none."""
        return next((f for k, f in self._fields.items() if isinstance(k, NonConstKey)), None)

    def get_field(self, key: Any) -> Field | None:
        """Returns the field that a key belongs to: the declared one, or the first that stands for several keys and fits."""
        if isinstance(key, (str, KeySpec)) and key in self._fields:
            return self[key]
        return next((f for k, f in self._fields.items() if isinstance(k, NonConstKey) and k.match(key)), None)

    def resolve(self, keys: Iterable[Any]) -> tuple[dict[KeySpec, list[Any]], list[Any]]:
        """Returns the keys by the field that each belongs to, and those that belong to none."""
        matched: dict[KeySpec, list[Any]] = {spec: [] for spec in self._fields}
        unmatched = []
        for key in keys:
            field = self.get_field(key)
            if field is None:
                unmatched.append(key)
            else:
                matched[field.key].append(key)
        return matched, unmatched


class Schema(_Fields):
    """The fields of a dict or a class, those of its base classes first.

    >>> schema = create_schema({"size": 3, "name": str})
    >>> schema.apply({"name": "conv"})
    {'name': 'conv', 'size': 3}

    Args:
      fields: the fields.
      name: the name of the schema.
      base_schema_list: the schemas of the base classes.
      description: what it is for.
      allow_nonconst_keys: allow fields that stand for several keys.
      metadata: data of the user's.
      for_cls: the class that declares the fields.
    """

    __serialization_key__ = "pyglove.typing.Schema"
    to_json_schema: ClassVar[Callable[..., Any]]

    def __init__(
        self,
        fields: list[Field],
        name: str | None = None,
        base_schema_list: list[Schema] | None = None,
        description: str | None = None,
        *,
        allow_nonconst_keys: bool = False,
        metadata: dict[str, Any] | None = None,
        for_cls: type[Any] | None = None,
    ) -> None:
        if not isinstance(fields, list):
            raise FieldTypeError(f"Argument 'fields' must be a list. Encountered {quote(fields)}.")
        self._name = name
        self._allow_nonconst_keys = allow_nonconst_keys
        self._fields = {f.key: f for f in fields}
        self._description = description
        self._metadata = metadata or {}
        for field in fields:
            if for_cls is not None and field.origin is None:
                field.set_origin(for_cls)
        if base_schema_list:
            self.extend(Schema.merge(base_schema_list))
        if not allow_nonconst_keys and self.dynamic_field is not None:
            raise FieldValueError(
                f"NonConstKey is not allowed in schema. Encountered '{show(self.dynamic_field.key)}'. Give allow_nonconst_keys=True."
            )

    @classmethod
    def merge(
        cls, schema_list: Sequence[Schema], name: str | None = None, description: str | None = None
    ) -> Schema:
        """Returns a schema with the fields of several; of fields with the same key, the first is kept.

        A field of a class goes before that of its base class, as Python finds attributes.
        """
        const: dict[KeySpec, Field] = {}
        others: dict[KeySpec, Field] = {}
        metadata: dict[str, Any] = {}
        for schema in schema_list:
            for key, field in schema.items():
                group = others if isinstance(key, NonConstKey) else const
                if key not in group or _overrides(field, group[key]):
                    group[key] = field
            metadata = {**schema.metadata, **metadata}
        allow = any(schema.allow_nonconst_keys for schema in schema_list)
        fields = [*const.values(), *others.values()]
        return cls(fields, name, description=description, allow_nonconst_keys=allow, metadata=metadata)

    def extend(self, base: Schema) -> Schema:
        """Adds the fields of a base class before its own, in place; returns itself.

        Raises:
          FieldTypeError: a field allows more than that of the base; the message names its path.
          FieldValueError: the base has a field that stands for several keys, which this schema does not allow.
        """
        merged: dict[KeySpec, Field] = {}
        for key, field in base.items():
            if isinstance(key, NonConstKey) and not self._allow_nonconst_keys:
                raise FieldValueError(
                    f"Non-const key '{show(key)}' is not allowed to be added to the schema. Give allow_nonconst_keys=True."
                )
            merged[key] = self._fields[key] if key in self._fields else copy.copy(field)
            if key in self._fields:
                try:
                    self._fields[key].extend(field)
                except (TypeError, ValueError) as error:
                    raise SchemaError(values.message_on_path(str(error), KeyPath(str(key)))) from error
        own = {k: f for k, f in self._fields.items() if k not in merged}
        self._fields = {**merged, **own}
        self._metadata = {**base.metadata, **self._metadata}
        return self

    def is_compatible(self, other: Schema) -> bool:
        """Returns whether all values that another schema accepts are accepted.

        Raises:
          FieldTypeError: the other is not a schema.
        """
        if not isinstance(other, Schema):
            raise FieldTypeError(f"Argument 'other' should be a Schema object. Encountered {quote(other)}.")
        return self._fields.keys() == other._fields.keys() and all(
            field.value.is_compatible(other[key].value) for key, field in self._fields.items()
        )

    def apply(
        self,
        dict_obj: Any,
        allow_partial: bool = False,
        child_transform: Transform | None = None,
        root_path: KeyPath | None = None,
    ) -> Any:
        """Checks and converts the values of a dict, in place, and adds the defaults of those that are missing.

        Args:
          dict_obj: the dict.
          allow_partial: accept missing values; they become ``MissingValue``.
          child_transform: called for each field.
          root_path: the path of the dict, for messages.

        Raises:
          PathError: a key that belongs to no field.
          FieldTypeError: a value of a wrong type.
          FieldValueError: a value that is not allowed or missing.
        """
        matched, unmatched = self.resolve(dict_obj.keys())
        if unmatched:
            raise PathError(
                f"Keys {quote(unmatched)} are not allowed in Schema. (parent='{root_path or KeyPath()}')"
            )
        for spec, field in self._fields.items():
            for key in matched[spec] or ([str(spec)] if spec.is_const else []):
                value = dict_obj[key] if key in dict_obj else MISSING_VALUE  # noqa: SIM401  # symbolic `get` differs
                if is_missing(value):
                    value = copy.deepcopy(field.default_value)
                if is_missing(value) and allow_partial:
                    value = MissingValue(field.value)
                new = field.apply(value, allow_partial, child_transform, KeyPath(key, root_path))
                if key not in dict_obj or dict_obj[key] is not new:
                    dict_obj[key] = new
        return dict_obj

    def validate(self, dict_obj: Any, allow_partial: bool = False, root_path: KeyPath | None = None) -> None:
        """Checks a dict without changing it; raises what ``apply`` raises."""
        self.apply(copy.deepcopy(dict_obj), allow_partial, root_path=root_path)

    @property
    def name(self) -> str | None:
        """The name of the schema."""
        return self._name

    def set_name(self, name: str) -> None:
        """Sets the name."""
        self._name = name

    @property
    def description(self) -> str | None:
        """What it is for."""
        return self._description

    def set_description(self, description: str) -> None:
        """Sets the description."""
        self._description = description

    @property
    def allow_nonconst_keys(self) -> bool:
        """Whether fields may stand for several keys."""
        return self._allow_nonconst_keys

    @property
    def metadata(self) -> dict[str, Any]:
        """Data of the user's."""
        return self._metadata

    def format(
        self,
        compact: bool = False,
        verbose: bool = True,
        root_indent: int = 0,
        *,
        cls_name: str | None = None,
        bracket_type: values.BracketType = values.BracketType.ROUND,
        fields_only: bool = False,
        **kwargs: Any,
    ) -> str:
        items: list[tuple[str, Any, Any]] = [
            ("name", self._name, None),
            ("description", self._description, None),
            ("fields", list(self._fields.values()), []),
            ("allow_nonconst_keys", self._allow_nonconst_keys, True),
            ("metadata", self._metadata, {}),
        ]
        if fields_only:
            items = [i for i in items if i[0] == "fields"]
        label = cls_name or "Schema"
        return values.kvlist_str(
            items, compact, verbose, root_indent, label=label, bracket_type=bracket_type, **kwargs
        )

    def to_json(self, **kwargs: Any) -> Any:
        fields: dict[str, Any] = {
            "fields": (list(self._fields.values()), None),
            "name": (self._name, None),
            "description": (self._description, None),
            "allow_nonconst_keys": (self._allow_nonconst_keys, False),
            "metadata": (self._metadata, {}),
        }
        return self.to_json_dict(fields, exclude_default=True, **kwargs)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Schema) and self._fields == other._fields)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]  # schemas change in place


def _overrides(field: Field, other: Field) -> bool:
    """Returns whether a field is of a subclass of the class that declares another one."""
    own, base = field.origin, other.origin
    return own is not None and base is not None and own is not base and issubclass(own, base)


def create_schema(
    fields: Any,
    name: str | None = None,
    base_schema_list: list[Schema] | None = None,
    allow_nonconst_keys: bool = False,
    metadata: dict[str, Any] | None = None,
    description: str | None = None,
    *,
    for_cls: type[Any] | None = None,
    parent_module: types.ModuleType | None = None,
) -> Schema:
    """Returns a schema from field definitions (see ``create_field``): a list of them, or a dict of key to the rest.

    >>> create_schema([("size", 3), ("name", str, "Its name.")])["name"]
    Field(key=name, value=Str(), description='Its name.')

    Args:
      fields: the definitions.
      name: the name of the schema.
      base_schema_list: the schemas of the base classes.
      allow_nonconst_keys: allow fields that stand for several keys.
      metadata: data of the user's.
      description: what it is for.
      for_cls: the class that declares the fields.
      parent_module: the module in which names of classes are looked up.

    Raises:
      FieldTypeError: something else is given.
    """
    if isinstance(fields, dict):
        fields = [(key, *(rest if isinstance(rest, tuple) else (rest,))) for key, rest in fields.items()]
    if not isinstance(fields, list):
        raise FieldTypeError(
            f"Schema definition should be a dict of keys to values, or a list. Encountered {quote(fields)}."
        )
    if metadata is not None and not isinstance(metadata, dict):
        raise FieldTypeError(f"Metadata of schema should be a dict. Encountered {quote(metadata)}.")
    made = [create_field(field, parent_module=parent_module) for field in fields]
    return Schema(
        made,
        name,
        base_schema_list,
        description,
        allow_nonconst_keys=allow_nonconst_keys,
        metadata=metadata,
        for_cls=for_cls,
    )
