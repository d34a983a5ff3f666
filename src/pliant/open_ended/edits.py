"""Ready-made edits: from a program to a changed one, at a place drawn at random.

An edit is any function ``(program, random) -> program | None``; those here are made of *where* and *what*.
Which programs are edited, and which survive, is the business of ``loop``.
"""

from __future__ import annotations

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, final

from pliant.symbolic.edit.clone import clone
from pliant.symbolic.edit.commit import Insertion
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.read.compare import equal
from pliant.symbolic.read.query import compile_pattern, query
from pliant.symbolic.read.signature import positional_arity
from pliant.symbolic.tree.node import children
from pliant.values.errors import FieldTypeError, FieldValueError
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import Path

Where = type | tuple[type, ...] | str | re.Pattern[str] | Callable[..., Any] | None
"""Which values an edit is for: those of a class; those whose whole path fits a regular expression, such as
``layers`` or ``r"layers\\[\\d+\\].units"``; those that fit a predicate of ``(value)``, ``(value, parent)`` or
``(k, value, parent)``, as for ``pg.query``; None for all."""

Values = Sequence[Any] | Callable[..., Any]
"""What an edit puts in: one of several candidates, or what a function of ``(random)`` or ``(value, random)``
returns, where ``value`` is what stands at the place so far."""


class Edit(ABC):
    """A change at a random place: a frozen object, called with a program that is its to change.

    It returns the changed program (the same object or another), or None where there is no such place.
    All that is random is drawn from the generator that it is handed.  A plain function will do for yours:

    >>> def widen(program, random):
    ...     '''Doubles the units of a random layer.'''
    ...     layer = program.layers[int(random.random() * len(program.layers))]
    ...     layer.units *= 2
    ...     return program
    """

    __slots__ = ()
    parents: ClassVar[int] = 1
    """How many programs it is called with: one, or two for a crossover."""

    @abstractmethod
    def __call__(self, program: Any, random: random.Random) -> Any:
        """Returns the changed program, or None where it does not apply."""


@final
@dataclass(frozen=True, slots=True)
class Replace(Edit):
    """Puts a new value in the place of another.

    A program that is itself selected may be replaced whole.  To wrap what is there, return it inside
    something: ``Replace(Layer, lambda layer, random: Residual(layer))``; to perturb a number:
    ``Replace(float, lambda x, random: x + random.gauss(0, 0.1))``.

    >>> import random, pliant as pg
    >>> Replace("op", ["conv", "pool"])(pg.Dict(op="conv"), random.Random(0))
    {op='pool'}

    Args:
      where: which values may be replaced.
      values: what may come in; of candidates, one that differs from what is there.
    """

    where: Where
    values: Values

    def __post_init__(self) -> None:
        _check(self, self.where, self.values)

    def __call__(self, program: Any, random: random.Random) -> Any:
        path, old = _pick(find(program, self.where), random)
        if path is None:
            return None
        if callable(self.values):
            return put(program, path, make(self.values, old, random))
        others = [value for value in self.values if not equal(value, old)]
        return put(program, path, make(others, old, random)) if others else None


@final
@dataclass(frozen=True, slots=True)
class Insert(Edit):
    """Puts a new item into a list, anywhere.

    >>> import random, pliant as pg
    >>> Insert("layers", ["relu"])(pg.Dict(layers=["conv"]), random.Random(0))
    {layers=['conv', 'relu']}

    Args:
      where: which lists may grow; what it selects beside lists is left aside.
      values: what may come in; a function of two arguments is handed the list.
    """

    where: Where
    values: Values

    def __post_init__(self) -> None:
        _check(self, self.where, self.values)

    def __call__(self, program: Any, random: random.Random) -> Any:
        found = {path: value for path, value in find(program, self.where).items() if isinstance(value, list)}
        path, items = _pick(found, random)
        if path is None:
            return None
        at = int(random.random() * (len(items) + 1))
        new = make(self.values, items, random)
        return rebind(program, {str(Path.parse(path) + at): Insertion(new)})


@final
@dataclass(frozen=True, slots=True)
class Delete(Edit):
    r"""Takes an item out of a list, or a key out of a dict; a field of an object gets its default.

    >>> import random, pliant as pg
    >>> Delete(r"layers\[\d\]")(pg.Dict(layers=["conv", "relu"]), random.Random(0))
    {layers=['conv']}

    Args:
      where: which values may go; None for any item of a list.
    """

    where: Where = None

    def __post_init__(self) -> None:
        _check(self, self.where)

    def __call__(self, program: Any, random: random.Random) -> Any:
        where = _is_item if self.where is None else self.where
        path, _ = _pick({k: v for k, v in find(program, where).items() if k}, random)
        return None if path is None else rebind(program, {path: MISSING_VALUE})


@final
@dataclass(frozen=True, slots=True)
class Rewire(Edit):
    r"""Puts a copy of one value in the place of another of the same program.

    Where programs refer to each other's parts by number or name (the inputs of a layer), an edge gets a new
    end that another edge has; where they nest, a part is grafted elsewhere.

    >>> import random, pliant as pg
    >>> graph = pg.Dict(nodes=[pg.Dict(inputs=[0]), pg.Dict(inputs=[1, 2])])
    >>> Rewire(r".*inputs\[\d\]")(graph, random.Random(3))
    {nodes=[{inputs=[2]}, {inputs=[1, 2]}]}

    Args:
      where: which values are replaced, and which are copied.
    """

    where: Where

    def __post_init__(self) -> None:
        _check(self, self.where)

    def __call__(self, program: Any, random: random.Random) -> Any:
        found = find(program, self.where)
        path, old = _pick(found, random)
        others = {k: v for k, v in found.items() if not equal(v, old)}
        if path is None or not others:
            return None
        return put(program, path, clone(_pick(others, random)[1]))


