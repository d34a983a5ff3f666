"""``evolve``: the function that begins a search, and the checks of what it is given; the search is in ``loop``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pliant.algorithms.base import check_count, check_seed
from pliant.algorithms.evolution import (
    Chain,
    Either,
    Mutate,
    Newest,
    Operator,
    Tournament,
    UniformCrossover,
)
from pliant.algorithms.evolution.operators import check_operator, takes_several
from pliant.symbolic.node import Node
from pliant.values.errors import FieldTypeError, FieldValueError

from .loop import Evolving
from .variation import EditFn, Edits


def evolve(
    program: Any,
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
    """Evolves programs by edits, with no space laid down before: ``for program, feedback in pg.evolve(...)``.

    The first trial is ``program`` itself.  Each later one is a child: ``select`` chooses a parent, an edit drawn
    from ``edits`` changes a copy of it, and once its reward is told ``survive`` says who stays.  By default that is
    regularized evolution as in Real, Liang, So and Le, "AutoML-Zero: evolving machine learning algorithms from
    scratch", ICML 2020, section 3.2: the parent is the best of 10 drawn, the oldest dies.

    An edit that does not apply, that the schema of a class refuses, whose child lacks values, fails ``check`` or
    was there before is drawn again, up to ``attempts`` times (an edit says no by None or a ``PliantError``); then it walks on, edit by edit, from a known
    program until it meets a new one.  When that fails too, the loop ends.  When no edit applies, that is an error.

    Same seed, same rewards: same programs.  Every trial has a record of its parents, edit, seed and reward, from
    which ``replay`` makes its program again; ``record`` keeps them in a file, and the same call goes on from it
    after a crash exactly where it was.  For that an edit must draw its randomness from the generator it is handed.

    >>> import pliant as pg
    >>> from pliant.evolve import Delete, Insert, Replace, evolve
    >>> edits = [Insert("terms", [1, 2, 5]), Replace(int, [1, 2, 5]), Delete()]
    >>> search = evolve(pg.Dict(terms=[]), edits, 200)
    >>> for program, feedback in search:
    ...     feedback(-abs(sum(program.terms) - 11) - 0.1 * len(program.terms))
    >>> sorted(search.best_program.terms), round(search.best_reward, 2)
    ([1, 5, 5], -0.3)
    >>> search.replay(search.best.id) == search.best_program
    True

    Args:
      program: where evolution starts: a symbolic object, Dict or List.  It is not changed.
      edits: functions ``(program, random) -> program | None`` that may change the program they are handed, ready
        ones (``Insert``, ``Delete``, ``Replace``, ``Rewire``, ``Swap``, ``Crossover``) or yours; a dict names them.
      trials: how many turns, counting those in the file; None for no end.
      population_size: how many survive by default.
      select: chooses a parent: ``Tournament(10)`` by default; ``ParetoTournament()`` for several objectives.
      survive: chooses who stays: ``Newest(population_size)`` by default.  Both see the population as individuals
        whose ``decisions`` are their records.
      weights: how likely each edit is drawn; all alike by default.
      check: returns whether a program may be tried; keeps programs from growing without end.
      attempts: how many edits are tried for one trial.
      seed: where the random numbers start.
      maximize: whether higher rewards are better.
      record: the path of a file for the records.

    Raises:
      FieldTypeError, FieldValueError: an argument is not as said.
      RecordError: the file is of another search, or is being written.
      LoadError: the file is damaged, or the edits in it no longer make the same programs.
    """
    if not isinstance(program, Node):
        raise FieldTypeError(
            f"evolve starts from a symbolic object, Dict or List; got {program!r:.80} of type "
            f"{type(program).__name__}. Wrap plain containers: `pg.Dict(...)`, `pg.List(...)`."
        )
    check_count(population_size, "population_size", "evolve")
    if trials is not None:
        check_count(trials, "trials", "evolve")
    select = _check_chooser(Tournament(10) if select is None else select, "select")
    survive = _check_chooser(Newest(population_size) if survive is None else survive, "survive")
    return Evolving(
        program,
        Edits(edits, weights, check),
        trials=trials,
        select=select,
        survive=survive,
        several=takes_several(select) and takes_several(survive),
        seed=check_seed(seed),
        maximize=maximize,
        attempts=check_count(attempts, "attempts", "evolve"),
        record=record,
    )


def _check_chooser(value: Any, name: str) -> Operator:
    """Returns an operator that chooses, and changes nothing."""
    operator = check_operator(value, name, "evolve")
    for part in _parts(operator):
        if isinstance(part, (Mutate, UniformCrossover)):
            raise FieldValueError(
                f"evolve({name}=...) only chooses; {type(part).__name__} changes decisions, which these programs "
                "have none of. Programs are changed by `edits`."
            )
    return operator


def _parts(operator: Operator) -> list[Operator]:
    if isinstance(operator, Chain):
        return [part for step in operator.steps for part in _parts(step)]
    if isinstance(operator, Either):
        return [*_parts(operator.first), *_parts(operator.second)]
    return [operator]
