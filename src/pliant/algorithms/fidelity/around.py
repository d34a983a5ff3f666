"""What algorithms that decide the budget share: another algorithm for the rest of the space.

``Budgeted`` splits and joins, ``Laddered`` says which budgets there are; which comes when is left to subclasses.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from pliant.space import Decisions
from pliant.values.errors import FieldTypeError, FieldValueError

from ..base import Algorithm, Reward, check_algorithm
from ..random import Random
from .split import Budget

Values = tuple[int | float, ...]


class Budgeted(Algorithm):
    """Abstract: decides the budget itself, and asks ``algorithm`` for all other decisions.

    ``algorithm`` searches the space without the budget.  It is told every reward, whatever the budget it was
    got with; so what is promoted is told again, with the reward of more training.

    Args:
      algorithm: what proposes; random search when None.
      budget: the path or the name of the budget.
      seed: where the random numbers start; that of ``algorithm`` when None.
    """

    def __init__(self, algorithm: Algorithm | None, budget: str, seed: int | None) -> None:
        owner = type(self).__name__
        self.algorithm = Random() if algorithm is None else check_algorithm(algorithm, f"{owner}(...)")
        super().__init__(self.algorithm.seed if seed is None else seed)
        if not isinstance(budget, str):
            raise FieldTypeError(
                f"{owner}(budget=...) takes the path or name of a decision, such as 'budget'; got {budget!r:.80} "
                f"of type {type(budget).__name__}. How large budgets are, the decision itself says."
            )
        self.budget = budget

    @property
    def budgets(self) -> tuple[int | float, ...]:
        """How large the budgets are that are tried, smallest first.

        Raises:
          SetupError: there is no space yet.
        """
        self.space  # noqa: B018 - raises where there is none
        return tuple(self._budget.amount(budget) for budget in self._ladder)

    @abstractmethod
    def _climb(self, budget: Budget) -> tuple[int | float, ...]:
        """Returns the decisions for the budgets that are to be tried, smallest first."""

    def _setup(self) -> None:
        self._budget = Budget(self.space, self.budget, owner=type(self).__name__)
        self._ladder = self._climb(self._budget)
        self.algorithm.setup(self._budget.space, seed=self.seed)

    def _join(self, values: Values, budget: int | float) -> Decisions:
        """Returns decisions of the whole space from the values of the others, and the budget's."""
        return self._budget.join(Decisions(self._budget.space, values), budget)

    def _tell(self, decisions: Decisions, reward: Reward) -> tuple[Values, int | float]:
        """Tells the inner algorithm a reward; returns the decisions split."""
        rest, budget = self._budget.split(decisions)
        self.algorithm.feedback(rest, reward)
        return rest.values, budget

    def _report(self, decisions: Decisions, reward: float, step: float) -> bool:
        return self.algorithm.report(self._budget.split(decisions)[0], reward, step=step)

    def _state(self) -> dict[str, Any]:
        return {"algorithm": self.algorithm.state()}

    def _restore(self, state: dict[str, Any]) -> None:
        self.algorithm.restore(state["algorithm"])

    def _check_values(self, values: Any) -> Values:
        """Returns values of the space without budget that come from a state."""
        return Decisions.from_json(self._budget.space, values).values


class Laddered(Budgeted):
    """Abstract: tries budgets that grow ``eta``-fold, from the smallest up to the largest.

    Args:
      algorithm: what proposes all decisions but the budget; random search when None.
      budget: the path or the name of the budget.
      eta: one in so many trials is promoted, to a budget so many times larger.
      seed: where the random numbers start; that of ``algorithm`` when None.

    Raises:
      SpaceError: from ``setup``: the space has no such budget, or it is less than ``eta`` times as large at its end.
    """

    def __init__(
        self,
        algorithm: Algorithm | None = None,
        *,
        budget: str = "budget",
        eta: int = 3,
        seed: int | None = None,
    ) -> None:
        super().__init__(algorithm, budget, seed)
        self.eta = check_eta(eta, type(self).__name__)

    def _climb(self, budget: Budget) -> tuple[int | float, ...]:
        return budget.ladder(self.eta)


def check_eta(eta: Any, owner: str) -> int:
    """Returns ``eta`` when it is an integer of at least 2.

    Raises:
      FieldTypeError, FieldValueError: it is not.
    """
    if eta.__class__ is not int or eta < 2:
        kind = FieldValueError if eta.__class__ is int else FieldTypeError
        raise kind(
            f"{owner}(eta=...) takes an integer of at least 2, as one in eta trials goes on; got {eta!r:.80}."
        )
    return int(eta)
