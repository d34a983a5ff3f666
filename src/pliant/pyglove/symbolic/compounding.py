"""``compound``: classes whose objects stand for an object that a function builds from their fields."""

from __future__ import annotations

import inspect
import types
from typing import Any, Final

from .. import typing as pg_typing
from .base import Symbolic
from .object import Object
from .parts.base_init import base_init


class Compound(Object):
    """Base class of compounds: their fields are the arguments of a function, other attributes are those of its result."""

    auto_schema = False
    auto_register = False
    infer_symbolic_fields_from_annotations = False

    def __init_subclass__(cls, user_cls: Any = None) -> None:
        """Runs no code of the class that the compounds stand for."""

    @base_init
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        Object.__init__(self, *args, explicit_init=True, **kwargs)

    _factory: Any = None
    _is_lazy: bool = True

    def _on_bound(self) -> None:
        self._set_raw_attr("_built", None)
        if not type(self)._is_lazy:
            _build(self)

    def _on_init(self) -> None:
        Compound._on_bound(self)

    def _on_change(self, field_updates: dict[Any, Any]) -> None:
        Compound._on_bound(self)

    def _on_parent_change(self, old_parent: Any, new_parent: Any) -> None:
        """Runs no code of the class that the compounds stand for."""

    def _on_path_change(self, old_path: Any, new_path: Any) -> None:
        """Runs no code of the class that the compounds stand for."""

    @property
    def decomposed(self) -> Any:
        """The object that the function builds."""
        found = self._sym_raw("_built")
        return _build(self) if found is None else found

    def __getattribute__(self, name: str) -> Any:
        if name[0] == "_" or name in _LOCAL or name in type(self)._field_names:
            return object.__getattribute__(self, name)
        return getattr(object.__getattribute__(self, "decomposed"), name)

    def __getattr__(self, name: str) -> Any:
        if name[0] == "_" or name in _LOCAL or name in type(self)._field_names:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.decomposed, name)

    _field_names: frozenset[str] = frozenset()

    @classmethod
    def _on_schema_update(cls) -> None:
        super()._on_schema_update()
        cls._field_names = frozenset(str(k) for k in cls.__schema__.keys())  # noqa: SIM118  # a schema is not a dict


_LOCAL: Final = frozenset(n for n in dir(Compound) if n[0] != "_")


def _build(compound: Any) -> Any:
    """Builds the object of a compound."""
    cls = type(compound)
    value = cls._factory(**{k: compound.sym_inferred(k) for k in compound.sym_keys()})
    if isinstance(value, Symbolic):
        value.sym_setparent(compound)
    compound._set_raw_attr("_built", value)
    return value


def compound_class(
    factory_fn: Any,
    base_class: Any = None,
    args: Any = None,
    *,
    lazy_build: bool = True,
    auto_doc: bool = True,
    auto_typing: bool = True,
    serialization_key: str | None = None,
    additional_keys: list[str] | None = None,
    add_to_registry: bool = False,
) -> Any:
    """Returns a class of compounds.

    Args:
      factory_fn: the function that builds the objects.
      base_class: their class, which the new class derives from; None for what the function is annotated to return.
      args: the specs of its arguments; None for what it says.
      lazy_build: whether an object is built at the first use.
      auto_doc: whether descriptions are read from the docstring.
      auto_typing: whether specs are read from annotations.
      serialization_key: the name of the class in JSON.
      additional_keys: more names by which ``from_json`` finds the class.
      add_to_registry: whether ``from_json`` finds the class.

    Raises:
      TypeError: it is not a function.
      ValueError: the class of its results is not known.
    """
    if not inspect.isfunction(factory_fn):
        raise TypeError("Decorator `compound` is only applicable to functions.")
    signature = pg_typing.signature(factory_fn, auto_typing=auto_typing, auto_doc=auto_doc).annotate(args)
    if base_class is None:
        returned = pg_typing.signature(factory_fn, auto_typing=True, auto_doc=False).return_value
        base_class = getattr(returned, "cls", None)
        if base_class is None:
            raise ValueError(
                "Cannot inference the base class from return value annotation. "
                f"Annotate what {factory_fn.__name__} returns, or give `base_class`."
            )
    body = {
        "__module__": factory_fn.__module__,
        "__qualname__": factory_fn.__qualname__,
        "__doc__": factory_fn.__doc__,
        "_factory": staticmethod(factory_fn),
        "_is_lazy": lazy_build,
    }
    meta: Any = type(Compound)
    if type(base_class) not in meta.__mro__:
        meta = type("CompoundMeta", (meta, type(base_class)), {})
    made = meta(factory_fn.__name__, (Compound, base_class), body)
    if not isinstance(made.__abstractmethods__, frozenset) or made.__abstractmethods__:
        made.__abstractmethods__ = frozenset()
    made.apply_schema(signature.to_schema())
    if add_to_registry:
        made.register_for_deserialization(serialization_key, additional_keys)
    return made


def compound(base_class: Any = None, args: Any = None, **kwargs: Any) -> Any:
    """Makes a class of compounds from a function (a decorator).

    Args:
      base_class: the class of its results; or the function itself.
      args: the specs of its arguments; None for what it says.
      **kwargs: as for ``compound_class``.

    >>> class Line:
    ...     def __init__(self, start, end):
    ...         self.length = end - start
    >>> @compound(Line)
    ... def unit_line(start: int):
    ...     return Line(start, start + 1)
    >>> unit_line(5).length, isinstance(unit_line(5), Line)
    (1, True)
    """
    if isinstance(base_class, types.FunctionType):
        return compound_class(base_class, add_to_registry=True, **kwargs)
    return lambda fn: compound_class(fn, base_class, args, **{"add_to_registry": True, **kwargs})
