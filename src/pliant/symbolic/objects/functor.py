"""Functors: functions as symbolic objects, whose arguments are bound at creation, later, or at the call.

``functor`` (or ``symbolize``) makes a functor class from a function; creating an object of it binds arguments, and
calling the object runs the function (paper, appendix B.1.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Never

from pliant.schema import Schema, schema_from_members
from pliant.values.errors import (
    FieldTypeError,
    IncompleteError,
    SchemaError,
    UnknownFieldError,
    listing,
    quote,
    quote_typed,
    suggest,
)
from pliant.values.missing import MISSING_VALUE
from pliant.values.slips import check_names, explain_argument

from ..tree.leaf import bare
from ..tree.node import path
from ..tree.realize import require_complete
from .object import Object, declare_object
from .parameters import schema_of_signature


class Functor(Object):
    """Base class of all functors; calling an object runs the function."""

    _sym_partial_ok = True
    _sym_function: Any = None
    _sym_variadic: str | None = None
    _sym_positional_only: tuple[str, ...] = ()
    _sym_given: frozenset[str] = frozenset()
    _sym_by_place: tuple[str, ...] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if getattr(cls.__init__, "_sym_made", False) and "_sym_twin_of" not in cls.__dict__:
            _record_given(cls)

    def __call__(
        self, /, *args: Any, override_args: bool = False, ignore_extra_args: bool = False, **fields: Any
    ) -> Any:
        """Runs the function with the bound arguments and these.

        Args:
          *args: arguments for this call only, by position.
          **fields: arguments for this call only, by name.
          override_args: whether these may replace bound arguments.
          ignore_extra_args: whether names that the function does not have are ignored.

        Raises:
          TypeError: an argument is bound already (and ``override_args`` is False), unknown or missing.
        """
        bound = self._sym_bind(args, fields, override_args, ignore_extra_args)
        missing = [n for n, v in bound.items() if v is MISSING_VALUE]
        if missing:
            raise IncompleteError(
                f"{type(self).__name__} was called without {listing(missing)}. Bind it when the functor is created, "
                f"with `x.rebind({missing[0]}=...)`, or at the call: `x({missing[0]}=...)`."
            )
        for value in bound.values():
            require_complete(value)
        return self._sym_call(bound)

    def _sym_bind(self, args: Any, fields: dict[str, Any], override: bool, ignore: bool) -> dict[str, Any]:
        """Returns all arguments of a call, by name."""
        cls = type(self)
        names = list(self._sym_names)
        given = dict(zip(self._sym_by_place, args))
        if len(args) > len(given):
            if self._sym_variadic is not None:
                given[self._sym_variadic] = list(args[len(given) :])
            elif not ignore:
                raise UnknownFieldError(
                    f"{cls.__name__} takes {len(names)} arguments ({', '.join(names)}); {len(args)} were given."
                )
        for name, value in fields.items():
            if name in given:
                raise UnknownFieldError(f"{cls.__name__} was given {name!r} twice, by position and by name.")
            given[name] = value
        bound = dict(zip(self._sym_keys(), self._sym_values()))
        for name, value in given.items():
            field = self._sym_fields.get(name) or (cls.__schema__.field_for(name) if self._sym_wild else None)
            if field is None:
                if ignore:
                    continue
                raise UnknownFieldError(
                    f"{cls.__name__} has no argument {name!r}{suggest(name, names) or '.'} Its arguments are: {listing(names)}."
                )
            if name in self._sym_given and not override:
                raise UnknownFieldError(
                    f"the argument {name!r} of {cls.__name__} is bound already, to {quote(bound[name])}; "
                    "pass override_args=True to use another value for this call, or rebind it."
                )
            bound[name] = field.value_spec.check(value, path(self) + name)
        return bound

    def _sym_call(self, bound: dict[str, Any]) -> Any:
        if self._sym_function is None:
            call: Any = getattr(type(self), "_call", None)
            if call is None:
                raise SchemaError(
                    f"{type(self).__name__} derives from pg.Functor but has nothing to run. Define `def _call(self): ...` in it, "
                    "which reads the arguments as attributes, or decorate a function with @pg.functor."
                )
            own = dict(zip(self._sym_keys(), self._sym_values()))
            return call(self.clone(override={k: v for k, v in bound.items() if v is not own.get(k)}))
        bound = {k: bare(v) for k, v in bound.items()}
        args, rest = split_arguments(type(self), bound)
        return type(self)._sym_function(*args, **rest)

    def _sym_put(self, key: object, value: object) -> None:
        super()._sym_put(key, value)
        given = self._sym_given - {key} if value is MISSING_VALUE else self._sym_given | {key}
        object.__setattr__(self, "_sym_given", given)


def split_arguments(cls: Any, bound: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Returns bound arguments as a call passes them: by position if the function requires it, else by name."""
    variadic = cls._sym_variadic
    positional = cls._sym_positional_only
    if variadic is None:
        args = [bound[n] for n in positional]
        return args, {n: v for n, v in bound.items() if n not in positional and v is not MISSING_VALUE}
    before = cls._sym_names[: cls._sym_names.index(variadic)]
    args = [bound[n] for n in before if bound[n] is not MISSING_VALUE]
    more = bound[variadic]
    args += [] if more is MISSING_VALUE else [bare(v) for v in more]
    return args, {
        n: v for n, v in bound.items() if n != variadic and n not in before and v is not MISSING_VALUE
    }


