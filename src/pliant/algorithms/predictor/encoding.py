"""Encodings of decisions as input of a predictor: one-hot, sequence, or a function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pliant.space import Choice, Decisions, Float, Int, Space, to_unit
from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed

Encoder = Callable[[Sequence[Decisions]], NDArray[np.float32]]
"""Turns N decisions of one space into an array of N rows."""


class Encoding(ABC):
    """An encoding of decisions as numbers: a frozen object that makes the encoder of one search.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("op", 3), choice("act", 2)])
    >>> encode = OneHotEncoding().prepare(space, [])
    >>> encode([space.parse([2, 0])]).tolist()
    [[0.0, 0.0, 1.0, 1.0, 0.0]]
    """

    __slots__ = ()

    @abstractmethod
    def prepare(self, space: Space, decisions: Sequence[Decisions]) -> Encoder:
        """Returns the encoder for ``space``.

        Args:
          space: the space of the decisions.
          decisions: the training decisions, for encodings that take their features from them.

        Returns:
          A function from N decisions to an array of float32: ``[N, width]`` for feed-forward networks,
          ``[N, length, 2]`` for those that read sequences.
        """


@final
@dataclass(frozen=True, slots=True)
class OneHotEncoding(Encoding):
    """One-hot encoding of choices; the adjacency encoding, for any space.

    The adjacency encoding of White et al. (2021), section 2, lists which operations and edges exist; if these are
    decisions, it is one number per candidate.  In general:

    - inactive decisions are 0;
    - picks of a sorted ``manyof`` share their numbers, which count the picks, as their order has no meaning.  Other
      picks have separate numbers;
    - an ordered choice has one more number, its position from -1 to 1, so that neighbours are similar;
    - an integer or float is its position on its scale, from -1 to 1.
    """

    def prepare(self, space: Space, decisions: Sequence[Decisions]) -> Encoder:
        return tree_encoder(space, lambda point, candidate: True)


@final
@dataclass(frozen=True, slots=True)
class FunctionEncoding(Encoding):
    """Encoding by a function that you give.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("depth", 3, literals=["2", "4", "8"])])
    >>> encode = FunctionEncoding(lambda decisions: [decisions["depth"] / 2, 1.0]).prepare(space, [])
    >>> encode([space.parse([1])]).tolist()
    [[0.5, 1.0]]

    Args:
      function: returns a sequence of numbers of magnitude about 1, of one length for all decisions of a space.

    Raises:
      FieldTypeError: ``function`` is not a function.
      FieldValueError: (the encoder) its results are not finite numbers, or differ in length.
    """

    function: Callable[[Decisions], Any]

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise FieldTypeError(
                f"FunctionEncoding takes a function from decisions to numbers; got {quote_typed(self.function)}."
            )

    def prepare(self, space: Space, decisions: Sequence[Decisions]) -> Encoder:
        return self._encode

    def _encode(self, decisions: Sequence[Decisions]) -> NDArray[np.float32]:
        rows = [self.function(one) for one in decisions]
        try:
            found = np.asarray([np.asarray(row, dtype=np.float32) for row in rows], dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise FieldValueError(
                f"an encoding function returns equally many numbers for all decisions; got {quote(rows[0])} for "
                f"{quote(decisions[0])} ({error}). Pad shorter results with zeros."
            ) from error
        if len(rows) and (found.ndim not in (2, 3) or not np.isfinite(found).all()):
            raise FieldValueError(
                f"an encoding function returns a sequence of finite numbers; got {quote(rows[0])} for "
                f"{quote(decisions[0])}."
            )
        return found


@final
@dataclass(frozen=True, slots=True)
class SequenceEncoding(Encoding):
    """Encodes decisions as a sequence, for recurrent networks: an array ``[N, length, 2]``.

    Each active decision is a step with a token and a number.  The token identifies a point with its candidate, or a
    point with an integer or float; 0 is padding.  The number is the position of an integer, float or ordered choice on
    its scale, from -1 to 1, and otherwise 0.

    >>> from pliant.space import choice, flatten, integer
    >>> space = flatten([choice("layer", [None, integer("units", 1, 3)]), choice("act", 2)])
    >>> encode = SequenceEncoding().prepare(space, [])
    >>> encode([space.parse([1, 3, 0]), space.parse([0, 1])])[..., 0].tolist()
    [[2.0, 3.0, 4.0], [1.0, 5.0, 0.0]]
    """

    def prepare(self, space: Space, decisions: Sequence[Decisions]) -> Encoder:
        first, starts = 1, []
        for point in space.points:
            starts.append(first)
            first += point.count if isinstance(point, Choice) else 1
        points, length = space.points, len(space.points)

        def encode(decisions: Sequence[Decisions]) -> NDArray[np.float32]:
            steps = np.zeros((len(decisions), max(length, 1), 2), dtype=np.float32)
            longest = 1
            for row, one in zip(steps, decisions):
                longest = max(longest, len(one))
                for step, (at, value) in enumerate(zip(one.active, one.values)):
                    point = points[at]
                    row[step, 0] = starts[at] + (value if isinstance(point, Choice) else 0)
                    row[step, 1] = place(point, value)
            return steps[:, :longest] if len(decisions) else steps

        return encode


def place(point: Choice | Int | Float, value: int | float) -> float:
    """Returns the position of a number or an ordered choice on its scale, from -1 to 1; 0 for other choices."""
    if isinstance(point, Choice):
        return (2 * value + 1) / point.count - 1 if point.ordered else 0.0
    return 2 * to_unit(point, value) - 1


def tree_encoder(space: Space, keep: Callable[[Choice, int], bool]) -> Encoder:
    """Returns an encoder with a column for each candidate of a choice for which ``keep`` is true."""
    width = 0
    columns: list[list[int]] = []  # per point and candidate; -1 for none
    places: list[int] = []  # per point, the column of its place; -1 for none
    shared: dict[int, list[int]] = {}  # of the first pick of each sorted group
    for point in space.points:
        places.append(-1)
        if not isinstance(point, Choice):
            columns.append([])
            places[-1], width = width, width + 1
            continue
        group = point.group
        if group is not None and group.sorted and group.first in shared:
            columns.append(shared[group.first])
            continue
        found = []
        for candidate in range(point.count):
            kept = keep(point, candidate)
            found.append(width if kept else -1)
            width += kept
        columns.append(found)
        if group is not None and group.sorted:
            shared[group.first] = found
        elif point.ordered:
            places[-1], width = width, width + 1
    points = space.points

    def encode(decisions: Sequence[Decisions]) -> NDArray[np.float32]:
        table = np.zeros((len(decisions), width), dtype=np.float32)
        rows, cols, values = [], [], []
        for row, one in enumerate(decisions):
            for at, value in zip(one.active, one.values):
                own = columns[at]
                if own and own[value] >= 0:  # type: ignore[index]  # the value of a choice is an int
                    rows.append(row)
                    cols.append(own[value])  # type: ignore[index]  # as above
                    values.append(1.0)
                if places[at] >= 0:
                    rows.append(row)
                    cols.append(places[at])
                    values.append(place(points[at], value))
        np.add.at(table, (rows, cols), values)
        return table

    return encode
