"""Decision points: one frozen record for each decision of a search space.

A point holds its own range; a ``Choice`` also lists, for each candidate, the points that become active when that
candidate is picked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pliant.values.errors import SpaceError, quote, quote_typed
from pliant.values.numbers import to_real, to_whole
from pliant.values.path import at_path

SCALES = ("linear", "log", "rlog")


@dataclass(frozen=True, slots=True)
class Group:
    """The picks of one ``manyof``: ``picks`` choices that share a rule.

    ``first`` is the index of the first pick; the others follow every ``stride`` points, because each pick has
    its own copy of the points below its candidates.

    >>> list(Group(first=2, picks=3, distinct=True, sorted=False, stride=2).members)
    [2, 4, 6]
    """

    first: int
    picks: int
    distinct: bool
    sorted: bool
    stride: int = 1

    @property
    def members(self) -> range:
        """The indices of the picks in ``Space.points``."""
        return range(self.first, self.first + self.picks * self.stride, self.stride)


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice of one candidate; its value is the index of the candidate.

    Attributes:
      path: the id, unique in the space, such as ``layers[0].op`` or ``op[=1/2].k``.
      literals: the text of each candidate.
      branches: per candidate, the indices of the points that become active directly under it.
      group: the rule shared with the other picks of a ``manyof``; None for a single choice.
      pick: which pick of the group this is, from 0.
      values: the candidates themselves where all of them are numbers, else empty.
      ordered: whether neighbouring indices are neighbouring values.
      name: a second key under which a dict may give the decision.
      hints: any value; equality ignores it.

    >>> Choice("op", ("conv", "pool"), ((), ())).count
    2
    """

    path: str
    literals: tuple[str, ...]
    branches: tuple[tuple[int, ...], ...]
    group: Group | None = None
    pick: int = 0
    values: tuple[int | float, ...] = ()
    ordered: bool = False
    name: str | None = None
    hints: Any = field(default=None, compare=False)
    kind: ClassVar[str] = "choice"

    def __post_init__(self) -> None:
        where = at_path(self.path)
        if not self.literals:
            raise SpaceError(f"the choice {where} has no candidates; give it at least one.")
        if len(self.branches) != len(self.literals):
            raise SpaceError(
                f"the choice {where} has {len(self.literals)} literals but {len(self.branches)} branches; "
                "give one of each per candidate (an empty branch for a candidate without points)."
            )
        if (self.group is None and self.pick != 0) or (self.group and not 0 <= self.pick < self.group.picks):
            raise SpaceError(
                f"the choice {where} is pick {quote(self.pick)} of a group that has no such pick."
            )
        if self.values and (len(self.values) != len(self.literals) or not are_numbers(self.values)):
            raise SpaceError(
                f"the choice {where} has {len(self.literals)} candidates but the values {quote(self.values)}; "
                "give a finite number for each, or none."
            )

    @property
    def count(self) -> int:
        """The number of candidates."""
        return len(self.literals)

    @property
    def hole(self) -> str:
        """The path of the whole hole: the path without the ``[pick]`` of a ``manyof``."""
        return self.path.removesuffix(f"[{self.pick}]") if self.group else self.path


@dataclass(frozen=True, slots=True)
class Int:
    """An integer from ``min_value`` to ``max_value`` (inclusive) in steps of ``step``.

    ``scale`` sets how values are drawn and which values are near each other: ``linear``, ``log``, or ``rlog``
    (logarithmic from the upper end).

    >>> Int("filters", 8, 64, step=8).count
    8
    """

    path: str
    min_value: int
    max_value: int
    scale: str = "linear"
    step: int = 1
    name: str | None = None
    hints: Any = field(default=None, compare=False)
    kind: ClassVar[str] = "int"

    def __post_init__(self) -> None:
        what = f"the integer {at_path(self.path)}"
        ends = check_range(what, self.min_value, self.max_value, self.scale, whole=True, step=self.step)
        for name, value in zip(("min_value", "max_value", "step"), ends):
            object.__setattr__(self, name, value)

    @property
    def count(self) -> int:
        """The number of values."""
        return (self.max_value - self.min_value) // self.step + 1

    @property
    def last(self) -> int:
        """The largest value that the steps reach."""
        return self.min_value + (self.count - 1) * self.step


@dataclass(frozen=True, slots=True)
class Float:
    """A number from ``min_value`` to ``max_value`` (inclusive); ``scale`` as in ``Int``.

    >>> Float("lr", 1e-5, 1.0, scale="log").count
    inf
    """

    path: str
    min_value: float
    max_value: float
    scale: str = "linear"
    name: str | None = None
    hints: Any = field(default=None, compare=False)
    kind: ClassVar[str] = "float"

    def __post_init__(self) -> None:
        what = f"the float {at_path(self.path)}"
        low, high, _ = check_range(what, self.min_value, self.max_value, self.scale, whole=False)
        object.__setattr__(
            self, "min_value", float(low) + 0.0
        )  # -0.0 becomes 0.0: one text for equal numbers
        object.__setattr__(self, "max_value", float(high) + 0.0)

    @property
    def count(self) -> int | float:
        """The number of values: infinite, unless the range is a single number."""
        return 1 if self.min_value == self.max_value else math.inf


Point = Choice | Int | Float


def are_numbers(values: Iterable[Any]) -> bool:
    """Returns whether all ``values`` are finite numbers; booleans do not count as numbers.

    >>> are_numbers([1, 0.5]), are_numbers([True]), are_numbers([math.nan])
    (True, False, False)
    """
    return all(v.__class__ in (int, float) and is_finite(v) for v in values)


def is_finite(value: float) -> bool:
    """Returns whether a number is finite as a float; an int may be too large for one.

    >>> is_finite(10**300), is_finite(10**400), is_finite(math.inf)
    (True, False, False)
    """
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def check_range(
    what: str, low: object, high: object, scale: object, *, whole: bool, step: object = 1
) -> tuple[Any, Any, int]:
    """Returns the ends and the step of a range of numbers, as Python's; ``what`` names it in messages.

    Raises:
      SpaceError: an end is not a number, the range is empty or too wide, or the scale or the step is invalid.
    """
    ends = []
    for label, value in (("min_value", low), ("max_value", high)):
        number = to_whole(value)
        if number is None and not whole:
            number = to_real(value)  # type: ignore[assignment]  # a float
        if number is None or not (whole or is_finite(number)):
            kind = "whole" if whole else "finite"
            raise SpaceError(f"{what}: {label} must be a {kind} number; got {quote_typed(value)}.")
        ends.append(number)
    low, high = ends
    found = to_whole(step)
    if found is None or found < 1:
        raise SpaceError(f"{what}: step must be a whole number, 1 or more; got {quote(step)}.")
    if low > high:
        raise SpaceError(f"{what}: min_value {quote(low)} is above max_value {quote(high)}; swap them.")
    if not (is_finite(low) and is_finite(high) and is_finite(abs(low) + abs(high))):
        span = " to ".join(
            repr(end) if is_finite(end) else "a number of hundreds of digits" for end in (low, high)
        )
        raise SpaceError(
            f"{what}: the range from {span} is too wide for a float. "
            "Use a smaller range, or search the logarithm: pg.floatv(-300, 300) as the exponent of 10."
        )
    if scale not in SCALES:
        raise SpaceError(f"{what}: scale must be one of {', '.join(SCALES)}; got {quote(scale)}.")
    if scale != "linear" and low <= 0:
        raise SpaceError(
            f"{what}: scale {quote(scale)} needs min_value above 0; got {quote(low)}. Raise min_value, or use scale='linear'."
        )
    return low, high, found
