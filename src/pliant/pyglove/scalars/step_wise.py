"""``StepWise``: a schedule of phases, each with its own value or scalar."""

from __future__ import annotations

import bisect
from itertools import accumulate
from typing import Any

from .. import typing as pg_typing
from ..symbolic import members
from .base import Scalar, make_scalar, scalar_spec

_LENGTH = pg_typing.Union([pg_typing.Int(min_value=0), pg_typing.Float(min_value=0.0)])


@members(
    [
        (
            "phases",
            pg_typing.List(pg_typing.Tuple([_LENGTH, scalar_spec(pg_typing.Any())]), min_size=1),
            "Pairs of a length and a value or scalar: lengths in steps, or shares of `total_steps`.",
        ),
        ("total_steps", pg_typing.Int(min_value=1).noneable(), "The number of steps that shares are of."),
    ]
)
class StepWise(Scalar):
    """A schedule of phases.  A scalar in a phase counts the steps from the start of the phase; the last value stays.

    Unlike PyGlove's, it depends on the step alone, so that steps may be left out, or asked for again.

    >>> from pliant.pyglove.scalars import STEP
    >>> schedule = StepWise([(2, 10), (3, STEP)])
    >>> [schedule(step) for step in range(7)]
    [10, 10, 0, 1, 2, 2, 2]

    Args:
      phases: pairs of a length and a value or scalar.  Lengths are numbers of steps (ints), or shares of ``total_steps``
        (floats, in relation to their sum).
      total_steps: the number of steps that the shares are of; None for lengths in steps.

    Raises:
      ValueError: lengths in steps with ``total_steps``, shares without it, or shares that are all zero.
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        lengths = [length for length, _ in self.phases]
        if self.total_steps is not None:
            lengths = _count_steps(lengths, self.total_steps)
        else:
            for length in lengths:
                if isinstance(length, float):
                    raise ValueError(
                        "StepWise: `total_steps` must be specified when float is used as the value of a phase's length. "
                        f"Given: {length}; give total_steps=, or lengths in steps (ints)."
                    )
        self._ends = list(accumulate(lengths))
        self._values = [make_scalar(value) for _, value in self.phases]
        self._last: list[Any] = []

    def call(self, step: int) -> Any:
        phase = bisect.bisect_right(self._ends, step)
        if phase < len(self._ends):
            return self._values[phase](step - (self._ends[phase - 1] if phase else 0))
        if not self._last:
            self._last.append(self._find_last())
        return self._last[0]

    def _find_last(self) -> Any:
        """Returns the value that stays after all phases: that of the last step of the last phase that has steps."""
        if not self._ends[-1]:
            return None
        return self.call(self._ends[-1] - 1)


def _count_steps(shares: list[Any], total_steps: int) -> list[int]:
    """Returns the numbers of steps of phases whose lengths are shares."""
    for share in shares:
        if isinstance(share, int):
            raise ValueError(
                "StepWise: The phase length should be a float as a proportion of the schedule when `total_steps` is given. "
                f"Given: {share}; write it as a float, or leave out total_steps."
            )
    total = sum(shares)
    if not total:
        raise ValueError(
            "StepWise: The sum of all proportions must be greater than 0; give one of them more."
        )
    return [int(share / total * total_steps) for share in shares]
