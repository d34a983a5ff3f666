"""Specs of functions and callable objects: ``Callable``, ``Functor``."""

from __future__ import annotations

import typing
from collections.abc import Callable as AnyCallable
from typing import Any, ClassVar

from pliant.pyglove import values
from pliant.pyglove.values.key_path import KeyPath
from pliant.values.errors import FieldTypeError, quote

from ..forward_ref import ForwardRef
from ..typed_missing import MISSING_VALUE
from ..value_spec import ValueSpec, show
from .base import Generic, Item, ValueSpecBase, say, to_spec
from .sequences import element_annotation


class Callable(Generic, ValueSpecBase):
    """A function or callable object; ``Callable[[int], str]`` takes an integer and returns text.

    >>> Callable([int]).apply(abs)
    <built-in function abs>

    Args:
      args: what it accepts by position.
      kw: what it accepts by name: pairs of name and spec.
      returns: what it returns.
      default: the default.
      transform: the user's function that converts values before they are checked.
      callable_type: the class that it must have.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.Callable"
    read_signature: ClassVar[AnyCallable[[Any], Any]]
    is_callable_spec: ClassVar[bool] = True

    def __init__(
        self,
        args: Any = None,
        kw: Any = None,
        returns: Any = None,
        default: Any = MISSING_VALUE,
        transform: AnyCallable[[Any], Any] | None = None,
        callable_type: Any = None,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        if args is not None and not isinstance(args, list):
            raise FieldTypeError(f"'args' should be a list of ValueSpec objects. Encountered {quote(args)}.")
        if kw is not None and not (
            isinstance(kw, list) and all(isinstance(p, (tuple, list)) and len(p) == 2 for p in kw)
        ):
            raise FieldTypeError(
                f"'kw' should be a list of (name, value_spec) tuples. Encountered {quote(kw)}."
            )
        self._args = [to_spec(a) for a in args or ()]
        self._kw = [(name, to_spec(spec)) for name, spec in kw or ()]
        self._returns = to_spec(returns) if returns is not None else None
        super().__init__(callable_type, default, transform, is_noneable, frozen)

    @classmethod
    def with_type_args(cls, type_args: Any) -> Any:
        if len(type_args) != 2:
            raise FieldTypeError(
                f"`pg.typing.{cls.__name__}` requires 2 type arguments: {cls.__name__}[[args], returns]. "
                f"Encountered {quote(type_args)}."
            )
        args, returns = type_args
        args = [] if args is ... else list(args) if isinstance(args, (list, tuple)) else [args]
        return cls(args, returns=ValueSpec.from_annotation(returns, auto_typing=True))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise FieldTypeError(f"{show(self)} cannot be instantiated. Give a function to `apply`.")

    @property
    def args(self) -> list[ValueSpec]:
        """What it accepts by position."""
        return self._args

    @property
    def kw(self) -> list[tuple[str, ValueSpec]]:
        """What it accepts by name."""
        return self._kw

    @property
    def return_value(self) -> ValueSpec | None:
        """What it returns; None for anything."""
        return self._returns

    @property
    def forward_refs(self) -> set[ForwardRef]:
        specs = [
            *self._args,
            *(spec for _, spec in self._kw),
            *([self._returns] if self._returns is not None else []),
        ]
        return set().union(*(spec.forward_refs for spec in specs))

    def _validate(self, path: KeyPath, value: Any) -> None:
        if not callable(value):
            raise FieldTypeError(say(f"Value is not callable: {quote(value)}.", path))
        if not self._args and not self._kw and self._returns is None:
            return
        try:
            signature = Callable.read_signature(value)
        except ValueError:  # of a built-in function that does not tell
            return
        self._check_args(signature, value, path)
        self._check_kw(signature, value, path)
        found = signature.return_value
        told = found is not None and found.value_type is not object
        if self._returns is not None and told and not self._returns.is_compatible(found):
            raise FieldTypeError(
                say(
                    f"Value spec for return value is not compatible: {show(self._returns)} is asked for, {show(found)} is given.",
                    path,
                )
            )

    def _check_args(self, signature: Any, value: Any, path: KeyPath) -> None:
        own = signature.args
        if len(self._args) > len(own) and not signature.has_varargs:
            raise FieldTypeError(
                say(
                    f"{signature.id} only take {len(own)} positional arguments, while {len(self._args)} is required by {show(self)}.",
                    path,
                )
            )
        for i, wanted in enumerate(self._args):
            found = own[i].value_spec if i < len(own) else signature.varargs.value_spec.element.value
            if not found.is_compatible(wanted):
                which = "" if i < len(own) else f" with the value spec of *{signature.varargs.name}"
                raise FieldTypeError(
                    say(
                        f"Value spec of positional argument {i} is not compatible{which}: "
                        f"{show(wanted)} is given, {show(found)} is accepted.",
                        path,
                    )
                )

    def _check_kw(self, signature: Any, value: Any, path: KeyPath) -> None:
        named = {a.name: a for a in signature.named_args}
        for name, wanted in self._kw:
            if name in named:
                found, which = named[name].value_spec, ""
            elif signature.has_varkw:
                found = signature.varkw.value_spec.schema.dynamic_field.value
                which = f" with the value spec of **{signature.varkw.name}"
            else:
                raise FieldTypeError(
                    say(f"Keyword argument {name!r} does not exist in {quote(value)}.", path)
                )
            if not found.is_compatible(wanted):
                raise FieldTypeError(
                    say(
                        f"Value spec of keyword argument {name!r} is not compatible{which}: "
                        f"{show(wanted)} is given, {show(found)} is accepted.",
                        path,
                    )
                )

    def _extend(self, base: Any) -> None:
        for field, own in (("_args", self._args), ("_kw", self._kw), ("_returns", self._returns)):
            if not own:
                setattr(self, field, getattr(base, field))

    def is_compatible(self, other: Any) -> bool:
        cls = getattr(other, "cls", None) if other.type_resolved else None
        if isinstance(cls, type) and not isinstance(other, Callable):
            if (other.is_noneable and not self.is_noneable) or not callable(getattr(cls, "__call__", None)):  # noqa: B004
                return False
            if "__call__" not in {n for c in cls.__mro__[:-1] for n in vars(c)}:
                return False
            try:
                self._validate(KeyPath(), _Unbound(cls))
            except TypeError:
                return False
            return True
        return super().is_compatible(other)

    def _is_compatible(self, other: Any) -> bool:
        theirs = dict(other.kw)
        return (
            (not self._args or len(self._args) == len(other.args))
            and all(b.is_compatible(a) for a, b in zip(self._args, other.args))
            and all(name in theirs and theirs[name].is_compatible(spec) for name, spec in self._kw)
            and (
                self._returns is None
                or (other.return_value is not None and self._returns.is_compatible(other.return_value))
            )
        )

    def _annotate(self) -> Any:
        args: Any = ... if self._kw else [element_annotation(a) for a in self._args]
        returns = element_annotation(self._returns) if self._returns is not None else None
        return typing.Callable[args, returns]

    def _eq(self, other: Any) -> bool:
        mine = (self._args, self._kw, self._returns, self._value_type)
        return mine == (other.args, other.kw, other.return_value, other._value_type)

    def _shown(self) -> list[Item]:
        kw = [tuple(pair) for pair in self._kw]
        return [("args", self._args, []), ("kw", kw, []), ("returns", self._returns, None), *self._flags()]

    def _state(self) -> dict[str, tuple[Any, Any]]:
        return {
            "args": (self._args, []),
            "kw": (self._kw, []),
            "returns": (self._returns, None),
            **super()._state(),
        }


class _Unbound:
    """Stands for an object of a class, to read the signature of calling it."""

    def __init__(self, cls: type[Any]) -> None:
        self.__signature_of__ = cls

    def __call__(self) -> None:
        """Makes it callable."""


class Functor(Callable):
    """A function that is a symbolic object; ``Functor[[int], str]`` as in ``Callable``.

    Args:
      args: what it accepts by position.
      kw: what it accepts by name: pairs of name and spec.
      returns: what it returns.
      default: the default.
      transform: the user's function that converts values before they are checked.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.Functor"

    def __init__(
        self,
        args: Any = None,
        kw: Any = None,
        returns: Any = None,
        default: Any = MISSING_VALUE,
        transform: AnyCallable[[Any], Any] | None = None,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        super().__init__(args, kw, returns, default, transform, values.Functor, is_noneable, frozen)

    def _annotate(self) -> Any:
        return values.Functor
