"""``Accessible``: reading the fields of a symbolic value, at it or below it, with or without inferring values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pliant.values.errors import quote

from ... import values as utils
from .compare import contains
from .place import Placed
from .traversal import sym_children, traverse
from .updates import DescendantQueryOption, Inferential, TraverseAction

RAISE_IF_NOT_FOUND: Any = (utils.MISSING_VALUE,)
"""The default value that stands for an error."""


class Accessible(Placed):
    """Reads the fields of a value."""

    def _sym_getattr(self, key: Any) -> Any:
        """Returns a field that exists, without inferring it."""
        raise NotImplementedError

    def sym_hasattr(self, key: Any) -> bool:
        """Returns whether a field has a value."""
        raise NotImplementedError

    def sym_keys(self) -> Iterator[Any]:
        """Yields the keys of the fields."""
        raise NotImplementedError

    def sym_values(self) -> Iterator[Any]:
        """Yields the values of the fields, without inferring them."""
        for key in self.sym_keys():
            yield self._sym_getattr(key)

    def sym_items(self) -> Iterator[tuple[Any, Any]]:
        """Yields the keys and values of the fields, without inferring them."""
        for key in self.sym_keys():
            yield key, self._sym_getattr(key)

    def sym_getattr(self, key: Any, default: Any = RAISE_IF_NOT_FOUND) -> Any:
        """Returns a field, without inferring it.

        Raises:
          AttributeError: there is none, and no default is given.
        """
        if self.sym_hasattr(key):
            return self._sym_getattr(key)
        if default is RAISE_IF_NOT_FOUND:
            raise AttributeError(
                self._error_message(f"{type(self)!r} object has no symbolic attribute {quote(key)}.")
            )
        return default

    def sym_has(self, path: Any) -> bool:
        """Returns whether there is a value at a path."""
        return bool(utils.KeyPath.from_value(path).exists(self))

    def sym_get(self, path: Any, default: Any = RAISE_IF_NOT_FOUND, use_inferred: bool = False) -> Any:
        """Returns the value at a path.

        Args:
          path: a key or a path.
          default: what to return if there is none.
          use_inferred: whether values that are found elsewhere are looked up.

        Raises:
          KeyError: there is none, and no default is given.
        """
        keys = utils.KeyPath.from_value(path)
        if default is RAISE_IF_NOT_FOUND:
            return keys.query(self, use_inferred)
        return keys.get(self, default, use_inferred)

    def sym_inferred(self, key: Any, default: Any = RAISE_IF_NOT_FOUND, **kwargs: Any) -> Any:
        """Returns a field; one that stands for another value gives that value.

        Raises:
          AttributeError: it is not found, and no default is given.
        """
        if default is RAISE_IF_NOT_FOUND:
            return self._sym_inferred(key, **kwargs)
        try:
            return self._sym_inferred(key, **kwargs)
        except Exception:  # noqa: BLE001  # an inferred value runs user code; the default stands for any failure
            return default

    def _sym_inferred(self, key: Any, **kwargs: Any) -> Any:
        value = self.sym_getattr(key)
        return value.infer(**kwargs) if isinstance(value, Inferential) else value

    def sym_inferrable(self, key: Any, **kwargs: Any) -> bool:
        """Returns whether a field has a value, or its value is found elsewhere."""
        found = self.sym_inferred(key, utils.MISSING_VALUE, **kwargs)
        return not bool(found == utils.MISSING_VALUE)

    def sym_contains(
        self,
        value: Any = None,
        type: type[Any] | tuple[type[Any], ...] | None = None,  # the interface
    ) -> bool:
        """Returns whether this value is or contains a value, or a value of a type."""
        return contains(self, value, type)

    def sym_descendants(
        self,
        where: Callable[[Any], bool] | None = None,
        option: DescendantQueryOption = DescendantQueryOption.ALL,
        include_self: bool = False,
    ) -> list[Any]:
        """Returns the values inside of this one.

        Args:
          where: a predicate; None for all.
          option: whether to return all of them, or only the outermost or the innermost ones.
          include_self: whether this value counts as well.
        """
        if option is DescendantQueryOption.LEAF:
            return _leaves(self, where or (lambda _: True), include_self)[0]
        found: list[Any] = []

        def visit(path: Any, value: Any, parent: Any) -> TraverseAction:
            if (include_self or value is not self) and (where is None or where(value)):
                found.append(value)
                if option is DescendantQueryOption.IMMEDIATE:
                    return TraverseAction.CONTINUE
            return TraverseAction.ENTER

        traverse(self, visit)
        return found


def _leaves(value: Any, where: Callable[[Any], bool], is_counted: bool) -> tuple[list[Any], bool]:
    """Returns the innermost values that match, and whether there is one."""
    found: list[Any] = []
    for _, child in sym_children(value):
        found.extend(_leaves(child, where, True)[0])
    if not found and is_counted and where(value):
        found.append(value)
    return found, bool(found)
