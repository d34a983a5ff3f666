"""``KeyPath``: where a value is in a tree; ``StrKey``: keys that are written like attributes."""

from __future__ import annotations

import abc
import operator
from collections.abc import Callable
from typing import Any, TypeAlias

from pliant.values.errors import FieldTypeError, FieldValueError, PathError, quote

from .formatting import Formattable

_SPECIAL = frozenset("[].")


class StrKey(abc.ABC):  # a mark
    """Base class of keys that are written like attributes: ``a.b`` rather than ``a[b]``."""


class _Order:
    """A key that can be compared with keys of other types: numbers come before text, other types by their names."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Order) and bool(self.key == other.key)

    __hash__ = None  # type: ignore[assignment]  # made for one comparison

    def __lt__(self, other: _Order) -> bool:
        if isinstance(self.key, (int, float)) and isinstance(other.key, (int, float)):
            return self.key < other.key
        if type(self.key) is type(other.key) and not isinstance(self.key, (int, float)):
            try:
                return bool(self.key < other.key)
            except TypeError:
                return str(self.key) < str(other.key)
        ours, theirs = isinstance(self.key, (int, float)), isinstance(other.key, (int, float))
        return ours if ours != theirs else str(self.key) < str(other.key)

    def __le__(self, other: _Order) -> bool:
        return not other < self


class _Parts(Formattable):
    """The keys of a path, its parts and its text."""

    def __init__(self, key_or_key_list: Any = None, parent: KeyPath | None = None) -> None:
        if isinstance(key_or_key_list, (list, tuple)):
            own = list(key_or_key_list)
        else:
            own = [] if key_or_key_list is None else [key_or_key_list]
        self._keys: list[Any] = [*parent._keys, *own] if parent is not None else own
        self._text: str | None = None

    @property
    def keys(self) -> list[Any]:
        """The keys from the root, as a new list."""
        return list(self._keys)

    @property
    def key(self) -> Any:
        """The last key.

        Raises:
          PathError: the path is the root.
        """
        if not self._keys:
            raise PathError("Key of root KeyPath does not exist. Check `is_root` first.")
        return self._keys[-1]

    @property
    def parent(self) -> KeyPath:
        """The path without its last key.

        Raises:
          PathError: the path is the root.
        """
        if not self._keys:
            raise PathError("Parent of a root KeyPath does not exist. Check `is_root` first.")
        return KeyPath(self._keys[:-1])

    @property
    def is_root(self) -> bool:
        """Whether the path has no keys."""
        return not self._keys

    @property
    def depth(self) -> int:
        """How many keys the path has."""
        return len(self._keys)

    @property
    def path(self) -> str:
        """The path as text: ``a.b[0]``; text keys with ``.`` or brackets are written in brackets."""
        if self._text is None:
            self._text = self.path_str()
        return self._text

    def path_str(self, preserve_complex_keys: bool = True) -> str:
        """Returns the path as text.

        Args:
          preserve_complex_keys: write text keys that contain ``.`` or brackets in brackets.
        """
        text = ""
        for key in self._keys:
            plain = isinstance(key, StrKey) or (
                isinstance(key, str) and not (preserve_complex_keys and _SPECIAL.intersection(key))
            )
            text += ("." if text else "") + str(key) if plain else f"[{key}]"
        return text

    def format(self, *args: Any, **kwargs: Any) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return self.path

    def __len__(self) -> int:
        return len(self._keys)


class KeyPath(_Parts):
    """Where a value is in a tree: its keys from the root; equal to the text that it is written as.

    >>> path = KeyPath.parse("layers[0].size")
    >>> path.keys, path.key, path.parent, path == "layers[0].size"
    (['layers', 0, 'size'], 'size', layers[0], True)
    >>> path.query({"layers": [{"size": 3}]})
    3

    Args:
      key_or_key_list: a key, or a list of keys; none is the root.
      parent: the path that they are below.
    """

    @classmethod
    def from_value(cls, value: KeyPathLike) -> KeyPath:
        """Returns the path that a path, its text, or one integer key stands for.

        Raises:
          FieldValueError: it is neither.
        """
        if isinstance(value, KeyPath):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        if isinstance(value, int):
            return cls(value)
        raise FieldValueError(
            f"{quote(value)} is not a valid KeyPath equivalence. Give a KeyPath, a str or an int."
        )

    @classmethod
    def parse(cls, path_str: str, parent: KeyPath | None = None) -> KeyPath:
        """Returns the path that text stands for.

        Raises:
          FieldValueError: it is not text, or its brackets do not match.
        """
        if not isinstance(path_str, str):
            raise FieldValueError(f"'path_str' must be a string type. Encountered {quote(path_str)}.")
        keys: list[Any] = []
        start = opened = depth = 0
        for i, char in enumerate(path_str):
            if char == "[":
                if depth == 0:
                    keys.extend(filter(None, [path_str[start:i]]))
                    opened = i
                depth += 1
            elif char == "]":
                depth -= 1
                if depth < 0:
                    raise _bad_bracket("close", i, path_str)
                if depth == 0:
                    keys.append(_read_key(path_str[opened + 1 : i]))
                    start = i + 1
            elif char == "." and depth == 0:
                keys.extend(filter(None, [path_str[start:i]]))
                start = i + 1
        if depth:
            raise _bad_bracket("open", opened, path_str)
        keys.extend(filter(None, [path_str[start:]]))
        return cls(keys, parent)

    def query(self, src: Any, use_inferred: bool = False) -> Any:
        """Returns the value at this path of a tree.

        Args:
          src: the tree.
          use_inferred: read values that are inferred (such as contextual ones), not what stands for them.

        Raises:
          PathError: the tree has no value there.
        """
        value = src
        for i, key in enumerate(self._keys):
            value = _step(value, key, KeyPath(self._keys[: i + 1]), src, use_inferred)
        return value

    def get(self, src: Any, default_value: Any = None, use_inferred: bool = False) -> Any:
        """Returns the value at this path of a tree, or the default if there is none."""
        try:
            return self.query(src, use_inferred)
        except KeyError:
            return default_value

    def exists(self, src: Any) -> bool:
        """Returns whether a tree has a value at this path."""
        missing = object()
        return self.get(src, missing) is not missing

    def is_relative_to(self, other: KeyPathLike) -> bool:
        """Returns whether this path is another one, or below it."""
        above = KeyPath.from_value(other)._keys
        return self._keys[: len(above)] == above

    def __add__(self, other: Any) -> Any:
        if other is None:
            return self
        if isinstance(other, str):
            other = KeyPath.parse(other)
        if isinstance(other, KeyPath):
            return KeyPath(self._keys + other._keys)
        reverse = getattr(other, "__radd_path__", None)
        return KeyPath([*self._keys, other]) if reverse is None else reverse(self)

    def __sub__(self, other: KeyPathLike | None) -> KeyPath:
        if other is None:
            return self
        if not isinstance(other, (KeyPath, str, int)):
            raise FieldTypeError(
                f"Cannot subtract KeyPath {self.path!r} by {quote(other)}. Give a path, a str or an int."
            )
        above = KeyPath.from_value(other)
        if above.is_relative_to(self) and len(above) > len(self):
            raise FieldValueError(
                f"KeyPath subtraction failed: left path {self.path!r} is an ancestor of {above.path!r}."
            )
        if not self.is_relative_to(above):
            raise FieldValueError(
                f"KeyPath subtraction failed: left path {self.path!r} and right path {above.path!r} are in different subtree."
            )
        return KeyPath(self._keys[len(above) :])

    def __hash__(self) -> int:
        return hash(self.path)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, KeyPath):
            return self._keys == other._keys
        return isinstance(other, str) and self.path == other

    def __lt__(self, other: Any) -> bool:
        return self._compare(other, operator.lt)

    def __le__(self, other: Any) -> bool:
        return self._compare(other, operator.le)

    def __gt__(self, other: Any) -> bool:
        return self._compare(other, lambda a, b: b < a)

    def __ge__(self, other: Any) -> bool:
        return self._compare(other, lambda a, b: b <= a)

    def _compare(self, other: Any, comparison: Callable[[Any, Any], bool]) -> bool:
        if not isinstance(other, (KeyPath, str)):
            raise FieldTypeError(
                f"Comparison is not supported between instances of 'KeyPath' and {quote(type(other).__name__)}. "
                "Compare with a KeyPath or a str."
            )
        theirs = KeyPath.from_value(other)._keys
        return comparison([_Order(k) for k in self._keys], [_Order(k) for k in theirs])


KeyPathLike: TypeAlias = KeyPath | str | int
"""What stands for a path: a ``KeyPath``, its text, or one integer key."""


def _bad_bracket(which: str, position: int, text: str) -> FieldValueError:
    return FieldValueError(
        f"KeyPath parse failed: unmatched {which} bracket at position {position}: {quote(text)}. Close each bracket once."
    )


def _read_key(text: str) -> str | int:
    digits = text.removeprefix("-")
    return int(text) if digits.isdecimal() and digits.isascii() and len(digits) < 20 else text


def _step(value: Any, key: Any, path: KeyPath, src: Any, use_inferred: bool) -> Any:
    """Returns the child of a value at a key.

    Raises:
      PathError: there is none.
    """
    if hasattr(value, "sym_getattr") and (has := getattr(value, "sym_hasattr", None)) is not None:
        if has(key):
            return value.sym_inferred(key) if use_inferred else value.sym_getattr(key)
    elif hasattr(value, "__getitem__") and not isinstance(value, (str, bytes)):
        if isinstance(key, int) and not isinstance(value, dict):
            if not hasattr(value, "__len__"):
                raise PathError(
                    f"Cannot query index ({key}) on object {quote(value)}: '__len__' does not exist. (path={path})"
                )
            if -len(value) <= key < len(value):
                return value[key]
        elif not hasattr(value, "__contains__"):
            raise PathError(
                f"Cannot query key {quote(key)} on object {quote(value)}: '__contains__' does not exist. (path={path})"
            )
        elif key in value and not isinstance(value, (list, tuple)):
            return value[key]
    else:
        raise PathError(
            f"Cannot query sub-key {quote(key)} of object {quote(value)}: '__getitem__' does not exist. (path={path})"
        )
    raise PathError(
        f"Path {path} does not exist: key {quote(key)} is absent from innermost value {quote(value)}."
    )


def message_on_path(message: str, path: KeyPath | None) -> str:
    """Returns a message with the path that it is about.

    >>> message_on_path("No value.", KeyPath("a"))
    'No value. (path=a)'
    """
    return message if path is None else f"{message} (path={path})"
