"""Builds programs of a space to see which are invalid, which are equal, what they cost, and which decisions are dead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from math import log, sqrt
from random import Random
from typing import Any, final

from pliant.space import Decisions, Space, neighbours
from pliant.symbolic.read.compare import equal, hash_of
from pliant.symbolic.tree.node import ATOMS, Node
from pliant.symbolic.tree.node import children as children_of
from pliant.values.errors import FieldValueError, quote
from pliant.values.exceptions import describe
from pliant.values.numbers import to_real

from .facts import Programs

Cost = Callable[[Any], float | Mapping[str, float]]
Structure = Callable[[Any], Any]

LEVELS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""The quantiles of cost."""

_ATTEMPTS = 4  # draws per program, as some are repeated
_BASES = 20  # programs whose neighbours are built, to find dead decisions
_CHANGES = 5  # without effect, until a decision counts as dead
_COLUMNS = 40  # decisions among which the cause of invalid programs is looked for
_LEAST = 0.01  # nats: less tells nothing
_DEVIATIONS = 5  # standard deviations above chance
_CLEARLY = 1.5  # times more than one decision
_VALUES = 16  # more values than this are too many to count how often each fails


def count_nodes(program: object) -> int:
    """Returns the number of nodes and leaves of a program.

    >>> count_nodes({"a": 1, "b": [2, 3]})
    5
    """
    count, pending = 0, [program]
    while pending:
        value = pending.pop()
        count += 1
        if value.__class__ not in ATOMS:
            below = (
                value._sym_values() if isinstance(value, Node) else [v for _, v in children_of(value) or ()]
            )
            pending.extend(below)
    return count


@final
class Survey:
    """Programs that were built from decisions: their structures, costs and errors."""

    def __init__(
        self, build: Callable[[Decisions], Any], cost: Cost | None, structure: Structure | None
    ) -> None:
        self.build = build
        self.cost = cost or count_nodes
        self.cost_name = getattr(cost, "__name__", "cost") if cost else "nodes"
        self.structure = structure
        self.errors: Counter[str] = Counter()
        self.costs: list[float] = []
        self.others: dict[str, list[float]] = {}  # further costs, by name
        self.limit = getattr(
            cost, "limit", None
        )  # of programs whose cost is found, while the function takes all
        self._refuses = False  # whether the cost function raised an error for a program
        self.of_part = getattr(cost, "of_part", None)
        self.rows: list[tuple[Decisions, bool]] = []  # and whether it is valid
        self._met: dict[int, list[Any]] = {}  # structures by hash

    def add(self, decisions: Decisions) -> None:
        """Builds a program, and notes what it is."""
        try:
            program = self.build(decisions)
            structure = self.structure(program) if self.structure else program
            cost = self._read_limited(program)
        except Exception as error:  # noqa: BLE001  # what the user's constructors and functions raise
            self.errors[describe(error)] += 1
            self.rows.append((decisions, False))
            return
        self.rows.append((decisions, True))
        if cost is not None:
            self.costs.append(cost)
        met = self._met.setdefault(hash_of(structure), [])
        if not any(equal(structure, other) for other in met):
            met.append(structure)

    def _read_limited(self, program: object) -> float | None:
        """Returns the cost of a program; None after the limit, unless the function tells which programs are valid."""
        if self.limit is not None and len(self.costs) >= self.limit and not self._refuses:
            return None
        try:
            return self.read_cost(program, others=self.others)
        except Exception:
            self._refuses = True
            raise

    def read_cost(self, program: object, *, others: dict[str, list[float]] | None = None) -> float:
        """Returns the cost of a program; of several by name the first, and the others are appended to lists.

        Raises:
          FieldValueError: it is not a number.
        """
        found: Any = self.cost(program)
        if not isinstance(found, Mapping):
            return _check_cost(found)
        named = {str(name): _check_cost(cost) for name, cost in found.items()}
        if not named:
            raise FieldValueError("the cost function returned a dict without costs.")
        self.cost_name, *names = named
        for name in names if others is not None else ():
            others.setdefault(name, []).append(named[name])  # type: ignore[union-attr]  # checked above
        return named[self.cost_name]

    def read(self, decisions: Decisions) -> Any:
        """Returns the structure of a program; the text of the error for an invalid one."""
        try:
            program = self.build(decisions)
            return self.structure(program) if self.structure else program
        except Exception as error:  # noqa: BLE001  # as in `add`
            return describe(error)

    @property
    def valid(self) -> list[Decisions]:
        """The decisions of the valid programs."""
        return [decisions for decisions, is_valid in self.rows if is_valid]

    def finish(self, space: Space, examples: int, write: Callable[[Any], str]) -> Programs:
        """Returns what was found, with some of the programs as text."""
        failed = sum(self.errors.values())
        return Programs(
            drawn=len(self.rows),
            is_all=len(self.rows) == space.size,
            distinct=sum(map(len, self._met.values())),
            invalid=failed,
            reasons=tuple(self.errors.most_common(5)),
            causes=find_causes(space, self.rows) if 0 < failed < len(self.rows) else (),
            cost_name=self.cost_name,
            quantiles=_find_quantiles(self.costs),
            others=tuple((name, _find_quantiles(costs)) for name, costs in self.others.items()),
            costed=len(self.costs),
            examples=tuple(write(self.build(decisions)) for decisions in _spread(self.valid, examples)),
        )


