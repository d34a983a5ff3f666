"""Multiply-adds of layers, by a table from layer class to counting rule, and of PyTorch's operations.

A multiply-add is one multiplication with the addition that follows it, as papers count them: convolutions, linear
layers, recurrent layers, attention and products of matrices.  Normalization, activations, pooling and additions have none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry

from pliant.values.class_table import ClassTable
from pliant.values.errors import FieldTypeError, FieldValueError, quote

from .memo import MEMO

CountRule = Callable[[nn.Module, Sequence[Any], Any], int]
"""From a layer, its arguments (positional first, then named) and its output to multiply-adds.  It reads shapes of tensors only."""

_rules = ClassTable[CountRule]()


def add_count_rule(layer: type[nn.Module], rule: CountRule | None = None) -> Any:
    """Adds or replaces the counting rule of a layer class and its subclasses; also a decorator.

    The rule gives the whole cost of a layer, including what runs inside.

    >>> class Scale(nn.Module):
    ...     '''Multiplies each channel by a weight.'''
    ...     def __init__(self, width):
    ...         super().__init__()
    ...         self.weight = nn.Parameter(torch.ones(width))
    ...     def forward(self, x):
    ...         return x * self.weight
    >>> @add_count_rule(Scale)
    ... def scale(layer, inputs, output):
    ...     return output.numel()

    Args:
      layer: a class of modules.
      rule: see ``CountRule``.

    Raises:
      FieldTypeError: ``layer`` is not a class of modules, or ``rule`` is not callable.
    """
    given: Any = layer
    if not (isinstance(given, type) and issubclass(given, nn.Module)):
        raise FieldTypeError(
            f"a counting rule is for a class of modules, such as nn.Conv2d; got {quote(layer)}."
        )
    if rule is None:
        return lambda given: add_count_rule(layer, given)
    if not callable(rule):
        raise FieldTypeError(
            f"a counting rule is a function (layer, inputs, output) -> int; got {quote(rule)}."
        )
    MEMO.clear()
    return _rules.add(layer, rule)


def find_count_rule(layer: nn.Module) -> CountRule | None:
    """Returns the rule of a layer's class or of its nearest base class; None without one."""
    return _rules.find(type(layer))


def count_operation(operation: Any, args: Sequence[Any], fields: Any, output: Any) -> int:
    """Returns the multiply-adds of one call of a torch operation (``aten``)."""
    packet = operation.overloadpacket
    own = _OPERATIONS.get(packet)
    if own is not None:
        return own(args)
    formula = flop_registry.get(packet)
    return 0 if formula is None else int(formula(*args, **fields, out_val=output)) // 2


def _attend(args: Sequence[Any]) -> int:
    query, key, value = args[:3]
    return int(query.numel() * key.shape[-2] + math.prod(query.shape[:-1]) * key.shape[-2] * value.shape[-1])


_aten = torch.ops.aten
_OPERATIONS: dict[Any, Callable[[Sequence[Any]], int]] = {  # operations that PyTorch's counter omits
    _aten._scaled_dot_product_flash_attention_for_cpu: _attend,
    _aten.mv: lambda args: int(args[0].numel()),
    _aten.addmv: lambda args: int(args[1].numel()),
    _aten.dot: lambda args: int(args[0].numel()),
}


# ------------------------------------------------------------------ the table


def _count_bilinear(layer: Any, inputs: Sequence[Any], output: Tensor) -> int:
    out, left, right = layer.weight.shape
    return output.numel() // int(out) * int(out * (left * right + right))


def _count_attention(layer: Any, inputs: Sequence[Any], output: Any) -> int:
    """Projections of query, key and value, the two products of attention, and the projection of the result."""
    query, key, value = inputs[:3]
    width, rows = int(layer.embed_dim), query.numel() // layer.embed_dim
    batch = 1 if query.dim() == 2 else query.shape[0 if layer.batch_first else 1]
    sources = key.numel() // layer.kdim
    extra = batch * ((layer.bias_k is not None) + bool(layer.add_zero_attn))
    pairs = rows * ((sources + extra) // batch)
    return int(rows * width * width * 2 + (key.numel() + value.numel()) * width + 2 * pairs * width)


def _count_recurrent(layer: Any, inputs: Sequence[Any], output: Any) -> int:
    given: Any = inputs[0]
    steps = int(given.data.shape[0]) if hasattr(given, "batch_sizes") else given.numel() // given.shape[-1]
    weights = [p.numel() for name, p in layer.named_parameters() if name.startswith("weight")]
    return int(steps) * int(sum(weights))


_NOTHING = (
    nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm,
    nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d, nn.Embedding, nn.EmbeddingBag, nn.PReLU,
)  # fmt: skip
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_TABLE: list[tuple[tuple[Any, ...], Callable[[Any, Any, Any], int]]] = [
    (_NOTHING, lambda layer, inputs, output: 0),
    ((nn.Linear,), lambda layer, inputs, output: output.numel() * int(layer.weight.shape[1])),
    ((nn.Bilinear,), _count_bilinear),
    (_CONVOLUTIONS, lambda layer, inputs, output: int(output.numel() * math.prod(layer.weight.shape[1:]))),
    (_TRANSPOSED, lambda layer, inputs, output: int(inputs[0].numel() * math.prod(layer.weight.shape[1:]))),
    ((nn.MultiheadAttention,), _count_attention),
    ((nn.RNNBase, nn.RNNCellBase), _count_recurrent),
]
NUMEL_RULES = frozenset(rule for layers, rule in _TABLE if layers in (_NOTHING, (nn.Linear,), _CONVOLUTIONS))
"""Rules that read nothing of inputs and output but how many numbers the output has."""

for _layers, _rule in _TABLE:
    for _layer in _layers:
        add_count_rule(_layer, _rule)


class MissingRuleError(FieldValueError):
    """A layer with weights has no counting rule, and runs no operation with known multiply-adds."""


def price_layer(layer: nn.Module, inputs: Sequence[Any], output: Any, *, path: str, inside: float) -> float:
    """Returns the multiply-adds of a call of a layer: by its rule, or those inside of it.

    Raises:
      MissingRuleError: the layer has weights but no rule, and nothing inside counts.
    """
    rule = find_count_rule(layer)
    if rule is not None:
        return rule(layer, inputs, output)
    check_has_rule(layer, path=path, inside=inside)
    return inside


def check_has_rule(layer: nn.Module, *, path: str, inside: float) -> None:
    """Raises MissingRuleError for a layer without a counting rule that has weights, where nothing inside counts."""
    if inside or layer._modules:
        return
    if any(weight is not None for weight in layer._parameters.values()):
        name = type(layer).__name__
        raise MissingRuleError(
            f"the {name} at {path!r} has weights but no counting rule, and calls no operation with known multiply-adds. "
            f"Write a rule: `@pg.cost.add_count_rule({name})` over `def rule(layer, inputs, output): return output.numel()` "
            "(return 0 for a layer without multiply-adds, such as normalization)."
        )
