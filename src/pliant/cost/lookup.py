"""``look_up``: the cost of a network as the sum of the entries of a table for its layers or blocks.

That the latency of a network is the sum of those of its parts is the model of Cai et al., "ProxylessNAS", ICLR 2019, section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pliant.values.errors import FieldTypeError, FieldValueError, listing, quote_typed, suggest

from .calls import Key, list_calls
from .example import check_inputs
from .table import CostTable


@dataclass(frozen=True, slots=True)
class Found:
    """The cost of a network by a table.

    Attributes:
      total: the sum of the entries, in the unit of the table.
      unit: of the table.
      layers: path, key and cost of each call with an entry, in order.
    """

    total: float
    unit: str
    layers: tuple[tuple[str, str, float], ...]


class MissingEntriesError(FieldValueError):
    """A table lacks entries for layers of a network; ``keys`` are those that it lacks."""

    def __init__(self, message: str, keys: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.keys = keys


def look_up(network: Any, *inputs: Any, table: CostTable, key: Key | None = None, **named: Any) -> Found:
    """Returns the cost of a network by a lookup table; the network is unchanged, and does not run on data if it can.

    Equation 2 of Cai et al., "ProxylessNAS", ICLR 2019, for one network.  Operations outside of the parts with keys do not
    count.

    >>> import torch
    >>> from torch import nn
    >>> net = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4))
    >>> def key(call):
    ...     return f"linear {call.module.in_features}" if isinstance(call.module, nn.Linear) else None
    >>> found = look_up(net, torch.zeros(1, 2), table=CostTable({"linear 2": 0.5, "linear 4": 0.7}), key=key)
    >>> found.total, found.unit
    (1.2, 'ms')

    Args:
      network: an ``nn.Module``, ordinary or symbolic, without open decisions.
      *inputs: its positional arguments.
      table: costs by key, such as from ``measure_layers`` or ``CostTable.load``.
      key: from a call to its key, or None if its parts have keys; by default the keys of ``measure_layers``.
      **named: its named arguments.

    Raises:
      FieldTypeError: ``network`` is not a module, or ``table`` not a table.
      MissingEntriesError: the table lacks entries; the message names them, and ``keys`` has all.
      IncompleteError: the network has undecided holes.
    """
    if not isinstance(table, CostTable):
        raise FieldTypeError(
            f"look_up(table=...) takes a CostTable; got {quote_typed(table)}. Make one with "
            "`pg.cost.CostTable({key: cost})`, `pg.cost.CostTable.load(path)` or `pg.cost.measure_layers(networks, x)`."
        )
    check_inputs("look_up", inputs)
    calls = [(call.path, name) for name, call in list_calls(network, inputs, named, key)]
    missing = tuple(dict.fromkeys(name for _, name in calls if name not in table))
    if missing:
        where = next(path for path, name in calls if name == missing[0])
        advice = (
            "Measure this network as well: `table = pg.cost.measure_layers([network], x, table=table)`."
            if key is None
            else "Correct the key function or the table."
        )
        raise MissingEntriesError(
            f"the table of costs has no entry for {len(missing)} of the {len({n for _, n in calls})} keys of this network: "
            f"{listing(missing, 3)}; the first is for the layer at {where!r}{suggest(missing[0], table) or '.'} {advice}",
            missing,
        )
    layers = tuple((path, name, table[name]) for path, name in calls)
    return Found(sum(cost for _, _, cost in layers), table.unit, layers)
