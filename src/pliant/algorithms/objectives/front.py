"""``ParetoFront``: an archive of the Pareto-optimal rewards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, final

from .dominance import Rewards, as_rewards, dominates
from .volume import hypervolume


class Member(NamedTuple):
    """One point of a front.

    Attributes:
      reward: a tuple, one number for each objective, higher is better.
      item: what has this reward: decisions, a program, the number of a trial.
    """

    reward: Rewards
    item: Any = None


@final
class ParetoFront:
    """Pareto archive: the rewards that no other reward dominates, each with its item.

    Of equal rewards the first stays.  A reward may be a single number; then the front is the best one.
    Adding takes time in proportion to the number of members.

    >>> front = ParetoFront()
    >>> [front.add((0.90, -80.0), "small"), front.add((0.93, -300.0), "big"), front.add((0.89, -90.0), "bad")]
    [True, True, False]
    >>> [member.item for member in front]
    ['big', 'small']
    """

    def __init__(self) -> None:
        self._members: list[Member] = []  # in the order of arrival

    def add(self, reward: Any, item: object = None) -> bool:
        """Adds a reward, unless a member equals or dominates it; returns whether it was added.

        Members that it dominates are removed.

        Raises:
          RewardError: it is not a finite number or tuple of them, or differs in length from the members.
        """
        mine = self._check(reward)
        if any(mine == theirs or dominates(theirs, mine) for theirs, _ in self._members):
            return False
        self._members = [one for one in self._members if not dominates(mine, one.reward)]
        self._members.append(Member(mine, item))
        return True

    @property
    def members(self) -> tuple[Member, ...]:
        """The members, sorted by the first objective, highest first."""
        return tuple(sorted(self._members, key=lambda one: one.reward, reverse=True))

    def dominated(self, reward: Any) -> bool:
        """Returns whether a member dominates ``reward``.

        Raises:
          RewardError: as for ``add``.
        """
        mine = self._check(reward)
        return any(dominates(theirs, mine) for theirs, _ in self._members)

    def hypervolume(self, reference: object) -> float:
        """Returns the hypervolume of the members; see ``hypervolume``."""
        return hypervolume([reward for reward, _ in self._members], reference)

    def _check(self, reward: Any) -> Rewards:
        return as_rewards(reward, len(self._members[0].reward) if self._members else None)

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)

    def __contains__(self, reward: Any) -> bool:
        mine = self._check(reward)
        return any(theirs == mine for theirs, _ in self._members)

    def __repr__(self) -> str:
        return f"ParetoFront({list(self.members)!r})"
