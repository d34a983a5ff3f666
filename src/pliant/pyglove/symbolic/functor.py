"""``Functor``: functions as symbolic objects, whose arguments are bound at creation, later, or at the call."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Final

from pliant.values.errors import quote

from .. import typing as pg_typing
from .. import values as utils
from . import flags
from .object import _NONE, Object
from .parts.base_init import base_init
from .parts.calls import bind_call, bind_creation
from .parts.compare import eq
from .parts.updates import FieldUpdate

_overrides: Final[ContextVar[Mapping[int, Mapping[str, Any]]]] = ContextVar(
    "arguments of running calls", default=types.MappingProxyType({})
)


class Functor(Object, utils.Functor):
    """A function with its arguments.

    Make one from a function with ``functor``, or define ``_call(self)`` in a subclass with fields.

    Args:
      *args: values of the positional arguments; more can be bound later.
      root_path: the path of the object.
      override_args: whether a call may give other values for bound arguments.
      ignore_extra_args: whether a call may give arguments that the function does not have.
      **kwargs: values of arguments by name.
    """

    allow_symbolic_assignment: ClassVar[bool] = True
    is_subclassed_functor: ClassVar[bool] = True
    __signature__: Any

    def __init_subclass__(cls, user_cls: Any = None) -> None:
        super().__init_subclass__(user_cls)
        if "_call" in cls.__dict__ and cls.auto_schema and cls.is_subclassed_functor:
            if len(inspect.signature(cls._call).parameters) != 1:  # noqa: TID251  # only the names count
                raise TypeError(
                    f"`_call` of a subclassed Functor should take no argument. Declare them as fields of {cls.__name__}."
                )
            cls._describe_call()

    @classmethod
    def _describe_call(cls) -> None:
        """Sets the signature of calls of a subclass."""
        signature = pg_typing.Signature.from_schema(
            cls.__schema__, cls.__module__, "__call__", cls.__qualname__, is_method=False
        )
        returned = getattr(cls._call, "__annotations__", {}).get("return")
        if returned is not None:
            signature.return_value = pg_typing.ValueSpec.from_annotation(
                returned, auto_typing=True, parent_module=sys.modules.get(cls.__module__)
            )
        cls.__signature__ = signature

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = object.__new__(cls)
        if flags.should_call_functors_during_init() and args is not _NOTHING:
            made.__init__(*args, **kwargs)  # type: ignore[misc]  # the object is not returned
            return made()
        return made

    @base_init
    def __init__(
        self,
        *args: Any,
        root_path: Any = None,
        override_args: bool = False,
        ignore_extra_args: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("allow_partial", None)
        given = bind_creation(type(self), args, kwargs)
        self._set_raw_attr("_override_args", override_args)
        self._set_raw_attr("_ignore_extra_args", ignore_extra_args)
        self._set_raw_attr("_given_args", _names(given))
        sealed = kwargs.pop("sealed", None)
        super().__init__(allow_partial=True, sealed=sealed, root_path=root_path, **given)

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the function."""
        raise NotImplementedError

    def _sym_inferred(self, key: Any, **kwargs: Any) -> Any:
        value = _overrides.get().get(id(self), {}).get(key, _NONE)
        return super()._sym_inferred(key, **kwargs) if value is _NONE else value

    def _sym_clone(self, deep: bool, memo: Any = None) -> Any:
        made = super()._sym_clone(deep, memo)
        for name in ("_override_args", "_ignore_extra_args"):
            made._set_raw_attr(name, self._sym_raw(name))
        made._set_raw_attr("_given_args", set(self._specified))
        return made

    @property
    def _specified(self) -> set[str]:
        found: set[str] = self._sym_raw("_given_args", set())
        return found

    def _on_change(self, field_updates: dict[Any, FieldUpdate]) -> None:
        for path, update in field_updates.items():
            name = str(path.keys[0])
            if len(path.keys) == 1 and isinstance(update.new_value, utils.MissingValue):
                self._specified.discard(name)
            else:
                self._specified.add(name)
        super()._on_change(field_updates)

    def __delattr__(self, name: str) -> None:
        setattr(self, name, utils.MISSING_VALUE)
        self._specified.discard(name)

    def _sym_missing(self) -> dict[Any, Any]:
        found = super()._sym_missing()
        return {k: v for k, v in found.items() if not isinstance(v, utils.MissingValue)}

    @property
    def specified_args(self) -> set[str]:
        """The names of the arguments that were given."""
        return set(self._specified)

    @property
    def bound_args(self) -> set[str]:
        """The names of the arguments that have a value, given or by default."""
        return {k for k, v in self.sym_items() if not isinstance(v, utils.MissingValue)}

    @property
    def unbound_args(self) -> set[str]:
        """The names of the arguments that have no value."""
        return {k for k, v in self.sym_items() if isinstance(v, utils.MissingValue)}

    @property
    def non_default_args(self) -> set[str]:
        """The names of the arguments whose value is not the default."""
        return self.bound_args - self.default_args

    @property
    def default_args(self) -> set[str]:
        """The names of the arguments whose value is the default."""
        return {
            k
            for k, v in self.sym_items()
            if not isinstance(v, utils.MissingValue) and _is_default(self.sym_attr_field(k), v)
        }

    @property
    def is_fully_bound(self) -> bool:
        """Whether all arguments have a value."""
        return not self.unbound_args

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function; arguments that are not bound yet can be given here.

        Args:
          *args: positional arguments.
          **kwargs: arguments by name; and ``override_args`` and ``ignore_extra_args`` for this call.

        Raises:
          TypeError: an argument is missing, unknown, or bound already.
        """
        signature = type(self).__signature__
        positional, named = bind_call(self, signature, args, kwargs)
        if type(self).is_subclassed_functor:
            with _running(self, {**dict(zip(signature.arg_names, positional)), **named}):
                value = self._call()
        else:
            value = self._call(*positional, **named)
        spec = signature.return_value
        if spec is not None and flags.is_type_check_enabled() and not isinstance(value, utils.MissingValue):
            value = spec.apply(value, root_path=utils.KeyPath("returns", self.sym_path))
        if flags.is_tracking_origin() and hasattr(value, "sym_setorigin"):
            value.sym_setorigin(self, "return")
        return value


_NOTHING: Final[Any] = object()


def _names(given: dict[str, Any]) -> set[str]:
    return {k for k, v in given.items() if not isinstance(v, utils.MissingValue)}


def _is_default(field: Any, value: Any) -> bool:
    default = utils.MISSING_VALUE if field is None else field.default_value
    return not isinstance(default, utils.MissingValue) and eq(value, default)


@contextmanager
def _running(functor: Functor, values: dict[str, Any]) -> Iterator[None]:
    """Lets the fields of a functor have other values while it runs."""
    token = _overrides.set({**_overrides.get(), id(functor): values})
    try:
        yield
    finally:
        _overrides.reset(token)


def functor(
    args: Any = None, returns: Any = None, base_class: type[Functor] | None = None, **kwargs: Any
) -> Any:
    """Makes a functor class from a function (a decorator).

    Args:
      args: the specs of arguments, as tuples ``(name, spec, description, metadata)``; or the function itself.
      returns: the spec of the result.
      base_class: the base class of the functor class.
      **kwargs: as for ``functor_class``.

    >>> @functor
    ... def add(x, y=1):
    ...     return x + y
    >>> add(2), add(2)(), add.partial(y=3)(4)
    (add(x=2, y=1), 3, 7)
    """
    if isinstance(args, types.FunctionType):
        return functor_class(args, add_to_registry=True, **kwargs)

    def decorate(func: Any) -> Any:
        return functor_class(func, args, returns, base_class, add_to_registry=True, **kwargs)

    _check_options(kwargs)
    return decorate


def _check_options(kwargs: dict[str, Any]) -> None:
    known = {"auto_doc", "auto_typing", "serialization_key", "additional_keys"}
    for name in kwargs:
        if name not in known:
            raise TypeError(f"functor() got an unexpected keyword argument {name!r}.")


def functor_class(
    func: Any,
    args: Any = None,
    returns: Any = None,
    base_class: type[Functor] | None = None,
    *,
    auto_doc: bool = False,
    auto_typing: bool = False,
    serialization_key: str | None = None,
    additional_keys: list[str] | None = None,
    add_to_registry: bool = False,
) -> Any:
    """Returns a functor class for a function.

    Args:
      func: the function.
      args: the specs of arguments; None for what the function says.
      returns: the spec of the result, or None.
      base_class: the base class of the functor class.
      auto_doc: whether descriptions are read from the docstring.
      auto_typing: whether specs are read from annotations.
      serialization_key: the name of the class in JSON; None for the name of the function.
      additional_keys: more names by which ``from_json`` finds the class.
      add_to_registry: whether ``from_json`` finds the class.

    Raises:
      TypeError, ValueError, KeyError: it is not a function, or an argument does not fit it.
    """
    if not inspect.isfunction(func):
        raise TypeError(f"{quote(func)} is not a function.")
    signature = pg_typing.signature(func, auto_typing=auto_typing, auto_doc=auto_doc).annotate(args, returns)
    schema = signature.to_schema()
    body = {
        "__module__": func.__module__,
        "__qualname__": func.__qualname__,
        "__doc__": func.__doc__,
        "auto_schema": False,
        "auto_register": False,
        "is_subclassed_functor": False,
        "infer_symbolic_fields_from_annotations": False,
        "_call": staticmethod(func),
    }
    cls: Any = type(Functor)(func.__name__, (base_class or Functor,), body)
    cls.__signature__ = signature
    cls.apply_schema(schema)
    if add_to_registry:
        cls.register_for_deserialization(serialization_key, additional_keys)
    return cls


def as_functor(func: Callable[..., Any], ignore_extra_args: bool = False) -> Functor:
    """Returns a functor without bound arguments for a function.

    Args:
      func: the function.
      ignore_extra_args: whether a call may give arguments that the function does not have.
    """
    made: Functor = functor_class(func)(ignore_extra_args=ignore_extra_args)
    return made
