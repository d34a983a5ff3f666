"""Latency of networks: sums of the entries of a latency table over layers, and the measurement of such a table.

The latency of a network is modelled as the sum of those of its parts (Cai et al., "ProxylessNAS", ICLR 2019, section 3.3).
Latencies measured on one machine are not valid for another.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from pliant.algorithms.options import check_count
from pliant.cost.calls import Call, Key, has_cuda, name_layer
from pliant.cost.measuring import time_calls
from pliant.cost.table import CostTable
from pliant.space import Choice
from pliant.space.sample import as_random
from pliant.values.errors import FieldTypeError, FieldValueError, SpaceError, quote_typed

from ..elastic.lazy import LazyLayer
from ..rewrite.network import Supernet
from .graph import CostGraph
from .model import Cost, run_metered
from .trace import Meter

LatencyTable = CostTable
"""The table of costs of ``pliant.cost``, under the name that it has here."""

MAX_IDLE_DRAWS: Final = 10  # measuring stops after so many random networks without a new part


@final
class Latency(Cost):
    """Latency of a network in milliseconds: the sum of the entries of a table for its layers or blocks.

    Each module without open decisions (a candidate of a choice, an elastic module in one size, the layers around them) has
    a key.  If the key is text, the parts of the module do not count.

    >>> import pliant as pg
    >>> Linear, Sequential, ReLU = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU))
    >>> net = pg.oneshot.supernet(Sequential(Linear(2, 4), pg.oneof([Linear(4, 4), ReLU()])))
    >>> table = LatencyTable({"linear 2": 0.5, "linear 4": 0.7})
    >>> def key(call):
    ...     return f"linear {call.module.in_features}" if isinstance(call.module, nn.Linear) else None
    >>> cost = Latency(net, torch.zeros(1, 2), table, key=key)
    >>> cost([0]), cost([1])
    (1.2, 0.5)

    Args:
      supernet: see ``Cost``.
      example: see ``Cost``.
      table: as read from a file, or made by ``measure_latencies``.
      key: see ``Key``; for a measured table None.

    Raises:
      FieldValueError: at the call with a network that needs a missing entry.
    """

    def __init__(
        self, supernet: Supernet, example: object, table: LatencyTable, *, key: Key | None = None
    ) -> None:
        super().__init__(supernet, example)
        if not isinstance(table, LatencyTable):
            raise FieldTypeError(
                f"Latency takes a LatencyTable; got {quote_typed(table)}. Make one with "
                "`LatencyTable.load(path)` or `measure_latencies(supernet, example)`."
            )
        self.table, self.key = table, key

    def _record(self, graph: CostGraph, values: Mapping[str, Any]) -> None:
        run_metered(self, _Lookup(self.table, self.key), graph, values)


@final
class _Lookup(Meter):
    def __init__(self, table: LatencyTable, key: Key | None) -> None:
        self._table, self._key = table, key

    def covers(self, module: nn.Module) -> bool:
        return self._key is None

    def price(self, call: Call) -> float:
        key = name_call(call) if self._key is None else self._key(call)
        if key is None:
            return call.inside
        try:
            return self._table[key]
        except FieldValueError as error:
            again = "Measure again with more networks."
            advice = again if self._key is None else "Correct the key function or the table."
            raise FieldValueError(
                f"the latency of the {type(call.module).__name__} at {call.path!r}: {error} {advice}"
            ) from None


def name_call(call: Call) -> str:
    """Returns the key of a call in measured tables; that of a layer that infers its width is that of the layer inside."""
    return name_layer(_settled(call.module), call.inputs)


# ------------------------------------------------------------------ measuring


def measure_latencies(
    supernet: Supernet, example: object, *, networks: int = 200, repeats: int = 30, seed: int = 0
) -> LatencyTable:
    """Measures the parts of a super-network on its device; returns a table for ``Latency``.

    All parts are measured in random order, ``repeats`` times, and the least time of each counts: the random order spreads
    other load over all parts, and disturbances only add time.  (Two rounds that measured whole networks one after another
    agreed by chance, with a Kendall's tau of 0.1; sums over a table made this way agreed with whole networks in random
    order at 0.78.)  Each part runs alone, so transfers between parts are not included.

    Args:
      supernet: has the parts.
      example: an input, with the batch size to measure.
      networks: the largest number of random networks whose parts are measured; if candidates are countable, all of theirs.
      repeats: the number of measurements of each part.
      seed: of the networks, and of the order.
    """
    networks = check_count(networks, "networks", "measure_latencies")
    repeats = check_count(repeats, "repeats", "measure_latencies")
    parts = _Parts(supernet, example)
    random, known, since = as_random(seed), 0, 0
    for _ in range(networks):
        parts(supernet.space.sample(random))
        since = 0 if len(parts.found) > known else since + 1
        known = len(parts.found)
        if since == MAX_IDLE_DRAWS:
            break
    countable = [p for p in supernet.space.points if isinstance(p, Choice) or p.count < float("inf")]
    with contextlib.suppress(SpaceError):  # too many combinations: the drawn networks have to suffice
        parts({p.path: torch.full((int(p.count),), 1.0 / p.count) for p in countable})
    calls = {key: partial(module, *inputs) for key, (module, inputs) in parts.found.items()}
    times = time_calls(calls, repeats, random, waits=has_cuda([inputs for _, inputs in parts.found.values()]))
    return LatencyTable({key: min(found) * 1e3 for key, found in times.items()})


@final
class _Parts(Cost):
    """Collects the parts of networks, with copies of their weights; the cost is 0."""

    def __init__(self, supernet: Supernet, example: object) -> None:
        super().__init__(supernet, example)
        self.found: dict[str, tuple[nn.Module, tuple[Any, ...]]] = {}

    def _record(self, graph: CostGraph, values: Mapping[str, Any]) -> None:
        run_metered(self, _Collect(self.found), graph, values)


@final
class _Collect(Meter):
    def __init__(self, found: dict[str, tuple[nn.Module, tuple[Any, ...]]]) -> None:
        self._found = found

    def covers(self, module: nn.Module) -> bool:
        return True

    def price(self, call: Call) -> float:
        key = name_call(call)
        if key not in self._found:
            inputs = tuple(x.detach().clone() if isinstance(x, Tensor) else x for x in call.inputs)
            self._found[key] = copy.deepcopy(_settled(call.module)).eval(), inputs
        return 0.0


def _settled(module: nn.Module) -> nn.Module:
    """Returns the ordinary layer inside of one that infers its width from its input; other modules unchanged."""
    current = module.current() if isinstance(module, LazyLayer) else None
    return module if current is None else current.module
