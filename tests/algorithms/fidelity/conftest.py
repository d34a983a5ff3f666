"""Spaces with a budget, for algorithms that need one."""

from __future__ import annotations

from pliant.space import Int, Space


def with_budget(space, budget=None):
    """The space with one more decision, always active, at its end."""
    budget = budget or Int("epochs", 1, 9, name="budget")
    return Space((*space.points, budget), (*space.top, len(space.points)))
