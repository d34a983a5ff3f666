"""What networks cost (multiply-adds, parameters, latency), as functions of decisions and of probabilities."""

from __future__ import annotations

from .count import add_count_rule
from .model import Cost
from .multiply_adds import MultiplyAdds, count_multiply_adds
from .parameters import Parameters

__all__ = ["Cost", "MultiplyAdds", "Parameters", "add_count_rule", "count_multiply_adds"]
