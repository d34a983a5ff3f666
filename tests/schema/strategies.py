"""Specs and values for the laws: what hypothesis draws from."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

import pliant.schema as pt

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([-1.5, 0.0, 0.5, 2.0, 3.5]),
    st.sampled_from(["", "a", "ab", "b", "x1"]),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["a", "b", "x1"]), inner, max_size=3),
    ),
    max_leaves=6,
)


@st.composite
def limits(draw: st.DrawFn) -> dict[str, int]:
    """Returns min_value and max_value, or one of them, or none."""
    low, high = sorted((draw(st.integers(-3, 3)), draw(st.integers(-3, 3))))
    both = {"min_value": low, "max_value": high}
    return {k: both[k] for k in draw(st.sets(st.sampled_from(sorted(both))))}


@st.composite
def sizes(draw: st.DrawFn) -> dict[str, int]:
    """Returns min_size and max_size, or one of them, or none."""
    return {
        k.replace("value", "size"): abs(v) for k, v in draw(limits()).items() if k == "max_value" or v <= 0
    }


LEAVES: st.SearchStrategy[pt.ValueSpec] = st.one_of(
    st.just(pt.Any()),
    st.just(pt.Bool()),
    limits().map(lambda kw: pt.Int(**kw)),
    limits().map(lambda kw: pt.Float(**kw)),
    st.sampled_from(
        [pt.Str(), pt.Str(regex="a"), pt.Object(dict), pt.Object(tuple), pt.Callable(), pt.Type(int)]
    ),
    st.lists(ATOMS, min_size=1, max_size=4).map(lambda values: pt.Enum(values=values)),
)


@st.composite
def lists(draw: st.DrawFn, inner: st.SearchStrategy[pt.ValueSpec]) -> pt.ValueSpec:
    low = draw(st.integers(0, 2))
    high = draw(st.one_of(st.none(), st.integers(low, 3)))
    kind = draw(st.sampled_from([pt.List, pt.Tuple]))
    return kind(draw(inner), min_size=low or None, max_size=high)


def dicts(inner: st.SearchStrategy[pt.ValueSpec]) -> st.SearchStrategy[pt.ValueSpec]:
    keys = st.one_of(st.sampled_from(["a", "b"]), st.just(pt.StrKey("x")))
    return st.dictionaries(keys, inner, max_size=3).map(lambda d: pt.Dict(list(d.items())))


def _extend(inner: st.SearchStrategy[pt.ValueSpec]) -> st.SearchStrategy[pt.ValueSpec]:
    return st.one_of(
        lists(inner),
        st.lists(inner, max_size=2).map(pt.Tuple),
        dicts(inner),
        st.lists(inner, min_size=1, max_size=3).map(pt.Union),
        inner.map(lambda s: s.noneable()),
    )


BARE: st.SearchStrategy[pt.ValueSpec] = st.recursive(LEAVES, _extend, max_leaves=4)


@st.composite
def specs(draw: st.DrawFn) -> pt.ValueSpec:
    """Returns any spec, perhaps with a default, perhaps frozen at it."""
    spec = draw(BARE)
    value = draw(VALUES)
    if draw(st.booleans()) and spec.accepts(value):
        spec = spec.with_default(value)
        if draw(st.booleans()):
            spec = spec.freeze()
    return spec
