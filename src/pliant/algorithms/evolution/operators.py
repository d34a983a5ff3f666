"""``Operator``: one step of an evolutionary algorithm, from individuals to individuals; ``>>`` joins steps."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar, NamedTuple, final

from pliant.space import Decisions
from pliant.values.errors import FieldTypeError, quote_typed

from ..options import check_count, check_number, check_part, keep_checked
from ..rewards import Reward


class Individual(NamedTuple):
    """Decisions and their reward.

    Attributes:
      decisions: of a trial, or of a child to try.
      reward: of the trial; None for a child, which was not tried yet.
    """

    decisions: Decisions
    reward: Reward = None


class Operator(ABC):
    """One step of selection, variation or survival: a frozen object that maps individuals to individuals.

    ``a >> b`` passes the result of ``a`` to ``b``.  A population comes in the order of arrival, oldest first, and
    survivors are returned in that order.  Operators hold no state, and draw random numbers only from the generator
    that they receive.  Write your own as a frozen dataclass:

    >>> @dataclass(frozen=True)
    ... class Worst(Operator):
    ...     '''Selects the least fit individual.'''
    ...     def __call__(self, individuals, random):
    ...         return [min(individuals, key=lambda one: one.reward)]
    >>> from pliant.algorithms.evolution import Mutate, Newest
    >>> Newest(5) >> Worst() >> Mutate()
    Newest(count=5) >> Worst() >> Mutate(times=1)
    """

    __slots__ = ()
    several_rewards: ClassVar[bool] = False
    """Whether the operator accepts rewards that are tuples."""
    for_several: ClassVar[bool] = False
    """Whether it is made for several objectives."""

    @abstractmethod
    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        """Returns the result for ``individuals`` (at least one), which it does not change."""

    def scale(self, factor: float) -> Operator:
        """Returns the operator for a population of ``factor`` times the size; itself unless a count follows it."""
        return self

    def __rshift__(self, other: Operator) -> Chain:
        if not isinstance(other, Operator):
            raise FieldTypeError(
                f"`>>` joins operators; got {quote_typed(other)}. "
                "Write your own as a frozen dataclass that derives from Operator and defines "
                "`__call__(self, individuals, random)`."
            )
        return Chain((*_steps(self), *_steps(other)))


class Counted(Operator):
    """Abstract: an operator whose options are all counts, which are checked."""

    __slots__ = ()

    def __post_init__(self) -> None:
        for option in fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            keep_checked(self, option.name, check_count)


@final
@dataclass(frozen=True, slots=True, repr=False)
class Chain(Operator):
    """Operators in sequence; written ``a >> b >> c``."""

    steps: tuple[Operator, ...]

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        for step in self.steps:
            individuals = step(individuals, random)
        return individuals

    def scale(self, factor: float) -> Operator:
        return Chain(tuple([step.scale(factor) for step in self.steps]))

    def __repr__(self) -> str:
        return " >> ".join(map(repr, self.steps))


@final
@dataclass(frozen=True, slots=True)
class Either(Operator):
    """Applies one of two operators, chosen at random each time.

    >>> from pliant.algorithms.evolution import Mutate, Tournament, UniformCrossover
    >>> reproduce = Tournament(5, count=2) >> Either(UniformCrossover() >> Mutate(), Mutate(), probability=0.9)

    Args:
      first: applied with ``probability``.
      second: applied otherwise.
      probability: from 0 to 1.
    """

    first: Operator
    second: Operator
    probability: float = 0.5

    def __post_init__(self) -> None:
        keep_checked(self, "probability", check_number, most=1)

    def __call__(self, individuals: Sequence[Individual], random: random.Random) -> Sequence[Individual]:
        chosen = self.first if random.random() < self.probability else self.second
        return chosen(individuals, random)

    def scale(self, factor: float) -> Operator:
        return Either(self.first.scale(factor), self.second.scale(factor), self.probability)


def scale_count(count: int, factor: float, least: int) -> int:
    """Returns a count times ``factor``, rounded, at least ``least`` and at most as it was.

    >>> scale_count(25, 0.2, 2), scale_count(25, 0.01, 2), scale_count(1, 0.2, 2)
    (5, 2, 1)
    """
    return min(count, max(least, int(count * factor + 0.5)))


def takes_several(operator: Operator) -> bool:
    """Returns whether every part of an operator accepts rewards that are tuples."""
    return all(part.several_rewards for part in list_parts(operator))


def is_for_several(operator: Operator) -> bool:
    """Returns whether a part of an operator is made for several objectives."""
    return any(part.for_several for part in list_parts(operator))


def list_parts(operator: Operator) -> list[Operator]:
    """Returns the operators that an operator consists of."""
    if isinstance(operator, Chain | Either):
        inner = operator.steps if isinstance(operator, Chain) else (operator.first, operator.second)
        return [part for step in inner for part in list_parts(step)]
    return [operator]


def check_operator(value: object, name: str, owner: str) -> Operator:
    """Returns ``value`` when it is an operator, else raises FieldTypeError."""
    example = "an operator, such as `Tournament(25) >> Mutate()`"
    operator: Operator = check_part(value, Operator, f"{owner}({name}=...)", example)
    return operator


def _steps(operator: Operator) -> tuple[Operator, ...]:
    return operator.steps if isinstance(operator, Chain) else (operator,)
