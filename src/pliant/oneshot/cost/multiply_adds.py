"""Multiply-adds: of a module as it is, and of the networks of a super-network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from torch import nn

from ..rewrite.concrete import fix_if_open
from ..rewrite.network import Supernet
from .count import count_operation, find_count_rule, missing_count_rule
from .fold import fold
from .model import Cost, run_metered
from .program import Program, Tape
from .trace import Call, Meter, trace


@final
class MultiplyAdds(Cost):
    """How many multiply-adds a forward pass on ``example`` takes; exact.

    Convolutions, linear, recurrent and attention layers by a rule per class (``add_count_rule``); products of matrices
    elsewhere by PyTorch's own formulas (half of the floating-point operations of ``FlopCounterMode``).  Unlike that
    counter it counts LSTMs, and attention in evaluation mode.  Biases, normalization, activations, pooling and
    additions count for nothing.

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
      FieldValueError: a layer has weights, and no rule says what it takes (when a network with it is first asked about).
    """

    def __init__(self, supernet: Supernet, example: Any) -> None:
        super().__init__(supernet, example)

    def _learn(self, program: Program, values: Mapping[str, Any]) -> None:
        run_metered(self, Counter(), program, values)


def count_multiply_adds(module: nn.Module, *inputs: Any) -> int:
    """Returns how many multiply-adds a forward pass of an ordinary module takes, as ``MultiplyAdds`` counts them.

    Of a network with choices in it, those of what is selected.

    >>> import torch
    >>> count_multiply_adds(nn.Conv2d(3, 8, 3, padding=1), torch.zeros(1, 3, 10, 10))
    21600

    Raises:
      FieldValueError: a layer has weights, and no rule says what it takes.
    """
    program = Program()
    trace(fix_if_open(module), inputs, Counter(), Tape(program, {}))
    folded, slots = fold(program)
    return int(folded.run(slots, {}))


@final
class Counter(Meter):
    """Counts multiply-adds."""

    operations = True

    def covers(self, module: nn.Module) -> bool:
        """Returns whether there is a rule."""
        return find_count_rule(module) is not None

    def price(self, call: Call) -> float:
        """Returns the number by the rule, or by what is inside.

        Raises:
          FieldValueError: neither tells.
        """
        rule = find_count_rule(call.module)
        if rule is not None:
            return float(rule(call.module, call.inputs, call.output))
        weights = any(weight is not None for weight in call.module._parameters.values())
        if weights and not call.inside and not call.module._modules:
            raise missing_count_rule(call.module, call.path)
        return call.inside

    def price_operation(self, operation: Any, args: Any, fields: Any, output: Any) -> float:
        """Returns the number by PyTorch's formula."""
        return float(count_operation(operation, args, fields, output))
