"""``ObjectMeta``: how a class gets its symbolic fields: from annotations, ``members`` and its bases."""

from __future__ import annotations

import abc
import copy
import inspect
import sys
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, Final

from pliant.values.errors import quote
from pliant.values.registry import register
from pliant.values.signature import read_annotations

from ... import typing as pg_typing
from ... import values as utils
from .. import flags

_MISSING: Final = utils.MISSING_VALUE
_KINDS: Final = inspect.Parameter


class ObjectMeta(abc.ABCMeta):
    """Metaclass of ``Object``: the schema of a class, and how it is declared."""

    __schema__: Any

    @property
    def sym_fields(cls) -> Any:
        """The spec that describes the fields, a ``pg.typing.Dict``."""
        return cls.__dict__.get("_own_sym_fields") or pg_typing.Dict(cls.__schema__)

    @property
    def __type_name__(cls) -> str:
        """The module and name of the class."""
        return f"{cls.__module__}.{cls.__qualname__}"

    @property
    def __serialization_key__(cls) -> str:
        """The name of the class in JSON."""
        return str(cls.__dict__.get("_own_serialization_key") or cls.__type_name__)

    @property
    def init_arg_list(cls) -> list[str]:
        """The names of the positional arguments; one with ``*`` takes the rest."""
        return list(cls.__schema__.metadata["init_arg_list"])

    def update_schema(
        cls,
        fields: Any,
        *,
        extend: bool = True,
        init_arg_list: Sequence[str] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Adds fields to the class.

        Args:
          fields: the fields, as for ``pg.typing.create_schema``.
          extend: whether the fields that the class has stay.
          init_arg_list: the names of the positional arguments; None for all fields.
          metadata: any information for the schema.
        """
        given = dict(metadata or {})
        if init_arg_list is None:
            init_arg_list = given.get("init_arg_list")
        _check_descriptions(cls, fields)
        own = cls.__dict__.get("__schema__")
        bases: list[Any] = []
        if extend:
            bases = [own] if own is not None else _base_schemas(cls)
            fields = [*_as_list(fields), *_defaults(cls, bases, _as_list(fields))]
        schema = pg_typing.create_schema(
            fields,
            name=cls.__type_name__,
            base_schema_list=bases,
            allow_nonconst_keys=True,
            metadata=given,
            for_cls=cls,
            parent_module=sys.modules.get(cls.__module__),
        )
        schema.metadata["init_arg_list"] = None if init_arg_list is None else list(init_arg_list)
        cls.apply_schema(schema)

    def apply_schema(cls, schema: Any = None) -> None:
        """Makes a schema that of the class; None for the one that it has, after a change."""
        schema = cls.__schema__ if schema is None else schema
        schema = cls._normalize_schema(schema)  # type: ignore[attr-defined]  # of Object
        cls.__schema__ = schema
        cls._own_sym_fields = pg_typing.Dict(schema)
        cls._on_schema_update()  # type: ignore[attr-defined]  # of Object

    def register_for_deserialization(
        cls, serialization_key: str | None = None, additional_keys: list[str] | None = None
    ) -> None:
        """Lets ``from_json`` build objects of this class.

        Args:
          serialization_key: the name of the class in JSON; None for its module and name.
          additional_keys: more names by which it is found.
        """
        register(cls)  # for Pliant's own JSON
        if serialization_key:
            cls._own_serialization_key = serialization_key
        for key in [cls.__type_name__, serialization_key, *_original_names(cls), *(additional_keys or ())]:
            if key:
                utils.JSONConvertible.register(
                    key, cls, override_existing=flags.is_repeated_class_registration_allowed()
                )

    def infer_fields(cls) -> list[Any]:
        """Returns the fields that the annotations of the class declare."""
        fields = []
        for name, annotation in _annotations(cls).items():
            if name == "__kwargs__":
                key: Any = pg_typing.StrKey()
            elif name.startswith("_") or name.isupper() or _is_class_variable(annotation):
                continue
            else:
                key = name
            fields.append(_annotated_field(cls, name, key, annotation))
        return fields


def _original_names(cls: type) -> list[str]:
    """Returns the names that a class of this package has in JSON that PyGlove wrote."""
    ours = __name__.partition(".symbolic.")[0] + "."
    if not cls.__module__.startswith(ours):
        return []
    rest = f"{cls.__module__.removeprefix(ours)}.{cls.__qualname__}"
    return [f"pyglove.{part}.{rest}" for part in ("core", "ext")]


def _annotations(cls: type) -> dict[str, Any]:
    """Returns the annotations in the body of a class."""
    if "__annotations__" not in cls.__dict__ and sys.version_info < (3, 14):
        return {}
    return read_annotations(cls)


def _is_class_variable(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.replace("typing.", "").startswith("ClassVar")
    return annotation is typing.ClassVar or typing.get_origin(annotation) is typing.ClassVar


def _annotated_field(cls: type, name: str, key: Any, annotation: Any) -> Any:
    """Returns the field of an annotation and the value beside it."""
    default = cls.__dict__.get(name, _MISSING)
    is_final = typing.get_origin(annotation) is typing.Final
    if is_final:
        annotation = typing.get_args(annotation)[0]
        if isinstance(default, utils.MissingValue):
            raise TypeError(f"Field {name} is marked as final but has no default value.")
    field = pg_typing.Field.from_annotation(key, annotation, parent_module=sys.modules.get(cls.__module__))
    if not isinstance(default, (utils.MissingValue, property)) and not _is_method(default, field):
        field.value.set_default(default)
        if is_final:
            field.value.freeze()
    return field


def _is_method(value: Any, field: Any) -> bool:
    """Returns whether a value in a class body is a method, and not the default value of the field of its name."""
    return isinstance(value, (types.FunctionType, staticmethod, classmethod)) and not isinstance(
        field.value, pg_typing.Callable
    )


def _as_list(fields: Any) -> list[Any]:
    """Returns fields given as a list or dict as a list."""
    if isinstance(fields, dict):
        return [(k, *v) if isinstance(v, tuple) else (k, v) for k, v in fields.items()]
    return list(fields)


def _check_descriptions(cls: type, fields: Any) -> None:
    """Raises ValueError for a field without a description, where that is not allowed."""
    if flags.is_empty_field_description_allowed():
        return
    for field in _as_list(fields):
        description = (
            (field[2] if len(field) > 2 else None) if isinstance(field, tuple) else field.description
        )
        if not description:
            raise ValueError(
                f"Field description must not be empty (class {cls.__name__}, field {_key_of(field)})."
            )


def _base_schemas(cls: Any) -> list[Any]:
    """Returns the schemas of the bases; the first one comes first."""
    return [b.__schema__ for b in cls.__bases__ if isinstance(b, ObjectMeta) and hasattr(b, "__schema__")]


def _key_of(field: Any) -> Any:
    key = field[0] if isinstance(field, tuple) and field else pg_typing.create_field(field).key
    return key_text(key)


def key_text(key: Any) -> str:
    """Returns the text of a key.

    >>> key_text("x")
    'x'
    """
    return str(getattr(key, "text", key))


def _defaults(cls: Any, bases: list[Any], fields: list[Any]) -> list[Any]:
    """Returns the fields of the bases whose default values the class body changes (``x = 1``)."""
    declared = {_key_of(f) for f in fields}
    found: list[Any] = []
    for base in bases:
        for key, field in base.items():
            name = key_text(key)
            if name in declared or not key.is_const or name not in cls.__dict__:
                continue
            value = cls.__dict__[name]
            if isinstance(value, (property, staticmethod, classmethod)):
                continue
            is_function = isinstance(value, types.FunctionType)
            if is_function and not isinstance(field.value, pg_typing.Callable):
                continue
            spec = copy.copy(field.value)
            spec = (
                spec.set_default(value, use_default_apply=False) if is_function else spec.set_default(value)
            )
            if is_function:
                spec = spec.freeze()
            declared.add(name)
            found.append(pg_typing.Field(name, spec, field.description, dict(field.metadata)))
    return found


def finish_init_arg_list(cls: Any) -> list[str]:
    """Returns the names of the positional arguments of a class, after checking them.

    Raises:
      TypeError: one is not a field, or one with ``*`` is not a list.
    """
    schema = cls.__schema__
    given = schema.metadata.get("init_arg_list")
    if given is None:
        names = [key_text(k) for k, f in schema.items() if k.is_const and not f.frozen]
        for base in cls.__mro__[1:]:
            inherited = base.__dict__.get("__schema__")
            if inherited is not None:
                if [key_text(k) for k in inherited.keys()] == [key_text(k) for k in schema.keys()]:  # noqa: SIM118
                    listed = inherited.metadata.get("init_arg_list")
                    if listed is not None and listed != _auto(inherited):
                        names = list(listed)
                break
        return names
    for arg in given:
        field = schema.get_field(arg.removeprefix("*"))
        if field is None:
            raise TypeError(f"Argument {arg!r} from `init_arg_list` is not defined. Class: {quote(cls)}.")
        if arg.startswith("*") and not isinstance(field.value, pg_typing.List):
            raise TypeError(
                f"Variable positional argument {arg[1:]!r} should be declared with `pg.typing.List(...)`. "
                f"Encountered {field.value!r}."
            )
    return list(given)


def _auto(schema: Any) -> list[str]:
    return [key_text(k) for k, f in schema.items() if k.is_const and not f.frozen]


def init_signature(cls: Any) -> inspect.Signature:
    """Returns the signature of the generated ``__init__`` of a class."""
    schema = cls.__schema__
    parameters = [_KINDS("self", _KINDS.POSITIONAL_OR_KEYWORD)]
    taken: set[str] = set()
    rest: inspect.Parameter | None = None
    optional = False
    for arg in cls.init_arg_list:
        name = arg.removeprefix("*")
        taken.add(name)
        spec = schema.get_field(name).value
        if arg.startswith("*"):
            rest = _KINDS(name, _KINDS.VAR_POSITIONAL, annotation=_annotation(spec.element.value))
            continue
        default = _default(spec)
        optional = optional or default is not _KINDS.empty
        if optional and default is _KINDS.empty:
            default = _MISSING
        parameters.append(
            _KINDS(name, _KINDS.POSITIONAL_OR_KEYWORD, default=default, annotation=_annotation(spec))
        )
    if rest is not None:
        parameters = [p.replace(default=_KINDS.empty) for p in parameters] + [rest]
    last: inspect.Parameter | None = None
    for key, field in schema.items():
        if not key.is_const:
            last = _KINDS(
                schema.metadata.get("varkw_name") or "kwargs",
                _KINDS.VAR_KEYWORD,
                annotation=_annotation(field.value),
            )
        elif key_text(key) not in taken and not field.frozen:
            parameters.append(
                _KINDS(
                    key_text(key),
                    _KINDS.KEYWORD_ONLY,
                    default=_default(field.value),
                    annotation=_annotation(field.value),
                )
            )
    return inspect.Signature([*parameters, last] if last else parameters)


def _annotation(spec: Any) -> Any:
    found = spec.annotation
    return _KINDS.empty if isinstance(found, utils.MissingValue) else found


def _default(spec: Any) -> Any:
    return _KINDS.empty if isinstance(spec.default, utils.MissingValue) else spec.default


def make_init(cls: Any, base_init: Callable[..., None]) -> Callable[..., None]:
    """Returns an ``__init__`` with the signature of the fields of a class, which calls another one."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  # the name in tracebacks
        base_init(self, *args, **kwargs)

    made: Any = __init__
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__module__ = cls.__module__
    made.__signature__ = init_signature(cls)
    made.__doc__ = None
    made.generated_for = base_init
    return made  # type: ignore[no-any-return]  # it was given attributes
