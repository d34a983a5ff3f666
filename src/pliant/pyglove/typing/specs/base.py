"""What value specs have in common: ``ValueSpecBase``, and ``Generic`` for ``Int[0, None]``."""

from __future__ import annotations

import abc
import copy
import typing
from collections.abc import Callable
from typing import Any

from pliant.pyglove import values
from pliant.pyglove.values.key_path import KeyPath, message_on_path
from pliant.values.errors import FieldTypeError, FieldValueError, quote

from ..custom_typing import CustomTyping
from ..forward_ref import ForwardRef
from ..inspect import callable_eq, is_instance
from ..type_conversion import get_converter
from ..typed_missing import MISSING_VALUE, is_missing
from ..value_spec import Transform, ValueSpec, show

Item = tuple[str, Any, Any]
"""An argument in the text of a spec: name, value, and the default with which it is left out."""


def at(path: KeyPath | None) -> KeyPath:
    """Returns the path of a value for a message; the root by default."""
    return KeyPath() if path is None else path


def say(message: str, path: KeyPath | None) -> str:
    """Returns a message with the path that it is about."""
    return message_on_path(message, at(path))


class GenericMeta(abc.ABCMeta):
    """Metaclass of specs that take type arguments: ``Int[0, 10]``."""

    def __getitem__(cls, type_args: Any) -> Any:
        args = type_args if isinstance(type_args, tuple) else (type_args,)
        spec = cls.with_type_args(args)  # type: ignore[attr-defined]  # the classes of this metaclass have it
        if vars(typing)["TYPE_CHECKING"] and hasattr(spec, "annotation"):
            return spec.annotation  # what a type checker that runs the module is to see
        return spec


class Generic(metaclass=GenericMeta):
    """Base class of what takes type arguments."""

    @classmethod
    def with_type_args(cls, type_args: tuple[Any, ...]) -> Any:
        """Returns the spec for type arguments."""
        raise NotImplementedError


def to_spec(value: Any) -> ValueSpec:
    """Returns a spec, also for a type annotation."""
    return ValueSpec.from_annotation(value, auto_typing=True)


class _Options(ValueSpec):
    """The default of a spec, and whether it accepts None or its default only."""

    def __init__(
        self,
        value_type: Any,
        default: Any = MISSING_VALUE,
        transform: Callable[[Any], Any] | None = None,
        is_noneable: bool = False,
        frozen: bool = False,
    ) -> None:
        self._value_type = value_type
        self._default: Any = MISSING_VALUE
        self._transform = transform
        self._is_noneable = is_noneable
        self._frozen = False
        self.set_default(default)
        if frozen:
            self.freeze()

    @property
    def value_type(self) -> Any:
        return self._value_type

    @property
    def forward_refs(self) -> set[ForwardRef]:
        return set()

    @property
    def is_noneable(self) -> bool:
        return self._is_noneable

    def noneable(self, is_noneable: bool = True, use_none_as_default: bool = True) -> Any:
        self._is_noneable = is_noneable
        if is_noneable:
            if use_none_as_default and not self.has_default:
                self._default = None
        elif self._default is None:
            self._default = MISSING_VALUE
        return self

    @property
    def default(self) -> Any:
        return self._default

    def set_default(
        self, default: Any, use_default_apply: bool = True, root_path: KeyPath | None = None
    ) -> Any:
        if not is_missing(default) and use_default_apply:
            frozen, self._frozen = self._frozen, False
            try:
                default = self.apply(default, allow_partial=True, root_path=root_path)
            finally:
                self._frozen = frozen
        self._default = default
        return self

    @property
    def frozen(self) -> bool:
        return self._frozen

    def freeze(self, permanent_value: Any = MISSING_VALUE, apply_before_use: bool = True) -> Any:
        if not is_missing(permanent_value):
            self.set_default(permanent_value, use_default_apply=apply_before_use)
        elif not self.has_default:
            raise FieldValueError(
                f"Cannot freeze {show(self)} without a default value. Give the value: freeze(value)."
            )
        self._frozen = True
        return self


