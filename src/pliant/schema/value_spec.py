"""Base class ``ValueSpec`` (value spec: the constraint of a field), and the spec ``Any``.

A spec is immutable and hashable, and its repr builds it again; ``noneable``, ``freeze``, ``with_default`` and ``extend``
return a new spec.
"""

from __future__ import annotations

import copy
import typing as t
from abc import ABC, abstractmethod

from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    MissingFieldError,
    PliantError,
    SchemaError,
    quote,
    quote_typed,
)
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import ROOT, Path, at_path
from pliant.values.placeholder import Placeholder

_DEFAULT_PATH = Path(("default",))


def same_value(a: t.Any, b: t.Any) -> bool:
    """Returns whether two values are equal and of one class, at every depth of plain containers.

    Stricter than ``==``, for which ``1``, ``1.0`` and ``True`` are one value.

    >>> same_value([1, {"a": 2}], [1, {"a": 2}]), same_value(1, True), same_value((1,), (1.0,))
    (True, False, False)
    """
    if a is b:
        return True
    if a.__class__ is not b.__class__:
        return False
    if a.__class__ in (list, tuple):
        return len(a) == len(b) and all(map(same_value, a, b))
    if a.__class__ is dict:
        return a.keys() == b.keys() and all(same_value(v, b[k]) for k, v in a.items())
    try:
        return bool(a == b)
    except Exception:  # noqa: BLE001 - for example arrays, whose == has no truth value
        return False


