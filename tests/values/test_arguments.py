"""Arguments that are lists, functions or paths: what is taken, and what a message says of the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pliant.values.errors import FieldTypeError, FieldValueError, check_file, check_function, check_items


@pytest.mark.parametrize("value", [[1, 2], (1, 2), range(1, 3), {1: 0, 2: 0}, iter([1, 2]), np.array([1, 2])])
def test_lists(value):
    assert check_items(value, "f(x=...)", "[1, 2]") == (1, 2)


@pytest.mark.parametrize("value", ["ab", b"ab", 3, None, 0.5])
def test_what_is_not_a_list(value):
    with pytest.raises(
        FieldTypeError, match=r"^f\(x=\.\.\.\) takes a list, such as \[1, 2\]; got .+ of type \w+\.$"
    ):
        check_items(value, "f(x=...)", "[1, 2]")


def test_functions():
    assert check_function(len, "f", "`len`") is len
    assert check_function(None, "f", "`len`") is None
    with pytest.raises(FieldTypeError, match=r"^f takes a function, such as `len`; got 'len' of type str\.$"):
        check_function("len", "f", "`len`")


def test_paths():
    assert check_file("a/b", "load") == check_file(Path("a/b"), "load") == "a/b"
    with pytest.raises(
        FieldTypeError, match=r"^load takes the path of a file or folder; got 3 of type int\.$"
    ):
        check_file(3, "load")
    with pytest.raises(
        FieldValueError,
        match=r"^load takes the path of a file or folder; 'xxx.*\.\.\. is too long for one\.$",
    ):
        check_file("x" * 20_000, "load")
