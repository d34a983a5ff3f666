"""``CustomDecisionPoint``: the genotype of a decision that is text, which the user's class decodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

from pliant.values.errors import FieldValueError, quote

from .dna import DNA
from .numerical import write_options
from .spec import INFINITE, DecisionPoint


class CustomDecisionPoint(DecisionPoint):
    """A decision that is text, such as a program; functions say which comes next or is drawn.

    >>> point = CustomDecisionPoint("Word", random_dna_fn=lambda rng, old: DNA(rng.choice(["yes", "no"])))
    >>> point.random_dna().value in ("yes", "no"), point
    (True, CustomDecisionPoint(id='', hyper_type='Word'))

    Args:
      hyper_type: the name of the user's class.
      next_dna_fn: a function of a DNA, or None, that returns the DNA after it, or the first; None after the last.
      random_dna_fn: a function of a random number generator and an earlier DNA or None that returns a DNA.
      hints: any value for the search algorithm.
      location: the path of the decision point.
      name: a name that is unique in the search space.
    """

    PARTS: ClassVar = ("location", "hints", "name", "hyper_type", "next_dna_fn", "random_dna_fn")
    JSON_TYPE = "pyglove.generators.geno.CustomDecisionPoint"

    def __init__(
        self,
        hyper_type: str | None = None,
        next_dna_fn: Callable[[Any], Any] | None = None,
        random_dna_fn: Callable[[Any, Any], Any] | None = None,
        hints: Any = None,
        *,
        location: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(location, hints, name)
        self.hyper_type, self.next_dna_fn, self.random_dna_fn = hyper_type, next_dna_fn, random_dna_fn

    @property
    def is_custom_decision_point(self) -> bool:
        return True

    @property
    def decision_points(self) -> list[Self]:
        return [self]

    @property
    def space_size(self) -> int:
        return INFINITE

    def __len__(self) -> int:
        return 1

    def validate(self, dna: DNA) -> None:
        """Raises FieldValueError if the value of the DNA is not text."""
        if not isinstance(dna.value, str):
            raise FieldValueError(
                f"CustomDecisionPoint expects string type DNA. Encountered: {quote(dna)}, {self._at()}"
            )

    def sym_eq(self, other: Any) -> bool:
        """Returns whether the other point has equal parts; functions are not compared."""
        return type(other) is type(self) and self._compared() == other._compared()

    def sym_hash(self) -> int:
        return hash((type(self).__name__, self.location, self.name, self.hyper_type))

    def _compared(self) -> Any:
        return self.location, self.hints, self.name, self.hyper_type

    def sym_jsonify(self, **kwargs: Any) -> Any:
        """Returns JSON data without the functions."""
        found = CustomDecisionPoint(self.hyper_type, hints=self.hints, location=self.location, name=self.name)
        data = super(CustomDecisionPoint, found).sym_jsonify(**kwargs)
        return {key: value for key, value in data.items() if not key.endswith("_fn")}

    def _first(self) -> DNA:
        found: DNA = self._follow(None)
        return found

    def _next(self, dna: DNA | None) -> DNA | None:
        found: DNA | None = self._follow(dna)
        return found

    def _follow(self, dna: DNA | None) -> Any:
        if self.next_dna_fn is None:
            raise NotImplementedError(
                f"`next_dna` is not supported on {self.hyper_type or 'CustomDecisionPoint'!r}. Give it a `next_dna_fn`."
            )
        return self.next_dna_fn(dna)

    def _random(self, rng: Any, previous: DNA | None) -> DNA:
        if self.random_dna_fn is None:
            raise NotImplementedError(
                f"`random_dna` is not supported on {self.hyper_type or 'CustomDecisionPoint'!r}. Give it a `random_dna_fn`."
            )
        found: DNA = self.random_dna_fn(rng, previous)
        return found

    def format(
        self,
        compact: bool = True,
        verbose: bool = True,
        root_indent: int = 0,
        *,
        show_id: bool = True,
        **kwargs: Any,
    ) -> str:
        shown = [
            ("id", self.id.path if show_id else None),
            ("hyper_type", self.hyper_type),
            ("name", self.name),
            ("hints", self.hints),
        ]
        return f"CustomDecisionPoint({write_options(shown)})"


def custom(
    hyper_type: str | None = None,
    next_dna_fn: Callable[[Any], Any] | None = None,
    random_dna_fn: Callable[[Any, Any], Any] | None = None,
    hints: Any = None,
    *,
    location: Any = None,
    name: str | None = None,
) -> CustomDecisionPoint:
    """Returns ``CustomDecisionPoint(...)`` of the same arguments.

    >>> custom("Word", location="w")
    CustomDecisionPoint(id='w', hyper_type='Word')
    """
    return CustomDecisionPoint(hyper_type, next_dna_fn, random_dna_fn, hints, location=location, name=name)
