"""Which keys a field stands for: ``ConstStrKey``, ``StrKey``, ``ListKey``, ``TupleKey``."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pliant.pyglove import values
from pliant.values.errors import FieldTypeError, PathError, quote


class KeySpec(values.Formattable, values.JSONConvertible):
    """Which keys a field stands for."""

    from_str: ClassVar[Any]

    @property
    def is_const(self) -> bool:
        """Whether it is one key."""
        return False

    def match(self, key: Any) -> bool:
        """Returns whether the field stands for a key."""
        raise NotImplementedError

    def extend(self, base: KeySpec) -> KeySpec:
        """Adds what the key spec of a base class asks for, in place.

        Raises:
          FieldTypeError: the base's key spec is of another kind, or allows less.
          PathError: it stands for other keys.
        """
        raise NotImplementedError

    def to_json(self, **kwargs: Any) -> Any:
        return self.to_json_dict(
            {k: (v, None) for k, v in self._state().items()}, exclude_default=True, **kwargs
        )

    def _state(self) -> dict[str, Any]:
        raise NotImplementedError

    def format(self, *args: Any, **kwargs: Any) -> str:
        return values.kvlist_str([(k, v, None) for k, v in self._state().items()], label=type(self).__name__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeySpec) and type(self) is type(other) and self._state() == other._state()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self).__name__, tuple(self._state().items())))


def _different(a: KeySpec, b: KeySpec) -> PathError:
    return PathError(f"{a} cannot extend {b} for keys are different. Name the key as in the base.")


def _incompatible(a: KeySpec, b: KeySpec) -> FieldTypeError:
    return FieldTypeError(f"{a} cannot extend {b}: incompatible type. Use a key spec of the base's class.")


class ConstStrKey(KeySpec, values.StrKey):
    """One text key; equal to its text.

    >>> ConstStrKey("x") == "x", {"x": 1}[ConstStrKey("x")]
    (True, 1)
    """

    __serialization_key__ = "pyglove.typing.ConstStrKey"

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise FieldTypeError(f"The key of a field must be text. Encountered {quote(text)}.")
        if "." in text:
            raise PathError(f"'.' cannot be used in key. Encountered {quote(text)}. Nest the fields.")
        self._text = text

    @property
    def text(self) -> str:
        """The key."""
        return self._text

    @property
    def is_const(self) -> bool:
        return True

    def match(self, key: Any) -> bool:
        return bool(self._text == key)

    def extend(self, base: KeySpec) -> KeySpec:
        if self != base:
            raise _different(self, base)
        return self

    def _state(self) -> dict[str, Any]:
        return {"text": self._text}

    def format(self, *args: Any, **kwargs: Any) -> str:
        return self._text

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return self._text == (other._text if isinstance(other, ConstStrKey) else other)

    def __hash__(self) -> int:
        return hash(self._text)

    def __lt__(self, other: Any) -> bool:
        return self._text < str(other)


class NonConstKey(KeySpec):
    """Base class of specs that stand for several keys."""


class StrKey(NonConstKey):
    """All text keys, or those that match a regular expression from their beginning.

    >>> StrKey("layer_.*").match("layer_1"), StrKey().match(1)
    (True, False)
    """

    __serialization_key__ = "pyglove.typing.StrKey"

    def __init__(self, regex: str | None = None) -> None:
        self._regex = re.compile(regex) if regex else None

    @property
    def regex(self) -> re.Pattern[str] | None:
        """The regular expression; None for all keys."""
        return self._regex

    def match(self, key: Any) -> bool:
        return isinstance(key, str) and (self._regex is None or self._regex.match(key) is not None)

    def extend(self, base: KeySpec) -> KeySpec:
        if self != base:
            raise _different(self, base)
        return self

    def _state(self) -> dict[str, Any]:
        return {"regex": self._regex.pattern if self._regex is not None else None}


class ListKey(NonConstKey):
    """The indices of a list.

    Args:
      min_value: the lowest index.
      max_value: the highest index; None for no limit.
    """

    __serialization_key__ = "pyglove.typing.ListKey"

    def __init__(self, min_value: int = 0, max_value: int | None = None) -> None:
        self._min_value = min_value
        self._max_value = max_value

    @property
    def min_value(self) -> int:
        """The lowest index."""
        return self._min_value

    @property
    def max_value(self) -> int | None:
        """The highest index; None for no limit."""
        return self._max_value

    def match(self, key: Any) -> bool:
        return (
            isinstance(key, int)
            and self._min_value <= key
            and (self._max_value is None or key <= self._max_value)
        )

    def extend(self, base: KeySpec) -> KeySpec:
        if not isinstance(base, ListKey):
            raise _incompatible(self, base)
        if self._min_value < base._min_value:
            raise FieldTypeError(
                f"{self} cannot extend {base}: min_value is smaller. Raise it to the base's."
            )
        if base._max_value is not None:
            if self._max_value is None:
                self._max_value = base._max_value
            elif self._max_value > base._max_value:
                raise FieldTypeError(
                    f"{self} cannot extend {base}: max_value is greater. Lower it to the base's."
                )
        return self

    def _state(self) -> dict[str, Any]:
        return {"min_value": self._min_value, "max_value": self._max_value}


class TupleKey(NonConstKey):
    """One index of a tuple, or all.

    Args:
      index: the index; None for all.
    """

    __serialization_key__ = "pyglove.typing.TupleKey"

    def __init__(self, index: int | None = None) -> None:
        self._index = index

    @property
    def index(self) -> int | None:
        """The index; None for all."""
        return self._index

    def match(self, key: Any) -> bool:
        return isinstance(key, int) and (self._index is None or key == self._index)

    def extend(self, base: KeySpec) -> KeySpec:
        if not isinstance(base, TupleKey):
            raise _incompatible(self, base)
        if self._index is None:
            self._index = base._index
        elif base._index is not None and base._index != self._index:
            raise PathError(f"{self} cannot extend {base}: unmatched index. Use the base's index.")
        return self

    def _state(self) -> dict[str, Any]:
        return {"index": self._index}


KeySpec.from_str = ConstStrKey
