"""DNA from other forms of decisions: flat numbers, dicts, and functions that decide each point."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pliant.values.errors import FieldValueError, quote
from pliant.values.numbers import to_whole

from .literals import check_index, find_candidate
from .tree import Tree

Make = Callable[..., Any]
Decide = Callable[[Any], Any]


def grow(make: Make, spec: Any, decide: Decide) -> Any:
    """Returns the DNA of a genotype.

    Args:
      make: the class of DNA.
      spec: the genotype.
      decide: a function of an active decision point; returns a number, text, the picks of a choice, or a whole DNA.  Picks are taken
        one at a time: what is below one is decided before the next is taken.
    """
    if spec.is_space:
        return make(None, [grow(make, element, decide) for element in spec.elements])
    decision = decide(spec)
    if isinstance(decision, Tree):
        return decision
    if not spec.is_categorical:
        return make(decision)
    picks = []
    for choice, pick in zip(spec.choice_specs, decision, strict=False):
        if isinstance(pick, Tree):
            picks.append(pick)
        else:
            below = choice.candidates[pick]
            picks.append(make(pick, [grow(make, below, decide)] if not below.is_constant else None))
    return make(None, picks)


def read_numbers(make: Make, values: Sequence[Any], spec: Any) -> Any:
    """Returns the DNA of a flat list of decisions; see ``DNA.from_numbers``."""
    left = iter(values)

    def take() -> Any:
        for value in left:
            return value
        raise FieldValueError(
            f"The input {quote(values)} is too short for {quote(spec)}. Give a value for each active decision."
        )

    def decide(point: Any) -> Any:
        if not point.is_categorical:
            return take()
        return (_check_pick(choice, take()) for choice in point.choice_specs)

    found = grow(make, spec, decide)
    rest = list(left)
    if rest:
        raise FieldValueError(
            f"The input {quote(values)} is too long for {quote(spec)}. Remove the last {len(rest)} values."
        )
    return found


def _check_pick(choice: Any, pick: Any) -> int:
    index = to_whole(pick)
    if index is None:
        raise FieldValueError(
            f"Choice value should be int. Encountered: {quote(pick)}, at choice '{choice.id}'."
        )
    check_index(choice, index)
    return index


def read_function(make: Make, spec: Any, function: Decide) -> Any:
    """Returns the DNA that a function decides; see ``DNA.from_fn``."""

    def decide(point: Any) -> Any:
        decision = function(point)
        if isinstance(decision, Tree) or not point.is_categorical:
            return decision
        picks = list(decision) if isinstance(decision, Iterable) else [decision]
        for pick in picks:
            if to_whole(pick) is None:
                raise FieldValueError(
                    f"Choice value should be int. Encountered: {quote(pick)}, {point._at()}"
                )
            if not 0 <= pick < len(point.candidates):
                raise FieldValueError(
                    f"Choice out of range. Value: {quote(pick)}, Candidates: {len(point.candidates)}, {point._at()}"
                )
        if len(picks) != point.num_choices:
            raise FieldValueError(
                "Number of DNA child values does not match the number of choices. "
                f"Child values: {quote(picks)}, Choices: {point.num_choices}, {point._at()}"
            )
        return picks

    return grow(make, spec, decide)


def read_dict(make: Make, given: dict[Any, Any], spec: Any, *, ints_are_literals: bool) -> Any:
    """Returns the DNA of decisions by key; see ``DNA.from_dict``."""
    taken: dict[str, int] = {}

    def find(point: Any) -> Any:
        for key in (point, point.id.path, point.id):
            if (found := given.get(key)) is not None:
                return found
        if point.is_subchoice:
            parent = point.parent_spec
            for key in (parent, parent.id.path):
                found = given.get(key)
                if isinstance(found, (list, tuple)) and point.subchoice_index < len(found):
                    return found[point.subchoice_index]
        found = given.get(point.name) if point.name is not None else None
        if isinstance(found, (list, tuple)):
            active = [value for value in found if value is not None]
            at = taken.get(point.name, 0)
            taken[point.name] = at + 1
            found = active[at] if at < len(active) else None
        if found is None:
            raise FieldValueError(
                f"Value for '{point.name or point.id}' is not found in the dictionary {quote(given)}."
            )
        return found

    def decide(point: Any) -> Any:
        if point.is_categorical:
            return (_read_choice(choice, find(choice), ints_are_literals) for choice in point.choice_specs)
        return _read_value(point, find(point))

    return grow(make, spec, decide)


def _read_choice(choice: Any, value: Any, ints_are_literals: bool) -> Any:
    if isinstance(value, Tree):
        return value.clone()
    index = to_whole(value)
    if index is None or ints_are_literals:
        return find_candidate(choice, value)
    check_index(choice, index)
    return index


def _read_value(point: Any, value: Any) -> Any:
    if isinstance(value, Tree):
        return value.clone()
    at = point.name or point.id
    if point.is_custom_decision_point and not isinstance(value, str):
        raise FieldValueError(f"The decision for '{at}' should be a string. Encountered {quote(value)}.")
    if point.is_numerical and isinstance(value, float) and (end := point._find_end(value)) is not None:
        raise FieldValueError(f"The decision for '{at}' should be {end}. Encountered {value}.")
    return value
