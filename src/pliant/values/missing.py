"""Markers ``MISSING_VALUE`` and ``KEEP``, used in place of values.

``MISSING_VALUE`` means "no value": an argument that was not given, a field without a value, or, as a new value in
``rebind``, a removal.  ``KEEP`` means "unchanged".
"""

from __future__ import annotations

from typing import ClassVar, final


@final
class Marker:
    """A named singleton that is falsy, equals only itself, and stays the same object when copied or pickled."""

    __slots__ = ("_name",)
    _name: str
    _known: ClassVar[dict[str, Marker]] = {}

    def __new__(cls, name: str) -> Marker:
        """Returns the one marker of this name."""
        marker = cls._known.get(name)
        if marker is None:
            marker = super().__new__(cls)
            marker._name = name
            cls._known[name] = marker
        return marker

    def __repr__(self) -> str:
        return self._name

    def __bool__(self) -> bool:
        return False

    def __copy__(self) -> Marker:
        return self

    def __deepcopy__(self, memo: object) -> Marker:
        return self

    def __reduce__(self) -> tuple[type[Marker], tuple[str]]:
        return Marker, (self._name,)


MISSING_VALUE = Marker("MISSING_VALUE")
KEEP = Marker("KEEP")
