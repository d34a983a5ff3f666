"""``CustomTyping``: values that decide themselves how a value spec accepts them, such as holes."""

from __future__ import annotations

import abc
from typing import Any

from pliant.pyglove.values.key_path import KeyPath

from .value_spec import Transform, ValueSpec


class CustomTyping(abc.ABC):
    """Base class of values that stand for others and decide themselves which fields accept them."""

    @abc.abstractmethod
    def custom_apply(
        self,
        path: KeyPath,
        value_spec: ValueSpec,
        allow_partial: bool,
        child_transform: Transform | None = None,
    ) -> tuple[bool, Any]:
        """Returns whether the spec goes on checking, and the value that it checks or that the field holds.

        Args:
          path: the path of the value.
          value_spec: the spec of the field.
          allow_partial: whether missing values are accepted.
          child_transform: as in ``ValueSpec.apply``.

        Raises:
          FieldTypeError: the field does not accept the value.
        """
