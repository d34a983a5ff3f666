"""``evolve``, which starts an open-ended search, and the checks of its arguments."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pliant.algorithms.base import check_seed
from pliant.algorithms.evolution import Mutate, Newest, Operator, Tournament, UniformCrossover
from pliant.algorithms.evolution.operators import check_operator, list_parts
from pliant.algorithms.options import check_count
from pliant.symbolic.tree.node import Node
from pliant.values.errors import FieldTypeError, FieldValueError, quote_typed

from .loop import Evolving
from .variation import EditFn, Edits


def evolve(
    program: object,
    edits: Sequence[EditFn] | Mapping[str, EditFn],
    trials: int | None = None,
    *,
    population_size: int = 100,
    select: Operator | None = None,
    survive: Operator | None = None,
    weights: Sequence[float] | None = None,
    check: Callable[[Any], Any] | None = None,
    attempts: int = 100,
    seed: int = 0,
    maximize: bool = True,
    record: str | os.PathLike[str] | None = None,
) -> Evolving:
    """Open-ended evolution: evolves programs by edits, without a search space: ``for program, feedback in pg.evolve(...)``.

    The first trial is ``program``, each later one a child of an earlier trial; see ``Evolving``.

    >>> import pliant as pg
    >>> from pliant.open_ended import Delete, Insert, Replace, evolve
    >>> edits = [Insert("terms", [1, 2, 5]), Replace(int, [1, 2, 5]), Delete()]
    >>> search = evolve(pg.Dict(terms=[]), edits, 200)
    >>> for program, feedback in search:
    ...     feedback(-abs(sum(program.terms) - 11) - 0.1 * len(program.terms))
    >>> sorted(search.best_program.terms), round(search.best_reward, 2)
    ([1, 5, 5], -0.3)

    Args:
      program: the start: a symbolic object, Dict or List, which is not changed.
      edits: functions ``(program, random) -> program | None``, ready-made (``Insert``, ...) or your own; a dict names them.
      trials: the number of trials, including those in the file; None for no limit.
      population_size: of the default ``survive``.
      select: selects a parent: ``Tournament(10)`` by default; ``ParetoTournament()`` for several objectives.
      survive: selects the next population: ``Newest(population_size)`` by default.
      weights: of the edits in random draws; equal by default.
      check: returns whether a program may be tried; for example, limits its size.
      attempts: the number of edits that are tried for one trial.
      seed: of the random numbers.
      maximize: whether higher rewards are better.
      record: the path of the record file, to resume the search.

    Raises:
      FieldTypeError, FieldValueError: an argument is invalid.
      RecordError, LoadError: the file belongs to another search, is being written, or cannot be replayed.
    """
    return Evolving(
        _check_program(program),
        Edits(edits, weights, check),
        trials=trials if trials is None else check_count(trials, "trials", "evolve"),
        select=_check_chooser(select or Tournament(10), "select"),
        survive=_check_chooser(
            survive or Newest(check_count(population_size, "population_size", "evolve")), "survive"
        ),
        seed=check_seed(seed),
        maximize=maximize,
        attempts=check_count(attempts, "attempts", "evolve"),
        record=record,
    )


def _check_program(program: object) -> Any:
    if not isinstance(program, Node):
        raise FieldTypeError(
            f"evolve starts from a symbolic object, Dict or List; got {quote_typed(program)}. "
            "Wrap plain containers: `pg.Dict(...)`, `pg.List(...)`."
        )
    return program


def _check_chooser(value: object, name: str) -> Operator:
    """Returns ``value`` when it is a selection operator."""
    operator = check_operator(value, name, "evolve")
    for part in list_parts(operator):
        if isinstance(part, (Mutate, UniformCrossover)):
            raise FieldValueError(
                f"evolve({name}=...) takes selection operators; {type(part).__name__} changes decisions, and programs of "
                "evolve are changed by `edits`. Leave it out."
            )
    return operator
