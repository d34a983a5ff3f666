"""Hypothesis strategies for search spaces, for property tests.

::

    @given(spaces(), st.integers())
    def test_every_sample_is_valid(space, seed):
        assert space.validate(space.sample(seed)) == space.sample(seed)
"""

from __future__ import annotations

from hypothesis import strategies as st

from pliant.space import Decisions, Hole, Space, choice, flatten, floating, integer

# Literals that stress the service's '<index>/<count> (<literal>)' form and JSON.
_LITERALS = st.text(st.sampled_from("ab1(){}[]/\\'\" \n\u00e9"), max_size=4)


@st.composite
def holes(draw: st.DrawFn, path: str, *, depth: int, floats: bool) -> Hole:
    """One hole at ``path``, with up to ``depth`` levels of holes below it."""
    kinds = ["choice", "choice", "manyof", "int", *(["float"] if floats else [])]
    kind = draw(st.sampled_from(kinds))
    name = draw(st.sampled_from([None, None, None, f"name of {path}"]))
    scale = draw(st.sampled_from(["linear", "log", "rlog"]))
    low = draw(st.integers(1, 5))
    if kind == "int":
        width, step = draw(st.integers(0, 6)), draw(st.integers(1, 3))
        return integer(path, low, low + width, step=step, scale=scale, name=name)
    if kind == "float":
        span = draw(st.sampled_from([0.0, 0.5, 1000.0]))
        return floating(path, float(low), low + span, scale=scale, name=name)
    count = draw(st.integers(1, 4))
    below = [
        draw(st.one_of(st.none(), _level(depth=depth - 1, floats=floats))) if depth > 0 else None
        for _ in range(count)
    ]
    literals = draw(st.lists(_LITERALS, min_size=count, max_size=count))
    if kind == "choice":
        return choice(path, below, literals=literals, name=name)
    distinct, sort = draw(st.booleans()), draw(st.booleans())
    picks = draw(st.integers(1, min(3, count) if distinct else 3))
    return choice(
        path, below, literals=literals, picks=picks, distinct=distinct, sorted=sort, name=name, hints=["h", 1]
    )


@st.composite
def _level(draw: st.DrawFn, *, depth: int, floats: bool) -> list[Hole]:
    count = draw(st.integers(0, 2))
    if count == 1 and draw(st.booleans()):
        return [draw(holes("", depth=depth, floats=floats))]  # a candidate that is itself a hole
    return [draw(holes(path, depth=depth, floats=floats)) for path in ("a", "b[0]")[:count]]


@st.composite
def spaces(
    draw: st.DrawFn, *, depth: int = 2, floats: bool = True, max_size: int | None = None, min_size: int = 1
) -> Space:
    """Spaces of up to three holes, each with up to ``depth`` levels below it.

    Args:
      draw: given by Hypothesis.
      depth: largest nesting depth of holes.
      floats: whether to use floats, which make a space infinite.
      max_size: largest size; holes are removed from larger spaces.
      min_size: smallest size; 2 for spaces with at least one alternative.
    """
    described = [
        draw(holes(path, depth=depth, floats=floats))
        for path in ("x", "y[0].z", "['odd key']")[: draw(st.integers(0, 3))]
    ]
    space = flatten(described)
    while max_size is not None and space.size > max_size:
        described.pop()
        space = flatten(described)
    if space.size < min_size:
        space = flatten([*described, choice("last", min_size)])
    return space


@st.composite
def spaces_and_decisions(
    draw: st.DrawFn, *, floats: bool = True, max_size: int | None = None, min_size: int = 1
) -> tuple[Space, Decisions]:
    """A space and decisions in it."""
    space = draw(spaces(floats=floats, max_size=max_size, min_size=min_size))
    return space, space.sample(draw(st.integers(0, 2**32)), uniform=draw(st.booleans()))
