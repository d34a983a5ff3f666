"""Iterates over, maps and joins the leaves of nested tuples, lists and mappings: inputs and outputs of modules."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pliant.values.errors import PliantError, quote, quote_typed


class NestedError(PliantError, ValueError):
    """Nested values have different structures, or leaves that cannot be joined."""


def find_leaves(value: object) -> Iterator[Any]:
    """Yields the leaves of nested tuples, lists and mappings, in order; other objects are leaves.

    >>> list(find_leaves((1, {"a": [2, 3]})))
    [1, 2, 3]
    """
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from find_leaves(one)
    else:
        yield value


def describe_leaves(value: object) -> str:
    """Returns the types and shapes of tensors, for messages about inputs that a network does not take.

    >>> describe_leaves((torch.ones(2, 3), None))
    'torch.float32 (2, 3), None of type NoneType'
    """
    shown = [
        f"{one.dtype} {tuple(one.shape)}" if isinstance(one, Tensor) else quote_typed(one)
        for one in find_leaves(value)
    ]
    return ", ".join(shown[:4]) + ", ..." * (len(shown) > 4) or quote_typed(value)


def change_leaves(value: object, change: Callable[[Any], Any]) -> Any:
    """Returns a nested value with a function applied to each leaf, in order.

    >>> change_leaves((1, {"a": [2, 3]}), lambda leaf: -leaf)
    (-1, {'a': [-2, -3]})
    """
    if isinstance(value, Mapping):
        found: Any = copy.copy(value)
        for name, one in value.items():
            found[name] = change_leaves(one, change)
        return found
    if isinstance(value, (list, tuple)):
        items = [change_leaves(one, change) for one in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return change(value)


def join_leaves(values: Sequence[Any], join: Callable[[list[int], list[Tensor]], Tensor]) -> Any:
    """Joins nested values of one structure, leaf by leaf: tensors of floats by a function; other leaves must be equal.

    >>> join_leaves([(torch.ones(2), None), (torch.zeros(2), None)], lambda _, tensors: sum(tensors))
    (tensor([1., 1.]), None)

    Args:
      values: at least one.
      join: from the indices of the values that have a tensor at a leaf (others have None), and these tensors, to one tensor.

    Raises:
      NestedError: the structures, or leaves other than tensors of floats, differ.
    """
    rows = [list(find_leaves(value)) for value in values]
    if len({len(row) for row in rows}) > 1:
        shown = " and ".join(sorted({f"{len(row)} ({type(v).__name__})" for row, v in zip(rows, values)}))
        raise NestedError(f"their numbers of outputs differ: {shown}")
    joined: list[Any] = []
    for column in zip(*rows):
        places = [i for i, leaf in enumerate(column) if _is_real(leaf)]
        if places and all(_is_real(leaf) or leaf is None for leaf in column):
            joined.append(join(places, [column[i] for i in places]))
            continue
        odd = next((leaf for leaf in column[1:] if not _is_same(leaf, column[0])), None)
        if odd is not None:
            raise NestedError(
                f"they return {quote_typed(column[0])} and {quote(odd)}, and only tensors of floats can be mixed"
            )
        joined.append(column[0])
    rest = iter(joined)
    return change_leaves(values[0], lambda _: next(rest))


def _is_real(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _is_same(one: object, other: object) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    return one is other or (isinstance(one, (bool, int, float, str)) and one == other)
