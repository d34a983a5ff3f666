"""Runs an ``nn.Sequential`` of frequent layers by their shapes alone: no tensor is made between layers, and no layer is called.

Multiply-adds and memory are the same as if each layer were called.
"""

from __future__ import annotations

import math
import operator
from typing import Any, Final

from torch import Tensor, nn
from torch.nn.modules import module as torch_module

from .building import plainly
from .rules import NUMEL_RULES
from .shapes import SAME, SHAPED, find_shape

SEQUENCE: Final[Any] = nn.Sequential.forward
"""What a module calls that runs its parts in turn."""

_ITERATE: Final[Any] = nn.Sequential.__iter__
_HOOKS: Final = operator.itemgetter(
    "_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks"
)
_GLOBAL_HOOKS: Final = tuple(
    value
    for name, value in vars(torch_module).items()
    if name.startswith("_global_") and name.endswith("_hooks") and isinstance(value, dict)
)


class Shape:
    """Stands for a tensor in the counting rules of PyTorch's layers, which read how many numbers it has."""

    __slots__ = ("_numel",)

    def __init__(self, shape: Any) -> None:
        self._numel = int(math.prod(shape))

    def numel(self) -> int:
        """Returns the product of the sizes."""
        return self._numel


def run_sequence(run: Any, module: Any, x: Tensor) -> Any:
    """Returns the output of a module whose ``forward`` is ``SEQUENCE``.

    Args:
      run: the ``Run``, which counts.
      module: installed in the run.
      x: its only argument.
    """
    is_quick = type(module).__iter__ is _ITERATE and not any(_GLOBAL_HOOKS)
    value: Any = x  # None while only its shape is known
    shape: Any = ()
    size, dtype = 0, x.dtype
    for layer in module._modules.values() if is_quick else module:
        made = None
        if is_quick and type(layer) in SHAPED:
            with plainly():
                if value is not None and value.__class__ is Tensor and value.is_contiguous():
                    shape, dtype = value.shape, value.dtype
                    made = _find_made(run, layer, shape, dtype)
                elif value is None:
                    made = _find_made(run, layer, shape, dtype)
        if made is None:
            if value is None:
                run.free(size)
                value = run.allocate(shape, dtype)
            value = layer(value)
        elif made is not SAME:
            new = math.prod(made) * dtype.itemsize
            run.take(new)
            if value is None:
                run.free(size)
            value, shape, size = None, made, new
    if value is None:
        run.free(size)
        value = run.allocate(shape, dtype)
    return value


def _find_made(run: Any, layer: Any, shape: Any, dtype: Any) -> Any:
    """Returns the shape of the output of a layer, or ``SAME``, and counts the layer; None if it is to be called."""
    function = run.find_function(layer)
    if function is None or any(_HOOKS(layer.__dict__)):
        return None
    made = find_shape(layer, function, shape, dtype)
    if made is None:
        return None
    rule = run.find_rule(layer)
    if rule is not None:
        if rule not in NUMEL_RULES:
            return None
        run.add(rule(layer, (), Shape(shape if made is SAME else made)))
    return made