def _check_cost(value: object) -> float:
    cost = to_real(value)
    if cost is None or cost != cost:
        raise FieldValueError(f"the cost {quote(value if cost is None else cost)} is not a number.")
    return cost


def _find_quantiles(costs: Sequence[float]) -> tuple[float, ...]:
    ordered, last = sorted(costs), len(costs) - 1
    return tuple(ordered[round(level * last)] for level in LEVELS) if costs else ()


def draw(space: Space, count: int, rng: Random) -> Iterable[Decisions]:
    """Returns different decisions: all of a space that has at most ``count``, else random ones."""
    if space.size <= count:
        return space.iterate()
    found: dict[Any, Decisions] = {}
    for _ in range(_ATTEMPTS * count):
        if len(found) == count:
            break
        decisions = space.sample(rng)
        found.setdefault(decisions.values, decisions)
    return found.values()


def find_dead(survey: Survey, suspects: Iterable[int], rng: Random) -> set[int]:
    """Returns which of some points change no structure when their decision changes.

    A point that was changed fewer than five times is not judged.

    Args:
      survey: has valid programs, around which decisions are changed.
      suspects: indices of points; of a ``manyof``, of its first pick.
      rng: draws what becomes active below a changed decision.
    """
    tried = dict.fromkeys(suspects, 0)
    for base in _spread(survey.valid, _BASES) if tried else ():
        before = survey.read(base)
        for changed in neighbours(base, rng):
            at = next(i for i, (a, b) in enumerate(zip(base.values, changed.values)) if a != b)
            point: Any = base.space.points[base.active[at]]
            index = base.active[at] if getattr(point, "group", None) is None else point.group.first
            if index not in tried:
                continue
            if equal(before, survey.read(changed)):
                tried[index] += 1
            else:
                del tried[index]
    return {index for index, times in tried.items() if times >= _CHANGES}


def find_causes(space: Space, rows: Sequence[tuple[Decisions, bool]]) -> tuple[str, ...]:
    """Returns the paths of the decision, or of the two, that tell most about which programs are invalid.

    That is the largest mutual information of the decisions and of being valid.  Of a sample, only what exceeds chance
    by five standard deviations counts, as many pairs are compared.  Two are named only if they tell clearly more than either.
    """
    columns: dict[int, list[Any]] = {}
    for index, point in enumerate(space.points):
        if len(columns) < _COLUMNS and 1 < point.count <= _VALUES:
            columns[index] = []
    for decisions, _ in rows:
        values = dict(zip(decisions.active, decisions.values))
        for index, column in columns.items():
            column.append(values.get(index))
    valid = [is_valid for _, is_valid in rows]
    is_sample = len(rows) < space.size

    def tell(indices: tuple[int, ...]) -> float:
        return _information(list(zip(*map(columns.__getitem__, indices))), valid, is_sample=is_sample)

    single = max(((tell((i,)), (i,)) for i in columns), default=(0.0, ()))
    double = max(((tell(pair), pair) for pair in combinations(columns, 2)), default=(0.0, ()))
    found, best = double if double[0] > max(_LEAST, _CLEARLY * single[0]) else single
    return tuple(space.points[i].path for i in best) if found > _LEAST else ()


def _information(column: Sequence[Any], valid: Sequence[bool], *, is_sample: bool) -> float:
    """Returns the mutual information of a column and of being valid, in nats; of a sample, less what chance can give.

    Of ``n`` independent samples, ``2 n`` times the information has the chi-squared distribution.
    """
    total = len(valid)
    both, one, other = Counter(zip(column, valid)), Counter(column), Counter(valid)
    found = sum(n / total * log(n * total / (one[value] * other[ok])) for (value, ok), n in both.items())
    freedom = (len(one) - 1) * (len(other) - 1)
    return found - is_sample * (freedom + _DEVIATIONS * sqrt(2 * freedom)) / (2 * total)


def _spread(decisions: Sequence[Decisions], count: int) -> list[Decisions]:
    """Returns some decisions, evenly spread over all of them."""
    total = min(count, len(decisions))
    return [decisions[i * len(decisions) // total] for i in range(total)]
