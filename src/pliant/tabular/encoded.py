"""``Encoded``: the rows of a table as a network reads them, numbers and codes of categories (NumPy).

``encoding`` makes it from a table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np

from pliant.values.errors import FieldTypeError, FieldValueError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@final
@dataclass(frozen=True, eq=False, slots=True)
class Encoded:
    """Rows of a table as a network reads them.

    >>> rows = Encoded(np.zeros((4, 2), np.float32), np.array([[1], [2], [0], [1]]), (3,))
    >>> rows.rows, rows.take(np.array([1, 3])).categories.ravel().tolist()
    (4, [2, 1])

    Attributes:
      numbers: float32 of shape (rows, numeric columns), finite and scaled.
      categories: int64 of shape (rows, categorical columns); the code 0 is a missing category, or one that training did not have.
      cardinalities: the number of codes of each categorical column, the code 0 included.

    Raises:
      FieldTypeError: an array has another type.
      FieldValueError: shapes do not fit each other, or a code is not below the number of codes.
    """

    numbers: NDArray[np.float32]
    categories: NDArray[np.int64]
    cardinalities: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.numbers.dtype != np.float32 or self.categories.dtype != np.int64:
            raise FieldTypeError(
                "numbers are an array of float32, and categories one of int64; "
                f"got {self.numbers.dtype} and {self.categories.dtype}."
            )
        shapes = self.numbers.shape, self.categories.shape
        if len(shapes[0]) != 2 or shapes[1] != (shapes[0][0], len(self.cardinalities)):
            raise FieldValueError(
                "numbers are of shape (rows, numeric columns) and categories of shape (rows, number of cardinalities); "
                f"got {shapes[0]} and {shapes[1]} with {len(self.cardinalities)} cardinalities."
            )
        if self.categories.size and (
            self.categories.min() < 0 or (self.categories.max(0) >= np.array(self.cardinalities)).any()
        ):
            raise FieldValueError(
                "each code of a categorical column is at least 0 and below its number of codes; "
                f"got codes up to {self.categories.max(0).tolist()} for {list(self.cardinalities)} codes."
            )

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.numbers)

    def take(self, rows: NDArray[np.intp]) -> Encoded:
        """Returns some of the rows, in this order."""
        return replace(self, numbers=self.numbers[rows], categories=self.categories[rows])
