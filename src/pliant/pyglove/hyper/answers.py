"""``Answers``: decisions for the hyper primitives that a running function makes, in order or by name."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from pliant.values.errors import FieldValueError, quote

from ..geno.dna import DNA


class Answers:
    """Decisions that are used one after another, or by name.

    In order, hyper primitives without names take the next decisions each time; one with a name takes them once, and has the same value
    afterwards.

    Args:
      decisions: a DNA or a flat list.
      spec: the genotype, for decisions by name.
      by_name: whether all hyper primitives have names.
    """

    def __init__(self, decisions: Any, spec: Any, *, by_name: bool) -> None:
        self._lock = threading.RLock()
        self._known: dict[str, list[Any]] = {}
        self._decisions = decisions
        self._named: dict[str, list[Any]] | None = None
        self._used: set[str] = set()
        self._left: Iterator[Any] = iter(())
        if by_name:
            dna = (
                DNA.from_numbers(decisions, spec) if isinstance(decisions, list) else decisions.use_spec(spec)
            )
            self._named = _read_names(dna)
        else:
            self._left = iter(decisions if isinstance(decisions, list) else decisions.to_numbers())

    def start(self, primitive: Any) -> Take:
        """Returns what gives the decisions of one hyper primitive.

        Raises:
          FieldValueError: decisions are by name, and the space has none of this name.
        """
        with self._lock:
            name = primitive.name
            if self._named is not None:
                if name not in self._named:
                    raise FieldValueError(
                        f"Hyper primitive {quote(primitive)} is not defined during search space inspection. "
                        "Make it in the function that is traced also."
                    )
                self._used.add(name)
                return Take(self, self._named[name], fixed=True)
            values = [] if name is None else self._known.setdefault(name, [])
            return Take(self, values, fixed=False)

    def next(self, primitive: Any) -> Any:
        """Returns the next decision in order."""
        with self._lock:
            for value in self._left:
                return value
        raise FieldValueError(
            f"No decision is provided for {quote(primitive)}. Give decisions of the space that `collect` recorded; a function that makes "
            "different hyper primitives each time needs functions as candidates."
        )

    def check_used(self) -> None:
        """Raises FieldValueError if decisions are left."""
        left = list(self._left) if self._named is None else sorted(set(self._named) - self._used)
        if left:
            raise FieldValueError(
                f"Found extra decision values that are not used: {quote(left)}. Run the function that was traced."
            )


class Take:
    """The decisions of one hyper primitive; those of a name are kept."""

    def __init__(self, answers: Answers, values: list[Any], *, fixed: bool) -> None:
        self._answers, self._values, self._fixed = answers, values, fixed

    def _at(self, primitive: Any, place: int) -> Any:
        if place >= len(self._values):
            if self._fixed:
                raise FieldValueError(f"No decision is provided for {quote(primitive)}.")
            self._values.append(self._answers.next(primitive))
        return self._values[place]

    def number(self, primitive: Any) -> float:
        """Returns the decision of a ``floatv``."""
        value = self._at(primitive, 0)
        if not isinstance(value, float):
            raise FieldValueError(
                f"Expect float-type decision for {quote(primitive)}, encountered {quote(value)}."
            )
        decoded: float = primitive.decode(DNA(value))
        return decoded

    def text(self, primitive: Any) -> str:
        """Returns the decision of a ``CustomHyper``."""
        value = self._at(primitive, 0)
        if not isinstance(value, str):
            raise FieldValueError(
                f"Expect string-type decision for {quote(primitive)}, encountered {quote(value)}."
            )
        return value

    def index(self, primitive: Any, count: int, place: int) -> int:
        """Returns the decision of one choice."""
        value = self._at(primitive, place)
        if not isinstance(value, int) or not 0 <= value < count:
            raise FieldValueError(
                f"Expect int-type decision in range [0, {count}) for choice {place} of {quote(primitive)}, encountered {quote(value)}."
            )
        return value


def _read_names(dna: DNA) -> dict[str, list[Any]]:
    """Returns the values of the active decisions of each name."""
    found: dict[str, list[Any]] = {}
    owners: dict[str, Any] = {}
    for point, decided in dna._points():
        if decided is None or point.name is None:
            continue
        owner = point.parent_spec if point.is_subchoice else point
        if owners.setdefault(point.name, owner) is not owner:
            raise FieldValueError(
                f"The name {point.name!r} has several decisions, below different choices of a manyof. "
                "Leave out require_hyper_name, or give each its own name."
            )
        found.setdefault(point.name, []).append(decided.value)
    return found
