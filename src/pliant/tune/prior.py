"""Derives beliefs about a space from finished studies and tables of results, also of other spaces."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pliant.algorithms.options import check_maximize
from pliant.algorithms.rewards import check_arity, check_reward
from pliant.hyper.template import abstract_search_space
from pliant.space import Space
from pliant.values.errors import FieldTypeError, FieldValueError, quote_typed

if TYPE_CHECKING:
    from pliant.algorithms.prior import Row


def derive_prior(space: object, *sources: Any, maximize: bool = True) -> dict[str, Any]:
    """Returns what the best trials of earlier searches suggest for a space, as the ``prior`` of an algorithm.

    The earlier spaces may differ.  A decision is found by its path, or else its name, or else the last key of its path, such as
    ``lr`` of ``optimizer.lr``; a candidate is found by its value, and a number must be in the range of the space.  What does not
    fit is left out.  The result is a plain dict, to read, print and change.

    >>> import pliant as pg
    >>> space = pg.Dict(lr=pg.floatv(1e-4, 1.0, scale="log"), op=pg.oneof(["conv", "pool"]))
    >>> table = [({"lr": 10**-k, "op": "conv"}, -abs(k - 2)) for k in (0, 1, 1.5, 2, 2.5, 3, 3.5, 4)]
    >>> prior = derive_prior(space, table)
    >>> prior
    {'lr': (0.003653, 0.08657), 'op': {'conv': 5, 'pool': 1}}
    >>> for program, feedback in pg.sample(space, pg.algorithms.Auto(prior=prior), trials=5):
    ...     feedback(program.lr)

    Args:
      space: a program with holes, or its abstract search space.
      sources: studies, open or by their path; and tables: lists of pairs of decisions by path or name, with candidates by value, and
        a reward, or None for a trial that failed.
      maximize: whether higher rewards in tables are better; a study knows it.

    Raises:
      FieldTypeError: a source is none of these.
      RewardError: a reward in a table is not a finite number, or a tuple of them.
      StudyError: a path has no study.
    """
    is_up = check_maximize(maximize)
    found = space if isinstance(space, Space) else abstract_search_space(space)
    if not sources:
        raise FieldValueError(
            "derive_prior takes a space and at least one study or table: derive_prior(space, 'old.db')."
        )
    from pliant.algorithms.prior import derive  # brings NumPy

    return derive([_read(source, maximize=is_up) for source in sources], found)


def _read(source: Any, *, maximize: bool) -> list[Row]:
    """Returns decisions with their rewards, of which higher ones are better."""
    from pliant.study import Study, View
    from pliant.study.store.location import Server

    if isinstance(source, (str, os.PathLike, Server)):
        with Study.open(source) as opened:
            return _read(opened, maximize=maximize)
    if isinstance(source, View):
        pairs: Iterable[Any] = [
            (trial.decisions.params, trial.told) for trial in source.trials() if trial.told is not None
        ]
        maximize = source.maximize
    else:
        pairs = source if isinstance(source, Iterable) and not isinstance(source, Mapping) else [source]
    rows = [row for pair in pairs if (row := _read_row(pair, maximize=maximize)) is not None]
    for number, (_, reward) in enumerate(rows, 1):
        check_arity(number, reward, check_arity(1, rows[0][1], None))
    return rows


def _read_row(pair: Any, *, maximize: bool) -> Row | None:
    """Returns decisions and a reward; None for a trial that failed."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(pair[0], Mapping):
        raise FieldTypeError(
            "derive_prior takes studies, their paths, and tables, which are lists of pairs of decisions and a reward, such as "
            f"[({{'lr': 0.1}}, 0.93), ({{'lr': 0.01}}, 0.95)]; got {quote_typed(pair)}."
        )
    reward = check_reward(pair[1], several=True)
    sign = 1.0 if maximize else -1.0
    if reward is None:
        return None
    if isinstance(reward, tuple):
        return pair[0], tuple([sign * one for one in reward])
    return pair[0], sign * reward
