from __future__ import annotations

import pytest

from pliant.algorithms import Random
from pliant.space import choice, flatten, floating, integer
from pliant.study import Study


@pytest.fixture
def space():
    """Conditional, with a number on a log scale: 3 kinds of points."""
    conv = [choice("kernel", 3, values=[1, 3, 5]), floating("lr", 1e-4, 1.0, scale="log")]
    return flatten(
        [choice("op", [conv, None, integer("size", 1, 4)], literals=["conv", "id", "pool"]), choice("act", 2)]
    )


@pytest.fixture
def flat():
    """Finite: 27 decision vectors."""
    return flatten([choice("a", 3), choice("b", 3), choice("c", 3)])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


@pytest.fixture
def study(path, space):
    with Study.create(path, space, Random(), trials=9) as study:
        yield study
