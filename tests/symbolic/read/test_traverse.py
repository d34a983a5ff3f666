from __future__ import annotations

import pytest

from pliant.symbolic.objects.containers import Dict
from pliant.symbolic.objects.object import Object
from pliant.symbolic.read.traverse import TraverseAction, traverse
from pliant.values.errors import FieldTypeError
from pliant.values.path import Path


class A(Object):
    x: object
    y: int = 1


TREE = Dict(a=1, b=[2, A((3, 4))])
ALL = ["", "a", "b", "b[0]", "b[1]", "b[1].x", "b[1].x[0]", "b[1].x[1]", "b[1].y"]
UP = ["a", "b[0]", "b[1].x[0]", "b[1].x[1]", "b[1].x", "b[1].y", "b[1]", "b", ""]


def record(seen, stop=None, action=None):
    def visit(k, v, p):
        seen.append(str(k))
        return action if k and k == stop else None

    return visit


def test_visits_all_from_the_root_down_and_up():
    down, up = [], []
    assert traverse(TREE, record(down), record(up))
    assert down == ALL
    assert up == UP


def test_names_of_pyglove():
    down, up = [], []
    assert traverse(TREE, preorder_visitor_fn=record(down), postorder_visitor_fn=record(up))
    assert (down, up) == (ALL, UP)


def test_visitors_are_given_path_value_and_parent():
    seen = {}
    traverse(TREE, lambda k, v, p: seen.update({str(k): (k, v, p)}))
    assert seen[""] == (Path(), TREE, None)
    path, value, parent = seen["b[1].y"]
    assert isinstance(path, Path)
    assert value == 1
    assert parent is TREE.b[1]


def test_continue_passes_over_what_is_below():
    down, up = [], []
    assert traverse(TREE, record(down, "b[1]", TraverseAction.CONTINUE), record(up))
    assert down == ["", "a", "b", "b[0]", "b[1]"]
    assert up == ["a", "b[0]", "b[1]", "b", ""]


def test_stop_ends_the_walk():
    down, up = [], []
    assert not traverse(TREE, record(down, "b", TraverseAction.STOP), record(up))
    assert (down, up) == (["", "a", "b"], ["a"])
    up = []
    assert not traverse(TREE, None, record(up, "b[0]", TraverseAction.STOP))
    assert up == ["a", "b[0]"]


def test_without_visitors():
    assert traverse(TREE)


def test_a_visitor_that_returns_something_else():
    with pytest.raises(
        FieldTypeError, match=r"ENTER, CONTINUE or STOP, or None; at path 'a' '<lambda>' returned 1"
    ):
        traverse(TREE, lambda k, v, p: v if k == "a" else None)