class ValueSpec(ABC):
    """Constraint of a field: checks and converts values, and narrows the spec of a base class.

    Attributes:
      default: the value of a field without a given value; ``MISSING_VALUE`` if a value is required.
      is_noneable: whether None is allowed.
      frozen: whether only the default is allowed.
    """

    __slots__ = ("_fast", "default", "frozen", "is_noneable")
    _POSITIONAL: t.ClassVar[int] = 0  # number of constructor arguments without a name in the repr
    _LEAF: t.ClassVar[bool] = False  # whether values never are or contain nodes of a tree
    _deep: bool = False  # whether checking goes into the value, as for containers
    _fast: type | None
    default: object
    frozen: bool
    is_noneable: bool

    @abstractmethod
    def __init__(self, default: object, *, is_noneable: bool, frozen: bool, fast: type | None = None) -> None:
        """Checks the default; subclasses set their own attributes before.

        A default of None allows None, and a spec that allows None has the default None unless another is given.
        """
        if default is None:
            is_noneable = True
        elif is_noneable and default is MISSING_VALUE and not self._passes_none():
            default = None
        if frozen and default is MISSING_VALUE:
            raise SchemaError(
                f"a frozen {type(self).__name__} needs a default, the only value that it allows. Write "
                f"{type(self).__name__}(..., default=value, frozen=True) or spec.freeze(value)."
            )
        self._init(_fast=None, default=MISSING_VALUE, is_noneable=is_noneable, frozen=False)
        if default is not MISSING_VALUE:
            try:
                default = self.check(default, _DEFAULT_PATH)
            except PliantError as error:
                raise SchemaError(f"the default of {quote(self, 200)} does not fit it: {error}") from error
        self._init(_fast=None if frozen else fast, default=default, frozen=frozen)

    def _init(self, **attributes: t.Any) -> None:
        for name, value in attributes.items():
            object.__setattr__(self, name, value)

    # For subclasses to override.

    @abstractmethod
    def _check(self, value: object, path: Path) -> t.Any:
        """Returns what to store for a value that is neither a placeholder nor an allowed None."""

    @abstractmethod
    def _words(self) -> str:
        """Returns a description of what is allowed, without None and freezing."""

    @abstractmethod
    def _narrow(self, base: ValueSpec) -> ValueSpec:
        """Returns this spec narrowed by ``base``."""

    def _args(self) -> dict[str, t.Any]:
        """Returns the constructor's arguments apart from the default and the two flags."""
        return {}

    def _passes_none(self) -> bool:
        """Returns whether None is an ordinary value of this spec, as for ``Any``."""
        return False

    def _alternatives(self) -> tuple[ValueSpec, ...]:
        """Returns the candidates of a union; the spec itself otherwise."""
        return (self,)

    def _values(self) -> tuple[t.Any, ...] | None:
        """Returns all allowed values if that is a short list, else None."""
        return (self.default,) if self.frozen else None

    # Using a spec.

    def check(self, value: object, path: Path = ROOT) -> t.Any:
        """Returns what to store for ``value``: the value itself or a converted one.

        A placeholder (a hole) checks all values that it can become.

        Raises:
          FieldTypeError, FieldValueError: the value is not allowed; the message has the path and the reason.
          MissingFieldError: the value is ``MISSING_VALUE``.
        """
        if value.__class__ is self._fast:
            return value
        if isinstance(value, Placeholder):
            return value.admit(self, path)
        if value is MISSING_VALUE:
            raise MissingFieldError(
                f"the value {at_path(path)} is missing; allowed: {self.expects}. Give a value."
            )
        if self.frozen:
            return self._check_frozen(value, path)
        if value is None and self.is_noneable:
            return None
        return self._check(value, path)

    def apply(self, value: object, path: Path = ROOT) -> t.Any:
        """Does the same as ``check``, under PyGlove's name."""
        return self.check(value, path)

    def accepts(self, value: object) -> bool:
        """Returns whether ``check`` accepts ``value``."""
        try:
            self.check(value)
        except PliantError:
            return False
        return True

    def _refuse(
        self, value: object, path: Path, fix: str = "", *, kind: type[PliantError] = FieldTypeError
    ) -> PliantError:
        """Returns, without raising it, the error for a value that is not allowed at ``path``; sets its attribute ``path``."""
        text = f"the value {at_path(path)} is {quote_typed(value)}; allowed: {self.expects}."
        error: t.Any = kind(f"{text} {fix}" if fix else text)
        error.path = path
        return t.cast(PliantError, error)

    def _check_frozen(self, value: object, path: Path) -> t.Any:
        if same_value(value, self.default):
            return value
        try:  # 1 for a Float that is frozen at 1.0
            stored = None if value is None and self.is_noneable else self._check(value, path)
        except PliantError:
            stored = MISSING_VALUE
        if same_value(stored, self.default):
            return stored
        fix = "The field is frozen: omit it, or give exactly that value."
        raise self._refuse(value, path, fix, kind=FieldValueError)

    @property
    def expects(self) -> str:
        """Description of what is allowed."""
        if self.frozen:
            return f"only {quote(self.default)}"
        return f"{self._words()} or None" if self.is_noneable and not self._passes_none() else self._words()

    @property
    def fast_class(self) -> type | None:
        """Class whose direct instances pass without a check; None for no such class."""
        return self._fast

    @property
    def holds_nodes(self) -> bool:
        """Whether a value of this spec can be or contain an object, list or dict of a tree."""
        return not self._LEAF

    def fresh_default(self) -> t.Any:
        """Returns the default, copied if it is a list, dict or set, so that owners do not share it."""
        default = self.default
        return copy.deepcopy(default) if isinstance(default, (list, dict, set)) else default

    # Specs from specs.

    def _state(self) -> dict[str, t.Any]:
        """Returns all arguments of the constructor."""
        common = {"default": self.default, "is_noneable": self.is_noneable, "frozen": self.frozen}
        return {**self._args(), **common}

    def _with(self, **changes: t.Any) -> t.Any:
        """Returns a spec built with this one's arguments and the changed ones."""
        return type(self)(**{**self._state(), **changes})

    def _narrowed(self, base: ValueSpec, **changes: t.Any) -> ValueSpec:
        """Returns this spec with changed constraints, which must allow its default."""
        try:
            return t.cast(ValueSpec, self._with(**changes))
        except SchemaError as error:
            raise self._wider(base, str(error)) from error

    def noneable(self) -> t.Self:
        """Returns a spec that also allows None; None becomes the default unless it has one.

        >>> from pliant.schema import Int
        >>> Int(min_value=1).noneable()
        Int(min_value=1, default=None)
        """
        default = None if self.default is MISSING_VALUE else self.default
        return t.cast(t.Self, self._with(is_noneable=True, default=default))

    def freeze(self, value: object = MISSING_VALUE) -> t.Self:
        """Returns a spec that allows only ``value`` (the default, when not given).

        >>> from pliant.schema import Int
        >>> Int().freeze(3)
        Int(default=3, frozen=True)
        """
        default = self.default if value is MISSING_VALUE else value
        return t.cast(t.Self, self._with(default=default, frozen=True))

    def with_default(self, value: object) -> t.Self:
        """Returns a spec with another default; a default of None allows None.

        Raises:
          SchemaError: the value is not allowed, or the spec is frozen at another value.
        """
        if self.frozen and not same_value(value, self.default):
            raise SchemaError(
                f"{quote(self, 200)} is frozen, so its default cannot be changed to {quote(value)}. Keep the default."
            )
        return t.cast(t.Self, self._with(default=value))

    def extend(self, base: ValueSpec) -> ValueSpec:
        """Returns the spec of an overriding field: this spec, narrowed by the spec ``base`` of the base class's field.

        Limits and default that this spec does not have come from ``base``; those that it has must narrow ``base``.

        Raises:
          SchemaError: this spec allows what ``base`` does not, or ``base`` is frozen at another value.

        >>> from pliant.schema import Int
        >>> Int(min_value=2).extend(Int(5, min_value=1, max_value=9))
        Int(min_value=2, max_value=9, default=5)
        """
        if base.frozen:
            return self._extend_frozen(base)
        if self.is_noneable and not base.is_noneable:
            raise self._wider(base, "None is not allowed there")
        spec = self._narrow_any(base)
        if spec.default is MISSING_VALUE and base.default is not MISSING_VALUE:
            inherited = base.default
            if inherited is None and not spec.is_noneable:
                return spec
            if spec.accepts(inherited):
                return spec.with_default(inherited)
        return spec

    def _extend_frozen(self, base: ValueSpec) -> ValueSpec:
        stated = MISSING_VALUE if self.default is None and not self.frozen else self.default
        if (stated is MISSING_VALUE or same_value(stated, base.default)) and self.accepts(base.default):
            return base
        raise self._wider(base, f"it is frozen at {quote(base.default)}")

    def _narrow_any(self, base: ValueSpec) -> ValueSpec:
        """Returns this spec narrowed by the alternative of ``base`` that changes it least."""
        if isinstance(base, Any):
            return self
        values = self._values()
        if values is not None:
            refused = [v for v in values if not base.accepts(v)]
            if refused:
                raise self._wider(base, f"{quote(refused[0])} is not allowed there")
            return self
        results: list[ValueSpec] = []
        why: SchemaError | None = None
        for alternative in base._alternatives():
            try:
                result = self._narrow_to(alternative)
            except SchemaError as error:
                why = why or error
                continue
            if same_value(result._constraint(), self._constraint()):
                return self
            results.append(result)
        if results:
            return results[0]
        if why is None or len(base._alternatives()) > 1:
            raise self._wider(base, "none of its candidates allows all of it")
        raise why

    def _narrow_to(self, alternative: ValueSpec) -> ValueSpec:
        if isinstance(alternative, Any) and not alternative.frozen:
            return self
        return self._extend_frozen(alternative) if alternative.frozen else self._narrow(alternative)

    def _wider(self, base: ValueSpec, why: str) -> SchemaError:
        """Returns the error for a spec that allows what its base does not."""
        return SchemaError(
            f"{quote(self, 200)} does not narrow {quote(base, 200)} of the base class: {why}. A subclass may allow less than its base, "
            f"never more; the base allows: {base.expects}."
        )

    def is_compatible(self, other: ValueSpec) -> bool:
        """Returns whether this spec allows all values of ``other``.

        >>> from pliant.schema import Float, Int
        >>> Float(min_value=0).is_compatible(Int(min_value=1)), Int().is_compatible(Float())
        (True, False)
        """
        try:
            result = other.extend(self)
        except SchemaError:
            return False
        return same_value(result._constraint(), other._constraint())

    def _constraint(self) -> tuple[t.Any, ...]:
        """Returns the arguments that decide which values are allowed; the default only if frozen."""
        args = {k: _constraint_of(v) for k, v in self._args().items()}
        return type(self), args, self.is_noneable, (self.default,) if self.frozen else ()

    # Frozen data.

    def __setattr__(self, name: str, value: t.Any) -> t.NoReturn:
        raise SchemaError(
            f"the attribute {name!r} of {quote(self, 200)} cannot be changed: specs are immutable. Make a new one with "
            "spec.noneable(), spec.freeze(value), spec.with_default(value), or a constructor."
        )

    def __delattr__(self, name: str) -> t.NoReturn:
        self.__setattr__(name, None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ValueSpec):
            return NotImplemented
        return type(self) is type(other) and same_value(self._state(), other._state())

    def __hash__(self) -> int:
        return hash((type(self), self.is_noneable, self.frozen, _hashable(self._args())))

    def __reduce__(self) -> tuple[t.Any, ...]:
        return _rebuild, (type(self), self._state())

    def __copy__(self) -> t.Self:
        return self

    def __deepcopy__(self, memo: t.Any) -> t.Self:
        return self

    def __repr__(self) -> str:
        parts = []
        for i, (name, value) in enumerate(self._args().items()):
            if value is not None:
                parts.append(_text(value) if i < self._POSITIONAL else f"{name}={_text(value)}")
        if self.default is not MISSING_VALUE:
            parts.append(f"default={_text(self.default)}")
        if self.is_noneable and self.default is not None and not self._passes_none():
            parts.append("is_noneable=True")
        if self.frozen:
            parts.append("frozen=True")
        return f"{type(self).__name__}({', '.join(parts)})"


