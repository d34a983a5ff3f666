"""``Prior``: beliefs about the good decisions of a space, as a density; and how a user writes beliefs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, final

import numpy as np

from pliant.space import Choice, Decisions, Float, Int, Point, Space, from_unit, to_unit, walk_points
from pliant.space.formats import candidate_values
from pliant.values.errors import FieldTypeError, FieldValueError, listing, quote, quote_typed, suggest
from pliant.values.numbers import to_real, to_whole

from ..rewards import Reward
from .belief import Belief, Normal, Vector, Weights, draw_index

Given = Mapping[str, Any]
"""Beliefs as a user writes them, by path or name: the best value; weights of candidates; or a range of numbers."""

BETA = 10.0
"""The density has the exponent ``BETA / n`` after n trials."""
_JUDGED = 200  # up to this number of trials, rewards are compared with the density; it hardly matters later
_DEVIATION = 0.15  # of a number without a range, on its scale
_LEAST = 0.02  # the smallest deviation of a number, on its scale
_TRIES = 20  # draws of decisions that were not seen


@final
class Prior:
    """A density over the decisions of a space: the product of beliefs about single decisions, uniform for all others.

    A search multiplies its acquisition function after n trials by this density to the power of beta / n, as πBO does
    (Hvarfner, Stoll, Souza, Lindauer, Hutter and Nardi, "πBO: Augmenting acquisition functions with user beliefs for
    Bayesian optimization", ICLR 2022), so that a wrong belief is overruled by rewards.  The factor in ``tilt`` by which the
    exponent is smaller where rewards contradict the belief is our own addition.

    >>> from pliant.space import choice, flatten, floating
    >>> space = flatten([choice("op", 2), floating("rate", 0, 1)])
    >>> prior = read_prior({"op": (1, 3), "rate": 0.2}, space, "TPE")
    >>> prior.mode(Random(0))
    Decisions({'op': 1, 'rate': 0.2})
    >>> prior.log([space.parse([1, 0.2]), space.parse([0, 0.2])]).round(3).tolist()
    [0.0, -0.969]

    Args:
      space: the space.
      beliefs: by the index of their point.
    """

    def __init__(self, space: Space, beliefs: dict[int, Belief]) -> None:
        self.space, self.beliefs = space, beliefs
        self._is_flat = len(space.points) == len(space.top)

    def tilt(self, told: Sequence[Decisions], rewards: Sequence[Reward]) -> Tilt:
        """Returns what a search with these recorded rewards adds to the logarithm of its acquisition function."""
        trust = self._judge(told, rewards) if len(told) <= _JUDGED else 1.0
        return Tilt(self, BETA / max(1, len(told)) * trust)

    def _judge(self, told: Sequence[Decisions], rewards: Sequence[Reward]) -> float:
        """Returns how far rewards agree with the density, from 0 to 1: less than 1 if good trials have low densities.

        With a the probability that one of the best quarter of the trials has a higher density than one of the others: 4 a - 1.
        """
        count = len(told) // 4
        if count == 0 or any(isinstance(reward, tuple) for reward in rewards):
            return 1.0
        values = [-math.inf if reward is None else float(reward) for reward in rewards]  # type: ignore[arg-type]  # checked
        order = np.argsort(np.negative(values), kind="stable")
        logs = np.round(self.log(told), 9)
        good, others = logs[order[:count], None], logs[None, order[count:]]
        area = float(np.mean((good > others) + 0.5 * (good == others)))
        return min(max(4.0 * area - 1.0, 0.0), 1.0)

    def log(self, many: Sequence[Decisions]) -> Vector:
        """Returns the logarithm of the density at decisions, [n]: 0 where each belief has its most probable value."""
        total = np.zeros(len(many))
        if self._is_flat and many:
            table = np.array([one.values for one in many], dtype=object)
            for index, belief in self.beliefs.items():
                total += belief.log(table[:, self.space.top.index(index)])
            return total
        found: dict[int, tuple[list[int], list[int | float]]] = {index: ([], []) for index in self.beliefs}
        for row, one in enumerate(many):
            for index, value in zip(one.active, one.values, strict=True):
                if index in found:
                    found[index][0].append(row)
                    found[index][1].append(value)
        for index, (rows, values) in found.items():
            total[rows] += self.beliefs[index].log(np.array(values, dtype=object))
        return total

    def sample(self, random: Random) -> Decisions:
        """Draws decisions from the density; distinct picks one after the other, each from the candidates that are left."""
        return self._draw(random, lambda belief, random: belief.draw(random))

    def mode(self, random: Random) -> Decisions:
        """Returns decisions with the most probable values, random where nothing is believed."""
        return self._draw(random, lambda belief, _: belief.mode)

    def sample_new(self, random: Random, seen: Any) -> Decisions | None:
        """Draws decisions whose values are not in ``seen``, the mode if nothing was; None if all draws were seen."""
        found = self.sample(random) if seen else self.mode(random)
        for _ in range(_TRIES):
            if found.values not in seen:
                return found
            found = self.sample(random)
        return None

    def _draw(self, random: Random, pick: Any) -> Decisions:
        picks: dict[int, list[int]] = {}  # that are left, of groups with a rule

        def decide(index: int, point: Point) -> int | float:
            belief = self.beliefs.get(index)
            group = point.group if isinstance(point, Choice) else None
            if group is not None and (group.distinct or group.sorted):
                if group.first not in picks:
                    picks[group.first] = self._draw_group(index, random)
                return picks[group.first].pop(0)
            if belief is not None:
                return pick(belief, random)  # type: ignore[no-any-return]  # as declared by beliefs
            unit = random.random()
            return int(unit * point.count) if isinstance(point, Choice) else from_unit(point, unit)

        return Decisions(self.space, walk_points(self.space, decide))

    def _draw_group(self, index: int, random: Random) -> list[int]:
        point: Any = self.space.points[index]
        found: list[int] = []
        for member in point.group.members:
            belief = self.beliefs.get(member)
            chances = list(belief.chances) if isinstance(belief, Weights) else [1.0] * point.count
            if point.group.distinct:
                chances = [0.0 if at in found else one for at, one in enumerate(chances)]
            found.append(draw_index(chances, random))
        return sorted(found) if point.group.sorted else found


@final
class Tilt:
    """The logarithm of a density to a power."""

    def __init__(self, prior: Prior, exponent: float) -> None:
        self._prior, self.exponent = prior, exponent

    def draw(self, count: int, random: Random) -> list[Decisions]:
        """Draws the part of ``count`` candidates that should come from the density: less of them as the exponent falls."""
        share = round(count * self.exponent / (1.0 + self.exponent))
        return [self._prior.sample(random) for _ in range(share)]

    def log(self, many: Sequence[Decisions]) -> Vector:
        """Returns it at decisions, [n]."""
        return self.exponent * self._prior.log(many)

    def slope(self, indices: Sequence[int], units: Vector) -> tuple[float, Vector]:
        """Returns the part of floats at places on their scales, summed, and its gradient by the places.

        Args:
          indices: of the point of each float.
          units: the place of each, in [0, 1].
        """
        total, gradient = 0.0, np.zeros_like(units)
        table = np.array(indices)
        for index, belief in self._prior.beliefs.items():
            if isinstance(belief, Normal) and (at := np.flatnonzero(table == index)).size:
                value, by_units = belief.slope(units[at])
                total += self.exponent * float(value.sum())
                gradient[at] = self.exponent * by_units
        return total, gradient


def check_prior(given: object, owner: str) -> dict[str, Any] | None:
    """Returns the argument ``prior`` of an algorithm in a form that JSON keeps; None for nothing.

    Raises:
      FieldTypeError, FieldValueError: it is not a dict of beliefs.
    """
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise FieldTypeError(
            f"{owner}(prior=...) takes a dict of beliefs by path or name, such as {{'lr': 1e-3}}; got {quote_typed(given)}."
        )
    return {_check_key(key, owner): _check(key, value, owner) for key, value in given.items()}


def read_prior(given: dict[str, Any] | None, space: Space, owner: str) -> Prior | None:
    """Returns the prior that checked beliefs give for a space; None for nothing.

    Raises:
      FieldValueError: a key names no decision of the space, or a belief is not one about its decision.
    """
    if not given:
        return None
    beliefs: dict[int, Belief] = {}
    for key, value in given.items():
        for index in find_holes(space, key, owner):
            beliefs[index] = _read(space.points[index], value, f"{owner}(prior={{{quote(key)}: ...}})")
    return Prior(space, beliefs)


def find_holes(space: Space, key: str, owner: str) -> list[int]:
    """Returns the indices of the points with this path, or else name, or else last key of the path.

    >>> from pliant.space import choice, flatten, integer
    >>> space = flatten([choice("op", [integer("k", 1, 3), integer("k", 1, 5)])])
    >>> [space.points[index].path for index in find_holes(space, "k", "TPE")]
    ['op[=0/2].k', 'op[=1/2].k']

    Raises:
      FieldValueError: the space has no such point.
    """
    levels: list[list[set[str | None]]] = [
        [{point.path, _hole(point)} for point in space.points],
        [{point.name} for point in space.points],
    ]
    for names in levels:
        if found := [index for index, known in enumerate(names) if key in known]:
            return found
    if found := [index for index, point in enumerate(space.points) if last_key(_hole(point)) == key]:
        return found
    keys = [name for point in space.points for name in (_hole(point), point.name) if name is not None]
    raise FieldValueError(
        f"{owner}(prior=...) has a belief about {quote(key)}, and the space has no such decision{suggest(key, keys) or '.'} "
        f"Its decisions: {listing(list(dict.fromkeys(keys)))}."
    )


def last_key(path: str) -> str:
    """Returns the last key of a path, such as ``rate`` of ``op[=1/2].rate``."""
    return path.rpartition(".")[2]


def _hole(point: Point) -> str:
    return point.hole if isinstance(point, Choice) else point.path


def _check_key(key: object, owner: str) -> str:
    if not isinstance(key, str):
        raise FieldTypeError(
            f"{owner}(prior=...) has paths or names of decisions as keys, such as 'lr'; got {quote_typed(key)}."
        )
    return key


def _check(key: object, value: Any, owner: str) -> Any:
    """Returns a belief as a plain value, a tuple of numbers, or a dict of numbers by text."""
    where = f"{owner}(prior={{{quote(key)}: ...}})"
    if isinstance(value, Mapping):
        return {str(one): _number(weight, where) for one, weight in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple([_number(one, where) for one in value])
    if value is None or isinstance(value, (bool, str)):
        return value
    return _number(value, where)


def _number(value: object, where: str) -> float:
    whole = to_whole(value)
    number = to_real(value) if whole is None or abs(whole) > 1e300 else whole
    if number is None:
        raise FieldTypeError(
            f"{where} takes the best value, weights of candidates, or a range (low, high) of numbers; got {quote_typed(value)}."
        )
    if not math.isfinite(number):
        raise FieldValueError(f"{where} takes finite numbers; got {number!r}.")
    return number


def _read(point: Point, value: Any, where: str) -> Belief:
    if isinstance(point, Choice):
        return Weights(point, _read_weights(point, value, where))
    span = f"from {point.min_value:g} to {point.max_value:g}"
    numbers = value if isinstance(value, tuple) else (value,)
    is_known = all(
        isinstance(one, (int, float))
        and not isinstance(one, bool)
        and point.min_value <= one <= point.max_value
        for one in numbers
    )
    if (
        isinstance(value, Mapping)
        or not is_known
        or len(numbers) > 2
        or list(numbers) != sorted(set(numbers))
    ):
        raise FieldValueError(
            f"{where} is about a number {span}: give the value that is probably best, or the range (low, high) that "
            f"it is probably in; got {quote(value)}."
        )
    low, high = _place(point, numbers[0]), _place(point, numbers[-1])
    deviation = (high - low) / 2 if len(numbers) == 2 else _DEVIATION
    return Normal(point, (low + high) / 2, max(deviation, _LEAST))


def _place(point: Int | Float, value: float) -> float:
    if isinstance(point, Int):  # the nearest of its values
        value = min(point.min_value + round((value - point.min_value) / point.step) * point.step, point.last)
    return to_unit(point, value)


def _read_weights(point: Choice, value: Any, where: str) -> list[float]:
    """Returns the weight of each candidate."""
    texts = [{str(one), text} for one, text in zip(candidate_values(point), point.literals, strict=True)]
    if not isinstance(value, (tuple, Mapping)):
        value = {str(value): 1.0}
    if isinstance(value, Mapping):
        for key in value:
            if not any(str(key) in known for known in texts):
                raise FieldValueError(
                    f"{where}: {quote(key)} is not a candidate{suggest(key, [*map(str, candidate_values(point))]) or '.'} "
                    f"The candidates are {_list(point)}."
                )
        value = [max([0.0, *(weight for key, weight in value.items() if key in known)]) for known in texts]
    weights: list[float] = [float(one) for one in value]
    if len(weights) != point.count or min(weights) < 0 or not 0 < sum(weights) < math.inf:
        raise FieldValueError(
            f"{where} takes {point.count} weights of at least 0, one for each candidate in order, and one of them above 0; "
            f"got {quote(list(weights))}. The candidates are {_list(point)}."
        )
    return weights


def _list(point: Choice) -> str:
    """Returns the candidates of a choice, as they are written."""
    more = f" and {point.count - 12} more" if point.count > 12 else ""
    return ", ".join(text[:80] for text in point.literals[:12]) + more