def functor(fields: Any = None, returns: Any = None, *, base_class: Any = None, **_unknown: Never) -> Any:
    """Makes a functor class from a function: ``@pg.functor``, ``@pg.functor([('x', pg.typing.Int())])``.

    Args:
      fields: constraints for arguments, as for ``members``; or the function itself.
      returns: a spec that the result is checked against.
      base_class: a ``Functor`` subclass to derive from.

    >>> @functor
    ... def scale(x, factor=2):
    ...     return x * factor
    >>> double = scale(factor=2)
    >>> double(3), double(3, factor=5, override_args=True), scale(4)()
    (6, 15, 8)
    """
    for name in _unknown:
        raise explain_argument("pg.functor", name, {}, ("fields", "returns", "base_class"))
    if callable(fields) and not isinstance(fields, (list, dict)):
        return functor_class(fields)
    return lambda function: functor_class(function, fields, returns, base_class=base_class)


def functor_class(
    function: Callable[..., Any], fields: object = None, returns: object = None, *, base_class: Any = None
) -> Any:
    """Returns the functor class of a function; the function itself stays unchanged."""
    if base_class is not None and not (isinstance(base_class, type) and issubclass(base_class, Functor)):
        raise FieldTypeError(f"base_class is a subclass of pg.Functor; got {quote_typed(base_class)}.")
    own = schema_from_members(fields) if fields else Schema([])
    named: Any = function  # whose name the class gets
    while not hasattr(named, "__qualname__"):
        named = getattr(named, "func", None) or type(named)
    mark = (
        "" if named is function else ".<object>"
    )  # other objects have the same name, so it is not stored by name
    found = schema_of_signature(function, own, owner=named.__name__, annotated=True)
    namespace = {
        "__module__": getattr(named, "__module__", None) or "builtins",
        "__qualname__": f"{named.__qualname__}{mark}",
        "__doc__": function.__doc__,
        "_sym_function": staticmethod(function),
        "_sym_variadic": found.variadic,
        "_sym_positional_only": found.positional_only,
    }
    if hasattr(function, "dispatch") and hasattr(function, "registry"):  # functools.singledispatch
        namespace["_sym_positional_only"] = tuple(found.schema)[:1]
    cls: Any = type(named.__name__, (base_class or Functor,), namespace)
    declare_object(cls, found.schema, variadic=found.variadic, keyword_only=found.keyword_only)
    _record_given(cls)
    if returns is not None:
        cls._sym_call = _checked_call(cls, returns)
    return cls


def _record_given(cls: Any) -> None:
    """Makes the constructor record which arguments were passed, as opposed to defaults."""
    init = cls._sym_init
    names = cls._sym_by_place = tuple(
        n for n in cls._sym_names if n not in cls._sym_keyword_only and n != cls._sym_variadic
    )
    copy = cls._sym_copy

    def __init__(self: Any, /, *args: Any, **fields: Any) -> None:  # noqa: N807  # installed below
        init(self, *args, **fields)
        given: Iterable[str] = [*names[: len(args)], *fields]
        if len(args) > len(names) and cls._sym_variadic:
            given = [*given, cls._sym_variadic]
        object.__setattr__(self, "_sym_given", frozenset(given))

    def _sym_copy(self: Any, parent: object = None, key: object = None, memo: object = None) -> Any:
        made = copy(self, parent, key, memo)
        object.__setattr__(made, "_sym_given", self._sym_given)
        return made

    __init__._sym_made = True  # type: ignore[attr-defined]  # marks it as generated, as `declare` does
    __init__.__doc__ = f"Binds arguments of {cls.__name__}; the others can be bound later or at the call."
    cls.__init__ = __init__
    cls._sym_init = __init__
    cls._sym_copy = _sym_copy


def _checked_call(cls: Any, returns: Any) -> Any:
    """Returns ``_sym_call`` with a check of the result."""
    call = cls._sym_call

    def _sym_call(self: Any, bound: dict[str, Any]) -> Any:
        return returns.check(call(self, bound))

    return _sym_call


@check_names({})
def as_functor(function: Callable[..., Any]) -> Any:
    """Returns a functor object of a function, without bound arguments."""
    return functor_class(function)()
