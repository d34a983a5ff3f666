"""An algorithm as text on the command line, such as ``re(population_size=50)``."""

from __future__ import annotations

from typing import Any


def make_algorithm(text: str) -> Any:
    """Returns the algorithm that ``text`` names; ``pliant.algorithms.naming`` says how it is written."""
    from pliant.algorithms import to_algorithm

    return to_algorithm(text)


def find_budget(algorithm: Any) -> str | None:
    """Returns the name of the budget that an algorithm, or the one inside it, decides itself; None if none does.

    >>> find_budget(make_algorithm("median_stopping(algorithm='asha')")), find_budget(make_algorithm("re"))
    ('budget', None)
    """
    while algorithm is not None:
        if hasattr(type(algorithm), "budgets"):
            return str(algorithm.budget)
        algorithm = getattr(algorithm, "algorithm", None)
    return None
