"""Base class ``Placeholder``: a field's value that is decided later, such as a hole or a derived value.

A value spec cannot check a placeholder by its type, so it calls ``admit``.  ``schema`` knows holes only as placeholders.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .path import Path


class Placeholder(ABC):
    """A value that is decided later, allowed in a field if all its possible values are."""

    __slots__ = ()

    @abstractmethod
    def admit(self, spec: Any, path: Path) -> Any:
        """Checks that ``spec`` (a ``ValueSpec``) allows all values that this can become.

        Returns the placeholder to store: itself, or one with converted candidates.

        Raises:
          FieldTypeError, FieldValueError: a possible value is not allowed; the message has its path, such as
            ``x.candidates[0]``.
        """
