"""JSON forms of values: ``JSONConvertible``, ``to_json``, ``from_json``.

The form is PyGlove's, so that its files can be read: ``_type`` names the class, a tuple is a list that begins with
``__tuple__``.  Reading runs no code from the data: it imports no modules (a type is found if its module has been imported),
and refuses code of functions and pickles, which PyGlove reads.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeAlias

from pliant.values.errors import FieldTypeError, FieldValueError, LoadError, PathError, quote
from pliant.values.signature import read_signature

from .json_names import Forms, find_class, split_name, type_name

Nestable: TypeAlias = Any
JSONValueType: TypeAlias = Any


class _TypeRegistry:
    """Classes by the names that stand for them in JSON."""

    def __init__(self) -> None:
        self._types: dict[str, type[Any]] = {}
        self._aliases: dict[str, str] = {}
        self._ondemand_registry_stack: list[dict[str, type[Any]]] = []

    def register(self, name: str, cls: type[Any], *, override_existing: bool = False) -> None:
        """Names a class.

        Raises:
          PathError: the name stands for another class.
        """
        known = self._types.get(name)
        if known is not None and known is not cls and not override_existing:
            raise PathError(
                f"Type {name!r} has already been registered with class {known.__name__!r}. "
                "Choose another name, or give override_existing=True."
            )
        self._types[name] = cls

    def find(self, name: str) -> type[Any] | None:
        """Returns the class of a name, also by the last part of it among those loaded for now, or None."""
        for types in reversed(self._ondemand_registry_stack):
            found: type[Any] | None = types.get(name, types.get(name.rpartition(".")[2]))
            if found is not None:
                return found
        module, _, rest = name.rpartition(".")
        while module:
            if (source := self._aliases.get(module)) is not None:
                name = f"{source}.{rest}"
                break
            module, _, part = module.rpartition(".")
            rest = f"{part}.{rest}"
        return self._types.get(name)


class _Registration(abc.ABC):
    """The class methods that name classes in JSON."""

    _TYPE_REGISTRY: ClassVar[_TypeRegistry] = _TypeRegistry()

    @classmethod
    def register(cls, type_name: str, subclass: type[Any], override_existing: bool = False) -> None:
        """Lets a name stand for a class in JSON."""
        cls._TYPE_REGISTRY.register(type_name, subclass, override_existing=override_existing)

    @classmethod
    def add_module_alias(cls, source_name: str, target_name: str) -> None:
        """Lets classes of a module be named by another module's name, such as that of an earlier release."""
        cls._TYPE_REGISTRY._aliases[target_name] = source_name

    @classmethod
    def is_registered(cls, type_name: str) -> bool:
        """Returns whether a name stands for a class."""
        return cls.class_from_typename(type_name) is not None

    @classmethod
    def class_from_typename(cls, type_name: str) -> type[Any] | None:
        """Returns the class that a name stands for, or None."""
        return cls._TYPE_REGISTRY.find(type_name)

    @classmethod
    def registered_types(cls) -> Iterable[tuple[str, type[Any]]]:
        """Returns the names and classes that are registered."""
        return list(cls._TYPE_REGISTRY._types.items())

    @classmethod
    @contextmanager
    def load_types_for_deserialization(
        cls, *types_to_deserialize: type[Any]
    ) -> Iterator[dict[str, type[Any]]]:
        """Finds these classes by their short names inside a ``with`` block, also those that are not registered."""
        stack = cls._TYPE_REGISTRY._ondemand_registry_stack
        merged = {**(stack[-1] if stack else {}), **{t.__name__: t for t in types_to_deserialize}}
        stack.append(merged)
        try:
            yield merged
        finally:
            stack.pop()


