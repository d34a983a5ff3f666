"""Small tables, and a space of small networks that train within milliseconds."""

from __future__ import annotations

import numpy as np
import pytest

from pliant.tabular import search_table
from pliant.zoo.tabular import make_space


def small_space(numbers, cardinalities, outputs):
    return make_space(numbers, cardinalities, outputs, widths=(32,), depths=(1,), embeds_numbers=False)


@pytest.fixture
def small():
    """Settings of a quick search."""
    return {"trials": 4, "together": 2, "epochs": 15, "top": 2, "space": small_space, "progress": False}


@pytest.fixture(scope="session")
def people():
    """A table in which age and city decide, with missing values."""
    draw = np.random.default_rng(0)
    age, city = draw.normal(40, 15, 200), np.array(["Oslo", "Rome", None], object)[draw.integers(0, 3, 200)]
    rich = (age > 45) | (city == "Rome")
    age[::11] = np.nan
    return {
        "age": age,
        "city": city,
        "member": draw.random(200) > 0.5,
        "rich": np.where(rich, "yes", "no"),
        "income": 1000 * rich + 10 * draw.normal(size=200),
    }


@pytest.fixture(scope="session")
def fitted(people):
    """A predictor of several networks."""
    return search_table(
        people, "rich", trials=6, together=3, epochs=25, top=3, space=small_space, progress=False
    )
