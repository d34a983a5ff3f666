"""``Deduplicate``: makes any algorithm propose each decision vector at most once."""

from __future__ import annotations

from typing import Any, final

from pliant.space import Decisions, mutate

from .base import Algorithm, Exhausted
from .options import check_count
from .rewards import Reward, check_reward
from .unseen import digest, draw_unseen, from_text, to_text
from .wrapper import Wrapper


@final
class Deduplicate(Wrapper):
    """Wrapper around an algorithm that proposes nothing twice.

    If the algorithm repeats decisions, it receives their known reward again, without a trial, and proposes again.
    After ``attempts`` repetitions in a row the proposal is random: a few mutations away from the last repetition, or,
    where those are all known, anywhere.  The search ends when the algorithm does or when the whole space was proposed.

    >>> from pliant.algorithms import HillClimb
    >>> from pliant.space import choice, flatten
    >>> algorithm = Deduplicate(HillClimb())
    >>> algorithm.setup(flatten([choice("x", 3), choice("y", 3)]))
    >>> len({algorithm.propose() for _ in range(9)})
    9

    Memory: 8 bytes for each proposal and its reward, with the overhead of a dict (about 170 bytes);
    the state in JSON grows likewise (about 35 bytes a trial).

    Args:
      algorithm: the algorithm that proposes.
      attempts: how often it may repeat itself for one proposal.
    """

    def __init__(self, algorithm: Algorithm, *, attempts: int = 100) -> None:
        super().__init__(algorithm)
        self.attempts = check_count(attempts, "attempts", "Deduplicate")

    def _setup(self) -> None:
        self._rewards: dict[bytes, Reward] = {}  # of recorded trials
        self._seen: dict[bytes, None] = {}  # proposed or recorded, in order
        super()._setup()

    def _propose(self) -> Decisions:
        if len(self._seen) >= self.space.size:
            raise Exhausted(f"all {self.space.size} decision vectors of the space were proposed.")
        for _ in range(self.attempts):
            proposal = self.algorithm.propose()
            if self._note(proposal):
                return proposal
            key = digest(proposal)
            if key in self._rewards:
                self.algorithm.feedback(proposal, self._rewards[key])
            else:
                self.algorithm.withdraw(proposal)
        return self._propose_unseen(proposal)

    def _propose_unseen(self, near: Decisions) -> Decisions:
        for _ in range(self.attempts):
            near = mutate(near, self.random)
            if self._note(near):
                return near
        seen = self._seen
        found = draw_unseen(
            self.space, self.random, lambda one: digest(one) in seen, count=len(seen), near=near
        )
        self._note(found)
        return found

    def _note(self, decisions: Decisions) -> bool:
        """Marks decisions as proposed, and returns whether they were new."""
        key = digest(decisions)
        if key in self._seen:
            return False
        self._seen[key] = None
        return True

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        key = digest(decisions)
        self._seen[key] = None
        self._rewards[key] = reward
        self.algorithm.feedback(decisions, reward)

    def _state(self) -> dict[str, Any]:
        return {
            "seen": to_text(self._seen),
            "told": to_text(self._rewards),
            "rewards": [list(r) if isinstance(r, tuple) else r for r in self._rewards.values()],
            **super()._state(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        rewards = [check_reward(reward, several=self.several_rewards) for reward in state["rewards"]]
        self._seen = dict.fromkeys(from_text(state["seen"]))
        self._rewards = dict(zip(from_text(state["told"]), rewards, strict=True))
        super()._restore(state)
