"""Random decision vectors: each decision by itself (the default), or uniform over distinct vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from pliant.values.errors import SpaceError

from .active import active_points
from .compile import Sampler, compile_sampler
from .layout import Units, make_units, measure
from .scale import from_unit
from .validate import Vector
from .walk import unrank_units

if TYPE_CHECKING:
    from .space import Space


def as_random(seed: int | Random | None) -> Random:
    """Returns the generator that ``seed`` stands for; None stands for seed 0, never for a global one.

    Raises:
      SpaceError: ``seed`` is neither a whole number nor a ``random.Random``.
    """
    if isinstance(seed, Random):
        return seed
    if seed is None:
        return Random(0)
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise SpaceError(
            f"seed is a whole number, a random.Random, or None for seed 0; got {seed!r} of type {type(seed).__name__}."
        )
    return Random(int(seed))


def make_sampler(units: Units) -> Any:
    """Returns a function of ``random`` (a callable) that draws a whole vector."""
    append = compile_sampler(units)

    def sampler(random: Any) -> Vector:
        values: list[Any] = []
        append(random, values)
        return tuple(values)

    return sampler


def branch_sampler(space: Space, indices: Sequence[int]) -> Sampler:
    """Returns the function that draws the points of one branch; made once per branch and space."""
    cache = space._cache
    key = tuple(indices)
    found: Sampler | None = cache.get(key)
    if found is None:
        found = cache[key] = compile_sampler(make_units(space.points, key))
    return found


def sample_branch(space: Space, indices: Sequence[int], rng: Random) -> Vector:
    """Draws decisions for the points of one branch and all that becomes active below them."""
    if not indices:
        return ()
    values: list[Any] = []
    branch_sampler(space, indices)(rng.random, values)
    return tuple(values)


def sample_uniform(space: Space, rng: Random) -> Vector:
    """Draws a vector uniformly over the distinct ones; floats, which have no count, by their scale."""
    values = unrank_units(space._units, rng.randrange(measure(space._units)))
    if space.size == math.inf:
        active = active_points(space, [0 if v is None else v for v in values])
        for at, value in enumerate(values):
            if value is None:
                point: Any = space.points[active[at]]
                values[at] = from_unit(point, rng.random())
    return tuple(values)
