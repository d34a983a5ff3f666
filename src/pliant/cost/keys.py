"""Structural keys: hashable values that are equal for modules, or unrealized programs, with the same costs.

A key has the class, the configuration and the keys of the parts; of weights and buffers it has the shapes.  It holds no
class, function, module or tensor alive.
"""

from __future__ import annotations

import functools
import operator
import weakref
from enum import Enum
from types import BuiltinFunctionType, FunctionType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.node import Node, children, is_dataclass
from pliant.symbolic.tree.realize import is_twin


class NoKeyError(Exception):
    """A value has no structural key, so nothing that contains it is remembered."""


UNINITIALIZED: Final = (UninitializedParameter, UninitializedBuffer)
"""Classes of the weights of lazy layers that had no input yet."""

_PLAIN: Final = frozenset({int, str, type(None)})  # values of these classes are equal only among themselves
_ONLY_INT: Final = frozenset({int})
_TAGGED: Final = frozenset(
    {
        bool,
        bytes,
        complex,
        torch.dtype,
        torch.device,
        torch.memory_format,
        torch.layout,
        range,
        type(...),
    }
)
_HOOKS: Final = tuple(
    name for name, value in nn.Module().__dict__.items() if isinstance(value, dict) and "hooks" in name
)
_STATE: Final = frozenset({*nn.Module().__dict__, "_pliant_parts", "_sym_busy", "_is_full_backward_hook"})
_plans: dict[
    tuple[str, ...], Any
] = {}  # from the names of attributes to a function that gets the configuration


def key_of_module(module: nn.Module, met: dict[int, Any], sizes: dict[int, int] | None = None) -> Any:
    """Returns the key of a module; of the weights in it, only the shapes count.

    Args:
      module: real, or unrealized.
      met: by ``id``, what stands for modules that were met before.
      sizes: receives, by ``id``, how many numbers each parameter has.

    Raises:
      NoKeyError: a part has no key: an object of an unknown class, a hook, a lazy layer.
    """
    found = met.get(id(module))
    if found is not None:
        return found
    cls: Any = type(module)
    if is_twin(cls):
        return key_of_program(module)
    met[id(module)] = nn.Module, len(met)  # where it occurs again
    state = module.__dict__
    names = tuple(state)
    plan = _plans.get(names)
    if plan is None:
        plan = _make_plan(names)
    config, values = plan(state)
    made: list[Any] = [weakref.ref(cls), weakref.ref(cls.forward), config]
    for name, weight in state["_parameters"].items():
        if weight.__class__ in UNINITIALIZED:
            raise NoKeyError
        made += (name, None) if weight is None else (name, weight.shape, weight.dtype)
        if weight is not None and sizes is not None:
            sizes[id(weight)] = weight.numel()
    for name, buffer in state["_buffers"].items():
        if buffer.__class__ in UNINITIALIZED:
            raise NoKeyError
        made += (name, None) if buffer is None else (name, buffer.shape, buffer.dtype)
    for name, part in state["_modules"].items():
        made.append(name)
        made.append(None if part is None else key_of_module(part, met, sizes))
    for value in values:
        kind = value.__class__
        if kind in _PLAIN:
            made.append(value)
        elif kind is bool:
            made.append((kind, value))
        elif kind is tuple and _ONLY_INT.issuperset(map(type, value)):
            made.append(value)
        elif kind is list and _ONLY_INT.issuperset(map(type, value)):
            made.append((kind, *value))
        else:
            made.append(key_of_value(value, met))
    return tuple(made)


def _make_plan(names: tuple[str, ...]) -> Any:
    """Returns a function from the attributes of a module to the names and values of its configuration."""
    config = tuple(n for n in names if n not in _STATE and n[:5] != "_sym_" and n != "forward")
    pick = operator.itemgetter(
        *config, "training", "training"
    )  # of two names at least, so it returns a tuple
    hooks = operator.itemgetter(*_HOOKS)

    def plan(state: dict[str, Any]) -> Any:
        forward = state.get("forward")
        if any(hooks(state)) or not (forward is None or getattr(forward, "stands_for", False)):
            raise NoKeyError
        return config, pick(state)[:-2]

    if len(_plans) > 1000:
        _plans.clear()
    _plans[names] = plan
    return plan


def key_of_program(node: Any) -> Any:
    """Returns the key of an unrealized symbolic object: its class and the keys of its fields.

    Raises:
      NoKeyError: a field has no key, or holds a module that is not symbolic, or realized.
    """
    cls: Any = type(node)  # and not `__class__`, which is a call for unrealized objects
    made: list[Any] = [weakref.ref(cls)]
    if issubclass(cls, nn.Module):
        made.append(weakref.ref(cls.forward))
    elif issubclass(cls, dict):
        made += node
    for value in cls._sym_values(node):
        kind = type(value)
        if kind in _PLAIN:
            made.append(value)
        elif kind is bool:
            made.append((kind, value))
        elif issubclass(kind, Node) and (is_twin(kind) or not issubclass(kind, nn.Module)):
            made.append(key_of_program(value))
        else:
            made.append(key_of_value(value))
    return tuple(made)


def key_of_value(value: Any, met: dict[int, Any] | None = None) -> Any:
    """Returns the key of a value in a configuration.

    Args:
      value: any value.
      met: see ``key_of_module``; None where no module may occur.

    Raises:
      NoKeyError: the value has no key.
    """
    cls = value.__class__
    if cls in _PLAIN:
        return value
    if cls in _TAGGED:
        return cls, value
    if cls is float:
        return cls, value.hex()
    if cls is tuple and _ONLY_INT.issuperset(map(type, value)):
        return value
    if isinstance(value, Tensor):
        return Tensor, value.shape, value.dtype
    if isinstance(value, Ref) or (isinstance(value, nn.Module) and met is None):
        raise NoKeyError
    if isinstance(value, nn.Module) and met is not None:
        return key_of_module(value, met)
    if isinstance(value, Node) and not isinstance(value, (list, dict)):
        return key_of_program(value)
    if isinstance(value, (tuple, list)):
        return (weakref.ref(type(value)), *(key_of_value(v, met) for v in value))
    if isinstance(value, dict):
        items = ((key_of_value(k), key_of_value(v, met)) for k, v in value.items())
        return (weakref.ref(type(value)), *items)
    if is_dataclass(value):
        return weakref.ref(cls), *(key_of_value(v, met) for _, v in children(value) or ())
    if cls in (set, frozenset):
        return cls, frozenset(map(key_of_value, value))
    if cls is functools.partial:
        return cls, key_of_value(value.func), key_of_value(value.args), key_of_value(value.keywords)
    if cls is slice:
        return cls, *map(key_of_value, (value.start, value.stop, value.step))
    if isinstance(value, Enum):
        return weakref.ref(cls), value.name
    if isinstance(value, (type, BuiltinFunctionType)):
        return weakref.ref(value)
    if isinstance(value, FunctionType) and value.__closure__ is None:
        return weakref.ref(value)
    raise NoKeyError
