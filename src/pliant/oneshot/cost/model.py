"""``Cost``: base class of cost models, for one network in microseconds and for distributions with gradients."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final, overload

from torch import Tensor

from pliant.space import Choice, Decisions, Float
from pliant.values.errors import (
    DecisionError,
    FieldTypeError,
    FieldValueError,
    SpaceError,
    listing,
    quote_typed,
    suggest,
)

from ..choices.evaluation import adapt_inputs, keep_selection
from ..rewrite.network import Supernet, find_lazy_layers
from .compiled import CompiledCost, compile_graph
from .expectation import Terms, TooManyError
from .graph import CostGraph, Tape, TraceMismatch
from .trace import Meter, trace

MAX_COMBINATIONS: Final = 4096  # an expectation enumerates up to so many for one layer


class Cost(ABC):
    """Base class of cost models: a function of decisions, and of the weights of candidates.

    A network runs once for each new candidate, size, or shape that reaches a layer; all other costs come from the tables of
    earlier runs, one per layer (see ``graph``).  So each of the first few dozen calls takes as long as a forward pass, and
    later ones take microseconds.  The cost is exactly that of the materialized network.  It must depend on shapes alone,
    and modules must not pass numbers that they take from shapes to each other by attributes.  If code is found to do so,
    whole networks run instead: exact as well, and slower.

    Args:
      supernet: its modes and its selection are unchanged.
      example: an input of the network; a tuple for several inputs.
    """

    def __init__(self, supernet: Supernet, example: object = ()) -> None:
        if not isinstance(supernet, Supernet):
            raise FieldTypeError(
                f"{type(self).__name__} takes a super-network; got {quote_typed(supernet)}. "
                "Make one of a space by `pg.oneshot.supernet(space)`."
            )
        self.supernet = supernet
        self.example = example if isinstance(example, tuple) else (example,)
        space = supernet.space
        is_flat = not supernet.grouped and not any(
            isinstance(p, Choice) and any(p.branches) for p in space.points
        )
        self._paths = [point.path for point in space.points] if is_flat else None
        # Default decisions for all points, active or not.
        self._defaults: dict[str, Any] = {
            p.path: 0 if isinstance(p, Choice) else p.min_value for p in space.points
        }
        self._defaults |= {key: tuple(range(picks)) for key, picks in supernet.grouped.items()}
        named = [point for point in space.points if point.name]
        self._names = {getattr(p, "hole", p.path): p.name for p in named} | {p.path: p.name for p in named}
        self._graph: CostGraph | None = CostGraph()
        self._compiled, self._slots = compile_graph(self._graph)
        self._known: dict[Any, float] = {}
        self._lists: dict[str, list[Any]] = {}
        self._terms: tuple[CompiledCost, Terms] | None = None
        self.runs = 0

    @abstractmethod
    def _record(self, graph: CostGraph, values: Mapping[str, Any]) -> None:
        """Records the costs of a network in a graph; ``values`` are selected."""

    # ------------------------------------------------------------------ one network

    @overload
    def __call__(self, decisions: Mapping[str, Tensor]) -> Tensor: ...
    @overload
    def __call__(self, decisions: Any) -> float: ...
    def __call__(self, decisions: object) -> Any:
        """Returns the cost of a network, or the expected cost of a distribution.

        Args:
          decisions: in any format; or, by key (a hole's path or its name), the weights of the candidates.  Then the result is
            a differentiable scalar tensor, the expected cost of independent choices with these probabilities; for
            one-hot weights it is the cost of that network.

        Raises:
          DecisionError: decisions of another space, or missing weights.
        """
        if isinstance(decisions, Mapping) and any(isinstance(one, Tensor) for one in decisions.values()):
            return self._expect(decisions)
        if decisions.__class__ is not Decisions or decisions.space is not self.supernet.space:
            decisions = self.supernet.space.parse(decisions)
        if self._paths is not None:
            return self._look_up(dict(zip(self._paths, decisions.values)))
        values = self.supernet.to_values(decisions)
        for key in self.supernet.grouped:
            if key in values:
                values[key] = tuple(values[key])
        return self._look_up(values)

    def _look_up(self, values: Mapping[str, Any]) -> float:
        for _ in range(3):
            if self._graph is None:
                return self._run_whole(values)
            try:
                if self.runs:
                    return self._compiled.run(self._slots.copy(), values)
            except KeyError:
                pass
            self._run(values)
        self._graph = None  # the run did not record the missing entry
        return self._run_whole(values)

    def _run(self, values: Mapping[str, Any]) -> None:
        """Runs one network and records its costs."""
        assert self._graph is not None
        try:
            self._record_apart(self._graph, values)
        except TraceMismatch:
            self._graph = None
            return
        self._compiled, self._slots = compile_graph(self._graph)

    def _run_whole(self, values: Mapping[str, Any]) -> float:
        key = tuple(sorted(values.items()))
        found = self._known.get(key)
        if found is None:
            graph = CostGraph()
            self._record_apart(graph, values)
            compiled, slots = compile_graph(graph)
            found = self._known[key] = compiled.run(slots, {**self._defaults, **values})
        return found

    def _record_apart(self, graph: CostGraph, values: Mapping[str, Any]) -> None:
        """Records a network, and restores the super-network."""
        selection = self.supernet.selection
        self.runs += 1
        with keep_selection(self.supernet, selection):
            selection.values, selection.weights = {**self._defaults, **values}, {}
            self._record(graph, selection.values)

    # ------------------------------------------------------------------ distributions

    def _expect(self, weights: Mapping[str, Tensor]) -> Tensor:
        if not self.runs:
            self._run({})
        while self._graph is not None:
            terms = self._find_terms()
            if not terms.missing:
                return terms.expect(_Weights(weights, self))
            self._run(_merge(terms.missing))
        raise SpaceError(
            "the expected cost of this network cannot be computed: its code depends on more than shapes, so its cost is not a sum "
            "over choices. Call the cost with decisions."
        )

    def _find_terms(self) -> Terms:
        """Returns the terms of the expected cost, as far as they are known."""
        if self._terms is None or self._terms[0] is not self._compiled:
            try:
                terms = Terms(self._compiled, self._slots, self._candidates, MAX_COMBINATIONS)
            except TooManyError as error:
                count = math.prod(len(self._candidates(key)) for key in error.args)
                raise SpaceError(
                    f"the cost of one layer depends on {count} combinations of {listing(error.args)}; an expected cost enumerates "
                    f"{MAX_COMBINATIONS} at most. Call the cost with decisions (one-hot sampling), or search widths by another "
                    "algorithm."
                ) from None
            self._terms = self._compiled, terms
        return self._terms[1]

    def _candidates(self, key: str) -> list[Any]:
        """Returns the values of a decision, in the order of its weights."""
        if key in self._lists:
            return self._lists[key]
        if key in self.supernet.grouped:
            raise SpaceError(
                f"several inputs of different shapes are picked together at {key!r}, and their weights do not give the frequency of "
                "combinations. Give the inputs one shape, or call the cost with decisions."
            )
        point = self.supernet.space.point(key)
        if isinstance(point, Float):
            raise SpaceError(
                f"{key!r} is a continuous number, which has no weights. Use pg.oneof or pg.intv."
            )
        values = (
            range(point.count)
            if isinstance(point, Choice)
            else range(point.min_value, point.last + 1, point.step)
        )
        self._lists[key] = list(values)
        return self._lists[key]


class _Weights(dict[str, Tensor]):
    """Weights by key, checked when they are read."""

    def __init__(self, weights: Mapping[str, Tensor], cost: Cost) -> None:
        super().__init__()
        self._given, self._cost = weights, cost
        self.update(weights)
        self._checked: set[str] = set()

    def __getitem__(self, key: str) -> Tensor:
        if key not in self._checked:
            name = self._cost._names.get(key)
            if key not in self._given and name is not None and name in self._given:
                self[key] = self._given[name]
            if key not in self:
                raise DecisionError(
                    f"the cost depends on the decision {key!r}, which has no weights{suggest(key, self._given) or '.'} Give weights for it; "
                    f"given are {listing(self._given) or 'none'}."
                )
            count = len(self._cost._candidates(key))
            row = super().__getitem__(key)
            if tuple(row.shape) != (count,):
                raise FieldValueError(
                    f"{key!r} has {count} candidates; got weights of shape {tuple(row.shape)}. Give one weight for each."
                )
            self._checked.add(key)
        return super().__getitem__(key)


def _merge(missing: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns decisions that include the first missing ones, and others that are compatible."""
    found: dict[str, Any] = {}
    for values in missing:
        if all(found.get(key, value) == value for key, value in values.items()):
            found.update(values)
    return found


def run_metered(
    cost: Cost, meter: Meter, graph: CostGraph, values: Mapping[str, Any], *, tape: Tape | None = None
) -> None:
    """Runs the selected network of a cost model, and records the costs of a meter; after the records of ``tape``."""
    network = cost.supernet.network
    inputs = adapt_inputs(network, cost.example)
    if find_lazy_layers(network):  # such layers run once more for a new width
        trace(network, inputs, _Nothing(), Tape(CostGraph(), values))
    trace(network, inputs, meter, Tape(graph, values) if tape is None else tape)


class _Nothing(Meter):
    def price(self, call: object) -> float:
        return 0.0
