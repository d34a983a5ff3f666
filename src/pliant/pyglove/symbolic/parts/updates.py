"""What changes and traversals of symbolic values consist of: ``FieldUpdate``, ``TraverseAction`` and their bases."""

from __future__ import annotations

import abc
import enum
from typing import Any

from ... import typing as pg_typing
from ... import values as utils


class WritePermissionError(Exception):
    """A change of an object that is sealed, or whose items may not be assigned."""


class FieldUpdate(utils.Formattable):
    """One change of a field.

    Args:
      path: the path of the field, from the root of the tree.
      target: the object that has the field.
      field: its definition, or None if the object has no schema.
      old_value: the value before, or MISSING_VALUE.
      new_value: the value after, or MISSING_VALUE.
    """

    def __init__(self, path: Any, target: Any, field: Any, old_value: Any, new_value: Any) -> None:
        self.path = path
        self.target = target
        self.field = field
        self.old_value = old_value
        self.new_value = new_value

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        """Returns the change as text."""
        return str(
            utils.kvlist_str(
                [
                    ("parent_path", self.target.sym_path, None),
                    ("path", self.path, None),
                    ("old_value", self.old_value, None),
                    ("new_value", self.new_value, None),
                ],
                label=type(self).__name__,
                compact=compact,
                verbose=verbose,
                root_indent=root_indent,
                **{**kwargs, "str_format": True},
            )
        )

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, FieldUpdate)
            and self.path == other.path
            and self.target is other.target
            and self.field is other.field
            and bool(self.old_value == other.old_value)
            and bool(self.new_value == other.new_value)
        )

    def __ne__(self, other: object) -> bool:
        return not self.__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # values may be mutable


class DescendantQueryOption(enum.Enum):
    """Which descendants ``sym_descendants`` returns: all, or only the outermost or innermost ones."""

    ALL = 0
    IMMEDIATE = 1
    LEAF = 2


class TraverseAction(enum.Enum):
    """What ``traverse`` does after a visit: it enters the value, continues with its siblings, or stops."""

    ENTER = 0
    CONTINUE = 1
    STOP = 2


class TopologyAware(metaclass=abc.ABCMeta):
    """Interface of values that know their place in a tree."""

    @property
    @abc.abstractmethod
    def sym_parent(self) -> Any:
        """The value that contains this one, or None."""

    @abc.abstractmethod
    def sym_setparent(self, parent: Any) -> None:
        """Sets the value that contains this one."""

    @property
    @abc.abstractmethod
    def sym_path(self) -> Any:
        """The path from the root of the tree."""

    @abc.abstractmethod
    def sym_setpath(self, path: Any) -> None:
        """Sets the path from the root of the tree."""

    @property
    def sym_root(self) -> Any:
        """The root of the tree."""
        root: Any = self
        while root.sym_parent is not None:
            root = root.sym_parent
        return root


class Inferential(TopologyAware, pg_typing.CustomTyping):
    """Interface of values that stand for other values, which are found at each access."""

    @abc.abstractmethod
    def infer(self, **kwargs: Any) -> Any:
        """Returns the value that this one stands for.

        Raises:
          AttributeError: it cannot be found.
        """
