"""``Parameters``: the number of parameters of the networks of a super-network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

from torch import nn
from torch.nn.parameter import UninitializedParameter

from pliant.cost.calls import Call
from pliant.values.errors import FieldValueError

from ..choices.choice import LayerChoice
from ..elastic.lazy import LazyLayer
from ..elastic.module import Elastic
from ..rewrite.network import Supernet, find_lazy_layers
from .graph import CostGraph, Tape, read_elastic, read_one
from .model import Cost, run_metered
from .trace import Meter


@final
class Parameters(Cost):
    """Number of parameters of a network: the sum of ``numel`` over the parameters of the materialized network; exact.

    A parameter that several layers share counts once.  Unused parameters count as well, except those of a lazy layer
    that no input reaches: they have no size.

    >>> import torch, pliant as pg
    >>> Linear, Sequential = map(pg.symbolize, (nn.Linear, nn.Sequential))
    >>> width = pg.oneof([4, 8], name="width")
    >>> cost = Parameters(pg.oneshot.supernet(Sequential(Linear(2, width), Linear(width, 1))))
    >>> cost([0]), cost([1])
    (17.0, 33.0)

    Args:
      supernet: see ``Cost``.
      example: an input of the network, needed if layers infer their width from it.

    Raises:
      FieldValueError: there are such layers but no example.
    """

    def __init__(self, supernet: Supernet, example: object = None) -> None:
        super().__init__(supernet, () if example is None else example)
        self._has_inferred = bool(find_lazy_layers(supernet.network))
        if self._has_inferred and example is None:
            raise FieldValueError(
                "some layers of this network infer their width from their input, so counting their parameters needs one: pass "
                "Parameters(supernet, example) with an input of the network."
            )

    def _record(self, graph: CostGraph, values: Mapping[str, Any]) -> None:
        network, tape = self.supernet.network, Tape(graph, values)
        _count(network, tape, set(), {})
        if self._has_inferred:
            run_metered(self, _Widths(), graph, values, tape=tape)


def _count(module: nn.Module, tape: Tape, met: set[Any], shared: Mapping[Any, Any]) -> None:
    """Records the parameters of a network: those outside of choices, and per choice those of the selected candidate.

    ``shared`` identifies the parameters behind the stand-ins of an elastic module.
    """
    own = 0
    choices: list[nn.Module] = []
    for part in _walk(module, met, choices):
        for name, weight in part._parameters.items():
            key = shared.get((id(part._parameters), name), weight)
            if weight is not None and key not in met and not isinstance(weight, UninitializedParameter):
                met.add(key)
                own += weight.numel()
    tape.operate("parameters", (), own, ())
    for choice in choices:
        if isinstance(choice, Elastic):
            tape.enter("Elastic", read_elastic(choice))
            skeleton = choice.skeleton(choice.values())
            names = {(id(b.table), b.name): (choice, b.key) for b in skeleton.bindings}
            _count(skeleton.module, tape, met, names)
        else:
            assert isinstance(choice, LayerChoice)
            tape.enter("LayerChoice", read_one(choice.key))
            _count(choice[int(tape.values[choice.key])], tape, met, {})
        tape.leave(())


def _walk(module: nn.Module, met: set[Any], choices: list[nn.Module]) -> Iterator[nn.Module]:
    """Yields the modules outside of choices; appends the outermost choices to a list."""
    if module in met or isinstance(module, LazyLayer):
        return
    if isinstance(module, Elastic) or (isinstance(module, LayerChoice) and module.is_open):
        met.add(module)
        choices.append(module)
        return
    met.add(module)
    yield module
    for child in module.children():
        yield from _walk(child, met, choices)


class _Widths(Meter):
    """Counts the parameters of layers that infer their width from their input, each at its first call."""

    def __init__(self) -> None:
        self._met: set[Any] = set()

    def price(self, call: Call) -> float:
        """Returns their number; for other modules the cost inside."""
        layer = call.module
        if not isinstance(layer, LazyLayer):
            return call.inside
        current = layer.current()
        key = (layer, layer.last_width)
        if current is None or key in self._met:
            return 0.0
        self._met.add(key)
        return float(sum(p.numel() for p in current.module.parameters()))
