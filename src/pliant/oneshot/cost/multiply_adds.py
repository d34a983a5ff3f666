"""Multiply-adds of modules and of the networks of a super-network, by a table from layer class to counting rule.

A multiply-add is one multiplication with the addition that follows it, as papers count them: convolutions, linear
layers, recurrent layers, attention and products of matrices.  Normalization, activations, pooling and additions have none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import flop_registry

from pliant.values.class_table import ClassTable
from pliant.values.errors import FieldTypeError, FieldValueError

from ..rewrite.concrete import fix_if_open
from ..rewrite.network import Supernet
from .compiled import compile_graph
from .graph import CostGraph, Tape
from .model import Cost, run_metered
from .trace import Call, Meter, trace

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
            f"a counting rule is for a class of modules, such as nn.Conv2d; got {layer!r:.80}."
        )
    if rule is None:
        return lambda given: add_count_rule(layer, given)
    if not callable(rule):
        raise FieldTypeError(
            f"a counting rule is a function (layer, inputs, output) -> int; got {rule!r:.80}."
        )
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
for _layers, _rule in _TABLE:
    for _layer in _layers:
        add_count_rule(_layer, _rule)


@final
class MultiplyAdds(Cost):
    """Number of multiply-adds of a forward pass on ``example``; exact.

    Convolutions, linear, recurrent and attention layers have a rule per class (``add_count_rule``); other products of
    matrices count by PyTorch's formulas (half of the floating-point operations of ``FlopCounterMode``).  Unlike that counter
    it counts LSTMs, and attention in evaluation mode.  Biases, normalization, activations, pooling and additions count 0.

    >>> import torch, pliant as pg
    >>> Linear, Sequential, Identity = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.Identity))
    >>> width = pg.oneof([4, 8], name="width")
    >>> layer = pg.oneof([Linear(width, width), Identity()], name="layer")
    >>> net = pg.oneshot.supernet(Sequential(Linear(2, width), layer, Linear(width, 1)))
    >>> cost = MultiplyAdds(net, torch.zeros(1, 2))
    >>> cost([0, 0]), cost([1, 1])
    (28.0, 24.0)
    >>> half = torch.tensor([0.5, 0.5])
    >>> cost({key: half for key in (point.path for point in net.space.points)})
    tensor(38.)

    Args:
      supernet: see ``Cost``.
      example: an input with a batch of one, for multiply-adds per example.

    Raises:
      FieldValueError: at the call with a network in which a layer has weights but no counting rule.
    """

    def __init__(self, supernet: Supernet, example: object) -> None:
        super().__init__(supernet, example)

    def _record(self, graph: CostGraph, values: Mapping[str, Any]) -> None:
        run_metered(self, Counter(), graph, values)


def count_multiply_adds(module: nn.Module, *inputs: Any) -> int:
    """Returns the multiply-adds of a forward pass of an ordinary module, as ``MultiplyAdds`` counts them.

    In a network with choices, those of the selected candidates.

    >>> import torch
    >>> count_multiply_adds(nn.Conv2d(3, 8, 3, padding=1), torch.zeros(1, 3, 10, 10))
    21600

    Raises:
      FieldValueError: a layer has weights but no counting rule.
    """
    graph = CostGraph()
    trace(fix_if_open(module), inputs, Counter(), Tape(graph, {}))
    compiled, slots = compile_graph(graph)
    return int(compiled.run(slots, {}))


@final
class Counter(Meter):
    """Meter of multiply-adds."""

    operations = True

    def covers(self, module: nn.Module) -> bool:
        """Returns whether there is a rule."""
        return find_count_rule(module) is not None

    def price(self, call: Call) -> float:
        """Returns the number by the rule of the layer, or that inside of it.

        Raises:
          FieldValueError: the layer has weights but no rule, and nothing inside counts.
        """
        rule = find_count_rule(call.module)
        if rule is not None:
            return float(rule(call.module, call.inputs, call.output))
        weights = any(weight is not None for weight in call.module._parameters.values())
        if weights and not call.inside and not call.module._modules:
            name = type(call.module).__name__
            raise FieldValueError(
                f"the {name} at {call.path!r} has weights but no counting rule, and calls no operation with known multiply-adds. "
                f"Write a rule: `@pg.oneshot.add_count_rule({name})` over `def rule(layer, inputs, output): return output.numel()` "
                "(return 0 for a layer without multiply-adds, such as normalization)."
            )
        return call.inside

    def price_operation(self, operation: Any, args: Any, fields: Any, output: Any) -> float:
        """Returns the number by PyTorch's formula."""
        return float(count_operation(operation, args, fields, output))