class ValueSpecBase(_Options):
    """Base class of value specs.

    Args:
      value_type: the class of the values, or a tuple of classes; None if any.
      default: the default.
      transform: the user's function that converts values before they are checked.
      is_noneable: accept None.
      frozen: accept the default only.
    """

    @property
    def transform(self) -> Callable[[Any], Any] | None:
        return self._transform

    @property
    def skip_user_transform(self) -> ValueSpecBase:
        """This spec without the user's function."""
        if self._transform is None:
            return self
        plain = copy.copy(self)
        plain._transform = None
        return plain

    def apply(
        self,
        value: Any,
        allow_partial: bool = False,
        child_transform: Transform | None = None,
        root_path: KeyPath | None = None,
    ) -> Any:
        path = at(root_path)
        if self._frozen:
            return self._apply_frozen(value, path)
        if value is None:
            if self.is_noneable:
                return None
            raise FieldValueError(
                f"Value cannot be None. (Path='{path}', ValueSpec={show(self)}) Give a value, or allow it: .noneable()."
            )
        if is_missing(value):
            if allow_partial:
                return value
            raise FieldValueError(f"Required value is not specified. (Path='{path}', ValueSpec={show(self)})")
        if isinstance(value, CustomTyping):
            goes_on, value = value.custom_apply(
                path, self, allow_partial=allow_partial, child_transform=child_transform
            )
            if not goes_on:
                return value
        if self._transform is not None:
            value = self._call_transform(self._transform, value, path)
            if isinstance(value, CustomTyping):
                return self.skip_user_transform.apply(value, allow_partial, child_transform, path)
        value = self._convert(value, path)
        value = self._apply(value, allow_partial, child_transform, path)
        self._validate(path, value)
        return value

    def _apply_frozen(self, value: Any, path: KeyPath) -> Any:
        if not is_missing(value) and value is not self._default and not bool(self._default == value):
            raise FieldValueError(
                f"Frozen field is not assignable. (Path='{path}', ValueSpec={show(self)}, AssignedValue={quote(value)})"
            )
        return self._default

    def _call_transform(self, transform: Callable[[Any], Any], value: Any, path: KeyPath) -> Any:
        try:
            return transform(value)
        except Exception as error:
            try:
                located = type(error)(message_on_path(str(error), path))
            except Exception:  # noqa: BLE001  # an error class of the user's whose arguments are others
                raise error from None
            raise located from error

    def _convert(self, value: Any, path: KeyPath) -> Any:
        """Returns the value, or what a registered converter makes of it, if it has the right type."""
        wanted = self._checked_type()
        if wanted is None or is_instance(value, wanted):
            return value
        convert = get_converter(type(value), wanted)
        if convert is None:
            raise FieldTypeError(
                say(f"Expect {_show(wanted)} but encountered {type(value)}: {_plain(value)}.", path)
            )
        return convert(value)

    def _checked_type(self) -> Any:
        """Returns the type that values must have; None while it is not known."""
        return self.value_type

    def _apply(
        self, value: Any, allow_partial: bool, child_transform: Transform | None, path: KeyPath
    ) -> Any:
        return value

    def _validate(self, path: KeyPath, value: Any) -> None:
        """Checks a value of the right type.

        Raises:
          FieldValueError: it is not allowed.
        """

    def is_compatible(self, other: ValueSpec) -> bool:
        if self is other:
            return True
        if not isinstance(other, type(self)) or (other.is_noneable and not self.is_noneable):
            return False
        return self._is_compatible(other)

    def _is_compatible(self, other: Any) -> bool:
        return True

    def extend(self, base: ValueSpec) -> ValueSpec:
        if base.frozen and not (self._frozen and bool(self._default == base.default)):
            raise FieldTypeError(
                f"{show(self)} cannot extend a frozen value spec: {show(base)}. Leave the field out."
            )
        candidates = getattr(base, "candidates", None)
        if candidates is not None and not hasattr(self, "candidates"):
            found = base.get_candidate(self)  # type: ignore[attr-defined]  # of Union
            if found is None:
                raise FieldTypeError(
                    f"{show(self)} cannot extend {show(base)}: no compatible type found in Union."
                )
            base = found
        if self._frozen and hasattr(base, "values") and not hasattr(self, "values"):
            return self._extend_enum(base)
        accepts_all = getattr(base, "_value_type", None) is object
        if not accepts_all and not isinstance(self, type(base)):
            raise FieldTypeError(f"{show(self)} cannot extend {show(base)}: incompatible type.")
        if self.is_noneable and not base.is_noneable:
            raise FieldTypeError(
                f"{show(self)} cannot extend {show(base)}: None is not allowed in base spec. Drop .noneable()."
            )
        if self._transform is None:
            self._transform = base.transform
        if not accepts_all or isinstance(self, type(base)):
            self._extend(base)
        return self

    def _extend_enum(self, base: Any) -> ValueSpec:
        if not any(type(v) is type(self._default) and v == self._default for v in base.values):
            raise FieldTypeError(
                f"{show(self)} cannot extend {show(base)} with incompatible frozen value: {quote(self._default)}. "
                "Choose one of the base's values."
            )
        made: ValueSpec = type(base)(self._default, base.values).freeze()
        return made

    def _extend(self, base: Any) -> None:
        """Adds what a base of the same class asks for.

        Raises:
          FieldTypeError: this spec allows more than the base.
        """

    @property
    def annotation(self) -> Any:
        annotation = self._annotate()
        return typing.Optional[annotation] if self.is_noneable and not is_missing(annotation) else annotation  # noqa: UP045

    def _annotate(self) -> Any:
        return self._value_type

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, ValueSpecBase) or type(self) is not type(other):
            return False
        ours, theirs = self._default, other._default
        same = type(ours) is type(theirs) or (
            isinstance(ours, (int, float)) and isinstance(theirs, (int, float))
        )
        return (
            (callable_eq(ours, theirs) if callable(ours) else same and bool(ours == theirs))
            and (self.is_noneable, self._frozen) == (other.is_noneable, other._frozen)
            and callable_eq(self._transform, other._transform)
            and self._eq(other)
        )

    __hash__ = None  # type: ignore[assignment]  # specs change in place

    def _eq(self, other: Any) -> bool:
        return True

    def __or__(self, other: Any) -> Any:
        return self.noneable() if other is None else _unite(self, to_spec(other))

    def __ror__(self, other: Any) -> Any:
        return self.noneable() if other is None else _unite(to_spec(other), self)

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        return values.kvlist_str(
            self._shown(), compact, verbose, root_indent, label=type(self).__name__, **kwargs
        )

    def _shown(self) -> list[Item]:
        return self._flags()

    def _flags(self) -> list[Item]:
        return [
            ("default", self._default, MISSING_VALUE),
            ("noneable", self._is_noneable, False),
            ("frozen", self._frozen, False),
        ]

    def to_json(self, **kwargs: Any) -> Any:
        if self._transform is not None:
            raise FieldValueError(
                f"{show(self)} has a transform, which would be called when its JSON form is read. Leave the transform out."
            )
        fields = {**self._state(), "is_noneable": (self._is_noneable, False), "frozen": (self._frozen, False)}
        return self.to_json_dict(fields, exclude_default=True, **kwargs)

    @classmethod
    def from_json(cls, json_value: Any, **kwargs: Any) -> Any:
        if "transform" in json_value:
            raise FieldValueError(
                f"The JSON form of {cls.__name__} has a transform, and reading it would call a function that the data names. "
                "Set the transform in the program."
            )
        return super().from_json(json_value, **kwargs)

    def _state(self) -> dict[str, tuple[Any, Any]]:
        """Returns the arguments that make this spec: name to value and default."""
        return {"default": (self._default, MISSING_VALUE)}


def _unite(a: ValueSpec, b: ValueSpec) -> ValueSpec:
    made: ValueSpec = ValueSpec.UnionType([a, b])
    return made


def _plain(value: Any) -> str:
    """Returns a value for a message, as PyGlove writes it: text without quotes."""
    text = quote(value)
    return text[1:-1] if isinstance(value, str) and not text.endswith("...") else text


def _show(wanted: Any) -> str:
    return "(" + ", ".join(map(str, wanted)) + ")" if isinstance(wanted, tuple) else str(wanted)


class PrimitiveType(ValueSpecBase):
    """Base class of specs of numbers, text and booleans; calling one converts a value and checks it.

    >>> from pliant.pyglove.typing import Int
    >>> Int(min_value=1)("3")
    3
    """

    def __init__(
        self, value_type: Any, default: Any = MISSING_VALUE, is_noneable: bool = False, frozen: bool = False
    ) -> None:
        super().__init__(value_type, default, is_noneable=is_noneable, frozen=frozen)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._frozen or (not args and not kwargs and self.has_default):
            return self._default
        return self.apply(self.value_type(*args, **kwargs))
