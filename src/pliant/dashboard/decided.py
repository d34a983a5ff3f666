"""Decisions as short texts for people: long candidates by the fields in which they differ."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from pliant.space import Choice, Decisions
from pliant.space.literals import HOLES, Keys, Tree, number_equal, read_literal, shorten_literals, write

from .numbers import say_number

_LONG: Final = 28  # letters of a candidate that is shown as it is
_LEAF: Final = 16
_WHOLE: Final = 36
_LONGEST: Final = 44


def shorten_decisions(decisions: Decisions) -> dict[str, str]:
    """Returns decisions by name or path, as ``Decisions.params`` has them, each as a short text.

    >>> from pliant.space import choice, flatten
    >>> space = flatten([choice("op", 2, literals=[f"Conv(filters=64, kernel={k}, padding='same', act='relu')" for k in (3, 5)])])
    >>> shorten_decisions(space.validate([1]))
    {'op': 'Conv(kernel=5, ...)'}
    >>> nested = ["{kind='mlp', width=OneOf(name='width', candidates=[0: 32, 1: 64])}", "'linear'"]
    >>> shorten_decisions(flatten([choice("head", 2, literals=nested)]).validate([0]))
    {'head': "{kind='mlp', ...}"}
    """
    points = decisions.space.points
    found = {}
    for (name, value), index, place in zip(decisions.params.items(), decisions.active, decisions.values):
        point = points[index]
        text = say_number(value)
        if isinstance(point, Choice) and len(text) > _LONG:
            text = _shorten(point.literals)[int(place)]
        found[name] = text
    return found


@lru_cache(maxsize=512)
def _shorten(literals: tuple[str, ...]) -> tuple[str, ...]:
    """Returns candidates without their holes, whose decisions are shown by themselves."""
    trees = [read_literal(text) for text in literals]
    texts = [write(tree, set(_find_holes(tree)), leaf=_LEAF) if tree.opening else tree.head for tree in trees]
    if max(map(len, texts)) > _LONGEST or len(set(texts)) < len(set(literals)):
        return shorten_literals(literals, _LEAF, _WHOLE)
    return number_equal(texts, literals)


def _find_holes(tree: Tree, path: Keys = ()) -> Iterator[Keys]:
    """Yields the keys of the values in holes."""
    for key, _, value in tree.fields:
        at = (*path, key)
        if value.head in HOLES:
            yield from (under for under, _ in value.leaves(at))
        else:
            yield from _find_holes(value, at)