class JSONConvertible(_Registration):
    """Base class of objects that have a JSON form; a subclass is registered under the name of its module and class.

    >>> class Point(JSONConvertible):
    ...     def __init__(self, x):
    ...         self.x = x
    ...     def to_json(self, **kwargs):
    ...         return self.to_json_dict({"x": self.x})
    >>> from_json(to_json((Point(1), 2)))[0].x
    1
    """

    TYPE_NAME_KEY: ClassVar[str] = "_type"
    TUPLE_MARKER: ClassVar[str] = "__tuple__"
    TYPE_CONVERTER: ClassVar[Any] = None
    auto_register: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__dict__.get("auto_register", True) and not _is_abstract(cls):
            for name in type_name(cls, all_names=True):
                cls.register(name, cls, override_existing=True)

    @classmethod
    def from_json(cls, json_value: Any, **kwargs: Any) -> Any:
        """Returns the object of a JSON form: calls the class with the values of its fields."""
        items = {
            k: from_json(v, **kwargs) for k, v in json_value.items() if k != JSONConvertible.TYPE_NAME_KEY
        }
        return cls(**items)

    @abc.abstractmethod
    def to_json(self, **kwargs: Any) -> Any:
        """Returns the JSON form: plain values, with the name of the class in a dict."""

    @classmethod
    def to_json_dict(
        cls,
        fields: dict[str, Any],
        *,
        exclude_default: bool = False,
        exclude_keys: set[str] | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Returns the JSON form of an object of this class.

        Args:
          fields: name to value, or to (value, default) with ``exclude_default``.
          exclude_default: leave out the values that are their defaults.
          exclude_keys: the fields that are left out.
          **kwargs: passed on to the values' ``to_json``.
        """
        written: dict[str, Any] = {JSONConvertible.TYPE_NAME_KEY: type_name(cls)[0]}
        for name, value in fields.items():
            if name in (exclude_keys or ()):
                continue
            if exclude_default:
                value, default = value  # the pair's value
                if value is default or value == default:
                    continue
            written[name] = to_json(value, **kwargs)
        return written


def _is_abstract(cls: type) -> bool:
    """Returns whether a class that is being made has abstract methods (the metaclass sets its own list only later)."""
    names = set(vars(cls)).union(*(getattr(b, "__abstractmethods__", ()) for b in cls.__mro__[1:]))
    return any(getattr(getattr(cls, n, None), "__isabstractmethod__", False) for n in names)


def registered_types() -> Iterable[tuple[str, type[Any]]]:
    """Returns the names and classes that are registered for JSON."""
    return JSONConvertible.registered_types()


def to_json(value: Any, **kwargs: Any) -> Any:
    """Returns the JSON form of a value.

    >>> to_json({"a": (1, int)})
    {'a': ['__tuple__', 1, {'_type': 'type', 'name': 'builtins.int'}]}

    Raises:
      FieldValueError: a value has no JSON form.
    """
    if isinstance(value, (bool, int, float, str, type(None))):
        return value
    if isinstance(value, JSONConvertible):
        return value.to_json(**kwargs)
    if isinstance(value, tuple):
        return [JSONConvertible.TUPLE_MARKER, *(to_json(item, **kwargs) for item in value)]
    if isinstance(value, list):
        return [to_json(item, **kwargs) for item in value]
    if isinstance(value, dict):
        return {k: to_json(v, **kwargs) for k, v in value.items()}
    form = Forms.write(value, to_json)
    if form is not None:
        return form
    convert = (
        JSONConvertible.TYPE_CONVERTER(type(value)) if JSONConvertible.TYPE_CONVERTER is not None else None
    )
    if convert is not None:
        return to_json(convert(value), **kwargs)
    raise FieldValueError(
        f"Cannot encode opaque object {quote(value)} with pickle. Make its class a pg.JSONConvertible, "
        "or register a converter to a JSON value with pg.typing.register_converter."
    )


def from_json(json_value: Any, *, auto_import: bool = True, auto_dict: bool = False, **kwargs: Any) -> Any:
    """Returns the value of a JSON form.

    Args:
      json_value: the JSON form.
      auto_import: also find classes that are not registered, in modules that have been imported.
      auto_dict: make a dict (its type as ``type_name``) of what has an unknown type.
      **kwargs: passed on to the classes' ``from_json``.

    Raises:
      FieldTypeError: a type that is unknown, or is not a ``JSONConvertible``.
      FieldValueError: a damaged form, or one that only running code from the data could read.
      LoadError: a form that is nested too deep.
    """
    try:
        return _read(json_value, {**kwargs, "auto_import": auto_import, "auto_dict": auto_dict})
    except RecursionError:
        raise LoadError("Cannot read the JSON form: it is nested too deep. Store it in parts.") from None


def _read(json_value: Any, kwargs: dict[str, Any]) -> Any:
    if isinstance(json_value, list):
        if not json_value or json_value[0] != JSONConvertible.TUPLE_MARKER:
            return [from_json(item, **kwargs) for item in json_value]
        if len(json_value) < 2:
            raise FieldValueError(
                f"Tuple should have at least one element after {JSONConvertible.TUPLE_MARKER!r}. Encountered {quote(json_value)}."
            )
        return tuple(from_json(item, **kwargs) for item in json_value[1:])
    if not isinstance(json_value, dict):
        return json_value
    name = json_value.get(JSONConvertible.TYPE_NAME_KEY)
    if name is None:
        return {k: from_json(v, **kwargs) for k, v in json_value.items()}
    if Forms.has(name):
        return Forms.read(json_value, lambda data: from_json(data, **kwargs))
    cls = _find(name, auto_import=kwargs["auto_import"], auto_dict=kwargs["auto_dict"])
    if cls is None:
        rest = {
            k: from_json(v, **kwargs) for k, v in json_value.items() if k != JSONConvertible.TYPE_NAME_KEY
        }
        return {"type_name": name, **rest}
    accepted = _accepted(cls.from_json, kwargs)
    return cls.from_json(json_value, **accepted)


def _accepted(function: Callable[..., Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments that a user's ``from_json`` takes."""
    parameters = read_signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return kwargs
    return {k: v for k, v in kwargs.items() if k in parameters}


def _find(name: Any, *, auto_import: bool, auto_dict: bool) -> type[Any] | None:
    cls = JSONConvertible.class_from_typename(name) if isinstance(name, str) else None
    if cls is None and auto_import and isinstance(name, str) and split_name(name) is not None:
        cls = find_class(name)
    if cls is None:
        if auto_dict:
            return None
        if not auto_import:
            raise FieldTypeError(
                f"Type name {quote(name)} is not registered with a pg.JSONConvertible subclass. "
                "Import the module that defines it, or give auto_import=True or auto_dict=True."
            )
        raise FieldTypeError(
            f"Cannot load class {quote(name)}: it is neither registered nor in a module that has been imported. "
            "Import the module that defines it; or give auto_dict=True to read it as a dict."
        )
    if not issubclass(cls, JSONConvertible):
        raise FieldTypeError(
            f"{quote(cls)} is not a `pg.JSONConvertible` subclass, so that it cannot be made from JSON. "
            "Derive it from pg.JSONConvertible or pg.Object."
        )
    return cls


def resolve_typenames(json_value: Any, auto_import: bool = True, auto_dict: bool = False) -> Any:
    """Checks that all types in a JSON form can be found, and returns the form.

    Raises:
      FieldTypeError: a type is unknown.
    """
    pending = [json_value]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            name = node.get(JSONConvertible.TYPE_NAME_KEY)
            if name is not None and not Forms.has(name):
                _find(name, auto_import=auto_import, auto_dict=auto_dict)
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    return json_value
