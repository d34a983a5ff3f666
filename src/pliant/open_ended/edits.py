"""Ready-made edits, the mutations and crossover of open-ended evolution: each changes a program at a random place.

An edit is any function ``(program, random) -> program | None``.
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
from pliant.symbolic.tree.node import children
from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed
from pliant.values.missing import MISSING_VALUE
from pliant.values.path import Path
from pliant.values.signature import positional_arity

Where = type | tuple[type, ...] | str | re.Pattern[str] | Callable[..., Any] | None
"""Selects the values that an edit changes: a class; a regular expression of the whole path, such as ``layers`` or
``r"layers\\[\\d+\\].units"``; a predicate of ``(value)``, ``(value, parent)`` or ``(k, value, parent)``, as for
``pg.query``; None for all."""

Values = Sequence[Any] | Callable[..., Any]
"""The new values of an edit: a sequence of candidates, or a function of ``(random)`` or ``(value, random)``, where
``value`` is the current value at the place."""


class Edit(ABC):
    """An edit: a frozen object that changes a copy of a program at a random place.

    It returns the changed program (the same object or another), or None if the program lacks such a place.
    It draws random numbers only from the generator that it receives.  Your own edit can be a function:

    >>> def widen(program, random):
    ...     '''Doubles the units of a random layer.'''
    ...     layer = program.layers[int(random.random() * len(program.layers))]
    ...     layer.units *= 2
    ...     return program
    """

    __slots__ = ()
    parents: ClassVar[int] = 1
    """The number of programs that it takes: one, or two for a crossover."""

    def __post_init__(self) -> None:
        _check(self, getattr(self, "where", None), getattr(self, "values", ()))

    @abstractmethod
    def __call__(self, program: object, random: random.Random) -> Any:
        """Returns the changed program, or None if it does not apply."""


@final
@dataclass(frozen=True, slots=True)
class Replace(Edit):
    """Replaces a value.

    The program itself may be replaced if it is selected.  To wrap a value, return it inside something: ``Replace(Layer, lambda layer, random: Residual(layer))``; to perturb a number:
    ``Replace(float, lambda x, random: x + random.gauss(0, 0.1))``.

    >>> import random, pliant as pg
    >>> Replace("op", ["conv", "pool"])(pg.Dict(op="conv"), random.Random(0))
    {op='pool'}

    Args:
      where: the values that may be replaced.
      values: the new values; of candidates, one that differs from the current value.
    """

    where: Where
    values: Values

    def __call__(self, program: object, random: random.Random) -> Any:
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
    """Inserts a new item into a list, at a random position.

    >>> import random, pliant as pg
    >>> Insert("layers", ["relu"])(pg.Dict(layers=["conv"]), random.Random(0))
    {layers=['conv', 'relu']}

    Args:
      where: the lists that may grow; other selected values are ignored.
      values: the new items; a function of two arguments receives the list.
    """

    where: Where
    values: Values

    def __call__(self, program: object, random: random.Random) -> Any:
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
    r"""Deletes an item of a list or a key of a dict; a field of an object gets its default.

    >>> import random, pliant as pg
    >>> Delete(r"layers\[\d\]")(pg.Dict(layers=["conv", "relu"]), random.Random(0))
    {layers=['conv']}

    Args:
      where: the values that may be deleted; None for any item of a list.
    """

    where: Where = None

    def __call__(self, program: object, random: random.Random) -> Any:
        where: Where = (lambda value, parent: isinstance(parent, list)) if self.where is None else self.where
        path, _ = _pick({k: v for k, v in find(program, where).items() if k}, random)
        return None if path is None else rebind(program, {path: MISSING_VALUE})


@final
@dataclass(frozen=True, slots=True)
class Rewire(Edit):
    r"""Replaces a value by a copy of another value of the same program.

    If parts refer to each other by number or name (the inputs of a layer), an edge gets the end of another edge; if
    parts are nested, a part is copied to another place.

    >>> import random, pliant as pg
    >>> graph = pg.Dict(nodes=[pg.Dict(inputs=[0]), pg.Dict(inputs=[1, 2])])
    >>> Rewire(r".*inputs\[\d\]")(graph, random.Random(3))
    {nodes=[{inputs=[2]}, {inputs=[1, 2]}]}

    Args:
      where: the values that are replaced and copied.
    """

    where: Where

    def __call__(self, program: object, random: random.Random) -> Any:
        found = find(program, self.where)
        path, old = _pick(found, random)
        others = {k: v for k, v in found.items() if not equal(v, old)}
        if path is None or not others:
            return None
        return put(program, path, clone(_pick(others, random)[1]))


@final
@dataclass(frozen=True, slots=True)
class Swap(Edit):
    r"""Swaps two values of a program, such as two layers.

    >>> import random, pliant as pg
    >>> Swap(r"layers\[\d\]")(pg.Dict(layers=["conv", "relu"]), random.Random(0))
    {layers=['relu', 'conv']}

    Args:
      where: the values that are swapped; neither is inside the other.
    """

    where: Where

    def __call__(self, program: object, random: random.Random) -> Any:
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
    """Subtree crossover: replaces a part of the first program by a part of the second.

    Koza, "Genetic programming", MIT Press 1992, section 6.4; one child of each pair.

    >>> import random, pliant as pg
    >>> Crossover(int)(pg.Dict(a=1, b=1), random.Random(0), pg.Dict(a=2, b=2))
    {a=1, b=2}

    Args:
      where: the values that are replaced, and those that replace them.
    """

    where: Where
    parents = 2

    def __call__(self, program: object, random: random.Random, mate: object = None) -> Any:
        path, _ = _pick(find(program, self.where), random)
        source, new = _pick(find(mate, self.where), random)
        return None if path is None or source is None else put(program, path, clone(new))


def find(program: object, where: Where) -> dict[str, Any]:
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


def put(program: object, path: str, value: object) -> Any:
    """Returns the program with ``value`` at ``path``; a copy of the value if the path is empty."""
    return rebind(program, {path: value}) if path else clone(value)


def make(values: Values, old: object, random: random.Random) -> Any:
    """Returns the new value for ``old``: a copy of a random candidate, or the result of the function."""
    if not callable(values):
        return clone(values[int(random.random() * len(values))])
    return values(random) if positional_arity(values, most=2) == 1 else values(old, random)


def _pick(found: dict[str, Any], random: random.Random) -> tuple[str | None, Any]:
    """Returns a random value with its path; None as path if there are none."""
    if not found:
        return None, None
    paths = list(found)
    path = paths[int(random.random() * len(paths))]
    return path, found[path]


def _is_apart(first: tuple[Any, ...], second: tuple[Any, ...]) -> bool:
    shared = min(len(first), len(second))
    return first[:shared] != second[:shared]


def _check(edit: Edit, where: object, values: object = ()) -> None:
    """Checks the arguments of an edit when it is made."""
    name = type(edit).__name__
    if isinstance(where, (str, re.Pattern)):
        compile_pattern(where)
    elif isinstance(where, tuple):
        if not where or not all(isinstance(one, type) for one in where):
            raise FieldTypeError(
                f"{name}(where=...) as a tuple holds classes, at least one; got {quote(where)}."
            )
    elif where is not None and not callable(where):
        raise FieldTypeError(
            f"{name}(where=...) is a class, a regular expression of paths, or a predicate such as "
            f"`lambda value: ...`; got {quote_typed(where)}."
        )
    if callable(values):
        arity = positional_arity(values, most=3)
        if isinstance(values, type) or arity not in (1, 2):
            raise FieldTypeError(
                f"{name}(values=...) as a function takes (random) or (value, random); got {quote(values)}, which "
                f"{'is a class' if isinstance(values, type) else f'takes {arity} arguments'}. "
                "Write `lambda random: ...`, or a list of candidates."
            )
    elif isinstance(values, (str, bytes)) or children(values) is None or isinstance(values, dict):
        raise FieldTypeError(
            f"{name}(values=...) is a list of candidates or a function; got {quote_typed(values)}. "
            f"Write [{quote(values, 40)}] for a single one."
        )
    elif not values and isinstance(edit, (Replace, Insert)):
        raise FieldValueError(f"{name}(values=...) is empty; give at least one candidate.")
