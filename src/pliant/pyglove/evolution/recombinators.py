"""Recombinators: children of several parents, point by point or by segments; those of permutations are in ``permutations``.

A point-wise recombinator merges the parents' decisions at each decision point.  A segment-wise one takes turns between two parents.
"""

from __future__ import annotations

import abc
from typing import Any

from .. import typing as pg_typing
from ..geno import DNA, Choices, DecisionPoint, Float
from ..scalars import scalar_spec, scalar_value
from ..scalars.randoms import make_random
from ..symbolic import members
from .operation import Recombinator, make_operation_compatible, operation_spec
from .permutations import Cycle, Order, PartiallyMapped, Permutation
from .where import where_spec

__all__ = [
    "Average", "Cycle", "KPoint", "Numeric", "Order", "PartiallyMapped", "Permutation", "PointWise", "Sample", "SegmentWise",
    "Segmented", "Uniform", "WeightedAverage",
]  # fmt: skip

_MAX_REDRAWS = 8
"""How many draws of a multiple choice may break its rules until one parent's choices are taken as a whole; PyGlove's number."""


def _seed() -> Any:
    return ("seed", pg_typing.Int().noneable(), "The seed; None for Python's `random`.")


def _weights() -> Any:
    spec = operation_spec(pg_typing.Object(DNA), pg_typing.Float(min_value=0.0))
    return ("weights", spec, "From the parents to their weights.")


@members([("where", where_spec(), "Which decision points are merged; all by default.")])
class PointWise(Recombinator):
    """Merges the parents' decisions at each point.  Subclasses define ``merge``.

    Each parent gives one child, in which the merged decisions replace its own; equal children are returned once.  So there is one
    child if all points are merged.

    Args:
      where: a filter of decision points, or a function from points to points: those that are merged.
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._applicable = make_operation_compatible(self.applicable_decision_points)
        self._merge = make_operation_compatible(self.merge)

    def recombine(self, parents: list[Any], global_state: Any, step: int) -> list[Any]:
        if not parents:
            return []
        now = {"global_state": global_state, "step": step}
        spec = parents[0].spec
        drafts = [
            parent.to_dict("dna_spec", multi_choice_key="parent", include_inactive_decisions=True)
            for parent in parents
        ]
        for point in self.where(list(self._applicable(spec, **now)), **now):
            decisions = [draft[point] for draft in drafts]
            if all(decision is None for decision in decisions):
                continue
            merged = self._merge(point, decisions, **now)
            if merged is None:
                continue
            for draft, decision in zip(drafts, decisions):
                for changed in _list_changed(point, decision, merged):
                    draft.update(dict.fromkeys(self._applicable(changed, **now)))
                draft[point] = merged
        return list(dict.fromkeys(DNA.from_dict(draft, spec) for draft in drafts))

    def applicable_decision_points(self, dna_spec: Any, global_state: Any, step: int) -> list[Any]:
        """Returns the points that this recombinator can merge: all of them; a multiple choice is one point.

        Subclasses may override it, with those of the last two arguments that they need.
        """
        return _fold(dna_spec.decision_points, lambda point: True)

    @abc.abstractmethod
    def merge(self, decision_point: Any, parent_decisions: list[Any], global_state: Any, step: int) -> Any:
        """Returns the decision of the children at a point.

        Args:
          decision_point: the point.
          parent_decisions: the parents' decisions: an index, a list of them for a multiple choice, a number; None where the point
            is inactive.
          global_state: the global state; subclasses may leave it out.
          step: the step; subclasses may leave it out.
        """


def _fold(points: list[Any], folds: Any) -> list[Any]:
    """Returns points with the choices of a multiple choice as one point, where a function of the choice says so."""
    folded = []
    for point in points:
        if not (isinstance(point, Choices) and point.is_subchoice and folds(point)):
            folded.append(point)
        elif point.subchoice_index == 0:
            folded.append(point.parent_spec)
    return folded


def _list_changed(point: Any, old: Any, new: Any) -> list[Any]:
    """Returns the genotypes whose decisions below are no longer valid when a decision changes."""
    if isinstance(point, Choices) and point.num_choices > 1:
        return [point.subchoice(i) for i in range(point.num_choices) if old is None or old[i] != new[i]]
    return [point] if old != new else []


def _merge_choices(point: Any, decisions: list[Any], weights: list[float], random: Any) -> list[int]:
    """Returns choices of a multiple choice, each from a parent drawn by weight, under its rules: distinct, sorted."""
    weights = [0 if decision is None else weight for decision, weight in zip(decisions, weights)]
    merged: list[int] = []
    redraws = 0
    while len(merged) < point.num_choices:
        if redraws == _MAX_REDRAWS:
            whole: list[int] = random.choices(decisions, weights=weights)[0]
            return whole
        offers = [None if decision is None else decision[len(merged)] for decision in decisions]
        choice = random.choices(offers, weights=weights)[0]
        if (point.distinct and choice in merged) or (point.sorted and merged and choice < merged[-1]):
            redraws += 1
        else:
            merged.append(choice)
    return merged


@members([_seed()], init_arg_list=["where", "seed"])
class Uniform(PointWise):
    """Takes each decision from a parent at random (uniform crossover: Syswerda 1989).

    >>> from pliant import pyglove as pg
    >>> space = pg.dna_spec(pg.Dict(x=pg.oneof(range(5)), y=pg.oneof(range(5))))
    >>> (child,) = pg.evolution.recombinators.Uniform(seed=1)([pg.DNA([0, 1], spec=space), pg.DNA([2, 3], spec=space)])
    >>> child.to_numbers() in [[0, 1], [0, 3], [2, 1], [2, 3]]
    True
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._random = make_random(self.seed)

    def merge(self, decision_point: Any, parent_decisions: list[Any]) -> Any:  # type: ignore[override]
        if isinstance(decision_point, Choices) and decision_point.num_choices > 1:
            return _merge_choices(
                decision_point, parent_decisions, [1.0] * len(parent_decisions), self._random
            )
        return self._random.choice([decision for decision in parent_decisions if decision is not None])


