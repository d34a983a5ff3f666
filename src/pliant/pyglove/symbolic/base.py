"""``Symbolic``: the base class of symbolic values, and the functions on values of any kind.

Why these classes are not those of ``pliant.symbolic``: PyGlove's objects may lack values, change in place, call hooks at
each change, infer values from what is around them, and run user code while they are made; Pliant's do none of this.  They
share one tree: a ``Symbolic`` is a ``Node`` of Pliant, so holes in it are found, decided and copied by Pliant's functions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar

from pliant.values.errors import quote

from .. import values as utils
from . import flags
from .origin import Origin
from .parts.access import RAISE_IF_NOT_FOUND
from .parts.compare import (
    clone,
    contains,
    eq,
    gt,
    is_abstract,
    is_deterministic,
    is_pure_symbolic,
    lt,
    ne,
    sym_hash,
)
from .parts.compare import type_order as _type_order
from .parts.documents import (
    default_load_handler,
    default_save_handler,
    from_json,
    from_json_str,
    load,
    open_jsonl,
    save,
    to_json,
    to_json_str,
)
from .parts.editing import Editable
from .parts.permissions import accepts_partial, treats_as_sealed, writtable_via_accessors
from .parts.transform import symbolic_transform_fn
from .parts.traversal import get_rebind_dict, query, traverse
from .parts.updates import (
    DescendantQueryOption,
    FieldUpdate,
    Inferential,
    TopologyAware,
    TraverseAction,
    WritePermissionError,
)

__all__ = [
    "RAISE_IF_NOT_FOUND",
    "DescendantQueryOption",
    "FieldUpdate",
    "Inferential",
    "Symbolic",
    "TopologyAware",
    "TraverseAction",
    "WritePermissionError",
    "_type_order",
    "accepts_partial",
    "clone",
    "contains",
    "default_load_handler",
    "default_save_handler",
    "eq",
    "from_json",
    "from_json_str",
    "get_rebind_dict",
    "gt",
    "is_abstract",
    "is_deterministic",
    "is_pure_symbolic",
    "load",
    "lt",
    "ne",
    "open_jsonl",
    "query",
    "save",
    "sym_hash",
    "symbolic_transform_fn",
    "to_json",
    "to_json_str",
    "traverse",
    "treats_as_sealed",
    "writtable_via_accessors",
]


class _Copied(Editable):
    """Copies and JSON of a value, under the names that cannot be taken by fields."""

    def sym_clone(self, deep: Any = False, memo: Any = None, override: dict[str, Any] | None = None) -> Any:
        """Returns a copy.

        Args:
          deep: whether values that are not symbolic are copied as well.
          memo: as for ``copy.deepcopy``.
          override: new values by path.
        """
        made = self._sym_clone(deep, memo)
        if override:
            made.sym_rebind(override, raise_on_no_change=False)
        if flags.is_tracking_origin():
            made._set_raw_attr("_sym_origin", None)
            made.sym_setorigin(self, "deepclone" if deep else "clone")
        return made

    def _sym_clone(self, deep: bool, memo: Any = None) -> Any:
        raise NotImplementedError

    def sym_jsonify(self, *, hide_default_values: bool = False, **kwargs: Any) -> Any:
        """Returns this value as JSON data.

        Args:
          hide_default_values: whether default values are left out.
          **kwargs: passed on to the values inside.
        """
        raise NotImplementedError

    def sym_hash(self) -> int:
        """Returns a hash that is equal for values with equal fields."""
        raise NotImplementedError

    def __copy__(self) -> Any:
        return self.sym_clone(deep=False)

    def __deepcopy__(self, memo: Any) -> Any:
        return self.sym_clone(deep=True, memo=memo)

    def _sym_copy(self, parent: object = None, key: object = None, memo: Any = None) -> Any:
        made = self._sym_clone(memo is not None, memo)
        if parent is not None:
            made._set_raw_attr("_sym_parent", parent)
            made._sym_key = key
        return made

    def _sym_child(self, key: Any) -> Any:
        from pliant.values.missing import MISSING_VALUE

        value = self.sym_getattr(key, MISSING_VALUE)
        return MISSING_VALUE if isinstance(value, utils.MissingValue) else value

    def _sym_put(self, key: Any, value: Any) -> None:
        self._set_item_without_permission_check(key, value)

    def _sym_reset(self) -> None:
        self._forget_facts()

    def _sym_assign(self, key: Any, value: object) -> bool:
        return False


class _Named(_Copied):
    """The same under PyGlove's short names."""

    @property
    def is_partial(self) -> bool:
        """Whether required values are missing."""
        return self.sym_partial

    @property
    def is_pure_symbolic(self) -> bool:
        """Whether a value inside only represents other values."""
        return self.sym_puresymbolic

    @property
    def is_abstract(self) -> bool:
        """Whether values are missing or only represent others."""
        return self.sym_abstract

    @property
    def is_deterministic(self) -> bool:
        """Whether no value inside is decided later."""
        return is_deterministic(self)

    @property
    def is_sealed(self) -> bool:
        """Whether this value is read-only."""
        return self.sym_sealed

    def missing_values(self, flatten: bool = True) -> dict[Any, Any]:
        """Returns the missing values; see ``sym_missing``."""
        return self.sym_missing(flatten=flatten)

    def non_default_values(self, flatten: bool = True) -> dict[Any, Any]:
        """Returns the values that differ from the defaults; see ``sym_nondefault``."""
        return self.sym_nondefault(flatten=flatten)

    def seal(self, sealed: bool = True) -> Any:
        """Makes this value and those inside read-only, or writable again; returns it."""
        return self.sym_seal(sealed)

    def rebind(self, path_value_pairs: Any = None, **kwargs: Any) -> Any:
        """Changes values in place; see ``sym_rebind``."""
        return self.sym_rebind(path_value_pairs, **kwargs)

    def clone(self, deep: bool = False, memo: Any = None, override: dict[str, Any] | None = None) -> Any:
        """Returns a copy; see ``sym_clone``."""
        return self.sym_clone(deep, memo, override)

    def to_json(self, **kwargs: Any) -> Any:
        """Returns this value as JSON data; see ``sym_jsonify``."""
        return to_json(self, **kwargs)

    def to_json_str(self, json_indent: int | None = None, **kwargs: Any) -> str:
        """Returns this value as JSON text."""
        return to_json_str(self, json_indent=json_indent, **kwargs)

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> Any:
        """Loads a value of this class from a file.

        Raises:
          TypeError: the file has a value of another class.
        """
        value = load(*args, **kwargs)
        if not isinstance(value, cls):
            raise TypeError(f"Value is not of type {quote(cls)}: {value!r}.")
        return value

    def save(self, *args: Any, **kwargs: Any) -> Any:
        """Saves this value to a file."""
        return save(self, *args, **kwargs)


