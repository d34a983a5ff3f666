"""Costs of networks: parameters, multiply-adds and memory of activations, exact and without running them on data."""

from __future__ import annotations

from .counting import Costs, count
from .rules import CountRule, add_count_rule

__all__ = ["Costs", "CountRule", "add_count_rule", "count"]
