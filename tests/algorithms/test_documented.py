"""The algorithm that the documentation shows, as it stands there, passes the suite; what is wrong is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pliant.algorithms import Algorithm
from pliant.testing.algorithms import SPACES, AlgorithmSuite
from pliant.values.errors import DecisionError, FieldTypeError

PAGE = Path(__file__).parents[2] / "docs" / "extend" / "algorithm.md"


def documented(name: str) -> type[Algorithm]:
    shown = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    names: dict[str, type[Algorithm]] = {}
    exec(shown[1], names)  # our own page, and what it shows is what is tested
    return names[name]


Climb = documented("Climb")


class TestClimb(AlgorithmSuite):
    def make(self, seed: int) -> Algorithm:
        return Climb(seed=seed)


class Odd(Algorithm):
    """Does what its ``proposed`` and ``kept`` say."""

    def __init__(self, proposed=None, kept=None):
        super().__init__()
        self.proposed, self.kept = proposed, kept

    def _propose(self):
        return self.proposed

    def _state(self):
        return self.kept


@pytest.mark.parametrize("kept", [None, [1.0, [0]], 3])
def test_a_state_is_a_dict(kept):
    algorithm = Odd(kept=kept)
    algorithm.setup(SPACES["two"]())
    with pytest.raises(
        FieldTypeError, match=r"Odd\._state must return a dict of JSON data; got .* return \{\}"
    ):
        algorithm.state()


def test_a_proposal_is_decisions_of_the_space():
    algorithm = Odd(proposed=[1])
    space = SPACES["two"]()
    algorithm.setup(space)
    with pytest.raises(
        DecisionError, match=r"Odd\._propose must return Decisions of self\.space; got \[1\] of type list"
    ):
        algorithm.propose()
    algorithm.proposed = SPACES["small"]().sample(0)
    with pytest.raises(
        DecisionError, match=r"Odd\._propose returned decisions of another space than self\.space"
    ):
        algorithm.propose()
    algorithm.proposed = SPACES["two"]().sample(0)
    assert algorithm.propose().space is space
