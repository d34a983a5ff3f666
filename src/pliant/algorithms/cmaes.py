"""``CMAES``: covariance matrix adaptation by the package ``cmaes``, as an algorithm over any space."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.space import Choice, Decisions, Space, from_unit, to_unit
from pliant.values.errors import LoadError, quote
from pliant.values.packages import require

from .base import Algorithm, take_first
from .options import check_count, check_number
from .rewards import Reward, check_reward

Units = NDArray[np.float64]

_GROWTH = 2  # of the population at each restart


@final
class CMAES(Algorithm):
    """CMA-ES (covariance matrix adaptation evolution strategy), for spaces of numbers; needs ``pip install "pliant[cmaes]"``.

    Hansen, "The CMA evolution strategy: a tutorial", 2016, as the package ``cmaes`` implements it (Nomura and Shibata,
    2024), with restarts of twice the population when it has converged (Auger and Hansen, "A restart CMA evolution
    strategy with increasing population size", 2005).

    The distribution is over [0, 1] for each point of the space, in the order and scale of the point: that of a float or
    integer, and the index of a choice.  Points that are not active are drawn and not used.  Of distinct picks, one that is
    taken is replaced by the next free candidate.  So choices without an order and conditional decisions are allowed, and
    not what it is good at.

    A trial without a reward counts as the worst of its population.  Rewards of decisions that were not proposed count as
    members of the population.

    ``state()`` is the log of proposals and rewards; ``restore`` replays it, and checks that the proposals are the same.

    >>> from pliant.space import flatten, floating
    >>> algorithm = CMAES(seed=1)
    >>> algorithm.setup(flatten([floating("x", -5, 5), floating("y", -5, 5)]))
    >>> for _ in range(150):
    ...     decisions = algorithm.propose()
    ...     algorithm.feedback(decisions, -sum((value - 1) ** 2 for value in decisions.values))
    >>> [round(value, 1) for value in algorithm.propose().values]
    [1.0, 1.0]

    Args:
      population_size: how many trials each update of the distribution uses; None for 4 + 3 ln(number of points).
      sigma: the first standard deviation, as a part of each range; it starts in the middle.
      seed: where the random numbers start.

    Raises:
      ImportError: the package ``cmaes`` is not installed.
      FieldTypeError, FieldValueError: an argument is out of its range.
    """

    def __init__(self, population_size: int | None = None, *, sigma: float = 0.25, seed: int = 0) -> None:
        super().__init__(seed)
        _load()
        self.population_size = (
            None
            if population_size is None
            else check_count(population_size, "population_size", "CMAES", least=2)
        )
        self.sigma = check_number(sigma, "sigma", "CMAES", above=0, most=1)

    def _setup(self) -> None:
        self._strategy = self._start(self.population_size)
        self._waiting: dict[tuple[int | float, ...], list[tuple[int, Units]]] = {}
        self._proposed = 0
        self._members: list[tuple[Units, float | None]] = []  # of the population that is not complete
        self._log: list[list[Any]] = []

    def _start(self, population_size: int | None) -> Any:
        count = max(len(self.space.points), 2)  # the package needs two
        return _load().CMA(
            mean=np.full(count, 0.5),
            sigma=self.sigma,
            bounds=np.tile([0.0, 1.0], (count, 1)),
            population_size=population_size,
            seed=self.random.getrandbits(32),
        )

    def _propose(self) -> Decisions:
        units = self._strategy.ask()
        decisions = Decisions._of(self.space, to_values(self.space, units))
        self._waiting.setdefault(decisions.values, []).append((self._proposed, units))
        self._proposed += 1
        self._log.append(["proposed", list(decisions.values)])
        return decisions

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        assert not isinstance(reward, tuple)
        waiting = take_first(self._waiting, decisions.values)
        place, units = waiting or (list(decisions.values), self._locate(decisions))
        self._log.append(["told", place, reward])
        self._members.append((units, reward))
        if len(self._members) < self._strategy.population_size:
            return
        known = [-value for _, value in self._members if value is not None]
        worst = max(known, default=0.0)
        # The package ranks members and does not use the size of their losses, except to see that all are equal.
        self._strategy.tell([(u, worst if value is None else -value) for u, value in self._members])
        self._members = []
        if self._strategy.should_stop():
            self._strategy = self._start(_GROWTH * self._strategy.population_size)

    def _locate(self, decisions: Decisions) -> Units:
        """Returns the place of decisions in the distribution; the middle for what is not active."""
        units: Units = np.full(len(self._strategy.mean), 0.5)
        for index, value in zip(decisions.active, decisions.values, strict=True):
            point = self.space.points[index]
            is_choice = isinstance(point, Choice)
            units[index] = (value + 0.5) / point.count if is_choice else to_unit(point, value)  # type: ignore[arg-type]  # a number
        return units

    def _withdraw(self, decisions: Decisions) -> None:
        waiting = self._waiting.get(decisions.values)
        if waiting:
            place, _ = waiting.pop()
            if not waiting:
                del self._waiting[decisions.values]
            self._log.append(["withdrawn", place])

    def _state(self) -> dict[str, Any]:
        return {"log": [list(event) for event in self._log]}

    def _restore(self, state: dict[str, Any]) -> None:
        proposed: list[Decisions] = []
        for what, subject, *rewards in state["log"]:
            if what == "proposed":
                proposed.append(self.propose())
                if list(proposed[-1].values) != subject:
                    raise LoadError(
                        f"proposal {len(proposed)} was {quote(subject)} and is now {quote(list(proposed[-1].values))}: "
                        "the algorithm has other arguments, or the package cmaes another version."
                    )
                continue
            decisions = self._load(subject) if isinstance(subject, list) else proposed[subject]
            if what == "withdrawn":
                self.withdraw(decisions)
            else:
                self.feedback(decisions, check_reward(rewards[0], several=False))


def to_values(space: Space, units: Units) -> tuple[int | float, ...]:
    """Returns the vector of decisions at a place in [0, 1] for each point of a space, always valid.

    >>> from pliant.space import choice, flatten
    >>> to_values(flatten([choice("p", 3, picks=3)]), np.array([0.9, 0.9, 0.1]))
    (2, 0, 1)
    """
    points: Any = space.points
    values: list[int | float] = []
    picks: dict[int, list[int]] = {}  # of groups with a rule, by their first point: what their picks are

    def decide(index: int) -> int | float:
        point, unit = points[index], float(units[index])
        if not isinstance(point, Choice):
            return from_unit(point, unit)
        group = point.group
        if group is None or not (group.distinct or group.sorted):
            return min(int(unit * point.count), point.count - 1)
        if group.first not in picks:
            picks[group.first] = _pick(
                [min(int(units[m] * point.count), point.count - 1) for m in group.members], point
            )
        return picks[group.first][point.pick]

    pending = list(reversed(space.top))
    while pending:
        index = pending.pop()
        values.append(decide(index))
        if isinstance(points[index], Choice):
            pending += reversed(points[index].branches[int(values[-1])])
    return tuple(values)


def _pick(wanted: list[int], point: Choice) -> list[int]:
    """Returns the picks of a group, in its rule: of distinct ones, the next free candidate of each."""
    group = point.group
    assert group is not None
    picked: list[int] = []
    for candidate in wanted:
        while group.distinct and candidate in picked:
            candidate = (candidate + 1) % point.count
        picked.append(candidate)
    return sorted(picked) if group.sorted else picked


def _load() -> Any:
    require(
        "the algorithm CMAES(...)", "cmaes", instead="use an algorithm that needs no package: Bayesian, TPE"
    )
    import cmaes

    return cmaes
