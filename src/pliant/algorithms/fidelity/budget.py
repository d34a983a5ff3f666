"""The budget of a trial as a decision point, the space without it, and base classes of algorithms that decide budgets."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left
from collections import Counter
from dataclasses import replace
from typing import Any, final

from pliant.space import Choice, Decisions, Float, Int, Point, Space
from pliant.values.errors import (
    FieldTypeError,
    FieldValueError,
    LoadError,
    SpaceError,
    quote,
    quote_typed,
    suggest,
)

from ..base import Algorithm, check_one_objective
from ..options import check_count
from ..random import Random
from ..rewards import Reward, check_number, check_reward
from ..wrapper import Wrapper


@final
class Budget:
    """The budget of ``space``, found by path or name, and the space without it.

    >>> from pliant.space import choice, flatten, integer
    >>> budget = Budget(flatten([choice("op", 2), integer("epochs", 1, 9, name="budget")]), "budget")
    >>> budget.space, budget.join(Decisions(budget.space, [1]), 9)
    (Space(1 decision point, size 2), Decisions({'op': 1, 'budget': 9}))
    >>> budget.ladder(eta=3), budget.split(Decisions(budget.whole, [1, 3]))
    ((1, 3, 9), (Decisions({'op': 1}), 3))

    Args:
      space: has an always active integer, float, or choice among numbers, with values above zero.
      key: the path or name of that point.
      owner: the name of the algorithm, for messages.

    Attributes:
      whole: the space.
      space: the space without the budget.
      point: the decision point of the budget.

    Raises:
      SpaceError: the space lacks such a point, or the point cannot be a budget.
    """

    def __init__(self, space: Space, key: str = "budget", *, owner: str = "A multi-fidelity search") -> None:
        self.whole = space
        self._index = _find(space, key, owner)
        self.point = space.points[self._index]
        _check(self.point, space, self._index, owner)
        self.space = _without(space, self._index)

    def split(self, decisions: Decisions) -> tuple[Decisions, int | float]:
        """Returns decisions without the budget, and the decision of the budget."""
        values = decisions.values
        at = decisions.active.index(self._index)
        return Decisions(self.space, values[:at] + values[at + 1 :]), values[at]

    def join(self, rest: Decisions, budget: int | float) -> Decisions:
        """Returns decisions of the whole space from those without the budget, and the decision of the budget."""
        values = rest.values
        at = bisect_left(rest.active, self._index)
        return Decisions(self.whole, (*values[:at], budget, *values[at:]))

    def amount(self, budget: int | float) -> int | float:
        """Returns the amount of a budget decision: the number itself, or for a choice the value of the candidate."""
        return self.point.values[int(budget)] if isinstance(self.point, Choice) else budget

    def steps(self) -> tuple[int, ...]:
        """Returns the decisions for all budgets, smallest first.

        Raises:
          SpaceError: the budget is a float.
        """
        point = self.point
        if isinstance(point, Int):
            return tuple(range(point.min_value, point.last + 1, point.step))
        if isinstance(point, Choice):
            return tuple(sorted(range(point.count), key=point.values.__getitem__))
        raise SpaceError(
            f"the budget {point.path!r} is a float, and PBT compares members at fixed steps. Use an integer with a step, "
            'such as pg.intv(5, 100, step=5, name="budget"), or a choice among numbers.'
        )

    def ladder(self, eta: int) -> tuple[int | float, ...]:
        """Returns the decisions for budgets that grow ``eta``-fold up to the largest, smallest first.

        Numbers are rounded to values of the point.  Of a choice, every candidate is a budget, whatever ``eta`` is.

        Raises:
          SpaceError: there is only one budget, because the smallest times ``eta`` is more than the largest.
        """
        point = self.point
        if isinstance(point, Choice):
            found: list[int | float] = list(self.steps())
        else:
            high = point.last if isinstance(point, Int) else point.max_value
            found, power = [high], eta
            while point.min_value * power <= high:
                value = max(high / power, point.min_value)
                if isinstance(point, Int):
                    value = point.min_value + point.step * int((value - point.min_value) / point.step + 0.5)
                if value < found[0]:
                    found.insert(0, value)
                power *= eta
        if len(found) < 2:
            raise SpaceError(
                f"the budget {point.path!r} allows only one rung: with eta={eta}, the largest value must be at least "
                f"{eta} times the smallest; it goes {_range(point)}. Widen the range, or use a smaller eta."
            )
        return tuple(found)


def _find(space: Space, key: object, owner: str) -> int:
    keys = [(point.path, point.name) for point in space.points]
    for index, names in enumerate(keys):
        if key in names:
            return index
    known = [name for names in keys for name in names if name is not None]
    raise SpaceError(
        f"{owner} needs a decision point for the budget of a trial, and none has the path or name {quote(key)}"
        f"{suggest(key, known) or '.'} Add one to the program, such as "
        'epochs=pg.intv(1, 81, name="budget"), or give its path or name: budget="...".'
    )


def _check(point: Point, space: Space, index: int, owner: str) -> None:
    def refuse(why: str) -> SpaceError:
        return SpaceError(
            f"{owner} cannot use {point.path!r} as its budget: {why}. A budget is a number above zero that every "
            "program has, such as pg.intv(1, 81) or pg.oneof([1, 3, 9])."
        )

    if index not in space.top:
        raise refuse("it is active only for some decisions")
    if isinstance(point, Choice):
        if point.group is not None:
            raise refuse("it is one of several picks")
        if not point.values or any(point.branches):
            raise refuse(f"its candidates are not numbers ({', '.join(point.literals)[:80]})")
        if len(set(point.values)) < len(point.values):
            raise refuse("it has equal candidates")
        if min(point.values) <= 0:
            raise refuse(f"it has the value {min(point.values)}")
    elif point.min_value <= 0:
        raise refuse(f"it has the value {point.min_value}")


def _range(point: Point) -> str:
    if isinstance(point, Choice):
        return f"through {point.values}"
    return f"from {point.min_value} to {point.last if isinstance(point, Int) else point.max_value}"


def _without(space: Space, index: int) -> Space:
    """Returns ``space`` without one always active point that has nothing below it."""

    def shift(at: int) -> int:
        return at - (at > index)

    points: list[Int | Float | Choice] = []
    for at, point in enumerate(space.points):
        if at == index:
            continue
        if isinstance(point, Choice):
            group = point.group and replace(point.group, first=shift(point.group.first))
            branches = tuple(tuple(map(shift, branch)) for branch in point.branches)
            point = replace(point, branches=branches, group=group)
        points.append(point)
    return Space(points, [shift(at) for at in space.top if at != index])


Values = tuple[int | float, ...]

_ENOUGH = 10  # rewards of a budget, at least, before an algorithm learns from it alone


class Budgeted(Wrapper):
    """Abstract: decides the budget itself, and takes all other decisions from ``algorithm``.

    ``algorithm`` searches the space without the budget.  ``Bayesian``, ``TPE`` and ``Auto`` learn from the rewards of one
    budget only, the largest that has as many as there are decisions plus 1, as in Falkner, Klein and Hutter, "BOHB", ICML
    2018, and 10 at least; other trials count as running until they have that budget.  Before there is such a budget, and
    with other algorithms, it receives every reward, and a promoted trial gives it another one for the same decisions.
    """

    def __init__(self, algorithm: Algorithm | None, budget: str, seed: int | None) -> None:
        super().__init__(Random() if algorithm is None else algorithm, seed)
        owner = type(self).__name__
        check_one_objective(self.algorithm, owner)
        self.several_rewards = False
        inner = find_budgeted(self.algorithm)
        if inner is not None:
            name = type(inner).__name__
            raise FieldValueError(
                f"{owner} decides the budget of a trial, and so does {name} inside it. Give {owner} an algorithm that decides "
                f"the rest, such as {owner}(TPE()), or use {name} alone."
            )
        if not isinstance(budget, str):
            raise FieldTypeError(
                f"{type(self).__name__}(budget=...) takes the path or name of a decision, such as 'budget'; got {quote_typed(budget)}. "
                "The decision itself has the sizes of budgets."
            )
        self.budget = budget

    waits = False
    """Whether it waits for the rewards of its proposals."""

    @property
    def budgets(self) -> tuple[int | float, ...]:
        """The amounts of the budgets in use, smallest first.

        Raises:
          SetupError: ``setup`` was not called.
        """
        self.space  # noqa: B018 - raises SetupError
        return tuple(map(self._budget.amount, self._ladder))

    @abstractmethod
    def _climb(self, budget: Budget) -> tuple[int | float, ...]:
        """Returns the decisions of the budgets to use, smallest first."""

    def _setup(self) -> None:
        self._budget = Budget(self.space, self.budget, owner=type(self).__name__)
        self._ladder = self._climb(self._budget)
        self.algorithm.setup(self._budget.space, seed=self.seed, trials=self.planned)
        # Whether it learns from the rewards of one budget.
        self._is_aware = type(self.algorithm)._relearn is not Algorithm._relearn
        self._records: list[tuple[Decisions, int | float, Reward, tuple[float, ...] | None]] = []  # if so
        self._excess: tuple[float, ...] | None = None  # of the trial whose reward comes next
        self._counts: Counter[int | float] = Counter()  # of the rewards of each budget
        self._model: int | float | None = None  # the budget that the algorithm learns from

    def _join(self, values: Values, budget: int | float) -> Decisions:
        """Returns decisions of the whole space from the values without the budget, and the budget."""
        return self._budget.join(Decisions(self._budget.space, values), budget)

    def _tell(self, decisions: Decisions, reward: Reward) -> tuple[Values, int | float]:
        """Passes a reward to the inner algorithm; returns the values without the budget, and the budget."""
        rest, budget = self._budget.split(decisions)
        excess, self._excess = self._excess, None
        if self._is_aware:
            self._records.append((rest, budget, reward, excess))
            self._counts[budget] += reward is not None
            if self._change(budget) or (reward is not None and self._model not in (None, budget)):
                return rest.values, budget
        if excess is not None:
            self.algorithm.note_limits(excess)
        self.algorithm.feedback(rest, reward)
        return rest.values, budget

    def _change(self, budget: int | float) -> bool:
        """Lets the algorithm learn from the rewards of a larger budget, and from all failures, if these are enough."""
        amount, enough = self._budget.amount(budget), max(_ENOUGH, len(self._budget.space.points) + 1)
        if self._counts[budget] < enough or (
            self._model is not None and amount <= self._budget.amount(self._model)
        ):
            return False
        history = [
            (rest, reward, excess)
            for rest, at, reward, excess in self._records
            if at == budget or reward is None
        ]
        if not self.algorithm._relearn(history):
            return False
        self._model = budget
        return True

    def _note_limits(self, excess: tuple[float, ...]) -> None:
        self._excess = excess

    def _report(self, decisions: Decisions, reward: float, step: float) -> bool:
        return self.algorithm.report(self._budget.split(decisions)[0], reward, step=step)

    def _withdraw(self, decisions: Decisions) -> None:
        self.algorithm.withdraw(self._budget.split(decisions)[0])

    def _state(self) -> dict[str, Any]:
        if not self._is_aware:
            return super()._state()
        records = [
            [rest.to_json(), budget, reward, excess and list(excess)]
            for rest, budget, reward, excess in self._records
        ]
        return {**super()._state(), "records": records, "model": self._model}

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        for values, budget, reward, excess in state.get("records", []):
            rest = Decisions.from_json(self._budget.space, values)
            _, amount = self._budget.split(self._budget.join(rest, budget))
            limits = None if excess is None else tuple([check_number(one) for one in excess])
            self._records.append((rest, amount, check_reward(reward, several=False), limits))
            self._counts[amount] += reward is not None
        model = state.get("model")
        if model is not None and model not in self._counts:
            raise LoadError(f"the model's budget {quote(model)} has no results.")
        self._model = model

    def _check_values(self, values: object) -> Values:
        """Returns values from a state as values of the space without the budget, checked."""
        return Decisions.from_json(self._budget.space, values).values


def find_budgeted(algorithm: Algorithm) -> Budgeted | None:
    """Returns the first algorithm that decides budgets, of an algorithm and those inside it; None without one."""
    while not isinstance(algorithm, Budgeted):
        if not isinstance(algorithm, Wrapper):
            return None
        algorithm = algorithm.algorithm
    return algorithm


class Laddered(Budgeted):
    """Abstract: uses budgets that grow ``eta``-fold, from the smallest to the largest."""

    def __init__(
        self,
        algorithm: Algorithm | None = None,
        *,
        budget: str = "budget",
        eta: int = 3,
        seed: int | None = None,
    ) -> None:
        super().__init__(algorithm, budget, seed)
        self.eta = check_count(eta, "eta", type(self).__name__, least=2)

    def _climb(self, budget: Budget) -> tuple[int | float, ...]:
        return budget.ladder(self.eta)
