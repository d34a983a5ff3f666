"""``Float``: a number between two ends that DNA decides; ``floatv``."""

from __future__ import annotations

from typing import Any

from pliant.values.errors import FieldTypeError, FieldValueError, quote

from .. import geno, symbolic
from .. import typing as pg_typing
from ..geno.dna import DNA
from ..geno.numerical import SCALES, check_ends
from .base import HyperPrimitive, accepts_itself, to_path


@symbolic.members(
    [
        ("min_value", pg_typing.Float(), "The smallest value."),
        ("max_value", pg_typing.Float(), "The largest value."),
        ("scale", pg_typing.Enum(None, list(SCALES)), "How values are drawn."),
    ],
    init_arg_list=["min_value", "max_value", "name", "hints"],
    serialization_key="hyper.Float",
    additional_keys=["pyglove.generators.genetic.Float"],
)
class Float(HyperPrimitive):
    """A number from ``min_value`` to ``max_value``, both included; see ``floatv``."""

    def _on_bound(self) -> None:
        super()._on_bound()
        if self.min_value > self.max_value:
            raise FieldValueError(
                f"'min_value' ({self.min_value}) is greater than 'max_value' ({self.max_value}). Exchange them."
            )
        check_ends(self.min_value, self.max_value, self.scale)

    @property
    def is_leaf(self) -> bool:
        """Whether nothing is decided below: always."""
        return True

    def dna_spec(self, location: Any = None) -> geno.Float:
        return geno.Float(
            self.min_value,
            self.max_value,
            self.scale,
            hints=self.hints,
            location=to_path(location),
            name=self.name,
        )

    def _decode(self, dna: DNA, where: Any) -> Any:
        if not isinstance(dna.value, float):
            raise FieldValueError(f"Expect float value. Encountered: {quote(dna.value)}. {self._at()}")
        self._check_range("DNA value", dna.value)
        return dna.value

    def encode(self, value: Any) -> DNA:
        if not isinstance(value, float):
            raise FieldValueError(
                f"Value should be float to be encoded for {quote(self)}. Encountered {quote(value)}. {self._at()}"
            )
        self._check_range("Value", value)
        return DNA(value)

    def _check_range(self, what: str, value: float) -> None:
        if not value >= self.min_value:
            raise FieldValueError(
                f"{what} should be no less than {self.min_value}. Encountered {value}. {self._at()}"
            )
        if value > self.max_value:
            raise FieldValueError(
                f"{what} should be no greater than {self.max_value}. Encountered {value}. {self._at()}"
            )

    def custom_apply(
        self, path: Any, value_spec: Any, allow_partial: bool, child_transform: Any = None
    ) -> tuple[bool, Any]:
        """Checks that a field takes all numbers of the range."""
        if accepts_itself(value_spec, self):
            return (False, self)
        if isinstance(value_spec, pg_typing.Float):
            low, high = value_spec.min_value, value_spec.max_value
            if low is not None and self.min_value < low:
                raise FieldValueError(
                    f"Float.min_value ({self.min_value}) should be no less than the min value ({low}) of value spec: "
                    f"{value_spec}. (path={path})"
                )
            if high is not None and self.max_value > high:
                raise FieldValueError(
                    f"Float.max_value ({self.max_value}) should be no greater than the max value ({high}) of value spec: "
                    f"{value_spec}. (path={path})"
                )
        elif not value_spec.is_compatible(pg_typing.Float()):
            raise FieldTypeError(
                f"Source spec {pg_typing.Float()} is not compatible with destination spec {value_spec}. (path={path})"
            )
        return (False, self)


def floatv(
    min_value: float,
    max_value: float,
    scale: str | None = None,
    *,
    name: str | None = None,
    hints: Any = None,
) -> Any:
    """Returns a number from ``min_value`` to ``max_value`` that DNA decides; inside ``trace`` the number itself.

    Args:
      min_value: the smallest value.
      max_value: the largest value.
      scale: None or ``"linear"``: uniformly; ``"log"`` and ``"rlog"``: more densely near the smallest and the largest value.
      name: a name that is unique in the search space.
      hints: any value for the search algorithm.

    >>> floatv(0.0, 1.0).decode(DNA(0.5))
    0.5
    """
    return Float(min_value=min_value, max_value=max_value, scale=scale, name=name, hints=hints)
