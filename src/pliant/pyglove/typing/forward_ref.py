"""``ForwardRef``: a class by its name in a module, which need not exist yet."""

from __future__ import annotations

import types
from typing import Any

from pliant.pyglove.values.formatting import Formattable, kvlist_str
from pliant.values.errors import FieldTypeError, quote


class ForwardRef(Formattable):
    """A class by its name in a module; it is looked up each time, so that it can be defined later.

    >>> import collections
    >>> ForwardRef(collections, "OrderedDict").cls
    <class 'collections.OrderedDict'>

    Args:
      module: the module.
      qualname: the name of the class in it; a nested class is named with its outer classes.
    """

    def __init__(self, module: types.ModuleType, qualname: str) -> None:
        self._module = module
        self._qualname = qualname

    @property
    def module(self) -> types.ModuleType:
        """The module."""
        return self._module

    @property
    def name(self) -> str:
        """The name of the class, without its outer classes."""
        return self._qualname.rpartition(".")[2]

    @property
    def qualname(self) -> str:
        """The name of the class in the module."""
        return self._qualname

    @property
    def type_id(self) -> str:
        """The names of the module and the class."""
        return f"{self._module.__name__}.{self._qualname}"

    @property
    def resolved(self) -> bool:
        """Whether the class exists now."""
        return self._find() is not None

    def _find(self) -> Any:
        if getattr(self._module, "__reloading__", False):
            return None
        node: Any = self._module
        for part in self._qualname.split("."):
            node = getattr(node, part, None)
        return node

    @property
    def cls(self) -> type[Any]:
        """The class.

        Raises:
          FieldTypeError: it does not exist, or is something else.
        """
        found = self._find()
        if found is None:
            raise FieldTypeError(
                f"{self._qualname!r} does not exist in module {self._module.__name__!r}. Define the class before it is used."
            )
        if not isinstance(found, type):
            raise FieldTypeError(
                f"{quote(found)} is not a class. Name a class of module {self._module.__name__!r}."
            )
        return found

    def as_annotation(self) -> Any:
        """Returns the class if it exists, else its name."""
        return self.cls if self.resolved else self._qualname

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        items = [("module", self._module.__name__, None), ("name", self._qualname, None)]
        return kvlist_str(items, compact, verbose, root_indent, label="ForwardRef")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ForwardRef):
            return self._module is other._module and self._qualname == other._qualname
        return isinstance(other, type) and self._find() is other

    def __hash__(self) -> int:
        return hash((self._module.__name__, self._qualname))

    def __copy__(self) -> ForwardRef:
        return ForwardRef(self._module, self._qualname)

    def __deepcopy__(self, memo: object) -> ForwardRef:
        return ForwardRef(self._module, self._qualname)
