"""``Parameters``: the number of parameters of the networks of a super-network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

from torch import nn
from torch.nn.parameter import UninitializedParameter

from pliant.values.errors import FieldValueError

from ..choices.choice import LayerChoice
from ..elastic.lazy import LazyLayer
from ..elastic.module import Elastic
from ..rewrite.network import Supernet
from .graph import CostGraph, Tape, read_elastic, read_one
from .model import Cost, has_inferred, run_metered
from .trace import Call, Meter


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

    def __init__(self, supernet: Supernet, example: Any = None) -> None:
        super().__init__(supernet, () if example is None else example)
        self._has_inferred = has_inferred(supernet.network)
        if self._has_inferred and example is None:
            raise FieldValueError(
                "some layers of this network infer their width from their input, so counting their parameters needs one: pass "
                "Parameters(supernet, example) with an input of the network."
            )

    def _record(self, graph: CostGraph, values: Mapping[str, Any]) -> None:
        network, tape = self.supernet.network, Tape(graph, values)
        _count(network, tape, set())
        if self._has_inferred:
            run_metered(self, _Widths(), graph, values, tape=tape)


def _count(module: nn.Module, tape: Tape, met: set[Any]) -> None:
    """Records the parameters of a network: those outside of choices, and per choice those of the selected candidate."""
    own = 0
    choices: list[nn.Module] = []
    for part in _walk(module, met, choices):
        own += _sum(part._parameters.items(), met)
    tape.operate("parameters", (), own, ())
    _count_choices(choices, tape, met)


def _count_choices(choices: list[nn.Module], tape: Tape, met: set[Any]) -> None:
    for choice in choices:
        if isinstance(choice, Elastic):
            tape.enter("Elastic", read_elastic(choice))
            _count_elastic(choice, tape, met)
        else:
            assert isinstance(choice, LayerChoice)
            tape.enter("LayerChoice", read_one(choice.key))
            _count(choice[int(tape.values[choice.key])], tape, met)
        tape.leave(())


def _count_elastic(elastic: Elastic, tape: Tape, met: set[Any]) -> None:
    skeleton = elastic.skeleton(elastic.values())
    names = {
        (id(b.table), b.name): (elastic, b.key) for b in skeleton.bindings
    }  # identifies shared parameters behind their stand-ins
    own = 0
    choices: list[nn.Module] = []
    for part in _walk(skeleton.module, met, choices):
        table = part._parameters
        free = {}
        for name, weight in table.items():
            key = names.get((id(table), name))
            if key is None:
                free[name] = weight
            elif key not in met and weight is not None:
                met.add(key)
                own += weight.numel()
        own += _sum(free.items(), met)
    tape.operate("parameters", (), own, ())
    _count_choices(choices, tape, met)


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


def _sum(weights: Any, met: set[Any]) -> int:
    total = 0
    for _, weight in weights:
        if weight is None or weight in met or isinstance(weight, UninitializedParameter):
            continue
        met.add(weight)
        total += weight.numel()
    return total


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
