"""``InferredValue`` and ``ValueFromParentChain``: field values that are looked up at each access."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import values as utils
from . import object as pg_object
from .parts.updates import Inferential


class InferredValue(pg_object.Object, Inferential):
    """Base class of values that stand for other values; subclasses define ``infer``."""

    def custom_apply(
        self,
        path: Any,
        value_spec: Any,
        allow_partial: bool = False,
        child_transform: Callable[..., Any] | None = None,
    ) -> tuple[bool, Any]:
        """Accepts any field."""
        return (False, self)


class ValueFromParentChain(InferredValue):
    """A value that is the one of the same name in the nearest value around that has it."""

    @property
    def inference_key(self) -> Any:
        """The name that is looked up."""
        return self.sym_path.key

    def infer(self, **kwargs: Any) -> Any:
        """Returns the value.

        Raises:
          AttributeError: no value around has it.
        """
        key = self.inference_key
        at = self.sym_parent
        while at is not None:
            found = at.sym_getattr(key, utils.MISSING_VALUE)
            if found is not self and not isinstance(found, utils.MissingValue):
                return found.infer(**kwargs) if isinstance(found, Inferential) else found
            at = at.sym_parent
        raise AttributeError(
            utils.message_on_path(
                f"`{key}` is not found under its context (along its parent chain).", self.sym_path
            )
        )
