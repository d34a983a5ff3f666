"""``inspect``: finds what a designer needs to know about a space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from pliant.space import Decisions, Float, Space, as_random
from pliant.space.layout import measure
from pliant.space.shares import find_parts, index_holes
from pliant.symbolic.read.text import format_value
from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed
from pliant.values.numbers import to_whole

from ..context import Traced
from ..partition import Where
from ..template import Template, template_of
from .costs import add_costs
from .decisions import Holes, find_holes, list_decisions
from .facts import Decision, Inspection
from .programs import Cost, Structure, Survey, draw, find_dead
from .rules import advise

_CODE = partial(format_value, hide_default_values=True)  # Python code, without what has its default value


def inspect(
    space: Any,
    *,
    cost: Cost | None = None,
    structure: Structure | None = None,
    samples: int = 1000,
    examples: int = 10,
    write: Callable[[Any], str] = _CODE,
    seed: int | Random | None = 0,
    where: Where | str | None = None,
) -> Inspection:
    """Inspects a space: its size by part, its decisions, what random programs are like, and advice on its design.

    Print the result; a notebook shows it as tables.  All facts are attributes of it.

    >>> import pliant as pg
    >>> found = inspect(pg.Dict(kernel=pg.oneof([3, 5, 7]), unused=pg.oneof([1])))
    >>> found.size, [a.rule for a in found.advice]
    (3, ['dead_decisions'])
    >>> print(found)  # doctest: +ELLIPSIS
    Space of size 3 with 2 decision points
    ...
      kernel    oneof 3  3, 5, 7  100.0%
      unused    oneof 1  1        0.0%
    ...

    Args:
      space: a program with holes, a ``pg.trace``, or an abstract space (whose functions get ``Decisions``).
      cost: a function from a program to its cost (or several by name, the most important first), such as
        ``pg.cost.NetworkCosts(x)``; by default its number of nodes.  A program for which it raises an error is invalid.
      structure: a function from a program to what it computes, equal for equal programs (such as a graph without
        what has no effect); by default the program itself.
      samples: the number of programs that are built; a space that has no more is built completely.
      examples: the number of programs that are shown as code.
      write: a function from a program to the text that is shown.
      seed: same seed, same programs.
      where: which holes are open, as for ``pg.Template``.

    Raises:
      SpaceError: the space is invalid.
      FieldTypeError, FieldValueError: an argument is not as described.
    """
    _check_arguments(cost, structure, write, samples=samples, examples=examples)
    rng = as_random(seed)
    template = _open(space, where)
    abstract: Space = space if template is None else template.space
    discrete_size = measure(abstract._units)
    holes = find_holes(None if template is None else template._part)
    rows = list_decisions(abstract, holes, discrete_size)
    survey = _make_survey(template, cost, structure)
    for decisions in draw(abstract, samples, rng):
        survey.add(decisions)
    rows = _mark_dead(abstract, rows, holes, survey, rng)
    if cost is not None and survey.valid:
        parts = holes.found or [None] * len(rows)
        indices = [index for index, _ in index_holes(abstract)]
        rows = add_costs(rows, survey, survey.valid[0], list(zip(indices, parts)))
    programs = survey.finish(abstract, examples, write)
    found = Inspection(abstract, discrete_size, tuple(find_parts(abstract)), rows, programs)
    return replace(found, advice=advise(found))


def _open(space: Any, where: Where | str | None) -> Template | None:
    """Returns the template of a program; None for an abstract space."""
    if not isinstance(space, Space):
        return template_of(space.space if isinstance(space, Traced) else space, where)
    if where is not None:
        raise FieldValueError(
            "inspect(where=...) selects holes of a program; an abstract space has no program."
        )
    return None


def _check_arguments(cost: object, structure: object, write: object, **counts: object) -> None:
    for name, function in (("cost", cost), ("structure", structure), ("write", write)):
        if function is not None and not callable(function):
            raise FieldTypeError(
                f"inspect({name}=...) takes a function of a program; got {quote_typed(function)}."
            )
    for name, value in counts.items():
        count = to_whole(value)
        if count is None or count < 0:
            raise FieldValueError(f"inspect({name}=...) takes a whole number from 0; got {quote(value)}.")


def _make_survey(template: Template | None, cost: Cost | None, structure: Structure | None) -> Survey:
    if template is not None:
        return Survey(template.materialize, cost, structure)
    survey = Survey(lambda decisions: decisions, cost or _count_active, structure)
    survey.cost_name = survey.cost_name if cost else "active decisions"
    return survey


def _count_active(decisions: Decisions) -> int:
    return len(decisions.values)


def _mark_dead(
    space: Space, rows: Sequence[Decision], holes: Holes, survey: Survey, rng: Random
) -> tuple[Decision, ...]:
    """Returns the rows with those marked whose decision changes no program.

    The values of an ordinary hole tell; below a user-defined hole, and with a structure function, programs are compared.
    """
    dead: set[int] = set()
    suspects: dict[int, int] = {}  # from the index of a point to that of its row
    for number, (row, (index, unit)) in enumerate(zip(rows, index_holes(space))):
        first_ones = [c for c in row.candidates if c.same_as is None]
        if unit.point.count == 1 or len(first_ones) == 1:
            dead.add(number)
        elif (survey.structure or number in holes.derived) and not isinstance(unit.point, Float):
            suspects[index] = number
    dead |= {suspects[index] for index in find_dead(survey, suspects, rng)}
    return tuple(replace(row, is_dead=number in dead) for number, row in enumerate(rows))
