"""The laws of spaces, on generated ones: what no example can show."""

from __future__ import annotations

import copy
import json
import pickle
from itertools import islice
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from pliant.space import Decisions, Space, mutate, neighbours, recombine
from pliant.testing.spaces import spaces, spaces_and_decisions
from pliant.values.errors import LoadError

SEEDS = st.integers(0, 2**32)


@given(spaces(), SEEDS, st.booleans())
def test_every_sample_is_valid(space, seed, uniform):
    decisions = space.sample(seed, uniform=uniform)
    again = space.validate(list(decisions.values))
    assert again == decisions
    assert list(map(type, again.values)) == list(map(type, decisions.values))
    assert decisions == space.sample(seed, uniform=uniform)
    assert [space.points[i].path for i in decisions.active] == list(decisions.to_dict())


@given(spaces_and_decisions())
def test_every_face_is_read_back(drawn):
    space, decisions = drawn
    faces = [
        decisions,
        decisions.values,
        list(decisions.values),
        decisions.to_tree(),
        decisions.to_dict(),
        decisions.to_params(),
        decisions.to_params_str(),
        json.dumps(decisions.to_tree()),
        json.loads(json.dumps(decisions.to_dict())),
    ]
    for face in faces:
        assert space.parse(face) == decisions, face
        assert space.parse(face).values == decisions.values
    assert Decisions.from_json(space, json.loads(json.dumps(decisions.to_json()))) == decisions


@given(spaces(floats=False, max_size=3000))
def test_iteration_is_complete_sorted_and_unique(space):
    vectors = [decisions.values for decisions in space.iterate()]
    assert len(vectors) == space.size
    assert vectors == sorted(set(vectors))
    for vector in vectors[:: max(1, len(vectors) // 20)]:
        assert space.validate(vector).values == vector


@given(spaces(floats=False), st.data())
def test_rank_and_unrank_are_inverse_and_agree_with_iterate(space, data):
    rank = data.draw(st.integers(0, space.size - 1))
    decisions = space.unrank(rank)
    assert space.validate(decisions.values) == decisions
    assert space.rank(decisions) == rank
    here = list(islice(space.iterate(start=rank), 30))
    assert here == [space.unrank(i) for i in range(rank, min(rank + 30, space.size))]


@given(spaces(floats=False, max_size=3000), st.data())
def test_iteration_resumes_anywhere(space, data):
    start = data.draw(st.integers(0, space.size))
    assert list(space.iterate(start=start)) == list(space.iterate())[start:]


@given(spaces_and_decisions(min_size=2), SEEDS)
def test_a_mutation_is_valid_and_different(drawn, seed):
    space, decisions = drawn
    rng = Random(seed)
    for _ in range(3):
        changed = mutate(decisions, rng)
        assert changed != decisions
        assert space.validate(changed.values) == changed
        decisions = changed
    assert mutate(decisions, seed) == mutate(decisions, seed)


@given(spaces_and_decisions(), SEEDS)
def test_neighbours_are_valid_different_and_unique(drawn, seed):
    space, decisions = drawn
    found = [near.values for near in islice(neighbours(decisions, seed), 200)]
    assert decisions.values not in found
    assert len(found) == len(set(found))
    for vector in found:
        assert space.validate(vector).values == vector


@given(spaces(floats=False, max_size=300))
def test_neighbours_lead_everywhere(space):
    if any(point.kind == "choice" and any(point.branches) for point in space.points):
        return  # what becomes active is drawn, so that one walk need not see all
    start = space.unrank(0)
    seen, pending = {start}, [start]
    while pending:
        for near in neighbours(pending.pop()):
            if near not in seen:
                seen.add(near)
                pending.append(near)
    assert len(seen) == space.size


@given(spaces(), SEEDS)
def test_a_recombination_is_valid_and_from_its_parents(space, seed):
    rng = Random(seed)
    a, b = space.sample(rng), space.sample(rng, uniform=True)
    child = recombine(a, b, rng)
    assert space.validate(child.values) == child
    assert recombine(a, a, rng) == a
    assert recombine(a, b, seed) == recombine(a, b, seed)
    ruled = {p.path for p in space.points if p.kind == "choice" and p.group}
    if not ruled:
        mine, theirs = a.to_dict(), b.to_dict()
        for path, value in child.to_dict().items():
            assert value in (mine.get(path), theirs.get(path))


@given(spaces())
def test_a_space_is_the_same_after_json(space):
    again = Space.from_json(json.loads(json.dumps(space.to_json(), allow_nan=False)))
    assert again == space
    assert hash(again) == hash(space)
    assert again.fingerprint == space.fingerprint
    assert again.to_json() == space.to_json()
    assert [p.hints for p in again.points] == [p.hints for p in space.points]
    assert Space.from_json(json.dumps(space.to_json())).size == space.size


@given(spaces_and_decisions())
def test_copies_and_pickles_are_equal(drawn):
    space, decisions = drawn
    assert copy.deepcopy(decisions) is decisions
    assert copy.copy(space) is space
    again = pickle.loads(pickle.dumps(decisions))
    assert again == decisions
    assert hash(again) == hash(decisions)
    assert space.parse(again).space is space


@given(spaces(), spaces())
def test_equality_is_that_of_fingerprints(a, b):
    assert (a == b) == (a.fingerprint == b.fingerprint)


@given(spaces(), st.data())
def test_a_tampered_space_is_rejected_or_is_a_space(space, data):
    stored = json.loads(json.dumps(space.to_json()))
    junk = st.one_of(
        st.none(), st.integers(-2, 5), st.text(max_size=2), st.lists(st.integers(-1, 3), max_size=2)
    )
    target = data.draw(st.sampled_from([stored, *stored["points"]]))
    key = data.draw(st.sampled_from(sorted(target)))
    if data.draw(st.booleans()):
        target[key] = data.draw(junk)
    else:
        del target[key]
    try:
        again = Space.from_json(stored)
    except LoadError:
        return
    assert hash(again) == hash(Space.from_json(again.to_json()))
    assert again.validate(again.sample(1).values).space is again
