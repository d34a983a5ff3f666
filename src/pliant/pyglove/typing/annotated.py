"""``Annotated``: a type with a description and data of the user's, as an annotation of a field."""

from __future__ import annotations

from typing import Any

from pliant.values.errors import FieldTypeError, quote

from .specs.base import Generic, to_spec
from .value_spec import ValueSpec


class Annotated(Generic):
    """A type with a description and data of the user's.

    >>> size = Annotated[int, "Size of the kernel.", {"unit": "px"}]
    >>> size.value_spec, size.docstring, size.metadata
    (Int(), 'Size of the kernel.', {'unit': 'px'})

    Args:
      t: the type, or a value spec.
      docstring: the description.
      metadata: data of the user's.
    """

    def __init__(self, t: Any, docstring: str | None = None, metadata: Any = None) -> None:
        if docstring is not None and not isinstance(docstring, str):
            raise FieldTypeError(
                f"The second type argument of Annotated must be a str. Encountered {quote(docstring)}."
            )
        if metadata is not None and not (
            isinstance(metadata, dict) and all(isinstance(k, str) for k in metadata)
        ):
            raise FieldTypeError(
                f"The third type argument of Annotated must be a dict with str keys. Encountered {quote(metadata)}."
            )
        self._value_spec = to_spec(t)
        self._docstring = docstring
        self._metadata = metadata or {}

    @classmethod
    def with_type_args(cls, type_args: tuple[Any, ...]) -> Any:
        if not 1 <= len(type_args) <= 3:
            raise FieldTypeError(
                f"`pg.typing.Annotated` accepts 1 to 3 type arguments. Encountered {quote(type_args)}."
            )
        return cls(*type_args)

    @property
    def value_spec(self) -> ValueSpec:
        """The value spec."""
        return self._value_spec

    @property
    def annotation(self) -> Any:
        """The type."""
        return self._value_spec.annotation

    @property
    def docstring(self) -> str | None:
        """The description."""
        return self._docstring

    @property
    def metadata(self) -> dict[str, Any]:
        """Data of the user's."""
        return self._metadata
