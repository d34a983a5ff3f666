"""JSON schemas of value specs: ``to_json_schema``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from pliant.values.errors import FieldTypeError, FieldValueError, quote

from .callable_signature import schema as read_schema
from .class_schema import Field, Schema, ValueSpec
from .specs import classes, dicts, primitives, sequences, unions
from .value_spec import show

_ANY = ["boolean", "number", "string", "array", "object", "null"]
_NULL = {"type": "null"}


def to_json_schema(
    value: Any,
    *,
    include_type_name: bool = True,
    include_subclasses: bool = False,
    inline_nested_refs: bool = False,
    **kwargs: Any,
) -> dict[str, Any]:
    """Returns the JSON schema of a value spec, a schema or a type annotation.

    >>> from pliant.pyglove.typing import Int, List
    >>> to_json_schema(List(Int(min_value=0)))
    {'type': 'array', 'items': {'type': 'integer', 'minimum': 0}}

    Args:
      value: the spec, schema or annotation.
      include_type_name: ask for the name of the class in the JSON form of symbolic objects.
      include_subclasses: accept the subclasses of symbolic classes that exist now.
      inline_nested_refs: write classes that are used inside others in place, rather than under ``$defs``.
      **kwargs: accepted as in PyGlove.

    Raises:
      FieldTypeError: a kind of spec that JSON schemas cannot express.
    """
    writer = _Writer(include_type_name, include_subclasses, inline_nested_refs)
    if isinstance(value, Schema):
        cls = next((f.origin for f in value.values() if f.origin is not None), None)
        result = writer.fields(value, cls)
    else:
        spec = value if isinstance(value, ValueSpec) else ValueSpec.from_annotation(value, auto_typing=True)
        result = writer.write(spec)
        result = writer.unfold(result, spec)
    definitions = writer.definitions
    return {"$defs": definitions, **result} if definitions else result


@dataclasses.dataclass
class _Writer:
    type_name: bool
    subclasses: bool
    inline: bool
    definitions: dict[str, Any] = dataclasses.field(default_factory=dict)
    open: list[Any] = dataclasses.field(default_factory=list)
    recursive: set[str] = dataclasses.field(default_factory=set)

    def write(self, spec: ValueSpec) -> dict[str, Any]:
        if isinstance(spec, unions.Any):
            kinds = [
                {"type": t, "additionalProperties": True} if t == "object" else {"type": t} for t in _ANY
            ]
            return {"anyOf": kinds}
        if isinstance(spec, primitives.Enum):
            return self.enum(spec)
        made = self.plain(spec)
        if not spec.is_noneable:
            return made
        kinds = made["anyOf"] if set(made) == {"anyOf"} else [made]
        return {"anyOf": [*(k for k in kinds if k != _NULL), _NULL]}

    def plain(self, spec: ValueSpec) -> dict[str, Any]:
        if isinstance(spec, primitives.Bool):
            return {"type": "boolean"}
        if isinstance(spec, primitives.Number):
            kind = "integer" if spec.value_type is int else "number"
            limits = {"minimum": spec.min_value, "maximum": spec.max_value}
            return {"type": kind, **{k: v for k, v in limits.items() if v is not None}}
        if isinstance(spec, primitives.Str):
            return (
                {"type": "string"}
                if spec.regex is None
                else {"type": "string", "pattern": spec.regex.pattern}
            )
        if isinstance(spec, sequences.List):
            return {"type": "array", "items": self.write(spec.element.value)}
        if isinstance(spec, dicts.Dict):
            if spec.schema is None:
                return {"type": "object", "additionalProperties": True}
            return self.fields(spec.schema, None)
        if isinstance(spec, unions.Union):
            return {"anyOf": list(self.union(spec))}
        if isinstance(spec, classes.Object):
            return self.object(spec.cls)
        raise FieldTypeError(
            f"Value spec {show(spec)} cannot be converted to JSON schema. Use a dict or a symbolic class."
        )

    def enum(self, spec: primitives.Enum) -> dict[str, Any]:
        values = [v for v in spec.values if v is not None]
        for value in values:
            if not isinstance(value, (str, int, float, bool)):
                raise FieldValueError(
                    f"Enum candidate {quote(value)} is not supported by JSON schemas. Use text or numbers."
                )
        return {"anyOf": [{"enum": values}, _NULL]} if len(values) < len(spec.values) else {"enum": values}

    def union(self, spec: unions.Union) -> Iterable[dict[str, Any]]:
        for candidate in spec.candidates:
            made = self.write(candidate)
            yield from (k for k in made["anyOf"] if k != _NULL) if set(made) == {"anyOf"} else [made]

    def object(self, cls: Any) -> dict[str, Any]:
        kinds = [cls]
        if self.subclasses and hasattr(cls, "__schema__"):
            kinds += _all_subclasses(cls)
        made = [self.one_class(kind) for kind in kinds]
        return made[0] if len(made) == 1 else {"anyOf": made}

    def one_class(self, cls: Any) -> dict[str, Any]:
        name = cls.__name__
        reference = {"$ref": f"#/$defs/{name}"}
        if cls in self.open:
            self.recursive.add(name)
            return reference
        self.open.append(cls)
        made = self.fields(read_schema(cls), cls)
        self.open.pop()
        nested = bool(self.open) and not self.inline
        if nested or name in self.recursive:
            self.definitions[name] = made
            return reference
        return made

    def unfold(self, result: dict[str, Any], spec: ValueSpec) -> dict[str, Any]:
        """Returns the result with the outermost class first among the definitions."""
        if isinstance(spec, classes.Object) and spec.cls.__name__ in self.recursive:
            name = spec.cls.__name__
            self.definitions = {name: self.definitions.pop(name), **self.definitions}
        return result

    def fields(self, schema: Schema, cls: Any) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        required: list[str] = []
        named = getattr(cls, "__type_name__", None) if hasattr(cls, "__schema__") and self.type_name else None
        if named is not None:
            properties["_type"] = {"const": named}
            required.append("_type")
        extra: Any = False
        for key, field in schema.items():
            if key.is_const:
                properties[str(key)] = self.field(field)
                if not field.value.has_default:
                    required.append(str(key))
            else:
                extra = True if isinstance(field.value, unions.Any) else self.field(field)
        made: dict[str, Any] = {"type": "object"}
        if properties:
            made["properties"] = properties
        if required:
            made["required"] = required
        if cls is not None:
            made["title"] = cls.__name__
        return {**made, "additionalProperties": extra}

    def field(self, field: Field) -> dict[str, Any]:
        made = self.write(field.value)
        return {**made, "description": field.description} if field.description else made


def _all_subclasses(cls: type[Any]) -> list[type[Any]]:
    found: list[type[Any]] = []
    for sub in cls.__subclasses__():
        found += [sub, *_all_subclasses(sub)]
    return list(dict.fromkeys(found))


ValueSpec.to_json_schema = to_json_schema
Schema.to_json_schema = to_json_schema
