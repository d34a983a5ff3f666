"""Specs of one of several kinds, and of anything: ``Union``, ``Any``, ``Optional``, ``Sequence``."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any as AnyType

from pliant.pyglove.values.key_path import KeyPath
from pliant.values.errors import FieldTypeError, FieldValueError, quote

from ..forward_ref import ForwardRef
from ..inspect import is_instance
from ..type_conversion import get_converter
from ..typed_missing import MISSING_VALUE, is_missing
from ..value_spec import Transform, ValueSpec, show
from .base import Generic, Item, ValueSpecBase, say, to_spec
from .sequences import List, Tuple


class Union(Generic, ValueSpecBase):
    """One of several kinds of values; ``Union[int, None]`` is an integer or None.

    >>> Union([int, str]).apply("a")
    'a'

    Args:
      candidates: the kinds, two or more.
      default: the default.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.Union"

    def __init__(
        self,
        candidates: AnyType,
        default: AnyType = MISSING_VALUE,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        if not isinstance(candidates, (tuple, list)) or len(candidates) < 2:
            raise FieldValueError(
                f"Argument 'candidates' must be a list of at least 2 elements. Encountered {quote(candidates)}."
            )
        self._candidates: list[ValueSpec] = [to_spec(c) for c in candidates]
        kinds: list[tuple[type, AnyType]] = []
        for spec in self._candidates:
            kind = (type(spec), spec.value_type if spec.type_resolved else spec.annotation)
            if kind in kinds and not getattr(spec, "is_callable_spec", False):
                raise FieldValueError(f"Found 2 value specs of the same type {kind}. Merge them.")
            kinds.append(kind)
        is_noneable = is_noneable or any(c.is_noneable for c in self._candidates)
        super().__init__(None, default, is_noneable=is_noneable, frozen=frozen)

    @classmethod
    def with_type_args(cls, type_args: AnyType) -> AnyType:
        if len(type_args) < 2:
            raise FieldTypeError(
                f"`pg.typing.Union` requires at least 2 type arguments: Union[int, str]. Encountered {quote(type_args)}."
            )
        kinds = [a for a in type_args if a is not None and a is not type(None)]
        spec: AnyType = cls(kinds) if len(kinds) > 1 else to_spec(kinds[0])
        return spec.noneable() if len(kinds) < len(type_args) else spec

    def __call__(self, *args: AnyType, **kwargs: AnyType) -> AnyType:
        raise FieldTypeError(f"{show(self)} cannot be instantiated. Give a value to `apply`.")

    @property
    def candidates(self) -> list[ValueSpec]:
        """The specs of the kinds."""
        return self._candidates

    @property
    def forward_refs(self) -> set[ForwardRef]:
        return set().union(*(c.forward_refs for c in self._candidates))

    @property
    def value_type(self) -> AnyType:
        found: list[AnyType] = []
        for spec in self._candidates:
            kind = spec.value_type
            if kind is None:
                return None
            found.extend(kind if isinstance(kind, tuple) else [kind])
        return tuple(dict.fromkeys(found))

    def _checked_type(self) -> AnyType:
        return None

    def noneable(self, is_noneable: bool = True, use_none_as_default: bool = True) -> AnyType:
        super().noneable(is_noneable, use_none_as_default)
        for spec in self._candidates:
            spec.noneable(is_noneable, use_none_as_default=False)
        return self

    def get_candidate(self, dest_spec: ValueSpec) -> ValueSpec | None:
        """Returns the kind that is equal to a spec's, or else the first that it accepts; None if there is none."""
        for exact in (True, False):
            for spec in self._candidates:
                nested = getattr(spec, "get_candidate", None)
                found = spec if nested is None else nested(dest_spec)
                same_class = found is not None and type(found) is type(dest_spec)
                if found is not None and (same_class or not exact) and dest_spec.is_compatible(found):
                    return typing.cast(ValueSpec, found)
        return None

    def _apply(
        self, value: AnyType, allow_partial: bool, child_transform: Transform | None, path: KeyPath
    ) -> AnyType:
        fault: Exception | None = None
        known = [(spec, spec.value_type) for spec in self._candidates if spec.type_resolved]
        for spec, kind in known:
            if kind is not None and not is_instance(value, kind):
                continue
            try:
                return spec.apply(value, allow_partial, child_transform, path)
            except (TypeError, ValueError, KeyError) as error:
                fault = fault or (error if kind is not None else None)
        if fault is not None:
            raise fault
        for spec, kind in known:
            convert = get_converter(type(value), kind) if kind is not None else None
            if convert is not None:
                return spec.apply(convert(value), allow_partial, child_transform, path)
        if not self.type_resolved:
            return value
        kinds = self.value_type
        if kinds is None:
            raise FieldTypeError(say(f"{quote(value)} does not match any candidate of {show(self)}.", path))
        shown = ", ".join(map(str, kinds))
        raise FieldTypeError(say(f"Expect ({shown}) but encountered {type(value)}: {quote(value)}.", path))

    def _extend(self, base: AnyType) -> None:
        for spec in self._candidates:
            target = next((c for c in base.candidates if _same_kind(spec, c)), None)
            if target is None:
                raise FieldTypeError(
                    f"{show(self)} cannot extend {show(base)}: incompatible value spec {show(spec)}. The base does not list its kind."
                )
            spec.extend(target)

    def is_compatible(self, other: ValueSpec) -> bool:
        if other.is_noneable and not self.is_noneable:
            return False
        theirs = other.candidates if isinstance(other, Union) else [other]
        return all(any(mine.is_compatible(spec) for mine in self._candidates) for spec in theirs)

    def _annotate(self) -> AnyType:
        kinds = tuple(typing.Any if is_missing(c.annotation) else c.annotation for c in self._candidates)
        return typing.Union[kinds]  # noqa: UP007

    def _eq(self, other: AnyType) -> bool:
        return len(self._candidates) == len(other.candidates) and all(
            any(mine == theirs for theirs in other.candidates) for mine in self._candidates
        )

    def _shown(self) -> list[Item]:
        return [("", self._candidates, None), *self._flags()]

    def _state(self) -> dict[str, tuple[AnyType, AnyType]]:
        return {"candidates": (self._candidates, None), **super()._state()}


def _same_kind(a: ValueSpec, b: ValueSpec) -> bool:
    """Returns whether two specs are of one class and, for ``Object``, of compatible classes."""
    if type(a) is not type(b):
        return False
    return not hasattr(a, "cls") or b.is_compatible(a)


class Any(ValueSpecBase):
    """Anything, None as well.

    >>> Any().apply([1, "a"])
    [1, 'a']

    Args:
      default: the default.
      annotation: the type annotation, which is not checked.
      transform: the user's function that converts values.
      frozen: accept the default only.
    """

    __serialization_key__ = "pyglove.typing.Any"

    def __init__(
        self,
        default: AnyType = MISSING_VALUE,
        annotation: AnyType = MISSING_VALUE,
        transform: Callable[[AnyType], AnyType] | None = None,
        frozen: bool = False,
    ) -> None:
        self._annotation = annotation
        super().__init__(object, default, transform, True, frozen)

    def __call__(self, *args: AnyType, **kwargs: AnyType) -> AnyType:
        raise FieldTypeError(f"{show(self)} cannot be instantiated. Give a value to `apply`.")

    def annotate(self, annotation: AnyType) -> Any:
        """Sets the type annotation; returns itself."""
        self._annotation = annotation
        return self

    @property
    def annotation(self) -> AnyType:
        return self._annotation

    def is_compatible(self, other: ValueSpec) -> bool:
        return True

    def _eq(self, other: AnyType) -> bool:
        return bool(self._annotation == other.annotation)

    def _shown(self) -> list[Item]:
        default, _, frozen = self._flags()
        return [default, ("annotation", self._annotation, MISSING_VALUE), frozen]

    def _state(self) -> dict[str, tuple[AnyType, AnyType]]:
        return {**super()._state(), "annotation": (self._annotation, MISSING_VALUE)}

    def to_json(self, **kwargs: AnyType) -> AnyType:
        written = super().to_json(**kwargs)
        written.pop("is_noneable", None)
        return written


class GenericTypeAlias(Generic):
    """Base class of names that only take type arguments."""

    def __init__(self, *args: AnyType, **kwargs: AnyType) -> None:
        name = type(self).__name__
        raise FieldTypeError(f"Generic type alias {name} cannot be instantiated. Write {name}[...].")


class Sequence(GenericTypeAlias):
    """``Sequence[int]``: a list or tuple of integers."""

    @classmethod
    def with_type_args(cls, type_args: tuple[AnyType, ...]) -> AnyType:
        if len(type_args) != 1:
            raise FieldTypeError(
                f"`pg.typing.Sequence` requires 1 type argument. Encountered {quote(type_args)}."
            )
        return Union([List(type_args[0]), Tuple(type_args[0])])


class Optional(GenericTypeAlias):
    """``Optional[int]``: an integer or None."""

    @classmethod
    def with_type_args(cls, type_args: tuple[AnyType, ...]) -> AnyType:
        if len(type_args) != 1:
            raise FieldTypeError(
                f"`pg.typing.Optional` requires 1 type argument. Encountered {quote(type_args)}."
            )
        return to_spec(type_args[0]).noneable()


def ensure_value_spec(
    value_spec: ValueSpec, src_spec: ValueSpec, root_path: KeyPath | None = None
) -> ValueSpec | None:
    """Returns the part of a spec that has the kind of another one; None if it accepts anything.

    Raises:
      FieldTypeError: it has none.
    """
    if isinstance(value_spec, Union):
        found = value_spec.get_candidate(src_spec)
        if found is not None:
            return found
    elif isinstance(value_spec, Any):
        return None
    elif src_spec.is_compatible(value_spec):
        return value_spec
    raise FieldTypeError(
        say(
            f"Source spec {show(value_spec)} is not compatible with destination spec {show(src_spec)}.",
            root_path,
        )
    )


ValueSpec.UnionType = Union
