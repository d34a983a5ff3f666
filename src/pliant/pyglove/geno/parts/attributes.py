"""``AttributeDict`` and ``ConditionalKey``: data beside genotypes, and the part of an id that names a chosen candidate."""

from __future__ import annotations

from typing import Any, final


@final
class AttributeDict(dict[str, Any]):
    """A dict whose items are attributes also.

    >>> data = AttributeDict(a=1)
    >>> data.b = 2
    >>> data.a, data["b"]
    (1, 2)
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


@final
class ConditionalKey:
    """The key of what exists only where a choice has picked candidate ``index`` of ``num_choices``.

    >>> from pliant.pyglove.values.value_location import KeyPath
    >>> KeyPath(["a", ConditionalKey(1, 5), "b"])
    a[=1/5].b
    """

    __slots__ = ("_index", "_num_choices")

    def __init__(self, index: int, num_choices: int) -> None:
        self._index, self._num_choices = index, num_choices

    @property
    def index(self) -> int:
        """The index of the candidate."""
        return self._index

    @property
    def num_choices(self) -> int:
        """The number of candidates."""
        return self._num_choices

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConditionalKey) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash((self._index, self._num_choices))

    def __str__(self) -> str:
        return f"={self._index}/{self._num_choices}"

    def __repr__(self) -> str:
        return f"ConditionalKey({self._index}, {self._num_choices})"
