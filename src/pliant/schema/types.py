"""Specs of objects, classes and callables: ``Object``, ``Type``, ``Callable``.

A class that does not exist yet can be given by name: a *forward reference*, resolved at first use.
"""

from __future__ import annotations

import builtins
import typing as t
from abc import abstractmethod
from collections.abc import Iterable, Mapping

from pliant.values.errors import SchemaError, quote, quote_typed
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import ROOT, Path
from pliant.values.placeholder import Placeholder
from pliant.values.signature import read_signature

from .value_spec import ValueSpec, as_spec

_LEAVES = (bool, int, float, complex, str, bytes)


@t.final
class ForwardRef:
    """Forward reference: the name of a class, and the globals in which to look it up.

    Two references with equal names are equal; a name may be dotted.

    >>> ForwardRef("int").resolve(), ForwardRef("Later").resolve()
    (<class 'int'>, None)
    """

    __slots__ = ("_found", "_globals", "name")
    name: str

    def __init__(self, name: str, globals: Mapping[str, t.Any] | None = None) -> None:
        """Makes a reference; ``globals`` is read when the reference is resolved."""
        self.name = name
        self._globals = globals
        self._found: t.Any = None

    def resolve(self) -> t.Any:
        """Returns the class, or None if it does not exist yet."""
        if self._found is None:
            first, *rest = self.name.split(".")
            found = (self._globals or {}).get(first, getattr(builtins, first, None))
            for part in rest:
                found = getattr(found, part, None)
            self._found = found
        return self._found

    def bind(self, cls: type) -> None:
        """Sets the class, for a local class, which is not in any globals."""
        self._found = cls

    def names(self, cls: type) -> bool:
        """Returns whether ``cls`` or one of its bases has this name; the only test for a local class."""
        last = self.name.rpartition(".")[2]
        return any(c.__name__ == last for c in cls.__mro__)

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, ForwardRef) else NotImplemented

    def __hash__(self) -> int:
        return hash((ForwardRef, self.name))

    def __reduce__(self) -> tuple[type[ForwardRef], tuple[str]]:
        return ForwardRef, (self.name,)  # globals are not pickled

    def __repr__(self) -> str:
        return repr(self.name)


class ClassSpec(ValueSpec):
    """Base class of ``Object`` and ``Type``: holds a class or a reference to one."""

    __slots__ = ("_ref",)
    _POSITIONAL = 1
    _ref: type | ForwardRef

    @abstractmethod
    def __init__(self, cls: object, default: object, *, is_noneable: bool, frozen: bool, fast: bool) -> None:
        """Sets the class; its direct instances need no check if ``fast``.

        Raises:
          SchemaError: ``cls`` is not a class, the name of one, or a ``ForwardRef``.
        """
        if isinstance(cls, str):
            cls = ForwardRef(cls)
        if not isinstance(cls, (type, ForwardRef)):
            mine = type(self).__name__
            raise SchemaError(
                f"{mine}(...) takes a class or the name of one; got {quote_typed(cls)}. "
                f"Write {mine}(TheClass), or use the annotation itself as spec."
            )
        self._init(_ref=cls)
        exact = cls if fast and isinstance(cls, type) and not issubclass(cls, Placeholder) else None
        super().__init__(default, is_noneable=is_noneable, frozen=frozen, fast=exact)

    def _args(self) -> dict[str, t.Any]:
        return {"cls": self._ref}

    @property
    def cls(self) -> t.Any:
        """The class, or the ``ForwardRef`` if the class does not exist yet."""
        ref = self._ref
        return (ref.resolve() or ref) if isinstance(ref, ForwardRef) else ref

    @property
    def _name(self) -> str:
        ref = self._ref
        return ref.name if isinstance(ref, ForwardRef) else ref.__qualname__

    def _is_subclass(self, cls: type) -> bool:
        own = self.cls
        return own.names(cls) if isinstance(own, ForwardRef) else issubclass(cls, own)

    def _unknown_hint(self) -> str:
        if not isinstance(self.cls, ForwardRef):
            return ""
        return (
            f"The class {self._name!r} does not exist in the module of the field, so values were compared by class name. "
            "Import the class there, outside of TYPE_CHECKING."
        )

    def _narrows_class(self, base: ClassSpec) -> bool:
        own, other = self.cls, base.cls
        if isinstance(own, ForwardRef):
            return own == other or own == base._ref
        return base._is_subclass(own)


@t.final
class Object(ClassSpec):
    """An instance of a class or of one of its subclasses.

    A class that does not exist yet is given by name.  While the name cannot be resolved, an object passes if its class
    or one of its bases has that name.

    >>> Object(complex).check(1j), Object("Layer")
    (1j, Object('Layer'))
    """

    __slots__ = ()

    def __init__(
        self, cls: object, default: object = MISSING_VALUE, *, is_noneable: bool = False, frozen: bool = False
    ) -> None:
        """Makes a spec of instances.

        Raises:
          SchemaError: ``cls`` is not a class, or the default does not fit.
        """
        super().__init__(cls, default, is_noneable=is_noneable, frozen=frozen, fast=True)

    def check(self, value: object, path: Path = ROOT) -> t.Any:
        cls = self._fast
        if value.__class__ is cls:
            return value
        if cls is not None and isinstance(value, cls) and not isinstance(value, Placeholder):
            return value  # a hole can be an instance of the class
        return super().check(value, path)

    def _check(self, value: object, path: Path) -> t.Any:
        cls = self.cls
        if isinstance(cls, ForwardRef):
            if cls.names(type(value)):
                return value
        elif not isinstance(cls, type):
            raise SchemaError(
                f"{quote(self, 200)} needs a class, but {self._name!r} is {quote(cls)}. Give the name of a class."
            )
        elif isinstance(value, cls):
            if self._fast is None and not self.frozen and not issubclass(cls, Placeholder):
                self._init(_fast=cls)
            return value
        fix = self._unknown_hint()
        if value is self.cls:
            fix = f"This is the class itself. Write {self._name}(...)."
        elif value is None:
            fix = "To allow None, write spec.noneable(), or `| None` in the annotation."
        raise self._refuse(value, path, fix)

    def _words(self) -> str:
        return f"an instance of {self._name}"

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        if isinstance(base, Object) and self._narrows_class(base):
            return self
        is_callable = any("__call__" in vars(c) for c in getattr(self.cls, "__mro__", ()))
        if isinstance(base, Callable) and base.args is None and is_callable:
            return self
        raise self._wider(base, f"an instance of {self._name} is not allowed there")

    @property
    def holds_nodes(self) -> bool:
        """False only for classes of plain values, such as complex."""
        cls = self.cls
        return not (isinstance(cls, type) and issubclass(cls, _LEAVES))


