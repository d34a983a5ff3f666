"""``MultiplyAdds``: the multiply-adds of the networks of a super-network, by the rules of ``pliant.cost``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from torch import nn

from pliant.cost.calls import Call
from pliant.cost.rules import count_operation, find_count_rule, price_layer

from ..rewrite.concrete import fix_if_open
from ..rewrite.network import Supernet
from .compiled import compile_graph
from .graph import CostGraph, Tape
from .model import Cost, run_metered
from .trace import Meter, trace


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
        return float(price_layer(call.module, call.inputs, call.output, path=call.path, inside=call.inside))

    def price_operation(self, operation: Any, args: Any, fields: Any, output: Any) -> float:
        """Returns the number by PyTorch's formula."""
        return float(count_operation(operation, args, fields, output))
