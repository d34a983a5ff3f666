"""Abstract search spaces as flat frozen data: count, enumerate, sample, mutate, encode.

A ``Space`` holds decision points (``Choice``, ``Int``, ``Float``); ``Decisions`` hold a value for each active point.
Programs with holes are in ``hyper``.
"""

from typing import TYPE_CHECKING, Any

from .active import find_parents, walk_points
from .build import Hole, choice, flatten, floating, integer
from .decisions import Decisions
from .mutation import mutate
from .neighbourhood import neighbours
from .points import Choice, Float, Group, Int, Point
from .recombination import recombine
from .sample import as_random
from .scale import from_unit, to_unit
from .space import Space
from .text import diff

__all__ = [
    "Choice",
    "Decisions",
    "Float",
    "Group",
    "Hole",
    "Int",
    "Point",
    "Space",
    "as_random",
    "choice",
    "diff",
    "find_parents",
    "flatten",
    "floating",
    "from_unit",
    "integer",
    "map_decisions",
    "mutate",
    "neighbours",
    "recombine",
    "to_unit",
    "walk_points",
]

if TYPE_CHECKING:
    from .mapping import map_decisions


def __getattr__(name: str) -> Any:
    if name == "map_decisions":  # loaded at its first use
        from .mapping import map_decisions

        return map_decisions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
