"""What the networks of a super-network cost: of one network in microseconds, of a distribution with gradients."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final, overload

from torch import Tensor, nn

from pliant.space import Choice, Decisions, Float
from pliant.values.errors import DecisionError, FieldTypeError, FieldValueError, SpaceError, listing, suggest

from ..choices.evaluation import adapt_inputs, keep_selection
from ..elastic.lazy import LazyLayer
from ..elastic.module import Elastic
from ..rewrite.network import Supernet
from .compiled import CompiledCost, compile_graph
from .expectation import Terms, TooManyError
from .graph import CostGraph, Tape, TraceMismatch
from .trace import Meter, trace

MAX_COMBINATIONS: Final = (
    4096  # of the decisions that one layer depends on; an expectation goes through so many
)


class Cost(ABC):
    """The base class of cost models: a function of decisions, and of the weights of candidates.

    A network is run once for each thing that was never met before (a candidate, a size, a shape that reaches a layer);
    all else is read from tables that the runs leave, one per layer (see ``graph``).  So the first few dozen calls take
    as long as a forward pass each, and all others take microseconds.  The cost is that of the materialized network, to
    the last unit.  It must depend on shapes alone, and modules must not hand numbers that they took
    from shapes to one another by attributes.  Where code is seen to do so, whole networks are looked up and
    run instead: just as exact, and slower.

    Args:
      supernet: whose networks they are; how it is trained, and what is selected, stays as it is.
      example: an input of the network (a tuple of them, where it takes several).
    """

    def __init__(self, supernet: Supernet, example: Any = ()) -> None:
        if not isinstance(supernet, Supernet):
            raise FieldTypeError(
                f"{type(self).__name__} takes a super-network; got {supernet!r:.80} of type {type(supernet).__name__}. "
                "Make one of a space by `pg.oneshot.supernet(space)`."
            )
        self.supernet = supernet
        self.example = example if isinstance(example, tuple) else (example,)
        space = supernet.space
        branches = [point.branches for point in space.points if isinstance(point, Choice)]
        self._paths = (
            None
            if supernet.grouped or any(any(branch) for branch in branches)
            else [point.path for point in space.points]
        )
        self._defaults = self._find_defaults()
        self._names = {getattr(p, "hole", p.path): p.name for p in space.points if p.name} | {
            p.path: p.name for p in space.points if p.name
        }
        self._graph: CostGraph | None = CostGraph()
        self._compiled, self._slots = compile_graph(self._graph)
        self._known: dict[Any, float] = {}
        self._lists: dict[str, list[Any]] = {}
        self._terms: tuple[CompiledCost, Terms] | None = None
        self.runs = 0

    @abstractmethod
    def _record(self, graph: CostGraph, values: Mapping[str, Any]) -> None:
        """Writes what a network costs into a graph; ``values`` are selected."""

    # ------------------------------------------------------------------ one network

    @overload
    def __call__(self, decisions: Mapping[str, Tensor]) -> Tensor: ...
    @overload
    def __call__(self, decisions: Any) -> float: ...
    def __call__(self, decisions: Any) -> Any:
        """Returns what a network costs, or what networks cost on the average.

        Args:
          decisions: any face of them; or by key (a hole's path, or its name) the weights of the candidates, as gradient
            algorithms have them.
            Then the result is a scalar tensor, the expected cost of independent choices with these probabilities,
            through which gradients flow; for one-hot weights it is the cost of that network.

        Raises:
          DecisionError: they are not of this space, or weights are missing.
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
        self._graph = None  # the run did not leave what it was made for
        return self._run_whole(values)

    def _run(self, values: Mapping[str, Any]) -> None:
        """Runs one network, to learn what it costs."""
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
        """Runs a network so that nothing of the super-network is changed."""
        selection = self.supernet.selection
        self.runs += 1
        with keep_selection(self.supernet, selection):
            selection.values, selection.weights = {**self._defaults, **values}, {}
            self._record(graph, selection.values)

    def _find_defaults(self) -> dict[str, Any]:
        """Returns decisions for all points, active or not."""
        found: dict[str, Any] = {}
        for point in self.supernet.space.points:
            found[point.path] = 0 if isinstance(point, Choice) else point.min_value
        for key, picks in self.supernet.grouped.items():
            found[key] = tuple(range(picks))
        return found

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
            "this network's code depends on something that shapes do not tell, so that its cost is no sum over choices and no "
            "expected cost can be had. Call the cost with decisions."
        )

    def _find_terms(self) -> Terms:
        """Returns what an expectation is the sum of, as far as it is known."""
        if self._terms is None or self._terms[0] is not self._compiled:
            try:
                terms = Terms(self._compiled, self._slots, self._candidates, MAX_COMBINATIONS)
            except TooManyError as error:
                count = math.prod(len(self._candidates(key)) for key in error.args)
                raise SpaceError(
                    f"{listing(error.args)} together decide what one layer costs, in {count} combinations; an expected cost goes "
                    f"through all of them, and through {MAX_COMBINATIONS} at most. Fix some of them by one-hot sampling (call the cost with "
                    "decisions), or search widths by another algorithm."
                ) from None
            self._terms = self._compiled, terms
        return self._terms[1]

    def _candidates(self, key: str) -> list[Any]:
        """Returns the values of a decision, in the order of its weights."""
        found = self._lists.get(key)
        if found is None:
            found = self._lists[key] = self._list(key)
        return found

    def _list(self, key: str) -> list[Any]:
        if key in self.supernet.grouped:
            raise SpaceError(
                f"several inputs of different shapes are chosen together at {key!r}, and their weights do not tell how often which are. "
                "Make the shapes of the inputs alike, or call the cost with decisions."
            )
        point = self.supernet.space.point(key)
        if isinstance(point, Float):
            raise SpaceError(
                f"{key!r} is a number without steps, and has no weights. Use pg.oneof or pg.intv."
            )
        if isinstance(point, Choice):
            return list(range(point.count))
        return list(range(point.min_value, point.last + 1, point.step))


class _Weights(dict[str, Tensor]):
    """Weights by key; a missing one, or one of another length, says so."""

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
                    f"the cost depends on the decision {key!r}, and no weights are given for it{suggest(key, self._given) or '.'} "
                    f"Given: {listing(self._given) or 'none'}."
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
    """Returns one network's decisions that have the first of what is missing, and as much else as goes with it."""
    found: dict[str, Any] = {}
    for values in missing:
        if all(found.get(key, value) == value for key, value in values.items()):
            found.update(values)
    return found


def has_inferred(network: nn.Module) -> bool:
    """Returns whether some layers learn their width from their input."""
    return any(
        isinstance(module, LazyLayer) or (isinstance(module, Elastic) and bool(module.lazy_layers()))
        for module in network.modules()
    )


def run_metered(
    cost: Cost, meter: Meter, graph: CostGraph, values: Mapping[str, Any], *, tape: Tape | None = None
) -> None:
    """Runs the network of a cost model that is selected, and writes what a meter says; after what a tape has written."""
    network = cost.supernet.network
    inputs = adapt_inputs(network, cost.example)
    if has_inferred(network):  # they look at a new width by running once more
        trace(network, inputs, _Nothing(), Tape(CostGraph(), values))
    trace(network, inputs, meter, Tape(graph, values) if tape is None else tape)


class _Nothing(Meter):
    def price(self, call: Any) -> float:
        return 0.0