class Symbolic(_Named, utils.Formattable, utils.JSONConvertible, utils.MaybePartial):
    """Base class of symbolic values: dicts, lists and objects.

    Args:
      allow_partial: whether required values may be missing.
      accessor_writable: whether items may be assigned.
      sealed: whether the value is read-only.
      root_path: the path of the value.
    """

    __str_format_kwargs__: ClassVar[dict[str, Any]] = {"compact": False, "verbose": False}
    DictType: Any = None
    ListType: Any = None
    ObjectType: Any = None

    def __init__(
        self,
        *,
        allow_partial: bool,
        accessor_writable: bool,
        sealed: bool,
        root_path: Any = None,
        init_super: bool = True,
    ) -> None:
        state = object.__getattribute__(self, "__dict__")
        state.update(
            _allow_partial=allow_partial,
            _accessor_writable=accessor_writable,
            _sealed=sealed,
            _sym_parent=None,
            _sym_path=utils.KeyPath() if root_path is None else root_path,
            _sym_origin=None,
            _known_missing=None,
            _known_nondefault=None,
            _known_puresymbolic=None,
        )
        if flags.is_tracking_origin():
            state["_sym_origin"] = Origin(None, "__init__")
        if init_super:
            super().__init__()

    def _init_kwargs(self) -> dict[str, Any]:
        """Returns the switches that differ from the defaults."""
        given: dict[str, Any] = {}
        if self.allow_partial:
            given["allow_partial"] = True
        if not self.accessor_writable:
            given["accessor_writable"] = False
        if self.sym_sealed:
            given["sealed"] = True
        return given

    @property
    def allow_partial(self) -> bool:
        """Whether required values may be missing."""
        return bool(self._sym_raw("_allow_partial", False))

    @property
    def accessor_writable(self) -> bool:
        """Whether items may be assigned."""
        return bool(self._sym_raw("_accessor_writable", True))

    def set_accessor_writable(self, writable: Any = True) -> Any:
        """Sets whether items may be assigned; returns this value."""
        self._set_raw_attr("_accessor_writable", bool(writable))
        return self

    def to_html(self, **kwargs: Any) -> Any:
        """Refuses: this package has no HTML views.

        Raises:
          NotImplementedError: always.
        """
        raise NotImplementedError("pliant.pyglove has no HTML views. Print the value, or call `format()`.")

    def inspect(
        self,
        path_regex: str | None = None,
        where: Callable[..., bool] | None = None,
        custom_selector: Callable[..., bool] | None = None,
        file: Any = None,
        **kwargs: Any,
    ) -> None:
        """Prints this value, or the values inside of it that a query finds.

        Args:
          path_regex: as for ``query``.
          where: as for ``query``.
          custom_selector: as for ``query``.
          file: where to print; None for the standard output.
          **kwargs: passed on to ``format``.
        """
        value: Any = self
        if path_regex is not None or where is not None or custom_selector is not None:
            value = query(self, path_regex, where, custom_selector=custom_selector)
        text = utils.format(value, **{"compact": False, "verbose": True, **kwargs})
        (file or sys.stdout).write(text + "\n")