def _text(value: object) -> str:
    """Returns the repr of an argument, with classes by their names, as one writes them."""
    if isinstance(value, type):
        return value.__qualname__
    if hasattr(value, "_text"):  # a Schema, which is written as the list of its members
        return str(value._text())
    return f"[{', '.join(map(_text, value))}]" if value.__class__ is list else repr(value)


def _rebuild(cls: t.Any, state: dict[str, t.Any]) -> t.Any:
    return cls(**state)


def _constraint_of(value: t.Any) -> t.Any:
    if hasattr(value, "_constraint"):
        return value._constraint()
    if value.__class__ in (list, tuple):
        return [_constraint_of(v) for v in value]
    return value


def _hashable(value: object) -> object:
    """Returns something hashable that is equal for equal values (perhaps for unequal ones too)."""
    if isinstance(value, dict):
        return tuple((k, _hashable(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(map(_hashable, value))
    try:
        hash(value)
    except TypeError:
        return type(value)
    return value


@t.final
class Any(ValueSpec):
    """Any value, including None.

    >>> Any().check([1, None])
    [1, None]
    """

    __slots__ = ()

    def __init__(
        self, default: object = MISSING_VALUE, *, is_noneable: bool = True, frozen: bool = False
    ) -> None:
        """Makes a spec that allows every value; ``is_noneable`` has no effect."""
        super().__init__(default, is_noneable=True, frozen=frozen)

    def _check(self, value: object, path: Path) -> t.Any:
        return value

    def _words(self) -> str:
        return "anything"

    def _narrow(self, base: ValueSpec) -> ValueSpec:
        raise self._wider(base, "it allows anything")

    def _passes_none(self) -> bool:
        return True


def check_at(spec: ValueSpec, value: object, path: Path, key: t.Any) -> t.Any:
    """Returns ``spec.check(value, path + key)``, but makes the path, which is slow, only for an error."""
    if value.__class__ is spec._fast:
        return value
    if not spec._deep:  # otherwise, checking twice at each level would take exponential time
        try:
            return spec.check(value)
        except PliantError:
            pass  # check again, for a message with the path
    return spec.check(value, path + key)


_from_annotation: list[t.Callable[[t.Any], ValueSpec]] = []


def set_annotation_converter(convert: t.Callable[[t.Any], ValueSpec]) -> None:
    """Sets the function with which ``as_spec`` converts annotations; ``annotation`` calls this when it is imported."""
    _from_annotation[:] = [convert]


def as_spec(value: object) -> ValueSpec:
    """Returns ``value`` if it is a spec, else the spec of an annotation (``int``, ``list[str]``).

    >>> from pliant.schema import Int
    >>> as_spec(Int(min_value=0)), as_spec(int)
    (Int(min_value=0), Int())

    Raises:
      SchemaError: neither a spec nor an annotation.
    """
    return value if isinstance(value, ValueSpec) else _from_annotation[0](value)
