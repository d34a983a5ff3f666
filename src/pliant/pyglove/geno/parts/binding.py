"""Which genotype each node of a DNA belongs to: ``bind`` finds them and checks the DNA on the way."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pliant.values.errors import FieldValueError, quote

if TYPE_CHECKING:
    from ..dna import DNA

Pairs = list[tuple[Any, Any]]


def find_element(spec: Any) -> Any:
    """Returns the genotype itself, or the only decision point of a space that has one."""
    while spec.is_space and len(spec.elements) == 1:
        spec = spec.elements[0]
    return spec


def bind(dna: DNA, spec: Any) -> Pairs:
    """Returns ``(node, genotype)`` for a DNA and all below it.

    Raises:
      FieldValueError: the DNA does not fit.
    """
    pairs: Pairs = []
    _bind(dna, find_element(spec), pairs)
    return pairs


def _bind(dna: DNA, spec: Any, pairs: Pairs) -> None:
    pairs.append((dna, spec))
    if spec.is_space:
        _bind_space(dna, spec, pairs)
    elif spec.is_categorical and spec.num_choices > 1:
        if dna.value is not None:
            raise FieldValueError(
                f"Cannot apply multi-choice DNA spec on value {quote(dna.value)}: {quote(spec)}. Give a list."
            )
        _bind_choices(dna, spec, pairs)
    elif spec.is_categorical:
        _bind_choice(dna, spec, pairs)
    elif spec.is_numerical:
        if not isinstance(dna.value, float):
            raise _mismatch(dna, spec)
        if (end := spec._find_end(dna.value)) is not None:
            raise FieldValueError(f"DNA value should be {end}. Encountered {dna.value}, Spec: {quote(spec)}.")
    elif not isinstance(dna.value, str):
        raise _mismatch(dna, spec)


def _bind_space(dna: DNA, spec: Any, pairs: Pairs) -> None:
    if dna.value is not None:
        raise _mismatch(dna, spec)
    if len(dna.children) != len(spec.elements):
        raise FieldValueError(
            f"Length of DNA child values ({len(dna.children)}) is different from the number of elements. "
            f"({len(spec.elements)}), Spec: {quote(spec)}."
        )
    for child, element in zip(dna.children, spec.elements, strict=True):
        _bind(child, element, pairs)


def _bind_choices(dna: DNA, spec: Any, pairs: Pairs) -> None:
    if len(dna.children) != spec.num_choices:
        raise FieldValueError(
            f"Number of choices ({spec.num_choices}) does not match with the number of child values ({len(dna.children)}). "
            f"Spec: {quote(spec)}, Children: {quote(dna.children)}."
        )
    for child, choice in zip(dna.children, spec.choice_specs, strict=True):
        _bind(child, choice, pairs)
    values: list[Any] = [child.value for child in dna.children]
    if spec.sorted and any(a > b for a, b in pairwise(values)):
        raise FieldValueError(f"Child values {values} are not sorted. Spec: {quote(spec)}.")
    if spec.distinct and len(set(values)) < len(values):
        raise FieldValueError(f"Child values {values} are not distinct. Spec: {quote(spec)}.")


def _bind_choice(dna: DNA, spec: Any, pairs: Pairs) -> None:
    if not isinstance(dna.value, int):
        raise _mismatch(dna, spec)
    if not 0 <= dna.value < len(spec.candidates):
        raise FieldValueError(
            f"Value of DNA is out of range according to the DNA spec. Value: {dna.value}, Spec: {quote(spec)}."
        )
    candidate = spec.candidates[dna.value]
    children = dna.children
    if candidate.is_constant:
        if children:
            raise FieldValueError(
                f"There is no DNA spec for child DNA values. Child values: {quote(children)}, Spec: {quote(spec)}."  # wording: as PyGlove
            )
    elif len(candidate.elements) > 1:
        if len(children) != len(candidate.elements):
            raise FieldValueError(
                f"Number of elements in child templates ({len(candidate.elements)}) does not match with the length of children "
                f"({len(children)}) from DNA: {quote(dna)}, Spec: {quote(candidate)}."
            )
        for child, element in zip(children, candidate.elements, strict=True):
            _bind(child, element, pairs)
    elif (element := candidate.elements[0]).is_categorical and element.num_choices > 1:
        _bind_choices(dna, element, pairs)
    elif len(children) != 1:
        more = "Encountered more than 1 value." if children else "Encountered no value."
        raise FieldValueError(f"{more} Child value: {quote(children)}, Spec: {quote(element)}.")
    else:
        _bind(children[0], element, pairs)


def _mismatch(dna: DNA, spec: Any) -> FieldValueError:
    return FieldValueError(f"DNA value type mismatch. Value: {quote(dna.value)}, Spec: {quote(spec)}.")
