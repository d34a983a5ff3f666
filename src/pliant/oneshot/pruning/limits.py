"""Limits on costs, read from text such as ``"multiply_adds <= 0.5x"``, and the costs that they are about."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pliant.cost import count, measure_latency
from pliant.space import Decisions
from pliant.values.errors import FieldTypeError, FieldValueError, listing, quote, quote_typed, suggest

from ..cost import Cost, MultiplyAdds, Parameters
from ..rewrite.network import Supernet
from .prediction import CostPrediction
from .space import FoundSpace

COSTS = ("multiply_adds", "parameters", "weight_bytes", "peak_bytes", "latency_ms")
_FORM = re.compile(r"\s*(\w+)\s*<=\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(x?)\s*")


@dataclass(frozen=True, slots=True)
class Limit:
    """The most of one cost that a network may have.

    Attributes:
      cost: its name: ``multiply_adds``, ``parameters``, ``weight_bytes``, ``peak_bytes`` or ``latency_ms``.
      most: the limit, in the unit of the cost.
      share: the limit relative to the network that was given; None if it was not given so.
    """

    cost: str
    most: float
    share: float | None = None

    def __str__(self) -> str:
        share = "" if self.share is None else f" ({self.share:g}x)"
        return f"{self.cost} <= {format_cost(self.most)}{share}"


def format_cost(value: float) -> str:
    """Returns a cost as text.

    >>> format_cost(15_834_560), format_cost(2.34567)
    ('15,834,560', '2.346')
    """
    return f"{value:,.0f}" if value >= 100 else f"{value:.4g}"


def read_limits(text: object) -> list[tuple[str, float, bool]]:
    """Returns the limits in a text, or in a list of texts: names of costs, numbers, and whether these are relative.

    >>> read_limits("multiply_adds <= 0.5x and parameters <= 1e6")
    [('multiply_adds', 0.5, True), ('parameters', 1000000.0, False)]

    Raises:
      FieldTypeError: it is not text.
      FieldValueError: the text is not a limit, or names an unknown cost.
    """
    texts = text if isinstance(text, (list, tuple)) else [text]
    found = []
    for one in texts:
        if not isinstance(one, str):
            raise FieldTypeError(f'a limit is text such as "multiply_adds <= 0.5x"; got {quote_typed(one)}.')
        for part in re.split(r"\band\b|,", one):
            matched = _FORM.fullmatch(part)
            number = float(matched[2]) if matched and matched[2].count(".") < 2 else math.nan
            if matched is None or not (0 < number < math.inf):
                raise FieldValueError(
                    f'a limit is a cost, "<=", and a number with an x if it is relative to the network, such as '
                    f'"multiply_adds <= 0.5x" or "parameters <= 1e6"; got {quote(part.strip())}.'
                )
            if matched[1] not in COSTS:
                raise FieldValueError(
                    f"the cost {quote(matched[1])} does not exist{suggest(matched[1], COSTS) or '.'} Costs are {listing(COSTS)}."
                )
            found.append((matched[1], number, bool(matched[3])))
    return found


class CostMeter:
    """Costs of the networks of a super-network, by decisions; each network is counted or measured once.

    Args:
      supernet: of the space.
      found: the space; costs are those of one forward pass on its example.
    """

    def __init__(self, supernet: Supernet, found: FoundSpace) -> None:
        self.supernet, self.found, self.inputs = supernet, found, found.example
        self._predictions: dict[str, CostPrediction] = {}
        self._models: dict[str, Cost] = {}
        self._known: dict[tuple[str, Any], float] = {}
        weights = list(supernet.parameters())  # of one type, as a rule; otherwise their mean
        self._bytes = sum(w.numel() * w.element_size() for w in weights) / max(
            1, sum(w.numel() for w in weights)
        )

    def __call__(self, cost: str, decisions: Decisions) -> float:
        """Returns a cost of a network."""
        key = cost, decisions.values
        if key not in self._known:
            self._known[key] = self._measure(cost, decisions)
        return self._known[key]

    def predict(self, cost: str, decisions: Decisions) -> float:
        """Returns a cost of a network: predicted from its layers if that is exact for some networks, otherwise as a call does."""
        if cost == "weight_bytes":
            return self.predict("parameters", decisions) * self._bytes
        if cost not in _MODELS or self.found.kernels:
            return self(cost, decisions)
        if cost not in self._predictions:
            space = self.supernet.space
            self._predictions[cost] = CostPrediction(self.found, cost, partial(self, cost), space)
        found = self._predictions[cost]
        return found(decisions) if found.is_exact else self(cost, decisions)

    def _measure(self, cost: str, decisions: Decisions) -> float:
        if cost == "weight_bytes":
            return self("parameters", decisions) * self._bytes
        if cost in _MODELS:
            if cost not in self._models:
                self._models[cost] = _MODELS[cost](self.supernet, self.inputs)
            return float(self._models[cost](decisions))
        if cost == "latency_ms":
            child = self.supernet.materialize(decisions)
            return measure_latency([child], *self.inputs, repeats=10)[0].least_ms
        assert self.supernet.template is not None
        return float(count(self.supernet.template.materialize(decisions), *self.inputs).peak_bytes)

    def find_limits(self, text: object, full: Decisions) -> list[Limit]:
        """Returns the limits in a text, relative ones in the units of the costs of the full network."""
        return [
            Limit(cost, number * self(cost, full), number) if relative else Limit(cost, number)
            for cost, number, relative in read_limits(text)
        ]

    def excess(self, limits: Sequence[Limit], decisions: Decisions, *, predicted: bool = False) -> float:
        """Returns the largest ratio of a cost to its limit; up to 1 if all are met."""
        measure = self.predict if predicted else self
        return max((measure(limit.cost, decisions) / limit.most for limit in limits), default=0.0)


_MODELS: dict[str, type[Cost]] = {"multiply_adds": MultiplyAdds, "parameters": Parameters}
