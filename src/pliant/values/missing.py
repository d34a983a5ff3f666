"""The two markers that stand where an ordinary value could stand; not values themselves.

``MISSING_VALUE`` says "nothing here": an argument that was not given, a field without a value, and,
as a new value in ``rebind``, "take what is here away".  ``KEEP`` says "leave what is here as it is".
"""

from __future__ import annotations

from typing import Any, ClassVar, final


@final
class Marker:
    """A named singleton that is falsy, equals only itself and survives copying and pickling."""

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

    def __deepcopy__(self, memo: Any) -> Marker:
        return self

    def __reduce__(self) -> tuple[type[Marker], tuple[str]]:
        return Marker, (self._name,)


MISSING_VALUE = Marker("MISSING_VALUE")
KEEP = Marker("KEEP")
