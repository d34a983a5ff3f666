"""``PureSymbolic`` and ``NonDeterministic``: marks of values that only represent other values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import typing as pg_typing


class PureSymbolic(pg_typing.CustomTyping):
    """Base class of values that represent values, and can stand in any field; they are not for execution."""

    def custom_apply(
        self,
        path: Any,
        value_spec: Any,
        allow_partial: bool,
        child_transform: Callable[..., Any] | None = None,
    ) -> tuple[bool, Any]:
        """Accepts any field."""
        return (False, self)


class NonDeterministic(PureSymbolic):
    """Base class of values that are decided later, such as the choices of a search space."""
