"""Costs of networks: exact counts without running them on data, measured latency, and lookup tables.

``count`` gives parameters, multiply-adds and memory; ``measure_latency`` milliseconds on this machine; ``measure_layers`` makes a
table of milliseconds per layer, and ``look_up`` adds the entries of a table, also of energy or of another machine.  The costs of
a super-network, as functions of decisions, are ``pg.oneshot.MultiplyAdds``, ``Parameters`` and ``Latency``; they use the same
rules, keys and tables.
"""

from __future__ import annotations

from .calls import Call, Key
from .counting import Costs, count, count_part
from .example import ExampleError
from .lookup import Found, MissingEntriesError, look_up
from .measuring import Timing, measure_latency, measure_layers
from .networks import NetworkCosts
from .rules import CountRule, add_count_rule
from .table import CostTable, format_key

__all__ = [
    "Call",
    "CostTable",
    "Costs",
    "CountRule",
    "ExampleError",
    "Found",
    "Key",
    "MissingEntriesError",
    "NetworkCosts",
    "Timing",
    "add_count_rule",
    "count",
    "count_part",
    "format_key",
    "look_up",
    "measure_latency",
    "measure_layers",
]
