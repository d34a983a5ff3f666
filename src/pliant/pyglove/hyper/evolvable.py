"""``Evolvable``: a whole program as one decision, changed by insertion, deletion and replacement of its parts; ``evolve``."""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pliant.values.errors import FieldValueError

from .. import symbolic
from .. import typing as pg_typing
from ..geno.dna import DNA
from ..values.missing import MISSING_VALUE
from ..values.value_location import KeyPath
from .custom import CustomHyper


class MutationType(enum.StrEnum):
    """How a place of a program changes."""

    REPLACE = "replace"
    INSERT = "insert"
    DELETE = "delete"


@dataclass(frozen=True)
class MutationPoint:
    """A place of a program, and how it changes there.

    Attributes:
      mutation_type: how.
      location: the path.
      old_value: the value there; ``MISSING_VALUE`` for an insertion.
      parent: the node that holds it; None at the root.
    """

    mutation_type: MutationType
    location: KeyPath
    old_value: Any
    parent: Any


@symbolic.members(
    [
        ("initial_value", pg_typing.Object(symbolic.Symbolic), "The first program."),
        (
            "node_transform",
            pg_typing.Callable([], returns=pg_typing.Any()),
            "Makes a new part from the old one.",
        ),
        (
            "weights",
            pg_typing.Callable(None, returns=pg_typing.Float(min_value=0.0)).noneable(),
            "How likely each change is; None for equally.",
        ),
    ],
    init_arg_list=["initial_value", "node_transform", "weights", "name", "hints"],
)
class Evolvable(CustomHyper):
    """A program as one decision: its DNA is its JSON text, and a random DNA is the earlier one with one change.  See ``evolve``."""

    def custom_decode(self, dna: DNA) -> Any:
        return symbolic.from_json_str(str(dna.value))

    def custom_encode(self, value: Any) -> DNA:
        return DNA(symbolic.to_json_str(value))

    def first_dna(self) -> DNA:
        return self.custom_encode(self.initial_value)

    def next_dna(self, dna: DNA | None = None) -> DNA | None:
        if dna is None:
            return self.first_dna()
        raise NotImplementedError(
            "`next_dna` is not supported by Evolvable: its programs have no order. Use `random_dna`."
        )

    def random_dna(self, random_generator: Any = None, previous_dna: DNA | None = None) -> DNA:
        if previous_dna is None:
            return self.first_dna()
        return self.custom_encode(self.mutate(self.custom_decode(previous_dna), random_generator))

    def mutation_points_and_weights(self, value: Any) -> tuple[list[MutationPoint], list[float]]:
        """Returns the changes that a program can have, and how likely each is."""
        points = list(_walk(KeyPath(), value, None, None))
        if self.weights is None:
            return points, [1.0] * len(points)
        weigh: Callable[..., float] = self.weights
        return points, [weigh(p.mutation_type, p.location, p.old_value, p.parent) for p in points]

    def mutate(self, value: Any, random_generator: Any = None) -> Any:
        """Returns a program with one change.

        Args:
          value: the program.
          random_generator: where random numbers come from; None is the module ``random``, as in PyGlove.

        Raises:
          FieldValueError: no change has a weight above 0.
        """
        rng = random if random_generator is None else random_generator
        points, weights = self.mutation_points_and_weights(value)
        if not any(weights):
            raise FieldValueError(
                "No mutation has a weight above 0. Return a positive weight for some place of the program."
            )
        point = rng.choices(points, weights, k=1)[0]
        if point.mutation_type is MutationType.DELETE:
            return _edit(value, point.location, MISSING_VALUE)
        made = self.node_transform(point.location, point.old_value, point.parent)
        if point.location.is_root:
            return made
        if point.mutation_type is MutationType.INSERT:
            return _edit(value, point.location, symbolic.Insertion(made))
        return _edit(value, point.location, made)


def _edit(value: Any, path: KeyPath, new: Any) -> Any:
    made = value.clone(deep=True)
    made.rebind({path.path: new}, raise_on_no_change=False)
    return made


def _walk(path: KeyPath, value: Any, parent: Any, field: Any) -> Iterator[MutationPoint]:
    """Yields the changes at a path and below it."""
    spec = field.value if field is not None else None
    if field is not None and field.metadata.get("no_mutation"):
        return
    if spec is None or not getattr(spec, "frozen", False):
        yield MutationPoint(MutationType.REPLACE, path, value, parent)
    if isinstance(value, symbolic.List):
        yield from _walk_list(path, value)
    elif isinstance(value, symbolic.Symbolic):
        for key, child in value.sym_items():
            yield from _walk(KeyPath(key, path), child, value, value.sym_attr_field(key))


def _walk_list(path: KeyPath, items: Any) -> Iterator[MutationPoint]:
    spec = items.value_spec
    least = (spec.min_size or 0) if spec is not None else 0
    most = spec.max_size if spec is not None else None
    grows = most is None or len(items) < most
    for i, (_, item) in enumerate(items.sym_items()):
        at = KeyPath(i, path)
        if grows:
            yield MutationPoint(MutationType.INSERT, at, MISSING_VALUE, items)
        if len(items) > least:
            yield MutationPoint(MutationType.DELETE, at, item, items)
        yield from _walk(at, item, items, spec.element if spec is not None else None)
    if grows:
        yield MutationPoint(MutationType.INSERT, KeyPath(len(items), path), MISSING_VALUE, items)


def evolve(
    initial_value: Any,
    node_transform: Callable[[KeyPath, Any, Any], Any],
    *,
    weights: Callable[[MutationType, KeyPath, Any, Any], float] | None = None,
    name: str | None = None,
    hints: Any = None,
) -> Any:
    """Returns a program that a search changes: one part replaced, inserted or deleted in each step.

    Args:
      initial_value: the first program, a symbolic value.
      node_transform: a function of the path, the old value (``MISSING_VALUE`` for an insertion) and the node that holds it, which
        returns the new value.
      weights: a function of ``(mutation type, path, old value, node)`` that returns how likely the change is; None for equally.
      name: a name that is unique in the search space.
      hints: any value for the search algorithm.

    >>> program = evolve(symbolic.List([1]), lambda path, old, parent: 2, weights=lambda kind, *_: kind is MutationType.INSERT)
    >>> list(program.mutate(symbolic.List([1]), random.Random(0)))
    [1, 2]
    """
    return Evolvable(initial_value, node_transform, weights, name=name, hints=hints)
