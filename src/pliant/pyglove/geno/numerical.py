"""``Float``: the genotype of a number between two ends."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pliant.space import Float as CoreFloat
from pliant.space import from_unit
from pliant.values.errors import FieldTypeError, FieldValueError, quote
from pliant.values.numbers import to_real

from .dna import DNA
from .spec import INFINITE, DecisionPoint

SCALES = (None, "linear", "log", "rlog")


class Float(DecisionPoint):
    """A number from ``min_value`` to ``max_value``, both included; its DNA is the number.

    >>> point = Float(0.0, 1.0, location="x")
    >>> point, point.first_dna()
    (Float(id='x', min_value=0.0, max_value=1.0), DNA(0.0))

    Args:
      min_value: the smallest value.
      max_value: the largest value.
      scale: how values are drawn: None or ``"linear"`` uniformly; ``"log"`` and ``"rlog"`` more densely near the smallest and
        the largest value.
      hints: any value for the search algorithm.
      location: the path of the decision point.
      name: a name that is unique in the search space.

    Raises:
      FieldTypeError: an end is not a number.
      FieldValueError: the ends are in the wrong order, or do not fit the scale, or the scale is unknown.
    """

    PARTS: ClassVar = ("location", "hints", "name", "min_value", "max_value", "scale")
    JSON_TYPE = "pyglove.generators.geno.Float"

    def __init__(
        self,
        min_value: float,
        max_value: float,
        scale: str | None = None,
        *,
        hints: Any = None,
        location: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(location, hints, name)
        self.min_value, self.max_value = _to_end(min_value, "min_value"), _to_end(max_value, "max_value")
        self.scale = check_scale(scale)
        check_ends(self.min_value, self.max_value, scale)

    @property
    def is_numerical(self) -> bool:
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
        """Raises FieldValueError if the DNA is not a number in the range."""
        if not isinstance(dna.value, float):
            raise FieldValueError(f"Expect float value. Encountered: {quote(dna.value)}, {self._at()}")
        if (end := self._find_end(dna.value)) is not None:
            raise FieldValueError(f"DNA value should be {end}. Encountered {dna.value}, {self._at()}")
        if dna.children:
            raise FieldValueError(
                f"Float DNA should have no children. Encountered: {quote(dna.children)}, {self._at()}"
            )

    def _find_end(self, value: float) -> str | None:
        """Returns which end a number is beyond, as text; None for a number in the range."""
        if value < self.min_value:
            return f"no less than {self.min_value}"
        return f"no greater than {self.max_value}" if not value <= self.max_value else None

    def _first(self) -> DNA:
        return DNA(self.min_value)

    def _next(self, dna: DNA) -> DNA | None:
        raise NotImplementedError(
            "`next_dna` is not supported on `Float` yet: a number has no next one. Use `random_dna`."
        )

    def _random(self, rng: Any, previous: DNA | None) -> DNA:
        if self.scale in (None, "linear"):
            return DNA(rng.uniform(self.min_value, self.max_value))
        point = CoreFloat(self.id.path, self.min_value, self.max_value, self.scale or "linear")
        return DNA(float(from_unit(point, rng.random())))

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
            ("name", self.name),
            ("min_value", self.min_value),
            ("max_value", self.max_value),
            ("scale", self.scale),
            ("hints", self.hints),
        ]
        return f"Float({write_options(shown)})"


def floatv(
    min_value: float,
    max_value: float,
    scale: str | None = None,
    *,
    hints: Any = None,
    location: Any = None,
    name: str | None = None,
) -> Float:
    """Returns ``Float(...)`` of the same arguments.

    >>> floatv(1e-5, 1.0, "log")
    Float(id='', min_value=1e-05, max_value=1.0, scale='log')
    """
    return Float(min_value, max_value, scale, hints=hints, location=location, name=name)


def write_options(shown: list[tuple[str, Any]], between: str = ", ") -> str:
    """Returns named values as text, without those that are None."""
    return between.join(f"{name}={value!r}" for name, value in shown if value is not None)


def check_scale(scale: Any) -> str | None:
    """Returns a scale if it is known, else raises FieldValueError."""
    if scale not in SCALES:
        raise FieldValueError(f"Value {quote(scale)} is not in candidate list {list(SCALES)}. (path=scale)")
    return scale  # type: ignore[no-any-return]  # one of SCALES


def check_ends(min_value: float, max_value: float, scale: str | None) -> None:
    """Raises FieldValueError if a range is empty, or its scale needs positive numbers."""
    if min_value > max_value:
        raise FieldValueError(
            f"Argument 'min_value' ({min_value}) should be no greater than 'max_value' ({max_value}). Exchange them."
        )
    if scale in ("log", "rlog") and min_value <= 0:
        raise FieldValueError(
            f"'min_value' must be positive when `scale` is {quote(scale)}. Encountered: {min_value}."
        )


def _to_end(value: Any, name: str) -> float:
    number = to_real(value, takes_bool=False)
    if number is None:
        raise FieldTypeError(
            f"Expect {float} but encountered {type(value)}: {quote(value)}. Give a number. (path={name})"
        )
    return float(number)
