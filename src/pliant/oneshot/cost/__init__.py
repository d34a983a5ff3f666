"""Cost models: multiply-adds, parameters and latency of networks, as functions of decisions and of probabilities."""

from __future__ import annotations

from pliant.cost import add_count_rule, format_key

from .latency import Latency, LatencyTable, measure_latencies
from .model import Cost
from .multiply_adds import MultiplyAdds, count_multiply_adds
from .parameters import Parameters

__all__ = [
    "Cost",
    "Latency",
    "LatencyTable",
    "MultiplyAdds",
    "Parameters",
    "add_count_rule",
    "count_multiply_adds",
    "format_key",
    "measure_latencies",
]
