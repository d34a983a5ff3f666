"""``DerivedValue``: a value that is computed from others in its tree; ``reference``: one that equals another."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from pliant.values.errors import FieldValueError, quote

from .. import symbolic
from .. import typing as pg_typing
from ..values.value_location import KeyPath


@symbolic.members(
    [
        (
            "reference_paths",
            pg_typing.List(pg_typing.Object(KeyPath)),
            "The paths of the values that this one is computed from, each looked for from here to the root.",
        )
    ]
)
class DerivedValue(symbolic.Object, pg_typing.CustomTyping):
    """Base class of values that are computed from others in the same tree."""

    @abstractmethod
    def derive(self, *args: Any) -> Any:
        """Returns the value from the values at ``reference_paths``."""

    def resolve(self, reference_path_or_paths: Any = None) -> Any:
        """Returns where references lead: (the node that has the path below it, the full path), for each path.

        Args:
          reference_path_or_paths: a path, or a list of them; None for ``reference_paths``.

        Raises:
          FieldValueError: a path is not a path, or leads nowhere.
        """
        given = self.reference_paths if reference_path_or_paths is None else reference_path_or_paths
        several = isinstance(given, (list, tuple))
        paths = list(given) if several else [given]
        if not all(isinstance(path, (str, KeyPath)) for path in paths):
            raise FieldValueError(
                "Argument 'reference_path_or_paths' must be None, a string, KeyPath object, a list of strings, or a list of KeyPath "
                f"objects. Encountered {quote(given)}."
            )
        found = [self._resolve(KeyPath.from_value(path)) for path in paths]
        return found if several else found[0]

    def _resolve(self, path: KeyPath) -> tuple[Any, KeyPath]:
        above = self.sym_parent
        while above is not None and not path.exists(above):
            above = above.sym_parent
        if above is None:
            raise FieldValueError(
                f"Cannot resolve '{path}': parent not found. Put this value in a tree that has the path."
            )
        return above, above.sym_path + path

    def __call__(self) -> Any:
        """Returns the computed value."""
        return self._derive_at(None)

    def _derive_at(self, root: Any) -> Any:
        referred = []
        for path, (parent, full) in zip(
            self.reference_paths, self.resolve(list(self.reference_paths)), strict=True
        ):
            value = path.query(parent)
            if _contains_derived(value):
                raise FieldValueError(
                    f"Derived value (path={self.sym_path}) should not reference derived values. (path={full}) "
                    "Refer to what the other one refers to."
                )
            referred.append(value)
        return self.derive(*referred)

    def of(self, root: Any, path: KeyPath) -> Any:
        """Returns the value that this one has at a path of another tree."""
        referred = []
        for reference in self.reference_paths:
            keys = path.keys[:-1]
            while not reference.exists(above := KeyPath(keys).query(root)):
                if not keys:
                    raise FieldValueError(f"Cannot resolve '{reference}' from '{path}'.")
                keys = keys[:-1]
            referred.append(reference.query(above))
        return self.derive(*referred)


def _contains_derived(value: Any) -> bool:
    if isinstance(value, DerivedValue):
        return True
    return isinstance(value, symbolic.Symbolic) and any(
        _contains_derived(child) for _, child in value.sym_items()
    )


class ValueReference(DerivedValue):
    """A value that equals another one in the same tree.

    >>> tree = symbolic.Dict(a=1, b=reference("a"))
    >>> tree.b()
    1
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        if len(self.reference_paths) != 1:
            raise FieldValueError(
                f"Argument 'reference_paths' should have exact 1 item. Encountered: {quote(list(self.reference_paths))}."
            )

    def derive(self, *args: Any) -> Any:
        value = args[0]
        return value.clone() if isinstance(value, symbolic.Symbolic) else copy.copy(value)

    def custom_apply(
        self, path: Any, value_spec: Any, allow_partial: bool, child_transform: Any = None
    ) -> tuple[bool, Any]:
        """Accepts any field."""
        return (False, self)


def reference(reference_path: str | KeyPath) -> ValueReference:
    """Returns a value that equals the one at a path, which is looked for from its place to the root.

    >>> symbolic.Dict(a=1, b=reference("a")).b.resolve()[0][1]
    a
    """
    made: ValueReference = ValueReference([KeyPath.from_value(reference_path)])
    return made


def compute(value: Any, paths: Sequence[KeyPath]) -> Any:
    """Returns a value in which the derived values at ``paths`` are computed."""
    derived = {path.path: found() for path in paths if isinstance(found := path.query(value), DerivedValue)}
    if derived:
        value.rebind(derived, raise_on_no_change=False)
    return value