@final
@dataclass(frozen=True, slots=True)
class Swap(Edit):
    r"""Exchanges two values of a program, such as two layers.

    >>> import random, pliant as pg
    >>> Swap(r"layers\[\d\]")(pg.Dict(layers=["conv", "relu"]), random.Random(0))
    {layers=['relu', 'conv']}

    Args:
      where: which values are exchanged; neither lies inside the other.
    """

    where: Where

    def __post_init__(self) -> None:
        _check(self, self.where)

    def __call__(self, program: Any, random: random.Random) -> Any:
        found = find(program, self.where)
        path, old = _pick(found, random)
        if path is None:
            return None
        mine = Path.parse(path).keys
        others = {k: v for k, v in found.items() if _is_apart(mine, Path.parse(k).keys) and not equal(v, old)}
        other, new = _pick(others, random)
        return None if other is None else rebind(program, {path: clone(new), other: clone(old)})


@final
@dataclass(frozen=True, slots=True)
class Crossover(Edit):
    """Puts a part of a second program in the place of a part of the first: subtree crossover.

    Koza, "Genetic programming", MIT Press 1992, section 6.4; one child of each pair.

    >>> import random, pliant as pg
    >>> Crossover(int)(pg.Dict(a=1, b=1), random.Random(0), pg.Dict(a=2, b=2))
    {a=1, b=2}

    Args:
      where: which values are replaced, and which come in their place.
    """

    where: Where
    parents = 2

    def __post_init__(self) -> None:
        _check(self, self.where)

    def __call__(self, program: Any, random: random.Random, mate: Any = None) -> Any:
        path, _ = _pick(find(program, self.where), random)
        source, new = _pick(find(mate, self.where), random)
        return None if path is None or source is None else put(program, path, clone(new))


def find(program: Any, where: Where) -> dict[str, Any]:
    """Returns the values of a program that ``where`` selects, by path, the program itself under ``''``.

    >>> import pliant as pg
    >>> find(pg.Dict(a=1, b=["x", 2]), int)
    {'a': 1, 'b[1]': 2}
    """
    if where is None:
        return query(program, enter_selected=True)
    if isinstance(where, (str, re.Pattern)):
        pattern = compile_pattern(where)
        whole = re.compile(rf"(?:{pattern.pattern})\Z", pattern.flags)
        return query(program, whole, enter_selected=True)
    if isinstance(where, (type, tuple)):
        classes = where
        return query(program, where=lambda value: isinstance(value, classes), enter_selected=True)
    return query(program, where=where, enter_selected=True)


def put(program: Any, path: str, value: Any) -> Any:
    """Returns the program with ``value`` at ``path``; the value itself where the path is that of the program."""
    return rebind(program, {path: value}) if path else clone(value)


def make(values: Values, old: Any, random: random.Random) -> Any:
    """Returns what comes in where ``old`` stands: of candidates a copy of one, drawn evenly."""
    if not callable(values):
        return clone(values[int(random.random() * len(values))])
    return values(random) if positional_arity(values, most=2) == 1 else values(old, random)


def _pick(found: dict[str, Any], random: random.Random) -> tuple[str | None, Any]:
    """Returns one of the values with its path, drawn evenly; no path where there are none."""
    if not found:
        return None, None
    paths = list(found)
    path = paths[int(random.random() * len(paths))]
    return path, found[path]


def _is_item(value: Any, parent: Any) -> bool:
    return isinstance(parent, list)


def _is_apart(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    shared = min(len(first), len(second))
    return first[:shared] != second[:shared]


def _check(edit: Edit, where: Any, values: Any = ()) -> None:
    """Checks the arguments of an edit where they are written, not in the midst of a search."""
    name = type(edit).__name__
    if isinstance(where, (str, re.Pattern)):
        compile_pattern(where)
    elif isinstance(where, tuple):
        if not where or not all(isinstance(one, type) for one in where):
            raise FieldTypeError(
                f"{name}(where=...) as a tuple holds classes, at least one; got {where!r:.80}."
            )
    elif where is not None and not callable(where):
        raise FieldTypeError(
            f"{name}(where=...) is a class, a regular expression of paths, or a predicate such as "
            f"`lambda value: ...`; got {where!r:.80} of type {type(where).__name__}."
        )
    if callable(values):
        arity = positional_arity(values, most=3)
        if isinstance(values, type) or arity not in (1, 2):
            raise FieldTypeError(
                f"{name}(values=...) as a function takes (random) or (value, random); got {values!r:.80}, which "
                f"{'is a class' if isinstance(values, type) else f'takes {arity} arguments'}. "
                "Write `lambda random: ...`, or a list of candidates."
            )
    elif isinstance(values, (str, bytes)) or children(values) is None or isinstance(values, dict):
        raise FieldTypeError(
            f"{name}(values=...) is a list of candidates or a function; got {values!r:.80} of type "
            f"{type(values).__name__}. Write [{values!r:.40}] for a single one."
        )
    elif not values and isinstance(edit, (Replace, Insert)):
        raise FieldValueError(f"{name}(values=...) is empty; give at least one candidate.")
