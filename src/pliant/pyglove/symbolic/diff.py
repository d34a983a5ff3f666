"""``diff``: what differs between two values, as a tree of ``Diff``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from pliant.values.errors import quote

from .. import values as utils
from .list import List
from .object import Object
from .parts.compare import eq
from .parts.text import join_entries
from .parts.traversal import sym_children
from .pure_symbolic import PureSymbolic


class _Missing:
    """No value at this place."""

    def __repr__(self) -> str:
        return "MISSING"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Missing)

    def __hash__(self) -> int:
        return hash(_Missing)


class Diff(PureSymbolic, Object):
    """A difference: two values, or two types and the differences inside.

    Attributes:
      left: the first value, or its type if there are children.
      right: the second value, or its type if there are children.
      children: the differences inside, by key.
    """

    MISSING: ClassVar[Any] = _Missing()

    left: Any = MISSING
    right: Any = MISSING
    children: dict[str, Any] = {}  # noqa: RUF012  # a default value, which is copied

    def _on_bound(self) -> None:
        super()._on_bound()
        if self.children:
            for name in ("left", "right"):
                value = getattr(self, name)
                if not isinstance(value, type):
                    raise ValueError(
                        f"{name!r} must be a type when 'children' is specified. Encountered: {value!r}."
                    )

    @property
    def is_leaf(self) -> bool:
        """Whether it has no differences inside."""
        return not self.children

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return not eq(self.left, self.right) or any(bool(c) for c in self.children.values())

    @property
    def value(self) -> Any:
        """The value, where both are the same.

        Raises:
          ValueError: they are not.
        """
        if self:
            raise ValueError("'value' cannot be accessed when 'left' and 'right' are not the same.")
        return self.left

    def sym_eq(self, other: Any) -> bool:
        if isinstance(other, Diff):
            return (
                eq(self.left, other.left)
                and eq(self.right, other.right)
                and eq(self.children, other.children)
            )
        return not self and not self.children and eq(self.left, other)

    def sym_hash(self) -> int:
        return hash((Diff, repr(self)))

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        """Returns the difference as text."""
        options = dict(kwargs, compact=compact, verbose=verbose)
        if not self and not self.children:
            if isinstance(self.left, _Missing):
                return "No diff"
            return str(utils.format(self.left, root_indent=root_indent, **options))
        brackets = ("Diff(", ")")
        shown: dict[str, Any] = {"left": self.left, "right": self.right}
        if self.children:
            shown = dict(sym_children(self.children))
            brackets = self._brackets()
        joint = "=" if compact else " = "
        entries = [
            ("", f"{k}{joint}{utils.format(v, root_indent=root_indent + 1, **options)}")
            for k, v in shown.items()
        ]
        return join_entries(entries, brackets, compact=compact, root_indent=root_indent)

    def _brackets(self) -> tuple[str, str]:
        if self.left is self.right and issubclass(self.left, list):
            return "[", "]"
        names = (
            self.left.__name__ if self.left is self.right else f"{self.left.__name__}|{self.right.__name__}"
        )
        return f"{names}(", ")"


def diff(
    left: Any,
    right: Any,
    flatten: bool = False,
    collapse: bool | str | Callable[[Any, Any], bool] = "same_type",
    mode: Literal["diff", "same", "both"] = "diff",
) -> Any:
    """Returns what differs between two values.

    Args:
      left: the first value.
      right: the second value.
      flatten: whether to return the differences by path, not as a tree.
      collapse: which objects are compared field by field: ``"same_type"``, all (True), none (False), or those for which
        a function of both is true.
      mode: whether to return what differs, what is the same, or both.

    Raises:
      ValueError: ``collapse`` is another text.

    >>> from pliant.pyglove.symbolic.dict import Dict
    >>> diff(Dict(x=1, y=2), Dict(x=1, y=3))
    Dict(y=Diff(left=2, right=3))
    """
    found = _compare(left, right, _collapser(collapse), mode)
    if not flatten:
        return found
    if found.is_leaf:
        return (
            found
            if not (isinstance(found.left, type) and found.left is not found.right and found)
            else _flat(found)
        )
    return _flat(found)


def _collapser(collapse: Any) -> Callable[[Any, Any], bool]:
    if callable(collapse):
        return collapse  # type: ignore[no-any-return]  # the user's predicate
    if isinstance(collapse, bool):
        return lambda x, y: bool(collapse)
    if collapse == "same_type":
        return lambda x, y: type(x) is type(y)
    raise ValueError(
        f"Unsupported `collapse` value: {quote(collapse)}. Use True, False, 'same_type' or a function."
    )


def _compare(left: Any, right: Any, collapse: Callable[[Any, Any], bool], mode: str) -> Diff:
    """Returns the difference of two values."""
    is_list = isinstance(left, list) and isinstance(right, list)
    if not is_list and not (_has_fields(left) and _has_fields(right) and collapse(left, right)):
        return _leaf(left, right, mode)
    if type(left) is type(right) and eq(left, right):
        return _leaf(left, right, mode)
    a, b = dict(sym_children(left)), dict(sym_children(right))
    children: dict[str, Diff] = {}
    for key in [*a, *(k for k in b if k not in a)]:
        if key not in a or key not in b:
            if mode != "same":
                children[str(key)] = Diff(a.get(key, Diff.MISSING), b.get(key, Diff.MISSING))
            continue
        child = _compare(a[key], b[key], collapse, mode)
        is_kept = bool(child) or mode != "diff" or not eq(child.left, child.right)
        if mode == "same" and child.is_leaf and child:
            is_kept = False
        if is_kept:
            children[str(key)] = child
    kinds = (List, List) if is_list else (type(left), type(right))
    made: Diff = Diff(*kinds, children=children)
    return made


def _has_fields(value: Any) -> bool:
    return isinstance(value, (dict, Object))


def _leaf(left: Any, right: Any, mode: str) -> Diff:
    if eq(left, right):
        left, right = (Diff.MISSING, Diff.MISSING) if mode == "diff" else (left, right)
    made: Diff = Diff(left, right)
    return made


def _flat(found: Diff) -> dict[str, Any]:
    """Returns the leaves of a difference by path."""
    flat: dict[str, Any] = {}

    def collect(at: Diff, path: Any) -> None:
        if at.is_leaf and not (isinstance(at.left, type) and isinstance(at.right, type) and path == ""):
            flat[str(path)] = at
            return
        for key, child in sym_children(at.children):
            collect(child, utils.KeyPath(int(key) if at.left is List else key, path or None))
        if at.left is not at.right:
            flat[str(utils.KeyPath("_type", path or None))] = Diff(at.left, at.right)

    collect(found, "")
    return flat
