"""Templates: a program with holes, prepared once to build programs from decisions and to encode programs.

``abstract_search_space``, ``materialize`` and ``encode`` store the template of a symbolic program in the program until
it changes; a loop over plain containers should create a ``Template`` itself.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from random import Random
from typing import Any, TypeVar, cast, final

from pliant.space import Decisions, Space, as_random, flatten
from pliant.symbolic.tree.node import ATOMS, Node
from pliant.symbolic.tree.realize import hole_paths
from pliant.values.errors import FieldValueError, SpaceError, listing, quote
from pliant.values.numbers import to_whole

from .compile import compile_part
from .context import Traced
from .match import find_decisions
from .partition import Where, to_where
from .plan import make_plan

Program = TypeVar("Program")

_openers: dict[str, tuple[str, str]] = {}  # by the name of a class: the module and the name of a function


@final
class Template:
    """A program with holes, and its abstract search space.

    Args:
      program: any value: a symbolic object, a hole, plain dicts, lists, tuples and dataclasses, or a module of PyTorch with
        holes in it.
      where: which holes are open, as a predicate of the hole or a regular expression for paths; the others stay
        in the programs.

    Attributes:
      program: the program; later changes to it do not affect this template.
      space: its decision points.
      is_watched: whether every change to the program is noticed; changes in plain containers are not.

    >>> import pliant as pg
    >>> t = Template(pg.Dict(a=pg.oneof([1, 2]), b=pg.floatv(0, 1)), where=lambda h: isinstance(h, pg.hyper.OneOf))
    >>> t.space.size, t.materialize([1])
    (2, {a=2, b=Floatv(min_value=0.0, max_value=1.0)})
    """

    __slots__ = ("_build", "_part", "is_watched", "program", "space")
    is_watched: bool
    program: Any
    space: Space

    def __init__(self, program: object, where: Where | str | None = None) -> None:
        if isinstance(program, Traced):
            raise SpaceError(
                "a traced program is run, not built: search it with `pg.sample(traced, ...)`, or run it with chosen decisions "
                "in `with traced.apply(decisions): ...`. `pg.abstract_search_space(traced)` returns its space."
            )
        program = open_program(program)
        plan = make_plan(program, to_where(where))
        self.program = program
        self.is_watched = plan.is_watched
        self.space = flatten(plan.described)
        self._part = plan.part
        self._build = compile_part(plan.part)

    def materialize(self, decisions: object) -> Any:
        """Builds the program for decisions in any format.

        Raises:
          DecisionError: they are invalid in this space.
        """
        if decisions.__class__ is not Decisions or decisions.space is not self.space:
            decisions = self.space.parse(decisions)
        return self._build(iter(decisions.values).__next__, {})

    def encode(self, child: object) -> Decisions:
        """Returns the decisions that build ``child``; the first ones if there are several.

        Raises:
          DecisionError: the space does not contain it; the message names the path that differs.
        """
        return Decisions(self.space, find_decisions(self._part, child))


def template_of(program: object, where: Where | str | None = None) -> Template:
    """Returns the template of a program: the stored one if the program did not change.

    Raises:
      SpaceError: the program has holes, but ``where`` selects none of them.
    """
    if where is not None:
        return check_selection(Template(program, where))
    if not isinstance(program, Node):
        return Template(program)
    kept: Template | None = object.__getattribute__(program, "_sym_template")
    if kept is None:
        kept = Template(program)
        if kept.is_watched:
            object.__setattr__(program, "_sym_template", kept)
            object.__setattr__(program, "_sym_mark", True)
    return kept


def check_selection(template: Template) -> Template:
    """Returns a template made with a partition, after checking it.

    Raises:
      SpaceError: its program has holes, but none is selected.
    """
    if not template.space.points:
        found = hole_paths(template.program)
        if found:
            raise SpaceError(
                f"the partition selects none of the holes; the outermost ones are at {listing(found)}."
            )
    return template


def abstract_search_space(program: object, where: Where | str | None = None) -> Space:
    """Returns the abstract search space of a program with holes, or of a ``pg.trace``: what algorithms search.

    >>> import pliant as pg
    >>> space = abstract_search_space(pg.Dict(kernel=pg.oneof([3, 5]), depth=pg.intv(1, 4)))
    >>> space.size, [p.path for p in space.points]
    (8, ['kernel', 'depth'])
    """
    return template_of(program.space if isinstance(program, Traced) else program, where).space


def materialize(program: Program, decisions: object, where: Where | str | None = None) -> Program:
    """Builds a program from a program with holes and decisions.

    Args:
      program: a program with holes.
      decisions: in any form: ``Decisions``, a flat list of the active ones, a nested list, a dict by path
        or name, a service's ``nas_params_str`` or the dict in it.
      where: as for ``Template``.

    >>> import pliant as pg
    >>> materialize(pg.Dict(kernel_size=pg.oneof([3, 5])), {"kernel_size": "1/2 (5)"})
    {kernel_size=5}
    """
    return cast(Program, template_of(program, where).materialize(decisions))


def encode(program: object, child: object, where: Where | str | None = None) -> Decisions:
    """Returns the decisions that build ``child`` from a program with holes: the inverse of ``materialize``.

    >>> import pliant as pg
    >>> encode(pg.Dict(kernel=pg.oneof([3, 5])), pg.Dict(kernel=5)).to_dict()
    {'kernel': 1}
    """
    return template_of(program, where).encode(child)


def iterate(
    program: Program, num_examples: int | None = None, where: Where | str | None = None
) -> Iterator[Program]:
    """Yields all programs of a space in lexicographic order of decisions; public as ``pg.iter``.

    Args:
      program: a program with holes.
      num_examples: the maximum number of programs.
      where: as for ``Template``.

    Raises:
      SpaceError: the space has a float, so it is infinite.

    >>> import pliant as pg
    >>> [list(p) for p in iterate(pg.manyof(2, [1, 2, 3], sorted=True))]
    [[1, 2], [1, 3], [2, 3]]
    """
    template = template_of(program, where)
    return map(template.materialize, islice(template.space.iterate(), _check_examples(num_examples)))


def random_sample(
    program: object,
    seed: int | Random | None = None,
    *,
    num_examples: int | None = None,
    where: Where | str | None = None,
    uniform: bool = False,
) -> Any:
    """Returns a random program of a space; with ``num_examples``, an iterator of that many.

    Args:
      program: a program with holes.
      seed: a number or a ``random.Random``; None stands for 0.
      num_examples: the number of programs; None for a single one.
      where: as for ``Template``.
      uniform: whether all programs are equally likely, rather than the candidates of each choice.

    >>> import pliant as pg
    >>> random_sample(pg.Dict(kernel=pg.oneof([3, 5, 7])), seed=1)
    {kernel=3}
    """
    template = template_of(program, where)
    rng = as_random(seed)
    count = _check_examples(num_examples)
    if count is None:
        return template.materialize(template.space.sample(rng, uniform=uniform))
    return (template.materialize(template.space.sample(rng, uniform=uniform)) for _ in range(count))


def _check_examples(number: object) -> int | None:
    """Returns a number of programs, or None; raises FieldValueError for what is neither."""
    count = to_whole(number)
    if number is None or (count is not None and count >= 0):
        return None if count is None else min(count, sys.maxsize)
    raise FieldValueError(f"num_examples is a whole number from 0, or None; got {quote(number)}.")


# ------------------------------------------------------------------ ordinary objects with holes in them


def add_opener(cls: str, module: str, function: str) -> None:
    """Registers the opener of a class and its subclasses.

    Args:
      cls: the full name of the class, such as ``torch.nn.modules.module.Module``.
      module: the module with the function.
      function: takes an object, and returns a program with holes, or None if the object has no holes.
    """
    _openers[cls] = module, function


def open_program(value: Any) -> Any:
    """Returns the program of an object with holes in it; programs and other values unchanged.

    >>> open_program({"a": 1})
    {'a': 1}
    """
    if value.__class__ in ATOMS or isinstance(value, (Node, dict, list, tuple, type)):
        return value
    for cls in type(value).__mro__:
        found = _openers.get(f"{cls.__module__}.{cls.__qualname__}")
        if found is not None:
            opened = getattr(import_module(found[0]), found[1])(value)
            return value if opened is None else opened
    return value
