"""The spaces of the shipped suite with a budget in each, for algorithms that need one."""

from __future__ import annotations

import pytest

from pliant.space import Int, Space
from pliant.testing import algorithms as suite


def with_budget(space, budget=None):
    """The space with one more decision, always active, at its end."""
    budget = budget or Int("epochs", 1, 9, name="budget")
    return Space((*space.points, budget), (*space.top, len(space.points)))


@pytest.fixture
def budgeted(monkeypatch):
    spaces = {name: lambda make=make: with_budget(make()) for name, make in suite.SPACES.items()}
    monkeypatch.setattr(suite, "SPACES", spaces)
