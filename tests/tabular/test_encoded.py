"""Encoded rows: their shapes and codes are checked."""

from __future__ import annotations

import numpy as np
import pytest

from pliant.tabular import Encoded
from pliant.values.errors import FieldTypeError, FieldValueError

NUMBERS = np.zeros((3, 2), np.float32)


def test_take():
    rows = Encoded(np.arange(6, dtype=np.float32).reshape(3, 2), np.array([[0, 1], [1, 0], [2, 1]]), (3, 2))
    taken = rows.take(np.array([2, 0]))
    assert taken.rows == 2
    assert taken.numbers.tolist() == [[4, 5], [0, 1]]
    assert taken.categories.tolist() == [[2, 1], [0, 1]]
    assert taken.cardinalities == (3, 2)


def test_other_types():
    with pytest.raises(FieldTypeError, match="float32, and categories one of int64; got float64 and int64"):
        Encoded(np.zeros((3, 2)), np.zeros((3, 0), np.int64), ())


@pytest.mark.parametrize(
    ("categories", "cardinalities", "message"),
    [
        (np.zeros((3, 1), np.int64), (), r"got \(3, 2\) and \(3, 1\) with 0 cardinalities"),
        (np.zeros((2, 1), np.int64), (4,), r"got \(3, 2\) and \(2, 1\) with 1 cardinalities"),
        (np.full((3, 1), 4), (4,), r"got codes up to \[4\] for \[4\] codes"),
        (np.full((3, 1), -1), (4,), r"got codes up to \[-1\] for \[4\] codes"),
    ],
)
def test_impossible_rows(categories, cardinalities, message):
    with pytest.raises(FieldValueError, match=message):
        Encoded(NUMBERS, categories, cardinalities)
