"""Population-based training (PBT): the worst members copy the best ones and change their hyperparameters.

Weights are copied by the user's program: ``feedback.parent`` names the trial whose checkpoint to load.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any, NamedTuple, final

from pliant.space import Choice, Decisions, Float, Int, Point, Space, from_unit, to_unit
from pliant.space.sample import sample_branch
from pliant.values.errors import FieldValueError

from ..base import Algorithm, Exhausted, take_first
from ..options import check_count, check_number
from ..rewards import Reward
from .budget import Budget, Budgeted, Values

_TRIES = 10  # to find hyperparameters that no member has


class _Result(NamedTuple):
    """The decisions of a member at one budget, and their reward."""

    values: Values
    reward: float | None


class _Member:
    """One member of the population: its decisions, its rung, and whether its trial is running."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.rung = 0
        self.is_out = True
        self.parent: Values | None = None  # decisions of the trial that it continues from


@final
class PBT(Budgeted):
    """Population-based training: after each round, the worst fifth copies one of the best fifth and changes the copy.

    Jaderberg et al., "Population based training of neural networks", 2017 (arXiv:1711.09846), section 4.1.1:
    exploit by truncation selection, explore by perturbing or resampling.  The budget of a trial is the total training
    of its member, so members are compared at each budget: ``pg.intv(5, 100, step=5, name="budget")`` is twenty
    rounds.  A trial with a ``parent`` loads the checkpoint of that trial, and trains from its budget to its own; one
    without trains from scratch.  Keep checkpoints, by the decisions of their trial, until the population is complete.

    >>> from pliant.space import flatten, floating, integer
    >>> algorithm = PBT(population_size=4, quantile=0.25)
    >>> algorithm.setup(flatten([floating("lr", 1e-4, 1, scale="log"), integer("epochs", 10, 50, step=10, name="budget")]))
    >>> first = [algorithm.propose() for _ in range(4)]
    >>> for decisions in first:
    ...     algorithm.feedback(decisions, decisions["lr"])
    >>> second = [algorithm.propose() for _ in range(4)]
    >>> {decisions["budget"] for decisions in second}
    {20}
    >>> best, worst = (pick(first, key=lambda one: one["lr"]) for pick in (max, min))
    >>> [algorithm.parent(decisions) for decisions in second].count(best)
    2

    Different from the paper: a member is compared with all rewards at its own budget, so that members ahead have no
    advantage; a failed member is treated as one of the worst (and restarts if all failed).  If all members are
    running, another one joins, so any number of workers stay busy.  When all are trained to the largest budget, the
    next population starts.  Members with equal decisions share a parent, so explored decisions differ from those of
    all members if the space allows it.

    Args:
      algorithm: proposes the first members; random search if None.
      population_size: number of members, at least 2.
      quantile: the part of the population that is replaced, and the part that is copied (at least one each); at most
        0.5; 0 replaces none.
      resample: the probability that a copied decision is drawn at random instead of perturbed.
      budget: the path or name of the budget.
      seed: of the random numbers; that of ``algorithm`` if None.

    Raises:
      SpaceError: (``setup``) the space has no such budget, or it is a float.
    """

    waits = True

    def __init__(
        self,
        algorithm: Algorithm | None = None,
        *,
        population_size: int = 20,
        quantile: float = 0.2,
        resample: float = 0.25,
        budget: str = "budget",
        seed: int | None = None,
    ) -> None:
        super().__init__(algorithm, budget, seed)
        self.population_size = check_count(population_size, "population_size", "PBT")
        if population_size < 2:
            raise FieldValueError(
                "PBT(population_size=...) is at least 2, as members are compared; got 1. To train one model, use a schedule."
            )
        self.quantile = check_number(quantile, "quantile", "PBT", most=0.5)
        self.resample = check_number(resample, "resample", "PBT", most=1.0)

    def _climb(self, budget: Budget) -> tuple[int | float, ...]:
        return budget.steps()

    def _setup(self) -> None:
        super()._setup()
        self._start_population()
        self._out: dict[Values, list[int]] = {}  # running trials, and their members

    def _start_population(self) -> None:
        self._members: list[_Member] = []
        self._results: list[dict[int, _Result]] = [{} for _ in self._ladder]  # per budget and member

    def _propose(self) -> Decisions:
        last = len(self._ladder) - 1
        if len(self._members) >= self.population_size and all(
            not member.is_out and member.rung == last for member in self._members
        ):
            self._start_population()
        ready = [n for n, member in enumerate(self._members) if not member.is_out and member.rung < last]
        number = min(ready, key=lambda n: self._members[n].rung) if ready else None
        if number is None or len(self._members) < self.population_size:
            try:
                self._members.append(_Member(self.algorithm.propose().values))
                number = len(self._members) - 1
            except Exhausted:
                if number is None:
                    raise
                self._train_on(number)
        else:
            self._train_on(number)
        member = self._members[number]
        proposal = self._join(member.values, self._ladder[member.rung])
        self._out.setdefault(proposal.values, []).append(number)
        return proposal

    def _train_on(self, number: int) -> None:
        """Sets the next decisions of a member: its own, or changed copies of a better member's (exploit and explore)."""
        member = self._members[number]
        results = self._results[member.rung]
        ranked = sorted((-result.reward, n) for n, result in results.items() if result.reward is not None)
        count = max(1, int(self.quantile * len(ranked))) if self.quantile else 0
        bottom = [n for _, n in ranked[max(count, len(ranked) - count) :]]
        source = number
        if results[number].reward is None or number in bottom:
            if not ranked:
                member.values, member.rung, member.parent = self._draw(member.values), 0, None
                member.is_out = True
                return
            source = ranked[int(self.random.random() * max(1, count))][1]
            member.values = self._explore(results[source].values)
        member.parent = self._join(results[source].values, self._ladder[member.rung]).values
        member.rung += 1
        member.is_out = True

    def _draw(self, default: Values) -> Values:
        try:
            return self.algorithm.propose().values
        except Exhausted:
            return default

    def _explore(self, values: Values) -> Values:
        """Returns decisions near ``values`` that no member has, if some are found."""
        start = Decisions(self._budget.space, values)
        taken = {member.values for member in self._members}
        for _ in range(_TRIES):
            found = explore(start, self.random, resample=self.resample).values
            if found not in taken:
                break
        return found

    def _feedback(self, decisions: Decisions, reward: Reward) -> None:
        self._tell(decisions, reward)
        number = take_first(self._out, decisions.values)
        if number is None:
            return  # was proposed elsewhere
        member = self._members[number]
        member.is_out = False
        assert not isinstance(reward, tuple)
        self._results[member.rung][number] = _Result(member.values, reward)

    def _parent(self, decisions: Decisions) -> Decisions | None:
        waiting = self._out.get(decisions.values)
        parent = self._members[waiting[-1]].parent if waiting else None
        return None if parent is None else Decisions(self.space, parent)

    def _state(self) -> dict[str, Any]:
        return {
            **super()._state(),
            "members": [
                [list(one.values), one.rung, one.is_out, None if one.parent is None else list(one.parent)]
                for one in self._members
            ],
            "results": [
                [[number, list(result.values), result.reward] for number, result in results.items()]
                for results in self._results
            ],
            "out": [[list(values), number] for values, waiting in self._out.items() for number in waiting],
        }

    def _restore(self, state: dict[str, Any]) -> None:
        super()._restore(state)
        for values, rung, is_out, parent in state["members"]:
            member = _Member(self._check_values(values))
            member.rung, member.is_out = int(rung), bool(is_out)
            member.parent = None if parent is None else self._load(parent).values
            self._members.append(member)
        for mine, results in zip(self._results, state["results"], strict=True):
            for number, values, reward in results:
                mine[int(number)] = _Result(self._check_values(values), reward)
        for values, number in state["out"]:
            self._out.setdefault(self._load(values).values, []).append(int(number))


