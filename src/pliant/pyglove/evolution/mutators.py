"""Mutators: ``Uniform`` draws a part of a DNA again, ``Swap`` swaps two choices of a multiple choice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pliant.values.errors import quote

from .. import typing as pg_typing
from ..geno import DNA, Choices, CustomDecisionPoint, Float
from ..scalars.randoms import make_random
from ..symbolic import members
from .operation import Mutator

Path = tuple[int, ...]
"""Where a node of a DNA is: the indices of the children on the way from its root."""


def where_fn_spec() -> Any:
    """Returns the type of a field that holds a function from a node of a DNA to whether it may change."""
    return pg_typing.Callable([pg_typing.Object(DNA)], returns=pg_typing.Bool()).noneable()


def _fields() -> list[Any]:
    return [
        ("where", where_fn_spec(), "From a node of the DNA to whether it may change; None: all may."),
        ("seed", pg_typing.Int().noneable(), "The seed; None for Python's `random`."),
    ]


@members(_fields(), init_arg_list=["where", "seed"])
class Uniform(Mutator):
    """Draws one node of a DNA, all with the same probability, and draws the decisions at and below it again.

    As in PyGlove, the new decision may be the old one.

    >>> from pliant import pyglove as pg
    >>> parent = pg.DNA([0, 0], spec=pg.dna_spec(pg.Dict(x=pg.oneof(range(9)), y=pg.oneof(range(9)))))
    >>> pg.evolution.mutators.Uniform(seed=1).mutate(parent) in [pg.DNA([i, 0]) for i in range(9)]
    True

    Args:
      where: a function from a node, a DNA with its ``spec``, to whether it may be drawn; None for all.
      seed: the seed; None for Python's ``random``.

    Raises:
      RuntimeError: no node may change.
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._random = make_random(self.seed)
        self._immutable_root = False

    def mutate(self, dna: Any, step: int = 0) -> Any:  # type: ignore[override]
        nodes = [(node, path) for node, path in _walk(dna) if self._is_mutable(node, path)]
        if not nodes:
            raise RuntimeError(
                f"Uniform: Immutable DNA {quote(dna)}. No decision in it may change: let `where` accept one, and bind the DNA to its "
                "space with use_spec."
            )
        node, path = self._random.choice(nodes)
        if not path:
            return node.spec.random_dna(self._random, previous_dna=node)
        above = _find(dna, path[:-1])
        drawn = self._draw(node, above)
        if drawn is None:
            return dna.clone(deep=True)
        children = [drawn if place == path[-1] else child for place, child in enumerate(above.children)]
        if _is_picked(node.spec) and node.spec.sorted:
            children.sort(key=lambda child: child.value)
        return _replace(dna, path[:-1], children)

    def _is_mutable(self, node: Any, path: Path) -> bool:
        """Returns whether a node may be drawn."""
        if not path and self._immutable_root:
            return False
        if self.where is not None and not self.where(node):
            return False
        return isinstance(node.spec, (Choices, Float, CustomDecisionPoint))

    def _draw(self, node: Any, above: Any) -> Any:
        """Returns another node in place of one; None if no candidate is free."""
        spec = node.spec
        if not (_is_picked(spec) and spec.distinct):
            return spec.random_dna(self._random, previous_dna=node)
        free = list(
            set(range(len(spec.candidates))) - {child.value for child in above.children}
        )  # PyGlove's order
        if not free:
            return None
        value = self._random.choice(free)
        return DNA(value, children=[spec.candidates[value].random_dna(self._random)])


@members(_fields(), init_arg_list=["where", "seed"])
class Swap(Mutator):
    """Swaps two choices of a multiple choice that is not sorted, with all that is below them.  Without one, nothing changes.

    As in PyGlove, a multiple choice that is itself a candidate, as in ``oneof([manyof(...), ...])``, stays as it is.

    >>> from pliant import pyglove as pg
    >>> tour = pg.DNA([2, 0, 1], spec=pg.dna_spec(pg.permutate(range(3))))
    >>> child = pg.evolution.mutators.Swap(seed=1).mutate(tour)
    >>> sorted(child.to_numbers()), child == tour
    ([0, 1, 2], False)

    Args:
      where: a function from a node, a DNA with its ``spec``, to whether its children may be swapped; None for all.
      seed: the seed; None for Python's ``random``.
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._random = make_random(self.seed)

    def mutate(self, dna: Any, step: int = 0) -> Any:  # type: ignore[override]
        nodes = [(node, path) for node, path in _walk(dna) if self._may_swap(node)]
        self._random.shuffle(nodes)
        for node, path in nodes:
            if not node.spec.sorted:
                children = list(node.children)
                i, j = self._random.sample(range(len(children)), 2)
                children[i], children[j] = children[j], children[i]
                return _replace(dna, path, children)
        return dna.clone(deep=True)

    def _may_swap(self, node: Any) -> bool:
        if self.where is not None and not self.where(node):
            return False
        return isinstance(node.spec, Choices) and node.spec.num_choices > 1


def make_mutator(mutator: Any, seed: int | None) -> Any:
    """Returns the mutator of an algorithm: the given one, or ``Uniform`` with the algorithm's seed."""
    return Uniform(seed=seed) if mutator is None else mutator


def _is_picked(spec: Any) -> bool:
    """Returns whether a genotype is one of the choices of a multiple choice."""
    return isinstance(spec, Choices) and spec.is_subchoice


def _walk(dna: Any, path: Path = ()) -> Iterator[tuple[Any, Path]]:
    """Yields the nodes of a DNA with their places, parents before children."""
    yield dna, path
    for place, child in enumerate(dna.children):
        yield from _walk(child, (*path, place))


def _find(dna: Any, path: Path) -> Any:
    """Returns the node at a place."""
    for place in path:
        dna = dna.children[place]
    return dna


def _replace(dna: Any, path: Path, children: list[Any]) -> Any:
    """Returns a copy of a DNA in which the node at a place has other children."""
    for depth in reversed(range(len(path))):
        above, place = _find(dna, path[:depth]), path[depth]
        children = [
            *above.children[:place],
            _with_children(_find(dna, path[: depth + 1]), children),
            *above.children[place + 1 :],
        ]
    return _with_children(dna, children).use_spec(dna.spec)


def _with_children(node: Any, children: list[Any]) -> Any:
    """Returns a copy of a node with other children, each bound to its place in a multiple choice."""
    copies = [child.clone(deep=True) for child in children]
    if isinstance(node.spec, Choices) and node.spec.num_choices > 1:
        for place, child in enumerate(copies):
            child.use_spec(node.spec.subchoice(place))
    return node.clone(override={"children": copies})