@t.final
class Type(ClassSpec):
    """A class: the given one or one of its subclasses.

    >>> Type(Exception).check(ValueError)
    <class 'ValueError'>
    """

    __slots__ = ()
    _LEAF = True

    def __init__(
        self,
        cls: object = object,
        default: object = MISSING_VALUE,
        *,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        """Makes a spec of classes.

        Raises:
          SchemaError: ``cls`` is not a class, or the default does not fit.
        """
        super().__init__(cls, default, is_noneable=is_noneable, frozen=frozen, fast=False)

    def _check(self, value: object, path: Path) -> t.Any:
        if isinstance(value, type) and self._is_subclass(value):
            return value
        fix = self._unknown_hint()
        if not isinstance(value, type) and self._is_subclass(type(value)):
            fix = f"Give the class, {type(value).__name__}, instead of an instance."
        raise self._refuse(value, path, fix)

    def _words(self) -> str:
        return "a class" if self.cls is object else f"the class {self._name} or a subclass of it"

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        if isinstance(base, Type) and self._narrows_class(base):
            return self
        raise self._wider(base, f"{self._words()} is not allowed there")


@t.final
class Callable(ValueSpec):
    """A callable, optionally with a given number of positional and names of keyword arguments.

    The number and names are checked if the callable has a signature; types and return value are not.

    Attributes:
      args: the specs of the positional arguments; None for any.
      kw: the specs of the keyword arguments, by name.
      returns: the spec of the return value; None for any.

    >>> Callable([int, int]).check(pow) is pow
    True
    """

    __slots__ = ("args", "kw", "returns")
    _POSITIONAL = 1
    args: tuple[ValueSpec, ...] | None
    kw: tuple[tuple[str, ValueSpec], ...]
    returns: ValueSpec | None

    def __init__(
        self,
        args: Iterable[object] | None = None,
        kw: Iterable[tuple[str, t.Any]] | None = None,
        returns: object = None,
        default: object = MISSING_VALUE,
        *,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        """Makes a spec of callables; arguments and return value are specs or annotations.

        Raises:
          SchemaError: ``args`` is not a list, or the default does not fit.
        """
        if args is not None and (isinstance(args, (str, type)) or not isinstance(args, Iterable)):
            raise SchemaError(
                f"the args of a Callable must be a list of specs; got {quote(args)}. Write Callable([Int(), ...])."
            )
        given: object = kw or ()
        if isinstance(given, str) or not isinstance(given, Iterable):
            raise SchemaError(f"the kw of a Callable must be a list of (name, spec); got {quote(kw)}.")
        self._init(
            args=None if args is None else tuple(as_spec(a) for a in args),
            kw=tuple((name, as_spec(spec)) for name, spec in kw or ()),
            returns=None if returns is None else as_spec(returns),
        )
        super().__init__(default, is_noneable=is_noneable, frozen=frozen)

    def _args(self) -> dict[str, t.Any]:
        args = None if self.args is None else list(self.args)
        return {"args": args, "kw": list(self.kw) or None, "returns": self.returns}

    def _check(self, value: object, path: Path) -> t.Any:
        if not callable(value):
            raise self._refuse(value, path)
        if self.args is not None or self.kw:
            why = _misfit(value, len(self.args or ()), [name for name, _ in self.kw])
            if why:
                raise self._refuse(value, path, f"It cannot be called with these arguments: {why}.")
        return value

    def _words(self) -> str:
        if self.args is None and not self.kw:
            return "a callable"
        given = [a.expects for a in self.args or ()] + [f"{n}={s.expects}" for n, s in self.kw]
        return f"a callable that takes ({', '.join(given)})"

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        if not isinstance(base, Callable):
            raise self._wider(base, "a callable is not allowed there")
        if self.args is not None and base.args is not None and len(self.args) != len(base.args):
            raise self._wider(base, f"it takes {len(self.args)} arguments, there {len(base.args)}")
        if self.kw and base.kw and dict(self.kw).keys() != dict(base.kw).keys():
            raise self._wider(base, "the names of the keyword arguments differ")
        returns = self.returns
        if base.returns is not None:
            returns = base.returns if returns is None else returns.extend(base.returns)
        args = base.args if self.args is None else self.args
        return t.cast(ValueSpec, self._with(args=args, kw=self.kw or base.kw, returns=returns))


def _misfit(function: t.Any, count: int, names: Iterable[str]) -> str:
    """Returns why ``function`` does not accept the arguments; empty if it does, or if its signature is unknown."""
    try:
        signature = read_signature(function)
    except (TypeError, ValueError):  # some built-in functions have no signature
        return ""
    try:
        signature.bind(*[None] * count, **dict.fromkeys(names))
    except TypeError as error:
        return f"{error} (its signature is {signature})"
    return ""
