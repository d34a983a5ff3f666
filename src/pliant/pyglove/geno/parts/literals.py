"""Candidates of a choice as text: ``0/2``, a literal, or ``0/2 (literal)``."""

from __future__ import annotations

import re
from typing import Any

from pliant.values.errors import FieldValueError, quote

_INDEXED = re.compile(r"(\d+)/(\d+)(?: \((.*)\))?\Z", re.DOTALL)


def strip_index(literal: Any) -> Any:
    """Returns a literal without ``0/2`` before it.

    >>> strip_index("0/2 (conv)"), strip_index("conv"), strip_index(3)
    ('conv', 'conv', 3)
    """
    match = _INDEXED.match(literal) if isinstance(literal, str) else None
    return literal if match is None or match[3] is None else match[3]


def write_candidate(spec: Any, index: int, form: str) -> Any:
    """Returns a candidate for display; see ``Choices.format_candidate``."""
    if form not in ("choice", "literal", "choice_and_literal"):
        raise FieldValueError(
            f"`display_format` must be either 'choice', 'literal' or 'choice_and_literal'; got {quote(form)}."
        )
    place = f"{index}/{len(spec.candidates)}"
    if form == "choice" or spec.literal_values is None:
        return place
    literal = spec.literal_values[index]
    return literal if form == "literal" else f"{place} ({literal})"


def find_candidate(spec: Any, value: Any) -> int:
    """Returns the index of a candidate; see ``Choices.candidate_index``."""
    literals = spec.literal_values or []
    for index, literal in enumerate(literals):
        if type(literal) is type(value) and literal == value:
            return index
    match = _INDEXED.match(value) if isinstance(value, str) else None
    if match is None:
        raise FieldValueError(
            f"There is no candidate in {quote(literals)} with literal value {quote(value)} at choice '{spec.id}'."  # wording: as PyGlove
        )
    index, count = int(match[1]), int(match[2])
    check_index(spec, index)
    if count != len(spec.candidates):
        raise FieldValueError(
            f"Number of candidates ({count}) for Choice '{spec.id}' does not match with DNASpec ({len(spec.candidates)})."
        )
    if match[3] is not None and match[3] != str(write_candidate(spec, index, "literal")):
        raise FieldValueError(
            f"The literal value from the input ({quote(match[3])}) does not match with the literal value from the chosen candidate "
            f"({quote(literals[index]) if literals else 'none'})."
        )
    return index


def check_index(spec: Any, index: int) -> None:
    """Raises FieldValueError if a choice has no candidate with this index."""
    count = len(spec.candidates)
    if not 0 <= index < count:
        raise FieldValueError(
            f"Candidate index out of range at choice '{spec.id}'. Index={index}, Number of candidates={count}."
        )
