"""What evolution is written in: operators from individuals to individuals, joined by ``>>``."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, final

from pliant.space import Decisions
from pliant.values.errors import FieldTypeError

from ..base import Reward
from ..options import check_number, check_part


class Individual(NamedTuple):
    """Decisions with what was told about them.

    Attributes:
      decisions: what was tried, or is to be tried.
      reward: what was told; None for a child, which was not tried yet.
    """

    decisions: Decisions
    reward: Reward = None


class Operator(ABC):
    """One step of reproduction or survival: a frozen object, called with individuals, returning individuals.

    ``a >> b`` is the operator that hands what ``a`` returns to ``b``.  A population comes in the order
    of arrival, oldest first, and what survives is returned in that order.  Operators hold no state; all
    that is random is drawn from the generator that they are handed.  Yours is a frozen dataclass:

    >>> @dataclass(frozen=True)
    ... class Worst(Operator):
    ...     '''Selects the least fit, for the sake of the example.'''
    ...     def __call__(self, individuals, random):
    ...         return [min(individuals, key=lambda one: one.reward)]
    >>> from pliant.algorithms.evolution import Mutate, Newest
    >>> Newest(5) >> Worst() >> Mutate()
    Newest(count=5) >> Worst() >> Mutate(times=1)
    """

    __slots__ = ()
    several_rewards: ClassVar[bool] = False
    """Whether the operator can do with rewards that are tuples."""

    @abstractmethod
    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        """Returns what the operator makes of ``individuals`` (one at least), which it leaves as they are."""

    def __rshift__(self, other: Operator) -> Chain:
        if not isinstance(other, Operator):
            raise FieldTypeError(
                f"`>>` joins operators; got {other!r:.80} of type {type(other).__name__}. "
                "Write your own as a frozen dataclass that derives from Operator and defines "
                "`__call__(self, individuals, random)`."
            )
        return Chain((*_steps(self), *_steps(other)))


@final
@dataclass(frozen=True, slots=True, repr=False)
class Chain(Operator):
    """Operators one after the other; written ``a >> b >> c``."""

    steps: tuple[Operator, ...]

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        for step in self.steps:
            individuals = step(individuals, random)
        return individuals

    def __repr__(self) -> str:
        return " >> ".join(map(repr, self.steps))


@final
@dataclass(frozen=True, slots=True)
class Either(Operator):
    """One of two operators, at random each time.

    >>> from pliant.algorithms.evolution import Mutate, Tournament, UniformCrossover
    >>> reproduce = Tournament(5, count=2) >> Either(UniformCrossover() >> Mutate(), Mutate(), probability=0.9)

    Args:
      first: taken with ``probability``.
      second: taken otherwise.
      probability: from 0 to 1.
    """

    first: Operator
    second: Operator
    probability: float = 0.5

    def __post_init__(self) -> None:
        check_number(self.probability, "probability", "Either", most=1)

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        chosen = self.first if random.random() < self.probability else self.second
        return chosen(individuals, random)


def takes_several(operator: Operator) -> bool:
    """Returns whether every part of an operator can do with rewards that are tuples."""
    if isinstance(operator, Chain):
        return all(map(takes_several, operator.steps))
    if isinstance(operator, Either):
        return takes_several(operator.first) and takes_several(operator.second)
    return operator.several_rewards


def check_operator(value: Any, name: str, owner: str) -> Operator:
    """Returns ``value`` when it is an operator.

    Raises:
      FieldTypeError: it is not.
    """
    example = "an operator, such as `Tournament(25) >> Mutate()`"
    operator: Operator = check_part(value, Operator, f"{owner}({name}=...)", example)
    return operator


def _steps(operator: Operator) -> tuple[Operator, ...]:
    return operator.steps if isinstance(operator, Chain) else (operator,)
