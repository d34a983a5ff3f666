"""Exhaustive search (grid search) in lexicographic order."""

from __future__ import annotations

import math
from typing import Any, final

from pliant.space import Decisions
from pliant.values.errors import SpaceError

from .base import Algorithm, Exhausted


@final
class Sweep(Algorithm):
    """Exhaustive search: proposes every decision vector once, in lexicographic order, the last decision fastest.

    Its state is one number, so a sweep of any size resumes immediately.

    >>> from pliant.space import choice, flatten
    >>> algorithm = Sweep()
    >>> algorithm.setup(flatten([choice("op", 2)]))
    >>> algorithm.propose().values, algorithm.propose().values
    ((0,), (1,))
    >>> algorithm.propose()
    Traceback (most recent call last):
        ...
    pliant.algorithms.base.Exhausted: all 2 decision vectors of the space were proposed.
    """

    several_rewards = True

    def _setup(self) -> None:
        if self.space.size == math.inf:
            raise SpaceError(
                "Sweep needs a finite space, and this one has a float. Give the range as choices "
                "(`pg.oneof([0.1, 0.2])`), or use Random."
            )
        self._start(0)

    def _start(self, index: int) -> None:
        self._index, self._rest = index, self.space.iterate(start=index)

    def _propose(self) -> Decisions:
        found = next(self._rest, None)
        if found is None:
            raise Exhausted(f"all {self._index} decision vectors of the space were proposed.")
        self._index += 1
        return found

    def _state(self) -> dict[str, Any]:
        return {"index": self._index}

    def _restore(self, state: dict[str, Any]) -> None:
        self._start(int(state["index"]))