FACTORS = (0.8, 1.2)
_SHIFT = 0.1  # of the scale, for ranges that include zero, where factors do not work


def explore(decisions: Decisions, random: Random, *, resample: float) -> Decisions:
    """Explore step of PBT: perturbs each decision, or draws it at random with probability ``resample``.

    Numbers are multiplied by 0.8 or 1.2 (Jaderberg et al. 2017, section 4.1.1), within their range; integers move by
    at least one step; if a range includes zero, a number moves by a tenth of its scale.  Choices among ordered
    candidates move to a neighbour; other choices, choices with decisions below them, and the picks of a ``manyof``
    change only when they are drawn at random.

    >>> from pliant.space import flatten, floating
    >>> space = flatten([floating("lr", 0.001, 1.0, scale="log")])
    >>> explore(Decisions(space, [0.1]), Random(1), resample=0.0)["lr"]
    0.12
    """
    space = decisions.space
    decided = dict(zip(decisions.active, decisions.values, strict=True))
    values: list[int | float] = []
    _walk(space, space.top, decided, random, resample=resample, values=values)
    return Decisions(space, values)


def _walk(
    space: Space,
    indices: Iterable[int],
    decided: dict[int, int | float],
    random: Random,
    *,
    resample: float,
    values: list[int | float],
) -> None:
    """Appends the decisions for the points at ``indices`` and all below them."""
    for index in indices:
        point = space.points[index]
        group = point.group if isinstance(point, Choice) else None
        if group is not None and index != group.first:
            continue  # was done with the first pick
        members = (index,) if group is None else tuple(group.members)
        if random.random() < resample:
            values.extend(sample_branch(space, members, random))
            continue
        for member in members:
            point = space.points[member]
            value = decided[member] if group is not None else _perturb(point, decided[member], random)
            values.append(value)
            if isinstance(point, Choice):
                _walk(space, point.branches[int(value)], decided, random, resample=resample, values=values)


def _perturb(point: Point, value: int | float, random: Random) -> int | float:
    way = int(random.random() * 2)
    if isinstance(point, Choice):
        if not point.ordered or any(point.branches):
            return value
        return min(max(int(value) + (-1, 1)[way], 0), point.count - 1)
    if point.min_value <= 0:
        unit = to_unit(point, value) + (-_SHIFT, _SHIFT)[way]
        moved: int | float = from_unit(point, min(max(unit, 0.0), 1.0))
    else:
        moved = value * FACTORS[way]
    if isinstance(point, Float):
        return min(max(moved, point.min_value), point.max_value)
    return _fit_int(point, int(value), moved, up=way == 1)


def _fit_int(point: Int, old: int, moved: float, *, up: bool) -> int:
    """Returns the grid value nearest to ``moved``, at least one step from the old one."""
    low, step, last = point.min_value, point.step, point.last
    steps = int((moved - low) / step + 0.5) if moved > low else 0
    new = low + step * steps
    new = max(new, old + step) if up else min(new, old - step)
    return min(max(new, low), last)
