"""``CustomHyper``: a decision that the user's class encodes as text."""

from __future__ import annotations

from typing import Any

from pliant.values.errors import FieldValueError, quote

from .. import geno
from ..geno.dna import DNA
from .base import HyperPrimitive, to_path


class CustomHyper(HyperPrimitive):
    """Base class of decisions whose DNA is text, such as a program of any length.

    A subclass writes ``custom_decode``; for ``encode`` also ``custom_encode``; for ``pg.iter`` and sweeps ``next_dna``; and for random
    search ``random_dna``.

    >>> class Numbers(CustomHyper):
    ...     def custom_decode(self, dna):
    ...         return [int(v) for v in dna.value.split(",")]
    >>> Numbers().decode(DNA("1,2"))
    [1, 2]
    """

    def custom_decode(self, dna: DNA) -> Any:
        """Returns the value of a DNA whose value is text."""
        raise NotImplementedError(f"'custom_decode' is not supported by {type(self).__name__!r}. Write it.")

    def custom_encode(self, value: Any) -> DNA:
        """Returns the DNA of a value."""
        raise NotImplementedError(f"'custom_encode' is not supported by {type(self).__name__!r}. Write it.")

    def first_dna(self) -> DNA:
        """Returns the first DNA; by default ``next_dna(None)``."""
        if type(self).next_dna is CustomHyper.next_dna:
            raise NotImplementedError(
                f"{type(self).__name__} must implement method `next_dna` to be used in dynamic evaluation mode."
            )
        dna: Any = self.next_dna(None)
        return dna  # type: ignore[no-any-return]  # the first is not None

    def next_dna(self, dna: DNA | None = None) -> DNA | None:
        """Returns the DNA after another one, or the first for None; None after the last."""
        raise NotImplementedError(f"`next_dna` is not implemented in {type(self).__name__}. Write it.")

    def random_dna(self, random_generator: Any = None, previous_dna: DNA | None = None) -> DNA:
        """Returns a random DNA; ``previous_dna`` is an earlier one that it may be made from."""
        raise NotImplementedError(f"`random_dna` is not implemented in {type(self).__name__}. Write it.")

    def dna_spec(self, location: Any = None) -> geno.CustomDecisionPoint:
        return geno.CustomDecisionPoint(
            type(self).__name__,
            self.next_dna,
            self.random_dna,
            self.hints,
            location=to_path(location),
            name=self.name,
        )

    def _decode(self, dna: DNA, where: Any) -> Any:
        if not isinstance(dna.value, str):
            raise FieldValueError(
                f"{type(self).__name__} expects string type DNA. Encountered: {quote(dna)}. {self._at()}"
            )
        return self.custom_decode(dna)

    def encode(self, value: Any) -> DNA:
        return self.custom_encode(value)

    def custom_apply(
        self, path: Any, value_spec: Any, allow_partial: bool, child_transform: Any = None
    ) -> tuple[bool, Any]:
        """Accepts any field; what is decoded is checked there."""
        return (False, self)
