"""What stands in a field for a value that is not known yet: a hole, or a derived value.

A field's constraint cannot judge such a thing by its type, so it asks it (``admit``).  The only word
that ``schema`` has for the hyper values of ``hyper``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .path import Path


class Placeholder(ABC):
    """A value to be decided later, which may stand wherever what it stands for may stand."""

    __slots__ = ()

    @abstractmethod
    def admit(self, spec: Any, path: Path) -> Any:
        """Checks that all that this could become is allowed by ``spec`` (a ``ValueSpec``).

        Returns the placeholder to put in the field (itself, or one whose candidates were converted).

        Raises:
          FieldTypeError, FieldValueError: some value that it could become is not allowed; the message
            names its path, such as ``x.candidates[0]``.
        """
