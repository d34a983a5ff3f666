"""``Wrapper``, the base class of algorithms around another algorithm that search the same space."""

from __future__ import annotations

from typing import Any

from pliant.space import Decisions

from .base import Algorithm, check_algorithm
from .rewards import Reward


class Wrapper(Algorithm):
    """Abstract: passes everything to ``algorithm``; a subclass changes what it needs.

    Args:
      algorithm: the inner algorithm.
      seed: of the random numbers; that of ``algorithm`` if None.
    """

    def __init__(self, algorithm: Algorithm, seed: int | None = None) -> None:
        self.algorithm = check_algorithm(algorithm, f"{type(self).__name__}(...)")
        super().__init__(self.algorithm.seed if seed is None else seed)
        self.several_rewards, self.for_several = self.algorithm.several_rewards, self.algorithm.for_several

    def _setup(self) -> None:
        is_own = not self._is_seeded and self.seed == self.algorithm.seed
        self.algorithm.setup(self.space, seed=None if is_own else self.seed, trials=self.planned)

    def _propose(self) -> Decisions:
        return self.algorithm.propose()

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        self.algorithm.feedback(decisions, reward)

    def _report(self, decisions: Decisions, reward: float, step: float) -> bool:
        return self.algorithm.report(decisions, reward, step=step)

    def _withdraw(self, decisions: Decisions) -> None:
        self.algorithm.withdraw(decisions)

    def _note_time(self, seconds: float) -> None:
        self.algorithm.note_time(seconds)

    def _note_limits(self, excess: tuple[float, ...]) -> None:
        self.algorithm.note_limits(excess)

    def explain(self) -> str | None:
        return self.algorithm.explain()

    def _parent(self, decisions: Decisions) -> Decisions | None:
        return self.algorithm.parent(decisions)

    def _state(self) -> dict[str, Any]:
        return {"algorithm": self.algorithm.state()}

    def _restore(self, state: dict[str, Any]) -> None:
        self.algorithm.restore(state["algorithm"])
