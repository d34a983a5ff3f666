"""Encodings: which numbers stand for which decisions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pliant.algorithms.predictor import (
    Encoding,
    FunctionEncoding,
    OneHotEncoding,
    PathEncoding,
    SequenceEncoding,
    graph_paths,
)
from pliant.space import choice, flatten, floating, integer
from pliant.testing.algorithms import SPACES
from pliant.values.errors import FieldTypeError, FieldValueError


def encode(encoding: Encoding, space, *faces):
    found = [space.parse(face) for face in faces]
    return encoding.prepare(space, found)(found)


# ---------------------------------------------------------------------- laws


@pytest.mark.parametrize("encoding", [OneHotEncoding(), SequenceEncoding(), PathEncoding()])
@pytest.mark.parametrize("name", SPACES)
@settings(max_examples=25)
@given(first=st.integers(0, 10**6), second=st.integers(0, 10**6))
def test_different_decisions_look_different(encoding, name, first, second):
    space = SPACES[name]()
    one, other = space.sample(first), space.sample(second)
    rows = encoding.prepare(space, [])([one, other])
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert np.abs(rows).max(initial=0) <= max(1, len(space.points)) if rows.ndim == 2 else True
    far = [abs(a - b) > 1e-5 for a, b in zip(one, other)] if len(one) == len(other) else [True]
    if one == other:
        assert (rows[0] == rows[1]).all()
    elif any(far):  # single precision cannot tell floats that nearly agree
        assert (rows[0] != rows[1]).any()


@pytest.mark.parametrize("encoding", [OneHotEncoding(), SequenceEncoding(), PathEncoding()])
@pytest.mark.parametrize("name", SPACES)
def test_rows_do_not_depend_on_each_other(encoding, name):
    space = SPACES[name]()
    found = [space.sample(seed) for seed in range(8)]
    encoder = encoding.prepare(space, found)
    together = encoder(found)
    for row, one in zip(together, found):
        alone = encoder([one])[0]
        assert (row[: len(alone)] == alone).all()
        assert not row[len(alone) :].any()  # sequences are filled up with zeros


# ---------------------------------------------------------------------- one-hot


def test_what_is_inactive_is_zero():
    space = flatten([choice("op", [None, [integer("k", 1, 4), choice("act", 2)]])])
    assert encode(OneHotEncoding(), space, [0], [1, 1, 1]).tolist() == [[1, 0, 0, 0, 0], [0, 1, -0.75, 0, 1]]


def test_sorted_picks_are_a_set():
    space = flatten([choice("edges", 4, picks=2, sorted=True)])
    assert encode(OneHotEncoding(), space, [0, 2], [1, 3]).tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]


def test_sorted_picks_that_repeat_are_counted():
    space = flatten([choice("edges", 3, picks=3, distinct=False, sorted=True)])
    assert encode(OneHotEncoding(), space, [0, 2, 2]).tolist() == [[1, 0, 2]]


def test_picks_in_order_have_numbers_of_their_own():
    space = flatten([choice("p", 2, picks=2)])
    assert encode(OneHotEncoding(), space, [0, 1], [1, 0]).tolist() == [[1, 0, 0, 1], [0, 1, 1, 0]]


def test_numbers_follow_their_scale():
    space = flatten([floating("lr", 1e-4, 1.0, scale="log"), integer("n", 0, 1)])
    assert encode(OneHotEncoding(), space, [1e-4, 0], [1e-2, 1]).round(4).tolist() == [[-1, -0.5], [0, 0.5]]


def test_an_ordered_choice_has_a_place_too():
    space = flatten([choice("width", 2, values=[16, 32])])
    assert space.points[0].ordered
    assert encode(OneHotEncoding(), space, [0], [1]).tolist() == [[1, 0, -0.5], [0, 1, 0.5]]


# ---------------------------------------------------------------------- paths


def test_paths_through_the_tree_end_at_leaves():
    space = flatten([choice("op", [None, choice("k", 2), None]), choice("act", 2)])
    found = encode(PathEncoding(), space, [0, 1], [1, 1, 0])
    assert found.tolist() == [[1, 0, 0, 0, 0, 1], [0, 0, 0, 1, 1, 0]]  # op=0, op=2, k=0, k=1, act=0, act=1


def test_given_paths_are_numbered_by_frequency_up_to_the_limit():
    space = flatten([choice("a", 4)])
    tried = [space.parse([value]) for value in (2, 1, 2, 3, 3, 3)]
    encoder = PathEncoding(lambda decisions: [decisions["a"]], limit=2).prepare(space, tried)
    assert encoder([space.parse([value]) for value in range(4)]).tolist() == [[0, 0], [0, 0], [0, 1], [1, 0]]


def test_nothing_tried_is_no_paths():
    space = flatten([choice("a", 4)])
    assert PathEncoding(lambda decisions: ["x"]).prepare(space, [])([space.sample()]).tolist() == [[0]]


def test_graph_paths_of_a_cell():
    edges = [("in", "a", 1), ("in", "b", 2), ("a", "b", 1), ("a", "out", 3), ("b", "out", 3), ("c", "out", 9)]
    assert graph_paths(edges, "in", "out") == [(1, 1, 3), (1, 3), (2, 3)]
    assert graph_paths(edges[:2], "in", "out") == []
    assert graph_paths([(0, 1, "x"), (0, 1, "x"), (1, 2, "y")], 0, 2) == [("x", "y")]


def test_graph_paths_refuse_a_cycle():
    with pytest.raises(FieldValueError, match=r"graph without cycles; the node 0 leads to itself"):
        graph_paths([(0, 1, "a"), (1, 0, "b")], 0, 2)


# ---------------------------------------------------------------------- what is given


def test_a_function_of_yours():
    space = flatten([choice("a", 4)])
    assert encode(FunctionEncoding(lambda one: (one["a"], 1)), space, [3], [0]).tolist() == [[3, 1], [0, 1]]


def test_an_encoding_that_is_no_function_is_refused():
    with pytest.raises(
        FieldTypeError, match=r"takes a function from decisions to numbers; got 7 of type int"
    ):
        FunctionEncoding(7)
    with pytest.raises(
        FieldTypeError, match=r"function from decisions to their paths, or None.*got 7 of type"
    ):
        PathEncoding(7)
    with pytest.raises(
        FieldValueError, match=r"PathEncoding\(limit=...\) takes an integer of at least 1; got 0"
    ):
        PathEncoding(limit=0)


@pytest.mark.parametrize(
    "function", [lambda one: "ab", lambda one: [1] * one["a"], lambda one: [float("nan")], lambda one: 3.0]
)
def test_a_function_that_returns_no_table_is_refused(function):
    space = flatten([choice("a", 4)])
    with pytest.raises(
        FieldValueError, match=r"an encoding function returns .*numbers.*; got .* for Decisions"
    ):
        encode(FunctionEncoding(function), space, [1], [2])


def test_paths_that_are_no_paths_are_refused():
    space = flatten([choice("a", 4)])
    with pytest.raises(FieldValueError, match=r"a list of hashable things, such as tuples .*; got \[\[1\]\]"):
        encode(PathEncoding(lambda one: [[1]]), space, [1])
    with pytest.raises(FieldValueError, match=r"a list of hashable things, such as tuples .*; got 1"):
        encode(PathEncoding(lambda one: 1), space, [1])


def test_a_sequence_of_tokens_and_numbers():
    space = flatten([choice("op", [None, floating("p", 0, 1)]), choice("act", 2)])
    found = encode(SequenceEncoding(), space, [1, 0.75, 0], [0, 1])
    assert found.tolist() == [[[2, 0], [3, 0.5], [4, 0]], [[1, 0], [5, 0], [0, 0]]]
