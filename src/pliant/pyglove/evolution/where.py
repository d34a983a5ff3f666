"""Filters of decision points: which ones recombinators change."""

from __future__ import annotations

import abc
import types
from typing import TYPE_CHECKING
from typing import Any as Whatever

from .. import typing as pg_typing
from ..geno import DecisionPoint
from ..scalars import scalar_spec, scalar_value
from ..scalars.randoms import make_random
from ..symbolic import Object, members


def _optional(function: Whatever) -> Whatever:
    """Returns a function that is called with ``global_state=`` and ``step=``, whichever of them it has."""
    return pg_typing.CallableWithOptionalKeywordArgs(function, ["global_state", "step"])


class DecisionPointFilter(Object):
    """Selects decision points.  Subclasses define ``call``.

    >>> class Named(DecisionPointFilter):
    ...     def call(self, decision_points):
    ...         return [point for point in decision_points if point.name is not None]
    >>> from pliant import pyglove as pg
    >>> len(Named()([pg.geno.Float(0.0, 1.0, name="rate"), pg.geno.Float(0.0, 2.0)]))
    1
    """

    if TYPE_CHECKING:  # the declared fields

        def __getattr__(self, name: str) -> Whatever: ...

    def _on_bound(self) -> None:
        super()._on_bound()
        self._filter = _optional(self.call)

    def __call__(
        self, decision_points: list[Whatever], global_state: Whatever = None, step: int = 0
    ) -> list[Whatever]:
        selected: list[Whatever] = self._filter(decision_points, global_state=global_state, step=step)
        return selected

    @abc.abstractmethod
    def call(
        self, decision_points: list[Whatever], global_state: Whatever = None, step: int = 0
    ) -> list[Whatever]:
        """Returns the selected points.  Subclasses name those of the last two arguments that they need."""


@members(
    [
        (
            "fn",
            pg_typing.Callable(
                [pg_typing.List(pg_typing.Object(DecisionPoint))],
                returns=pg_typing.List(pg_typing.Object(DecisionPoint)),
            ),
            "From points to points.",
        )
    ]
)
class Lambda(DecisionPointFilter):
    """A function from points to points as a filter; where a filter is declared, a function becomes one."""

    def _on_bound(self) -> None:
        super()._on_bound()
        self._fn = _optional(self.fn)

    def call(
        self, decision_points: list[Whatever], global_state: Whatever = None, step: int = 0
    ) -> list[Whatever]:
        selected: list[Whatever] = self._fn(decision_points, global_state=global_state, step=step)
        return selected


pg_typing.register_converter(types.FunctionType, DecisionPointFilter, Lambda)


class All(DecisionPointFilter):
    """Selects all points."""

    def call(self, decision_points: list[Whatever]) -> list[Whatever]:  # type: ignore[override]
        return decision_points


@members(
    [
        ("k", scalar_spec(pg_typing.Int(min_value=0)).set_default(1), "How many points."),
        ("seed", pg_typing.Int().noneable(), "The seed; None for Python's `random`."),
    ]
)
class Any(DecisionPointFilter):
    """Selects k points at random, in their order; one by default, all of fewer.

    >>> from pliant import pyglove as pg
    >>> points = [pg.geno.Float(0.0, float(i + 1)) for i in range(5)]
    >>> [point.max_value for point in Any(4, seed=2)(points)]
    [1.0, 2.0, 4.0, 5.0]
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._random = make_random(self.seed)

    def call(self, decision_points: list[Whatever], step: int) -> list[Whatever]:  # type: ignore[override]
        k = scalar_value(self.k, step)
        if k >= len(decision_points):
            return decision_points
        return [
            decision_points[place] for place in sorted(self._random.sample(range(len(decision_points)), k))
        ]


ALL = All()
ANY = Any()


def where_spec(default: Whatever = ALL) -> Whatever:
    """Returns the type of a field that holds a filter, or a function from points to points."""
    return pg_typing.Object(DecisionPointFilter, default=default)
