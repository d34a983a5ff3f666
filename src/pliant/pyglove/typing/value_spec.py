"""``ValueSpec``: interface of which values a field accepts."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, ClassVar

from pliant.pyglove import values
from pliant.pyglove.values.key_path import KeyPath
from pliant.pyglove.values.missing import is_missing
from pliant.values.errors import quote

from .forward_ref import ForwardRef

Transform = Callable[[KeyPath, Any, Any], Any]
"""A function of the path of a child, its ``Field`` and its value, that returns the value to use."""


def show(spec: object) -> str:
    """Returns a spec, field or key for a message.

    >>> from pliant.pyglove.typing import Int
    >>> show(Int(1))
    'Int(default=1)'
    """
    return quote(spec, 300)


class ValueSpec(values.Formattable, values.JSONConvertible):
    """Which values a field accepts, its default, and how a value is converted for it."""

    from_annotation: ClassVar[Callable[..., ValueSpec]]
    to_json_schema: ClassVar[Callable[..., Any]]
    DictType: ClassVar[Any]
    ListType: ClassVar[Any]
    UnionType: ClassVar[Any]
    ObjectType: ClassVar[Any]

    @property
    @abc.abstractmethod
    def value_type(self) -> Any:
        """The class of the values, or a tuple of classes; None if it is not known."""

    @property
    @abc.abstractmethod
    def forward_refs(self) -> set[ForwardRef]:
        """The classes that it names and that do not exist yet."""

    @property
    def type_resolved(self) -> bool:
        """Whether all classes that it names exist."""
        return not any(not ref.resolved for ref in self.forward_refs)

    @property
    @abc.abstractmethod
    def is_noneable(self) -> bool:
        """Whether it accepts None."""

    @abc.abstractmethod
    def noneable(self, is_noneable: bool = True, use_none_as_default: bool = True) -> Any:
        """Accepts None from now on (or no longer); returns itself."""

    @property
    @abc.abstractmethod
    def default(self) -> Any:
        """The default; ``MISSING_VALUE`` if there is none."""

    @property
    def has_default(self) -> bool:
        """Whether it has a default."""
        return not is_missing(self.default)

    @abc.abstractmethod
    def set_default(
        self, default: Any, use_default_apply: bool = True, root_path: KeyPath | None = None
    ) -> Any:
        """Sets the default; returns itself."""

    @property
    @abc.abstractmethod
    def frozen(self) -> bool:
        """Whether it accepts its default only."""

    @abc.abstractmethod
    def freeze(self, permanent_value: Any = values.MISSING_VALUE, apply_before_use: bool = True) -> Any:
        """Accepts from now on only one value, by default the default; returns itself."""

    @property
    @abc.abstractmethod
    def annotation(self) -> Any:
        """The type annotation for it."""

    @property
    @abc.abstractmethod
    def transform(self) -> Callable[[Any], Any] | None:
        """The user's function that converts values before they are checked."""

    @abc.abstractmethod
    def apply(
        self,
        value: Any,
        allow_partial: bool = False,
        child_transform: Transform | None = None,
        root_path: KeyPath | None = None,
    ) -> Any:
        """Returns a value as the field holds it: checked, and converted where that is possible.

        Args:
          value: the value.
          allow_partial: accept missing values.
          child_transform: called for each field inside.
          root_path: the path of the value, for messages.

        Raises:
          FieldTypeError: a value of a wrong type.
          FieldValueError: a value that is not allowed or missing.
        """

    @abc.abstractmethod
    def is_compatible(self, other: ValueSpec) -> bool:
        """Returns whether it accepts all values that another spec accepts."""

    @abc.abstractmethod
    def extend(self, base: ValueSpec) -> ValueSpec:
        """Adds what the spec of a base class asks for, in place; returns the result.

        Raises:
          FieldTypeError: it would accept values that the base does not.
        """

    def __ne__(self, other: object) -> bool:
        return not self == other
