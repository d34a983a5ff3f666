"""Variation in open-ended evolution: applies edits to programs, and checks the resulting children."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, final

from pliant.algorithms import twister
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.tree.node import Node, parent
from pliant.symbolic.tree.realize import missing_paths
from pliant.values.errors import FieldTypeError, FieldValueError, PliantError, listing, quote, quote_typed
from pliant.values.signature import positional_arity

from .edits import Edit

EditFn = Edit | Callable[[Any, random.Random], Any]


@final
class Refused(PliantError, ValueError):
    """An edit failed: it does not apply, or its result is not a program to try."""


@final
class Edits:
    """The edits of a search, by ``names``, with their weights in random draws and the check of their results."""

    def __init__(
        self,
        edits: Sequence[EditFn] | Mapping[str, EditFn],
        weights: Sequence[float] | None = None,
        check: Callable[[Any], Any] | None = None,
    ) -> None:
        self._by_name = _name_edits(edits)
        self.names = tuple(self._by_name)
        self._bounds = list(accumulate(_check_weights(weights, len(self.names))))
        if check is not None and not callable(check):
            raise FieldTypeError(
                f"check is a function of a program that returns whether it may be tried; got {quote(check)}."
            )
        self._check = check

    def draw(self, random: random.Random) -> str:
        """Returns the name of an edit, drawn by weight."""
        spot = random.random() * self._bounds[-1]
        return next(
            name
            for name, bound in zip(self.names, self._bounds, strict=True)
            if spot < bound or name == self.names[-1]
        )

    def count_parents(self, name: str) -> int:
        """Returns the number of programs that the edit takes."""
        found: int = getattr(self._by_name[name], "parents", 1)
        return found

    def apply(self, name: str, parents: Sequence[Any], seed: int) -> Any:
        """Applies an edit with this seed to copies of programs, and returns the child.

        Raises:
          Refused: it does not apply, the child lacks values, or a schema or ``check`` rejects it.
          FieldTypeError: it did not return a program.
        """
        draw = twister.make(f"pliant.evolve/{seed}")
        copies = [clone(one) for one in parents]
        try:
            child = self._by_name[name](copies[0], draw, *copies[1:])
            missing = [] if child is None else missing_paths(child)
        except PliantError as error:
            raise Refused(str(error)) from error
        if child is None:
            raise Refused("it does not apply to the program")
        if not isinstance(child, Node):
            raise FieldTypeError(
                f"the edit {name!r} returned {quote_typed(child)}; an edit returns the "
                "changed program, or None if it does not apply."
            )
        if missing:
            raise Refused(f"the program lacks values at {listing(missing)}")
        child = child if parent(child) is None else clone(child)  # a part of the program, promoted
        if self._check is not None and not self._check(child):
            raise Refused("`check` returned False for the program")
        return child


def _name_edits(edits: object) -> dict[str, EditFn]:
    if isinstance(edits, Mapping):
        named = {str(name): edit for name, edit in edits.items()}
    elif isinstance(edits, (list, tuple)):
        named = {}
        for edit in edits:
            base = (
                type(edit).__name__.lower() if isinstance(edit, Edit) else getattr(edit, "__name__", "edit")
            )
            base = base.strip("<>")
            count = 1
            while (name := base if count == 1 else f"{base}_{count}") in named:
                count += 1
            named[name] = edit
    else:
        raise FieldTypeError(
            f"edits are a list of functions `(program, random) -> program | None`, or a dict of them by name; "
            f"got {quote_typed(edits)}."
        )
    if not named:
        raise FieldValueError("evolve needs at least one edit, such as pg.edits.Replace(int, [1, 2, 3]).")
    for name, edit in named.items():
        _check_edit(name, edit)
    return named


def _check_edit(name: str, edit: object) -> None:
    if isinstance(edit, Edit):
        return
    if isinstance(edit, type) or not callable(edit):
        hint = f" Write `{edit.__name__}(...)`." if isinstance(edit, type) else ""
        raise FieldTypeError(
            f"the edit {name!r} is {quote(edit)}, not a function `(program, random) -> program | None`.{hint}"
        )
    if (arity := positional_arity(edit, most=3)) != 2:
        raise FieldTypeError(
            f"an edit takes (program, random); {name!r} takes {arity} argument{'s' if arity != 1 else ''}. "
            "Draw random numbers only from the second, so that the edit can be replayed."
        )


def _check_weights(weights: Any, count: int) -> list[float]:
    if weights is None:
        return [1.0] * count
    try:
        numbers = [float(one) for one in weights]
    except (TypeError, ValueError):
        raise FieldTypeError(f"weights are numbers, one for each edit; got {quote(weights)}.") from None
    if len(numbers) != count or not all(0 <= one < float("inf") for one in numbers) or not sum(numbers):
        raise FieldValueError(
            f"weights are {count} numbers of at least 0, one for each edit and not all 0; got {quote(weights)}."
        )
    return numbers
