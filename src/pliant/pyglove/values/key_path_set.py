"""``KeyPathSet``: a set of paths, as a tree of keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from pliant.values.errors import FieldValueError, quote

from .formatting import Formattable, RawText, kvlist_str
from .key_path import KeyPath, KeyPathLike

_END = "$"
"""Marks in the tree of keys that a path of the set ends here."""
_Trie = dict[Any, Any]


def _copy(trie: _Trie) -> _Trie:
    return {k: v if k == _END else _copy(v) for k, v in trie.items()}


def _union(a: _Trie, b: _Trie) -> None:
    for key, below in b.items():
        if key == _END:
            a[_END] = True
        else:
            _union(a.setdefault(key, {}), below)


def _difference(a: _Trie, b: _Trie) -> None:
    for key in [k for k in a if k in b]:
        if key == _END:
            del a[_END]
        else:
            _difference(a[key], b[key])
            if not a[key]:
                del a[key]


def _intersection(a: _Trie, b: _Trie) -> None:
    for key in list(a):
        if key not in b:
            del a[key]
        elif key != _END:
            _intersection(a[key], b[key])
            if not a[key]:
                del a[key]


class _Paths(Formattable):
    """Adding, removing and finding paths."""

    def __init__(
        self, paths: Iterable[KeyPathLike] | None = None, *, include_intermediate: bool = False
    ) -> None:
        self._trie: _Trie = {}
        for path in paths or ():
            self.add(path, include_intermediate)

    @classmethod
    def from_value(cls, value: Any, include_intermediate: bool = False) -> KeyPathSet:
        """Returns the set that a set, a list or a tuple of paths stands for.

        Raises:
          FieldValueError: it is something else.
        """
        if isinstance(value, KeyPathSet):
            return value
        if isinstance(value, (list, tuple, set)):
            return KeyPathSet(value, include_intermediate=include_intermediate)
        raise FieldValueError(
            f"Cannot convert {quote(value)} to KeyPathSet. Give a KeyPathSet or a list of paths."
        )

    def add(self, path: KeyPathLike, include_intermediate: bool = False) -> bool:
        """Adds a path.

        Args:
          path: the path.
          include_intermediate: add the paths above it as well.

        Returns:
          Whether the set has changed.
        """
        node, changed = self._trie, False
        for key in KeyPath.from_value(path).keys:
            if include_intermediate and _END not in node:
                node[_END] = changed = True
            node = node.setdefault(key, {})
        if _END not in node:
            node[_END] = changed = True
        return changed

    def remove(self, path: KeyPathLike) -> bool:
        """Removes a path; returns whether it was in the set."""
        if path not in self:
            return False
        alone = KeyPathSet([path])
        _difference(self._trie, alone._trie)
        return True

    def clear(self) -> None:
        """Removes all paths."""
        self._trie = {}

    def has_prefix(self, root_path: KeyPathLike) -> bool:
        """Returns whether a path of the set is this one or below it."""
        return self._below(root_path) is not None

    def _below(self, path: KeyPathLike) -> _Trie | None:
        node: _Trie | None = self._trie
        for key in KeyPath.from_value(path).keys:
            node = node.get(key) if node is not None else None
        return node

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, (KeyPath, str, int)):
            return False
        node = self._below(path)
        return node is not None and _END in node

    def __bool__(self) -> bool:
        return bool(self._trie)

    def __iter__(self) -> Iterator[KeyPath]:
        def walk(trie: _Trie, keys: list[Any]) -> Iterator[KeyPath]:
            for key, below in trie.items():
                if key == _END:
                    yield KeyPath(keys)
                else:
                    yield from walk(below, [*keys, key])

        return walk(self._trie, [])

    def format(self, *args: Any, **kwargs: Any) -> str:
        return kvlist_str([("", RawText("[" + ", ".join(map(str, self)) + "]"), None)], label="KeyPathSet")


class KeyPathSet(_Paths):
    """A set of paths.

    >>> paths = KeyPathSet(["a.b", "a.c", "x[0]"])
    >>> "a.b" in paths, "a" in paths, paths.has_prefix("a"), list(paths.subtree("a"))
    (True, False, True, [b, c])

    Args:
      paths: the paths.
      include_intermediate: add the paths above each as well.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyPathSet) and self._trie == other._trie

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __add__(self, other: KeyPathSet) -> KeyPathSet:
        return self.union(other)

    def __radd_path__(self, root_path: KeyPath) -> KeyPathSet:
        """Returns the paths below a path: ``path + paths``."""
        result = self.copy()
        result.rebase(root_path)
        return result

    def rebase(self, root_path: KeyPathLike) -> None:
        """Moves all paths below another path."""
        trie = self._trie
        for key in reversed(KeyPath.from_value(root_path).keys):
            trie = {key: trie}
        self._trie = trie

    def copy(self) -> KeyPathSet:
        """Returns a copy."""
        return self._of(_copy(self._trie))

    @staticmethod
    def _of(trie: _Trie) -> KeyPathSet:
        result = KeyPathSet()
        result._trie = trie
        return result

    def update(self, other: KeyPathSet) -> None:
        """Adds the paths of another set."""
        _union(self._trie, other._trie)

    def union(self, other: KeyPathSet, copy: bool = False) -> KeyPathSet:
        """Returns the paths of either set; ``copy`` is accepted as in PyGlove, the result is always a copy."""
        result = self.copy()
        result.update(other)
        return result

    def difference_update(self, other: KeyPathSet) -> None:
        """Removes the paths of another set."""
        _difference(self._trie, other._trie)

    def difference(self, other: KeyPathSet) -> KeyPathSet:
        """Returns the paths that are not in another set."""
        result = self.copy()
        result.difference_update(other)
        return result

    def intersection_update(self, other: KeyPathSet) -> None:
        """Keeps the paths that are in another set."""
        _intersection(self._trie, other._trie)

    def intersection(self, other: KeyPathSet) -> KeyPathSet:
        """Returns the paths that are in both sets."""
        result = self.copy()
        result.intersection_update(other)
        return result

    def subtree(self, root_path: KeyPathLike) -> KeyPathSet:
        """Returns the paths below a path, relative to it; it shares them with this set."""
        if KeyPath.from_value(root_path).is_root:
            return self
        return self._of(self._below(root_path) or {})
