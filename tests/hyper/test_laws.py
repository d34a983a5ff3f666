"""Laws of programs with holes, on generated ones."""

from __future__ import annotations

import copy
from types import FunctionType

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import pliant as pg
from pliant.symbolic.tree.node import ATOMS, Node, children
from pliant.symbolic.tree.realize import hole_paths
from pliant.testing.programs import programs

SEEDS = st.integers(0, 2**32)


def nodes(value, found=None):
    """Every mutable container and node of a tree, by identity."""
    found = {} if found is None else found
    if value.__class__ not in ATOMS and not isinstance(value, FunctionType):
        if not isinstance(value, tuple):
            assert id(value) not in found, "one node stands in two places"
            found[id(value)] = value
        for _, child in children(value) or ():
            nodes(child, found)
    return found


def check_places(value, *, holder=None, key=None):
    """Every node knows its parent and key; below plain containers it has none."""
    if isinstance(value, Node):
        assert value._sym_parent is holder
        assert value._sym_key == key
        for k, child in children(value):
            check_places(child, holder=value, key=k)
    elif isinstance(value, tuple):
        for i, child in enumerate(value):
            steps = key if isinstance(key, tuple) else (key,)
            check_places(child, holder=holder, key=None if holder is None else (*steps, i))
    else:
        for _, child in children(value) or ():
            check_places(child)


@given(programs(), SEEDS)
def test_encode_inverts_materialize(program, seed):
    space = pg.abstract_search_space(program)
    decisions = space.sample(seed)
    child = pg.materialize(program, decisions)
    assert not hole_paths(child)
    assert pg.encode(program, child) == decisions
    assert pg.eq(pg.materialize(program, pg.encode(program, child)), child)


@given(programs(), SEEDS)
def test_every_face_is_accepted(program, seed):
    decisions = pg.abstract_search_space(program).sample(seed)
    child = pg.materialize(program, decisions)
    faces = [
        decisions.values,
        list(decisions.values),
        decisions.to_dict(),
        decisions.to_params(),
        decisions.to_params_str(),
        decisions.to_tree(),
    ]
    for face in faces:
        assert pg.eq(pg.materialize(program, face), child)


@given(programs(floats=False))
def test_iter_yields_each_program_once(program):
    size = pg.abstract_search_space(program).size
    assume(size <= 200)
    found = list(pg.iter(program))
    assert len(found) == size
    assert len({pg.hash(child) for child in found}) == size
    assert [pg.encode(program, child).values for child in found] == sorted(
        pg.encode(program, child).values for child in found
    )


@given(programs(), SEEDS)
def test_children_share_no_node(program, seed):
    before = copy.deepcopy(program)
    first, second = pg.random_sample(program, seed), pg.random_sample(program, seed)
    assert pg.eq(first, second)
    for child in (first, second):
        check_places(child)
    owned = [set(nodes(tree)) for tree in (program, first, second)]
    assert not owned[0] & owned[1]
    assert not owned[0] & owned[2]
    assert not owned[1] & owned[2]
    assert pg.eq(program, before)  # and the space is as it was


@given(programs(), SEEDS, st.sampled_from(["a", "b", None]))
def test_searching_a_part_and_then_the_rest_completes(program, seed, hints):
    def where(hole):
        return hole.hints == hints

    part = template_or_none(program, where)
    assume(part is not None)
    child = part.materialize(part.space.sample(seed))
    check_places(child)
    assert not pg.Template(child, where).space.points
    assert part.encode(child) == part.space.sample(seed)
    whole = pg.random_sample(child, seed)
    assert not hole_paths(whole)
    assert pg.eq(pg.materialize(program, pg.encode(program, whole)), whole)


def template_or_none(program, where):
    """The template of a part, or None where the partition splits holes that are decided together."""
    try:
        return pg.Template(program, where)
    except pg.PliantError as error:
        if "the partition" not in str(error):
            raise
        return None


@given(programs(plain=False), SEEDS)
def test_a_program_with_holes_survives_json(program, seed):
    back = pg.from_json_str(pg.to_json_str(program))
    assert pg.eq(back, program)
    assert pg.abstract_search_space(back) == pg.abstract_search_space(program)
    assert pg.eq(pg.random_sample(back, seed), pg.random_sample(program, seed))


@given(programs(plain=False, floats=False), SEEDS)
def test_the_kept_template_is_dropped_by_any_change(program, seed):
    pg.abstract_search_space(program)
    assert pg.template(program) is pg.template(program)
    named = [v for v in nodes(program).values() if isinstance(v, pg.Hole) and v.name]
    inside = {
        id(v) for hole in named for v in nodes(hole).values()
    }  # to change one of two equals is an error
    holders = [
        v for v in nodes(program).values() if isinstance(v, (pg.List, pg.Dict)) and id(v) not in inside
    ]
    assume(holders)
    holder = holders[seed % len(holders)]
    extra = pg.oneof([1, 2, 3])
    if isinstance(holder, pg.Dict):
        holder["new"] = extra
    else:
        holder.append(extra)
    assert pg.abstract_search_space(program) == pg.abstract_search_space(program.clone())


@given(programs(), SEEDS)
def test_same_seed_same_program(program, seed):
    assert pg.eq(pg.random_sample(program, seed), pg.random_sample(program, seed))
    many = list(pg.random_sample(program, seed, num_examples=3))
    again = list(pg.random_sample(program, seed, num_examples=3))
    assert all(pg.eq(a, b) for a, b in zip(many, again, strict=True))


@pytest.mark.parametrize("scale", ["log", "rlog", "linear"])
def test_scales_are_honoured(scale):
    program = pg.Dict(lr=pg.floatv(1e-6, 1.0, scale), n=pg.intv(1, 10**6, scale))
    drawn = list(pg.random_sample(program, 0, num_examples=500))
    low = sum(p.lr < 1e-3 for p in drawn), sum(p.n < 1000 for p in drawn)
    for n in low:
        assert (200 < n < 300) if scale == "log" else n < 20
