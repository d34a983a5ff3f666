"""``Described``: what a symbolic value lacks, what differs from its defaults, and how it compares."""

from __future__ import annotations

from typing import Any

from ... import values as utils
from .access import Accessible
from .compare import eq, gt, is_pure_symbolic, lt, ne
from .traversal import sym_children


class Described(Accessible):
    """Facts about a value; those that need a search are stored until it changes."""

    @property
    def sym_partial(self) -> bool:
        """Whether required values are missing."""
        return bool(self.sym_missing(flatten=False))

    @property
    def sym_puresymbolic(self) -> bool:
        """Whether a value inside only represents other values, such as a choice."""
        found = self._sym_raw("_known_puresymbolic")
        if found is None:
            found = any(is_pure_symbolic(v) for _, v in sym_children(self))
            self._set_raw_attr("_known_puresymbolic", found)
        return bool(found)

    @property
    def sym_abstract(self) -> bool:
        """Whether values are missing or only represent others."""
        return self.sym_partial or self.sym_puresymbolic

    @property
    def sym_sealed(self) -> bool:
        """Whether this value is read-only."""
        return bool(self._sym_raw("_sealed", False))

    def sym_missing(self, flatten: bool = True) -> dict[Any, Any]:
        """Returns the missing values.

        Args:
          flatten: whether to return them by path, or as nested dicts.
        """
        found = self._sym_raw("_known_missing")
        if found is None:
            found = self._sym_missing()
            self._set_raw_attr("_known_missing", found)
        return utils.flatten(found) if flatten and found else dict(found)

    def sym_nondefault(self, flatten: bool = True) -> dict[Any, Any]:
        """Returns the values that differ from the defaults.

        Args:
          flatten: whether to return them by path, or as nested dicts.
        """
        found = self._sym_raw("_known_nondefault")
        if found is None:
            found = self._sym_nondefault()
            self._set_raw_attr("_known_nondefault", found)
        return utils.flatten(found) if flatten and found else dict(found)

    def _forget_facts(self) -> None:
        """Deletes what was computed from the fields."""
        for name in ("_known_missing", "_known_nondefault", "_known_puresymbolic"):
            self._set_raw_attr(name, None)

    def _sym_missing(self) -> dict[Any, Any]:
        raise NotImplementedError

    def _sym_nondefault(self) -> dict[Any, Any]:
        raise NotImplementedError

    def sym_eq(self, other: Any) -> bool:
        """Returns whether another value is equal by its fields."""
        return eq(self, other)

    def sym_ne(self, other: Any) -> bool:
        """Returns whether another value is not equal by its fields."""
        return ne(self, other)

    def sym_lt(self, other: Any) -> bool:
        """Returns whether this value comes before another one."""
        return lt(self, other)

    def sym_gt(self, other: Any) -> bool:
        """Returns whether this value comes after another one."""
        return gt(self, other)
