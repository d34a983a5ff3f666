"""Pliant's own functions on PyGlove's objects: holes, spaces, decisions, JSON."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import pliant
from pliant import pyglove as pg


class Net(pg.Object):
    layers: list[Any] = []
    options: dict[str, Any] = {}


def space():
    return Net(
        [pliant.oneof([1, Net(options={"w": pliant.intv(1, 3)})]), 5],
        {"lr": pliant.floatv(0.1, 1.0), "k": "x"},
    )


def test_space():
    paths = [p.path for p in pliant.abstract_search_space(space()).points]
    assert paths == ["layers[0]", "layers[0][=1/2].options.w", "options.lr"]


@given(st.integers(0, 99))
def test_candidates_are_objects_with_places(seed):
    program = space()
    made = pliant.random_sample(program, seed)
    assert type(made) is Net
    assert made.options.sym_parent is made
    assert made.layers.sym_path == "layers"
    assert made.layers[1] == 5
    assert pliant.materialize(program, pliant.encode(program, made)) == made
    assert pg.from_json(made.to_json()) == made
    assert pliant.from_json(pliant.to_json(made)) == made
    assert pliant.clone(made) == made


def test_holes_are_queried_and_compared():
    program = space()
    assert len(pliant.query(program, where=lambda v: isinstance(v, pliant.hyper.OneOf))) == 1
    assert pliant.eq(program, program.clone())
