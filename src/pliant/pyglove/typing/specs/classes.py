"""Specs of objects of a class and of classes: ``Object``, ``Type``."""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable
from typing import Any

from pliant.pyglove.values.common_traits import MaybePartial
from pliant.pyglove.values.key_path import KeyPath
from pliant.values.errors import FieldTypeError, FieldValueError, quote

from ..forward_ref import ForwardRef
from ..inspect import is_generic, is_subclass
from ..typed_missing import MISSING_VALUE
from ..value_spec import Transform, ValueSpec, show
from .base import Generic, Item, ValueSpecBase, say

_OURS = __name__.partition(".typing")[0]


def calling_module() -> types.ModuleType:
    """Returns the module outside of this package that calls; names of classes are looked up there."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).startswith(_OURS):
        frame = frame.f_back
    return sys.modules.get(str(frame.f_globals.get("__name__"))) or sys.modules["__main__"]


class _Named:
    """A class, a generic type, or the name of a class that is looked up when it is needed."""

    def __init__(self, given: Any, refusal: str) -> None:
        if isinstance(given, str):
            given = ForwardRef(calling_module(), given)
        if not (isinstance(given, (type, ForwardRef)) or is_generic(given) or given is Any):
            raise FieldTypeError(refusal)
        self.given = given

    @property
    def refs(self) -> set[ForwardRef]:
        return {self.given} if isinstance(self.given, ForwardRef) else set()

    @property
    def cls(self) -> Any:
        return self.given.cls if isinstance(self.given, ForwardRef) else self.given

    @property
    def known(self) -> Any:
        """The class; None while it does not exist."""
        return None if isinstance(self.given, ForwardRef) and not self.given.resolved else self.cls

    @property
    def annotation(self) -> Any:
        return self.given.as_annotation() if isinstance(self.given, ForwardRef) else self.given

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named) and bool(self.given == other.given or other.given == self.given)

    __hash__ = None  # type: ignore[assignment]  # it may be resolved later


class Object(Generic, ValueSpecBase):
    """An object of a class, which may be given by its name before it exists.

    >>> import fractions
    >>> Object(fractions.Fraction)
    Object(Fraction)

    Args:
      t: the class, a generic type, or its name in the calling module.
      default: the default.
      transform: the user's function that converts values before they are checked.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.Object"

    def __init__(
        self,
        t: Any,
        default: Any = MISSING_VALUE,
        transform: Callable[[Any], Any] | None = None,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        if t is None:
            raise FieldTypeError('"cls" for Object spec cannot be None. Give a class.')
        if t is object:
            raise FieldTypeError(f"{t} is too general for Object spec. Use Any().")
        self._named = _Named(t, f'"cls" for Object spec should be a type. Encountered {quote(t)}.')
        super().__init__(None, default, transform, is_noneable, frozen)

    @classmethod
    def with_type_args(cls, type_args: Any) -> Any:
        if len(type_args) != 1:
            raise FieldTypeError(
                f"`pg.typing.Object` requires 1 type argument: Object[cls]. Encountered {quote(type_args)}."
            )
        return cls(type_args[0])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._frozen:
            return self._default
        return self.apply(self.cls(*args, **kwargs))

    @property
    def cls(self) -> Any:
        """The class.

        Raises:
          FieldTypeError: it is given by its name and does not exist.
        """
        return self._named.cls

    @property
    def value_type(self) -> Any:
        return self.cls

    @property
    def forward_refs(self) -> set[ForwardRef]:
        return self._named.refs

    @property
    def schema(self) -> Any:
        """The schema of the class; None if it has none."""
        return getattr(self._named.known, "__schema__", None)

    def _checked_type(self) -> Any:
        return self._named.known

    def _apply(
        self, value: Any, allow_partial: bool, child_transform: Transform | None, path: KeyPath
    ) -> Any:
        if not allow_partial and isinstance(value, MaybePartial) and value.is_partial:
            raise FieldValueError(
                say(
                    f"Object {quote(value)} is not fully bound. Give its missing values: {quote(value.missing_values())}.",
                    path,
                )
            )
        return value

    def extend(self, base: ValueSpec) -> ValueSpec:
        if getattr(base, "is_callable_spec", False) and not base.frozen:
            if not base.is_compatible(self):
                raise FieldTypeError(f"{show(self)} cannot extend {show(base)}: incompatible type.")
            return self
        return super().extend(base)

    def _extend(self, base: Any) -> None:
        mine, theirs = self._named.known, base._named.known
        if mine is not None and theirs is not None and not is_subclass(mine, theirs):
            raise FieldTypeError(
                f"{show(self)} cannot extend {show(base)}: incompatible class. Use a subclass of the base's."
            )

    def _is_compatible(self, other: Any) -> bool:
        mine, theirs = self._named.known, other._named.known
        return mine is None or theirs is None or is_subclass(theirs, mine)

    def _annotate(self) -> Any:
        return self._named.annotation

    def _eq(self, other: Any) -> bool:
        return bool(self._named == other._named)

    def _shown(self) -> list[Item]:
        given = self._named.given
        name = given.name if isinstance(given, ForwardRef) else getattr(given, "__name__", str(given))
        if is_generic(given):
            name = str(given)
        return [("", _Bare(name), None), *self._flags()]

    def _state(self) -> dict[str, tuple[Any, Any]]:
        return {"t": (self._named.annotation, None), **super()._state()}


class Type(Generic, ValueSpecBase):
    """A subclass of a class, as a class.

    >>> Type(Exception).apply(ValueError)
    <class 'ValueError'>

    Args:
      t: the class, a generic type, or its name in the calling module.
      default: the default.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.Type"

    def __init__(
        self, t: Any, default: Any = MISSING_VALUE, is_noneable: bool = False, frozen: bool = False
    ) -> None:
        self._named = _Named(t, f"{quote(t)} is not a type. Give a class.")
        super().__init__(type, default, is_noneable=is_noneable, frozen=frozen)

    @classmethod
    def with_type_args(cls, type_args: Any) -> Any:
        if len(type_args) != 1:
            raise FieldTypeError(
                f"`pg.typing.Type` requires 1 type argument: Type[cls]. Encountered {quote(type_args)}."
            )
        return cls(type_args[0])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._default if self.has_default else self.type

    @property
    def type(self) -> Any:
        """The class.

        Raises:
          FieldTypeError: it is given by its name and does not exist.
        """
        return self._named.cls

    @property
    def forward_refs(self) -> set[ForwardRef]:
        return self._named.refs

    def _convert(self, value: Any, path: KeyPath) -> Any:
        return value if is_generic(value) else super()._convert(value, path)

    def _validate(self, path: KeyPath, value: Any) -> None:
        wanted = self._named.known
        if wanted is not None and not is_subclass(value, wanted):
            raise FieldValueError(say(f"{value} is not a subclass of {wanted}", path))

    def _extend(self, base: Any) -> None:
        if not base._is_compatible(self):
            raise FieldTypeError(f"{show(self)} cannot extend {show(base)}: incompatible type.")

    def _is_compatible(self, other: Any) -> bool:
        mine, theirs = self._named.known, other._named.known
        return mine is None or theirs is None or is_subclass(theirs, mine)

    def _annotate(self) -> Any:
        return typing.Type[self._named.annotation]  # noqa: UP006

    def _eq(self, other: Any) -> bool:
        return bool(self._named == other._named)

    def _shown(self) -> list[Item]:
        given = self._named.given
        return [
            ("", _Bare(given.name if isinstance(given, ForwardRef) else str(given)), None),
            *self._flags(),
        ]

    def _state(self) -> dict[str, tuple[Any, Any]]:
        return {"t": (self._named.annotation, None), **super()._state()}


class _Bare:
    """Text that is shown without quotes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text
