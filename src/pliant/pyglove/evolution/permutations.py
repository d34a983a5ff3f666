"""Recombinators of permutations: partially mapped (PMX), order (OX) and cycle (CX) crossover."""

from __future__ import annotations

import abc
from typing import Any

from .. import typing as pg_typing
from ..geno import DNA
from ..scalars.randoms import make_random
from ..symbolic import members
from .operation import Recombinator
from .where import ANY, where_spec


@members(
    [
        ("where", where_spec(ANY), "Which permutations are recombined; one at random by default."),
        ("seed", pg_typing.Int().noneable(), "The seed; None for Python's `random`."),
    ]
)
class Permutation(Recombinator):
    """Recombines permutations: multiple choices of all candidates, distinct and not sorted.  Subclasses define ``permutate``.

    Each new order is put into each parent; equal children are returned once.  Parents that have no permutation in common are
    returned as they are.

    Args:
      where: a filter of decision points, or a function from points to points: the permutations that are recombined, each on its
        own; one of them at random by default.
      seed: the seed, also of a filter in ``where`` that has none; None for Python's ``random``.
    """

    def _on_bound(self) -> None:
        super()._on_bound()
        self._random = make_random(self.seed)
        self._filter = self.where
        if (
            self.seed is not None
            and self.where.sym_hasattr("seed")
            and self.where.sym_getattr("seed") is None
        ):
            self._filter = self.where.clone(override={"seed": self.seed})

    def recombine(self, parents: list[Any], global_state: Any, step: int) -> list[Any]:
        if not parents:
            return []
        spec = parents[0].spec
        points = self._filter(_list_shared(spec, parents), global_state=global_state, step=step)
        if not points:
            return parents
        children = []
        for point in points:
            drafts = [parent.to_dict("dna_spec", "dna", "parent") for parent in parents]
            orders = self.permutate(point, [[choice.value for choice in draft[point]] for draft in drafts])
            for draft in drafts:
                choices = {choice.value: choice for choice in draft[point]}
                for order in orders:
                    draft[point] = [choices[value] for value in order]
                    children.append(DNA.from_dict(draft, spec))
        return list(dict.fromkeys(children))

    @abc.abstractmethod
    def permutate(self, multi_choice_spec: Any, parents: list[list[int]]) -> list[list[int]]:
        """Returns new orders, made of the parents' orders of the candidates of a multiple choice."""


def _list_shared(spec: Any, nodes: list[Any]) -> list[Any]:
    """Returns the permutations that are active in all parents, given their nodes at the same place."""
    if (
        any(node is None or node.spec is not spec for node in nodes)
        or len({node.value for node in nodes}) != 1
    ):
        return []
    choices = nodes[0].multi_choice_spec
    found = []
    if (
        choices is not None
        and len(choices.candidates) == choices.num_choices
        and choices.distinct
        and not choices.sorted
    ):
        found.append(choices)
    for place, child in enumerate(nodes[0].children):
        found += _list_shared(child.spec, [node.children[place] for node in nodes])
    return found


def _draw_segment(random: Any, size: int) -> tuple[int, int]:
    """Returns the start and the end of a segment; an empty one if there is nothing to cut."""
    start, end = sorted(random.sample(range(size), 2)) if size > 1 else (0, 0)
    return start, end


@members([], init_arg_list=["where", "seed"])
class PartiallyMapped(Permutation):
    """Partially mapped crossover (PMX): Goldberg and Lingle 1985.

    A child has a segment of the other parent, and its own parent's values elsewhere; a value that the segment has already is
    replaced by the one at the same place of the own parent.

    >>> PartiallyMapped(seed=1).partially_mapped_crossover([[0, 1, 2, 3], [3, 2, 1, 0]], 0, 1)
    [[3, 1, 2, 0], [0, 2, 1, 3]]
    """

    NUM_PARENTS = 2

    def permutate(self, multi_choice_spec: Any, parents: list[list[int]]) -> list[list[int]]:
        return self.partially_mapped_crossover(parents, *_draw_segment(self._random, len(parents[0])))

    def partially_mapped_crossover(self, parents: list[list[int]], start: int, end: int) -> list[list[int]]:
        """Returns the two children for the segment from ``start`` to before ``end``."""
        first, second = parents
        return [_map_partially(first, second, start, end), _map_partially(second, first, start, end)]


def _map_partially(own: list[int], other: list[int], start: int, end: int) -> list[int]:
    segment = other[start:end]
    place = {value: i for i, value in enumerate(other)}
    child = [*own[:start], *segment, *own[end:]]
    for i in (*range(start), *range(end, len(own))):
        while child[i] in segment:
            child[i] = own[place[child[i]]]
    return child


@members([], init_arg_list=["where", "seed"])
class Order(Permutation):
    """Order crossover (OX): Davis 1985.

    A child has a segment of the other parent, and the remaining values in its own parent's order, from behind the segment on.

    >>> Order(seed=1).order_crossover([[0, 1, 2, 3], [3, 2, 1, 0]], 0, 1)
    [[3, 1, 2, 0], [0, 2, 1, 3]]
    """

    NUM_PARENTS = 2

    def permutate(self, multi_choice_spec: Any, parents: list[list[int]]) -> list[list[int]]:
        return self.order_crossover(parents, *_draw_segment(self._random, len(parents[0])))

    def order_crossover(self, parents: list[list[int]], start: int, end: int) -> list[list[int]]:
        """Returns the two children for the segment from ``start`` to before ``end``."""
        first, second = parents
        return [_keep_order(first, second, start, end), _keep_order(second, first, start, end)]


def _keep_order(own: list[int], other: list[int], start: int, end: int) -> list[int]:
    segment = other[start:end]
    rest = [value for value in (*own[end:], *own[:end]) if value not in segment]
    behind = len(own) - end
    return [*rest[behind:], *segment, *rest[:behind]]


@members([], init_arg_list=["where", "seed"])
class Cycle(Permutation):
    """Cycle crossover (CX): Oliver, Smith and Holland 1987.

    The places of both parents fall into cycles that have the same values in both.  Each cycle of the first parent goes to one of
    the two children at random, and that of the second parent to the other child.

    >>> sorted(Cycle(seed=4).cycle_crossover([[0, 1, 2, 3], [1, 0, 3, 2]]))
    [[0, 1, 3, 2], [1, 0, 2, 3]]
    """

    NUM_PARENTS = 2

    def permutate(self, multi_choice_spec: Any, parents: list[list[int]]) -> list[list[int]]:
        return self.cycle_crossover(parents)

    def cycle_crossover(self, parents: list[list[int]]) -> list[list[int]]:
        """Returns the two children."""
        first, second = parents
        place = {value: i for i, value in enumerate(first)}
        children = [list(first), list(second)]
        seen: set[int] = set()
        for start in range(len(first)):
            if start in seen:
                continue
            swapped = self._random.choice([0, 1])
            i = start
            while i not in seen:
                seen.add(i)
                children[swapped][i], children[1 - swapped][i] = first[i], second[i]
                i = place[second[i]]
        return children
