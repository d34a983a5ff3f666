"""Descriptions of tensors without data: keys of arguments, and outputs that can be made again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .keys import NoKeyError, key_of_value

META = torch.device("meta")


def find_tensors(value: Any, found: list[Tensor]) -> list[Tensor]:
    """Appends the tensors in tuples, lists and dicts to a list, in order, and returns it."""
    if isinstance(value, Tensor):
        found.append(value)
    elif isinstance(value, (tuple, list)):
        for item in value:
            find_tensors(item, found)
    elif isinstance(value, dict):
        for item in value.values():
            find_tensors(item, found)
    return found


def change_tensors(value: Any, change: Any) -> Any:
    """Returns a value in which ``change`` has replaced each tensor in tuples, lists and dicts."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, (tuple, list)):
        items = [change_tensors(item, change) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    if isinstance(value, dict):
        return {key: change_tensors(item, change) for key, item in value.items()}
    return value


def to_meta(value: Any) -> Any:
    """Returns arguments with tensors of the same shapes on the device ``meta``; one tensor stays one tensor."""
    made: dict[int, Tensor] = {}

    def change(tensor: Tensor) -> Tensor:
        if id(tensor) not in made:
            made[id(tensor)] = tensor.detach().to(META)
        return made[id(tensor)]

    return change_tensors(value, change)


def key_of_arguments(args: tuple[Any, ...], fields: dict[str, Any]) -> Any:
    """Returns a key of arguments: shapes, types, layouts in memory, and which tensors share it.

    Raises:
      NoKeyError: an argument has no key.
    """
    if not fields and len(args) == 1 and isinstance(args[0], Tensor):
        return _describe(args[0])
    tensors = find_tensors((args, fields), [])
    storages = [t.untyped_storage()._cdata for t in tensors]
    same = tuple(map(storages.index, storages))
    identities = [id(t) for t in tensors]
    return (
        "arguments",
        key_of_value(change_tensors((args, fields), _describe)),
        same,
        tuple(map(identities.index, identities)),
    )


def _describe(tensor: Tensor) -> Any:
    if tensor.layout is not torch.strided or type(tensor) not in (Tensor, torch.nn.Parameter):
        raise NoKeyError
    if tensor.is_contiguous():
        return tensor.shape, tensor.dtype
    return tensor.shape, tensor.dtype, tensor.stride(), tensor.storage_offset()


class Recipe:
    """How to make the output of a module again: from the storages of its inputs, and new ones."""

    __slots__ = ("sizes", "value")

    def __init__(self, output: Any, inputs: list[Tensor], is_new: Any) -> None:
        """Describes an output.

        Args:
          output: of the module.
          inputs: its tensors.
          is_new: a function that says whether a storage was allocated in the module.

        Raises:
          NoKeyError: the output is of an unknown class, or a tensor in it comes from elsewhere.
        """
        self.sizes: list[int] = []
        given = {t.untyped_storage()._cdata: i for i, t in enumerate(inputs)}
        same = {id(t): i for i, t in enumerate(inputs)}
        new: dict[int, int] = {}

        def describe(tensor: Tensor) -> Any:
            if id(tensor) in same:
                return _Same(same[id(tensor)])
            _describe(tensor)
            storage = tensor.untyped_storage()
            source = given.get(storage._cdata)
            if source is None:
                if not is_new(storage):
                    raise NoKeyError
                if storage._cdata not in new:
                    new[storage._cdata] = len(new)
                    self.sizes.append(storage.nbytes())
                source = -1 - new[storage._cdata]
            return _View(source, tensor.shape, tensor.stride(), tensor.storage_offset(), tensor.dtype)

        self.value = change_tensors(output, describe)
        key_of_value(change_tensors(output, lambda tensor: None))  # atoms in containers only

    def make(self, inputs: list[Tensor], allocate: Any) -> Any:
        """Returns the output; ``allocate`` makes a flat tensor of a number of bytes."""
        value = self.value
        if value.__class__ is _View and value.source == -1:
            return allocate(value.shape, value.stride, value.dtype, self.sizes[0])
        if value.__class__ is _Same:
            return inputs[value.source]
        new = [allocate((size,), (1,), torch.uint8, size) for size in self.sizes]

        def build(one: Any) -> Any:
            if one.__class__ is _Same:
                return inputs[one.source]
            if one.__class__ is _View:
                source = inputs[one.source] if one.source >= 0 else new[-1 - one.source]
                made = torch.empty(0, dtype=one.dtype, device=META)
                return made.set_(source.untyped_storage(), one.offset, one.shape, one.stride)
            if isinstance(one, (tuple, list)):
                return type(one)(map(build, one))
            if isinstance(one, dict):
                return {key: build(item) for key, item in one.items()}
            return one

        return build(value)


class _Same:
    __slots__ = ("source",)

    def __init__(self, source: int) -> None:
        self.source = source


class _View:
    __slots__ = ("dtype", "offset", "shape", "source", "stride")

    def __init__(self, source: int, shape: Any, stride: Any, offset: Any, dtype: torch.dtype) -> None:
        self.source, self.shape, self.stride, self.offset, self.dtype = source, shape, stride, offset, dtype
