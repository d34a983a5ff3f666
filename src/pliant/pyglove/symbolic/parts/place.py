"""``Placed``: the place of a symbolic value in its tree: parent, path, root, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from pliant.symbolic.tree.node import Node
from pliant.values.errors import quote
from pliant.values.missing import MISSING_VALUE

from ... import values as utils
from .. import flags
from ..origin import Origin
from .updates import TopologyAware


class _Fields:
    """The fields of a node by name, as Pliant's functions read them; its checks are PyGlove's, so they have no specs."""

    def __get__(self, node: Any, owner: Any = None) -> dict[Any, Any]:
        return {} if node is None else dict.fromkeys(node._sym_keys(), _FIELD)


_FIELD = SimpleNamespace(value_spec=SimpleNamespace(default=MISSING_VALUE))


class Placed(TopologyAware, Node):
    """Stores the parent and the path of a value.

    It is a ``Node`` of Pliant, so that Pliant's own functions (holes, paths, JSON, copies) find what is in the value.
    """

    def _set_raw_attr(self, name: str, value: Any) -> Any:
        """Sets an attribute that is not a field; returns the value itself."""
        object.__setattr__(self, name, value)
        return self

    def _sym_raw(self, name: str, default: Any = None) -> Any:
        """Returns an attribute that is not a field."""
        return object.__getattribute__(self, "__dict__").get(name, default)

    @property
    def sym_parent(self) -> Any:
        """The value that contains this one, or None."""
        return self._sym_raw("_sym_parent")

    def sym_setparent(self, parent: Any) -> None:
        """Sets the value that contains this one."""
        self._set_raw_attr("_sym_parent", parent)

    @property
    def sym_path(self) -> Any:
        """The path from the root of the tree."""
        return self._sym_raw("_sym_path")

    def sym_setpath(self, path: Any) -> None:
        """Sets the path from the root of the tree, and those of the values inside."""
        path = utils.KeyPath.from_value(path) if path is not None else utils.KeyPath()
        old_path = self.sym_path
        if old_path != path:
            self._set_raw_attr("_sym_path", path)
            self._update_children_paths(old_path, path)

    def _update_children_paths(self, old_path: Any, new_path: Any) -> None:
        """Sets the paths of the values inside."""
        for key, child in self.sym_items():
            if isinstance(child, TopologyAware):
                child.sym_setpath(utils.KeyPath(key, new_path))

    def sym_items(self) -> Any:
        """Yields keys and values."""
        raise NotImplementedError

    def sym_attr_field(self, key: Any) -> Any:
        """Returns the definition of a field; None for values without a schema."""
        raise NotImplementedError

    @property
    def sym_field(self) -> Any:
        """The definition of the field that this value stands in, or None."""
        parent = self.sym_parent
        return None if parent is None else parent.sym_attr_field(self.sym_path.key)

    def sym_ancestor(self, where: Callable[[Any], bool] | None = None) -> Any:
        """Returns the innermost value around this one for which a predicate is true; None if there is none."""
        found = self.sym_parent
        while found is not None and where is not None and not where(found):
            found = found.sym_parent
        return found

    @property
    def sym_origin(self) -> Origin | None:
        """Where this value comes from; None if that was not stored."""
        found: Origin | None = self._sym_raw("_sym_origin")
        return found

    def sym_setorigin(
        self,
        source: Any,
        tag: str,
        stacktrace: bool | None = None,
        stacklimit: int | None = None,
        stacktop: int = -1,
    ) -> None:
        """Stores where this value comes from.

        Args:
          source: the value that it was made from.
          tag: the operation.
          stacktrace: whether to store the stack.
          stacklimit: the number of lines of the stack.
          stacktop: the number of innermost frames that are left out.

        Raises:
          ValueError: another source is stored.
        """
        before = self.sym_origin
        if before is not None and before.source is not None and before.source is not source:
            raise ValueError(
                f"Cannot set the origin with a different source value. Origin source: {before.source!r}, new source: {quote(source)}."
            )
        self._set_raw_attr("_sym_origin", Origin(source, tag, stacktrace, stacklimit, stacktop=stacktop - 1))

    def _track(self, source: Any, tag: str) -> None:
        """Stores the origin, where that is switched on."""
        if flags.is_tracking_origin():
            self.sym_setorigin(source, tag)

    def _error_message(self, message: str) -> str:
        """Returns a message that names the path of this value."""
        return str(utils.message_on_path(message, self.sym_path))

    # --- members of a Node of Pliant; see pliant.symbolic.tree.node

    _sym_unset: Any = {}  # noqa: RUF012  # never changed
    _sym_fields = _Fields()

    @property
    def _sym_key(self) -> Any:
        return None if self.sym_parent is None else self.sym_path.key

    @_sym_key.setter
    def _sym_key(self, key: Any) -> None:
        parent = self.sym_parent
        if key is not None and parent is not None and hasattr(parent, "sym_path"):
            self.sym_setpath(utils.KeyPath(key, parent.sym_path))

    def _sym_keys(self) -> Any:
        return [key for key, _ in self.sym_items()]

    def _sym_values(self) -> Any:
        return [_missing(value) for _, value in self.sym_items()]

    @property
    def _sym_names(self) -> tuple[Any, ...]:
        return tuple(self._sym_keys())


def _missing(value: Any) -> Any:
    """Returns a value as Pliant knows it: one marker stands for all missing values."""
    return MISSING_VALUE if isinstance(value, utils.MissingValue) else value
