"""``ContextualObject``: objects whose attributes can come from ``contextual_override`` or from the values around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final

from .. import values as utils
from .inferred import InferredValue
from .object import _NONE, Object
from .parts.access import RAISE_IF_NOT_FOUND

_overrides: Final[ContextVar[Mapping[int, Mapping[str, Any]]]] = ContextVar(
    "attributes of objects", default=MappingProxyType({})
)


class ContextualObject(Object):
    """Base class of objects with attributes that are looked up in their context.

    In this order: ``override`` of the object, ``contextual_override(override_attrs=True)``, the field, and for a
    ``contextual_attribute`` without a value: the contextual objects around it, ``contextual_override``, the default.
    """

    def format(
        self, compact: bool = False, verbose: bool = False, root_indent: int = 0, **kwargs: Any
    ) -> str:
        """Returns the object as text, with the values that are found in its context."""
        return super().format(compact, verbose, root_indent, **{"use_inferred": True, **kwargs})

    def _sym_inferred(self, key: Any, **kwargs: Any) -> Any:
        value = _overrides.get().get(id(self), {}).get(key, _NONE)
        if value is not _NONE:
            return value
        if self.sym_hasattr(key):
            override = utils.get_contextual_override(key)
            if override is not None and override.override_attrs:
                return override.value
        return super()._sym_inferred(key, **kwargs)

    @contextmanager
    def override(self, **kwargs: Any) -> Iterator[None]:
        """Gives attributes of this object other values, in the current thread or task.

        Args:
          **kwargs: the values by name.
        """
        before = _overrides.get()
        token = _overrides.set({**before, id(self): {**before.get(id(self), {}), **kwargs}})
        try:
            yield
        finally:
            _overrides.reset(token)


class ContextualAttribute(InferredValue):
    """A field value that is looked up in the contextual objects around its object.

    Attributes:
      type: the type of the value; for readers.
      default: the value if none is found.
    """

    type: Any = None
    default: Any = RAISE_IF_NOT_FOUND

    def infer(self, **kwargs: Any) -> Any:
        """Returns the value.

        Raises:
          AttributeError: there is none, and no default.
        """
        key = self.sym_path.key
        owner = self.sym_parent
        at = None if owner is None else owner.sym_parent
        while at is not None:
            if isinstance(at, ContextualObject):
                found = getattr(at, key, utils.MISSING_VALUE)
                if not isinstance(found, utils.MissingValue):
                    return found
            at = at.sym_parent
        override = utils.get_contextual_override(key)
        if override is not None:
            return override.value
        default = self.sym_getattr("default")
        if isinstance(default, tuple) and default == RAISE_IF_NOT_FOUND:
            raise AttributeError(
                utils.message_on_path(
                    f"`{key}` is not found under its context (along its parent chain).", self.sym_path
                )
            )
        return default


def contextual_attribute(type: Any = None, default: Any = RAISE_IF_NOT_FOUND) -> Any:
    """Declares an attribute of a ``ContextualObject`` that is looked up in its context.

    Args:
      type: the type of the value; for readers.
      default: the value if none is found.
    """
    return ContextualAttribute(type=type, default=default)
