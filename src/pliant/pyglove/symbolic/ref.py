"""``Ref``: a reference to an object, which is shared instead of copied, and is not a part of the tree."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

from pliant.values.errors import quote

from .. import typing as pg_typing
from .. import values as utils
from .base import Symbolic
from .object import Object, ObjectMeta
from .parts.base_init import base_init
from .parts.documents import to_json
from .parts.text import join_entries
from .parts.updates import Inferential


class RefMeta(ObjectMeta):
    """Metaclass of ``Ref``: ``Ref[X]`` annotates a field that holds references to objects of ``X``."""

    def __getitem__(cls, value_cls: Any) -> Any:  # noqa: N805  # of a metaclass
        if vars(typing)["TYPE_CHECKING"]:
            return value_cls
        return pg_typing.Object(value_cls, transform=_to_ref)


def _to_ref(value: Any) -> Any:
    return value if isinstance(value, Ref) else Ref(value)


class Ref(Object, Inferential, metaclass=RefMeta):
    """A reference to an object: the field that holds it reads as the object, copies share it.

    Numbers and text are returned as they are, because copies of them are equal.

    Args:
      value: the object.

    >>> from pliant.pyglove.symbolic.dict import Dict
    >>> shared = Dict(x=1)
    >>> a = Dict(first=Ref(shared), second=Ref(shared))
    >>> a.first is shared and a.second is shared
    True
    """

    def __new__(cls, value: Any, **kwargs: Any) -> Any:
        if isinstance(value, (bool, int, float, str, Ref)):
            return value
        return object.__new__(cls)

    @base_init
    def __init__(self, value: Any, **kwargs: Any) -> None:
        if isinstance(value, Ref):
            return
        super().__init__(**kwargs)
        self._set_raw_attr("_value", value)

    @property
    def value(self) -> Any:
        """The object."""
        return self._sym_raw("_value")

    def infer(self, **kwargs: Any) -> Any:
        """Returns the object."""
        return self.value

    def _on_parent_change(self, old_parent: Any, new_parent: Any) -> None:
        at = new_parent
        while at is not None:
            if at is self.value:
                raise NotImplementedError(
                    "Self-referential object is not supported. Store a name or a path instead of the reference."
                )
            at = at.sym_parent

    def custom_apply(
        self,
        path: Any,
        value_spec: Any,
        allow_partial: bool = False,
        child_transform: Callable[..., Any] | None = None,
    ) -> tuple[bool, Any]:
        """Checks the object for a field."""
        if isinstance(value_spec, pg_typing.Object):
            value_spec.apply(self.value, allow_partial=allow_partial, root_path=path)
        elif value_spec.value_type is not None and not isinstance(self.value, value_spec.value_type):
            raise TypeError(
                utils.message_on_path(
                    f"Expect {value_spec.value_type!r} but encountered {type(self.value)!r}: {self.value!r}.",
                    path,
                )
            )
        return (False, self)

    def _sym_clone(self, deep: bool, memo: Any = None) -> Any:
        return Ref(self.value, allow_partial=self.allow_partial)

    def sym_eq(self, other: Any) -> bool:
        return isinstance(other, Ref) and self.value is other.value

    def sym_hash(self) -> int:
        return hash((Ref, id(self.value)))

    def sym_jsonify(self, *, save_ref_value: bool = False, **kwargs: Any) -> Any:
        """Returns the object as JSON data, if that is allowed.

        Args:
          save_ref_value: whether the object is written in place of the reference.
          **kwargs: passed on to the values inside.

        Raises:
          TypeError: it is not allowed.
        """
        if save_ref_value:
            return to_json(self.value, save_ref_value=True, **kwargs)
        raise TypeError(
            f"{quote(self)} cannot be serialized at the moment. Pass `save_ref_value=True` to store the value that it refers to."
        )

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"{quote(self)} cannot be pickled at the moment. Pickle the value that it refers to.")

    def format(
        self, compact: bool = False, verbose: bool = False, root_indent: int = 0, **kwargs: Any
    ) -> str:
        """Returns the reference as text."""
        text = utils.format(
            self.value, compact=compact, verbose=verbose, root_indent=root_indent + 1, **kwargs
        )
        entry = text if compact else f"value = {text}"
        return join_entries([("", entry)], ("Ref(", ")"), compact=compact, root_indent=root_indent)


def maybe_ref(value: Any) -> Any:
    """Returns a reference to a value that already has a place in a tree; other values unchanged."""
    if isinstance(value, Symbolic) and value.sym_parent is not None:
        return Ref(value)
    return value


def deref(value: Any, recursive: bool = False) -> Any:
    """Returns the object that a reference leads to; other values unchanged.

    Args:
      value: a value.
      recursive: whether references inside of it are replaced as well.
    """
    while isinstance(value, Ref):
        value = value.value
    if recursive and isinstance(value, Symbolic):
        value.rebind(_without_refs, raise_on_no_change=False)
    return value


def _without_refs(path: Any, value: Any) -> Any:
    return deref(value, recursive=True) if isinstance(value, Ref) else value
