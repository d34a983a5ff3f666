"""``Settings``: how networks for a table are searched: the budget, the algorithm, and what is done at the end."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from pliant.values.errors import FieldTypeError, FieldValueError, check_function, quote
from pliant.values.numbers import to_real, to_whole

TRIALS = 40
"""Networks that a search trains, where neither a number of trials nor a time limit is given."""

_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|m|min|h|)", re.IGNORECASE)
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How networks are searched.

    Attributes:
      trials: how many networks are trained; None for 40, or until ``time_limit`` is over where one is given.
      time_limit: seconds, or text such as ``"5m"``, for everything: the search, and what follows it.  None for no limit.
      algorithm: an algorithm, or its name such as ``"reinforce"``; None for ``auto``.
      study: the path of a file that stores every trial, so that the same call continues the search; None for none.
      epochs: passes over the rows for each network, at most; None for a number that suits the rows.
      together: how many networks are proposed and trained at once.
      workers: how many processes train them; None to train in this process.
      top: how many of the best networks are trained longer at the end, and averaged if that helps; 0 to take the best as it is.
      refit: whether the chosen networks are trained again on all rows, validation rows included.
      scaling: of numbers: ``robust``, ``standard`` or ``quantile``.
      validation_share: of the rows that score networks.
      space: from the numbers of numerical columns, the cardinalities and the outputs to a program with holes; None for
        ``pliant.zoo.tabular.make_space``.
      seed: the same seed and number of trials give the same search.
      progress: whether progress is shown on standard error.

    Raises:
      FieldTypeError, FieldValueError: a value that is not allowed.
    """

    trials: int | None = None
    time_limit: float | str | None = None
    algorithm: Any = None
    study: Path | str | None = None
    epochs: int | None = None
    together: int = 8
    workers: int | None = None
    top: int = 5
    refit: bool = True
    scaling: Any = "robust"
    validation_share: float = 0.2
    space: Callable[[int, Sequence[int], int], Any] | None = None
    seed: int = 0
    progress: bool = True

    def __post_init__(self) -> None:
        least = {"trials": 1, "epochs": 1, "together": 1, "workers": 1, "top": 0, "seed": 0}
        for name, minimum in least.items():
            value = getattr(self, name)
            if value is None and name in ("trials", "epochs", "workers"):
                continue
            if to_whole(value) is None:
                raise FieldTypeError(f"{name} is a whole number; got {quote(value)}.")
            if value < minimum:
                raise FieldValueError(f"{name} is at least {minimum}; got {value}.")
        share = to_real(self.validation_share)
        if share is None or not 0 < share < 1:
            raise FieldValueError(
                f"validation_share is above 0 and below 1, such as 0.2; got {quote(self.validation_share)}."
            )
        check_function(self.space, "space", "pliant.zoo.tabular.make_space")
        object.__setattr__(self, "time_limit", read_seconds(self.time_limit))

    @property
    def seconds(self) -> float | None:
        """The time limit in seconds."""
        return read_seconds(self.time_limit)

    @property
    def budget(self) -> int | None:
        """How many trials the search has; None until the time is over."""
        return TRIALS if self.trials is None and self.time_limit is None else self.trials


def read_seconds(value: float | str | None) -> float | None:
    """Returns a time limit in seconds: of a number, or of text such as ``90``, ``90s``, ``5m`` or ``1.5h``.

    >>> read_seconds("5m"), read_seconds("1.5h"), read_seconds(90)
    (300.0, 5400.0, 90.0)

    Raises:
      FieldValueError: it is neither, or not above 0.
    """
    if value is None:
        return None
    found = to_real(value)
    if isinstance(value, str) and (match := _TIME.fullmatch(value.strip())):
        found = float(match[1]) * _SECONDS[match[2].lower()]
    if found is None or not 0 < found < math.inf:
        raise FieldValueError(
            f"a time limit is a number of seconds above 0, or text such as '90s', '5m' or '1.5h'; got {quote(value)}."
        )
    return float(found)


def find_epochs(rows: int) -> int:
    """Returns passes over the rows that suit their number: 100 for few rows, 10 for many.

    >>> find_epochs(100), find_epochs(1500), find_epochs(100_000)
    (100, 31, 10)
    """
    return max(10, min(100, round(1200 / math.sqrt(max(rows, 1)))))