class _Weighted(PointWise):
    """A recombinator that weighs the parents."""

    def _on_bound(self) -> None:
        super()._on_bound()
        self._weigh = make_operation_compatible(self.weights)
        self._parent_weights: list[float] = []

    def _on_input(self, inputs: list[Any]) -> None:
        super()._on_input(inputs)
        self._parent_weights = self._weigh(inputs)
        if len(self._parent_weights) != len(inputs):
            raise ValueError(
                f"{type(self).__name__}: `weights` returned {len(self._parent_weights)} weights for {len(inputs)} parents; "
                "return one for each parent."
            )


@members([_weights(), _seed()], init_arg_list=["weights", "where", "seed"])
class Sample(_Weighted):
    """Takes each decision from a parent drawn by weight.

    >>> from pliant import pyglove as pg
    >>> space = pg.dna_spec(pg.Dict(x=pg.oneof(range(5)), y=pg.oneof(range(5))))
    >>> sample = pg.evolution.recombinators.Sample(lambda parents: [0.0, 1.0], seed=1)
    >>> sample([pg.DNA([0, 1], spec=space), pg.DNA([2, 3], spec=space)])
    [DNA([2, 3])]
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._random = make_random(self.seed)

    def merge(self, decision_point: Any, parent_decisions: list[Any]) -> Any:  # type: ignore[override]
        if isinstance(decision_point, Choices) and decision_point.num_choices > 1:
            return _merge_choices(decision_point, parent_decisions, self._parent_weights, self._random)
        weights = [0 if d is None else weight for d, weight in zip(parent_decisions, self._parent_weights)]
        return self._random.choices(parent_decisions, weights=weights)[0]


def _list_floats(spec: Any) -> list[Any]:
    """Returns the numbers among the points of a genotype."""
    return [point for point in spec.decision_points if isinstance(point, Float)]


class Numeric(PointWise):
    """Merges the numbers (``floatv``) only; choices stay as each parent made them."""

    def applicable_decision_points(self, dna_spec: Any) -> list[Any]:  # type: ignore[override]
        return _list_floats(dna_spec)


@members([], init_arg_list=["where"])
class Average(Numeric):
    """Averages the parents' numbers.

    >>> from pliant import pyglove as pg
    >>> space = pg.dna_spec(pg.floatv(0.0, 1.0))
    >>> pg.evolution.recombinators.Average()([pg.DNA(0.25, spec=space), pg.DNA(0.75, spec=space)])
    [DNA(0.5)]
    """

    def merge(self, decision_point: Any, parent_decisions: list[Any]) -> Any:  # type: ignore[override]
        values = [decision for decision in parent_decisions if decision is not None]
        return sum(values) / len(values)


@members([_weights()], init_arg_list=["weights", "where"])
class WeightedAverage(_Weighted):
    """Averages the parents' numbers, by weights.

    >>> from pliant import pyglove as pg
    >>> space = pg.dna_spec(pg.floatv(0.0, 1.0))
    >>> average = pg.evolution.recombinators.WeightedAverage(lambda parents: [3.0, 1.0])
    >>> average([pg.DNA(0.0, spec=space), pg.DNA(1.0, spec=space)])
    [DNA(0.25)]
    """

    def applicable_decision_points(self, dna_spec: Any) -> list[Any]:  # type: ignore[override]
        return _list_floats(dna_spec)

    def merge(self, decision_point: Any, parent_decisions: list[Any]) -> Any:  # type: ignore[override]
        pairs = [(d, weight) for d, weight in zip(parent_decisions, self._parent_weights) if d is not None]
        return sum(d * weight for d, weight in pairs) / sum(weight for _, weight in pairs)


class SegmentWise(Recombinator):
    """Cuts two parents at the same places, and takes turns between them: two children.  Subclasses define ``cutting_indices``.

    What depends on each other is not cut: the choices of a distinct or sorted multiple choice, and a choice and what is below it.
    """

    NUM_PARENTS = 2

    def _on_bound(self) -> None:
        super()._on_bound()
        self._cut = make_operation_compatible(self.cutting_indices)

    def recombine(self, parents: list[Any], global_state: Any, step: int) -> list[Any]:
        spec = parents[0].spec
        top = [point for point in spec.decision_points if point.parent_choice is None]
        points = _fold(top, lambda point: point.distinct or point.sorted)
        cuts = list(self._cut(points, global_state=global_state, step=step))
        drafts: list[dict[Any, Any]] = [{}, {}]
        start = 0
        for turn, end in enumerate([*cuts, len(points)]):
            for point in points[start:end]:
                for draft, parent in zip(drafts, parents if turn % 2 == 0 else reversed(parents)):
                    draft[point] = parent[point]
            start = end
        return [DNA.from_dict(draft, spec) for draft in drafts]

    @abc.abstractmethod
    def cutting_indices(
        self, independent_decision_points: list[DecisionPoint], global_state: Any, step: int
    ) -> list[int]:
        """Returns where to cut: indices of the points that the next segments start with, in order."""


@members(
    [("k", scalar_spec(pg_typing.Int(min_value=1)), "How many cuts."), _seed()], init_arg_list=["k", "seed"]
)
class KPoint(SegmentWise):
    """Cuts at k places at random; between all points if there are not more (k-point crossover).

    >>> from pliant import pyglove as pg
    >>> space = pg.dna_spec(pg.List([pg.oneof(range(9))] * 3))
    >>> x, y = pg.DNA([0, 0, 0], spec=space), pg.DNA([1, 1, 1], spec=space)
    >>> pg.evolution.recombinators.KPoint(2)([x, y])
    [DNA([0, 1, 0]), DNA([1, 0, 1])]
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._random = make_random(self.seed)

    def cutting_indices(
        self, independent_decision_points: list[DecisionPoint], global_state: Any, step: int
    ) -> list[int]:
        k = scalar_value(self.k, step)
        places = range(1, len(independent_decision_points))
        return list(places) if len(places) <= k else sorted(self._random.sample(places, k))


@members(
    [
        (
            "cutting_points",
            pg_typing.Callable(
                [pg_typing.List(pg_typing.Object(DecisionPoint))],
                returns=pg_typing.List(pg_typing.Int(min_value=0)),
            ),
            "From the points to the indices where to cut.",
        )
    ],
    init_arg_list=["cutting_points"],
)
class Segmented(SegmentWise):
    """Cuts where a function of the points says.

    >>> from pliant import pyglove as pg
    >>> space = pg.dna_spec(pg.List([pg.oneof(range(9))] * 3))
    >>> x, y = pg.DNA([0, 0, 0], spec=space), pg.DNA([1, 1, 1], spec=space)
    >>> pg.evolution.recombinators.Segmented(lambda points: [1])([x, y])
    [DNA([0, 1, 1]), DNA([1, 0, 0])]
    """

    def cutting_indices(
        self, independent_decision_points: list[DecisionPoint], global_state: Any, step: int
    ) -> list[int]:
        cuts: list[int] = self.cutting_points(independent_decision_points)
        return cuts
